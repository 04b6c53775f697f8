//! The functions that all contexts of operations have, whatever the operation.

use std::{
    ffi::{c_int, c_void},
    sync::Arc,
};

use crate::{
    ffi::{
        bindings::OSSL_PARAM,
        guard::{Scope, guard, release},
        handle,
        params::{Gettable, Params, Questions, Settable},
    },
    provider::Provider,
};

/// A context that starts with nothing but the provider.
pub(super) unsafe extern "C" fn new<C: From<Arc<Provider>>>(provctx: *mut c_void) -> *mut c_void {
    // SAFETY: the core passes the provider that OSSL_provider_init made.
    let provider = unsafe { handle::another_share::<Provider>(provctx) };
    guard(provider, std::ptr::null_mut(), |provider| {
        Ok(handle::give(C::from(Arc::clone(provider))))
    })
}

pub(super) unsafe extern "C" fn free<C>(ctx: *mut c_void) {
    // SAFETY: the core gives up a context that `new` or `dup` of the same table made.
    let context = unsafe { handle::take::<C>(ctx) };
    release(context);
}

pub(super) unsafe extern "C" fn dup<C: Clone + Scope>(ctx: *mut c_void) -> *mut c_void {
    // SAFETY: the core passes a context that the same table made.
    let context = unsafe { handle::borrow::<C>(ctx) };
    guard(context, std::ptr::null_mut(), |context| Ok(handle::give((**context).clone())))
}

pub(super) unsafe extern "C" fn get_params<C: Gettable>(
    ctx: *mut c_void,
    params: *mut OSSL_PARAM,
) -> c_int {
    // SAFETY: the core passes a context that the same table made.
    let context = unsafe { handle::borrow::<C>(ctx) };
    // SAFETY: the core passes a list that is ours until we return, or null.
    let questions = unsafe { Questions::new(params) };
    guard(context, 0, |context| context.get_params(questions).map(|()| 1))
}

pub(super) unsafe extern "C" fn set_params<C: Settable>(
    ctx: *mut c_void,
    params: *const OSSL_PARAM,
) -> c_int {
    // SAFETY: the core passes a context that the same table made.
    let context = unsafe { handle::borrow::<C>(ctx) };
    // SAFETY: the core passes a list that lives until we return, or null.
    let params = unsafe { Params::new(params) };
    guard(context, 0, |context| context.set_params(params).map(|()| 1))
}
