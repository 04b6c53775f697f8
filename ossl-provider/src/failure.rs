//! Errors of this crate's own making.

use keyward_algorithms::ErrorKind;
use keyward_crypto::CryptoError;
use keyward_protocol::Error;

/// An error of the local cryptography.
pub(crate) fn from_crypto(error: CryptoError) -> Error {
    let kind = match error {
        CryptoError::Unsupported => ErrorKind::Unsupported,
        CryptoError::InvalidKey | CryptoError::InvalidInput { .. } => ErrorKind::InvalidArgument,
        CryptoError::Failed => ErrorKind::Internal,
    };
    Error::new(kind, error.to_string())
}

/// Something that neither the provider nor the service can do.
pub(crate) fn unsupported(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Unsupported, message)
}

/// A function that the core calls too early: before the one that it depends on.
pub(crate) fn too_early() -> Error {
    Error::invalid("the operation has not been initialised with a key")
}

/// The buffer of the caller's is too small for the result.
pub(crate) fn too_small(needed: usize) -> Error {
    Error::invalid(format!("the output buffer is smaller than the {needed} bytes that are needed"))
}
