//! `OSSL_OP_SKEYMGMT` (provider-skeymgmt(7)).

use std::ffi::{c_char, c_int, c_void};

use keyward_algorithms::SecretKind;

use crate::{
    ffi::{
        bindings::{OSSL_CALLBACK, OSSL_DISPATCH, OSSL_PARAM},
        dispatch::dispatch,
        guard::{guard, guard_quietly, release},
        handle, names,
        params::Params,
    },
    provider::Provider,
    secret::{IMPORTABLE, SecretKey, stays_inside},
};

/// The functions for keys of one kind.
macro_rules! kind {
    ($kind:ident) => {
        dispatch![
            OSSL_FUNC_SKEYMGMT_FREE: OSSL_FUNC_skeymgmt_free_fn = free,
            OSSL_FUNC_SKEYMGMT_IMPORT: OSSL_FUNC_skeymgmt_import_fn =
                import::<{ SecretKind::$kind.code() }>,
            OSSL_FUNC_SKEYMGMT_IMP_SETTABLE_PARAMS: OSSL_FUNC_skeymgmt_imp_settable_params_fn =
                importable,
            OSSL_FUNC_SKEYMGMT_EXPORT: OSSL_FUNC_skeymgmt_export_fn = export,
            OSSL_FUNC_SKEYMGMT_GET_KEY_ID: OSSL_FUNC_skeymgmt_get_key_id_fn = key_id,
        ]
    };
}

pub(super) static AES: &[OSSL_DISPATCH] = kind!(Aes);
pub(super) static HMAC: &[OSSL_DISPATCH] = kind!(Hmac);

/// A key comes from our store, as the address of a key that it lends for the time of the call, or
/// from a URI.
unsafe extern "C" fn import<const KIND: u32>(
    provctx: *mut c_void,
    _selection: c_int,
    params: *const OSSL_PARAM,
) -> *mut c_void {
    // SAFETY: the core passes the provider that OSSL_provider_init made.
    let provider = unsafe { handle::another_share::<Provider>(provctx) };
    // SAFETY: the core passes a list that lives until we return, or null.
    let params = unsafe { Params::new(params) };
    let kind = SecretKind::from_code(KIND);
    let reference = params.get(names::OBJECT_REFERENCE).and_then(|param| param.octets().ok());
    // SAFETY: our store lends keys of this type alone.
    let lent = reference.and_then(|bytes| unsafe { handle::lent::<SecretKey>(bytes) });
    guard(provider, std::ptr::null_mut(), |provider| {
        let lent = lent.filter(|key| Some(key.kind) == kind);
        let key = match (lent, kind) {
            (Some(key), _) => key,
            (None, Some(kind)) => SecretKey::import(provider, kind, params)?.into(),
            (None, None) => return Ok(std::ptr::null_mut()),
        };
        Ok(handle::share(key))
    })
}

unsafe extern "C" fn importable(_: *mut c_void) -> *const OSSL_PARAM {
    IMPORTABLE.as_ptr()
}

unsafe extern "C" fn export(
    key: *mut c_void,
    _selection: c_int,
    _callback: OSSL_CALLBACK,
    _argument: *mut c_void,
) -> c_int {
    // SAFETY: the core passes a key of ours.
    let key = unsafe { handle::shared::<SecretKey>(key) };
    guard(key, 0, |key| Err(key.about(stays_inside())))
}

unsafe extern "C" fn key_id(key: *mut c_void) -> *const c_char {
    // SAFETY: the core passes a key of ours.
    let key = unsafe { handle::shared::<SecretKey>(key) };
    guard_quietly(std::ptr::null(), || Some(key?.name().as_ptr()))
}

unsafe extern "C" fn free(key: *mut c_void) {
    // SAFETY: the core gives up a key that `import` made.
    let key = unsafe { handle::take_share::<SecretKey>(key) };
    release(key);
}
