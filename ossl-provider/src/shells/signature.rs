//! `OSSL_OP_SIGNATURE` (provider-signature(7)).

mod tables;

use std::ffi::{CStr, c_char, c_int, c_void};

use keyward_algorithms::{Digest, Scheme, Signature};

use super::context::{dup, free, get_params, set_params};
use crate::{
    ffi::{
        bindings::OSSL_PARAM,
        guard::guard,
        handle::{self, Output},
        params::Params,
    },
    key::Key,
    provider::Provider,
    signature::{Input, Purpose, SignatureContext, params},
};

pub(super) use tables::*;

unsafe extern "C" fn new(provctx: *mut c_void, _properties: *const c_char) -> *mut c_void {
    // SAFETY: the core passes the provider that OSSL_provider_init made.
    let provider = unsafe { handle::another_share::<Provider>(provctx) };
    guard(provider, std::ptr::null_mut(), |provider| {
        Ok(handle::give(SignatureContext::new(provider.clone(), None)))
    })
}

unsafe extern "C" fn new_fixed<const SCHEME: u32, const DIGEST: u32>(
    provctx: *mut c_void,
    _properties: *const c_char,
) -> *mut c_void {
    // SAFETY: the core passes the provider that OSSL_provider_init made.
    let provider = unsafe { handle::another_share::<Provider>(provctx) };
    guard(provider, std::ptr::null_mut(), |provider| {
        let algorithm = Scheme::from_code(SCHEME)
            .and_then(|scheme| Signature::find(scheme, Digest::from_code(DIGEST)));
        Ok(handle::give(SignatureContext::new(provider.clone(), algorithm)))
    })
}

/// A list of names as the core wants it.
struct KeyTypes([*const c_char; 2]);

// SAFETY: the pointers lead to constants, which nobody changes.
unsafe impl Sync for KeyTypes {}

static RSA_KEY_TYPES: KeyTypes = KeyTypes([c"RSA".as_ptr(), std::ptr::null()]);
static EC_KEY_TYPES: KeyTypes = KeyTypes([c"EC".as_ptr(), std::ptr::null()]);

unsafe extern "C" fn rsa_key_types() -> *mut *const c_char {
    RSA_KEY_TYPES.0.as_ptr().cast_mut()
}

unsafe extern "C" fn ec_key_types() -> *mut *const c_char {
    EC_KEY_TYPES.0.as_ptr().cast_mut()
}

/// The functions that start an operation: on what, and what for.
macro_rules! inits {
    ($($name:ident: $input:ident $purpose:ident;)*) => {
        $(unsafe extern "C" fn $name(
            ctx: *mut c_void,
            key: *mut c_void,
            params: *const OSSL_PARAM,
        ) -> c_int {
            // SAFETY: the same promise of the core's holds for `init`.
            unsafe { init(ctx, key, params, Input::$input, Purpose::$purpose) }
        })*
    };
}

inits! {
    sign_init: Digest Sign;
    verify_init: Digest Verify;
    recover_init: Digest Recover;
    sign_message_init: Message Sign;
    verify_message_init: Message Verify;
}

unsafe fn init(
    ctx: *mut c_void,
    key: *mut c_void,
    params: *const OSSL_PARAM,
    input: Input,
    purpose: Purpose,
) -> c_int {
    // SAFETY: the core passes a context of ours.
    let context = unsafe { handle::borrow::<SignatureContext>(ctx) };
    // SAFETY: the core passes a key that our key management made, or null to keep the last.
    let key = unsafe { handle::another_share::<Key>(key) };
    // SAFETY: the core passes a list that lives until we return, or null.
    let params = unsafe { Params::new(params) };
    guard(context, 0, |context| context.init(key, params, input, purpose).map(|()| 1))
}

unsafe extern "C" fn verify_message_final(ctx: *mut c_void) -> c_int {
    // SAFETY: the core passes a context of ours.
    let context = unsafe { handle::borrow::<SignatureContext>(ctx) };
    guard(context, 0, |context| context.message_verify_final().map(c_int::from))
}

unsafe extern "C" fn recover(
    ctx: *mut c_void,
    recovered: *mut u8,
    length: *mut usize,
    size: usize,
    signature: *const u8,
    signature_length: usize,
) -> c_int {
    // SAFETY: the core passes a context of ours.
    let context = unsafe { handle::borrow::<SignatureContext>(ctx) };
    // SAFETY: the core passes a buffer of that size, or null, and a place for the length.
    let output = unsafe { Output::new(recovered, length, size) };
    // SAFETY: the core passes a buffer of that length.
    let signature = unsafe { handle::copied(signature, signature_length) };
    guard(context, 0, |context| context.recover(output, &signature).map(|()| 1))
}

unsafe extern "C" fn sign(
    ctx: *mut c_void,
    signature: *mut u8,
    length: *mut usize,
    size: usize,
    input: *const u8,
    input_length: usize,
) -> c_int {
    // SAFETY: the core passes a context of ours.
    let context = unsafe { handle::borrow::<SignatureContext>(ctx) };
    // SAFETY: the core passes a buffer of that size, or null, and a place for the length.
    let output = unsafe { Output::new(signature, length, size) };
    // SAFETY: the core passes a buffer of that length.
    let input = unsafe { handle::copied(input, input_length) };
    guard(context, 0, |context| context.sign(output, &input).map(|()| 1))
}

unsafe extern "C" fn verify(
    ctx: *mut c_void,
    signature: *const u8,
    signature_length: usize,
    input: *const u8,
    input_length: usize,
) -> c_int {
    // SAFETY: the core passes a context of ours.
    let context = unsafe { handle::borrow::<SignatureContext>(ctx) };
    // SAFETY: the core passes a buffer of that length.
    let signature = unsafe { handle::bytes(signature, signature_length) };
    // SAFETY: the core passes a buffer of that length.
    let input = unsafe { handle::bytes(input, input_length) };
    guard(context, 0, |context| context.verify(signature, input).map(c_int::from))
}

unsafe fn start_digest(
    ctx: *mut c_void,
    digest: *const c_char,
    key: *mut c_void,
    params: *const OSSL_PARAM,
    purpose: Purpose,
) -> c_int {
    // SAFETY: the core passes a context of ours.
    let context = unsafe { handle::borrow::<SignatureContext>(ctx) };
    // SAFETY: the core passes a C string or null.
    let digest = (!digest.is_null()).then(|| unsafe { CStr::from_ptr(digest) });
    // SAFETY: the core passes a key that our key management made, or null to keep the last.
    let key = unsafe { handle::another_share::<Key>(key) };
    // SAFETY: the core passes a list that lives until we return, or null.
    let params = unsafe { Params::new(params) };
    guard(context, 0, |context| {
        let digest = digest.map(CStr::to_string_lossy);
        context.digest_init(key, digest.as_deref(), params, purpose).map(|()| 1)
    })
}

unsafe extern "C" fn digest_sign_init(
    ctx: *mut c_void,
    digest: *const c_char,
    key: *mut c_void,
    params: *const OSSL_PARAM,
) -> c_int {
    // SAFETY: the same promise of the core's holds for `start_digest`.
    unsafe { start_digest(ctx, digest, key, params, Purpose::Sign) }
}

unsafe extern "C" fn digest_verify_init(
    ctx: *mut c_void,
    digest: *const c_char,
    key: *mut c_void,
    params: *const OSSL_PARAM,
) -> c_int {
    // SAFETY: the same promise of the core's holds for `start_digest`.
    unsafe { start_digest(ctx, digest, key, params, Purpose::Verify) }
}

unsafe extern "C" fn update(ctx: *mut c_void, data: *const u8, length: usize) -> c_int {
    // SAFETY: the core passes a context of ours.
    let context = unsafe { handle::borrow::<SignatureContext>(ctx) };
    // SAFETY: the core passes a buffer of that length.
    let data = unsafe { handle::bytes(data, length) };
    guard(context, 0, |context| context.update(data).map(|()| 1))
}

unsafe extern "C" fn digest_sign_final(
    ctx: *mut c_void,
    signature: *mut u8,
    length: *mut usize,
    size: usize,
) -> c_int {
    // SAFETY: the core passes a context of ours.
    let context = unsafe { handle::borrow::<SignatureContext>(ctx) };
    // SAFETY: the core passes a buffer of that size, or null, and a place for the length.
    let output = unsafe { Output::new(signature, length, size) };
    guard(context, 0, |context| context.digest_sign_final(output).map(|()| 1))
}

unsafe extern "C" fn digest_verify_final(
    ctx: *mut c_void,
    signature: *const u8,
    length: usize,
) -> c_int {
    // SAFETY: the core passes a context of ours.
    let context = unsafe { handle::borrow::<SignatureContext>(ctx) };
    // SAFETY: the core passes a buffer of that length.
    let signature = unsafe { handle::bytes(signature, length) };
    guard(context, 0, |context| context.digest_verify_final(signature).map(c_int::from))
}

unsafe extern "C" fn digest_sign(
    ctx: *mut c_void,
    signature: *mut u8,
    length: *mut usize,
    size: usize,
    message: *const u8,
    message_length: usize,
) -> c_int {
    // SAFETY: the core passes a context of ours.
    let context = unsafe { handle::borrow::<SignatureContext>(ctx) };
    // SAFETY: the core passes a buffer of that size, or null, and a place for the length.
    let output = unsafe { Output::new(signature, length, size) };
    // SAFETY: the core passes a buffer of that length.
    let message = unsafe { handle::bytes(message, message_length) };
    guard(context, 0, |context| context.digest_sign(output, message).map(|()| 1))
}

unsafe extern "C" fn digest_verify(
    ctx: *mut c_void,
    signature: *const u8,
    signature_length: usize,
    message: *const u8,
    message_length: usize,
) -> c_int {
    // SAFETY: the core passes a context of ours.
    let context = unsafe { handle::borrow::<SignatureContext>(ctx) };
    // SAFETY: the core passes a buffer of that length.
    let signature = unsafe { handle::bytes(signature, signature_length) };
    // SAFETY: the core passes a buffer of that length.
    let message = unsafe { handle::bytes(message, message_length) };
    guard(context, 0, |context| context.digest_verify(signature, message).map(c_int::from))
}

/// The digests have no parameters of their own.
unsafe extern "C" fn get_md_params(_: *mut c_void, _: *mut OSSL_PARAM) -> c_int {
    1
}

unsafe extern "C" fn set_md_params(_: *mut c_void, _: *const OSSL_PARAM) -> c_int {
    1
}

unsafe extern "C" fn md_params(_: *mut c_void) -> *const OSSL_PARAM {
    params::NONE.as_ptr()
}

/// The functions that tell which parameters there are.
macro_rules! lists {
    ($($name:ident: $list:ident;)*) => {
        $(unsafe extern "C" fn $name(_: *mut c_void, _: *mut c_void) -> *const OSSL_PARAM {
            params::$list.as_ptr()
        })*
    };
}

lists! {
    rsa_gettable: RSA_GETTABLE;
    rsa_settable: RSA_SETTABLE;
    ecdsa_gettable: ECDSA_GETTABLE;
    ecdsa_settable: ECDSA_SETTABLE;
    ed25519_gettable: ED25519_GETTABLE;
    ed25519_settable: ED25519_SETTABLE;
    ml_dsa_gettable: ML_DSA_GETTABLE;
    ml_dsa_settable: ML_DSA_SETTABLE;
    fixed_gettable: FIXED_GETTABLE;
    fixed_settable: FIXED_SETTABLE;
}
