//! `EVP_MD_CTX`: hashing under way, and signatures over whole messages.

use std::{mem::MaybeUninit, ptr};

use aws_lc_sys::EVP_MD_CTX;

use super::{Pkey, check};
use crate::error::Result;

/// An `EVP_MD_CTX` on the stack.
pub(super) struct DigestContext(MaybeUninit<EVP_MD_CTX>);

impl DigestContext {
    pub(super) fn new() -> DigestContext {
        let mut context = MaybeUninit::uninit();
        // SAFETY: `EVP_MD_CTX_init` initialises the structure, to be freed by `cleanup`.
        unsafe { aws_lc_sys::EVP_MD_CTX_init(context.as_mut_ptr()) };
        DigestContext(context)
    }

    pub(super) fn as_ptr(&self) -> *const EVP_MD_CTX {
        self.0.as_ptr()
    }

    pub(super) fn as_mut_ptr(&mut self) -> *mut EVP_MD_CTX {
        self.0.as_mut_ptr()
    }
}

impl Drop for DigestContext {
    fn drop(&mut self) {
        // SAFETY: the context was initialised in `new` and is cleaned up once. An EVP_MD_CTX has
        // no pointers into itself, so moving it out of `new` was sound.
        unsafe { aws_lc_sys::EVP_MD_CTX_cleanup(self.0.as_mut_ptr()) };
    }
}

impl Pkey {
    /// Signs a whole message by a scheme that has its own digest: Ed25519, ML-DSA. The signature
    /// has a fixed size.
    pub(crate) fn sign_message(&self, signature_bytes: usize, message: &[u8]) -> Result<Vec<u8>> {
        let mut context = DigestContext::new();
        // SAFETY: the context is initialised; these schemes take no digest; `init` takes a
        // reference of its own to the key.
        check(unsafe {
            aws_lc_sys::EVP_DigestSignInit(
                context.as_mut_ptr(),
                ptr::null_mut(),
                ptr::null(),
                ptr::null_mut(),
                self.as_ptr(),
            )
        })?;
        let mut signature = vec![0; signature_bytes];
        let mut length = signature.len();
        // SAFETY: `length` says how much room the signature has; the message is readable.
        check(unsafe {
            aws_lc_sys::EVP_DigestSign(
                context.as_mut_ptr(),
                signature.as_mut_ptr(),
                &mut length,
                message.as_ptr(),
                message.len(),
            )
        })?;
        signature.truncate(length);
        Ok(signature)
    }

    /// Verifies what [`Pkey::sign_message`] makes.
    pub(crate) fn verify_message(&self, message: &[u8], signature: &[u8]) -> Result<()> {
        let mut context = DigestContext::new();
        // SAFETY: as in `sign_message`.
        check(unsafe {
            aws_lc_sys::EVP_DigestVerifyInit(
                context.as_mut_ptr(),
                ptr::null_mut(),
                ptr::null(),
                ptr::null_mut(),
                self.as_ptr(),
            )
        })?;
        // SAFETY: both slices are readable for their lengths.
        check(unsafe {
            aws_lc_sys::EVP_DigestVerify(
                context.as_mut_ptr(),
                signature.as_ptr(),
                signature.len(),
                message.as_ptr(),
                message.len(),
            )
        })
    }
}
