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

/// The FIPS module has the same interface under another name.
#[cfg(feature = "fips")]
extern crate aws_lc_fips_sys as aws_lc_sys;

mod asn1;
mod aws_lc;
mod derivation;
mod encrypted_keys;
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
pub use encrypted_keys::{EncryptedPkcs8, Pkcs12File, open_pkcs12};
pub use error::CryptoError;
pub use hash::{Hash, HashValue, Md5Sha1, hash};
pub use mu::Mu;
pub use private_key::PrivateKey;
pub use pss::{PssParameters, PssRestriction, PssVerification};
pub use public_key::PublicKey;
pub use rsa_decryption::OaepParameters;
pub use secret_key::{Enciphered, SecretKey};
pub use tls_premaster::TlsVersions;

/// Whether cryptography runs in aws-lc's FIPS module, which is what the feature `fips` builds on, and
/// in its FIPS mode. Whether that version of it is validated is another question.
pub fn is_fips_module() -> bool {
    aws_lc::is_fips_module()
}

/// The library that cryptography runs in, and its version: `AWS-LC 1.66.0`, `AWS-LC FIPS 4.2.0`.
pub fn module() -> String {
    let name = if is_fips_module() { "AWS-LC FIPS" } else { "AWS-LC" };
    format!("{name} {}", aws_lc::version())
}

/// Runs the library's known-answer tests, as it does by itself at the start where it is the FIPS
/// module. It takes some tenths of a second; whether they passed.
pub fn self_test() -> bool {
    aws_lc::self_test()
}
