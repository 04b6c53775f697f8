//! `OSSL_OP_MAC` (provider-mac(7)), for secret keys in the service and no others.

use std::ffi::{c_int, c_void};

use keyward_algorithms::SecretKind;

use super::context::{dup, free, get_params, set_params};
use crate::{
    ffi::{
        bindings::{OSSL_DISPATCH, OSSL_PARAM},
        dispatch::dispatch,
        guard::{guard, guard_quietly},
        handle::{self, Output},
        params::Params,
    },
    mac::{GETTABLE, MacContext, SETTABLE},
    provider::Provider,
    secret::SecretKey,
};

/// The functions for keys of one kind.
macro_rules! mac {
    ($kind:ident) => {
        dispatch![
            OSSL_FUNC_MAC_NEWCTX: OSSL_FUNC_mac_newctx_fn = new::<{ SecretKind::$kind.code() }>,
            OSSL_FUNC_MAC_FREECTX: OSSL_FUNC_mac_freectx_fn = free::<MacContext>,
            OSSL_FUNC_MAC_DUPCTX: OSSL_FUNC_mac_dupctx_fn = dup::<MacContext>,
            OSSL_FUNC_MAC_INIT_SKEY: OSSL_FUNC_mac_init_skey_fn = init,
            OSSL_FUNC_MAC_UPDATE: OSSL_FUNC_mac_update_fn = update,
            OSSL_FUNC_MAC_FINAL: OSSL_FUNC_mac_final_fn = finish,
            OSSL_FUNC_MAC_GET_CTX_PARAMS: OSSL_FUNC_mac_get_ctx_params_fn = get_params::<MacContext>,
            OSSL_FUNC_MAC_GETTABLE_CTX_PARAMS: OSSL_FUNC_mac_gettable_ctx_params_fn = gettable,
            OSSL_FUNC_MAC_SET_CTX_PARAMS: OSSL_FUNC_mac_set_ctx_params_fn = set_params::<MacContext>,
            OSSL_FUNC_MAC_SETTABLE_CTX_PARAMS: OSSL_FUNC_mac_settable_ctx_params_fn = settable,
        ]
    };
}

pub(super) static HMAC: &[OSSL_DISPATCH] = mac!(Hmac);
pub(super) static CMAC: &[OSSL_DISPATCH] = mac!(Aes);

unsafe extern "C" fn new<const KIND: u32>(provctx: *mut c_void) -> *mut c_void {
    // SAFETY: the core passes the provider that OSSL_provider_init made.
    let provider = unsafe { handle::another_share::<Provider>(provctx) };
    guard_quietly(std::ptr::null_mut(), || {
        Some(handle::give(MacContext::new(provider?, SecretKind::from_code(KIND)?)))
    })
}

unsafe extern "C" fn init(ctx: *mut c_void, key: *mut c_void, params: *const OSSL_PARAM) -> c_int {
    // SAFETY: the core passes a context of ours.
    let context = unsafe { handle::borrow::<MacContext>(ctx) };
    // SAFETY: the core passes a key that our key management made, or null to keep the last.
    let key = unsafe { handle::another_share::<SecretKey>(key) };
    // SAFETY: the core passes a list that lives until we return, or null.
    let params = unsafe { Params::new(params) };
    guard(context, 0, |context| context.init(key, params).map(|()| 1))
}

unsafe extern "C" fn update(ctx: *mut c_void, data: *const u8, length: usize) -> c_int {
    // SAFETY: the core passes a context of ours.
    let context = unsafe { handle::borrow::<MacContext>(ctx) };
    // SAFETY: the core passes a buffer of that length.
    let data = unsafe { handle::bytes(data, length) };
    guard(context, 0, |context| context.update(data).map(|()| 1))
}

unsafe extern "C" fn finish(
    ctx: *mut c_void,
    output: *mut u8,
    length: *mut usize,
    size: usize,
) -> c_int {
    // SAFETY: the core passes a context of ours.
    let context = unsafe { handle::borrow::<MacContext>(ctx) };
    // SAFETY: the core passes a buffer of that size, or null, and a place for the length.
    let output = unsafe { Output::new(output, length, size) };
    guard(context, 0, |context| context.finish(output).map(|()| 1))
}

unsafe extern "C" fn gettable(_: *mut c_void, _: *mut c_void) -> *const OSSL_PARAM {
    GETTABLE.as_ptr()
}

unsafe extern "C" fn settable(_: *mut c_void, _: *mut c_void) -> *const OSSL_PARAM {
    SETTABLE.as_ptr()
}
