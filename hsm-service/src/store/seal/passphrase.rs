//! A passphrase: Argon2id (RFC 9106) makes the key that wraps the data key from it.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::rand;
use keyward_algorithms::ErrorKind;
use keyward_crypto::locked_memory::LockedBytes;
use keyward_protocol::messages::{Argon2Parameters, SealParameters};
use zeroize::Zeroize;

use super::{DataKey, Row, Seal, SealKind, other_kind};
use crate::{
    Error, Result,
    store::sealer::{KEY_BYTES, Sealer},
};

/// What new seals take of memory and time (RFC 9106, section 4, second choice, with one lane).
const MEMORY_KIB: u32 = 64 << 10;
const PASSES: u32 = 3;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;

/// The most that a row may ask for, so that one that was edited does not take the machine down.
const MAX_MEMORY_KIB: u32 = 1 << 20;
const MAX_PASSES: u32 = 32;
const MAX_LANES: u32 = 16;
const MAX_SALT_BYTES: usize = 64;

/// The shortest passphrase in bytes.
const MIN_BYTES: usize = 12;

/// The longest.
const MAX_BYTES: usize = 1024;

/// A seal with a passphrase.
pub struct Passphrase(LockedBytes);

impl Passphrase {
    /// The seal with this passphrase, which is taken as it is, byte by byte.
    pub fn new(passphrase: &[u8]) -> Passphrase {
        Passphrase(LockedBytes::copy_of(passphrase))
    }

    /// Refuses a passphrase that would be guessed.
    pub fn check(&self) -> Result<()> {
        if (MIN_BYTES..=MAX_BYTES).contains(&self.0.len()) {
            return Ok(());
        }
        let message = format!("a passphrase has {MIN_BYTES} to {MAX_BYTES} bytes");
        Err(Error::invalid(message).hint("take six or more words that a machine has chosen"))
    }

    fn key(&self, parameters: &Argon2Parameters) -> Result<Sealer> {
        let Argon2Parameters { salt, memory_kib, passes, lanes } = parameters;
        let within = *memory_kib <= MAX_MEMORY_KIB
            && (1..=MAX_PASSES).contains(passes)
            && (1..=MAX_LANES).contains(lanes)
            && salt.len() <= MAX_SALT_BYTES;
        let params = Params::new(*memory_kib, *passes, *lanes, Some(KEY_BYTES)).ok();
        let Some(params) = params.filter(|_| within) else {
            return Err(Error::new(ErrorKind::Sealed, "the parameters of the seal make no sense")
                .hint("somebody has changed the store: restore it from a backup"));
        };
        let mut memory = vec![Block::default(); params.block_count()];
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let mut key = DataKey::default();
        let made = argon2.hash_password_into_with_memory(
            &self.0,
            salt,
            key.as_mut_slice(),
            memory.as_mut_slice(),
        );
        memory.iter_mut().for_each(Zeroize::zeroize);
        made.map_err(|error| {
            Error::new(ErrorKind::Internal, format!("cannot make a key of a passphrase: {error}"))
        })?;
        Sealer::new(&key)
    }
}

impl Seal for Passphrase {
    fn describe(&self) -> String {
        "the passphrase".into()
    }

    fn wrap(&self, data_key: &DataKey) -> Result<Vec<u8>> {
        let mut salt = vec![0; SALT_BYTES];
        rand::fill(&mut salt).map_err(|_| Error::new(ErrorKind::Internal, "cannot draw a salt"))?;
        let argon2 =
            Argon2Parameters { salt, memory_kib: MEMORY_KIB, passes: PASSES, lanes: LANES };
        let key = self.key(&argon2)?;
        let parameters = SealParameters { argon2: Some(argon2), ..SealParameters::default() };
        Row::wrap(&key, data_key, SealKind::Passphrase, parameters)
    }

    fn unwrap(&self, row: &[u8]) -> Result<DataKey> {
        let row = Row::read(row)?;
        if row.kind() != Some(SealKind::Passphrase) {
            return Err(other_kind(&row));
        }
        let parameters = row.parameters().argon2.unwrap_or_default();
        row.open(&self.key(&parameters)?).ok_or_else(|| {
            Error::invalid("this passphrase does not open the store")
                .hint("mind capital letters, spaces and the keyboard's layout")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_asks_for_too_much_is_refused_before_anything_is_done() {
        let passphrase = Passphrase::new(b"correct horse battery");
        let sane = Argon2Parameters { salt: vec![1; 16], memory_kib: 64, passes: 1, lanes: 1 };
        assert!(passphrase.key(&sane).is_ok());
        for parameters in [
            Argon2Parameters { memory_kib: u32::MAX, ..sane.clone() },
            Argon2Parameters { memory_kib: 0, ..sane.clone() },
            Argon2Parameters { passes: u32::MAX, ..sane.clone() },
            Argon2Parameters { passes: 0, ..sane.clone() },
            Argon2Parameters { lanes: 17, memory_kib: 1024, ..sane.clone() },
            Argon2Parameters { lanes: 0, ..sane.clone() },
            Argon2Parameters { salt: vec![1; 65], ..sane },
        ] {
            let error = passphrase.key(&parameters).err().unwrap();
            assert_eq!(error.kind, ErrorKind::Sealed, "{parameters:?}");
        }
    }
}
