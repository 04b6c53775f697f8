//! `OSSL_OP_ASYM_CIPHER` (provider-asym_cipher(7)).

use std::ffi::{c_int, c_void};

use super::context::{dup, free, get_params, new, set_params};
use crate::{
    asym_cipher::{CipherContext, Direction, GETTABLE, SETTABLE},
    ffi::{
        bindings::{OSSL_DISPATCH, OSSL_PARAM},
        dispatch::dispatch,
        guard::guard,
        handle::{self, Output},
        params::Params,
    },
    key::Key,
};

pub(super) static RSA: &[OSSL_DISPATCH] = dispatch![
    OSSL_FUNC_ASYM_CIPHER_NEWCTX: OSSL_FUNC_asym_cipher_newctx_fn = new::<CipherContext>,
    OSSL_FUNC_ASYM_CIPHER_FREECTX: OSSL_FUNC_asym_cipher_freectx_fn = free::<CipherContext>,
    OSSL_FUNC_ASYM_CIPHER_DUPCTX: OSSL_FUNC_asym_cipher_dupctx_fn = dup::<CipherContext>,
    OSSL_FUNC_ASYM_CIPHER_ENCRYPT_INIT: OSSL_FUNC_asym_cipher_encrypt_init_fn = encrypt_init,
    OSSL_FUNC_ASYM_CIPHER_ENCRYPT: OSSL_FUNC_asym_cipher_encrypt_fn = encrypt,
    OSSL_FUNC_ASYM_CIPHER_DECRYPT_INIT: OSSL_FUNC_asym_cipher_decrypt_init_fn = decrypt_init,
    OSSL_FUNC_ASYM_CIPHER_DECRYPT: OSSL_FUNC_asym_cipher_decrypt_fn = decrypt,
    OSSL_FUNC_ASYM_CIPHER_GET_CTX_PARAMS: OSSL_FUNC_asym_cipher_get_ctx_params_fn = get_params::<CipherContext>,
    OSSL_FUNC_ASYM_CIPHER_GETTABLE_CTX_PARAMS: OSSL_FUNC_asym_cipher_gettable_ctx_params_fn =
        gettable,
    OSSL_FUNC_ASYM_CIPHER_SET_CTX_PARAMS: OSSL_FUNC_asym_cipher_set_ctx_params_fn = set_params::<CipherContext>,
    OSSL_FUNC_ASYM_CIPHER_SETTABLE_CTX_PARAMS: OSSL_FUNC_asym_cipher_settable_ctx_params_fn =
        settable,
];

unsafe fn init(
    ctx: *mut c_void,
    key: *mut c_void,
    params: *const OSSL_PARAM,
    direction: Direction,
) -> c_int {
    // SAFETY: the core passes a context of ours.
    let context = unsafe { handle::borrow::<CipherContext>(ctx) };
    // SAFETY: the core passes a key that our key management made, or null to keep the last.
    let key = unsafe { handle::another_share::<Key>(key) };
    // SAFETY: the core passes a list that lives until we return, or null.
    let params = unsafe { Params::new(params) };
    guard(context, 0, |context| context.init(key, params, direction).map(|()| 1))
}

unsafe extern "C" fn encrypt_init(
    ctx: *mut c_void,
    key: *mut c_void,
    params: *const OSSL_PARAM,
) -> c_int {
    // SAFETY: the same promise of the core's holds for `init`.
    unsafe { init(ctx, key, params, Direction::Encrypt) }
}

unsafe extern "C" fn decrypt_init(
    ctx: *mut c_void,
    key: *mut c_void,
    params: *const OSSL_PARAM,
) -> c_int {
    // SAFETY: the same promise of the core's holds for `init`.
    unsafe { init(ctx, key, params, Direction::Decrypt) }
}

unsafe extern "C" fn encrypt(
    ctx: *mut c_void,
    ciphertext: *mut u8,
    length: *mut usize,
    size: usize,
    input: *const u8,
    input_length: usize,
) -> c_int {
    // SAFETY: the core passes a context of ours.
    let context = unsafe { handle::borrow::<CipherContext>(ctx) };
    // SAFETY: the core passes a buffer of that size, or null, and a place for the length.
    let output = unsafe { Output::new(ciphertext, length, size) };
    // SAFETY: the core passes a buffer of that length.
    let input = unsafe { handle::copied(input, input_length) };
    guard(context, 0, |context| context.encrypt(output, &input).map(|()| 1))
}

unsafe extern "C" fn decrypt(
    ctx: *mut c_void,
    plaintext: *mut u8,
    length: *mut usize,
    size: usize,
    input: *const u8,
    input_length: usize,
) -> c_int {
    // SAFETY: the core passes a context of ours.
    let context = unsafe { handle::borrow::<CipherContext>(ctx) };
    // SAFETY: the core passes a buffer of that size, or null, and a place for the length.
    let output = unsafe { Output::new(plaintext, length, size) };
    // SAFETY: the core passes a buffer of that length.
    let input = unsafe { handle::copied(input, input_length) };
    guard(context, 0, |context| context.decrypt(output, &input).map(|()| 1))
}

unsafe extern "C" fn gettable(_: *mut c_void, _: *mut c_void) -> *const OSSL_PARAM {
    GETTABLE.as_ptr()
}

unsafe extern "C" fn settable(_: *mut c_void, _: *mut c_void) -> *const OSSL_PARAM {
    SETTABLE.as_ptr()
}
