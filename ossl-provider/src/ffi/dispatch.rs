//! Tables for the core: functions, algorithms, parameters.

use std::ffi::CStr;

use super::bindings::{OSSL_ALGORITHM, OSSL_DISPATCH, OSSL_PARAM};

/// A table of functions, each under the number that the core calls it by. The compiler checks each
/// against the type that OpenSSL's headers give it before the type is erased.
macro_rules! dispatch {
    ($($id:ident : $type:ident = $function:expr),* $(,)?) => {
        &[
            $({
                const TYPED: $crate::ffi::bindings::$type = Some($function);
                $crate::ffi::bindings::OSSL_DISPATCH {
                    function_id: $crate::ffi::bindings::$id,
                    // SAFETY: only the type of the function is erased; the core calls it by the
                    // type that core_dispatch.h gives to this number.
                    function: unsafe {
                        std::mem::transmute::<
                            $crate::ffi::bindings::$type,
                            Option<unsafe extern "C" fn()>,
                        >(TYPED)
                    },
                }
            },)*
            $crate::ffi::dispatch::END_OF_DISPATCH,
        ]
    };
}
pub(crate) use dispatch;

/// The entry that ends a table of functions.
pub(crate) const END_OF_DISPATCH: OSSL_DISPATCH = OSSL_DISPATCH { function_id: 0, function: None };

/// A table of algorithms, with its last entry.
#[derive(Clone, Copy)]
pub(crate) struct Algorithms(pub(crate) &'static [OSSL_ALGORITHM]);

// SAFETY: the pointers in an entry lead to constants, which nobody changes.
unsafe impl Sync for Algorithms {}

impl Algorithms {
    pub(crate) const fn as_ptr(self) -> *const OSSL_ALGORITHM {
        self.0.as_ptr()
    }
}

/// One entry of a table of algorithms.
pub(crate) const fn algorithm(
    names: &'static CStr,
    properties: &'static CStr,
    functions: &'static [OSSL_DISPATCH],
    description: &'static CStr,
) -> OSSL_ALGORITHM {
    OSSL_ALGORITHM {
        algorithm_names: names.as_ptr(),
        property_definition: properties.as_ptr(),
        implementation: functions.as_ptr(),
        algorithm_description: description.as_ptr(),
    }
}

/// The entry that ends a table of algorithms.
pub(crate) const END_OF_ALGORITHMS: OSSL_ALGORITHM = OSSL_ALGORITHM {
    algorithm_names: std::ptr::null(),
    property_definition: std::ptr::null(),
    implementation: std::ptr::null(),
    algorithm_description: std::ptr::null(),
};

/// The names of one row of the table of algorithms, as a constant C string.
macro_rules! c_names {
    ($text:expr) => {{
        const TEXT: &str = $text;
        const BYTES: [u8; TEXT.len() + 1] = {
            let mut bytes = [0; TEXT.len() + 1];
            let mut index = 0;
            while index < TEXT.len() {
                bytes[index] = TEXT.as_bytes()[index];
                index += 1;
            }
            bytes
        };
        const NAMES: &std::ffi::CStr = match std::ffi::CStr::from_bytes_with_nul(&BYTES) {
            Ok(names) => names,
            Err(_) => panic!("a name has a NUL in it"),
        };
        NAMES
    }};
}
pub(crate) use c_names;

/// A list of parameters that an object has or takes: names and types without values.
#[derive(Clone, Copy)]
pub(crate) struct Descriptors(pub(crate) &'static [OSSL_PARAM]);

// SAFETY: the pointers in an entry lead to constants, which nobody changes.
unsafe impl Sync for Descriptors {}

impl Descriptors {
    pub(crate) const fn as_ptr(self) -> *const OSSL_PARAM {
        self.0.as_ptr()
    }
}

/// A constant list of [`Descriptors`]: `descriptors![BITS: INTEGER, RSA_N: UNSIGNED_INTEGER]`.
macro_rules! descriptors {
    ($($name:ident : $type:ident),* $(,)?) => {
        $crate::ffi::dispatch::Descriptors(const { &[
            $($crate::ffi::dispatch::descriptor(
                $crate::ffi::names::$name,
                $crate::ffi::dispatch::ParamType::$type,
            ),)*
            $crate::ffi::dispatch::END_OF_PARAMS,
        ] })
    };
}
pub(crate) use descriptors;

/// The types of parameters (OSSL_PARAM(3)).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ParamType {
    Integer = super::bindings::OSSL_PARAM_INTEGER as isize,
    Unsigned = super::bindings::OSSL_PARAM_UNSIGNED_INTEGER as isize,
    Utf8 = super::bindings::OSSL_PARAM_UTF8_STRING as isize,
    Octets = super::bindings::OSSL_PARAM_OCTET_STRING as isize,
    Utf8Pointer = super::bindings::OSSL_PARAM_UTF8_PTR as isize,
    OctetsPointer = super::bindings::OSSL_PARAM_OCTET_PTR as isize,
}

/// "Not set" in a parameter's `return_size` (OSSL_PARAM(3)).
pub(crate) const UNMODIFIED: usize = usize::MAX;

pub(crate) const fn descriptor(name: &'static CStr, kind: ParamType) -> OSSL_PARAM {
    OSSL_PARAM {
        key: name.as_ptr(),
        data_type: kind as u32,
        data: std::ptr::null_mut(),
        data_size: 0,
        return_size: UNMODIFIED,
    }
}

/// The entry that ends a list of parameters.
pub(crate) const END_OF_PARAMS: OSSL_PARAM = OSSL_PARAM {
    key: std::ptr::null(),
    data_type: 0,
    data: std::ptr::null_mut(),
    data_size: 0,
    return_size: 0,
};
