//! AES in CBC, CTR and ECB (SP 800-38A), and what old key files are encrypted with.

use std::{
    ffi::c_int,
    ptr::{self, NonNull},
};

use aws_lc_sys::{EVP_CIPHER, EVP_CIPHER_CTX};
use keyward_algorithms::SymmetricCipher;
use zeroize::Zeroizing;

use super::{check, non_null};
use crate::{CryptoError, error::Result};

/// One way or the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Plaintext to ciphertext.
    Encrypt,
    /// Ciphertext to plaintext.
    Decrypt,
}

/// The size of an AES block in bytes.
const BLOCK_BYTES: usize = 16;

/// Encrypts or decrypts in one of the modes that do not authenticate. The initialisation vector has
/// the cipher's size, the key 16, 24 or 32 bytes.
pub(crate) fn crypt(
    cipher: SymmetricCipher,
    direction: Direction,
    key: &[u8],
    iv: &[u8],
    input: &[u8],
) -> Result<Zeroizing<Vec<u8>>> {
    let method = method(cipher, key.len()).ok_or(CryptoError::Unsupported)?;
    if iv.len() != cipher.row().iv_bytes {
        return Err(CryptoError::input("the initialisation vector has the wrong size"));
    }
    run(method, direction, cipher.row().padded, key, iv, input)
}

/// Decrypts triple DES in CBC mode with padding.
pub(crate) fn decrypt_triple_des(
    key: &[u8],
    iv: &[u8],
    input: &[u8],
) -> Result<Zeroizing<Vec<u8>>> {
    if key.len() != 24 || iv.len() != 8 {
        return Err(CryptoError::input("the initialisation vector has the wrong size"));
    }
    // SAFETY: the getter takes no argument and returns a pointer to a static table.
    let method = unsafe { aws_lc_sys::EVP_des_ede3_cbc() };
    run(method, Direction::Decrypt, true, key, iv, input)
}

/// Key and initialisation vector have the sizes of the method.
fn run(
    method: *const EVP_CIPHER,
    direction: Direction,
    padded: bool,
    key: &[u8],
    iv: &[u8],
    input: &[u8],
) -> Result<Zeroizing<Vec<u8>>> {
    let length = c_int::try_from(input.len())
        .map_err(|_| CryptoError::input("the input is too long for one piece"))?;
    let context = Context::new()?;
    let encrypting = c_int::from(direction == Direction::Encrypt);
    // SAFETY: the context is valid, the method a static table; key and vector have the sizes that
    // it wants (the vector of ECB is not looked at).
    check(unsafe {
        aws_lc_sys::EVP_CipherInit_ex(
            context.0.as_ptr(),
            method,
            ptr::null_mut(),
            key.as_ptr(),
            iv.as_ptr(),
            encrypting,
        )
    })?;
    let padding = c_int::from(padded);
    // SAFETY: the context is valid and initialised.
    check(unsafe { aws_lc_sys::EVP_CIPHER_CTX_set_padding(context.0.as_ptr(), padding) })?;
    let mut output = Zeroizing::new(vec![0; input.len() + 2 * BLOCK_BYTES]);
    let mut written = 0;
    // SAFETY: cipher.h: "The number of output bytes may be up to `in_len` plus the block length
    // minus one"; the output has room for that and one block more.
    check(unsafe {
        aws_lc_sys::EVP_CipherUpdate(
            context.0.as_ptr(),
            output.as_mut_ptr(),
            &mut written,
            input.as_ptr(),
            length,
        )
    })?;
    let begun = usize::try_from(written).map_err(|_| CryptoError::Failed)?;
    let rest = output.get_mut(begun..).ok_or(CryptoError::Failed)?;
    // SAFETY: the end is one block at most, for which there is room behind what is written.
    check(unsafe {
        aws_lc_sys::EVP_CipherFinal_ex(context.0.as_ptr(), rest.as_mut_ptr(), &mut written)
    })?;
    output.truncate(begun + usize::try_from(written).map_err(|_| CryptoError::Failed)?);
    Ok(output)
}

fn method(cipher: SymmetricCipher, key_bytes: usize) -> Option<*const EVP_CIPHER> {
    use SymmetricCipher as Is;
    let getter: unsafe extern "C" fn() -> *const EVP_CIPHER = match (cipher, key_bytes) {
        (Is::AesCbc | Is::AesCbcPad, 16) => aws_lc_sys::EVP_aes_128_cbc,
        (Is::AesCbc | Is::AesCbcPad, 24) => aws_lc_sys::EVP_aes_192_cbc,
        (Is::AesCbc | Is::AesCbcPad, 32) => aws_lc_sys::EVP_aes_256_cbc,
        (Is::AesCtr, 16) => aws_lc_sys::EVP_aes_128_ctr,
        (Is::AesCtr, 24) => aws_lc_sys::EVP_aes_192_ctr,
        (Is::AesCtr, 32) => aws_lc_sys::EVP_aes_256_ctr,
        (Is::AesEcb | Is::AesEcbPad, 16) => aws_lc_sys::EVP_aes_128_ecb,
        (Is::AesEcb | Is::AesEcbPad, 24) => aws_lc_sys::EVP_aes_192_ecb,
        (Is::AesEcb | Is::AesEcbPad, 32) => aws_lc_sys::EVP_aes_256_ecb,
        _ => return None,
    };
    // SAFETY: the getters take no argument and return a pointer to a static table.
    Some(unsafe { getter() })
}

struct Context(NonNull<EVP_CIPHER_CTX>);

impl Context {
    fn new() -> Result<Context> {
        // SAFETY: no argument; NULL is handled.
        non_null(unsafe { aws_lc_sys::EVP_CIPHER_CTX_new() }).map(Context)
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `EVP_CIPHER_CTX_new` and is owned by this value; freeing it
        // wipes the key schedule.
        unsafe { aws_lc_sys::EVP_CIPHER_CTX_free(self.0.as_ptr()) }
    }
}
