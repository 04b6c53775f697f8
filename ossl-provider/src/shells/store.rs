//! `OSSL_OP_STORE` (provider-storemgmt(7)).

use std::ffi::{CStr, c_char, c_int, c_void};

use keyward_protocol::{KeyUri, Result};

use super::context::set_params;
use crate::{
    ffi::{
        bindings::{OSSL_CALLBACK, OSSL_DISPATCH, OSSL_PARAM, OSSL_PASSPHRASE_CALLBACK},
        builder::Callback,
        dispatch::dispatch,
        guard::{guard, release},
        handle,
        passphrase::Passphrase,
    },
    provider::Provider,
    store::{SETTABLE, StoreContext},
};

macro_rules! scheme {
    ($open:ident) => {
        dispatch![
            OSSL_FUNC_STORE_OPEN: OSSL_FUNC_store_open_fn = $open,
            OSSL_FUNC_STORE_SETTABLE_CTX_PARAMS: OSSL_FUNC_store_settable_ctx_params_fn = settable,
            OSSL_FUNC_STORE_SET_CTX_PARAMS: OSSL_FUNC_store_set_ctx_params_fn = set_params::<StoreContext>,
            OSSL_FUNC_STORE_LOAD: OSSL_FUNC_store_load_fn = load,
            OSSL_FUNC_STORE_EOF: OSSL_FUNC_store_eof_fn = eof,
            OSSL_FUNC_STORE_CLOSE: OSSL_FUNC_store_close_fn = close,
        ]
    };
}

/// `keyward:` URIs.
pub(super) static KEYWARD: &[OSSL_DISPATCH] = scheme!(open_keyward);
/// `pkcs11:` URIs, for applications that accept no other.
pub(super) static PKCS11: &[OSSL_DISPATCH] = scheme!(open_pkcs11);

unsafe extern "C" fn open_keyward(provctx: *mut c_void, uri: *const c_char) -> *mut c_void {
    // SAFETY: the same promise of the core's holds for `open`.
    unsafe { open(provctx, uri, |uri| uri.parse()) }
}

unsafe extern "C" fn open_pkcs11(provctx: *mut c_void, uri: *const c_char) -> *mut c_void {
    // SAFETY: the same promise of the core's holds for `open`.
    unsafe { open(provctx, uri, KeyUri::from_pkcs11) }
}

unsafe fn open(
    provctx: *mut c_void,
    uri: *const c_char,
    parse: fn(&str) -> Result<KeyUri>,
) -> *mut c_void {
    // SAFETY: the core passes the provider that OSSL_provider_init made.
    let provider = unsafe { handle::another_share::<Provider>(provctx) };
    // SAFETY: the core passes a C string.
    let uri = (!uri.is_null()).then(|| unsafe { CStr::from_ptr(uri) });
    guard(provider, std::ptr::null_mut(), |provider| {
        let uri = parse(&uri.unwrap_or_default().to_string_lossy())?;
        Ok(handle::give(StoreContext::open(provider.clone(), uri)))
    })
}

unsafe extern "C" fn settable(_: *mut c_void) -> *const OSSL_PARAM {
    SETTABLE.as_ptr()
}

unsafe extern "C" fn load(
    ctx: *mut c_void,
    callback: OSSL_CALLBACK,
    argument: *mut c_void,
    passphrase: OSSL_PASSPHRASE_CALLBACK,
    passphrase_argument: *mut c_void,
) -> c_int {
    // SAFETY: the core passes a context of ours.
    let context = unsafe { handle::borrow::<StoreContext>(ctx) };
    // SAFETY: the core passes a callback and the argument that it takes.
    let callback = unsafe { Callback::new(callback, argument) };
    // SAFETY: the core passes a callback that asks, or null, and the argument that it takes.
    let passphrase = unsafe { Passphrase::new(passphrase, passphrase_argument) };
    guard(context, 0, |context| context.load(callback, passphrase).map(c_int::from))
}

unsafe extern "C" fn eof(ctx: *mut c_void) -> c_int {
    // SAFETY: the core passes a context of ours.
    let context = unsafe { handle::borrow::<StoreContext>(ctx) };
    guard(context, 1, |context| Ok(c_int::from(context.is_at_end())))
}

unsafe extern "C" fn close(ctx: *mut c_void) -> c_int {
    // SAFETY: the core gives up a context that `open` made.
    let context = unsafe { handle::take::<StoreContext>(ctx) };
    release(context);
    1
}
