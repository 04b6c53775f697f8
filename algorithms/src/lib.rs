//! The one table of Keyward: every algorithm, key type, right, operation and error kind is a row
//! here, and the service, the OpenSSL provider, the Java provider and the command line read the
//! same rows. Nothing in this crate knows a backend or does I/O.
//!
//! Adding an algorithm means adding its row here and one function in the service's backend; the
//! Java service list and `docs/algorithms.md` are generated from the rows (see
//! `tests/generated.rs`).

#![forbid(unsafe_code)]

mod agreement;
mod approved;
mod curve;
mod digest;
mod encryption;
mod error_kind;
mod key_type;
mod ml_dsa;
mod ml_kem;
mod operation;
mod permitted;
mod right;
mod role;
mod secret;
mod signature;
mod state;
mod wrapping;

pub use agreement::{Agreement, AgreementRow};
pub use approved::is_approved;
pub use const_oid::ObjectIdentifier;
pub use curve::{Curve, CurveRow};
pub use digest::{Digest, DigestRow};
pub use encryption::{Encryption, EncryptionRow};
pub use error_kind::{ErrorKind, ErrorKindRow};
pub use key_type::{Family, FamilyRow, KeyType};
pub use ml_dsa::{ML_DSA_CONTEXT_MAX, ML_DSA_JCA, ML_DSA_MU_BYTES, ML_DSA_MU_JCA, MlDsa, MlDsaRow};
pub use ml_kem::{ML_KEM_JCA, ML_KEM_SECRET_BYTES, MlKem, MlKemRow};
pub use operation::{Audit, Operation, OperationRow, Requires};
pub use permitted::{algorithm_from_name, algorithms_of, permits};
pub use right::{Right, RightRow, Rights};
pub use role::{Role, RoleRow};
pub use secret::{Mac, MacRow, SecretKind, SecretKindRow, SymmetricCipher, SymmetricCipherRow};
pub use signature::{PSS_SALT_MAX, Scheme, SchemeRow, Signature, pss_algorithm_identifier};
pub use state::{ServiceState, ServiceStateRow};
pub use wrapping::{Derivation, DerivationRow, Wrapping, WrappingRow};

/// Declares an enum whose every variant has one row of facts, in one static table.
///
/// The row is reached by [`row`](Digest::row), the whole table by `ALL`, and a variant by its wire
/// code. Codes are never reused and never change; they start at 1, so that 0 can mean "none".
macro_rules! table {
    (
        $(#[$meta:meta])* pub enum $name:ident : $row:ident {
            $($(#[$vmeta:meta])* $variant:ident = $code:literal => { $($field:ident : $value:expr),* $(,)? }),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum $name { $($(#[$vmeta])* $variant = $code),* }

        impl $name {
            /// Every variant, in the order of the table.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            /// The facts about this variant.
            pub const fn row(self) -> &'static $row {
                match self { $($name::$variant => {
                    static ROW: $row = $row { $($field: $value),* };
                    &ROW
                }),* }
            }

            /// The number that stands for this variant on the wire.
            pub const fn code(self) -> u32 { self as u32 }

            /// The variant that a wire code stands for; `None` for one that is not known here.
            pub const fn from_code(code: u32) -> Option<$name> {
                match code { $($code => Some($name::$variant),)* _ => None }
            }
        }
    };
}
pub(crate) use table;
