//! AES key wrap (RFC 3394) and AES key wrap with padding (RFC 5649).

use std::{ffi::c_int, mem::MaybeUninit, ptr};

use aws_lc_sys::AES_KEY;
use zeroize::{Zeroize, Zeroizing};

use super::{check, clear_errors};
use crate::{CryptoError, aws_lc::Direction, error::Result};

/// What wrapping adds at most: a block, and the padding.
const OVERHEAD_BYTES: usize = 16;

/// An AES key schedule for one direction, wiped when dropped.
pub(crate) struct KeyWrap(Box<AES_KEY>);

impl KeyWrap {
    /// The schedule of a key of 16, 24 or 32 bytes.
    pub(crate) fn new(direction: Direction, key: &[u8]) -> Result<KeyWrap> {
        if !matches!(key.len(), 16 | 24 | 32) {
            return Err(CryptoError::Unsupported);
        }
        let bits = (key.len() * 8) as u32;
        let set = match direction {
            Direction::Encrypt => aws_lc_sys::AES_set_encrypt_key,
            Direction::Decrypt => aws_lc_sys::AES_set_decrypt_key,
        };
        // SAFETY: all zeros are a valid AES_KEY, a structure of integers.
        let zeros: AES_KEY = unsafe { MaybeUninit::zeroed().assume_init() };
        let mut schedule = KeyWrap(Box::new(zeros));
        // SAFETY: the key is readable for `bits`; aes.h: "returns zero on success".
        match unsafe { set(key.as_ptr(), bits, &mut *schedule.0) } {
            0 => Ok(schedule),
            _ => Err(CryptoError::Failed),
        }
    }

    /// AES-KW of a multiple of eight bytes, 16 at least.
    pub(crate) fn wrap(&self, plain: &[u8]) -> Result<Vec<u8>> {
        if plain.len() < 16 || !plain.len().is_multiple_of(8) {
            return Err(CryptoError::input(
                "aes-kw takes a multiple of 8 bytes; aes-kwp takes any",
            ));
        }
        let mut output = vec![0; plain.len() + OVERHEAD_BYTES];
        // SAFETY: aes.h: "On success, it writes |in_len| + 8 bytes to |out|", for which there is
        // room; NULL stands for the default initial value.
        let length = unsafe {
            aws_lc_sys::AES_wrap_key(
                &*self.0,
                ptr::null(),
                output.as_mut_ptr(),
                plain.as_ptr(),
                plain.len(),
            )
        };
        output.truncate(written(length)?);
        Ok(output)
    }

    /// Undoes [`KeyWrap::wrap`].
    pub(crate) fn unwrap(&self, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        if wrapped.len() < 24 || !wrapped.len().is_multiple_of(8) {
            return Err(CryptoError::Failed);
        }
        let mut output = Zeroizing::new(vec![0; wrapped.len()]);
        // SAFETY: aes.h: "On success, it writes |in_len| - 8 bytes to |out|"; the rest as above.
        let length = unsafe {
            aws_lc_sys::AES_unwrap_key(
                &*self.0,
                ptr::null(),
                output.as_mut_ptr(),
                wrapped.as_ptr(),
                wrapped.len(),
            )
        };
        output.truncate(written(length)?);
        Ok(output)
    }

    /// AES-KWP.
    pub(crate) fn wrap_padded(&self, plain: &[u8]) -> Result<Vec<u8>> {
        let mut output = vec![0; plain.len() + OVERHEAD_BYTES];
        let mut length = 0;
        // SAFETY: aes.h: "On success it writes at most |max_out| bytes"; the input is readable.
        check(unsafe {
            aws_lc_sys::AES_wrap_key_padded(
                &*self.0,
                output.as_mut_ptr(),
                &mut length,
                output.len(),
                plain.as_ptr(),
                plain.len(),
            )
        })?;
        output.truncate(length);
        Ok(output)
    }

    /// Undoes [`KeyWrap::wrap_padded`].
    pub(crate) fn unwrap_padded(&self, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let mut output = Zeroizing::new(vec![0; wrapped.len()]);
        let mut length = 0;
        // SAFETY: as in `wrap_padded`.
        check(unsafe {
            aws_lc_sys::AES_unwrap_key_padded(
                &*self.0,
                output.as_mut_ptr(),
                &mut length,
                output.len(),
                wrapped.as_ptr(),
                wrapped.len(),
            )
        })?;
        output.truncate(length);
        Ok(output)
    }
}

impl Drop for KeyWrap {
    fn drop(&mut self) {
        self.0.rd_key.zeroize();
    }
}

fn written(length: c_int) -> Result<usize> {
    usize::try_from(length).map_err(|_| {
        clear_errors();
        CryptoError::Failed
    })
}
