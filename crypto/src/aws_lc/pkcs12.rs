//! PKCS#12 files (RFC 7292): a key and certificates under a passphrase.

use std::{
    ffi::{CStr, c_int},
    mem::MaybeUninit,
    ptr::{self, NonNull},
};

use aws_lc_sys::{CBS, OPENSSL_STACK, X509};

use super::{Pkey, check, clear_errors, non_null};
use crate::{CryptoError, error::Result};

/// What a PKCS#12 file holds.
pub(crate) struct Pkcs12 {
    /// The key, unless the file has certificates alone.
    pub(crate) key: Option<Pkey>,
    /// DER certificates, in the file's order.
    pub(crate) certificates: Vec<Vec<u8>>,
}

impl Pkcs12 {
    /// Opens a file, in DER or BER. [`CryptoError::Failed`] says that the passphrase is wrong.
    pub(crate) fn open(file: &[u8], passphrase: &CStr) -> Result<Pkcs12> {
        let mut reader = MaybeUninit::<CBS>::uninit();
        // SAFETY: `CBS_init` fills the structure; the bytes outlive it.
        unsafe { aws_lc_sys::CBS_init(reader.as_mut_ptr(), file.as_ptr(), file.len()) };
        let certificates = Certificates::new()?;
        let mut key = ptr::null_mut();
        // SAFETY: the stack is one of certificates and empty, the CBS is initialised; the passphrase
        // ends with NUL. pkcs8.h: "On successful return, |*out_key| will either be NULL or a freshly
        // allocated private key"; on failure there is none.
        let opened = unsafe {
            aws_lc_sys::PKCS12_get_key_and_certs(
                &mut key,
                certificates.0.as_ptr().cast(),
                reader.as_mut_ptr(),
                passphrase.as_ptr(),
            )
        };
        if opened != 1 {
            return Err(why());
        }
        let key = (!key.is_null()).then(|| Pkey::adopt(key)).transpose()?;
        Ok(Pkcs12 { key, certificates: certificates.into_der()? })
    }
}

/// What was wrong with a file that did not open.
fn why() -> CryptoError {
    // SAFETY: the function reads the calling thread's own error queue.
    let error = unsafe { aws_lc_sys::ERR_peek_last_error() };
    clear_errors();
    // The macro ERR_GET_REASON of err.h.
    match (error & 0xfff).cast_signed() {
        // Also PKCS12_R_MAC_VERIFY_FAILURE.
        aws_lc_sys::PKCS8_R_INCORRECT_PASSWORD => CryptoError::Failed,
        aws_lc_sys::PKCS8_R_MULTIPLE_PRIVATE_KEYS_IN_PKCS12 => {
            CryptoError::input("the file has more than one private key")
        }
        _ => CryptoError::Unsupported,
    }
}

/// A stack that owns its certificates.
struct Certificates(NonNull<OPENSSL_STACK>);

impl Certificates {
    fn new() -> Result<Certificates> {
        // SAFETY: no argument; NULL is handled.
        non_null(unsafe { aws_lc_sys::OPENSSL_sk_new_null() }).map(Certificates)
    }

    fn pop(&mut self) -> Option<Certificate> {
        // SAFETY: the stack is valid; an empty one gives NULL. What is taken off is ours.
        NonNull::new(unsafe { aws_lc_sys::OPENSSL_sk_pop(self.0.as_ptr()) })
            .map(|certificate| Certificate(certificate.cast()))
    }

    /// All of them in their order.
    fn into_der(mut self) -> Result<Vec<Vec<u8>>> {
        let mut certificates = Vec::new();
        while let Some(certificate) = self.pop() {
            certificates.push(certificate.to_der()?);
        }
        certificates.reverse();
        Ok(certificates)
    }
}

impl Drop for Certificates {
    fn drop(&mut self) {
        while self.pop().is_some() {}
        // SAFETY: the stack came from `OPENSSL_sk_new_null` and is owned by this value.
        unsafe { aws_lc_sys::OPENSSL_sk_free(self.0.as_ptr()) }
    }
}

struct Certificate(NonNull<X509>);

impl Certificate {
    fn to_der(&self) -> Result<Vec<u8>> {
        let mut written = ptr::null_mut();
        // SAFETY: the certificate is valid. x509.h: "If |*outp| is NULL, a buffer is allocated and
        // its address put there", to be freed with `OPENSSL_free`.
        let length = unsafe { aws_lc_sys::i2d_X509(self.0.as_ptr(), &mut written) };
        let length = usize::try_from(length).map_err(|_| CryptoError::Failed)?;
        check(c_int::from(!written.is_null()))?;
        // SAFETY: `i2d_X509` gave a buffer of this length, which is not changed until freed.
        let der = unsafe { std::slice::from_raw_parts(written, length) }.to_vec();
        // SAFETY: the buffer came from `OPENSSL_malloc`.
        unsafe { aws_lc_sys::OPENSSL_free(written.cast()) };
        Ok(der)
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        // SAFETY: the pointer came off the stack with the reference that this value owns.
        unsafe { aws_lc_sys::X509_free(self.0.as_ptr()) }
    }
}
