//! `EC_KEY`: ECDSA and ECDH.

use std::{
    ffi::{c_int, c_uint},
    ptr::{self, NonNull},
};

use aws_lc_sys::EC_KEY;
use keyward_algorithms::Curve;
use zeroize::Zeroizing;

use super::{Pkey, check, non_null};
use crate::{CryptoError, error::Result};

/// An EC key that is being made.
struct NewEcKey(NonNull<EC_KEY>);

impl Drop for NewEcKey {
    fn drop(&mut self) {
        // SAFETY: the pointer came from aws-lc with one reference that this value owns.
        unsafe { aws_lc_sys::EC_KEY_free(self.0.as_ptr()) }
    }
}

impl NewEcKey {
    fn into_pkey(self) -> Result<Pkey> {
        let key = Pkey::new()?;
        // SAFETY: both are valid; `set1` takes a reference of its own.
        check(unsafe { aws_lc_sys::EVP_PKEY_set1_EC_KEY(key.as_ptr(), self.0.as_ptr()) })?;
        Ok(key)
    }
}

impl Pkey {
    /// A new key on a curve.
    pub(crate) fn generate_ec(curve: Curve) -> Result<Pkey> {
        // SAFETY: takes a number; NULL is handled.
        let key = unsafe { aws_lc_sys::EC_KEY_new_by_curve_name(nid(curve)) };
        let key = NewEcKey(non_null(key)?);
        // SAFETY: the key is valid and nobody else has it yet.
        check(unsafe { aws_lc_sys::EC_KEY_generate_key(key.0.as_ptr()) })?;
        key.into_pkey()
    }

    /// Reads a DER `ECPrivateKey` (SEC 1, C.4) that names its curve, and nothing after it.
    pub(crate) fn from_ec_private_key(der: &[u8]) -> Result<Pkey> {
        let mut position = der.as_ptr();
        let length = der.len().try_into().map_err(|_| CryptoError::InvalidKey)?;
        // SAFETY: `position` points at `length` readable bytes; the result is new or NULL.
        let key = unsafe { aws_lc_sys::d2i_ECPrivateKey(ptr::null_mut(), &mut position, length) };
        let key = NewEcKey(non_null(key)?);
        if position != der.as_ptr_range().end {
            return Err(CryptoError::InvalidKey);
        }
        key.into_pkey()
    }

    pub(super) fn ec_key(&self) -> Result<NonNull<EC_KEY>> {
        // SAFETY: the key is valid; the result is NULL unless it is an EC key.
        non_null(unsafe { aws_lc_sys::EVP_PKEY_get0_EC_KEY(self.as_ptr()) })
    }

    /// ECDSA over a digest; the result is a DER `ECDSA-Sig-Value`.
    pub(crate) fn sign_ecdsa(&self, curve: Curve, digest: &[u8]) -> Result<Vec<u8>> {
        let key = self.ec_key()?;
        let mut signature = vec![0; curve.max_signature_bytes()];
        let mut length: c_uint = 0;
        // SAFETY: ecdsa.h asks for room for `ECDSA_size` bytes, which is what
        // `max_signature_bytes` computes for this key's curve.
        check(unsafe {
            aws_lc_sys::ECDSA_sign(
                0,
                digest.as_ptr(),
                digest.len(),
                signature.as_mut_ptr(),
                &mut length,
                key.as_ptr(),
            )
        })?;
        signature.truncate(length as usize);
        Ok(signature)
    }

    pub(crate) fn verify_ecdsa(&self, digest: &[u8], signature: &[u8]) -> Result<()> {
        let key = self.ec_key()?;
        // SAFETY: both slices are readable for their lengths; the key is valid.
        check(unsafe {
            aws_lc_sys::ECDSA_verify(
                0,
                digest.as_ptr(),
                digest.len(),
                signature.as_ptr(),
                signature.len(),
                key.as_ptr(),
            )
        })
    }

    /// ECDH with a peer on the same curve; the result is the x coordinate in full length.
    pub(crate) fn ecdh(&self, curve: Curve, peer: &Pkey) -> Result<Zeroizing<Vec<u8>>> {
        let (own, peer) = (self.ec_key()?, peer.ec_key()?);
        // SAFETY: the peer's key is valid, and the point lives as long.
        let point = unsafe { aws_lc_sys::EC_KEY_get0_public_key(peer.as_ptr()) };
        let point = non_null(point.cast_mut())?;
        let mut secret = Zeroizing::new(vec![0; curve.field_bytes()]);
        // SAFETY: `secret` has room for the given length; without a KDF the x coordinate is
        // written and its length returned.
        let written = unsafe {
            aws_lc_sys::ECDH_compute_key(
                secret.as_mut_ptr().cast(),
                secret.len(),
                point.as_ptr(),
                own.as_ptr(),
                None,
            )
        };
        check(c_int::from(usize::try_from(written) == Ok(secret.len())))?;
        Ok(secret)
    }
}

/// aws-lc's number of a curve.
pub(super) fn nid(curve: Curve) -> c_int {
    match curve {
        Curve::P256 => aws_lc_sys::NID_X9_62_prime256v1,
        Curve::P384 => aws_lc_sys::NID_secp384r1,
        Curve::P521 => aws_lc_sys::NID_secp521r1,
        Curve::Secp256k1 => aws_lc_sys::NID_secp256k1,
    }
}
