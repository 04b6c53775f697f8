//! What secret keys do.

use keyward_crypto::Enciphered;
use keyward_protocol::{mac_of_code, messages};

use super::explain;
use crate::{Result, keys::Key};

pub(super) fn encipher(key: &Key, request: &messages::Encipher) -> Result<Enciphered> {
    let cipher = request.cipher.clone().unwrap_or_default();
    let asked = cipher.with_input(&request.input)?;
    let iv = (!asked.iv.is_empty()).then_some(asked.iv);
    key.secret()?.encrypt(asked.cipher, iv, asked.aad, asked.tag_bytes, asked.input).map_err(
        |error| {
            let doing = format!("cannot encrypt with {}", using(key, asked.cipher.row().name));
            explain(error, &doing)
        },
    )
}

pub(super) fn decipher(key: &Key, request: &messages::Decipher) -> Result<Vec<u8>> {
    let cipher = request.cipher.clone().unwrap_or_default();
    let asked = cipher.with_input(&request.input)?;
    let key_itself = key.secret()?;
    let plain = key_itself.decrypt(asked.cipher, asked.iv, asked.aad, asked.tag_bytes, asked.input);
    plain.map(|mut plain| std::mem::take(&mut *plain)).map_err(|error| {
        let doing = format!("cannot decrypt with {}", using(key, asked.cipher.row().name));
        explain(error, &doing)
    })
}

pub(super) fn mac(key: &Key, request: &messages::Mac) -> Result<Vec<u8>> {
    let algorithm = mac_of_code(request.algorithm)?;
    key.secret()?.mac(algorithm, &request.input).map_err(|error| {
        explain(error, &format!("cannot authenticate with {}", using(key, algorithm.row().name)))
    })
}

pub(super) fn verify_mac(key: &Key, request: &messages::VerifyMac) -> Result<bool> {
    let algorithm = mac_of_code(request.algorithm)?;
    key.secret()?.verify_mac(algorithm, &request.input, &request.mac).map_err(|error| {
        explain(error, &format!("cannot verify with {}", using(key, algorithm.row().name)))
    })
}

fn using(key: &Key, algorithm: &str) -> String {
    format!("key \"{}\" ({}) and {algorithm}", key.record.name, key.record.key_type)
}
