//! Using keys, and random bytes.

use keyward_algorithms::Mac;
use keyward_protocol::{
    CipherRequest, Error, KeyId, Result, SignRequest, SymmetricRequest,
    messages::{self, request::Operation, response},
};
use zeroize::Zeroizing;

use super::unexpected;
use crate::Client;

impl Client {
    /// Signs.
    pub fn sign(&self, key: &KeyId, request: &SignRequest<'_>) -> Result<Vec<u8>> {
        self.output(Operation::Sign(messages::Sign {
            key_id: key.as_bytes().to_vec(),
            algorithm: Some(request.into()),
            input: request.input.to_vec(),
        }))
    }

    /// Verifies with the public half of a key.
    pub fn verify(&self, key: &KeyId, request: &SignRequest<'_>, signature: &[u8]) -> Result<bool> {
        let verify = messages::Verify {
            key_id: key.as_bytes().to_vec(),
            algorithm: Some(request.into()),
            input: request.input.to_vec(),
            signature: signature.to_vec(),
        };
        match self.call(Operation::Verify(verify))? {
            response::Result::Valid(valid) => Ok(valid),
            _ => Err(unexpected()),
        }
    }

    /// Encrypts to the public half of a key.
    pub fn encrypt(&self, key: &KeyId, request: &CipherRequest<'_>) -> Result<Vec<u8>> {
        self.output(Operation::Encrypt(messages::Encrypt {
            key_id: key.as_bytes().to_vec(),
            cipher: Some(request.into()),
            input: request.input.to_vec(),
        }))
    }

    /// Decrypts.
    pub fn decrypt(&self, key: &KeyId, request: &CipherRequest<'_>) -> Result<Zeroizing<Vec<u8>>> {
        self.output(Operation::Decrypt(messages::Decrypt {
            key_id: key.as_bytes().to_vec(),
            cipher: Some(request.into()),
            input: request.input.to_vec(),
        }))
        .map(Zeroizing::new)
    }

    /// Agrees on a secret with the holder of another key, given by its SubjectPublicKeyInfo.
    pub fn derive(&self, key: &KeyId, peer_spki: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        self.output(Operation::Derive(messages::Derive {
            key_id: key.as_bytes().to_vec(),
            peer_spki: peer_spki.to_vec(),
        }))
        .map(Zeroizing::new)
    }

    /// Takes the secret out of a ciphertext that was made with the public half of an ML-KEM key.
    pub fn decapsulate(&self, key: &KeyId, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        self.output(Operation::Decapsulate(messages::Decapsulate {
            key_id: key.as_bytes().to_vec(),
            ciphertext: ciphertext.to_vec(),
        }))
        .map(Zeroizing::new)
    }

    /// Random bytes, at most [`keyward_protocol::constants::MAX_RANDOM_BYTES`].
    pub fn random(&self, length: usize) -> Result<Zeroizing<Vec<u8>>> {
        let length = u32::try_from(length)
            .map_err(|_| Error::invalid(format!("{length} random bytes are too many at once")))?;
        self.output(Operation::Random(messages::Random { length })).map(Zeroizing::new)
    }

    /// Encrypts with a secret key: the initialisation vector that was used, and the ciphertext with
    /// the tag behind it where there is one.
    pub fn encipher(
        &self,
        key: &KeyId,
        request: &SymmetricRequest<'_>,
    ) -> Result<messages::Enciphered> {
        let encipher = messages::Encipher {
            key_id: key.as_bytes().to_vec(),
            cipher: Some(request.into()),
            input: request.input.to_vec(),
        };
        match self.call(Operation::Encipher(encipher))? {
            response::Result::Enciphered(enciphered) => Ok(enciphered),
            _ => Err(unexpected()),
        }
    }

    /// Decrypts with a secret key.
    pub fn decipher(
        &self,
        key: &KeyId,
        request: &SymmetricRequest<'_>,
    ) -> Result<Zeroizing<Vec<u8>>> {
        self.output(Operation::Decipher(messages::Decipher {
            key_id: key.as_bytes().to_vec(),
            cipher: Some(request.into()),
            input: request.input.to_vec(),
        }))
        .map(Zeroizing::new)
    }

    /// Makes the message authentication code of a message.
    pub fn mac(&self, key: &KeyId, mac: Mac, message: &[u8]) -> Result<Vec<u8>> {
        self.output(Operation::Mac(messages::Mac {
            key_id: key.as_bytes().to_vec(),
            algorithm: mac.code(),
            input: message.to_vec(),
        }))
    }

    /// Whether a message authentication code is the one of a message.
    pub fn verify_mac(&self, key: &KeyId, mac: Mac, message: &[u8], code: &[u8]) -> Result<bool> {
        let verify = messages::VerifyMac {
            key_id: key.as_bytes().to_vec(),
            algorithm: mac.code(),
            input: message.to_vec(),
            mac: code.to_vec(),
        };
        match self.call(Operation::VerifyMac(verify))? {
            response::Result::Valid(valid) => Ok(valid),
            _ => Err(unexpected()),
        }
    }
}
