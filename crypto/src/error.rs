//! The one error type of this crate.

use std::fmt;

/// Why a key could not be made or used. It never carries anything about a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CryptoError {
    /// The key type, size, curve or algorithm is not one that Keyward knows, or the algorithm does
    /// not suit the key.
    Unsupported,
    /// The encoding is broken, or the parts of the key disagree.
    InvalidKey,
    /// A public property of the input is wrong.
    InvalidInput {
        /// What is wrong with it, as a sentence's middle: `the digest has the wrong size`.
        what: &'static str,
    },
    /// The operation itself failed: a wrong OAEP padding, an all-zero shared secret, no memory.
    Failed,
}

impl CryptoError {
    pub(crate) const fn input(what: &'static str) -> CryptoError {
        CryptoError::InvalidInput { what }
    }
}

impl fmt::Display for CryptoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CryptoError::Unsupported => "the key or algorithm is not supported",
            CryptoError::InvalidKey => "the key is malformed or its parts disagree",
            CryptoError::InvalidInput { what } => what,
            CryptoError::Failed => "the cryptographic operation failed",
        })
    }
}

impl std::error::Error for CryptoError {}

pub(crate) type Result<T> = std::result::Result<T, CryptoError>;
