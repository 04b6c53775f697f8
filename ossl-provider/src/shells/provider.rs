//! The provider itself (provider-base(7)): its functions, and what it offers.

use std::ffi::{CStr, c_int, c_void};

use keyward_algorithms::{Agreement, ErrorKind, Family};

use super::{asym_cipher, decoder, encoder, keyexch, keymgmt, signature, store};
use crate::{
    ffi::{
        bindings::{self, OSSL_ALGORITHM, OSSL_CORE_HANDLE, OSSL_DISPATCH, OSSL_ITEM, OSSL_PARAM},
        core::{Core, reason},
        dispatch::{
            Algorithms, Descriptors, END_OF_ALGORITHMS, algorithm, c_names, descriptors, dispatch,
        },
        guard::{guard, guard_quietly, release},
        handle, names,
        params::{Answer, Questions},
    },
    provider::Provider,
};

static FUNCTIONS: &[OSSL_DISPATCH] = dispatch![
    OSSL_FUNC_PROVIDER_TEARDOWN: OSSL_FUNC_provider_teardown_fn = teardown,
    OSSL_FUNC_PROVIDER_GETTABLE_PARAMS: OSSL_FUNC_provider_gettable_params_fn = gettable_params,
    OSSL_FUNC_PROVIDER_GET_PARAMS: OSSL_FUNC_provider_get_params_fn = get_params,
    OSSL_FUNC_PROVIDER_QUERY_OPERATION: OSSL_FUNC_provider_query_operation_fn = query_operation,
    OSSL_FUNC_PROVIDER_GET_REASON_STRINGS: OSSL_FUNC_provider_get_reason_strings_fn =
        reason_strings,
];

/// The properties of an algorithm without a format. It does not say `provider=keyward`, and that is
/// the point: with it, `?provider=keyward` among the default properties would bring libssl here for
/// its ephemeral keys, which we do not make, and for the verification of strangers' certificates.
/// Keys that came from our store or decoder find our operations without any property, since the
/// core asks the provider of the key.
const NO_PROPERTIES: &CStr = c"";

const fn family(family: Family) -> &'static CStr {
    match family {
        Family::Rsa => c_names!(Family::Rsa.row().openssl),
        Family::RsaPss => c_names!(Family::RsaPss.row().openssl),
        Family::Ec => c_names!(Family::Ec.row().openssl),
        Family::Ed25519 => c_names!(Family::Ed25519.row().openssl),
        Family::X25519 => c_names!(Family::X25519.row().openssl),
    }
}

const DESCRIPTION: &CStr = c"a key in a Keyward service";

static KEY_MANAGEMENT: Algorithms = Algorithms(
    const {
        &[
            algorithm(family(Family::Rsa), NO_PROPERTIES, keymgmt::RSA, DESCRIPTION),
            algorithm(family(Family::RsaPss), NO_PROPERTIES, keymgmt::RSA_PSS, DESCRIPTION),
            algorithm(family(Family::Ec), NO_PROPERTIES, keymgmt::EC, DESCRIPTION),
            algorithm(family(Family::Ed25519), NO_PROPERTIES, keymgmt::ED25519, DESCRIPTION),
            algorithm(family(Family::X25519), NO_PROPERTIES, keymgmt::X25519, DESCRIPTION),
            END_OF_ALGORITHMS,
        ]
    },
);

static SIGNATURES: Algorithms = Algorithms(
    const {
        &[
            algorithm(family(Family::Rsa), NO_PROPERTIES, signature::RSA, DESCRIPTION),
            algorithm(c"ECDSA", NO_PROPERTIES, signature::ECDSA, DESCRIPTION),
            algorithm(family(Family::Ed25519), NO_PROPERTIES, signature::ED25519, DESCRIPTION),
            END_OF_ALGORITHMS,
        ]
    },
);

static ASYMMETRIC_CIPHERS: Algorithms = Algorithms(
    const {
        &[
            algorithm(family(Family::Rsa), NO_PROPERTIES, asym_cipher::RSA, DESCRIPTION),
            END_OF_ALGORITHMS,
        ]
    },
);

static KEY_EXCHANGES: Algorithms = Algorithms(
    const {
        &[
            algorithm(
                c_names!(Agreement::Ecdh.row().openssl),
                NO_PROPERTIES,
                keyexch::ECDH,
                DESCRIPTION,
            ),
            algorithm(
                c_names!(Agreement::X25519.row().openssl),
                NO_PROPERTIES,
                keyexch::X25519,
                DESCRIPTION,
            ),
            END_OF_ALGORITHMS,
        ]
    },
);

/// The encoders of one family besides the type-specific ones.
macro_rules! encoders {
    ($family:ident) => {
        [
            algorithm(
                family(Family::$family),
                c"output=der,structure=SubjectPublicKeyInfo",
                encoder::SPKI_DER,
                DESCRIPTION,
            ),
            algorithm(
                family(Family::$family),
                c"output=pem,structure=SubjectPublicKeyInfo",
                encoder::SPKI_PEM,
                DESCRIPTION,
            ),
            algorithm(
                family(Family::$family),
                c"output=pem,structure=PrivateKeyInfo",
                encoder::REFERENCE_PEM,
                DESCRIPTION,
            ),
            algorithm(family(Family::$family), c"output=text", encoder::TEXT, DESCRIPTION),
        ]
    };
}

const RSA_ENCODERS: [OSSL_ALGORITHM; 4] = encoders!(Rsa);
const RSA_PSS_ENCODERS: [OSSL_ALGORITHM; 4] = encoders!(RsaPss);
const EC_ENCODERS: [OSSL_ALGORITHM; 4] = encoders!(Ec);
const ED25519_ENCODERS: [OSSL_ALGORITHM; 4] = encoders!(Ed25519);
const X25519_ENCODERS: [OSSL_ALGORITHM; 4] = encoders!(X25519);

macro_rules! type_specific {
    ($family:ident, $properties:expr, $functions:ident) => {
        algorithm(family(Family::$family), $properties, encoder::$functions, DESCRIPTION)
    };
}

static ENCODERS: Algorithms = Algorithms(
    const {
        &[
            type_specific!(Rsa, c"output=der,structure=pkcs1", PKCS1_DER),
            type_specific!(Rsa, c"output=pem,structure=pkcs1", PKCS1_PEM),
            type_specific!(Rsa, c"output=der,structure=type-specific", PKCS1_DER),
            type_specific!(Rsa, c"output=pem,structure=type-specific", PKCS1_PEM),
            RSA_ENCODERS[0],
            RSA_ENCODERS[1],
            RSA_ENCODERS[2],
            RSA_ENCODERS[3],
            RSA_PSS_ENCODERS[0],
            RSA_PSS_ENCODERS[1],
            RSA_PSS_ENCODERS[2],
            RSA_PSS_ENCODERS[3],
            EC_ENCODERS[0],
            EC_ENCODERS[1],
            EC_ENCODERS[2],
            EC_ENCODERS[3],
            ED25519_ENCODERS[0],
            ED25519_ENCODERS[1],
            ED25519_ENCODERS[2],
            ED25519_ENCODERS[3],
            X25519_ENCODERS[0],
            X25519_ENCODERS[1],
            X25519_ENCODERS[2],
            X25519_ENCODERS[3],
            END_OF_ALGORITHMS,
        ]
    },
);

/// The decoder from the structure in a reference PEM to a key of one family.
macro_rules! from_reference {
    ($family:ident) => {
        algorithm(
            family(Family::$family),
            c"input=der,structure=keyward-reference",
            decoder::$family,
            c"a reference to a key in a Keyward service",
        )
    };
}

static DECODERS: Algorithms = Algorithms(
    const {
        &[
            algorithm(c"DER", c"input=pem", decoder::PEM, c"a Keyward reference PEM file"),
            from_reference!(Rsa),
            from_reference!(RsaPss),
            from_reference!(Ec),
            from_reference!(Ed25519),
            from_reference!(X25519),
            END_OF_ALGORITHMS,
        ]
    },
);

static NO_DECODERS: Algorithms = Algorithms(const { &[END_OF_ALGORITHMS] });

static STORES: Algorithms = Algorithms(
    const { &[algorithm(c"keyward", NO_PROPERTIES, store::KEYWARD, DESCRIPTION), END_OF_ALGORITHMS] },
);

static STORES_WITH_PKCS11: Algorithms = Algorithms(
    const {
        &[
            algorithm(c"keyward", NO_PROPERTIES, store::KEYWARD, DESCRIPTION),
            algorithm(c"pkcs11", NO_PROPERTIES, store::PKCS11, DESCRIPTION),
            END_OF_ALGORITHMS,
        ]
    },
);

/// The list is complete from the start and never changes: libssl asks once, when it makes an
/// `SSL_CTX`, and remembers.
unsafe extern "C" fn query_operation(
    provctx: *mut c_void,
    operation: c_int,
    no_cache: *mut c_int,
) -> *const OSSL_ALGORITHM {
    // SAFETY: the core passes a place for the answer, or null.
    if let Some(no_cache) = unsafe { no_cache.as_mut() } {
        *no_cache = 0;
    }
    // SAFETY: the core passes the provider that OSSL_provider_init made.
    let provider = unsafe { handle::shared::<Provider>(provctx) };
    guard(provider, std::ptr::null(), |provider| {
        let table = match operation {
            bindings::OSSL_OP_KEYMGMT => KEY_MANAGEMENT,
            bindings::OSSL_OP_SIGNATURE => SIGNATURES,
            bindings::OSSL_OP_ASYM_CIPHER => ASYMMETRIC_CIPHERS,
            bindings::OSSL_OP_KEYEXCH => KEY_EXCHANGES,
            bindings::OSSL_OP_ENCODER => ENCODERS,
            bindings::OSSL_OP_DECODER if provider.reference_pem => DECODERS,
            bindings::OSSL_OP_DECODER => NO_DECODERS,
            bindings::OSSL_OP_STORE if provider.pkcs11_uri => STORES_WITH_PKCS11,
            bindings::OSSL_OP_STORE => STORES,
            _ => return Ok(std::ptr::null()),
        };
        Ok(table.as_ptr())
    })
}

static ABOUT: Descriptors = descriptors![
    PROVIDER_NAME: Utf8Pointer, PROVIDER_VERSION: Utf8Pointer, PROVIDER_BUILDINFO: Utf8Pointer,
    PROVIDER_STATUS: Integer,
];

const VERSION: &CStr = c_names!(env!("CARGO_PKG_VERSION"));

unsafe extern "C" fn gettable_params(_: *mut c_void) -> *const OSSL_PARAM {
    ABOUT.as_ptr()
}

unsafe extern "C" fn get_params(provctx: *mut c_void, params: *mut OSSL_PARAM) -> c_int {
    // SAFETY: the core passes the provider that OSSL_provider_init made.
    let provider = unsafe { handle::shared::<Provider>(provctx) };
    // SAFETY: the core passes a list that is ours until we return, or null.
    let mut questions = unsafe { Questions::new(params) };
    guard(provider, 0, |_| {
        questions.answer_each(|name, _| {
            Ok(match name {
                _ if name == names::PROVIDER_NAME => Some(Answer::StaticText(c"Keyward")),
                _ if name == names::PROVIDER_VERSION => Some(Answer::StaticText(VERSION)),
                _ if name == names::PROVIDER_BUILDINFO => Some(Answer::StaticText(VERSION)),
                _ if name == names::PROVIDER_STATUS => Some(Answer::Integer(1)),
                _ => None,
            })
        })?;
        Ok(1)
    })
}

/// The reasons that errors of ours have: the kinds of error, each with its meaning.
macro_rules! reasons {
    ($($kind:ident),*) => {
        [
            $(OSSL_ITEM {
                id: reason(ErrorKind::$kind),
                ptr: c_names!(ErrorKind::$kind.row().meaning).as_ptr().cast_mut().cast(),
            },)*
            OSSL_ITEM { id: 0, ptr: std::ptr::null_mut() },
        ]
    };
}

struct Reasons([OSSL_ITEM; 15]);

// SAFETY: the pointers lead to constants, which nobody changes.
unsafe impl Sync for Reasons {}

static REASONS: Reasons = Reasons(reasons![
    NotFound,
    AlreadyExists,
    PermissionDenied,
    Unauthenticated,
    Locked,
    Sealed,
    InvalidArgument,
    Unsupported,
    LimitExceeded,
    ApprovalRequired,
    Busy,
    Unavailable,
    Timeout,
    Internal
]);

unsafe extern "C" fn reason_strings(_: *mut c_void) -> *const OSSL_ITEM {
    REASONS.0.as_ptr()
}

unsafe extern "C" fn teardown(provctx: *mut c_void) {
    // SAFETY: the core gives up the provider that OSSL_provider_init made.
    let provider = unsafe { handle::take_share::<Provider>(provctx) };
    release(provider);
}

/// What `OSSL_provider_init` does.
///
/// # Safety
/// The arguments are as provider(7) has them.
pub(crate) unsafe fn init(
    core_handle: *const OSSL_CORE_HANDLE,
    from_core: *const OSSL_DISPATCH,
    to_core: *mut *const OSSL_DISPATCH,
    provctx: *mut *mut c_void,
) -> c_int {
    // SAFETY: the core passes its table.
    let core = unsafe { Core::new(core_handle, from_core) };
    // SAFETY: the core passes a place for our table.
    let to_core = unsafe { to_core.as_mut() };
    // SAFETY: the core passes a place for our instance.
    let provctx = unsafe { provctx.as_mut() };
    let (Some(to_core), Some(provctx)) = (to_core, provctx) else { return 0 };
    guard_quietly(0, || {
        *provctx = handle::share(Provider::new(core));
        *to_core = FUNCTIONS.as_ptr();
        Some(1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_error_is_a_reason() {
        for kind in ErrorKind::ALL {
            let item = REASONS.0.iter().find(|item| item.id == reason(*kind)).expect("a reason");
            // SAFETY: every item but the last has a C string.
            let text = unsafe { CStr::from_ptr(item.ptr.cast()) };
            assert_eq!(text.to_str().unwrap(), kind.row().meaning);
        }
    }
}
