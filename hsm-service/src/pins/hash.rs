//! PINs as Argon2id (RFC 9106) keeps them.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::{constant_time::verify_slices_are_equal, rand};
use keyward_algorithms::ErrorKind;
use keyward_protocol::messages::UserPin;
use zeroize::{Zeroize, Zeroizing};

use crate::{Error, Result};

/// OWASP's recommendation for Argon2id; some 20 ms on a server. Each record has its own, so that
/// these can be raised.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;

const HASH_BYTES: usize = 32;
const SALT_BYTES: usize = 16;

/// The longest PIN in bytes.
const MAX_PIN_BYTES: usize = 256;

/// Refuses a new PIN that is too short, or that no file or prompt could give.
pub(super) fn check(pin: &[u8], min_length: usize) -> Result<()> {
    let text = std::str::from_utf8(pin).map_err(|_| Error::invalid("the PIN is not UTF-8"))?;
    if text.chars().any(char::is_control) {
        return Err(Error::invalid("the PIN has a control character in it"));
    }
    if text.chars().count() < min_length {
        return Err(Error::invalid(format!("the PIN has fewer than {min_length} characters"))
            .hint("`min_pin_length` of the service's configuration says how many it needs"));
    }
    check_size(pin)
}

/// Refuses a PIN that is longer than any can be.
pub(crate) fn check_size(pin: &[u8]) -> Result<()> {
    if pin.len() > MAX_PIN_BYTES {
        return Err(Error::invalid(format!("the PIN is longer than {MAX_PIN_BYTES} bytes")));
    }
    Ok(())
}

/// Puts the hash of a PIN into a record.
pub(super) fn set(record: &mut UserPin, pin: &[u8]) -> Result<()> {
    let mut salt = vec![0; SALT_BYTES];
    rand::fill(&mut salt).map_err(|_| failed("cannot draw a salt"))?;
    record.salt = salt;
    (record.memory_kib, record.passes) = (MEMORY_KIB, PASSES);
    record.hash = hash(record, pin)?.to_vec();
    Ok(())
}

/// Whether this is the PIN of a record.
pub(super) fn matches(record: &UserPin, pin: &[u8]) -> Result<bool> {
    let hash = hash(record, pin)?;
    Ok(verify_slices_are_equal(hash.as_slice(), &record.hash).is_ok())
}

fn hash(record: &UserPin, pin: &[u8]) -> Result<Zeroizing<[u8; HASH_BYTES]>> {
    let params = Params::new(record.memory_kib, record.passes, 1, Some(HASH_BYTES))
        .map_err(|error| failed(&error.to_string()))?;
    let mut memory = vec![Block::default(); params.block_count()];
    let mut hash = Zeroizing::new([0; HASH_BYTES]);
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let salt = record.salt.as_slice();
    let outcome =
        argon2.hash_password_into_with_memory(pin, salt, hash.as_mut_slice(), &mut memory);
    memory.iter_mut().for_each(Zeroize::zeroize);
    outcome.map_err(|error| failed(&error.to_string()))?;
    Ok(hash)
}

fn failed(why: &str) -> Error {
    Error::new(ErrorKind::Internal, format!("cannot hash a PIN: {why}"))
}
