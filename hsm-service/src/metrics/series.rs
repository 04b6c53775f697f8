//! What requests are told apart by: their operation and algorithm.

use std::sync::LazyLock;

use keyward_algorithms::{
    Derivation, Digest, Encryption, Mac, Operation, Signature, SymmetricCipher, Wrapping,
};
use keyward_protocol::{
    messages::{self, Algorithm, Cipher, SymmetricCipher as Choice, request},
    operation_of,
};

/// An operation with an algorithm, or with none where the request names none that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Series(u16);

/// The names of one series.
pub(super) struct Names {
    pub(super) operation: Operation,
    /// Empty where there is none.
    pub(super) algorithm: &'static str,
}

/// The series, and the ways to find them.
struct Table {
    names: Vec<Names>,
    /// By the operation's code: where its series begin.
    operations: [u16; 256],
    /// By the codes of scheme and digest: how far behind the operation's first.
    signatures: [[u16; 32]; 16],
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut table = Table { names: Vec::new(), operations: [0; 256], signatures: [[0; 32]; 16] };
    for operation in Operation::ALL.iter().copied() {
        table.operations[operation.code() as usize] = table.names.len() as u16;
        table.names.push(Names { operation, algorithm: "" });
        let algorithms: Vec<&'static str> = match operation {
            Operation::Sign | Operation::Verify => {
                Signature::all().iter().map(|row| row.name).collect()
            }
            Operation::Decrypt | Operation::Encrypt => {
                Encryption::ALL.iter().map(|scheme| scheme.row().name).collect()
            }
            Operation::Encipher | Operation::Decipher => {
                SymmetricCipher::ALL.iter().map(|cipher| cipher.row().name).collect()
            }
            Operation::Mac | Operation::VerifyMac => {
                Mac::ALL.iter().map(|mac| mac.row().name).collect()
            }
            Operation::Wrap | Operation::Unwrap => {
                Wrapping::ALL.iter().map(|wrapping| wrapping.row().name).collect()
            }
            Operation::DeriveKey => {
                Derivation::ALL.iter().map(|function| function.row().name).collect()
            }
            _ => Vec::new(),
        };
        table.names.extend(algorithms.into_iter().map(|algorithm| Names { operation, algorithm }));
    }
    for (index, row) in Signature::all().iter().enumerate() {
        let digest = row.digest.map_or(0, Digest::code);
        table.signatures[row.scheme.code() as usize][digest as usize] = index as u16 + 1;
    }
    table
});

impl Series {
    /// The series of a request.
    pub(crate) fn of(asked: &request::Operation) -> Series {
        use request::Operation as Asked;
        match asked {
            Asked::Sign(sign) => Series::signature(Operation::Sign, sign.algorithm.as_ref()),
            Asked::Verify(verify) => {
                Series::signature(Operation::Verify, verify.algorithm.as_ref())
            }
            Asked::Encrypt(encrypt) => Series::cipher(Operation::Encrypt, encrypt.cipher.as_ref()),
            Asked::Decrypt(decrypt) => Series::cipher(Operation::Decrypt, decrypt.cipher.as_ref()),
            Asked::Encipher(encipher) => {
                Series::symmetric(Operation::Encipher, encipher.cipher.as_ref())
            }
            Asked::Decipher(decipher) => {
                Series::symmetric(Operation::Decipher, decipher.cipher.as_ref())
            }
            Asked::Mac(mac) => Series::mac(Operation::Mac, mac.algorithm),
            Asked::VerifyMac(mac) => Series::mac(Operation::VerifyMac, mac.algorithm),
            Asked::Wrap(wrap) => Series::wrapping(Operation::Wrap, wrap.wrapping.as_ref()),
            Asked::Unwrap(unwrap) => Series::wrapping(Operation::Unwrap, unwrap.wrapping.as_ref()),
            Asked::DeriveKey(derive) => Series::derivation(derive.derivation.as_ref()),
            _ => Series::plain(operation_of(asked)),
        }
    }

    /// An operation without an algorithm.
    pub(crate) fn plain(operation: Operation) -> Series {
        Series(TABLE.operations[operation.code() as usize])
    }

    /// An operation with a signature algorithm.
    pub(crate) fn signature(operation: Operation, algorithm: Option<&Algorithm>) -> Series {
        let Series(first) = Series::plain(operation);
        let place = |algorithm: &Algorithm| {
            // The scheme is a number from outside; the place that it names may not exist.
            let digests = TABLE.signatures.get(algorithm.scheme as usize)?;
            digests.get(algorithm.digest as usize).copied()
        };
        Series(first + algorithm.and_then(place).unwrap_or(0))
    }

    /// An operation with an encryption scheme.
    pub(crate) fn cipher(operation: Operation, cipher: Option<&Cipher>) -> Series {
        let scheme = cipher.and_then(|cipher| Encryption::from_code(cipher.scheme));
        Series::among(operation, Encryption::ALL, scheme)
    }

    /// An operation with a symmetric cipher.
    pub(crate) fn symmetric(operation: Operation, cipher: Option<&Choice>) -> Series {
        let cipher = cipher.and_then(|choice| SymmetricCipher::from_code(choice.cipher));
        Series::among(operation, SymmetricCipher::ALL, cipher)
    }

    /// An operation with a message authentication code.
    pub(crate) fn mac(operation: Operation, code: u32) -> Series {
        Series::among(operation, Mac::ALL, Mac::from_code(code))
    }

    /// An operation with a wrapping.
    pub(crate) fn wrapping(operation: Operation, choice: Option<&messages::Wrapping>) -> Series {
        let wrapping = choice.and_then(|choice| Wrapping::from_code(choice.wrapping));
        Series::among(operation, Wrapping::ALL, wrapping)
    }

    /// A derivation of a key.
    pub(crate) fn derivation(choice: Option<&messages::Derivation>) -> Series {
        let function = choice.and_then(|choice| Derivation::from_code(choice.function));
        Series::among(Operation::DeriveKey, Derivation::ALL, function)
    }

    /// An operation with one of the algorithms that its series are for, in their order.
    fn among<T: PartialEq>(operation: Operation, all: &[T], one: Option<T>) -> Series {
        let Series(first) = Series::plain(operation);
        let place = one.and_then(|one| all.iter().position(|known| *known == one));
        Series(first + place.map_or(0, |place| place as u16 + 1))
    }

    /// How many there are.
    pub(super) fn count() -> usize {
        TABLE.names.len()
    }

    /// All of them, in order.
    pub(super) fn all() -> &'static [Names] {
        &TABLE.names
    }

    /// Its operation.
    pub(crate) fn operation(self) -> Operation {
        TABLE.names[self.index()].operation
    }

    pub(super) fn index(self) -> usize {
        self.0.into()
    }

    /// Whether the backend says how long the work took, apart from its wait in a lane.
    pub(super) fn is_timed_by_backend(self) -> bool {
        matches!(
            TABLE.names[self.index()].operation,
            Operation::Sign
                | Operation::Decrypt
                | Operation::Derive
                | Operation::Decapsulate
                | Operation::Generate
                | Operation::Import
                | Operation::Encipher
                | Operation::Decipher
                | Operation::Mac
                | Operation::VerifyMac
                | Operation::Wrap
                | Operation::Unwrap
                | Operation::DeriveKey
        )
    }
}

#[cfg(test)]
mod tests {
    use keyward_protocol::messages::Sign;

    use super::*;

    fn names(asked: &request::Operation) -> (Operation, &'static str) {
        let names = &Series::all()[Series::of(asked).index()];
        (names.operation, names.algorithm)
    }

    #[test]
    fn every_signature_algorithm_has_a_series_of_its_own() {
        for row in Signature::all() {
            let algorithm = Algorithm {
                scheme: row.scheme.code(),
                digest: row.digest.map_or(0, Digest::code),
                ..Algorithm::default()
            };
            let sign = Sign { algorithm: Some(algorithm), ..Sign::default() };
            assert_eq!(names(&request::Operation::Sign(sign)), (Operation::Sign, row.name));
        }
    }

    #[test]
    fn what_is_not_known_counts_with_the_operation_alone() {
        let algorithm = Algorithm { scheme: 4_000_000, digest: 77, ..Algorithm::default() };
        let sign = Sign { algorithm: Some(algorithm), ..Sign::default() };
        assert_eq!(names(&request::Operation::Sign(sign)), (Operation::Sign, ""));
    }
}
