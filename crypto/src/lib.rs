//! Private, public and secret keys: the one crate of Keyward that knows aws-lc.
//!
//! [`PrivateKey`] and [`PublicKey`] do what `aws-lc-rs` does not offer: signatures over digests,
//! PSS with any salt length, RSA decryption, key agreement, ML-KEM, import and export of every key type in
//! [`keyward_algorithms`]. [`Hash`](struct@Hash) is `aws-lc-rs`'s, by the digests of the table;
//! what else it offers (random bytes, AEAD, HKDF) others use directly.
//!
//! - `aws_lc` is the FFI: owning types over aws-lc's pointers, safe to call. With
//!   `locked_memory`, which aws-lc allocates from, it holds all that is unsafe.
//! - `material` joins an aws-lc key with its [`KeyType`](keyward_algorithms::KeyType).
//! - `implicit_rejection`, `tls_premaster` and X9.63's KDF in `derivation` are the only cryptographic
//!   code of our own.

mod asn1;
mod aws_lc;
mod derivation;
mod error;
mod hash;
mod implicit_rejection;
pub mod locked_memory;
mod material;
mod ml_kem;
mod mu;
mod private_key;
mod pss;
mod public_key;
mod rsa_decryption;
mod secret_key;
mod tls_premaster;
mod wrapping;

pub use derivation::DerivationParameters;
pub use error::CryptoError;
pub use hash::{Hash, HashValue, Md5Sha1, hash};
pub use mu::Mu;
pub use private_key::PrivateKey;
pub use pss::{PssParameters, PssRestriction, PssVerification};
pub use public_key::PublicKey;
pub use rsa_decryption::OaepParameters;
pub use secret_key::{Enciphered, SecretKey};
pub use tls_premaster::TlsVersions;

/// Whether cryptography runs in aws-lc's validated FIPS module, which it does where aws-lc was built
/// as that.
pub fn is_fips_module() -> bool {
    aws_lc::is_fips_module()
}
