//! Using a key: signatures, encryption, agreement; and random bytes.

use aws_lc_rs::rand;
use keyward_algorithms::{Encryption, ErrorKind, Operation, Right, Scheme};
use keyward_crypto::{Enciphered, OaepParameters, PssVerification};
use keyward_protocol::{
    KeyId,
    constants::{MAX_MESSAGE_BYTES, MAX_RANDOM_BYTES},
    messages::{self, Decapsulate, Decrypt, Derive, Encrypt, Random, Sign, Verify},
};

use crate::{
    Error, Result, Service,
    audit::Trail,
    backend::{Product, Task, Work, explain},
    execute::Reply,
    identity::Caller,
    policy::{self, Target},
};

pub(crate) fn sign(
    service: &Service,
    caller: &Caller,
    request: Sign,
    trail: &mut Trail,
) -> Result<Task> {
    let scheme = Scheme::from_code(request.algorithm.unwrap_or_default().scheme);
    // An algorithm that is not known asks for the usual right, and is refused for what it is by
    // who reads the request.
    let right = scheme.map_or(Right::Sign, |scheme| scheme.row().right);
    check_message(&request.input)?;
    let id = KeyId::try_from(request.key_id.as_slice())?;
    let (key, wants) = service.allowed(caller, Operation::Sign, Some(right), trail, &id)?;
    trail.uses(&key);
    service.task(caller, wants, Work::Sign(key, request), trail)
}

pub(crate) fn decrypt(
    service: &Service,
    caller: &Caller,
    request: Decrypt,
    trail: &mut Trail,
) -> Result<Task> {
    let scheme = request.cipher.as_ref().and_then(|cipher| Encryption::from_code(cipher.scheme));
    let right = scheme.map_or(Right::Decrypt, |scheme| scheme.row().right);
    let id = KeyId::try_from(request.key_id.as_slice())?;
    let (key, wants) = service.allowed(caller, Operation::Decrypt, Some(right), trail, &id)?;
    trail.uses(&key);
    service.task(caller, wants, Work::Decrypt(key, request), trail)
}

pub(crate) fn derive(
    service: &Service,
    caller: &Caller,
    request: Derive,
    trail: &mut Trail,
) -> Result<Task> {
    let id = KeyId::try_from(request.key_id.as_slice())?;
    let (key, wants) = service.allowed(caller, Operation::Derive, None, trail, &id)?;
    trail.uses(&key);
    service.task(caller, wants, Work::Derive(key, request), trail)
}

pub(crate) fn decapsulate(
    service: &Service,
    caller: &Caller,
    request: Decapsulate,
    trail: &mut Trail,
) -> Result<Task> {
    let id = KeyId::try_from(request.key_id.as_slice())?;
    let (key, wants) = service.allowed(caller, Operation::Decapsulate, None, trail, &id)?;
    trail.uses(&key);
    service.task(caller, wants, Work::Decapsulate(key, request), trail)
}

/// The answer to work that gives bytes.
pub(crate) fn output(product: Product) -> Result<Reply> {
    match product {
        Product::Bytes(bytes) => Ok(Reply::Output(bytes)),
        Product::Enciphered(Enciphered { iv, output }) => {
            Ok(Reply::Enciphered(messages::Enciphered { iv, output }))
        }
        Product::Valid(valid) => Ok(Reply::Valid(valid)),
        Product::Key(_) => Err(Error::new(ErrorKind::Internal, "a use of a key made a key")),
    }
}

pub(crate) fn verify(
    service: &Service,
    caller: &Caller,
    request: &Verify,
    trail: &mut Trail,
) -> Result<Reply> {
    check_message(&request.input)?;
    let id = KeyId::try_from(request.key_id.as_slice())?;
    let key = service.usable(caller, Operation::Verify, None, trail, &id)?;
    trail.uses(&key);
    let checked = request.algorithm.unwrap_or_default();
    let checked = checked.with_input(&request.input)?;
    let pss = checked.pss.map(|pss| PssVerification { mgf1: pss.mgf1, salt_bytes: pss.salt_bytes });
    let valid = key.public()?.verify(checked.algorithm, pss, checked.input, &request.signature);
    Ok(Reply::Valid(valid))
}

pub(crate) fn encrypt(
    service: &Service,
    caller: &Caller,
    request: &Encrypt,
    trail: &mut Trail,
) -> Result<Reply> {
    let id = KeyId::try_from(request.key_id.as_slice())?;
    let key = service.usable(caller, Operation::Encrypt, None, trail, &id)?;
    trail.uses(&key);
    let cipher = request.cipher.clone().unwrap_or_default();
    let checked = cipher.with_input(&request.input)?;
    let oaep = checked.oaep.map(|oaep| OaepParameters {
        digest: oaep.digest,
        mgf1: oaep.mgf1,
        label: oaep.label,
    });
    let encrypted = key.public()?.encrypt(checked.scheme, oaep, checked.input);
    encrypted.map(Reply::Output).map_err(|error| {
        let name = checked.scheme.row().name;
        explain(error, &format!("cannot encrypt to key \"{}\" with {name}", key.record.name))
    })
}

pub(crate) fn random(caller: &Caller, request: Random) -> Result<Reply> {
    policy::authorise(caller, Operation::Random, Target::Service)?;
    let length = request.length as usize;
    if length > MAX_RANDOM_BYTES {
        let message = format!("{length} random bytes are over the limit of {MAX_RANDOM_BYTES}");
        return Err(Error::new(ErrorKind::LimitExceeded, message));
    }
    let mut bytes = vec![0; length];
    rand::fill(&mut bytes)
        .map_err(|_| Error::new(ErrorKind::Internal, "the random generator failed"))?;
    Ok(Reply::Output(bytes))
}

pub(super) fn check_message(input: &[u8]) -> Result<()> {
    if input.len() <= MAX_MESSAGE_BYTES {
        return Ok(());
    }
    let message = format!(
        "a message of {} bytes is over the limit of {MAX_MESSAGE_BYTES} for signing in one piece",
        input.len()
    );
    Err(Error::new(ErrorKind::LimitExceeded, message)
        .hint("use an algorithm that signs a digest: RSA or ECDSA"))
}
