//! What secret keys do.

use keyward_crypto::{CryptoError, Enciphered};
use keyward_protocol::{mac_of_code, messages};

use super::explain;
use crate::{Error, Result, keys::Key, store::Record};

pub(super) fn encipher(key: &Key, request: &messages::Encipher) -> Result<Enciphered> {
    let cipher = request.cipher.clone().unwrap_or_default();
    let asked = cipher.with_input(&request.input)?;
    let iv = (!asked.iv.is_empty()).then_some(asked.iv);
    let enciphered =
        key.secret()?.encrypt(asked.cipher, iv, asked.aad, asked.tag_bytes, asked.input);
    enciphered.map_err(|error| failed("encrypt", error, key, asked.cipher.row().name))
}

/// Refuses an encryption that would be, without encrypting.
pub(super) fn check_encryption(key: &Key, request: &messages::Encipher) -> Result<()> {
    let cipher = request.cipher.clone().unwrap_or_default();
    let asked = cipher.with_input(&request.input)?;
    let iv = (!asked.iv.is_empty()).then_some(asked.iv);
    let checked = key.secret()?.check_encryption(asked.cipher, iv, asked.tag_bytes, asked.input);
    checked.map_err(|error| failed("encrypt", error, key, asked.cipher.row().name))
}

pub(super) fn decipher(key: &Key, request: &messages::Decipher) -> Result<Vec<u8>> {
    let cipher = request.cipher.clone().unwrap_or_default();
    let asked = cipher.with_input(&request.input)?;
    let key_itself = key.secret()?;
    let plain = key_itself.decrypt(asked.cipher, asked.iv, asked.aad, asked.tag_bytes, asked.input);
    plain
        .map(|mut plain| std::mem::take(&mut *plain))
        .map_err(|error| failed("decrypt", error, key, asked.cipher.row().name))
}

/// Refuses a decryption that would be whatever the ciphertext is.
pub(super) fn check_decryption(key: &Key, request: &messages::Decipher) -> Result<()> {
    let cipher = request.cipher.clone().unwrap_or_default();
    let asked = cipher.with_input(&request.input)?;
    let checked = key.secret()?.check_decryption(asked.cipher, asked.iv, asked.tag_bytes);
    checked.map_err(|error| failed("decrypt", error, key, asked.cipher.row().name))
}

pub(super) fn mac(key: &Key, request: &messages::Mac) -> Result<Vec<u8>> {
    let algorithm = mac_of_code(request.algorithm)?;
    let code = key.secret()?.mac(algorithm, &request.input);
    code.map_err(|error| failed("authenticate", error, key, algorithm.row().name))
}

pub(super) fn verify_mac(key: &Key, request: &messages::VerifyMac) -> Result<bool> {
    let algorithm = mac_of_code(request.algorithm)?;
    let verified = key.secret()?.verify_mac(algorithm, &request.input, &request.mac);
    verified.map_err(|error| failed("verify", error, key, algorithm.row().name))
}

fn failed(what: &str, error: CryptoError, key: &Key, algorithm: &str) -> Error {
    let Record { name, key_type, .. } = &key.record;
    explain(error, &format!("cannot {what} with key \"{name}\" ({key_type}) and {algorithm}"))
}
