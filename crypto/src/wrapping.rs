//! Encrypting keys with keys.

use keyward_algorithms::{Encryption, SecretKind, Wrapping};
use zeroize::Zeroizing;

use crate::{
    CryptoError, OaepParameters, PrivateKey, PublicKey, SecretKey,
    aws_lc::{Direction, Gcm, KeyWrap},
    error::Result,
};

/// Sizes of AES-GCM's parts in bytes.
const GCM_IV_BYTES: usize = 12;
const GCM_TAG_BYTES: usize = 16;

/// The size of the AES key that [`Wrapping::RsaAes`] makes for one time.
const TEMPORARY_BITS: u16 = 256;

impl SecretKey {
    /// Encrypts a key with this one, an AES key.
    pub fn wrap(&self, wrapping: Wrapping, plain: &[u8]) -> Result<Vec<u8>> {
        self.check_is(SecretKind::Aes)?;
        let schedule = || KeyWrap::new(Direction::Encrypt, self.expose());
        match wrapping {
            Wrapping::AesKw => schedule()?.wrap(plain),
            Wrapping::AesKwp => schedule()?.wrap_padded(plain),
            Wrapping::AesGcm => {
                let mut iv = [0; GCM_IV_BYTES];
                crate::aws_lc::fill_random(&mut iv)?;
                let sealed = Gcm::new(self.expose(), GCM_TAG_BYTES)?.seal(&iv, b"", plain)?;
                Ok([&iv[..], &sealed].concat())
            }
            Wrapping::RsaOaep | Wrapping::RsaAes => Err(CryptoError::Unsupported),
        }
    }

    /// Undoes [`SecretKey::wrap`]. Whatever is wrong with the input is [`CryptoError::Failed`].
    pub fn unwrap(&self, wrapping: Wrapping, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        self.check_is(SecretKind::Aes)?;
        let schedule = || KeyWrap::new(Direction::Decrypt, self.expose());
        match wrapping {
            Wrapping::AesKw => schedule()?.unwrap(wrapped),
            Wrapping::AesKwp => schedule()?.unwrap_padded(wrapped),
            Wrapping::AesGcm => {
                let (iv, sealed) =
                    wrapped.split_at_checked(GCM_IV_BYTES).ok_or(CryptoError::Failed)?;
                Gcm::new(self.expose(), GCM_TAG_BYTES)?.open(iv, b"", sealed)
            }
            Wrapping::RsaOaep | Wrapping::RsaAes => Err(CryptoError::Unsupported),
        }
    }
}

impl PublicKey {
    /// Encrypts a key to this one, an RSA key.
    pub fn wrap(
        &self,
        wrapping: Wrapping,
        oaep: Option<OaepParameters<'_>>,
        plain: &[u8],
    ) -> Result<Vec<u8>> {
        match wrapping {
            Wrapping::RsaOaep => self.encrypt(Encryption::RsaOaep, oaep, plain),
            Wrapping::RsaAes => {
                let temporary = SecretKey::generate(SecretKind::Aes, TEMPORARY_BITS)?;
                let mut wrapped = self.encrypt(Encryption::RsaOaep, oaep, temporary.expose())?;
                wrapped.extend(temporary.wrap(Wrapping::AesKwp, plain)?);
                Ok(wrapped)
            }
            _ => Err(CryptoError::Unsupported),
        }
    }
}

impl PrivateKey {
    /// Undoes [`PublicKey::wrap`]. Whatever is wrong with the input is [`CryptoError::Failed`].
    pub fn unwrap(
        &self,
        wrapping: Wrapping,
        oaep: Option<OaepParameters<'_>>,
        wrapped: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>> {
        let decrypt = |input: &[u8]| {
            self.decrypt(Encryption::RsaOaep, oaep, None, input).map_err(|error| match error {
                CryptoError::InvalidInput { .. } => CryptoError::Failed,
                other => other,
            })
        };
        match wrapping {
            Wrapping::RsaOaep => decrypt(wrapped),
            Wrapping::RsaAes => {
                let size = self.key_type().max_output_bytes();
                let (first, rest) = wrapped.split_at_checked(size).ok_or(CryptoError::Failed)?;
                let temporary = SecretKey::from_bytes(SecretKind::Aes, &decrypt(first)?);
                temporary.map_err(|_| CryptoError::Failed)?.unwrap(Wrapping::AesKwp, rest)
            }
            _ => Err(CryptoError::Unsupported),
        }
    }
}
