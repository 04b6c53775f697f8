//! ML-KEM (FIPS 203), which aws-lc has among its KEMs.

use std::{ffi::c_int, ptr};

use keyward_algorithms::{ML_KEM_SECRET_BYTES, MlKem};
use zeroize::Zeroizing;

use super::{Pkey, check, pkey_context::PkeyContext};
use crate::error::Result;

impl Pkey {
    /// A new ML-KEM key, which keeps the seed that it was expanded from.
    pub(crate) fn generate_ml_kem(set: MlKem) -> Result<Pkey> {
        let context = PkeyContext::for_kind(aws_lc_sys::EVP_PKEY_KEM)?;
        // SAFETY: the context is valid.
        check(unsafe { aws_lc_sys::EVP_PKEY_keygen_init(context.as_ptr()) })?;
        // SAFETY: the context is valid and has no key yet.
        check(unsafe { aws_lc_sys::EVP_PKEY_CTX_kem_set_params(context.as_ptr(), nid(set)) })?;
        let mut key = ptr::null_mut();
        // SAFETY: evp.h: with a place that holds NULL, a new key is put there.
        check(unsafe { aws_lc_sys::EVP_PKEY_keygen(context.as_ptr(), &mut key) })?;
        Pkey::adopt(key)
    }

    /// The key that a seed (d and z: FIPS 203, algorithm 19) is expanded to.
    pub(crate) fn from_ml_kem_seed(set: MlKem, seed: &[u8]) -> Result<Pkey> {
        let context = PkeyContext::for_kind(aws_lc_sys::EVP_PKEY_KEM)?;
        // SAFETY: the context is valid.
        check(unsafe { aws_lc_sys::EVP_PKEY_keygen_init(context.as_ptr()) })?;
        // SAFETY: the context is valid and has no key yet.
        check(unsafe { aws_lc_sys::EVP_PKEY_CTX_kem_set_params(context.as_ptr(), nid(set)) })?;
        let mut key = ptr::null_mut();
        let mut length = seed.len();
        // SAFETY: the seed is readable for its length, which aws-lc compares with what the set
        // takes; a new key is put where NULL is.
        check(unsafe {
            aws_lc_sys::EVP_PKEY_keygen_deterministic(
                context.as_ptr(),
                &mut key,
                seed.as_ptr(),
                &mut length,
            )
        })?;
        Pkey::adopt(key)
    }

    /// A key from its expanded form (FIPS 203, algorithm 16), which holds the public half. aws-lc
    /// checks that the halves agree.
    pub(crate) fn from_ml_kem_expanded(set: MlKem, expanded: &[u8]) -> Result<Pkey> {
        let row = set.row();
        check(c_int::from(expanded.len() == row.private_bytes))?;
        // dk = dk of the encryption scheme, ek, and two values of 32 bytes.
        let end = row.private_bytes - 64;
        let public = &expanded[end - row.public_bytes..end];
        // SAFETY: both slices are readable for their lengths, which aws-lc compares with the set's.
        // The result is a new key or NULL.
        let key = Pkey::adopt(unsafe {
            aws_lc_sys::EVP_PKEY_kem_new_raw_key(
                nid(set),
                public.as_ptr(),
                public.len(),
                expanded.as_ptr(),
                expanded.len(),
            )
        })?;
        // SAFETY: the key is valid and has both halves.
        check(unsafe { aws_lc_sys::EVP_PKEY_kem_check_key(key.as_ptr()) })?;
        Ok(key)
    }

    /// The parameter set of an ML-KEM key, by the size of its public half.
    pub(super) fn ml_kem(&self) -> Option<MlKem> {
        let bytes = self.raw_public_bytes().ok()?;
        MlKem::ALL.iter().copied().find(|set| set.row().public_bytes == bytes)
    }

    /// Checks that the public half of an ML-KEM key is well-formed (FIPS 203, 7.2), which the FIPS
    /// module does only when it encapsulates.
    pub(crate) fn check_ml_kem_public(&self, set: MlKem) -> Result<()> {
        self.encapsulate(set).map(drop)
    }

    /// The expanded private key of an ML-KEM key.
    pub(crate) fn ml_kem_expanded(&self, set: MlKem) -> Result<Zeroizing<Vec<u8>>> {
        let mut bytes = Zeroizing::new(vec![0; set.row().private_bytes]);
        let mut length = bytes.len();
        // SAFETY: `length` says how much room there is; the getter fails rather than overrun it.
        check(unsafe {
            aws_lc_sys::EVP_PKEY_get_raw_private_key(self.as_ptr(), bytes.as_mut_ptr(), &mut length)
        })?;
        check(c_int::from(length == bytes.len()))?;
        Ok(bytes)
    }

    /// A fresh secret, and the ciphertext from which the private half gets it too.
    pub(crate) fn encapsulate(&self, set: MlKem) -> Result<(Vec<u8>, Zeroizing<Vec<u8>>)> {
        let context = PkeyContext::new(self)?;
        let mut ciphertext = vec![0; set.row().ciphertext_bytes];
        let mut secret = Zeroizing::new(vec![0; ML_KEM_SECRET_BYTES]);
        let (mut ciphertext_length, mut secret_length) = (ciphertext.len(), secret.len());
        // SAFETY: the lengths say how much room there is, which aws-lc checks.
        check(unsafe {
            aws_lc_sys::EVP_PKEY_encapsulate(
                context.as_ptr(),
                ciphertext.as_mut_ptr(),
                &mut ciphertext_length,
                secret.as_mut_ptr(),
                &mut secret_length,
            )
        })?;
        check(c_int::from(ciphertext_length == ciphertext.len() && secret_length == secret.len()))?;
        Ok((ciphertext, secret))
    }

    /// The secret in a ciphertext of the set's size. One that was made otherwise gives a secret
    /// that looks random (FIPS 203, algorithm 18: implicit rejection).
    pub(crate) fn decapsulate(&self, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let context = PkeyContext::new(self)?;
        let mut secret = Zeroizing::new(vec![0; ML_KEM_SECRET_BYTES]);
        let mut length = secret.len();
        // SAFETY: `length` says how much room there is, and the ciphertext is readable for its
        // length; aws-lc compares both with the set's.
        check(unsafe {
            aws_lc_sys::EVP_PKEY_decapsulate(
                context.as_ptr(),
                secret.as_mut_ptr(),
                &mut length,
                ciphertext.as_ptr(),
                ciphertext.len(),
            )
        })?;
        check(c_int::from(length == secret.len()))?;
        Ok(secret)
    }
}

/// aws-lc's number of a parameter set.
fn nid(set: MlKem) -> c_int {
    match set {
        MlKem::MlKem512 => aws_lc_sys::NID_MLKEM512,
        MlKem::MlKem768 => aws_lc_sys::NID_MLKEM768,
        MlKem::MlKem1024 => aws_lc_sys::NID_MLKEM1024,
    }
}
