//! `OSSL_OP_KEYEXCH` (provider-keyexch(7)).

use std::ffi::{c_int, c_void};

use super::context::{dup, free, get_params, new, set_params};
use crate::{
    ffi::{
        bindings::{OSSL_DISPATCH, OSSL_PARAM},
        dispatch::dispatch,
        guard::guard,
        handle::{self, Output},
        params::Params,
    },
    key::Key,
    keyexch::{AgreementContext, ECDH_GETTABLE, ECDH_SETTABLE, X25519_SETTABLE},
};

/// The functions of an agreement: what can be set, and more.
macro_rules! agreement {
    ($settable:ident $(, $($more:tt)*)?) => {
        dispatch![
            OSSL_FUNC_KEYEXCH_NEWCTX: OSSL_FUNC_keyexch_newctx_fn = new::<AgreementContext>,
            OSSL_FUNC_KEYEXCH_FREECTX: OSSL_FUNC_keyexch_freectx_fn = free::<AgreementContext>,
            OSSL_FUNC_KEYEXCH_DUPCTX: OSSL_FUNC_keyexch_dupctx_fn = dup::<AgreementContext>,
            OSSL_FUNC_KEYEXCH_INIT: OSSL_FUNC_keyexch_init_fn = init,
            OSSL_FUNC_KEYEXCH_SET_PEER: OSSL_FUNC_keyexch_set_peer_fn = set_peer,
            OSSL_FUNC_KEYEXCH_DERIVE: OSSL_FUNC_keyexch_derive_fn = derive,
            OSSL_FUNC_KEYEXCH_SET_CTX_PARAMS: OSSL_FUNC_keyexch_set_ctx_params_fn =
                set_params::<AgreementContext>,
            OSSL_FUNC_KEYEXCH_SETTABLE_CTX_PARAMS: OSSL_FUNC_keyexch_settable_ctx_params_fn =
                $settable,
            $($($more)*)?
        ]
    };
}

pub(super) static ECDH: &[OSSL_DISPATCH] = agreement!(
    ecdh_settable,
    OSSL_FUNC_KEYEXCH_GET_CTX_PARAMS: OSSL_FUNC_keyexch_get_ctx_params_fn =
        get_params::<AgreementContext>,
    OSSL_FUNC_KEYEXCH_GETTABLE_CTX_PARAMS: OSSL_FUNC_keyexch_gettable_ctx_params_fn =
        ecdh_gettable,
);

pub(super) static X25519: &[OSSL_DISPATCH] = agreement!(x25519_settable);

unsafe extern "C" fn init(ctx: *mut c_void, key: *mut c_void, params: *const OSSL_PARAM) -> c_int {
    // SAFETY: the core passes a context of ours.
    let context = unsafe { handle::borrow::<AgreementContext>(ctx) };
    // SAFETY: the core passes a key that our key management made.
    let key = unsafe { handle::another_share::<Key>(key) };
    // SAFETY: the core passes a list that lives until we return, or null.
    let params = unsafe { Params::new(params) };
    guard(context, 0, |context| context.init(key, params).map(|()| 1))
}

unsafe extern "C" fn set_peer(ctx: *mut c_void, peer: *mut c_void) -> c_int {
    // SAFETY: the core passes a context of ours.
    let context = unsafe { handle::borrow::<AgreementContext>(ctx) };
    // SAFETY: the core passes a key that our key management made, by import if need be.
    let peer = unsafe { handle::another_share::<Key>(peer) };
    guard(context, 0, |context| context.set_peer(peer).map(|()| 1))
}

unsafe extern "C" fn derive(
    ctx: *mut c_void,
    secret: *mut u8,
    length: *mut usize,
    size: usize,
) -> c_int {
    // SAFETY: the core passes a context of ours.
    let context = unsafe { handle::borrow::<AgreementContext>(ctx) };
    // SAFETY: the core passes a buffer of that size, or null, and a place for the length.
    let output = unsafe { Output::new(secret, length, size) };
    guard(context, 0, |context| context.derive(output).map(|()| 1))
}

unsafe extern "C" fn ecdh_settable(_: *mut c_void, _: *mut c_void) -> *const OSSL_PARAM {
    ECDH_SETTABLE.as_ptr()
}

unsafe extern "C" fn ecdh_gettable(_: *mut c_void, _: *mut c_void) -> *const OSSL_PARAM {
    ECDH_GETTABLE.as_ptr()
}

unsafe extern "C" fn x25519_settable(_: *mut c_void, _: *mut c_void) -> *const OSSL_PARAM {
    X25519_SETTABLE.as_ptr()
}
