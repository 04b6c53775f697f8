//! `OSSL_OP_KEM` (provider-kem(7)).

use std::ffi::{c_int, c_void};

use super::context::{dup, free, new, set_params};
use crate::{
    ffi::{
        bindings::{OSSL_DISPATCH, OSSL_PARAM},
        dispatch::dispatch,
        guard::guard,
        handle::{self, Output},
        params::Params,
    },
    kem::{KemContext, SETTABLE, Side},
    key::Key,
};

pub(super) static ML_KEM: &[OSSL_DISPATCH] = dispatch![
    OSSL_FUNC_KEM_NEWCTX: OSSL_FUNC_kem_newctx_fn = new::<KemContext>,
    OSSL_FUNC_KEM_FREECTX: OSSL_FUNC_kem_freectx_fn = free::<KemContext>,
    OSSL_FUNC_KEM_DUPCTX: OSSL_FUNC_kem_dupctx_fn = dup::<KemContext>,
    OSSL_FUNC_KEM_ENCAPSULATE_INIT: OSSL_FUNC_kem_encapsulate_init_fn = encapsulate_init,
    OSSL_FUNC_KEM_ENCAPSULATE: OSSL_FUNC_kem_encapsulate_fn = encapsulate,
    OSSL_FUNC_KEM_DECAPSULATE_INIT: OSSL_FUNC_kem_decapsulate_init_fn = decapsulate_init,
    OSSL_FUNC_KEM_DECAPSULATE: OSSL_FUNC_kem_decapsulate_fn = decapsulate,
    OSSL_FUNC_KEM_SET_CTX_PARAMS: OSSL_FUNC_kem_set_ctx_params_fn = set_params::<KemContext>,
    OSSL_FUNC_KEM_SETTABLE_CTX_PARAMS: OSSL_FUNC_kem_settable_ctx_params_fn = settable,
];

unsafe fn init(ctx: *mut c_void, key: *mut c_void, params: *const OSSL_PARAM, side: Side) -> c_int {
    // SAFETY: the core passes a context of ours.
    let context = unsafe { handle::borrow::<KemContext>(ctx) };
    // SAFETY: the core passes a key that our key management made.
    let key = unsafe { handle::another_share::<Key>(key) };
    // SAFETY: the core passes a list that lives until we return, or null.
    let params = unsafe { Params::new(params) };
    guard(context, 0, |context| context.init(key, params, side).map(|()| 1))
}

unsafe extern "C" fn encapsulate_init(
    ctx: *mut c_void,
    key: *mut c_void,
    params: *const OSSL_PARAM,
) -> c_int {
    // SAFETY: the same promise of the core's holds for `init`.
    unsafe { init(ctx, key, params, Side::Encapsulate) }
}

unsafe extern "C" fn decapsulate_init(
    ctx: *mut c_void,
    key: *mut c_void,
    params: *const OSSL_PARAM,
) -> c_int {
    // SAFETY: the same promise of the core's holds for `init`.
    unsafe { init(ctx, key, params, Side::Decapsulate) }
}

/// An output whose length holds the size of the buffer before it holds that of the result
/// (EVP_PKEY_encapsulate(3)).
///
/// # Safety
/// As for [`Output::new`], where the size is what `length` leads to.
unsafe fn output<'a>(buffer: *mut u8, length: *mut usize) -> Output<'a> {
    // SAFETY: the caller promises a readable length, or null.
    let size = unsafe { length.as_ref() }.copied().unwrap_or(0);
    // SAFETY: the caller promises a buffer of that size, or null.
    unsafe { Output::new(buffer, length, size) }
}

unsafe extern "C" fn encapsulate(
    ctx: *mut c_void,
    ciphertext: *mut u8,
    ciphertext_length: *mut usize,
    secret: *mut u8,
    secret_length: *mut usize,
) -> c_int {
    // SAFETY: the core passes a context of ours.
    let context = unsafe { handle::borrow::<KemContext>(ctx) };
    // SAFETY: the core passes a buffer of the size that the length says, or null.
    let ciphertext = unsafe { output(ciphertext, ciphertext_length) };
    // SAFETY: the same holds for the secret.
    let secret = unsafe { output(secret, secret_length) };
    guard(context, 0, |context| context.encapsulate(ciphertext, secret).map(|()| 1))
}

unsafe extern "C" fn decapsulate(
    ctx: *mut c_void,
    secret: *mut u8,
    secret_length: *mut usize,
    ciphertext: *const u8,
    ciphertext_length: usize,
) -> c_int {
    // SAFETY: the core passes a context of ours.
    let context = unsafe { handle::borrow::<KemContext>(ctx) };
    // SAFETY: the core passes a buffer of the size that the length says, or null.
    let secret = unsafe { output(secret, secret_length) };
    // SAFETY: the core passes a buffer of that length.
    let ciphertext = unsafe { handle::bytes(ciphertext, ciphertext_length) };
    guard(context, 0, |context| context.decapsulate(secret, ciphertext).map(|()| 1))
}

unsafe extern "C" fn settable(_: *mut c_void, _: *mut c_void) -> *const OSSL_PARAM {
    SETTABLE.as_ptr()
}
