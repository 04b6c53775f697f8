//! `OSSL_OP_CIPHER` (provider-cipher(7)), for secret keys in the service and no others: there are no
//! functions that take the bytes of a key.

use std::ffi::{c_int, c_void};

use keyward_algorithms::SymmetricCipher;

use super::context::{dup, free, get_params, set_params};
use crate::{
    cipher::{Direction, GETTABLE, GETTABLE_CONTEXT, SETTABLE, SymmetricContext, get_constants},
    ffi::{
        bindings::{OSSL_DISPATCH, OSSL_PARAM},
        dispatch::dispatch,
        guard::{guard, guard_quietly},
        handle::{self, Output},
        params::{Params, Questions},
    },
    provider::Provider,
    secret::SecretKey,
};

/// The functions of one way to encrypt, with keys of one size.
macro_rules! cipher {
    ($cipher:ident, $bits:literal) => {
        dispatch![
            OSSL_FUNC_CIPHER_NEWCTX: OSSL_FUNC_cipher_newctx_fn =
                new::<{ SymmetricCipher::$cipher.code() }, $bits>,
            OSSL_FUNC_CIPHER_FREECTX: OSSL_FUNC_cipher_freectx_fn = free::<SymmetricContext>,
            OSSL_FUNC_CIPHER_DUPCTX: OSSL_FUNC_cipher_dupctx_fn = dup::<SymmetricContext>,
            OSSL_FUNC_CIPHER_ENCRYPT_SKEY_INIT: OSSL_FUNC_cipher_encrypt_skey_init_fn =
                encrypt_init,
            OSSL_FUNC_CIPHER_DECRYPT_SKEY_INIT: OSSL_FUNC_cipher_decrypt_skey_init_fn =
                decrypt_init,
            OSSL_FUNC_CIPHER_UPDATE: OSSL_FUNC_cipher_update_fn = update,
            OSSL_FUNC_CIPHER_FINAL: OSSL_FUNC_cipher_final_fn = finish,
            OSSL_FUNC_CIPHER_GET_PARAMS: OSSL_FUNC_cipher_get_params_fn =
                constants::<{ SymmetricCipher::$cipher.code() }, $bits>,
            OSSL_FUNC_CIPHER_GETTABLE_PARAMS: OSSL_FUNC_cipher_gettable_params_fn = gettable,
            OSSL_FUNC_CIPHER_GET_CTX_PARAMS: OSSL_FUNC_cipher_get_ctx_params_fn = get_params::<SymmetricContext>,
            OSSL_FUNC_CIPHER_GETTABLE_CTX_PARAMS: OSSL_FUNC_cipher_gettable_ctx_params_fn =
                gettable_context,
            OSSL_FUNC_CIPHER_SET_CTX_PARAMS: OSSL_FUNC_cipher_set_ctx_params_fn = set_params::<SymmetricContext>,
            OSSL_FUNC_CIPHER_SETTABLE_CTX_PARAMS: OSSL_FUNC_cipher_settable_ctx_params_fn =
                settable,
        ]
    };
}

macro_rules! ciphers {
    ($($name:ident: $cipher:ident $bits:literal;)*) => {
        $(pub(super) static $name: &[OSSL_DISPATCH] = cipher!($cipher, $bits);)*
    };
}

ciphers! {
    GCM_128: AesGcm 128; GCM_192: AesGcm 192; GCM_256: AesGcm 256;
    CBC_128: AesCbc 128; CBC_192: AesCbc 192; CBC_256: AesCbc 256;
    CTR_128: AesCtr 128; CTR_192: AesCtr 192; CTR_256: AesCtr 256;
    ECB_128: AesEcb 128; ECB_192: AesEcb 192; ECB_256: AesEcb 256;
}

unsafe extern "C" fn new<const CIPHER: u32, const BITS: u16>(provctx: *mut c_void) -> *mut c_void {
    // SAFETY: the core passes the provider that OSSL_provider_init made.
    let provider = unsafe { handle::another_share::<Provider>(provctx) };
    guard_quietly(std::ptr::null_mut(), || {
        let cipher = SymmetricCipher::from_code(CIPHER)?;
        Some(handle::give(SymmetricContext::new(provider?, cipher, BITS)))
    })
}

unsafe fn init(
    ctx: *mut c_void,
    key: *mut c_void,
    iv: *const u8,
    iv_length: usize,
    params: *const OSSL_PARAM,
    direction: Direction,
) -> c_int {
    // SAFETY: the core passes a context of ours.
    let context = unsafe { handle::borrow::<SymmetricContext>(ctx) };
    // SAFETY: the core passes a key that our key management made, or null to keep the last.
    let key = unsafe { handle::another_share::<SecretKey>(key) };
    // SAFETY: the core passes a buffer of that length, or null to keep the last.
    let iv = (!iv.is_null()).then(|| unsafe { handle::bytes(iv, iv_length) });
    // SAFETY: the core passes a list that lives until we return, or null.
    let params = unsafe { Params::new(params) };
    guard(context, 0, |context| context.init(key, iv, params, direction).map(|()| 1))
}

unsafe extern "C" fn encrypt_init(
    ctx: *mut c_void,
    key: *mut c_void,
    iv: *const u8,
    iv_length: usize,
    params: *const OSSL_PARAM,
) -> c_int {
    // SAFETY: the same promise of the core's holds for `init`.
    unsafe { init(ctx, key, iv, iv_length, params, Direction::Encrypt) }
}

unsafe extern "C" fn decrypt_init(
    ctx: *mut c_void,
    key: *mut c_void,
    iv: *const u8,
    iv_length: usize,
    params: *const OSSL_PARAM,
) -> c_int {
    // SAFETY: the same promise of the core's holds for `init`.
    unsafe { init(ctx, key, iv, iv_length, params, Direction::Decrypt) }
}

unsafe extern "C" fn update(
    ctx: *mut c_void,
    output: *mut u8,
    length: *mut usize,
    size: usize,
    data: *const u8,
    data_length: usize,
) -> c_int {
    // SAFETY: the core passes a context of ours.
    let context = unsafe { handle::borrow::<SymmetricContext>(ctx) };
    // SAFETY: the core passes a buffer of that length.
    let data = unsafe { handle::copied(data, data_length) };
    // SAFETY: the core passes a buffer of that size, or null, and a place for the length.
    let output = unsafe { Output::new(output, length, size) };
    guard(context, 0, |context| context.update(output, &data).map(|()| 1))
}

unsafe extern "C" fn finish(
    ctx: *mut c_void,
    output: *mut u8,
    length: *mut usize,
    size: usize,
) -> c_int {
    // SAFETY: the core passes a context of ours.
    let context = unsafe { handle::borrow::<SymmetricContext>(ctx) };
    // SAFETY: the core passes a buffer of that size, or null, and a place for the length.
    let output = unsafe { Output::new(output, length, size) };
    guard(context, 0, |context| context.finish(output).map(|()| 1))
}

unsafe extern "C" fn constants<const CIPHER: u32, const BITS: u16>(
    params: *mut OSSL_PARAM,
) -> c_int {
    // SAFETY: the core passes a list that is ours until we return, or null.
    let questions = unsafe { Questions::new(params) };
    guard_quietly(0, || {
        get_constants(SymmetricCipher::from_code(CIPHER)?, BITS, questions).ok().map(|()| 1)
    })
}

unsafe extern "C" fn gettable(_: *mut c_void) -> *const OSSL_PARAM {
    GETTABLE.as_ptr()
}

unsafe extern "C" fn gettable_context(_: *mut c_void, _: *mut c_void) -> *const OSSL_PARAM {
    GETTABLE_CONTEXT.as_ptr()
}

unsafe extern "C" fn settable(_: *mut c_void, _: *mut c_void) -> *const OSSL_PARAM {
    SETTABLE.as_ptr()
}
