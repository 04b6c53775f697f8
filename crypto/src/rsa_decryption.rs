//! RSA decryption: the private operation, and the paddings taken off its result.

use keyward_algorithms::{Digest, Encryption};
use zeroize::Zeroizing;

use crate::{
    CryptoError, TlsVersions,
    aws_lc::{Padding, RsaKey},
    error::Result,
    implicit_rejection, tls_premaster,
};

/// The choices of OAEP (RFC 8017, A.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OaepParameters<'a> {
    /// The digest of the label.
    pub digest: Digest,
    /// The digest of the mask generation function.
    pub mgf1: Digest,
    /// The label, mostly empty.
    pub label: &'a [u8],
}

impl Default for OaepParameters<'_> {
    fn default() -> Self {
        OaepParameters { digest: Digest::Sha1, mgf1: Digest::Sha1, label: &[] }
    }
}

impl OaepParameters<'_> {
    /// The longest message, if the modulus has room for the padding at all (RFC 8017, 7.1.1).
    pub(crate) fn max_message_bytes(&self, modulus_bytes: usize) -> Result<usize> {
        modulus_bytes
            .checked_sub(2 * self.digest.size() + 2)
            .ok_or(CryptoError::input("the digest is too long for the key"))
    }
}

pub(crate) fn decrypt(
    rsa: RsaKey<'_>,
    scheme: Encryption,
    oaep: Option<OaepParameters<'_>>,
    tls: Option<TlsVersions>,
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>> {
    let ciphertext = check(rsa, scheme, oaep, tls, ciphertext)?;
    match scheme {
        Encryption::RsaRaw => private_operation(rsa, &ciphertext),
        Encryption::RsaOaep => {
            let oaep = oaep.unwrap_or_default();
            rsa.decrypt_oaep(oaep.digest, oaep.mgf1, oaep.label, &ciphertext)
        }
        Encryption::RsaPkcs1 => {
            let block = private_operation(rsa, &ciphertext)?;
            let exponent = rsa.private_exponent()?;
            let key = implicit_rejection::key_derivation_key(&exponent, &ciphertext);
            Ok(implicit_rejection::remove_padding(&block, &key))
        }
        Encryption::RsaTls => {
            let versions =
                tls.ok_or(CryptoError::input("the TLS protocol versions are missing"))?;
            tls_premaster::remove_padding(&private_operation(rsa, &ciphertext)?, versions)
        }
    }
}

/// The ciphertext in the modulus' length, unless it is refused whatever the private half is.
pub(crate) fn check(
    rsa: RsaKey<'_>,
    scheme: Encryption,
    oaep: Option<OaepParameters<'_>>,
    tls: Option<TlsVersions>,
    ciphertext: &[u8],
) -> Result<Vec<u8>> {
    let ciphertext = full_length(ciphertext, rsa.size())?;
    match scheme {
        Encryption::RsaOaep => {
            oaep.unwrap_or_default().max_message_bytes(rsa.size())?;
        }
        Encryption::RsaTls if tls.is_none() => {
            return Err(CryptoError::input("the TLS protocol versions are missing"));
        }
        _ => {}
    }
    check_block(rsa, &ciphertext)?;
    Ok(ciphertext)
}

/// The modulus, which the block has to be smaller than.
pub(crate) fn check_block(rsa: RsaKey<'_>, block: &[u8]) -> Result<Vec<u8>> {
    let modulus = rsa.modulus()?;
    if block >= modulus.as_slice() {
        return Err(CryptoError::input("the input is not smaller than the modulus"));
    }
    Ok(modulus)
}

/// The ciphertext in the modulus' length: some programs leave leading zeros out, and OpenSSL takes
/// that.
fn full_length(ciphertext: &[u8], size: usize) -> Result<Vec<u8>> {
    if ciphertext.is_empty() {
        return Err(CryptoError::input("the input is empty"));
    }
    let missing = size
        .checked_sub(ciphertext.len())
        .ok_or(CryptoError::input("the input is longer than the modulus"))?;
    let mut full = vec![0; missing];
    full.extend_from_slice(ciphertext);
    Ok(full)
}

/// The bare RSA function on a block of the modulus' size (RFC 8017, 5.1.2).
pub(crate) fn private_operation(rsa: RsaKey<'_>, block: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let modulus = check_block(rsa, block)?;
    if is_own_power(block, &modulus) {
        return Ok(Zeroizing::new(block.to_vec()));
    }
    rsa.sign_raw(Padding::None, block)
}

/// Whether the block is 0, 1 or n - 1. Raised to d, which is odd, they are themselves; aws-lc
/// refuses them, OpenSSL and RFC 8017 do not. Block and modulus are public.
fn is_own_power(block: &[u8], modulus: &[u8]) -> bool {
    let last = block.len() - 1;
    let (high, low) = (&block[..last], block[last]);
    // The modulus is odd, so subtracting one changes its last byte alone.
    (low <= 1 && high.iter().all(|byte| *byte == 0))
        || (low == modulus[last] - 1 && *high == modulus[..last])
}
