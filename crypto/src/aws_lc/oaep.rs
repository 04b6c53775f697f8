//! RSAES-OAEP (RFC 8017, 7.1).

use keyward_algorithms::Digest;
use zeroize::Zeroizing;

use super::{Padding, RsaKey, check, digest, non_null, pkey_context::PkeyContext};
use crate::error::Result;

impl RsaKey<'_> {
    /// OAEP encryption.
    pub(crate) fn encrypt_oaep(
        self,
        digest: Digest,
        mgf1: Digest,
        label: &[u8],
        input: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>> {
        let mut encoded = Zeroizing::new(vec![0; self.size()]);
        // SAFETY: `encoded` has the given room; input and label are readable.
        check(unsafe {
            aws_lc_sys::RSA_padding_add_PKCS1_OAEP_mgf1(
                encoded.as_mut_ptr(),
                encoded.len(),
                input.as_ptr(),
                input.len(),
                label.as_ptr(),
                label.len(),
                digest::method(digest),
                digest::method(mgf1),
            )
        })?;
        self.encrypt(Padding::None, &encoded)
    }

    /// OAEP decryption. aws-lc exports its padding check through `EVP_PKEY_CTX` alone.
    pub(crate) fn decrypt_oaep(
        self,
        digest: Digest,
        mgf1: Digest,
        label: &[u8],
        input: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>> {
        let context = PkeyContext::new(self.owner)?;
        // SAFETY: the context is valid.
        check(unsafe { aws_lc_sys::EVP_PKEY_decrypt_init(context.as_ptr()) })?;
        let padding = aws_lc_sys::RSA_PKCS1_OAEP_PADDING;
        // SAFETY: the context is valid and initialised for decryption.
        check(unsafe { aws_lc_sys::EVP_PKEY_CTX_set_rsa_padding(context.as_ptr(), padding) })?;
        let method = digest::method(digest);
        // SAFETY: as above; the digest is a static table.
        check(unsafe { aws_lc_sys::EVP_PKEY_CTX_set_rsa_oaep_md(context.as_ptr(), method) })?;
        let method = digest::method(mgf1);
        // SAFETY: as above.
        check(unsafe { aws_lc_sys::EVP_PKEY_CTX_set_rsa_mgf1_md(context.as_ptr(), method) })?;
        set_label(&context, label)?;
        let mut output = Zeroizing::new(vec![0; self.size()]);
        let mut length = output.len();
        // SAFETY: `length` says how much room there is; the input is readable.
        check(unsafe {
            aws_lc_sys::EVP_PKEY_decrypt(
                context.as_ptr(),
                output.as_mut_ptr(),
                &mut length,
                input.as_ptr(),
                input.len(),
            )
        })?;
        output.truncate(length);
        Ok(output)
    }
}

/// Sets the label, which is empty from the start.
fn set_label(context: &PkeyContext, label: &[u8]) -> Result<()> {
    if label.is_empty() {
        return Ok(());
    }
    // SAFETY: the bytes are readable for their length; NULL is handled.
    let copy = unsafe { aws_lc_sys::OPENSSL_memdup(label.as_ptr().cast(), label.len()) };
    let copy = non_null(copy)?;
    // SAFETY: `set0` takes over a buffer from `OPENSSL_malloc` when it succeeds.
    let taken = check(unsafe {
        aws_lc_sys::EVP_PKEY_CTX_set0_rsa_oaep_label(
            context.as_ptr(),
            copy.as_ptr().cast(),
            label.len(),
        )
    });
    if taken.is_err() {
        // SAFETY: `set0` failed, so the buffer is still ours.
        unsafe { aws_lc_sys::OPENSSL_free(copy.as_ptr()) };
    }
    taken
}
