//! PKCS#1 v1.5 decryption that is no oracle: implicit rejection
//! (draft-irtf-cfrg-rsa-guidance), bit for bit as OpenSSL 3.2 and later do it.
//!
//! A ciphertext with bad padding decrypts to a message that looks random, has a random length, and
//! is always the same for the same key and ciphertext. So neither the result nor the time tells
//! whether the padding was good, and Bleichenbacher's attack has nothing to work with. All
//! OpenSSL-compatible programs that hold the same key give the same message, so that two of them
//! side by side are no oracle either.
//!
//! Secret bytes are never branched on or used as an index here. The length of the result is no
//! secret: it is the caller's to see, good padding or not.

use aws_lc_rs::{digest, hmac};
use subtle::{
    Choice, ConditionallySelectable, ConstantTimeEq, ConstantTimeGreater, ConstantTimeLess,
};
use zeroize::Zeroizing;

/// `0x00 0x02`, at least eight bytes of padding, `0x00`.
const MIN_SEPARATOR_INDEX: u16 = 2 + 8;

/// How many random lengths are tried before the empty message is taken; each fits with a
/// probability of at least one half, so 128 all fail with 2^-128.
const LENGTH_CANDIDATES: usize = 128;

/// The secret that the message of a bad ciphertext is made from:
/// `HMAC-SHA256(SHA256(d), ciphertext)`, both numbers in the modulus' length.
pub(crate) fn key_derivation_key(
    private_exponent: &[u8],
    ciphertext: &[u8],
) -> Zeroizing<[u8; digest::SHA256_OUTPUT_LEN]> {
    let hash = digest::digest(&digest::SHA256, private_exponent);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, hash.as_ref()), ciphertext);
    let mut key = Zeroizing::new([0; digest::SHA256_OUTPUT_LEN]);
    key.copy_from_slice(tag.as_ref());
    key
}

/// Takes the padding off a decrypted block of the modulus' size, or returns the message that the
/// key derivation key stands for.
pub(crate) fn remove_padding(
    block: &[u8],
    key_derivation_key: &[u8; digest::SHA256_OUTPUT_LEN],
) -> Zeroizing<Vec<u8>> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key_derivation_key);
    let synthetic = pseudo_random(&key, b"message", block.len());
    let size = block.len() as u16;
    let synthetic_index = size - synthetic_length(&key, size);

    let mut good = block[0].ct_eq(&0) & block[1].ct_eq(&2);
    let mut separator_index = 0u16;
    let mut found = Choice::from(0);
    for (index, byte) in (0u16..).zip(block).skip(2) {
        let is_zero = byte.ct_eq(&0);
        separator_index.conditional_assign(&index, is_zero & !found);
        found |= is_zero;
    }
    // With no separator the index is 0, which fails here too.
    good &= !separator_index.ct_lt(&MIN_SEPARATOR_INDEX);

    // From here on the index tells nothing: it is a message's either way.
    let start = u16::conditional_select(&synthetic_index, &(separator_index + 1), good);
    let start = usize::from(start);
    let mut message = Zeroizing::new(vec![0; block.len() - start]);
    for ((out, real), random) in message.iter_mut().zip(&block[start..]).zip(&synthetic[start..]) {
        *out = u8::conditional_select(random, real, good);
    }
    message
}

/// The length of the synthetic message: the last candidate that is short enough. (OpenSSL and the
/// draft let later candidates replace earlier ones.)
fn synthetic_length(key: &hmac::Key, size: u16) -> u16 {
    let bound = size - MIN_SEPARATOR_INDEX;
    // Every bit below the bound's highest one.
    let mask = u16::MAX >> bound.leading_zeros();
    let candidates = pseudo_random(key, b"length", LENGTH_CANDIDATES * 2);
    let mut length = 0;
    for pair in candidates.chunks_exact(2) {
        let candidate = u16::from_be_bytes([pair[0], pair[1]]) & mask;
        length.conditional_assign(&candidate, bound.ct_gt(&candidate));
    }
    length
}

/// The draft's pseudo-random function: blocks of `HMAC(key, counter || label || bits)`.
fn pseudo_random(key: &hmac::Key, label: &[u8], bytes: usize) -> Zeroizing<Vec<u8>> {
    let bits = (bytes * 8) as u16;
    let mut output = Zeroizing::new(vec![0; bytes]);
    for (counter, block) in (0u16..).zip(output.chunks_mut(digest::SHA256_OUTPUT_LEN)) {
        let mut context = hmac::Context::with_key(key);
        context.update(&counter.to_be_bytes());
        context.update(label);
        context.update(&bits.to_be_bytes());
        block.copy_from_slice(&context.sign().as_ref()[..block.len()]);
    }
    output
}
