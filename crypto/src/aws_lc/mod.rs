//! The FFI: thin, owning types over aws-lc's objects. Everything that is unsafe about keys is in
//! the modules below this one, and what they offer is safe.
//!
//! Every call that can fail goes through [`check`] or [`non_null`], which empty aws-lc's error
//! queue of this thread, so that nothing about a key lingers there.

mod aead;
mod cipher;
mod derivation;
mod digest;
mod digest_context;
mod ec;
mod key_wrap;
mod mac;
mod md5;
mod ml_dsa;
mod ml_kem;
mod oaep;
mod passphrase;
mod pkcs12;
mod pkey;
mod pkey_context;
mod raw;
mod rsa;
mod shake;

pub(crate) use aead::Gcm;
pub(crate) use cipher::{Direction, crypt, decrypt_triple_des};
pub(crate) use derivation::{hkdf, kbkdf_hmac};
pub(crate) use key_wrap::KeyWrap;
pub(crate) use mac::{aes_cmac, hmac};
pub(crate) use md5::Md5;
pub(crate) use passphrase::{ScryptCost, pbkdf2, scrypt};
pub(crate) use pkcs12::Pkcs12;
pub(crate) use pkey::Pkey;
pub(crate) use rsa::{Padding, RsaKey};
pub(crate) use shake::Shake256;

use std::{ffi::c_int, ptr::NonNull};

use crate::{CryptoError, error::Result};

/// Whether this aws-lc is its FIPS module, in FIPS mode.
pub(crate) fn is_fips_module() -> bool {
    // SAFETY: the function takes nothing and tells how the library was built.
    unsafe { aws_lc_sys::FIPS_mode() == 1 }
}

/// The version of this aws-lc.
pub(crate) fn version() -> &'static str {
    let text = std::str::from_utf8(aws_lc_sys::AWSLC_VERSION_NUMBER_STRING).unwrap_or_default();
    text.trim_end_matches('\0')
}

/// Runs aws-lc's known-answer tests.
pub(crate) fn self_test() -> bool {
    // SAFETY: the function takes nothing and changes nothing.
    unsafe { aws_lc_sys::BORINGSSL_self_test() == 1 }
}

/// Takes aws-lc's 1 for success; anything else is a failure.
fn check(status: c_int) -> Result<()> {
    if status == 1 {
        return Ok(());
    }
    clear_errors();
    Err(CryptoError::Failed)
}

/// Takes a pointer that is NULL on failure.
fn non_null<T>(pointer: *mut T) -> Result<NonNull<T>> {
    NonNull::new(pointer).ok_or_else(|| {
        clear_errors();
        CryptoError::Failed
    })
}

/// Fills a buffer with random bytes.
pub(crate) fn fill_random(buffer: &mut [u8]) -> Result<()> {
    // SAFETY: the buffer is writable for its length.
    check(unsafe { aws_lc_sys::RAND_bytes(buffer.as_mut_ptr(), buffer.len()) })
}

fn clear_errors() {
    // SAFETY: `ERR_clear_error` touches nothing but the calling thread's own error queue.
    unsafe { aws_lc_sys::ERR_clear_error() }
}
