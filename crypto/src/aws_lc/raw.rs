//! Keys that are 32 bytes: Ed25519 and X25519 (RFC 8032, RFC 7748).

use std::{ffi::c_int, mem::MaybeUninit, ptr};

use aws_lc_sys::{EVP_MD_CTX, EVP_PKEY};
use zeroize::Zeroizing;

use super::{Pkey, check};
use crate::error::Result;

const KEY_BYTES: usize = 32;
const ED25519_SIGNATURE_BYTES: usize = 64;

impl Pkey {
    /// A new Ed25519 key.
    pub(crate) fn generate_ed25519() -> Result<Pkey> {
        generate(aws_lc_sys::EVP_PKEY_ED25519)
    }

    /// A new X25519 key.
    pub(crate) fn generate_x25519() -> Result<Pkey> {
        generate(aws_lc_sys::EVP_PKEY_X25519)
    }

    /// Ed25519 over a whole message.
    pub(crate) fn sign_ed25519(&self, message: &[u8]) -> Result<Vec<u8>> {
        let mut context = DigestContext::new();
        // SAFETY: the context is initialised; Ed25519 takes no digest; `init` takes a reference of
        // its own to the key.
        check(unsafe {
            aws_lc_sys::EVP_DigestSignInit(
                context.as_mut_ptr(),
                ptr::null_mut(),
                ptr::null(),
                ptr::null_mut(),
                self.as_ptr(),
            )
        })?;
        let mut signature = vec![0; ED25519_SIGNATURE_BYTES];
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
        Ok(signature)
    }

    pub(crate) fn verify_ed25519(&self, message: &[u8], signature: &[u8]) -> Result<()> {
        let mut context = DigestContext::new();
        // SAFETY: as in `sign_ed25519`.
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

    /// X25519 with a peer; an all-zero secret is a failure.
    pub(crate) fn x25519(&self, peer: &Pkey) -> Result<Zeroizing<Vec<u8>>> {
        let own = self.raw_bytes(aws_lc_sys::EVP_PKEY_get_raw_private_key)?;
        let peer = peer.raw_bytes(aws_lc_sys::EVP_PKEY_get_raw_public_key)?;
        let mut secret = Zeroizing::new(vec![0; KEY_BYTES]);
        // SAFETY: curve25519.h asks for three buffers of 32 bytes. It returns zero "if the public
        // key is a point of small order", where the secret is all zeros.
        check(unsafe { aws_lc_sys::X25519(secret.as_mut_ptr(), own.as_ptr(), peer.as_ptr()) })?;
        Ok(secret)
    }

    fn raw_bytes(
        &self,
        getter: unsafe extern "C" fn(*const EVP_PKEY, *mut u8, *mut usize) -> c_int,
    ) -> Result<Zeroizing<[u8; KEY_BYTES]>> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        let mut length = KEY_BYTES;
        // SAFETY: `length` says how much room there is; a getter fails rather than overrun it.
        check(unsafe { getter(self.as_ptr(), bytes.as_mut_ptr(), &mut length) })?;
        check(c_int::from(length == KEY_BYTES))?;
        Ok(bytes)
    }
}

fn generate(kind: c_int) -> Result<Pkey> {
    let mut seed = Zeroizing::new([0; KEY_BYTES]);
    // SAFETY: the buffer has 32 bytes of room.
    check(unsafe { aws_lc_sys::RAND_bytes(seed.as_mut_ptr(), seed.len()) })?;
    // Both kinds of private key are any 32 random bytes (RFC 8032, 5.1.5; RFC 7748, 6.1).
    // SAFETY: the seed is readable for its length; the result is a new key or NULL.
    Pkey::adopt(unsafe {
        aws_lc_sys::EVP_PKEY_new_raw_private_key(kind, ptr::null_mut(), seed.as_ptr(), seed.len())
    })
}

/// An `EVP_MD_CTX` on the stack.
struct DigestContext(MaybeUninit<EVP_MD_CTX>);

impl DigestContext {
    fn new() -> DigestContext {
        let mut context = MaybeUninit::uninit();
        // SAFETY: `EVP_MD_CTX_init` initialises the structure, to be freed by `cleanup`.
        unsafe { aws_lc_sys::EVP_MD_CTX_init(context.as_mut_ptr()) };
        DigestContext(context)
    }

    fn as_mut_ptr(&mut self) -> *mut EVP_MD_CTX {
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
