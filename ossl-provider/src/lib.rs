//! Keyward's OpenSSL provider: private keys that live in a Keyward service, for every program that
//! speaks to OpenSSL 3.0 or later.
//!
//! The module imports nothing from libcrypto: all that it needs comes through the functions that
//! the core hands to [`OSSL_provider_init`], and all that it offers goes back in tables. One file
//! therefore loads into any OpenSSL from 3.0 on, also into programs that contain theirs.
//!
//! - `ffi` is the border: bindings, upcalls, parameters, ownership, the guard against panics.
//! - `shells` are the functions that the core calls, one file per operation, and the tables.
//! - The rest is safe: `provider`, `key`, `public`, `store`, `decoder`, `encoder`, `keymgmt`,
//!   `signature`, `asym_cipher`, `keyexch`, `kem`, one module per operation of OpenSSL's, and for
//!   secret keys `secret`, `cipher` and `mac`.
//!
//! The provider prints nothing, not even of a panic, starts no thread and installs no handler. It
//! keeps no state outside its instances, of which a process may have several.

mod asym_cipher;
mod capabilities;
mod cipher;
mod decoder;
mod encoder;
mod failure;
mod ffi;
mod kem;
mod key;
mod keyexch;
mod keymgmt;
mod mac;
mod provider;
mod public;
mod secret;
mod self_test;
mod shells;
mod signature;
mod store;

use std::ffi::{c_int, c_void};

use ffi::bindings::{OSSL_CORE_HANDLE, OSSL_DISPATCH};

/// The one function that the module exports (provider(7)). It reads the settings and does no more.
///
/// # Safety
/// The core calls it with its own table, and with places for ours and for our instance.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn OSSL_provider_init(
    core: *const OSSL_CORE_HANDLE,
    from_core: *const OSSL_DISPATCH,
    to_core: *mut *const OSSL_DISPATCH,
    provctx: *mut *mut c_void,
) -> c_int {
    // SAFETY: the caller's promise is the same.
    unsafe { shells::init(core, from_core, to_core, provctx) }
}
