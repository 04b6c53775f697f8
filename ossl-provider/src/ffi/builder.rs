//! Lists of parameters that we hand to the core.

use std::ffi::{CStr, c_int, c_void};

use super::{
    bindings::{OSSL_CALLBACK, OSSL_PARAM},
    dispatch::{END_OF_PARAMS, ParamType, descriptor},
};

/// A list under construction: it owns its values.
pub(crate) struct ParamList {
    entries: Vec<(&'static CStr, ParamType, Vec<u8>)>,
}

impl ParamList {
    pub(crate) fn new() -> ParamList {
        ParamList { entries: Vec::with_capacity(4) }
    }

    pub(crate) fn integer(&mut self, name: &'static CStr, value: c_int) {
        self.entries.push((name, ParamType::Integer, value.to_ne_bytes().to_vec()));
    }

    pub(crate) fn text(&mut self, name: &'static CStr, value: &CStr) {
        self.entries.push((name, ParamType::Utf8, value.to_bytes_with_nul().to_vec()));
    }

    pub(crate) fn octets(&mut self, name: &'static CStr, value: &[u8]) {
        self.entries.push((name, ParamType::Octets, value.to_vec()));
    }

    /// A non-negative number of any size, given big-endian.
    pub(crate) fn big_unsigned(&mut self, name: &'static CStr, value: &[u8]) {
        let mut bytes = if value.is_empty() { vec![0] } else { value.to_vec() };
        if cfg!(target_endian = "little") {
            bytes.reverse();
        }
        self.entries.push((name, ParamType::Unsigned, bytes));
    }

    /// Shows the finished list to a reader.
    pub(crate) fn with<T>(&mut self, read: impl FnOnce(*const OSSL_PARAM) -> T) -> T {
        let mut list: Vec<OSSL_PARAM> = self
            .entries
            .iter_mut()
            .map(|(name, kind, value)| {
                // The size of text does not count its NUL (OSSL_PARAM(3)).
                let nul = usize::from(*kind == ParamType::Utf8);
                OSSL_PARAM {
                    data: value.as_mut_ptr().cast(),
                    data_size: value.len() - nul,
                    ..descriptor(name, *kind)
                }
            })
            .collect();
        list.push(END_OF_PARAMS);
        read(list.as_ptr())
    }
}

/// A callback of the core's that takes a list of parameters.
#[derive(Clone, Copy)]
pub(crate) struct Callback {
    function: OSSL_CALLBACK,
    argument: *mut c_void,
}

impl Callback {
    /// # Safety
    /// The function may be called with the argument for as long as the value is used.
    pub(crate) unsafe fn new(function: OSSL_CALLBACK, argument: *mut c_void) -> Callback {
        Callback { function, argument }
    }

    /// Hands the list over; whether the core could do something with it.
    pub(crate) fn call(self, list: &mut ParamList) -> bool {
        let Some(function) = self.function else { return false };
        list.with(|first| {
            // SAFETY: `new` was promised that the function may be called so; the list is ended and
            // outlives the call.
            unsafe { function(first, self.argument) == 1 }
        })
    }
}
