//! Checked forms of the requests to secret keys.

use keyward_algorithms::{Mac, SymmetricCipher};

use crate::{Error, Result, messages, request::unknown};

/// What to encrypt or decrypt with a secret key, and how.
#[derive(Clone, Copy, Debug)]
pub struct SymmetricRequest<'a> {
    /// The cipher.
    pub cipher: SymmetricCipher,
    /// The initialisation vector. Empty when encrypting: the service draws it. With a cipher that
    /// authenticates it has to.
    pub iv: &'a [u8],
    /// What is authenticated besides the plaintext; empty for other ciphers.
    pub aad: &'a [u8],
    /// Size of the tag in bytes; of no meaning for other ciphers.
    pub tag_bytes: usize,
    /// The plaintext, or the ciphertext with the tag behind it.
    pub input: &'a [u8],
}

impl<'a> SymmetricRequest<'a> {
    /// A request without anything to authenticate, with a tag of the usual size.
    pub fn new(cipher: SymmetricCipher, iv: &'a [u8], input: &'a [u8]) -> SymmetricRequest<'a> {
        let tag_bytes = *SymmetricCipher::TAG_BYTES.end();
        SymmetricRequest { cipher, iv, aad: b"", tag_bytes, input }
    }
}

impl From<&SymmetricRequest<'_>> for messages::SymmetricCipher {
    fn from(request: &SymmetricRequest<'_>) -> messages::SymmetricCipher {
        let authenticated = request.cipher.row().authenticated;
        messages::SymmetricCipher {
            cipher: request.cipher.code(),
            iv: request.iv.to_vec(),
            aad: request.aad.to_vec(),
            tag_bytes: if authenticated { request.tag_bytes as u32 } else { 0 },
        }
    }
}

impl messages::SymmetricCipher {
    /// The checked form, with the input it is for.
    pub fn with_input<'a>(&'a self, input: &'a [u8]) -> Result<SymmetricRequest<'a>> {
        let cipher = SymmetricCipher::from_code(self.cipher)
            .ok_or_else(|| unknown("cipher", self.cipher))?;
        let row = cipher.row();
        let names_tag = !self.aad.is_empty() || self.tag_bytes != 0;
        if names_tag && !row.authenticated {
            let message = format!("{} authenticates nothing", row.name);
            return Err(Error::invalid(message).hint("aes-gcm does"));
        }
        let tag_bytes = match self.tag_bytes as usize {
            0 => *SymmetricCipher::TAG_BYTES.end(),
            size if SymmetricCipher::TAG_BYTES.contains(&size) => size,
            size => {
                let message = format!("a tag of {size} bytes is not offered");
                return Err(Error::invalid(message).hint("tags have 12 to 16 bytes"));
            }
        };
        Ok(SymmetricRequest { cipher, iv: &self.iv, aad: &self.aad, tag_bytes, input })
    }
}

/// The message authentication code of a wire code.
pub fn mac_of_code(code: u32) -> Result<Mac> {
    Mac::from_code(code).ok_or_else(|| unknown("message authentication code", code))
}
