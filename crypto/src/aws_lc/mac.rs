//! HMAC (FIPS 198-1) and AES-CMAC (SP 800-38B).

use std::ptr::NonNull;

use aws_lc_sys::{CMAC_CTX, EVP_CIPHER};
use keyward_algorithms::Digest;

use super::{check, digest, non_null};
use crate::{CryptoError, error::Result};

/// The HMAC of a message.
pub(crate) fn hmac(with: Digest, key: &[u8], message: &[u8]) -> Result<Vec<u8>> {
    let mut code = vec![0; aws_lc_sys::EVP_MAX_MD_SIZE as usize];
    let mut length = 0;
    // SAFETY: hmac.h: "The output is written to `out`, which must have `EVP_MAX_MD_SIZE` bytes of
    // space"; key and message are readable for their lengths. NULL is handled.
    non_null(unsafe {
        aws_lc_sys::HMAC(
            digest::method(with),
            key.as_ptr().cast(),
            key.len(),
            message.as_ptr(),
            message.len(),
            code.as_mut_ptr(),
            &mut length,
        )
    })?;
    code.truncate(length as usize);
    Ok(code)
}

/// The size of a CMAC with AES in bytes.
const CMAC_BYTES: usize = 16;

/// The CMAC of a message with an AES key of 16, 24 or 32 bytes.
pub(crate) fn aes_cmac(key: &[u8], message: &[u8]) -> Result<Vec<u8>> {
    let getter: unsafe extern "C" fn() -> *const EVP_CIPHER = match key.len() {
        16 => aws_lc_sys::EVP_aes_128_cbc,
        24 => aws_lc_sys::EVP_aes_192_cbc,
        32 => aws_lc_sys::EVP_aes_256_cbc,
        _ => return Err(CryptoError::Unsupported),
    };
    // SAFETY: the getters take no argument and return a pointer to a static table.
    let method = unsafe { getter() };
    // SAFETY: no argument; NULL is handled.
    let context = Context(non_null(unsafe { aws_lc_sys::CMAC_CTX_new() })?);
    // SAFETY: the context is valid, the key is readable and of the method's size.
    check(unsafe {
        aws_lc_sys::CMAC_Init(
            context.0.as_ptr(),
            key.as_ptr().cast(),
            key.len(),
            method,
            std::ptr::null_mut(),
        )
    })?;
    // SAFETY: the context is initialised, the message readable for its length.
    check(unsafe { aws_lc_sys::CMAC_Update(context.0.as_ptr(), message.as_ptr(), message.len()) })?;
    let mut code = vec![0; CMAC_BYTES];
    let mut length = 0;
    // SAFETY: cmac.h: `CMAC_Final` writes at most sixteen bytes, a block of AES.
    check(unsafe { aws_lc_sys::CMAC_Final(context.0.as_ptr(), code.as_mut_ptr(), &mut length) })?;
    code.truncate(length);
    Ok(code)
}

struct Context(NonNull<CMAC_CTX>);

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `CMAC_CTX_new` and is owned by this value.
        unsafe { aws_lc_sys::CMAC_CTX_free(self.0.as_ptr()) }
    }
}
