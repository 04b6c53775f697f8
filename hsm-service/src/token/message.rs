//! What is asked of a worker, and what it answers.

use keyward_algorithms::ErrorKind;
use prost::Message;
use zeroize::{Zeroize, Zeroizing};

use super::failed;
use crate::{Error, Result};

/// What is asked: a key, or that a key decrypts.
#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
pub(super) struct Request {
    /// The user's PIN.
    #[prost(bytes, tag = "1")]
    pub(super) pin: Vec<u8>,
    /// The label of the key that is looked for or made.
    #[prost(string, tag = "2")]
    pub(super) key_label: String,
    /// The `CKA_ID` of the key that is to decrypt.
    #[prost(bytes, tag = "3")]
    pub(super) id: Vec<u8>,
    /// The digest of OAEP and its mask.
    #[prost(uint32, tag = "4")]
    pub(super) digest: u32,
    /// What is to be decrypted; without it, a key is asked for.
    #[prost(bytes, tag = "5")]
    pub(super) ciphertext: Vec<u8>,
}

/// What is answered.
#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
pub(super) struct Reply {
    /// The kind of the error, or 0.
    #[prost(uint32, tag = "1")]
    pub(super) error: u32,
    #[prost(string, tag = "2")]
    pub(super) message: String,
    #[prost(string, tag = "3")]
    pub(super) hint: String,
    /// The token's serial number.
    #[prost(string, tag = "4")]
    pub(super) serial: String,
    /// The key's label.
    #[prost(string, tag = "5")]
    pub(super) key_label: String,
    /// The key's `CKA_ID`.
    #[prost(bytes, tag = "6")]
    pub(super) id: Vec<u8>,
    /// The public half of the key.
    #[prost(bytes, tag = "7")]
    pub(super) spki: Vec<u8>,
    /// What was decrypted.
    #[prost(bytes, tag = "8")]
    pub(super) secret: Vec<u8>,
}

impl Request {
    /// Its bytes.
    pub(super) fn write(mut self) -> Zeroizing<Vec<u8>> {
        let bytes = Zeroizing::new(self.encode_to_vec());
        self.pin.zeroize();
        bytes
    }

    /// Reads it.
    pub(super) fn read(bytes: &[u8]) -> Result<Request> {
        Request::decode(bytes).map_err(|_| failed("the request to the token does not read"))
    }
}

impl Reply {
    /// Its bytes, or those of an error.
    pub(super) fn write(outcome: Result<Reply>) -> Zeroizing<Vec<u8>> {
        let mut reply = outcome.unwrap_or_else(|error| Reply {
            error: error.kind.code(),
            message: error.message,
            hint: error.hint.unwrap_or_default(),
            ..Reply::default()
        });
        let bytes = Zeroizing::new(reply.encode_to_vec());
        reply.secret.zeroize();
        bytes
    }

    /// Reads it.
    pub(super) fn read(bytes: &[u8]) -> Result<Reply> {
        let reply =
            Reply::decode(bytes).map_err(|_| failed("the answer of the token does not read"))?;
        if reply.error == 0 {
            return Ok(reply);
        }
        let kind = ErrorKind::from_code(reply.error).unwrap_or(ErrorKind::Sealed);
        let error = Error::new(kind, reply.message);
        Err(match reply.hint.is_empty() {
            true => error,
            false => error.hint(reply.hint),
        })
    }
}
