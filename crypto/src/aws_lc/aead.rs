//! AES-GCM (SP 800-38D).

use std::ptr::NonNull;

use aws_lc_sys::{EVP_AEAD, EVP_AEAD_CTX};
use zeroize::Zeroizing;

use super::{check, non_null};
use crate::{CryptoError, error::Result};

/// An `EVP_AEAD_CTX` for one use of a key.
pub(crate) struct Gcm {
    context: NonNull<EVP_AEAD_CTX>,
    tag_bytes: usize,
}

impl Gcm {
    /// A context for a key of 16, 24 or 32 bytes and tags of a size.
    pub(crate) fn new(key: &[u8], tag_bytes: usize) -> Result<Gcm> {
        let getter: unsafe extern "C" fn() -> *const EVP_AEAD = match key.len() {
            16 => aws_lc_sys::EVP_aead_aes_128_gcm,
            24 => aws_lc_sys::EVP_aead_aes_192_gcm,
            32 => aws_lc_sys::EVP_aead_aes_256_gcm,
            _ => return Err(CryptoError::Unsupported),
        };
        // SAFETY: the getters take no argument and return a pointer to a static table.
        let aead = unsafe { getter() };
        // SAFETY: the table is static, the key is readable for its length; NULL is handled.
        let context =
            unsafe { aws_lc_sys::EVP_AEAD_CTX_new(aead, key.as_ptr(), key.len(), tag_bytes) };
        Ok(Gcm { context: non_null(context)?, tag_bytes })
    }

    /// The ciphertext with the tag behind it.
    pub(crate) fn seal(&self, iv: &[u8], aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
        let mut output = vec![0; plaintext.len() + self.tag_bytes];
        let mut length = 0;
        // SAFETY: the context is valid; the output has the room that is named, and the three
        // inputs are readable for their lengths and do not overlap it.
        check(unsafe {
            aws_lc_sys::EVP_AEAD_CTX_seal(
                self.context.as_ptr(),
                output.as_mut_ptr(),
                &mut length,
                output.len(),
                iv.as_ptr(),
                iv.len(),
                plaintext.as_ptr(),
                plaintext.len(),
                aad.as_ptr(),
                aad.len(),
            )
        })?;
        output.truncate(length);
        Ok(output)
    }

    /// The plaintext of what [`Gcm::seal`] made; the tag is compared in constant time.
    pub(crate) fn open(
        &self,
        iv: &[u8],
        aad: &[u8],
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>> {
        let mut output = Zeroizing::new(vec![0; ciphertext.len()]);
        let mut length = 0;
        // SAFETY: as in `seal`.
        check(unsafe {
            aws_lc_sys::EVP_AEAD_CTX_open(
                self.context.as_ptr(),
                output.as_mut_ptr(),
                &mut length,
                output.len(),
                iv.as_ptr(),
                iv.len(),
                ciphertext.as_ptr(),
                ciphertext.len(),
                aad.as_ptr(),
                aad.len(),
            )
        })?;
        output.truncate(length);
        Ok(output)
    }
}

impl Drop for Gcm {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `EVP_AEAD_CTX_new` and is owned by this value; freeing it
        // wipes the key schedule.
        unsafe { aws_lc_sys::EVP_AEAD_CTX_free(self.context.as_ptr()) }
    }
}
