//! Loads a PKCS#11 module, answers one request with it, and ends.

use std::{
    io::{self, Read, Write},
    path::Path,
    process::ExitCode,
};

use aws_lc_rs::digest::{SHA256, digest};
use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Pkcs11},
    error::{Error as ModuleError, RvError},
    mechanism::{
        Mechanism, MechanismType,
        rsa::{PkcsMgfType, PkcsOaepParams, PkcsOaepSource},
    },
    object::{Attribute, AttributeType, ObjectClass, ObjectHandle},
    session::{Session, UserType},
    slot::{Slot, TokenInfo},
    types::AuthPin,
};
use der::{
    Any, Encode, Sequence,
    asn1::{BitString, UintRef},
};
use keyward_algorithms::{Digest, ErrorKind, Family};
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use zeroize::Zeroizing;

use super::{
    failed,
    message::{Reply, Request},
};
use crate::{Error, Result, harden};

/// The part of a worker.
pub(super) const NAME: &str = "keyward-token-worker";

/// The size of a new key: 128 bits of security, and every token that has RSA has it.
const MODULUS_BITS: u64 = 3072;
const PUBLIC_EXPONENT: [u8; 3] = [1, 0, 1];

/// Answers the request on standard input on standard output.
pub(super) fn work(module: &Path, label: &str) -> ExitCode {
    harden::harden();
    harden::end_with_parent();
    let mut request = Zeroizing::new(Vec::with_capacity(1 << 14));
    let read = io::stdin().read_to_end(&mut request);
    let outcome = match read {
        Ok(_) => Request::read(&request).and_then(|request| answer(module, label, &request)),
        Err(error) => Err(failed(format!("the request to the token does not read: {error}"))),
    };
    match io::stdout().write_all(&Reply::write(outcome)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn answer(module: &Path, label: &str, request: &Request) -> Result<Reply> {
    let shown = module.display();
    let pkcs11 = Pkcs11::new(module).map_err(|error| {
        failed(format!("cannot load the PKCS#11 module {shown}: {error}"))
            .hint("name the module's file in `module` under [seal.pkcs11], or with --module")
    })?;
    let failed = |error: ModuleError| {
        failed(format!("the PKCS#11 module {shown} says: {}", said(&error)))
            .hint("its own log may say more; `pkcs11-tool --module FILE --test` tries it by itself")
    };
    pkcs11.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).map_err(failed)?;
    let (slot, token) =
        find(&pkcs11, label).map_err(failed)?.map_err(|there| away(label, &there))?;
    let makes = request.ciphertext.is_empty();
    let session = match makes {
        true => pkcs11.open_rw_session(slot),
        false => pkcs11.open_ro_session(slot),
    };
    let session = session.map_err(failed)?;
    log_in(&session, &token, &request.pin)?;
    let reply = match makes {
        true if !guards(&session, &request.key_label).map_err(failed)? => {
            return Err(unguarded(label, &request.key_label));
        }
        true => key(&session, &request.key_label),
        false => decrypt(&session, request),
    };
    let reply = reply.map_err(failed)?.ok_or_else(|| no_key(label, request))?;
    Ok(Reply { serial: token.serial_number().into(), ..reply })
}

/// The slot of the token with a label; or the labels of those that are there.
type Found = std::result::Result<(Slot, TokenInfo), Vec<String>>;

fn find(pkcs11: &Pkcs11, label: &str) -> std::result::Result<Found, ModuleError> {
    let mut others = Vec::new();
    for slot in pkcs11.get_slots_with_token()? {
        // One that is just being pulled out is none.
        let Ok(token) = pkcs11.get_token_info(slot) else { continue };
        if token.label() == label {
            return Ok(Ok((slot, token)));
        }
        if token.token_initialized() {
            others.push(format!("\"{}\"", token.label()));
        }
    }
    Ok(Err(others))
}

fn away(label: &str, there: &[String]) -> Error {
    let others = match there {
        [] => "no other is either".into(),
        others => format!("there are {}", others.join(", ")),
    };
    failed(format!("the PKCS#11 token \"{label}\" is not there; {others}"))
        .hint("plug it in, or see to its connection; then `keyward unseal`")
}

/// Logs in, unless that could use up the last try: whoever mistyped a PIN in a file must not lock
/// the token by restarts.
fn log_in(session: &Session, token: &TokenInfo, pin: &[u8]) -> Result<()> {
    let label = token.label();
    let locked = || {
        let message = format!("the PIN of the PKCS#11 token \"{label}\" is locked");
        Error::new(ErrorKind::Locked, message)
            .hint("its security officer unlocks it, with its maker's tool")
    };
    if token.user_pin_locked() {
        return Err(locked());
    }
    if token.user_pin_final_try() {
        let message = format!("one wrong PIN more locks the PKCS#11 token \"{label}\"");
        return Err(Error::new(ErrorKind::Locked, message).hint(
            "put the PIN right, then log in once with the maker's tool: that sets the count back",
        ));
    }
    let text = std::str::from_utf8(pin).map_err(|_| Error::invalid("the PIN is not text"))?;
    // Where there is no PIN, a token with keys of its own asks for it there.
    let pin = (!text.is_empty() || !token.protected_authentication_path())
        .then(|| AuthPin::new(text.into()));
    match session.login(UserType::User, pin.as_ref()) {
        Ok(()) => Ok(()),
        Err(ModuleError::Pkcs11(RvError::PinLocked, _)) => Err(locked()),
        Err(ModuleError::Pkcs11(
            RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange,
            _,
        )) => Err(Error::invalid(format!("this is not the PIN of the PKCS#11 token \"{label}\""))
            .hint("the user's PIN is meant, and not the security officer's")),
        Err(error) => {
            let said = said(&error);
            Err(failed(format!("cannot log in to the PKCS#11 token \"{label}\": {said}")))
        }
    }
}

/// An error in the words of PKCS#11, which its maker's documents explain.
fn said(error: &ModuleError) -> String {
    match error {
        ModuleError::Pkcs11(code, function) => format!("{code:?} at C_{function:?}"),
        other => other.to_string(),
    }
}

/// Whether the token keeps to itself what is secret of the keys that have a label, if there are any.
fn guards(session: &Session, label: &str) -> std::result::Result<bool, ModuleError> {
    let of = [Attribute::Class(ObjectClass::PRIVATE_KEY), Attribute::Label(label.into())];
    let asked = [AttributeType::Sensitive, AttributeType::Extractable];
    for key in session.find_objects(&of)? {
        // What a token does not tell counts against it.
        let told = session.get_attributes(key, &asked)?;
        let guarded = [Attribute::Sensitive(true), Attribute::Extractable(false)];
        if !guarded.iter().all(|attribute| told.contains(attribute)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The key of a label, or a new one.
fn key(session: &Session, label: &str) -> std::result::Result<Option<Reply>, ModuleError> {
    let of = |class| vec![Attribute::Class(class), Attribute::Label(label.into())];
    let private = session.find_objects(&of(ObjectClass::PRIVATE_KEY))?.first().copied();
    let public = match private {
        Some(_) => session.find_objects(&of(ObjectClass::PUBLIC_KEY))?.first().copied(),
        None => Some(make(session, label)?),
    };
    // Some tokens show the modulus at one half alone, and which one differs.
    for half in public.into_iter().chain(private) {
        let (mut id, mut modulus, mut exponent) = (None, None, None);
        let asked = [AttributeType::Id, AttributeType::Modulus, AttributeType::PublicExponent];
        for attribute in session.get_attributes(half, &asked)? {
            match attribute {
                Attribute::Id(bytes) => id = Some(bytes),
                Attribute::Modulus(bytes) => modulus = Some(bytes),
                Attribute::PublicExponent(bytes) => exponent = Some(bytes),
                _ => {}
            }
        }
        if let (Some(id), Some(modulus)) = (id, modulus) {
            let exponent = exponent.unwrap_or_else(|| PUBLIC_EXPONENT.to_vec());
            let spki = spki(&modulus, &exponent);
            return Ok(spki.map(|spki| Reply {
                key_label: label.into(),
                id,
                spki,
                ..Reply::default()
            }));
        }
    }
    Ok(None)
}

/// Makes a key that never leaves the token, and does nothing but decrypt; its public half.
fn make(session: &Session, label: &str) -> std::result::Result<ObjectHandle, ModuleError> {
    // Some tokens hold an identifier to two bytes.
    let id = digest(&SHA256, label.as_bytes()).as_ref()[..2].to_vec();
    let both = [Attribute::Token(true), Attribute::Label(label.into()), Attribute::Id(id)];
    let public = [
        Attribute::ModulusBits(MODULUS_BITS.into()),
        Attribute::PublicExponent(PUBLIC_EXPONENT.to_vec()),
        Attribute::Encrypt(true),
    ];
    let private = [
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Decrypt(true),
        Attribute::Sign(false),
        Attribute::Unwrap(false),
    ];
    let public = [&both[..], &public].concat();
    let private = [&both[..], &private].concat();
    session.generate_key_pair(&Mechanism::RsaPkcsKeyPairGen, &public, &private).map(|pair| pair.0)
}

fn decrypt(
    session: &Session,
    request: &Request,
) -> std::result::Result<Option<Reply>, ModuleError> {
    let template = [Attribute::Class(ObjectClass::PRIVATE_KEY), Attribute::Id(request.id.clone())];
    let (hash, mask) = match Digest::from_code(request.digest) {
        Some(Digest::Sha256) => (MechanismType::SHA256, PkcsMgfType::MGF1_SHA256),
        _ => (MechanismType::SHA1, PkcsMgfType::MGF1_SHA1),
    };
    let oaep = Mechanism::RsaPkcsOaep(PkcsOaepParams::new(hash, mask, PkcsOaepSource::empty()));
    // Where several have the same identifier, the one that it decrypts with is meant.
    let mut outcome = Ok(None);
    for key in session.find_objects(&template)? {
        outcome = session
            .decrypt(&oaep, key, &request.ciphertext)
            .map(|secret| Some(Reply { secret, ..Reply::default() }));
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

fn unguarded(token: &str, key: &str) -> Error {
    Error::invalid(format!(
        "the key \"{key}\" can leave the PKCS#11 token \"{token}\": a key that is to open the store must \
         have CKA_SENSITIVE true and CKA_EXTRACTABLE false"
    ))
    .hint(
        "set both with the token's own tool, if no copy of the key was taken out before; or leave out \
         --token-key, and the token makes a key that stays in it",
    )
}

fn no_key(token: &str, request: &Request) -> Error {
    if request.ciphertext.is_empty() {
        let message = format!(
            "the key \"{}\" in the PKCS#11 token \"{token}\" is no RSA key pair",
            request.key_label
        );
        return Error::invalid(message)
            .hint("name an RSA key with --token-key, or a label that is free");
    }
    failed(format!("the key that opens the store is not in the PKCS#11 token \"{token}\"")).hint(
        "another token has this label, or the key was deleted: bring the one that sealed the store",
    )
}

#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    public_exponent: UintRef<'a>,
}

fn spki(modulus: &[u8], public_exponent: &[u8]) -> Option<Vec<u8>> {
    let key = RsaPublicKey {
        modulus: UintRef::new(modulus).ok()?,
        public_exponent: UintRef::new(public_exponent).ok()?,
    };
    let algorithm =
        AlgorithmIdentifierOwned { oid: Family::Rsa.row().oid, parameters: Some(Any::null()) };
    let subject_public_key = BitString::from_bytes(&key.to_der().ok()?).ok()?;
    SubjectPublicKeyInfoOwned { algorithm, subject_public_key }.to_der().ok()
}
