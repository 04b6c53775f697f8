//! Secret keys: AES and generic secrets.

use std::fmt;

use keyward_algorithms::{KeyType, Mac, SecretKind, SymmetricCipher};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{
    CryptoError,
    aws_lc::{self, Direction, Gcm},
    error::Result,
    locked_memory::LockedBytes,
};

/// A secret key in [locked memory](crate::locked_memory).
///
/// It can be used by many threads at once. It cannot be cloned, and its `Debug` shows its type
/// alone.
pub struct SecretKey {
    kind: SecretKind,
    bits: u16,
    bytes: LockedBytes,
}

/// What came of encrypting.
#[derive(Debug)]
pub struct Enciphered {
    /// The initialisation vector that was used.
    pub iv: Vec<u8>,
    /// The ciphertext, with the tag behind it where there is one.
    pub output: Vec<u8>,
}

impl SecretKey {
    /// Makes a new key.
    pub fn generate(kind: SecretKind, bits: u16) -> Result<SecretKey> {
        if !kind.has_size(bits) {
            return Err(CryptoError::Unsupported);
        }
        let mut bytes = LockedBytes::zeroed(usize::from(bits) / 8);
        aws_lc::fill_random(&mut bytes)?;
        Ok(SecretKey { kind, bits, bytes })
    }

    /// Takes a key in; wiping the original is the caller's task. Its size decides over its type.
    pub fn from_bytes(kind: SecretKind, bytes: &[u8]) -> Result<SecretKey> {
        let bits = u16::try_from(bytes.len() * 8).map_err(|_| CryptoError::InvalidKey)?;
        if !kind.has_size(bits) {
            return Err(CryptoError::InvalidKey);
        }
        Ok(SecretKey { kind, bits, bytes: LockedBytes::copy_of(bytes) })
    }

    /// The type of the key.
    pub fn key_type(&self) -> KeyType {
        KeyType::Secret(self.kind, self.bits)
    }

    /// The secret itself.
    pub fn expose(&self) -> &[u8] {
        &self.bytes
    }

    /// Encrypts. The initialisation vector is drawn unless one is given, which ciphers that
    /// authenticate do not take: one that is used twice gives away their key.
    pub fn encrypt(
        &self,
        cipher: SymmetricCipher,
        iv: Option<&[u8]>,
        aad: &[u8],
        tag_bytes: usize,
        plaintext: &[u8],
    ) -> Result<Enciphered> {
        self.check_encryption(cipher, iv, tag_bytes, plaintext)?;
        let iv = match iv {
            Some(iv) => iv.to_vec(),
            None => {
                let mut iv = vec![0; cipher.row().iv_bytes];
                aws_lc::fill_random(&mut iv)?;
                iv
            }
        };
        let output = match cipher {
            SymmetricCipher::AesGcm => {
                Gcm::new(&self.bytes, tag_bytes)?.seal(&iv, aad, plaintext)?
            }
            _ => {
                let encrypt = Direction::Encrypt;
                let mut output = aws_lc::crypt(cipher, encrypt, &self.bytes, &iv, plaintext)?;
                std::mem::take(&mut *output)
            }
        };
        Ok(Enciphered { iv, output })
    }

    /// Refuses what [`SecretKey::encrypt`] does, without encrypting.
    pub fn check_encryption(
        &self,
        cipher: SymmetricCipher,
        iv: Option<&[u8]>,
        tag_bytes: usize,
        plaintext: &[u8],
    ) -> Result<()> {
        self.check_is(SecretKind::Aes)?;
        let row = cipher.row();
        match iv {
            Some(_) if row.own_iv => {
                let what = "the initialisation vector is drawn by the service, never given";
                return Err(CryptoError::input(what));
            }
            Some(iv) => check_iv_size(cipher, iv)?,
            None => {}
        }
        if row.whole_blocks && !plaintext.len().is_multiple_of(BLOCK_BYTES) {
            return Err(CryptoError::input("the input is no whole number of blocks"));
        }
        check_tag_size(cipher, tag_bytes)
    }

    /// Decrypts what [`SecretKey::encrypt`] made. A wrong tag, a wrong padding and a wrong length
    /// are told apart by nothing: each is [`CryptoError::Failed`].
    pub fn decrypt(
        &self,
        cipher: SymmetricCipher,
        iv: &[u8],
        aad: &[u8],
        tag_bytes: usize,
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>> {
        self.check_decryption(cipher, iv, tag_bytes)?;
        match cipher {
            SymmetricCipher::AesGcm => Gcm::new(&self.bytes, tag_bytes)?.open(iv, aad, ciphertext),
            // A padding of its own block is always there, so an empty ciphertext is as wrong.
            _ if cipher.row().padded && ciphertext.is_empty() => Err(CryptoError::Failed),
            _ => aws_lc::crypt(cipher, Direction::Decrypt, &self.bytes, iv, ciphertext),
        }
    }

    /// Refuses what [`SecretKey::decrypt`] does whatever the ciphertext is.
    pub fn check_decryption(
        &self,
        cipher: SymmetricCipher,
        iv: &[u8],
        tag_bytes: usize,
    ) -> Result<()> {
        self.check_is(SecretKind::Aes)?;
        check_iv_size(cipher, iv)?;
        check_tag_size(cipher, tag_bytes)
    }

    /// The message authentication code of a message.
    pub fn mac(&self, mac: Mac, message: &[u8]) -> Result<Vec<u8>> {
        self.check_is(mac.row().kind)?;
        match mac.row().digest {
            Some(digest) => aws_lc::hmac(digest, &self.bytes, message),
            None => aws_lc::aes_cmac(&self.bytes, message),
        }
    }

    /// Whether a code is the one of a message; it has to be whole. Compared in constant time.
    pub fn verify_mac(&self, mac: Mac, message: &[u8], code: &[u8]) -> Result<bool> {
        let expected = self.mac(mac, message)?;
        Ok(expected.ct_eq(code).into())
    }

    pub(crate) fn check_is(&self, kind: SecretKind) -> Result<()> {
        if self.kind == kind { Ok(()) } else { Err(CryptoError::Unsupported) }
    }
}

/// The size of an AES block in bytes.
const BLOCK_BYTES: usize = 16;

fn check_iv_size(cipher: SymmetricCipher, iv: &[u8]) -> Result<()> {
    if iv.len() == cipher.row().iv_bytes {
        return Ok(());
    }
    Err(CryptoError::input("the initialisation vector has the wrong size"))
}

fn check_tag_size(cipher: SymmetricCipher, tag_bytes: usize) -> Result<()> {
    if cipher != SymmetricCipher::AesGcm || SymmetricCipher::TAG_BYTES.contains(&tag_bytes) {
        return Ok(());
    }
    Err(CryptoError::input("a tag has 12 to 16 bytes"))
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.key_type())
    }
}
