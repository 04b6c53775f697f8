//! Making secret keys from keys.

use keyward_algorithms::{Derivation, Digest, SecretKind};
use zeroize::Zeroizing;

use crate::{CryptoError, Hash, SecretKey, aws_lc, error::Result};

/// The parameters of a key derivation.
#[derive(Clone, Copy, Debug)]
pub struct DerivationParameters<'a> {
    /// The function.
    pub function: Derivation,
    /// Its digest.
    pub digest: Digest,
    /// HKDF's salt; others take none.
    pub salt: &'a [u8],
    /// HKDF's info, SP 800-108's fixed input, X9.63's SharedInfo.
    pub info: &'a [u8],
}

impl SecretKey {
    /// A key of a kind and size from a secret: that of another key, or of a key agreement.
    pub fn derive(
        kind: SecretKind,
        bits: u16,
        parameters: &DerivationParameters<'_>,
        secret: &[u8],
    ) -> Result<SecretKey> {
        if !kind.has_size(bits) {
            return Err(CryptoError::Unsupported);
        }
        let DerivationParameters { function, digest, salt, info } = *parameters;
        let length = usize::from(bits) / 8;
        let bytes = match function {
            Derivation::Hkdf => aws_lc::hkdf(digest, secret, salt, info, length)?,
            Derivation::KbkdfHmac => aws_lc::kbkdf_hmac(digest, secret, info, length)?,
            Derivation::X963 => x963(digest, secret, info, length),
        };
        SecretKey::from_bytes(kind, &bytes)
    }
}

/// The KDF of ANSI X9.63 (SEC 1, 3.6.1), which aws-lc does not have: digests of the secret, a
/// counter of 32 bits from 1 on, and the info, one after the other. A key has far fewer bytes than
/// the counter can count digests.
fn x963(digest: Digest, secret: &[u8], info: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
    // Room for the last digest as a whole, so that growing leaves no copy behind.
    let mut output = Zeroizing::new(Vec::with_capacity(length + digest.size()));
    let mut counter = 0_u32;
    while output.len() < length {
        counter += 1;
        let mut hash = Hash::new(digest);
        hash.update(secret);
        hash.update(&counter.to_be_bytes());
        hash.update(info);
        output.extend_from_slice(hash.finish().as_ref());
    }
    output.truncate(length);
    output
}
