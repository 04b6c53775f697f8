//! The provider itself (provider-base(7)): its functions, and what it offers.

use std::{
    ffi::{CStr, CString, c_char, c_int, c_void},
    sync::LazyLock,
};

use keyward_algorithms::ErrorKind;

use super::offer;
use crate::{
    capabilities::{TLS_SIGALG, tell_tls_signatures},
    ffi::{
        bindings::{
            OSSL_ALGORITHM, OSSL_CALLBACK, OSSL_CORE_HANDLE, OSSL_DISPATCH, OSSL_ITEM, OSSL_PARAM,
        },
        builder::Callback,
        core::{Core, reason},
        dispatch::{Algorithms, Descriptors, c_names, descriptors, dispatch},
        guard::{guard, guard_quietly, release, silence_panics},
        handle, names,
        params::{Answer, Questions},
    },
    provider::Provider,
    self_test,
};

static FUNCTIONS: &[OSSL_DISPATCH] = dispatch![
    OSSL_FUNC_PROVIDER_TEARDOWN: OSSL_FUNC_provider_teardown_fn = teardown,
    OSSL_FUNC_PROVIDER_GETTABLE_PARAMS: OSSL_FUNC_provider_gettable_params_fn = gettable_params,
    OSSL_FUNC_PROVIDER_GET_PARAMS: OSSL_FUNC_provider_get_params_fn = get_params,
    OSSL_FUNC_PROVIDER_QUERY_OPERATION: OSSL_FUNC_provider_query_operation_fn = query_operation,
    OSSL_FUNC_PROVIDER_SELF_TEST: OSSL_FUNC_provider_self_test_fn = self_test,
    OSSL_FUNC_PROVIDER_GET_REASON_STRINGS: OSSL_FUNC_provider_get_reason_strings_fn =
        reason_strings,
    OSSL_FUNC_PROVIDER_GET_CAPABILITIES: OSSL_FUNC_provider_get_capabilities_fn = capabilities,
];

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
        Ok(offer::of(operation, provider).map_or(std::ptr::null(), Algorithms::as_ptr))
    })
}

/// Of a capability that we do not have there is nothing to tell, which is no failure: libssl asks
/// each provider for each, and makes no `SSL_CTX` after one.
unsafe extern "C" fn capabilities(
    provctx: *mut c_void,
    capability: *const c_char,
    callback: OSSL_CALLBACK,
    argument: *mut c_void,
) -> c_int {
    // SAFETY: the core passes the provider that OSSL_provider_init made.
    let provider = unsafe { handle::shared::<Provider>(provctx) };
    // SAFETY: the core passes a C string or null.
    let name = (!capability.is_null()).then(|| unsafe { CStr::from_ptr(capability) });
    // SAFETY: the core passes a callback and the argument that it takes.
    let callback = unsafe { Callback::new(callback, argument) };
    guard(provider, 0, |provider| {
        let is_ours = name.is_some_and(|name| name.to_bytes().eq_ignore_ascii_case(TLS_SIGALG));
        Ok(c_int::from(!is_ours || tell_tls_signatures(provider, callback)?))
    })
}

static ABOUT: Descriptors = descriptors![
    PROVIDER_NAME: Utf8Pointer, PROVIDER_VERSION: Utf8Pointer, PROVIDER_BUILDINFO: Utf8Pointer,
    PROVIDER_STATUS: Integer,
];

const VERSION: &CStr = c_names!(env!("CARGO_PKG_VERSION"));

/// The version, and the library that hashes and verifies here. Made as the module is loaded.
static BUILD: LazyLock<CString> = LazyLock::new(|| {
    let text = format!("{}, {}", env!("CARGO_PKG_VERSION"), keyward_crypto::module());
    CString::new(text).unwrap_or_default()
});

unsafe extern "C" fn gettable_params(_: *mut c_void) -> *const OSSL_PARAM {
    ABOUT.as_ptr()
}

unsafe extern "C" fn get_params(provctx: *mut c_void, params: *mut OSSL_PARAM) -> c_int {
    // SAFETY: the core passes the provider that OSSL_provider_init made.
    let provider = unsafe { handle::shared::<Provider>(provctx) };
    // SAFETY: the core passes a list that is ours until we return, or null.
    let mut questions = unsafe { Questions::new(params) };
    guard(provider, 0, |provider| {
        questions.answer_each(|name, _| {
            Ok(match name {
                _ if name == names::PROVIDER_NAME => Some(Answer::StaticText(c"Keyward")),
                _ if name == names::PROVIDER_VERSION => Some(Answer::StaticText(VERSION)),
                _ if name == names::PROVIDER_BUILDINFO => Some(Answer::StaticText(&BUILD)),
                // Whether the service is there is no matter of this: it may come and go.
                _ if name == names::PROVIDER_STATUS => {
                    Some(Answer::Integer(provider.client().is_ok().into()))
                }
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

unsafe extern "C" fn self_test(provctx: *mut c_void) -> c_int {
    // SAFETY: the core passes the provider that OSSL_provider_init made.
    let provider = unsafe { handle::shared::<Provider>(provctx) };
    guard(provider, 0, |_| self_test::passes().map(c_int::from))
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
    silence_panics();
    guard_quietly(0, || {
        LazyLock::force(&BUILD);
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
