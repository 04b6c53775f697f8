//! `EVP_PKEY_CTX`: one operation with a key.

use std::{
    ffi::c_int,
    ptr::{self, NonNull},
};

use aws_lc_sys::EVP_PKEY_CTX;

use super::{Pkey, non_null};
use crate::error::Result;

/// An owned `EVP_PKEY_CTX`, which holds a reference of its own to the key.
pub(super) struct PkeyContext(NonNull<EVP_PKEY_CTX>);

impl PkeyContext {
    pub(super) fn new(key: &Pkey) -> Result<PkeyContext> {
        // SAFETY: the key is valid, and the context takes a reference to it; NULL is handled.
        let context = unsafe { aws_lc_sys::EVP_PKEY_CTX_new(key.as_ptr(), ptr::null_mut()) };
        non_null(context).map(PkeyContext)
    }

    /// A context to make a key of a kind with.
    pub(super) fn for_kind(kind: c_int) -> Result<PkeyContext> {
        // SAFETY: the kind is one of aws-lc's; NULL is handled.
        let context = unsafe { aws_lc_sys::EVP_PKEY_CTX_new_id(kind, ptr::null_mut()) };
        non_null(context).map(PkeyContext)
    }

    pub(super) fn as_ptr(&self) -> *mut EVP_PKEY_CTX {
        self.0.as_ptr()
    }
}

impl Drop for PkeyContext {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `EVP_PKEY_CTX_new` and is freed once.
        unsafe { aws_lc_sys::EVP_PKEY_CTX_free(self.0.as_ptr()) }
    }
}
