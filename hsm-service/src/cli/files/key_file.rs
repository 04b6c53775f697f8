//! Private keys in the forms that other software writes, told apart by content: PKCS#8 plain and
//! encrypted, PKCS#1, SEC 1, PKCS#12; in PEM or DER; with certificates beside them.

use std::path::Path;

use der::{Decode, Header, Reader, SliceReader, Tag};
use keyward_algorithms::ErrorKind;
use keyward_crypto::{CryptoError, EncryptedPkcs8, PrivateKey, open_pkcs12};
use keyward_protocol::{Error, reference};

use super::{chain, passphrase::Source, pem};
use crate::cli::failure::crypto_error;

/// What a key file held.
#[derive(Debug)]
pub struct KeyFile {
    /// The key.
    pub key: PrivateKey,
    /// DER certificates, in the file's order.
    pub certificates: Vec<Vec<u8>>,
}

/// The forms of a DER private key file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Pkcs8,
    EncryptedPkcs8,
    Pkcs1,
    Sec1,
    Pkcs12,
}

/// Reads the one private key of a file, and the certificates beside it.
pub(crate) fn read(path: &Path, passphrase: &Source) -> Result<KeyFile, Error> {
    parse(&super::read(path)?, &path.display().to_string(), passphrase)
}

/// Reads the one private key of a file's content, and the certificates beside it; `name` is what
/// errors call the file.
pub fn parse(bytes: &[u8], name: &str, passphrase: &Source) -> Result<KeyFile, Error> {
    if !pem::is_pem(bytes) {
        return from_der(bytes, name, passphrase);
    }
    let mut found: Option<KeyFile> = None;
    let mut certificates = Vec::new();
    for block in pem::blocks(bytes).map_err(|error| in_file(name, error))? {
        match block.label.as_str() {
            label if chain::is_certificate(label) => certificates.push(block.der.to_vec()),
            reference::PEM_LABEL => {
                return Err(Error::invalid(format!(
                    "{name} is a reference to a key that is in Keyward already"
                ))
                .hint("give other users rights on that key with `keyward key share`"));
            }
            label if label.ends_with("PRIVATE KEY") => {
                if found.is_some() {
                    return Err(Error::invalid(format!("{name} has more than one private key"))
                        .hint("split the file and import one key at a time"));
                }
                found = Some(from_der(&block.der, name, passphrase)?);
            }
            _ => {}
        }
    }
    let mut file = found.ok_or_else(|| no_key(name))?;
    file.certificates = certificates;
    Ok(file)
}

fn from_der(der: &[u8], name: &str, passphrase: &Source) -> Result<KeyFile, Error> {
    let wrong = |error| in_file(name, crypto_error(error));
    let key = match form(der).ok_or_else(|| no_key(name))? {
        Form::Pkcs8 => PrivateKey::from_pkcs8(der).map_err(wrong)?,
        Form::Pkcs1 => PrivateKey::from_pkcs1_der(der).map_err(wrong)?,
        Form::Sec1 => PrivateKey::from_sec1_der(der).map_err(wrong)?,
        Form::EncryptedPkcs8 => {
            let closed =
                |error| closed(error, name, "openssl pkey -in OLD.pem -aes256 -out NEW.pem");
            let encrypted = EncryptedPkcs8::read(der).map_err(closed)?;
            let passphrase = passphrase.passphrase(name)?;
            let plain = encrypted.decrypt(passphrase.as_bytes()).map_err(closed)?;
            PrivateKey::from_pkcs8(&plain).map_err(wrong)?
        }
        Form::Pkcs12 => return from_pkcs12(der, name, passphrase),
    };
    Ok(KeyFile { key, certificates: Vec::new() })
}

/// Tells the form by the tags at the head of the outer SEQUENCE.
fn form(der: &[u8]) -> Option<Form> {
    let mut reader = SliceReader::new(der).ok()?;
    let outer = Header::decode(&mut reader).ok()?;
    if outer.tag() != Tag::Sequence {
        return None;
    }
    let first = Header::decode(&mut reader).ok()?;
    if first.tag() == Tag::Sequence {
        // An AlgorithmIdentifier and the ciphertext; a certificate has a SEQUENCE here too.
        let mut inner = SliceReader::new(reader.read_slice(first.length()).ok()?).ok()?;
        let algorithm = Header::decode(&mut inner).ok()?;
        let data = Header::decode(&mut reader).ok()?;
        return (algorithm.tag() == Tag::ObjectIdentifier && data.tag() == Tag::OctetString)
            .then_some(Form::EncryptedPkcs8);
    }
    if first.tag() != Tag::Integer {
        return None;
    }
    let version = reader.read_slice(first.length()).ok()?;
    match (version, Header::decode(&mut reader).ok()?.tag()) {
        ([0 | 1], Tag::Sequence) => Some(Form::Pkcs8),
        ([0 | 1], Tag::Integer) => Some(Form::Pkcs1),
        ([1], Tag::OctetString) => Some(Form::Sec1),
        ([3], Tag::Sequence) => Some(Form::Pkcs12),
        _ => None,
    }
}

fn from_pkcs12(der: &[u8], name: &str, passphrase: &Source) -> Result<KeyFile, Error> {
    // Files without a passphrase are common; asking for one that is not there would confuse.
    let file = match open_pkcs12(der, "") {
        Err(CryptoError::Failed) => open_pkcs12(der, &passphrase.passphrase(name)?),
        other => other,
    };
    let file = file.map_err(|error| closed(error, name, "openssl pkcs12 -in FILE -nodes"))?;
    let pkcs8 = file.key.ok_or_else(|| no_key(name))?;
    let key = PrivateKey::from_pkcs8(&pkcs8).map_err(|error| in_file(name, crypto_error(error)))?;
    Ok(KeyFile { key, certificates: file.certificates })
}

/// Why an encrypted file did not open; `convert` writes it in a form that does.
fn closed(error: CryptoError, name: &str, convert: &str) -> Error {
    match error {
        CryptoError::Failed => wrong_passphrase(name),
        CryptoError::Unsupported => {
            let message = format!("{name} is encrypted in a way that is not supported");
            Error::new(ErrorKind::Unsupported, message).hint(format!("convert it first: {convert}"))
        }
        CryptoError::InvalidInput { .. } => in_file(name, crypto_error(error))
            .hint(format!("import one key at a time: {convert} writes them as PEM")),
        _ => in_file(name, crypto_error(error)),
    }
}

fn in_file(name: &str, error: Error) -> Error {
    Error { message: format!("{name}: {}", error.message), ..error }
}

fn no_key(name: &str) -> Error {
    Error::invalid(format!("{name} has no private key in a form that is known"))
        .hint("give a PKCS#8, PKCS#1, SEC 1 or PKCS#12 file, PEM or DER")
}

fn wrong_passphrase(name: &str) -> Error {
    Error::new(ErrorKind::PermissionDenied, format!("the passphrase does not open {name}"))
        .hint("check the passphrase; only the first line of a passphrase file counts")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_told_by_their_first_tags() {
        let key = PrivateKey::generate(keyward_algorithms::KeyType::Ed25519).unwrap();
        assert_eq!(form(&key.to_pkcs8().unwrap()), Some(Form::Pkcs8));
        assert_eq!(form(&[0x30, 6, 2, 1, 0, 2, 1, 5]), Some(Form::Pkcs1));
        assert_eq!(form(&[0x30, 6, 2, 1, 1, 4, 1, 5]), Some(Form::Sec1));
        assert_eq!(form(&[0x30, 6, 2, 1, 3, 0x30, 1, 5]), Some(Form::Pkcs12));
        assert_eq!(form(&[0x30, 8, 0x30, 3, 6, 1, 42, 4, 1, 0]), Some(Form::EncryptedPkcs8));
        for other in [&b""[..], b"\x30", b"hello", &[0x30, 2, 5, 0], &key.public_key_spki()] {
            assert_eq!(form(other), None, "{other:?}");
        }
    }
}
