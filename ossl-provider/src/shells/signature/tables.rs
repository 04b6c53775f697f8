//! The tables of functions that sign and verify, one for each kind of algorithm.

use keyward_algorithms::{Digest, Scheme};

use super::*;
use crate::ffi::{bindings::OSSL_DISPATCH, dispatch::dispatch};

/// A table of functions, put together of those that belong together: how a context is made, and what
/// is done with it.
macro_rules! table {
    ($new:expr; $($groups:tt)*) => {
        table!(@with [
            OSSL_FUNC_SIGNATURE_NEWCTX: OSSL_FUNC_signature_newctx_fn = $new,
            OSSL_FUNC_SIGNATURE_FREECTX: OSSL_FUNC_signature_freectx_fn = free::<SignatureContext>,
            OSSL_FUNC_SIGNATURE_DUPCTX: OSSL_FUNC_signature_dupctx_fn = dup::<SignatureContext>,
        ] $($groups)*)
    };
    (@with [$($rows:tt)*]) => {
        dispatch![$($rows)*]
    };
    // What both those need that sign digests and those that sign messages.
    (@with [$($rows:tt)*] raw, $($rest:tt)*) => {
        table!(@with [$($rows)*
            OSSL_FUNC_SIGNATURE_SIGN: OSSL_FUNC_signature_sign_fn = sign,
            OSSL_FUNC_SIGNATURE_VERIFY: OSSL_FUNC_signature_verify_fn = verify,
        ] $($rest)*)
    };
    (@with [$($rows:tt)*] digests, $($rest:tt)*) => {
        table!(@with [$($rows)*
            OSSL_FUNC_SIGNATURE_SIGN_INIT: OSSL_FUNC_signature_sign_init_fn = sign_init,
            OSSL_FUNC_SIGNATURE_VERIFY_INIT: OSSL_FUNC_signature_verify_init_fn = verify_init,
        ] $($rest)*)
    };
    (@with [$($rows:tt)*] recovery, $($rest:tt)*) => {
        table!(@with [$($rows)*
            OSSL_FUNC_SIGNATURE_VERIFY_RECOVER_INIT: OSSL_FUNC_signature_verify_recover_init_fn =
                recover_init,
            OSSL_FUNC_SIGNATURE_VERIFY_RECOVER: OSSL_FUNC_signature_verify_recover_fn = recover,
        ] $($rest)*)
    };
    (@with [$($rows:tt)*] messages, $($rest:tt)*) => {
        table!(@with [$($rows)*
            OSSL_FUNC_SIGNATURE_SIGN_MESSAGE_INIT: OSSL_FUNC_signature_sign_message_init_fn =
                sign_message_init,
            OSSL_FUNC_SIGNATURE_VERIFY_MESSAGE_INIT: OSSL_FUNC_signature_verify_message_init_fn =
                verify_message_init,
        ] $($rest)*)
    };
    (@with [$($rows:tt)*] message_pieces, $($rest:tt)*) => {
        table!(@with [$($rows)*
            OSSL_FUNC_SIGNATURE_SIGN_MESSAGE_UPDATE:
                OSSL_FUNC_signature_sign_message_update_fn = update,
            OSSL_FUNC_SIGNATURE_SIGN_MESSAGE_FINAL: OSSL_FUNC_signature_sign_message_final_fn =
                digest_sign_final,
            OSSL_FUNC_SIGNATURE_VERIFY_MESSAGE_UPDATE:
                OSSL_FUNC_signature_verify_message_update_fn = update,
            OSSL_FUNC_SIGNATURE_VERIFY_MESSAGE_FINAL:
                OSSL_FUNC_signature_verify_message_final_fn = verify_message_final,
        ] $($rest)*)
    };
    (@with [$($rows:tt)*] digest_sign, $($rest:tt)*) => {
        table!(@with [$($rows)*
            OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT: OSSL_FUNC_signature_digest_sign_init_fn =
                digest_sign_init,
            OSSL_FUNC_SIGNATURE_DIGEST_SIGN: OSSL_FUNC_signature_digest_sign_fn = digest_sign,
            OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_INIT: OSSL_FUNC_signature_digest_verify_init_fn =
                digest_verify_init,
            OSSL_FUNC_SIGNATURE_DIGEST_VERIFY: OSSL_FUNC_signature_digest_verify_fn =
                digest_verify,
        ] $($rest)*)
    };
    (@with [$($rows:tt)*] digest_sign_pieces, $($rest:tt)*) => {
        table!(@with [$($rows)*
            OSSL_FUNC_SIGNATURE_DIGEST_SIGN_UPDATE: OSSL_FUNC_signature_digest_sign_update_fn =
                update,
            OSSL_FUNC_SIGNATURE_DIGEST_SIGN_FINAL: OSSL_FUNC_signature_digest_sign_final_fn =
                digest_sign_final,
            OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_UPDATE:
                OSSL_FUNC_signature_digest_verify_update_fn = update,
            OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_FINAL: OSSL_FUNC_signature_digest_verify_final_fn =
                digest_verify_final,
        ] $($rest)*)
    };
    (@with [$($rows:tt)*] params($gettable:ident, $settable:ident), $($rest:tt)*) => {
        table!(@with [$($rows)*
            OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS: OSSL_FUNC_signature_get_ctx_params_fn =
                get_params::<SignatureContext>,
            OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS: OSSL_FUNC_signature_gettable_ctx_params_fn =
                $gettable,
            OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS: OSSL_FUNC_signature_set_ctx_params_fn =
                set_params::<SignatureContext>,
            OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS: OSSL_FUNC_signature_settable_ctx_params_fn =
                $settable,
        ] $($rest)*)
    };
    (@with [$($rows:tt)*] digest_params, $($rest:tt)*) => {
        table!(@with [$($rows)*
            OSSL_FUNC_SIGNATURE_GET_CTX_MD_PARAMS: OSSL_FUNC_signature_get_ctx_md_params_fn =
                get_md_params,
            OSSL_FUNC_SIGNATURE_GETTABLE_CTX_MD_PARAMS:
                OSSL_FUNC_signature_gettable_ctx_md_params_fn = md_params,
            OSSL_FUNC_SIGNATURE_SET_CTX_MD_PARAMS: OSSL_FUNC_signature_set_ctx_md_params_fn =
                set_md_params,
            OSSL_FUNC_SIGNATURE_SETTABLE_CTX_MD_PARAMS:
                OSSL_FUNC_signature_settable_ctx_md_params_fn = md_params,
        ] $($rest)*)
    };
    (@with [$($rows:tt)*] key_types($key_types:ident), $($rest:tt)*) => {
        table!(@with [$($rows)*
            OSSL_FUNC_SIGNATURE_QUERY_KEY_TYPES: OSSL_FUNC_signature_query_key_types_fn =
                $key_types,
        ] $($rest)*)
    };
}

/// RSA and RSA-PSS keys.
pub(in crate::shells) static RSA: &[OSSL_DISPATCH] = table!(
    new; recovery, digests, raw, digest_sign, digest_sign_pieces,
    params(rsa_gettable, rsa_settable), digest_params,
);

/// Keys on the curves.
pub(in crate::shells) static ECDSA: &[OSSL_DISPATCH] = table!(
    new; digests, raw, digest_sign, digest_sign_pieces,
    params(ecdsa_gettable, ecdsa_settable), digest_params,
);

/// Ed25519 keys: whole messages in one call (EVP_SIGNATURE-ED25519(7)).
pub(in crate::shells) static ED25519: &[OSSL_DISPATCH] =
    table!(new; messages, raw, digest_sign, params(ed25519_gettable, ed25519_settable),);
/// Ed25519 keys where the core takes a `sign` without `sign_init` for a mistake.
pub(in crate::shells) static ED25519_BEFORE_3_4: &[OSSL_DISPATCH] =
    table!(new; digest_sign, params(ed25519_gettable, ed25519_settable),);

/// The functions of an algorithm that names scheme and digest, which the core has from 3.4 on:
/// over digests, and over messages at once or piece by piece.
macro_rules! fixed {
    ($scheme:ident, $digest:ident, $key_types:ident $(, $own:tt)?) => {
        table!(
            new_fixed::<{ Scheme::$scheme.code() }, { Digest::$digest.code() }>;
            $($own,)? digests, raw, messages, message_pieces,
            params(fixed_gettable, fixed_settable), key_types($key_types),
        )
    };
}

macro_rules! rsa {
    ($($name:ident: $digest:ident),* $(,)?) => {
        /// RSASSA-PKCS1-v1_5 with each digest.
        pub(in crate::shells) mod rsa {
            use super::*;
            $(pub(in crate::shells) static $name: &[OSSL_DISPATCH] =
                fixed!(RsaPkcs1, $digest, rsa_key_types, recovery);)*
        }
    };
}

macro_rules! ecdsa {
    ($($name:ident: $digest:ident),* $(,)?) => {
        /// ECDSA with each digest.
        pub(in crate::shells) mod ecdsa {
            use super::*;
            $(pub(in crate::shells) static $name: &[OSSL_DISPATCH] =
                fixed!(Ecdsa, $digest, ec_key_types);)*
        }
    };
}

/// ML-DSA keys: messages at once, or piece by piece as EVP_SIGNATURE-ML-DSA(7) has them, and as
/// with keys that take a digest.
macro_rules! ml_dsa {
    ($set:ident) => {
        table!(
            new_fixed::<{ Scheme::$set.code() }, NO_DIGEST>;
            messages, message_pieces, raw, digest_sign, digest_sign_pieces,
            params(ml_dsa_gettable, ml_dsa_settable),
        )
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
