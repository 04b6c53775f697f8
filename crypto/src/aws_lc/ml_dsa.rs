//! ML-DSA (FIPS 204), which aws-lc calls PQDSA.

use std::{ffi::c_int, ptr};

use keyward_algorithms::{ML_DSA_MU_BYTES, MlDsa};
use zeroize::Zeroizing;

use super::{Pkey, check, pkey_context::PkeyContext};
use crate::error::Result;

/// What a private key is expanded from (FIPS 204, algorithm 1).
const SEED_BYTES: usize = 32;

impl Pkey {
    /// A new ML-DSA key.
    pub(crate) fn generate_ml_dsa(set: MlDsa) -> Result<Pkey> {
        let mut seed = Zeroizing::new([0; SEED_BYTES]);
        // SAFETY: the buffer has room for its length.
        check(unsafe { aws_lc_sys::RAND_bytes(seed.as_mut_ptr(), seed.len()) })?;
        // SAFETY: the seed is readable for its length; evp.h takes one in the place of the
        // expanded key. The result is a new key or NULL.
        Pkey::adopt(unsafe {
            aws_lc_sys::EVP_PKEY_pqdsa_new_raw_private_key(nid(set), seed.as_ptr(), seed.len())
        })
    }

    /// The parameter set of an ML-DSA key, by the size of its public half.
    pub(super) fn ml_dsa(&self) -> Option<MlDsa> {
        let bytes = self.raw_public_bytes().ok()?;
        MlDsa::ALL.iter().copied().find(|set| set.row().public_bytes == bytes)
    }

    /// The expanded private key of an ML-DSA key (FIPS 204, algorithm 24).
    pub(crate) fn ml_dsa_expanded(&self, set: MlDsa) -> Result<Zeroizing<Vec<u8>>> {
        let mut bytes = Zeroizing::new(vec![0; set.row().private_bytes]);
        let mut length = bytes.len();
        // SAFETY: `length` says how much room there is; the getter fails rather than overrun it.
        check(unsafe {
            aws_lc_sys::EVP_PKEY_get_raw_private_key(self.as_ptr(), bytes.as_mut_ptr(), &mut length)
        })?;
        check(c_int::from(length == bytes.len()))?;
        Ok(bytes)
    }

    /// Signs mu, the digest of key, context and message.
    pub(crate) fn sign_mu(&self, set: MlDsa, mu: &[u8]) -> Result<Vec<u8>> {
        let context = PkeyContext::new(self)?;
        // SAFETY: the context is valid.
        check(unsafe { aws_lc_sys::EVP_PKEY_sign_init(context.as_ptr()) })?;
        let mut signature = vec![0; set.row().signature_bytes];
        let mut length = signature.len();
        // SAFETY: `length` says how much room the signature has; mu is readable for its length,
        // which aws-lc checks. evp.h: with a PQDSA key the digest is mu.
        check(unsafe {
            aws_lc_sys::EVP_PKEY_sign(
                context.as_ptr(),
                signature.as_mut_ptr(),
                &mut length,
                mu.as_ptr(),
                mu.len(),
            )
        })?;
        signature.truncate(length);
        Ok(signature)
    }

    /// The same without randomness (FIPS 204, 3.4): aws-lc has it below its public interface.
    pub(crate) fn sign_mu_deterministic(&self, set: MlDsa, mu: &[u8]) -> Result<Vec<u8>> {
        const NO_RANDOMNESS: [u8; 32] = [0; 32];
        let expanded = self.ml_dsa_expanded(set)?;
        let mut signature = vec![0; set.row().signature_bytes];
        let mut length = signature.len();
        let sign = match set {
            MlDsa::MlDsa44 => ml_dsa_extmu_44_sign_internal,
            MlDsa::MlDsa65 => ml_dsa_extmu_65_sign_internal,
            MlDsa::MlDsa87 => ml_dsa_extmu_87_sign_internal,
        };
        check(c_int::from(mu.len() == ML_DSA_MU_BYTES))?;
        // SAFETY: the key and the signature have the sizes of their parameter set, mu and the
        // randomness theirs, and nothing of no length is read before mu.
        check(unsafe {
            sign(
                expanded.as_ptr(),
                signature.as_mut_ptr(),
                &mut length,
                mu.as_ptr(),
                mu.len(),
                ptr::null(),
                0,
                NO_RANDOMNESS.as_ptr(),
            )
        })?;
        signature.truncate(length);
        Ok(signature)
    }

    pub(crate) fn verify_mu(&self, mu: &[u8], signature: &[u8]) -> Result<()> {
        let context = PkeyContext::new(self)?;
        // SAFETY: the context is valid.
        check(unsafe { aws_lc_sys::EVP_PKEY_verify_init(context.as_ptr()) })?;
        // SAFETY: both slices are readable for their lengths.
        check(unsafe {
            aws_lc_sys::EVP_PKEY_verify(
                context.as_ptr(),
                signature.as_ptr(),
                signature.len(),
                mu.as_ptr(),
                mu.len(),
            )
        })
    }
}

/// aws-lc's number of a parameter set.
fn nid(set: MlDsa) -> c_int {
    match set {
        MlDsa::MlDsa44 => aws_lc_sys::NID_MLDSA44,
        MlDsa::MlDsa65 => aws_lc_sys::NID_MLDSA65,
        MlDsa::MlDsa87 => aws_lc_sys::NID_MLDSA87,
    }
}

/// Declares functions of aws-lc's ml_dsa.h, which the crate has no bindings for, under the prefix that
/// this version of aws-lc puts before its names.
macro_rules! signs_mu {
    ($($name:ident),*) => {
        // SAFETY: the types are those of ml_dsa.h, in both branches of aws-lc.
        unsafe extern "C" {
            $(
                #[link_name = concat!(env!("AWS_LC_PREFIX"), stringify!($name))]
                fn $name(
                    private_key: *const u8,
                    signature: *mut u8,
                    signature_length: *mut usize,
                    mu: *const u8,
                    mu_length: usize,
                    before_mu: *const u8,
                    before_mu_length: usize,
                    randomness: *const u8,
                ) -> c_int;
            )*
        }
    };
}

signs_mu!(
    ml_dsa_extmu_44_sign_internal,
    ml_dsa_extmu_65_sign_internal,
    ml_dsa_extmu_87_sign_internal
);
