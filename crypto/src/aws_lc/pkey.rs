//! `EVP_PKEY`: parsing, encoding, and the key inside.

use std::{
    ffi::c_int,
    mem::MaybeUninit,
    ptr::{self, NonNull},
};

use aws_lc_sys::{CBB, CBS, EVP_PKEY};
use keyward_algorithms::{Curve, KeyType};
use zeroize::Zeroizing;

use super::{check, ec, non_null, rsa::RsaKey};
use crate::{CryptoError, error::Result};

/// An owned `EVP_PKEY` that is never changed after it was made.
pub(crate) struct Pkey(NonNull<EVP_PKEY>);

// SAFETY: evp.h: "A given object may be used concurrently on multiple threads by non-mutating
// functions, provided no other thread is concurrently calling a mutating function." The mutating
// functions are called in this module alone, before the value is handed out. Nothing in an
// EVP_PKEY belongs to the thread that made it, so it may be freed by another.
unsafe impl Send for Pkey {}
// SAFETY: as above. What an RSA key caches at its first use (Montgomery forms, blinding) is behind
// the key's own lock inside aws-lc.
unsafe impl Sync for Pkey {}

impl Drop for Pkey {
    fn drop(&mut self) {
        // SAFETY: the pointer came from aws-lc with one reference that this value owns.
        unsafe { aws_lc_sys::EVP_PKEY_free(self.0.as_ptr()) }
    }
}

impl Pkey {
    pub(super) fn new() -> Result<Pkey> {
        // SAFETY: no argument; NULL is handled.
        non_null(unsafe { aws_lc_sys::EVP_PKEY_new() }).map(Pkey)
    }

    /// Takes over a new key that a constructor of aws-lc returned, or NULL.
    pub(super) fn adopt(pointer: *mut EVP_PKEY) -> Result<Pkey> {
        non_null(pointer).map(Pkey)
    }

    pub(super) fn as_ptr(&self) -> *mut EVP_PKEY {
        self.0.as_ptr()
    }

    /// Reads a DER `PrivateKeyInfo`, and nothing after it. aws-lc checks that the halves agree.
    pub(crate) fn from_private_key_info(der: &[u8]) -> Result<Pkey> {
        parse(der, aws_lc_sys::EVP_parse_private_key)
    }

    /// Reads a DER `SubjectPublicKeyInfo`, and nothing after it.
    pub(crate) fn from_public_key_info(der: &[u8]) -> Result<Pkey> {
        parse(der, aws_lc_sys::EVP_parse_public_key)
    }

    /// The DER `PrivateKeyInfo`.
    pub(crate) fn private_key_info(&self) -> Result<Zeroizing<Vec<u8>>> {
        // SAFETY: `out` is a CBB that `marshal` has initialised; the key is valid.
        marshal(|out| unsafe { aws_lc_sys::EVP_marshal_private_key(out, self.as_ptr()) })
    }

    /// The DER `SubjectPublicKeyInfo`.
    pub(crate) fn public_key_info(&self) -> Result<Zeroizing<Vec<u8>>> {
        // SAFETY: `out` is a CBB that `marshal` has initialised; the key is valid.
        marshal(|out| unsafe { aws_lc_sys::EVP_marshal_public_key(out, self.as_ptr()) })
    }

    /// What kind of key this is; an RSA key counts as an unrestricted one.
    pub(crate) fn key_type(&self) -> Result<KeyType> {
        // SAFETY: the key is valid.
        match unsafe { aws_lc_sys::EVP_PKEY_id(self.as_ptr()) } {
            aws_lc_sys::EVP_PKEY_RSA => {
                let bits = self.rsa()?.bits();
                let known = KeyType::RSA_BITS.contains(&bits) && bits.is_multiple_of(256);
                known.then_some(KeyType::Rsa(bits))
            }
            aws_lc_sys::EVP_PKEY_EC => self.curve().map(KeyType::Ec),
            aws_lc_sys::EVP_PKEY_ED25519 => Some(KeyType::Ed25519),
            aws_lc_sys::EVP_PKEY_X25519 => Some(KeyType::X25519),
            aws_lc_sys::EVP_PKEY_PQDSA => self.ml_dsa().map(KeyType::MlDsa),
            aws_lc_sys::EVP_PKEY_KEM => self.ml_kem().map(KeyType::MlKem),
            _ => None,
        }
        .ok_or(CryptoError::Unsupported)
    }

    /// The RSA key inside.
    pub(crate) fn rsa(&self) -> Result<RsaKey<'_>> {
        // SAFETY: the key is valid; the result is NULL unless it is an RSA key.
        let pointer = unsafe { aws_lc_sys::EVP_PKEY_get0_RSA(self.as_ptr()) };
        Ok(RsaKey::borrowed(self, non_null(pointer)?))
    }

    fn curve(&self) -> Option<Curve> {
        let key = self.ec_key().ok()?;
        // SAFETY: the EC key lives as long as `self`.
        let group = unsafe { aws_lc_sys::EC_KEY_get0_group(key.as_ptr()) };
        let group = NonNull::new(group.cast_mut())?;
        // SAFETY: the group lives as long as the EC key.
        let nid = unsafe { aws_lc_sys::EC_GROUP_get_curve_name(group.as_ptr()) };
        Curve::ALL.iter().copied().find(|curve| ec::nid(*curve) == nid)
    }
}

fn parse(der: &[u8], parser: unsafe extern "C" fn(*mut CBS) -> *mut EVP_PKEY) -> Result<Pkey> {
    let mut reader = MaybeUninit::<CBS>::uninit();
    // SAFETY: `CBS_init` fills the structure; the bytes outlive it.
    unsafe { aws_lc_sys::CBS_init(reader.as_mut_ptr(), der.as_ptr(), der.len()) };
    // SAFETY: the parser reads from an initialised CBS and returns a new key or NULL.
    let key = Pkey::adopt(unsafe { parser(reader.as_mut_ptr()) })?;
    // SAFETY: the CBS is still initialised.
    match unsafe { aws_lc_sys::CBS_len(reader.as_ptr()) } {
        0 => Ok(key),
        _ => Err(CryptoError::InvalidKey),
    }
}

/// Runs a function that writes DER, and returns what it wrote.
pub(super) fn marshal(write: impl FnOnce(*mut CBB) -> c_int) -> Result<Zeroizing<Vec<u8>>> {
    let mut out = MaybeUninit::<CBB>::uninit();
    // SAFETY: `CBB_init` initialises the structure, or fails and leaves nothing to free.
    check(unsafe { aws_lc_sys::CBB_init(out.as_mut_ptr(), 0) })?;
    let mut bytes = ptr::null_mut();
    let mut length = 0;
    let finished = check(write(out.as_mut_ptr())).and_then(|()| {
        // SAFETY: the CBB is initialised; on success its buffer becomes ours.
        check(unsafe { aws_lc_sys::CBB_finish(out.as_mut_ptr(), &mut bytes, &mut length) })
    });
    if let Err(error) = finished {
        // SAFETY: the CBB is initialised and not finished, so it still owns its buffer.
        unsafe { aws_lc_sys::CBB_cleanup(out.as_mut_ptr()) };
        return Err(error);
    }
    // SAFETY: `CBB_finish` gave a buffer of `length` bytes, which is not changed until freed.
    let copy = Zeroizing::new(unsafe { std::slice::from_raw_parts(bytes, length) }.to_vec());
    // SAFETY: the buffer came from `OPENSSL_malloc`; `OPENSSL_free` wipes it first.
    unsafe { aws_lc_sys::OPENSSL_free(bytes.cast()) };
    Ok(copy)
}
