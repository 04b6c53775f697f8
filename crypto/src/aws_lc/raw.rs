//! Keys in their raw form: Ed25519 and X25519 (RFC 8032, RFC 7748), which are 32 bytes, and the
//! sizes of others.

use std::{ffi::c_int, ptr};

use aws_lc_sys::EVP_PKEY;
use zeroize::Zeroizing;

use super::{Pkey, check};
use crate::{CryptoError, error::Result};

const KEY_BYTES: usize = 32;
/// Of SHA-512.
const DIGEST_BYTES: usize = 64;
const SIGNATURE_BYTES: usize = 64;

impl Pkey {
    /// A new Ed25519 key.
    pub(crate) fn generate_ed25519() -> Result<Pkey> {
        generate(aws_lc_sys::EVP_PKEY_ED25519)
    }

    /// A new X25519 key.
    pub(crate) fn generate_x25519() -> Result<Pkey> {
        generate(aws_lc_sys::EVP_PKEY_X25519)
    }

    /// X25519 with a peer; an all-zero secret is a failure.
    pub(crate) fn x25519(&self, peer: &Pkey) -> Result<Zeroizing<Vec<u8>>> {
        let own = self.raw_bytes(aws_lc_sys::EVP_PKEY_get_raw_private_key)?;
        let peer = peer.raw_bytes(aws_lc_sys::EVP_PKEY_get_raw_public_key)?;
        let mut secret = Zeroizing::new(vec![0; KEY_BYTES]);
        // SAFETY: curve25519.h asks for three buffers of 32 bytes. It returns zero "if the public
        // key is a point of small order", where the secret is all zeros.
        check(unsafe { aws_lc_sys::X25519(secret.as_mut_ptr(), own.as_ptr(), peer.as_ptr()) })?;
        Ok(secret)
    }

    /// Signs a SHA-512 digest by Ed25519ph with an empty context.
    pub(crate) fn sign_ed25519ph(&self, digest: &[u8]) -> Result<Vec<u8>> {
        let digest = array::<DIGEST_BYTES>(digest)?;
        let mut key = Zeroizing::new([0; 2 * KEY_BYTES]);
        let (seed, public) = key.split_at_mut(KEY_BYTES);
        seed.copy_from_slice(&*self.raw_bytes(aws_lc_sys::EVP_PKEY_get_raw_private_key)?);
        public.copy_from_slice(&*self.raw_bytes(aws_lc_sys::EVP_PKEY_get_raw_public_key)?);
        let mut signature = vec![0; SIGNATURE_BYTES];
        // SAFETY: curve25519.h asks for 64 bytes each of signature, digest and key, the key being
        // "the 32-byte seed followed by the 32-byte public key"; the context has no bytes.
        check(unsafe {
            aws_lc_sys::ED25519ph_sign_digest(
                signature.as_mut_ptr(),
                digest.as_ptr(),
                key.as_ptr(),
                ptr::null(),
                0,
            )
        })?;
        Ok(signature)
    }

    /// Verifies what [`Pkey::sign_ed25519ph`] makes.
    pub(crate) fn verify_ed25519ph(&self, digest: &[u8], signature: &[u8]) -> Result<()> {
        let digest = array::<DIGEST_BYTES>(digest)?;
        let signature = array::<SIGNATURE_BYTES>(signature)?;
        let key = self.raw_bytes(aws_lc_sys::EVP_PKEY_get_raw_public_key)?;
        // SAFETY: curve25519.h asks for 64 bytes each of digest and signature, and 32 of the key;
        // the context has no bytes.
        check(unsafe {
            aws_lc_sys::ED25519ph_verify_digest(
                digest.as_ptr(),
                signature.as_ptr(),
                key.as_ptr(),
                ptr::null(),
                0,
            )
        })
    }

    /// The size of the public half of a key that has a raw form.
    pub(super) fn raw_public_bytes(&self) -> Result<usize> {
        let mut length = 0;
        // SAFETY: without a buffer nothing but the length is written.
        check(unsafe {
            aws_lc_sys::EVP_PKEY_get_raw_public_key(self.as_ptr(), ptr::null_mut(), &mut length)
        })?;
        Ok(length)
    }

    fn raw_bytes(
        &self,
        getter: unsafe extern "C" fn(*const EVP_PKEY, *mut u8, *mut usize) -> c_int,
    ) -> Result<Zeroizing<[u8; KEY_BYTES]>> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        let mut length = KEY_BYTES;
        // SAFETY: `length` says how much room there is; a getter fails rather than overrun it.
        check(unsafe { getter(self.as_ptr(), bytes.as_mut_ptr(), &mut length) })?;
        check(c_int::from(length == KEY_BYTES))?;
        Ok(bytes)
    }
}

fn array<const N: usize>(bytes: &[u8]) -> Result<&[u8; N]> {
    bytes.try_into().map_err(|_| CryptoError::input("the input has the wrong size"))
}

fn generate(kind: c_int) -> Result<Pkey> {
    let mut seed = Zeroizing::new([0; KEY_BYTES]);
    // SAFETY: the buffer has 32 bytes of room.
    check(unsafe { aws_lc_sys::RAND_bytes(seed.as_mut_ptr(), seed.len()) })?;
    // Both kinds of private key are any 32 random bytes (RFC 8032, 5.1.5; RFC 7748, 6.1).
    // SAFETY: the seed is readable for its length; the result is a new key or NULL.
    Pkey::adopt(unsafe {
        aws_lc_sys::EVP_PKEY_new_raw_private_key(kind, ptr::null_mut(), seed.as_ptr(), seed.len())
    })
}
