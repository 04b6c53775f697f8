//! `OSSL_OP_KEYMGMT` (provider-keymgmt(7)).

use std::ffi::{c_char, c_int, c_void};

use keyward_algorithms::{ErrorKind, Family};

use crate::{
    ffi::{
        bindings::{self, OSSL_CALLBACK, OSSL_DISPATCH, OSSL_PARAM},
        builder::Callback,
        dispatch::dispatch,
        guard::{guard, guard_quietly, release},
        handle,
        params::{Params, Questions},
    },
    key::Key,
    keymgmt::{Selection, exchangeable, gettable, makes_no_keys, settable},
    provider::Provider,
    store::type_name,
};

/// The functions for keys of one family.
macro_rules! family {
    ($family:ident, $operation_name:expr) => {
        dispatch![
            OSSL_FUNC_KEYMGMT_NEW: OSSL_FUNC_keymgmt_new_fn = new::<{ Family::$family.code() }>,
            OSSL_FUNC_KEYMGMT_GEN_INIT: OSSL_FUNC_keymgmt_gen_init_fn =
                generate_init::<{ Family::$family.code() }>,
            OSSL_FUNC_KEYMGMT_GEN: OSSL_FUNC_keymgmt_gen_fn = generate,
            OSSL_FUNC_KEYMGMT_GEN_CLEANUP: OSSL_FUNC_keymgmt_gen_cleanup_fn = generate_cleanup,
            OSSL_FUNC_KEYMGMT_LOAD: OSSL_FUNC_keymgmt_load_fn = load::<{ Family::$family.code() }>,
            OSSL_FUNC_KEYMGMT_FREE: OSSL_FUNC_keymgmt_free_fn = free,
            OSSL_FUNC_KEYMGMT_DUP: OSSL_FUNC_keymgmt_dup_fn = dup,
            OSSL_FUNC_KEYMGMT_HAS: OSSL_FUNC_keymgmt_has_fn = has,
            OSSL_FUNC_KEYMGMT_VALIDATE: OSSL_FUNC_keymgmt_validate_fn = validate,
            OSSL_FUNC_KEYMGMT_MATCH: OSSL_FUNC_keymgmt_match_fn = matches,
            OSSL_FUNC_KEYMGMT_GET_PARAMS: OSSL_FUNC_keymgmt_get_params_fn = get_params,
            OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS: OSSL_FUNC_keymgmt_gettable_params_fn =
                gettable_params::<{ Family::$family.code() }>,
            OSSL_FUNC_KEYMGMT_SET_PARAMS: OSSL_FUNC_keymgmt_set_params_fn = set_params,
            OSSL_FUNC_KEYMGMT_SETTABLE_PARAMS: OSSL_FUNC_keymgmt_settable_params_fn =
                settable_params::<{ Family::$family.code() }>,
            OSSL_FUNC_KEYMGMT_IMPORT: OSSL_FUNC_keymgmt_import_fn = import,
            OSSL_FUNC_KEYMGMT_IMPORT_TYPES: OSSL_FUNC_keymgmt_import_types_fn =
                types::<{ Family::$family.code() }>,
            OSSL_FUNC_KEYMGMT_EXPORT: OSSL_FUNC_keymgmt_export_fn = export,
            OSSL_FUNC_KEYMGMT_EXPORT_TYPES: OSSL_FUNC_keymgmt_export_types_fn =
                types::<{ Family::$family.code() }>,
            OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME: OSSL_FUNC_keymgmt_query_operation_name_fn =
                $operation_name,
        ]
    };
}

pub(super) static RSA: &[OSSL_DISPATCH] = family!(Rsa, rsa_operation);
pub(super) static RSA_PSS: &[OSSL_DISPATCH] = family!(RsaPss, rsa_operation);
pub(super) static EC: &[OSSL_DISPATCH] = family!(Ec, ec_operation);
pub(super) static ED25519: &[OSSL_DISPATCH] =
    family!(Ed25519, own_name::<{ Family::Ed25519.code() }>);
pub(super) static X25519: &[OSSL_DISPATCH] = family!(X25519, own_name::<{ Family::X25519.code() }>);
pub(super) static ML_DSA_44: &[OSSL_DISPATCH] =
    family!(MlDsa44, own_name::<{ Family::MlDsa44.code() }>);
pub(super) static ML_DSA_65: &[OSSL_DISPATCH] =
    family!(MlDsa65, own_name::<{ Family::MlDsa65.code() }>);
pub(super) static ML_DSA_87: &[OSSL_DISPATCH] =
    family!(MlDsa87, own_name::<{ Family::MlDsa87.code() }>);
pub(super) static ML_KEM_512: &[OSSL_DISPATCH] =
    family!(MlKem512, own_name::<{ Family::MlKem512.code() }>);
pub(super) static ML_KEM_768: &[OSSL_DISPATCH] =
    family!(MlKem768, own_name::<{ Family::MlKem768.code() }>);
pub(super) static ML_KEM_1024: &[OSSL_DISPATCH] =
    family!(MlKem1024, own_name::<{ Family::MlKem1024.code() }>);

/// The family that a number in a table stands for.
fn family(code: u32) -> Option<Family> {
    Family::from_code(code)
}

unsafe extern "C" fn new<const FAMILY: u32>(provctx: *mut c_void) -> *mut c_void {
    // SAFETY: the core passes the provider that OSSL_provider_init made.
    let provider = unsafe { handle::another_share::<Provider>(provctx) };
    guard_quietly(std::ptr::null_mut(), || {
        Some(handle::share(Key::empty(provider?, family(FAMILY)?).into()))
    })
}

/// We make no keys. Who comes here for one has us before the provider that does, and is told so.
unsafe extern "C" fn generate_init<const FAMILY: u32>(
    provctx: *mut c_void,
    _selection: c_int,
    _params: *const OSSL_PARAM,
) -> *mut c_void {
    // SAFETY: the core passes the provider that OSSL_provider_init made.
    let provider = unsafe { handle::shared::<Provider>(provctx) };
    guard(provider, std::ptr::null_mut(), |_| Err(makes_no_keys(family(FAMILY))))
}

/// The core wants this and the next where there is the one before, which never succeeds.
unsafe extern "C" fn generate(
    _: *mut c_void,
    _callback: OSSL_CALLBACK,
    _argument: *mut c_void,
) -> *mut c_void {
    std::ptr::null_mut()
}

unsafe extern "C" fn generate_cleanup(_: *mut c_void) {}

/// The reference is the address of a key that the store or decoder lends for the time of the call.
unsafe extern "C" fn load<const FAMILY: u32>(reference: *const c_void, size: usize) -> *mut c_void {
    if size != size_of::<*const c_void>() {
        return std::ptr::null_mut();
    }
    // SAFETY: the core passes on the bytes that the store or decoder gave it: an address.
    let key = unsafe { reference.cast::<*const c_void>().read_unaligned() };
    // SAFETY: the store or decoder holds the key until the core's callback returns.
    let key = unsafe { handle::another_share::<Key>(key) };
    guard_quietly(std::ptr::null_mut(), || {
        key.filter(|key| Some(key.family) == family(FAMILY)).map(handle::share)
    })
}

unsafe extern "C" fn free(key: *mut c_void) {
    // SAFETY: the core gives up a key that `new`, `load` or `dup` made.
    let key = unsafe { handle::take_share::<Key>(key) };
    release(key);
}

unsafe extern "C" fn dup(key: *const c_void, selection: c_int) -> *mut c_void {
    // SAFETY: the core passes a key of ours.
    let key = unsafe { handle::another_share::<Key>(key) };
    guard(key, std::ptr::null_mut(), |key| key.duplicate(Selection(selection)).map(handle::share))
}

unsafe extern "C" fn has(key: *const c_void, selection: c_int) -> c_int {
    // SAFETY: the core passes a key of ours.
    let key = unsafe { handle::shared::<Key>(key) };
    guard_quietly(0, || Some(c_int::from(key?.has(Selection(selection)))))
}

unsafe extern "C" fn validate(key: *const c_void, selection: c_int, _how: c_int) -> c_int {
    // SAFETY: the core passes a key of ours.
    let key = unsafe { handle::shared::<Key>(key) };
    guard(key, 0, |key| key.validate(Selection(selection)).map(|()| 1))
}

unsafe extern "C" fn matches(one: *const c_void, other: *const c_void, selection: c_int) -> c_int {
    // SAFETY: the core passes a key of ours.
    let one = unsafe { handle::shared::<Key>(one) };
    // SAFETY: the core passes another key of ours.
    let other = unsafe { handle::shared::<Key>(other) };
    guard_quietly(0, || Some(c_int::from(one?.matches(other?, Selection(selection)))))
}

unsafe extern "C" fn get_params(key: *mut c_void, params: *mut OSSL_PARAM) -> c_int {
    // SAFETY: the core passes a key of ours.
    let key = unsafe { handle::shared::<Key>(key) };
    // SAFETY: the core passes a list that is ours until we return, or null.
    let questions = unsafe { Questions::new(params) };
    guard(key, 0, |key| key.get_params(questions).map(|()| 1))
}

unsafe extern "C" fn set_params(key: *mut c_void, params: *const OSSL_PARAM) -> c_int {
    // SAFETY: the core passes a key of ours.
    let key = unsafe { handle::shared::<Key>(key) };
    // SAFETY: the core passes a list that lives until we return, or null.
    let params = unsafe { Params::new(params) };
    guard(key, 0, |key| key.set_params(params).map(|()| 1))
}

unsafe extern "C" fn settable_params<const FAMILY: u32>(_: *mut c_void) -> *const OSSL_PARAM {
    guard_quietly(std::ptr::null(), || Some(settable(family(FAMILY)?).as_ptr()))
}

unsafe extern "C" fn gettable_params<const FAMILY: u32>(_: *mut c_void) -> *const OSSL_PARAM {
    guard_quietly(std::ptr::null(), || Some(gettable(family(FAMILY)?).as_ptr()))
}

/// Quiet about a private half: the core tries its luck before it comes to our own operations.
unsafe extern "C" fn export(
    key: *mut c_void,
    selection: c_int,
    callback: OSSL_CALLBACK,
    argument: *mut c_void,
) -> c_int {
    // SAFETY: the core passes a key of ours.
    let key = unsafe { handle::shared::<Key>(key) };
    // SAFETY: the core passes a callback and the argument that it takes.
    let callback = unsafe { Callback::new(callback, argument) };
    guard(key, 0, |key| {
        let exported = key.export(Selection(selection))?;
        Ok(c_int::from(exported.is_some_and(|mut list| callback.call(&mut list))))
    })
}

/// Quiet about what we cannot have: the core then stays with the provider that has it.
unsafe extern "C" fn import(
    key: *mut c_void,
    _selection: c_int,
    params: *const OSSL_PARAM,
) -> c_int {
    // SAFETY: the core passes a key of ours.
    let key = unsafe { handle::shared::<Key>(key) };
    // SAFETY: the core passes a list that lives until we return, or null.
    let params = unsafe { Params::new(params) };
    guard(key, 0, |key| match key.import_from(params) {
        Ok(()) => Ok(1),
        Err(error) if error.kind == ErrorKind::Unsupported => Ok(0),
        Err(error) => Err(error),
    })
}

unsafe extern "C" fn types<const FAMILY: u32>(selection: c_int) -> *const OSSL_PARAM {
    guard_quietly(std::ptr::null(), || {
        Some(exchangeable(family(FAMILY)?, Selection(selection))?.as_ptr())
    })
}

unsafe extern "C" fn rsa_operation(_: c_int) -> *const c_char {
    c"RSA".as_ptr()
}

unsafe extern "C" fn ec_operation(operation: c_int) -> *const c_char {
    match operation {
        bindings::OSSL_OP_KEYEXCH => c"ECDH".as_ptr(),
        bindings::OSSL_OP_SIGNATURE => c"ECDSA".as_ptr(),
        _ => std::ptr::null(),
    }
}

/// For keys whose only operation is called as they are.
unsafe extern "C" fn own_name<const FAMILY: u32>(_: c_int) -> *const c_char {
    guard_quietly(std::ptr::null(), || Some(type_name(family(FAMILY)?).as_ptr()))
}
