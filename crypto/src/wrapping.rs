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

/// What [`Wrapping::AesKwPad`] pads to multiples of.
pub(crate) const SEMIBLOCK_BYTES: usize = 8;
/// What Java before 25 pads to multiples of, which is to come out too.
const BLOCK_BYTES: usize = 16;

/// The size of the AES key that [`Wrapping::RsaAes`] makes for one time.
const TEMPORARY_BITS: u16 = 256;

impl SecretKey {
    /// Encrypts a key with this one, an AES key.
    pub fn wrap(&self, wrapping: Wrapping, plain: &[u8]) -> Result<Vec<u8>> {
        self.check_is(SecretKind::Aes)?;
        let schedule = || KeyWrap::new(Direction::Encrypt, self.expose());
        match wrapping {
            Wrapping::AesKw => schedule()?.wrap(plain),
            Wrapping::AesKwPad => schedule()?.wrap(&padded(plain)),
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
            Wrapping::AesKwPad => without_padding(schedule()?.unwrap(wrapped)?),
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

/// Adds PKCS#7 padding, in a buffer that need not grow and so leaves no copy behind.
fn padded(plain: &[u8]) -> Zeroizing<Vec<u8>> {
    let count = SEMIBLOCK_BYTES - plain.len() % SEMIBLOCK_BYTES;
    let mut padded = Zeroizing::new(Vec::with_capacity(plain.len() + count));
    padded.extend_from_slice(plain);
    padded.resize(plain.len() + count, count as u8);
    padded
}

/// Takes PKCS#7 padding off. Key wrap has proved that the holder of the key put it there, so how it
/// is wrong tells a stranger nothing.
fn without_padding(mut padded: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>> {
    let count = usize::from(padded.last().copied().unwrap_or_default());
    let length = padded.len().checked_sub(count).ok_or(CryptoError::Failed)?;
    let is_padding = padded[length..].iter().all(|byte| usize::from(*byte) == count);
    if !(1..=BLOCK_BYTES).contains(&count) || !is_padding {
        return Err(CryptoError::Failed);
    }
    padded.truncate(length);
    Ok(padded)
}
