//! `OSSL_OP_SIGNATURE` (provider-signature(7)).

use std::ffi::{CStr, c_char, c_int, c_void};

use keyward_algorithms::{Digest, Scheme, Signature};

use crate::{
    ffi::{
        bindings::{OSSL_DISPATCH, OSSL_PARAM},
        dispatch::dispatch,
        guard::{guard, release},
        handle::{self, Output},
        params::{Params, Questions},
    },
    key::Key,
    provider::Provider,
    signature::{Purpose, SignatureContext, params},
};

/// The functions of a scheme that hashes, after those that only it has.
macro_rules! hashing {
    ([$($own:tt)*], $gettable:ident, $settable:ident) => {
        dispatch![
        $($own)*
        OSSL_FUNC_SIGNATURE_NEWCTX: OSSL_FUNC_signature_newctx_fn = new,
        OSSL_FUNC_SIGNATURE_FREECTX: OSSL_FUNC_signature_freectx_fn = free,
        OSSL_FUNC_SIGNATURE_DUPCTX: OSSL_FUNC_signature_dupctx_fn = dup,
        OSSL_FUNC_SIGNATURE_SIGN_INIT: OSSL_FUNC_signature_sign_init_fn = sign_init,
        OSSL_FUNC_SIGNATURE_SIGN: OSSL_FUNC_signature_sign_fn = sign,
        OSSL_FUNC_SIGNATURE_VERIFY_INIT: OSSL_FUNC_signature_verify_init_fn = verify_init,
        OSSL_FUNC_SIGNATURE_VERIFY: OSSL_FUNC_signature_verify_fn = verify,
        OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT: OSSL_FUNC_signature_digest_sign_init_fn =
            digest_sign_init,
        OSSL_FUNC_SIGNATURE_DIGEST_SIGN_UPDATE: OSSL_FUNC_signature_digest_sign_update_fn = update,
        OSSL_FUNC_SIGNATURE_DIGEST_SIGN_FINAL: OSSL_FUNC_signature_digest_sign_final_fn =
            digest_sign_final,
        OSSL_FUNC_SIGNATURE_DIGEST_SIGN: OSSL_FUNC_signature_digest_sign_fn = digest_sign,
        OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_INIT: OSSL_FUNC_signature_digest_verify_init_fn =
            digest_verify_init,
        OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_UPDATE: OSSL_FUNC_signature_digest_verify_update_fn = update,
        OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_FINAL: OSSL_FUNC_signature_digest_verify_final_fn =
            digest_verify_final,
        OSSL_FUNC_SIGNATURE_DIGEST_VERIFY: OSSL_FUNC_signature_digest_verify_fn = digest_verify,
        OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS: OSSL_FUNC_signature_get_ctx_params_fn = get_params,
        OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS: OSSL_FUNC_signature_gettable_ctx_params_fn =
            $gettable,
        OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS: OSSL_FUNC_signature_set_ctx_params_fn = set_params,
        OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS: OSSL_FUNC_signature_settable_ctx_params_fn =
            $settable,
        OSSL_FUNC_SIGNATURE_GET_CTX_MD_PARAMS: OSSL_FUNC_signature_get_ctx_md_params_fn =
            get_md_params,
        OSSL_FUNC_SIGNATURE_GETTABLE_CTX_MD_PARAMS: OSSL_FUNC_signature_gettable_ctx_md_params_fn =
            md_params,
        OSSL_FUNC_SIGNATURE_SET_CTX_MD_PARAMS: OSSL_FUNC_signature_set_ctx_md_params_fn =
            set_md_params,
        OSSL_FUNC_SIGNATURE_SETTABLE_CTX_MD_PARAMS: OSSL_FUNC_signature_settable_ctx_md_params_fn =
            md_params,
        ]
    };
}

/// RSA and RSA-PSS keys.
pub(super) static RSA: &[OSSL_DISPATCH] = hashing!(
    [
        OSSL_FUNC_SIGNATURE_VERIFY_RECOVER_INIT: OSSL_FUNC_signature_verify_recover_init_fn =
            recover_init,
        OSSL_FUNC_SIGNATURE_VERIFY_RECOVER: OSSL_FUNC_signature_verify_recover_fn = recover,
    ],
    rsa_gettable,
    rsa_settable
);

/// Keys on the curves.
pub(super) static ECDSA: &[OSSL_DISPATCH] = hashing!([], ecdsa_gettable, ecdsa_settable);

/// The functions of a scheme that takes whole messages in one call (EVP_SIGNATURE-ED25519(7)).
macro_rules! whole_messages {
    ([$($own:tt)*], $gettable:ident, $settable:ident) => {
        dispatch![
        $($own)*
        OSSL_FUNC_SIGNATURE_NEWCTX: OSSL_FUNC_signature_newctx_fn = new,
        OSSL_FUNC_SIGNATURE_FREECTX: OSSL_FUNC_signature_freectx_fn = free,
        OSSL_FUNC_SIGNATURE_DUPCTX: OSSL_FUNC_signature_dupctx_fn = dup,
        OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT: OSSL_FUNC_signature_digest_sign_init_fn =
            digest_sign_init,
        OSSL_FUNC_SIGNATURE_DIGEST_SIGN: OSSL_FUNC_signature_digest_sign_fn = digest_sign,
        OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_INIT: OSSL_FUNC_signature_digest_verify_init_fn =
            digest_verify_init,
        OSSL_FUNC_SIGNATURE_DIGEST_VERIFY: OSSL_FUNC_signature_digest_verify_fn = digest_verify,
        OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS: OSSL_FUNC_signature_get_ctx_params_fn = get_params,
        OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS: OSSL_FUNC_signature_gettable_ctx_params_fn =
            $gettable,
        OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS: OSSL_FUNC_signature_set_ctx_params_fn = set_params,
        OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS: OSSL_FUNC_signature_settable_ctx_params_fn =
            $settable,
        ]
    };
    ($gettable:ident, $settable:ident) => {
        whole_messages!(
            [
                OSSL_FUNC_SIGNATURE_SIGN_MESSAGE_INIT: OSSL_FUNC_signature_sign_message_init_fn =
                    sign_message_init,
                OSSL_FUNC_SIGNATURE_SIGN: OSSL_FUNC_signature_sign_fn = sign,
                OSSL_FUNC_SIGNATURE_VERIFY_MESSAGE_INIT:
                    OSSL_FUNC_signature_verify_message_init_fn = verify_message_init,
                OSSL_FUNC_SIGNATURE_VERIFY: OSSL_FUNC_signature_verify_fn = verify,
            ],
            $gettable,
            $settable
        )
    };
}

/// Ed25519 keys.
pub(super) static ED25519: &[OSSL_DISPATCH] = whole_messages!(ed25519_gettable, ed25519_settable);
/// Ed25519 keys where the core takes a `sign` without `sign_init` for a mistake.
pub(super) static ED25519_BEFORE_3_4: &[OSSL_DISPATCH] =
    whole_messages!([], ed25519_gettable, ed25519_settable);

/// The functions of an algorithm that names scheme and digest, which the core has from 3.4 on:
/// over digests, and over messages at once or piece by piece.
macro_rules! fixed {
    ([$($own:tt)*], $scheme:ident, $digest:ident, $key_types:ident) => {
        dispatch![
        $($own)*
        OSSL_FUNC_SIGNATURE_NEWCTX: OSSL_FUNC_signature_newctx_fn =
            new_fixed::<{ Scheme::$scheme.code() }, { Digest::$digest.code() }>,
        OSSL_FUNC_SIGNATURE_FREECTX: OSSL_FUNC_signature_freectx_fn = free,
        OSSL_FUNC_SIGNATURE_DUPCTX: OSSL_FUNC_signature_dupctx_fn = dup,
        OSSL_FUNC_SIGNATURE_SIGN_INIT: OSSL_FUNC_signature_sign_init_fn = sign_init,
        OSSL_FUNC_SIGNATURE_SIGN: OSSL_FUNC_signature_sign_fn = sign,
        OSSL_FUNC_SIGNATURE_SIGN_MESSAGE_INIT: OSSL_FUNC_signature_sign_message_init_fn =
            sign_message_init,
        OSSL_FUNC_SIGNATURE_SIGN_MESSAGE_UPDATE: OSSL_FUNC_signature_sign_message_update_fn =
            update,
        OSSL_FUNC_SIGNATURE_SIGN_MESSAGE_FINAL: OSSL_FUNC_signature_sign_message_final_fn =
            digest_sign_final,
        OSSL_FUNC_SIGNATURE_VERIFY_INIT: OSSL_FUNC_signature_verify_init_fn = verify_init,
        OSSL_FUNC_SIGNATURE_VERIFY: OSSL_FUNC_signature_verify_fn = verify,
        OSSL_FUNC_SIGNATURE_VERIFY_MESSAGE_INIT: OSSL_FUNC_signature_verify_message_init_fn =
            verify_message_init,
        OSSL_FUNC_SIGNATURE_VERIFY_MESSAGE_UPDATE: OSSL_FUNC_signature_verify_message_update_fn =
            update,
        OSSL_FUNC_SIGNATURE_VERIFY_MESSAGE_FINAL: OSSL_FUNC_signature_verify_message_final_fn =
            verify_message_final,
        OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS: OSSL_FUNC_signature_get_ctx_params_fn = get_params,
        OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS: OSSL_FUNC_signature_gettable_ctx_params_fn =
            fixed_gettable,
        OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS: OSSL_FUNC_signature_set_ctx_params_fn = set_params,
        OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS: OSSL_FUNC_signature_settable_ctx_params_fn =
            fixed_settable,
        OSSL_FUNC_SIGNATURE_QUERY_KEY_TYPES: OSSL_FUNC_signature_query_key_types_fn = $key_types,
        ]
    };
}

macro_rules! rsa {
    ($($name:ident: $digest:ident),* $(,)?) => {
        /// RSASSA-PKCS1-v1_5 with each digest.
        pub(super) mod rsa {
            use super::*;
            $(pub(in crate::shells) static $name: &[OSSL_DISPATCH] = fixed!(
                [
                    OSSL_FUNC_SIGNATURE_VERIFY_RECOVER_INIT:
                        OSSL_FUNC_signature_verify_recover_init_fn = recover_init,
                    OSSL_FUNC_SIGNATURE_VERIFY_RECOVER: OSSL_FUNC_signature_verify_recover_fn =
                        recover,
                ],
                RsaPkcs1, $digest, rsa_key_types
            );)*
        }
    };
}

macro_rules! ecdsa {
    ($($name:ident: $digest:ident),* $(,)?) => {
        /// ECDSA with each digest.
        pub(super) mod ecdsa {
            use super::*;
            $(pub(in crate::shells) static $name: &[OSSL_DISPATCH] =
                fixed!([], Ecdsa, $digest, ec_key_types);)*
        }
    };
}

/// ML-DSA keys: messages at once, or piece by piece as EVP_SIGNATURE-ML-DSA(7) has them, and as
/// with keys that take a digest.
macro_rules! ml_dsa {
    ($set:ident) => {
        dispatch![
        OSSL_FUNC_SIGNATURE_NEWCTX: OSSL_FUNC_signature_newctx_fn =
            new_fixed::<{ Scheme::$set.code() }, NO_DIGEST>,
        OSSL_FUNC_SIGNATURE_FREECTX: OSSL_FUNC_signature_freectx_fn = free,
        OSSL_FUNC_SIGNATURE_DUPCTX: OSSL_FUNC_signature_dupctx_fn = dup,
        OSSL_FUNC_SIGNATURE_SIGN_MESSAGE_INIT: OSSL_FUNC_signature_sign_message_init_fn =
            sign_message_init,
        OSSL_FUNC_SIGNATURE_SIGN_MESSAGE_UPDATE: OSSL_FUNC_signature_sign_message_update_fn =
            update,
        OSSL_FUNC_SIGNATURE_SIGN_MESSAGE_FINAL: OSSL_FUNC_signature_sign_message_final_fn =
            digest_sign_final,
        OSSL_FUNC_SIGNATURE_SIGN: OSSL_FUNC_signature_sign_fn = sign,
        OSSL_FUNC_SIGNATURE_VERIFY_MESSAGE_INIT: OSSL_FUNC_signature_verify_message_init_fn =
            verify_message_init,
        OSSL_FUNC_SIGNATURE_VERIFY_MESSAGE_UPDATE: OSSL_FUNC_signature_verify_message_update_fn =
            update,
        OSSL_FUNC_SIGNATURE_VERIFY_MESSAGE_FINAL: OSSL_FUNC_signature_verify_message_final_fn =
            verify_message_final,
        OSSL_FUNC_SIGNATURE_VERIFY: OSSL_FUNC_signature_verify_fn = verify,
        OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT: OSSL_FUNC_signature_digest_sign_init_fn =
            digest_sign_init,
        OSSL_FUNC_SIGNATURE_DIGEST_SIGN_UPDATE: OSSL_FUNC_signature_digest_sign_update_fn = update,
        OSSL_FUNC_SIGNATURE_DIGEST_SIGN_FINAL: OSSL_FUNC_signature_digest_sign_final_fn =
            digest_sign_final,
        OSSL_FUNC_SIGNATURE_DIGEST_SIGN: OSSL_FUNC_signature_digest_sign_fn = digest_sign,
        OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_INIT: OSSL_FUNC_signature_digest_verify_init_fn =
            digest_verify_init,
        OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_UPDATE: OSSL_FUNC_signature_digest_verify_update_fn = update,
        OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_FINAL: OSSL_FUNC_signature_digest_verify_final_fn =
            digest_verify_final,
        OSSL_FUNC_SIGNATURE_DIGEST_VERIFY: OSSL_FUNC_signature_digest_verify_fn = digest_verify,
        OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS: OSSL_FUNC_signature_get_ctx_params_fn = get_params,
        OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS: OSSL_FUNC_signature_gettable_ctx_params_fn =
            ml_dsa_gettable,
        OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS: OSSL_FUNC_signature_set_ctx_params_fn = set_params,
        OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS: OSSL_FUNC_signature_settable_ctx_params_fn =
            ml_dsa_settable,
        ]
    };
}

/// Stands for the absence of a digest where a number stands for one; digests begin at 1.
const NO_DIGEST: u32 = 0;

#[allow(non_upper_case_globals)] // Named as the families are, for the table of algorithms.
mod named_as_families {
    use super::*;
    pub(in crate::shells) static MlDsa44: &[OSSL_DISPATCH] = ml_dsa!(MlDsa44);
    pub(in crate::shells) static MlDsa65: &[OSSL_DISPATCH] = ml_dsa!(MlDsa65);
    pub(in crate::shells) static MlDsa87: &[OSSL_DISPATCH] = ml_dsa!(MlDsa87);
}
pub(super) use named_as_families::*;

rsa!(
    SHA1: Sha1, SHA224: Sha224, SHA256: Sha256, SHA384: Sha384, SHA512: Sha512,
    SHA512_256: Sha512_256, SHA3_256: Sha3_256, SHA3_384: Sha3_384, SHA3_512: Sha3_512,
);
ecdsa!(
    SHA1: Sha1, SHA224: Sha224, SHA256: Sha256, SHA384: Sha384, SHA512: Sha512,
    SHA3_256: Sha3_256, SHA3_384: Sha3_384, SHA3_512: Sha3_512,
);

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

unsafe extern "C" fn free(ctx: *mut c_void) {
    // SAFETY: the core gives up a context that `new` or `dup` made.
    let context = unsafe { handle::take::<SignatureContext>(ctx) };
    release(context);
}

unsafe extern "C" fn dup(ctx: *mut c_void) -> *mut c_void {
    // SAFETY: the core passes a context of ours.
    let context = unsafe { handle::borrow::<SignatureContext>(ctx) };
    guard(context, std::ptr::null_mut(), |context| Ok(handle::give((**context).clone())))
}

unsafe fn init(
    ctx: *mut c_void,
    key: *mut c_void,
    params: *const OSSL_PARAM,
    purpose: Purpose,
) -> c_int {
    // SAFETY: the core passes a context of ours.
    let context = unsafe { handle::borrow::<SignatureContext>(ctx) };
    // SAFETY: the core passes a key that our key management made, or null to keep the last.
    let key = unsafe { handle::another_share::<Key>(key) };
    // SAFETY: the core passes a list that lives until we return, or null.
    let params = unsafe { Params::new(params) };
    guard(context, 0, |context| context.init(key, params, purpose).map(|()| 1))
}

unsafe extern "C" fn sign_init(
    ctx: *mut c_void,
    key: *mut c_void,
    params: *const OSSL_PARAM,
) -> c_int {
    // SAFETY: the same promise of the core's holds for `init`.
    unsafe { init(ctx, key, params, Purpose::Sign) }
}

unsafe extern "C" fn verify_init(
    ctx: *mut c_void,
    key: *mut c_void,
    params: *const OSSL_PARAM,
) -> c_int {
    // SAFETY: the same promise of the core's holds for `init`.
    unsafe { init(ctx, key, params, Purpose::Verify) }
}

unsafe extern "C" fn recover_init(
    ctx: *mut c_void,
    key: *mut c_void,
    params: *const OSSL_PARAM,
) -> c_int {
    // SAFETY: the same promise of the core's holds for `init`.
    unsafe { init(ctx, key, params, Purpose::Recover) }
}

unsafe fn message_init(
    ctx: *mut c_void,
    key: *mut c_void,
    params: *const OSSL_PARAM,
    purpose: Purpose,
) -> c_int {
    // SAFETY: the core passes a context of ours.
    let context = unsafe { handle::borrow::<SignatureContext>(ctx) };
    // SAFETY: the core passes a key that our key management made, or null to keep the last.
    let key = unsafe { handle::another_share::<Key>(key) };
    // SAFETY: the core passes a list that lives until we return, or null.
    let params = unsafe { Params::new(params) };
    guard(context, 0, |context| context.message_init(key, params, purpose).map(|()| 1))
}

unsafe extern "C" fn sign_message_init(
    ctx: *mut c_void,
    key: *mut c_void,
    params: *const OSSL_PARAM,
) -> c_int {
    // SAFETY: the same promise of the core's holds for `message_init`.
    unsafe { message_init(ctx, key, params, Purpose::Sign) }
}

unsafe extern "C" fn verify_message_init(
    ctx: *mut c_void,
    key: *mut c_void,
    params: *const OSSL_PARAM,
) -> c_int {
    // SAFETY: the same promise of the core's holds for `message_init`.
    unsafe { message_init(ctx, key, params, Purpose::Verify) }
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
    let signature = unsafe { handle::bytes(signature, signature_length) };
    guard(context, 0, |context| context.recover(output, signature).map(|()| 1))
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
    let input = unsafe { handle::bytes(input, input_length) };
    guard(context, 0, |context| context.sign(output, input).map(|()| 1))
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

unsafe extern "C" fn get_params(ctx: *mut c_void, params: *mut OSSL_PARAM) -> c_int {
    // SAFETY: the core passes a context of ours.
    let context = unsafe { handle::borrow::<SignatureContext>(ctx) };
    // SAFETY: the core passes a list that is ours until we return, or null.
    let questions = unsafe { Questions::new(params) };
    guard(context, 0, |context| context.get_params(questions).map(|()| 1))
}

unsafe extern "C" fn set_params(ctx: *mut c_void, params: *const OSSL_PARAM) -> c_int {
    // SAFETY: the core passes a context of ours.
    let context = unsafe { handle::borrow::<SignatureContext>(ctx) };
    // SAFETY: the core passes a list that lives until we return, or null.
    let params = unsafe { Params::new(params) };
    guard(context, 0, |context| context.set_params(params).map(|()| 1))
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

unsafe extern "C" fn rsa_gettable(_: *mut c_void, _: *mut c_void) -> *const OSSL_PARAM {
    params::RSA_GETTABLE.as_ptr()
}

unsafe extern "C" fn rsa_settable(_: *mut c_void, _: *mut c_void) -> *const OSSL_PARAM {
    params::RSA_SETTABLE.as_ptr()
}

unsafe extern "C" fn ecdsa_gettable(_: *mut c_void, _: *mut c_void) -> *const OSSL_PARAM {
    params::ECDSA_GETTABLE.as_ptr()
}

unsafe extern "C" fn ecdsa_settable(_: *mut c_void, _: *mut c_void) -> *const OSSL_PARAM {
    params::ECDSA_SETTABLE.as_ptr()
}

unsafe extern "C" fn ed25519_gettable(_: *mut c_void, _: *mut c_void) -> *const OSSL_PARAM {
    params::ED25519_GETTABLE.as_ptr()
}

unsafe extern "C" fn ed25519_settable(_: *mut c_void, _: *mut c_void) -> *const OSSL_PARAM {
    params::ED25519_SETTABLE.as_ptr()
}

unsafe extern "C" fn ml_dsa_gettable(_: *mut c_void, _: *mut c_void) -> *const OSSL_PARAM {
    params::ML_DSA_GETTABLE.as_ptr()
}

unsafe extern "C" fn ml_dsa_settable(_: *mut c_void, _: *mut c_void) -> *const OSSL_PARAM {
    params::ML_DSA_SETTABLE.as_ptr()
}

unsafe extern "C" fn fixed_gettable(_: *mut c_void, _: *mut c_void) -> *const OSSL_PARAM {
    params::FIXED_GETTABLE.as_ptr()
}

unsafe extern "C" fn fixed_settable(_: *mut c_void, _: *mut c_void) -> *const OSSL_PARAM {
    params::FIXED_SETTABLE.as_ptr()
}
