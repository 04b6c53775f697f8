//! The functions that the core gives to a provider (provider-base(7)).

use std::{
    ffi::{CStr, CString, c_char, c_void},
    ptr,
};

use keyward_algorithms::ErrorKind;
use keyward_client::Trace;
use keyward_protocol::Error;

use super::{
    bindings::{self, OSSL_CORE_HANDLE, OSSL_DISPATCH, OSSL_PARAM},
    dispatch::{ParamType, UNMODIFIED},
    guard::Scope,
};

unsafe extern "C" {
    fn keyward_raise(
        set: Option<unsafe extern "C" fn()>,
        core: *const OSSL_CORE_HANDLE,
        reason: u32,
        format: *const c_char,
        ...
    );
}

/// The core's functions, and the handle by which it knows this instance of the provider.
pub(crate) struct Core {
    handle: *const OSSL_CORE_HANDLE,
    get_params: bindings::OSSL_FUNC_core_get_params_fn,
    new_error: bindings::OSSL_FUNC_core_new_error_fn,
    set_error_debug: bindings::OSSL_FUNC_core_set_error_debug_fn,
    vset_error: Option<unsafe extern "C" fn()>,
    /// Where to note what is raised, besides OpenSSL's queue.
    pub(crate) trace: Option<Trace>,
    pub(super) bio_gets: bindings::OSSL_FUNC_BIO_gets_fn,
    pub(super) bio_read: bindings::OSSL_FUNC_BIO_read_ex_fn,
    pub(super) bio_write: bindings::OSSL_FUNC_BIO_write_ex_fn,
}

// SAFETY: the core lets every thread of the process call its functions with the handle.
unsafe impl Send for Core {}
// SAFETY: as above; the handle is opaque and never written through.
unsafe impl Sync for Core {}

impl Scope for Core {
    fn core(&self) -> &Core {
        self
    }
}

/// Gives a function its type back.
macro_rules! typed {
    ($entry:expr, $type:ident) => {
        // SAFETY: core_dispatch.h gives this type to the number that the entry has.
        unsafe {
            std::mem::transmute::<Option<unsafe extern "C" fn()>, bindings::$type>($entry.function)
        }
    };
}

impl Core {
    /// Reads the table that `OSSL_provider_init` gets.
    ///
    /// # Safety
    /// `table` leads to a table that ends with an entry of number 0.
    pub(crate) unsafe fn new(handle: *const OSSL_CORE_HANDLE, table: *const OSSL_DISPATCH) -> Core {
        let mut core = Core {
            handle,
            get_params: None,
            new_error: None,
            set_error_debug: None,
            vset_error: None,
            trace: None,
            bio_gets: None,
            bio_read: None,
            bio_write: None,
        };
        let mut next = table;
        // SAFETY: by the contract above the pointer leads to an entry until one of number 0.
        while let Some(entry) = unsafe { next.as_ref() }.filter(|entry| entry.function_id != 0) {
            match entry.function_id {
                bindings::OSSL_FUNC_CORE_GET_PARAMS => {
                    core.get_params = typed!(entry, OSSL_FUNC_core_get_params_fn);
                }
                bindings::OSSL_FUNC_CORE_NEW_ERROR => {
                    core.new_error = typed!(entry, OSSL_FUNC_core_new_error_fn);
                }
                bindings::OSSL_FUNC_CORE_SET_ERROR_DEBUG => {
                    core.set_error_debug = typed!(entry, OSSL_FUNC_core_set_error_debug_fn);
                }
                bindings::OSSL_FUNC_CORE_VSET_ERROR => core.vset_error = entry.function,
                bindings::OSSL_FUNC_BIO_GETS => {
                    core.bio_gets = typed!(entry, OSSL_FUNC_BIO_gets_fn);
                }
                bindings::OSSL_FUNC_BIO_READ_EX => {
                    core.bio_read = typed!(entry, OSSL_FUNC_BIO_read_ex_fn);
                }
                bindings::OSSL_FUNC_BIO_WRITE_EX => {
                    core.bio_write = typed!(entry, OSSL_FUNC_BIO_write_ex_fn);
                }
                _ => {}
            }
            // SAFETY: this was not the last entry, so another one follows.
            next = unsafe { next.add(1) };
        }
        core
    }

    /// Puts an error into OpenSSL's queue: the kind is its reason, the rest its text.
    pub(crate) fn raise(&self, error: &Error) {
        if let Some(trace) = &self.trace {
            trace.note(format_args!("error: {}: {error}", error.kind));
        }
        let (Some(new_error), Some(set_error_debug)) = (self.new_error, self.set_error_debug)
        else {
            return;
        };
        let text: Vec<u8> = format!("keyward: {error}").bytes().filter(|byte| *byte != 0).collect();
        let Ok(text) = CString::new(text) else { return };
        // SAFETY: the core's function with the core's handle.
        unsafe { new_error(self.handle) };
        // SAFETY: as above; the core copies the strings or keeps static ones, and these are static.
        unsafe { set_error_debug(self.handle, c"keyward".as_ptr(), 0, c"provider".as_ptr()) };
        // SAFETY: the format asks for one string, and there is one; the core copies the result.
        unsafe {
            keyward_raise(
                self.vset_error,
                self.handle,
                reason(error.kind),
                c"%s".as_ptr(),
                text.as_ptr(),
            );
        }
    }

    /// The async jobs of the OpenSSL that loaded us, if they can be had.
    pub(crate) fn jobs(&self) -> Option<super::jobs::Jobs> {
        super::jobs::Jobs::beside(self.new_error? as *const c_void)
    }

    /// The value of a setting in this provider's section of the configuration.
    pub(crate) fn setting(&self, name: &CStr) -> Option<String> {
        let get_params = self.get_params?;
        let mut value: *const c_char = ptr::null();
        let mut request = [
            OSSL_PARAM {
                key: name.as_ptr(),
                data_type: ParamType::Utf8Pointer as u32,
                data: (&raw mut value).cast::<c_void>(),
                data_size: 0,
                return_size: UNMODIFIED,
            },
            super::dispatch::END_OF_PARAMS,
        ];
        // SAFETY: the list is ended as it has to be, and its one entry has room for a pointer.
        unsafe { get_params(self.handle, request.as_mut_ptr()) };
        // SAFETY: where the core set the pointer it leads to a C string that lives as long as the
        // provider (OSSL_FUNC_core_get_params in provider-base(7)).
        let value = (!value.is_null()).then(|| unsafe { CStr::from_ptr(value) })?;
        Some(value.to_string_lossy().into_owned())
    }
}

/// OpenSSL's reason code of a kind of error.
pub(crate) const fn reason(kind: ErrorKind) -> u32 {
    kind.code()
}

/// A core that remembers what is raised.
#[cfg(test)]
pub(crate) mod fake {
    use std::{cell::RefCell, ffi::c_int};

    use super::*;

    thread_local! {
        static RAISED: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
    }

    unsafe extern "C" fn new_error(_: *const OSSL_CORE_HANDLE) {}

    unsafe extern "C" fn set_error_debug(
        _: *const OSSL_CORE_HANDLE,
        _: *const c_char,
        _: c_int,
        _: *const c_char,
    ) {
    }

    /// The last parameter stands for a `va_list`, which is not looked at.
    unsafe extern "C" fn vset_error(
        _: *const OSSL_CORE_HANDLE,
        reason: u32,
        _: *const c_char,
        _: *mut c_void,
    ) {
        RAISED.with_borrow_mut(|raised| raised.push(reason));
    }

    type VsetError = unsafe extern "C" fn(*const OSSL_CORE_HANDLE, u32, *const c_char, *mut c_void);

    pub(crate) fn core() -> Core {
        // SAFETY: only the type is erased; `raise.c` calls it by the type that it has, since a
        // va_list is passed as a pointer.
        let vset_error =
            unsafe { std::mem::transmute::<VsetError, unsafe extern "C" fn()>(vset_error) };
        Core {
            handle: ptr::null(),
            get_params: None,
            new_error: Some(new_error),
            set_error_debug: Some(set_error_debug),
            vset_error: Some(vset_error),
            trace: None,
            bio_gets: None,
            bio_read: None,
            bio_write: None,
        }
    }

    /// The reasons raised on this thread since the last call.
    pub(crate) fn raised() -> Vec<u32> {
        RAISED.take()
    }
}
