//! MD5 (RFC 1321), for the handshakes of TLS 1.1 alone.

use std::mem::MaybeUninit;

use aws_lc_sys::MD5_CTX;

/// An MD5 hash under way.
#[derive(Clone)]
pub(crate) struct Md5(MD5_CTX);

impl Md5 {
    /// Output size in bytes.
    pub(crate) const SIZE: usize = 16;

    pub(crate) fn new() -> Md5 {
        let mut context = MaybeUninit::zeroed();
        // SAFETY: `MD5_Init` writes the whole context and cannot fail; it is plain numbers, for
        // which zeros are values too.
        unsafe { aws_lc_sys::MD5_Init(context.as_mut_ptr()) };
        // SAFETY: the line before initialised it.
        Md5(unsafe { context.assume_init() })
    }

    pub(crate) fn update(&mut self, data: &[u8]) {
        // SAFETY: the context is initialised, and the data is readable for its length.
        unsafe { aws_lc_sys::MD5_Update(&mut self.0, data.as_ptr().cast(), data.len()) };
    }

    pub(crate) fn finish(mut self) -> [u8; Md5::SIZE] {
        let mut digest = [0; Md5::SIZE];
        // SAFETY: the context is initialised, and MD5's output has 16 bytes.
        unsafe { aws_lc_sys::MD5_Final(digest.as_mut_ptr(), &mut self.0) };
        digest
    }
}
