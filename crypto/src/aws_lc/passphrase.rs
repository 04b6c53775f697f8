//! Keys from passphrases, as files with encrypted keys have them: PBKDF2 (RFC 8018), scrypt
//! (RFC 7914).

use keyward_algorithms::Digest;
use zeroize::Zeroizing;

use super::{check, digest};
use crate::error::Result;

/// PBKDF2 with HMAC.
pub(crate) fn pbkdf2(
    with: Digest,
    passphrase: &[u8],
    salt: &[u8],
    iterations: u32,
    length: usize,
) -> Result<Zeroizing<Vec<u8>>> {
    let mut output = Zeroizing::new(vec![0; length]);
    // SAFETY: passphrase and salt are readable for their lengths, the output is writable for its
    // own; the digest is a static table.
    check(unsafe {
        aws_lc_sys::PKCS5_PBKDF2_HMAC(
            passphrase.as_ptr().cast(),
            passphrase.len(),
            salt.as_ptr(),
            salt.len(),
            iterations,
            digest::method(with),
            output.len(),
            output.as_mut_ptr(),
        )
    })?;
    Ok(output)
}

/// What scrypt takes besides passphrase and salt; the names are RFC 7914's.
pub(crate) struct ScryptCost {
    pub(crate) n: u64,
    pub(crate) r: u64,
    pub(crate) p: u64,
    /// More memory than so many bytes is not used; it fails instead.
    pub(crate) memory_max: usize,
}

/// scrypt.
pub(crate) fn scrypt(
    cost: &ScryptCost,
    passphrase: &[u8],
    salt: &[u8],
    length: usize,
) -> Result<Zeroizing<Vec<u8>>> {
    let mut output = Zeroizing::new(vec![0; length]);
    // SAFETY: as in `pbkdf2`.
    check(unsafe {
        aws_lc_sys::EVP_PBE_scrypt(
            passphrase.as_ptr().cast(),
            passphrase.len(),
            salt.as_ptr(),
            salt.len(),
            cost.n,
            cost.r,
            cost.p,
            cost.memory_max,
            output.as_mut_ptr(),
            output.len(),
        )
    })?;
    Ok(output)
}
