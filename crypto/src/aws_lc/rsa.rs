//! `RSA`: the private and public operation, and the paddings that aws-lc has (RFC 8017).

use std::{
    ffi::{c_int, c_uint},
    marker::PhantomData,
    ptr::{self, NonNull},
};

use aws_lc_sys::{BIGNUM, RSA};
use keyward_algorithms::Digest;
use zeroize::Zeroizing;

use super::{Pkey, check, digest, non_null};
use crate::{CryptoError, error::Result};

/// For verification: whatever size the salt of a signature has (rsa.h, which has no name for it in
/// every version).
const SALT_OF_ANY_SIZE: c_int = -2;

/// The public exponent of new keys (FIPS 186-5, A.1.1 asks for at least this).
const PUBLIC_EXPONENT: u64 = 65537;

/// What aws-lc does around the bare RSA function.
#[derive(Clone, Copy)]
#[repr(i32)]
pub(crate) enum Padding {
    /// PKCS#1 v1.5: of type 1 for signatures, of type 2 for encryption.
    Pkcs1 = aws_lc_sys::RSA_PKCS1_PADDING,
    /// Nothing.
    None = aws_lc_sys::RSA_NO_PADDING,
}

/// A new RSA key or number that has no `EVP_PKEY` around it yet.
struct NewRsa(NonNull<RSA>);

impl Drop for NewRsa {
    fn drop(&mut self) {
        // SAFETY: the pointer came from aws-lc with one reference that this value owns.
        unsafe { aws_lc_sys::RSA_free(self.0.as_ptr()) }
    }
}

struct Bignum(NonNull<BIGNUM>);

impl Drop for Bignum {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `BN_new` and is owned by this value.
        unsafe { aws_lc_sys::BN_free(self.0.as_ptr()) }
    }
}

impl NewRsa {
    fn into_pkey(self) -> Result<Pkey> {
        let key = Pkey::new()?;
        // SAFETY: both are valid; `set1` takes a reference of its own.
        check(unsafe { aws_lc_sys::EVP_PKEY_set1_RSA(key.as_ptr(), self.0.as_ptr()) })?;
        Ok(key)
    }
}

impl Pkey {
    /// A new RSA key with a modulus of so many bits.
    pub(crate) fn generate_rsa(bits: u16) -> Result<Pkey> {
        // SAFETY: no argument; NULL is handled.
        let exponent = Bignum(non_null(unsafe { aws_lc_sys::BN_new() })?);
        // SAFETY: the number is valid and nobody else has it.
        check(unsafe { aws_lc_sys::BN_set_word(exponent.0.as_ptr(), PUBLIC_EXPONENT) })?;
        // SAFETY: no argument; NULL is handled.
        let key = NewRsa(non_null(unsafe { aws_lc_sys::RSA_new() })?);
        // SAFETY: key and exponent are valid; a missing callback is allowed.
        check(unsafe {
            aws_lc_sys::RSA_generate_key_ex(
                key.0.as_ptr(),
                bits.into(),
                exponent.0.as_ptr(),
                ptr::null_mut(),
            )
        })?;
        key.into_pkey()
    }

    /// Reads a DER `RSAPrivateKey` (RFC 8017, A.1.2), and nothing after it. aws-lc checks that its
    /// numbers agree.
    pub(crate) fn from_rsa_private_key(der: &[u8]) -> Result<Pkey> {
        // SAFETY: the bytes are readable for their length; the result is a new key or NULL.
        let key = unsafe { aws_lc_sys::RSA_private_key_from_bytes(der.as_ptr(), der.len()) };
        NewRsa(non_null(key)?).into_pkey()
    }

    /// Reads a DER `RSAPublicKey` (RFC 8017, A.1.1), and nothing after it.
    pub(crate) fn from_rsa_public_key(der: &[u8]) -> Result<Pkey> {
        // SAFETY: the bytes are readable for their length; the result is a new key or NULL.
        let key = unsafe { aws_lc_sys::RSA_public_key_from_bytes(der.as_ptr(), der.len()) };
        NewRsa(non_null(key)?).into_pkey()
    }
}

/// The RSA key inside a [`Pkey`].
#[derive(Clone, Copy)]
pub(crate) struct RsaKey<'a> {
    key: NonNull<RSA>,
    pub(super) owner: &'a Pkey,
    _borrowed: PhantomData<&'a RSA>,
}

impl<'a> RsaKey<'a> {
    pub(super) fn borrowed(owner: &'a Pkey, key: NonNull<RSA>) -> RsaKey<'a> {
        RsaKey { key, owner, _borrowed: PhantomData }
    }

    /// Size of the modulus in bits.
    pub(crate) fn bits(self) -> u16 {
        // SAFETY: the key is valid.
        let bits = unsafe { aws_lc_sys::RSA_bits(self.key.as_ptr()) };
        bits.try_into().unwrap_or(u16::MAX)
    }

    /// Size of the modulus in bytes.
    pub(crate) fn size(self) -> usize {
        usize::from(self.bits()).div_ceil(8)
    }

    /// Whether the key has its primes and public exponent; without them aws-lc can neither blind
    /// nor check what it computes.
    pub(crate) fn is_complete(self) -> bool {
        // SAFETY: the key is valid; the result is NULL where the key lacks the number.
        let prime = unsafe { aws_lc_sys::RSA_get0_p(self.key.as_ptr()) };
        // SAFETY: as above.
        let exponent = unsafe { aws_lc_sys::RSA_get0_e(self.key.as_ptr()) };
        !prime.is_null() && !exponent.is_null()
    }

    /// The DER `RSAPrivateKey`.
    pub(crate) fn private_key_der(self) -> Result<Zeroizing<Vec<u8>>> {
        // SAFETY: `out` is a CBB that `marshal` has initialised; the key is valid.
        super::pkey::marshal(|out| unsafe {
            aws_lc_sys::RSA_marshal_private_key(out, self.key.as_ptr())
        })
    }

    /// The DER `RSAPublicKey`.
    pub(crate) fn public_key_der(self) -> Result<Zeroizing<Vec<u8>>> {
        // SAFETY: `out` is a CBB that `marshal` has initialised; the key is valid.
        super::pkey::marshal(|out| unsafe {
            aws_lc_sys::RSA_marshal_public_key(out, self.key.as_ptr())
        })
    }

    /// The modulus, big-endian in full length.
    pub(crate) fn modulus(self) -> Result<Vec<u8>> {
        let mut bytes = vec![0; self.size()];
        // SAFETY: the key is valid and every RSA key has a modulus.
        let number = unsafe { aws_lc_sys::RSA_get0_n(self.key.as_ptr()) };
        to_bytes(number, &mut bytes)?;
        Ok(bytes)
    }

    /// The private exponent, big-endian in the modulus' length.
    pub(crate) fn private_exponent(self) -> Result<Zeroizing<Vec<u8>>> {
        let mut bytes = Zeroizing::new(vec![0; self.size()]);
        // SAFETY: the key is valid; NULL is handled below.
        let number = unsafe { aws_lc_sys::RSA_get0_d(self.key.as_ptr()) };
        to_bytes(number, &mut bytes)?;
        Ok(bytes)
    }

    /// RSASSA-PKCS1-v1_5 over a digest of the right size.
    pub(crate) fn sign_pkcs1(self, digest: Digest, input: &[u8]) -> Result<Vec<u8>> {
        let mut signature = vec![0; self.size()];
        let mut length: c_uint = 0;
        // SAFETY: rsa.h asks for room for `RSA_size` bytes; the input is readable.
        check(unsafe {
            aws_lc_sys::RSA_sign(
                digest::nid(digest),
                input.as_ptr(),
                input.len(),
                signature.as_mut_ptr(),
                &mut length,
                self.key.as_ptr(),
            )
        })?;
        Ok(signature)
    }

    pub(crate) fn verify_pkcs1(self, digest: Digest, input: &[u8], signature: &[u8]) -> Result<()> {
        // SAFETY: both slices are readable for their lengths; the key is valid.
        check(unsafe {
            aws_lc_sys::RSA_verify(
                digest::nid(digest),
                input.as_ptr(),
                input.len(),
                signature.as_ptr(),
                signature.len(),
                self.key.as_ptr(),
            )
        })
    }

    /// RSASSA-PSS over a digest of the right size, with exactly so much salt.
    pub(crate) fn sign_pss(
        self,
        digest: Digest,
        mgf1: Digest,
        salt_bytes: usize,
        input: &[u8],
    ) -> Result<Vec<u8>> {
        let mut signature = vec![0; self.size()];
        let mut length = 0;
        // SAFETY: the room is given; the input is readable; the digests are static tables.
        check(unsafe {
            aws_lc_sys::RSA_sign_pss_mgf1(
                self.key.as_ptr(),
                &mut length,
                signature.as_mut_ptr(),
                signature.len(),
                input.as_ptr(),
                input.len(),
                digest::method(digest),
                digest::method(mgf1),
                salt_length(Some(salt_bytes)),
            )
        })?;
        Ok(signature)
    }

    /// Verifies RSASSA-PSS; without a salt length, the one that the signature has.
    pub(crate) fn verify_pss(
        self,
        digest: Digest,
        mgf1: Digest,
        salt_bytes: Option<usize>,
        input: &[u8],
        signature: &[u8],
    ) -> Result<()> {
        // SAFETY: both slices are readable for their lengths; the digests are static tables.
        check(unsafe {
            aws_lc_sys::RSA_verify_pss_mgf1(
                self.key.as_ptr(),
                input.as_ptr(),
                input.len(),
                digest::method(digest),
                digest::method(mgf1),
                salt_length(salt_bytes),
                signature.as_ptr(),
                signature.len(),
            )
        })
    }

    /// Pads and applies the private key: PKCS#1 v1.5 of type 1, or nothing on an input of the
    /// modulus' size.
    pub(crate) fn sign_raw(self, padding: Padding, input: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        self.transform(aws_lc_sys::RSA_sign_raw, padding, input)
    }

    /// Applies the public key and takes the padding of type 1 off.
    pub(crate) fn recover(self, padding: Padding, input: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        self.transform(aws_lc_sys::RSA_verify_raw, padding, input)
    }

    /// Pads and applies the public key: PKCS#1 v1.5 of type 2, or nothing.
    pub(crate) fn encrypt(self, padding: Padding, input: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        self.transform(aws_lc_sys::RSA_encrypt, padding, input)
    }

    fn transform(
        self,
        function: Transform,
        padding: Padding,
        input: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>> {
        let mut output = Zeroizing::new(vec![0; self.size()]);
        let mut length = 0;
        // SAFETY: the four functions of this type write at most `max_out` bytes to `out` and set
        // `out_len`; the input is readable for its length.
        check(unsafe {
            function(
                self.key.as_ptr(),
                &mut length,
                output.as_mut_ptr(),
                output.len(),
                input.as_ptr(),
                input.len(),
                padding as c_int,
            )
        })?;
        output.truncate(length);
        Ok(output)
    }
}

type Transform =
    unsafe extern "C" fn(*mut RSA, *mut usize, *mut u8, usize, *const u8, usize, c_int) -> c_int;

/// aws-lc's number for a salt length: itself, or "as the signature has it".
fn salt_length(salt_bytes: Option<usize>) -> c_int {
    match salt_bytes {
        // More than any key can have, so too large a number fails in aws-lc as it should.
        Some(bytes) => c_int::try_from(bytes).unwrap_or(c_int::MAX),
        None => SALT_OF_ANY_SIZE,
    }
}

fn to_bytes(number: *const BIGNUM, bytes: &mut [u8]) -> Result<()> {
    let number = non_null(number.cast_mut())?;
    // SAFETY: the number belongs to a valid key; `bytes` has the given room.
    check(unsafe { aws_lc_sys::BN_bn2bin_padded(bytes.as_mut_ptr(), bytes.len(), number.as_ptr()) })
        .map_err(|_| CryptoError::InvalidKey)
}
