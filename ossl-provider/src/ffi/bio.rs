//! The core's streams.

use std::{
    ffi::{c_char, c_int},
    marker::PhantomData,
};

use keyward_algorithms::ErrorKind;
use keyward_protocol::{Error, Result};

use super::{bindings::OSSL_CORE_BIO, core::Core};

/// A stream that the core lends for the time of one call.
pub(crate) struct Bio<'a> {
    core: &'a Core,
    bio: *mut OSSL_CORE_BIO,
    _lent: PhantomData<&'a mut OSSL_CORE_BIO>,
}

impl<'a> Bio<'a> {
    /// # Safety
    /// `bio` is a stream that the core keeps alive for the lifetime.
    pub(crate) unsafe fn new(core: &'a Core, bio: *mut OSSL_CORE_BIO) -> Option<Bio<'a>> {
        (!bio.is_null()).then_some(Bio { core, bio, _lent: PhantomData })
    }

    /// Appends the rest of a line, or of a long one a part, to the buffer; false at the end.
    /// Nothing beyond the line is consumed.
    pub(crate) fn read_line(&mut self, buffer: &mut Vec<u8>) -> bool {
        let Some(gets) = self.core.bio_gets else { return false };
        let mut part = [0_u8; 256];
        // SAFETY: the stream is alive, and the size is that of the buffer.
        let read =
            unsafe { gets(self.bio, part.as_mut_ptr().cast::<c_char>(), part.len() as c_int) };
        match usize::try_from(read) {
            Ok(0) | Err(_) => false,
            Ok(read) => {
                buffer.extend_from_slice(&part[..read.min(part.len())]);
                true
            }
        }
    }

    /// Reads until the buffer has so many bytes or the stream ends.
    pub(crate) fn read_up_to(&mut self, limit: usize, buffer: &mut Vec<u8>) {
        let Some(read_ex) = self.core.bio_read else { return };
        let mut part = [0_u8; 1024];
        while buffer.len() < limit {
            let wanted = part.len().min(limit - buffer.len());
            let mut read = 0;
            // SAFETY: the stream is alive, and at most the buffer's size is asked for.
            let ok = unsafe { read_ex(self.bio, part.as_mut_ptr().cast(), wanted, &mut read) };
            if ok != 1 || read == 0 {
                return;
            }
            buffer.extend_from_slice(&part[..read.min(wanted)]);
        }
    }

    /// Writes everything.
    pub(crate) fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        let failed = || Error::new(ErrorKind::Internal, "the output cannot be written");
        let write_ex = self.core.bio_write.ok_or_else(failed)?;
        while !bytes.is_empty() {
            let mut written = 0;
            // SAFETY: the stream is alive, and the bytes are readable.
            let ok =
                unsafe { write_ex(self.bio, bytes.as_ptr().cast(), bytes.len(), &mut written) };
            if ok != 1 || written == 0 {
                return Err(failed());
            }
            bytes = bytes.get(written..).unwrap_or_default();
        }
        Ok(())
    }
}
