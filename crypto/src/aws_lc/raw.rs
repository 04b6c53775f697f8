//! Keys in their raw form: Ed25519 and X25519 (RFC 8032, RFC 7748), which are 32 bytes, and the
//! sizes of others.

use std::{ffi::c_int, ptr};

use aws_lc_sys::EVP_PKEY;
use zeroize::Zeroizing;

use super::{Pkey, check};
use crate::error::Result;

const KEY_BYTES: usize = 32;

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
