//! SHAKE256 (FIPS 202), which `aws-lc-rs` does not offer.

use std::ptr;

use super::{check, digest_context::DigestContext};
use crate::error::Result;

/// A SHAKE256 under way.
pub(crate) struct Shake256(DigestContext);

// SAFETY: an EVP_MD_CTX belongs to no thread; it points to memory that is its own alone and to
// static tables.
unsafe impl Send for Shake256 {}
// SAFETY: with a shared borrow it is only copied, which reads it.
unsafe impl Sync for Shake256 {}

impl Shake256 {
    pub(crate) fn new() -> Result<Shake256> {
        let mut context = DigestContext::new();
        // SAFETY: `EVP_shake256` returns a pointer to a static table.
        let method = unsafe { aws_lc_sys::EVP_shake256() };
        // SAFETY: the context is initialised; the method lives as long as the program.
        check(unsafe {
            aws_lc_sys::EVP_DigestInit_ex(context.as_mut_ptr(), method, ptr::null_mut())
        })?;
        Ok(Shake256(context))
    }

    pub(crate) fn update(&mut self, data: &[u8]) -> Result<()> {
        // SAFETY: the context has been started; the data is readable for its length.
        check(unsafe {
            aws_lc_sys::EVP_DigestUpdate(self.0.as_mut_ptr(), data.as_ptr().cast(), data.len())
        })
    }

    /// The first bytes of the output.
    pub(crate) fn finish<const BYTES: usize>(mut self) -> Result<[u8; BYTES]> {
        let mut output = [0; BYTES];
        // SAFETY: the context has been started and SHAKE256 is an XOF; the output has room for
        // the given length.
        check(unsafe {
            aws_lc_sys::EVP_DigestFinalXOF(self.0.as_mut_ptr(), output.as_mut_ptr(), BYTES)
        })?;
        Ok(output)
    }

    pub(crate) fn try_clone(&self) -> Result<Shake256> {
        let mut copy = DigestContext::new();
        // SAFETY: both contexts are initialised; `copy_ex` copies all of the state.
        check(unsafe { aws_lc_sys::EVP_MD_CTX_copy_ex(copy.as_mut_ptr(), self.0.as_ptr()) })?;
        Ok(Shake256(copy))
    }
}
