//! Using a secret key: encryption and message authentication codes.

use std::sync::Arc;

use keyward_algorithms::{ErrorKind, Operation, SymmetricCipher};
use keyward_protocol::{
    KeyId,
    constants::MAX_MESSAGE_BYTES,
    messages::{Decipher, Encipher, Mac, SymmetricCipher as Choice, VerifyMac},
};

use crate::{
    Error, Result, Service,
    audit::Trail,
    backend::{Task, Work},
    identity::Caller,
    keys::Key,
};

pub(crate) fn encipher(
    service: &Service,
    caller: &Caller,
    request: Encipher,
    trail: &mut Trail,
) -> Result<Task> {
    let (key, wants) = allowed(service, caller, Operation::Encipher, &request.key_id, trail)?;
    check(service, request.cipher.as_ref(), request.input.len())?;
    service.task(caller, wants, Work::Encipher(key, request), trail)
}

pub(crate) fn decipher(
    service: &Service,
    caller: &Caller,
    request: Decipher,
    trail: &mut Trail,
) -> Result<Task> {
    let (key, wants) = allowed(service, caller, Operation::Decipher, &request.key_id, trail)?;
    check(service, request.cipher.as_ref(), request.input.len().saturating_sub(OVERHEAD_BYTES))?;
    service.task(caller, wants, Work::Decipher(key, request), trail)
}

pub(crate) fn mac(
    service: &Service,
    caller: &Caller,
    request: Mac,
    trail: &mut Trail,
) -> Result<Task> {
    let (key, wants) = allowed(service, caller, Operation::Mac, &request.key_id, trail)?;
    check_size("a message", request.input.len())?;
    service.task(caller, wants, Work::Mac(key, request), trail)
}

pub(crate) fn verify_mac(
    service: &Service,
    caller: &Caller,
    request: VerifyMac,
    trail: &mut Trail,
) -> Result<Task> {
    let (key, wants) = allowed(service, caller, Operation::VerifyMac, &request.key_id, trail)?;
    check_size("a message", request.input.len())?;
    service.task(caller, wants, Work::VerifyMac(key, request), trail)
}

fn allowed(
    service: &Service,
    caller: &Caller,
    operation: Operation,
    id: &[u8],
    trail: &mut Trail,
) -> Result<(Arc<Key>, bool)> {
    let (key, wants) = service.allowed(caller, operation, None, trail, &KeyId::try_from(id)?)?;
    trail.uses(&key);
    Ok((key, wants))
}

/// By how much a ciphertext may be longer than its plaintext: a tag, or a block of padding.
const OVERHEAD_BYTES: usize = 16;

fn check(service: &Service, choice: Option<&Choice>, length: usize) -> Result<()> {
    let associated = choice.map_or(0, |choice| choice.aad.len());
    check_size("an input", length + associated)?;
    let cipher = choice.and_then(|choice| SymmetricCipher::from_code(choice.cipher));
    match cipher.map(SymmetricCipher::row) {
        Some(row) if row.off_by_default && !service.live.settings().algorithms.ecb => {
            let message = format!("{} is switched off in this service", row.name);
            Err(Error::new(ErrorKind::PermissionDenied, message).hint(
                "use aes-gcm; if it has to be ECB: `ecb = true` under [algorithms] in the \
                 service's configuration",
            ))
        }
        _ => Ok(()),
    }
}

fn check_size(what: &str, length: usize) -> Result<()> {
    if length <= MAX_MESSAGE_BYTES {
        return Ok(());
    }
    let message =
        format!("{what} of {length} bytes is over the limit of {MAX_MESSAGE_BYTES} in one request");
    Err(Error::new(ErrorKind::LimitExceeded, message).hint(
        "cut it into pieces, or encrypt it with a key of your own and that key with this one; of a \
         long message, authenticate its digest",
    ))
}
