//! The tables of functions that sign and verify, one for each kind of algorithm.

use keyward_algorithms::{Digest, Scheme};

use super::*;
use crate::ffi::{bindings::OSSL_DISPATCH, dispatch::dispatch};

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
pub(in crate::shells) static RSA: &[OSSL_DISPATCH] = hashing!(
    [
        OSSL_FUNC_SIGNATURE_VERIFY_RECOVER_INIT: OSSL_FUNC_signature_verify_recover_init_fn =
            recover_init,
        OSSL_FUNC_SIGNATURE_VERIFY_RECOVER: OSSL_FUNC_signature_verify_recover_fn = recover,
    ],
    rsa_gettable,
    rsa_settable
);

/// Keys on the curves.
pub(in crate::shells) static ECDSA: &[OSSL_DISPATCH] = hashing!([], ecdsa_gettable, ecdsa_settable);

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
pub(in crate::shells) static ED25519: &[OSSL_DISPATCH] =
    whole_messages!(ed25519_gettable, ed25519_settable);
/// Ed25519 keys where the core takes a `sign` without `sign_init` for a mistake.
pub(in crate::shells) static ED25519_BEFORE_3_4: &[OSSL_DISPATCH] =
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
        pub(in crate::shells) mod rsa {
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
        pub(in crate::shells) mod ecdsa {
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
pub(in crate::shells) use named_as_families::*;

rsa!(
    SHA1: Sha1, SHA224: Sha224, SHA256: Sha256, SHA384: Sha384, SHA512: Sha512,
    SHA512_256: Sha512_256, SHA3_256: Sha3_256, SHA3_384: Sha3_384, SHA3_512: Sha3_512,
);
ecdsa!(
    SHA1: Sha1, SHA224: Sha224, SHA256: Sha256, SHA384: Sha384, SHA512: Sha512,
    SHA3_256: Sha3_256, SHA3_384: Sha3_384, SHA3_512: Sha3_512,
);
