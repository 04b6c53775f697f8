//! Key derivation: HKDF (RFC 5869) and SP 800-108's KDF in counter mode.

use keyward_algorithms::Digest;
use zeroize::Zeroizing;

use super::{check, digest};
use crate::error::Result;

/// HKDF, extract and expand.
pub(crate) fn hkdf(
    with: Digest,
    secret: &[u8],
    salt: &[u8],
    info: &[u8],
    length: usize,
) -> Result<Zeroizing<Vec<u8>>> {
    let mut output = Zeroizing::new(vec![0; length]);
    // SAFETY: the output has the room that is named; the three inputs are readable for their
    // lengths; the digest is a static table.
    check(unsafe {
        aws_lc_sys::HKDF(
            output.as_mut_ptr(),
            output.len(),
            digest::method(with),
            secret.as_ptr(),
            secret.len(),
            salt.as_ptr(),
            salt.len(),
            info.as_ptr(),
            info.len(),
        )
    })?;
    Ok(output)
}

/// The KDF in counter mode with HMAC: a counter of 32 bits before `info`.
pub(crate) fn kbkdf_hmac(
    with: Digest,
    secret: &[u8],
    info: &[u8],
    length: usize,
) -> Result<Zeroizing<Vec<u8>>> {
    let mut output = Zeroizing::new(vec![0; length]);
    // SAFETY: as in `hkdf`.
    check(unsafe {
        aws_lc_sys::KBKDF_ctr_hmac(
            output.as_mut_ptr(),
            output.len(),
            digest::method(with),
            secret.as_ptr(),
            secret.len(),
            info.as_ptr(),
            info.len(),
        )
    })?;
    Ok(output)
}
