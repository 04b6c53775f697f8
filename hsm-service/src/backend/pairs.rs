//! What private keys do, and what of it is refused whatever their secret is.

use keyward_algorithms::KeyType;
use keyward_crypto::{CryptoError, OaepParameters, PssParameters, PublicKey, TlsVersions};
use keyward_protocol::{CipherRequest, SignRequest, messages};

use super::explain;
use crate::{Error, Result, keys::Key, store::Record};

pub(super) fn sign(key: &Key, request: &messages::Sign) -> Result<Vec<u8>> {
    let algorithm = request.algorithm.unwrap_or_default();
    let (asked, pss) = signing(&algorithm, &request.input)?;
    let signed = match asked.deterministic {
        true => key.private()?.sign_deterministic(asked.algorithm, asked.input),
        false => key.private()?.sign(asked.algorithm, pss, asked.input),
    };
    signed.map_err(|error| unsigned(error, key, &asked))
}

pub(super) fn check_signing(key: &Key, request: &messages::Sign) -> Result<()> {
    let algorithm = request.algorithm.unwrap_or_default();
    let (asked, pss) = signing(&algorithm, &request.input)?;
    let checked = match key.record.key_type {
        KeyType::MlDsa(_) => key.public()?.check_signing(asked.algorithm, pss, asked.input),
        _ if asked.deterministic => Err(CryptoError::Unsupported),
        _ => key.public()?.check_signing(asked.algorithm, pss, asked.input),
    };
    checked.map_err(|error| unsigned(error, key, &asked))
}

fn signing<'a>(
    algorithm: &messages::Algorithm,
    input: &'a [u8],
) -> Result<(SignRequest<'a>, Option<PssParameters>)> {
    let asked = algorithm.with_input(input)?;
    let pss = match asked.pss {
        None => None,
        Some(pss) => Some(PssParameters {
            mgf1: pss.mgf1,
            salt_bytes: pss
                .salt_bytes
                .ok_or_else(|| Error::invalid("a PSS signature needs the length of its salt"))?,
        }),
    };
    Ok((asked, pss))
}

fn unsigned(error: CryptoError, key: &Key, asked: &SignRequest<'_>) -> Error {
    let how = if asked.deterministic { "deterministic " } else { "" };
    let Record { name, key_type, .. } = &key.record;
    let what =
        format!("cannot sign with key \"{name}\" ({key_type}) and {how}{}", asked.algorithm.name);
    match asked.deterministic {
        true => explain(error, &what).hint("ML-DSA alone can be signed with or without randomness"),
        false => explain(error, &what),
    }
}

pub(super) fn decrypt(key: &Key, request: &messages::Decrypt) -> Result<Vec<u8>> {
    let cipher = request.cipher.clone().unwrap_or_default();
    let asked = cipher.with_input(&request.input)?;
    let (oaep, tls) = decryption(&asked);
    let plain = key.private()?.decrypt(asked.scheme, oaep, tls, asked.input);
    plain
        .map(|mut plain| std::mem::take(&mut *plain))
        .map_err(|error| undecrypted(error, key, &asked))
}

pub(super) fn check_decryption(key: &Key, request: &messages::Decrypt) -> Result<()> {
    let cipher = request.cipher.clone().unwrap_or_default();
    let asked = cipher.with_input(&request.input)?;
    let (oaep, tls) = decryption(&asked);
    let checked = key.public()?.check_decryption(asked.scheme, oaep, tls, asked.input);
    checked.map_err(|error| undecrypted(error, key, &asked))
}

fn decryption<'a>(asked: &CipherRequest<'a>) -> (Option<OaepParameters<'a>>, Option<TlsVersions>) {
    let oaep = asked.oaep.map(|oaep| OaepParameters {
        digest: oaep.digest,
        mgf1: oaep.mgf1,
        label: oaep.label,
    });
    let tls = asked.tls.map(|tls| TlsVersions { client: tls.client, negotiated: tls.negotiated });
    (oaep, tls)
}

fn undecrypted(error: CryptoError, key: &Key, asked: &CipherRequest<'_>) -> Error {
    let Record { name, key_type, .. } = &key.record;
    let scheme = asked.scheme.row().name;
    explain(error, &format!("cannot decrypt with key \"{name}\" ({key_type}) and {scheme}"))
}

pub(super) fn derive(key: &Key, request: &messages::Derive) -> Result<Vec<u8>> {
    let peer = PublicKey::from_spki(&request.peer_spki).map_err(|error| underived(error, key))?;
    let secret = key.private()?.derive(&peer).map_err(|error| underived(error, key));
    secret.map(|mut secret| std::mem::take(&mut *secret))
}

pub(super) fn check_agreement(key: &Key, request: &messages::Derive) -> Result<()> {
    let peer = PublicKey::from_spki(&request.peer_spki).map_err(|error| underived(error, key))?;
    key.public()?.check_agreement(&peer).map_err(|error| underived(error, key))
}

fn underived(error: CryptoError, key: &Key) -> Error {
    explain(error, &format!("cannot derive with key \"{}\"", key.record.name))
}

pub(super) fn decapsulate(key: &Key, request: &messages::Decapsulate) -> Result<Vec<u8>> {
    let secret = key.private()?.decapsulate(&request.ciphertext);
    secret
        .map(|mut secret| std::mem::take(&mut *secret))
        .map_err(|error| undecapsulated(error, key))
}

pub(super) fn check_ciphertext(key: &Key, request: &messages::Decapsulate) -> Result<()> {
    let checked = key.public()?.check_ciphertext(&request.ciphertext);
    checked.map_err(|error| undecapsulated(error, key))
}

fn undecapsulated(error: CryptoError, key: &Key) -> Error {
    let Record { name, key_type, .. } = &key.record;
    explain(error, &format!("cannot decapsulate with key \"{name}\" ({key_type})"))
}
