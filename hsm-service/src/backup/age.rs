//! The age format (age-encryption.org/v1) with X25519 recipients, on aws-lc: files that the `age`
//! program opens, and that it can have made.
//!
//! A random file key encrypts the content; the header carries it wrapped once for each recipient.

mod keys;
mod stream;

use std::io::{self, BufRead, BufReader, Read, Write};

use aws_lc_rs::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey},
    constant_time, hkdf, hmac, rand,
};
use base64ct::{Base64Unpadded, Encoding};
use keyward_algorithms::ErrorKind;
use zeroize::Zeroizing;

use crate::{Error, Result};
use keys::SHARE_BYTES;
pub use keys::{Identity, Recipient};
pub(super) use stream::{Decrypting, Encrypting};

const MAGIC: &str = "age-encryption.org/v1";
const WRAP_LABEL: &[u8] = b"age-encryption.org/v1/X25519";
const FILE_KEY_BYTES: usize = 16;
const TAG_BYTES: usize = 16;
const NONCE_BYTES: usize = 16;
/// The longest header that is read, in bytes: hundreds of recipients.
const MAX_HEADER_BYTES: u64 = 64 << 10;

type FileKey = Zeroizing<[u8; FILE_KEY_BYTES]>;

/// Begins a file for these recipients: what is written to the result is encrypted.
pub(super) fn encrypt<W: Write>(mut to: W, recipients: &[Recipient]) -> Result<Encrypting<W>> {
    if recipients.is_empty() {
        return Err(Error::invalid("a backup without recipients could never be opened"));
    }
    let mut file_key = FileKey::default();
    fill(file_key.as_mut_slice())?;
    let mut header = format!("{MAGIC}\n");
    for recipient in recipients {
        let (share, shared) = recipient.agree()?;
        let wrapped = wrap_key(&shared, &share, recipient.point())?;
        let mut body = file_key.to_vec();
        let zero = Nonce::assume_unique_for_key([0; 12]);
        let sealed = wrapped.seal_in_place_append_tag(zero, Aad::empty(), &mut body);
        sealed.map_err(|_| failed("wrap the key of a backup"))?;
        header += &format!("-> X25519 {}\n{}\n", encode(&share), encode(&body));
    }
    header += "---";
    let mac = header_mac(&file_key, header.as_bytes())?;
    header += &format!(" {}\n", encode(&mac));
    let mut nonce = [0; NONCE_BYTES];
    fill(&mut nonce)?;
    to.write_all(header.as_bytes()).and_then(|()| to.write_all(&nonce)).map_err(unwritable)?;
    Ok(Encrypting::new(to, payload_key(&file_key, &nonce)?))
}

/// Opens a file with the first of these identities that it is for.
pub(super) fn decrypt<R: Read>(
    from: R,
    identities: &[Identity],
) -> Result<Decrypting<BufReader<R>>> {
    let mut from = BufReader::new(from);
    let header = Header::read(&mut from)?;
    let file_key = identities.iter().find_map(|identity| header.open(identity));
    let file_key = file_key.ok_or_else(|| {
        Error::new(ErrorKind::PermissionDenied, "the backup is not for any of these identities")
            .hint("name the file with the identity (AGE-SECRET-KEY-1…) of one of its recipients")
    })?;
    let mac = header_mac(&file_key, header.authenticated.as_bytes())?;
    constant_time::verify_slices_are_equal(&mac, &header.mac)
        .map_err(|_| broken("its header was changed"))?;
    let mut nonce = [0; NONCE_BYTES];
    from.read_exact(&mut nonce).map_err(|_| broken("it ends within its header"))?;
    Ok(Decrypting::new(from, payload_key(&file_key, &nonce)?))
}

/// The head of a file, not yet to be believed.
struct Header {
    /// Of each X25519 stanza the share and the wrapped file key.
    stanzas: Vec<([u8; SHARE_BYTES], [u8; FILE_KEY_BYTES + TAG_BYTES])>,
    /// What the MAC is over.
    authenticated: String,
    mac: Vec<u8>,
}

impl Header {
    fn read(from: &mut impl BufRead) -> Result<Header> {
        let mut lines = from.take(MAX_HEADER_BYTES);
        let mut line = || -> Result<String> {
            let mut line = String::new();
            lines.read_line(&mut line).map_err(|_| broken("it is no age file"))?;
            match line.ends_with('\n') {
                true => Ok(line),
                false => Err(broken("it ends within its header")),
            }
        };
        let mut header = Header { stanzas: Vec::new(), authenticated: line()?, mac: Vec::new() };
        if header.authenticated.trim_end() != MAGIC {
            return Err(broken("it is no age file"));
        }
        let mut share = None;
        loop {
            let text = line()?;
            if let Some(mac) = text.strip_prefix("--- ") {
                header.authenticated += "---";
                header.mac =
                    decode(mac.trim_end()).ok_or_else(|| broken("its header is garbled"))?;
                return Ok(header);
            }
            if let Some(stanza) = text.strip_prefix("-> ") {
                // Stanzas of other types are other recipients' affair.
                share = stanza.trim_end().strip_prefix("X25519 ").and_then(decode);
            } else if let (Some(share), Some(body)) = (share.take(), decode(text.trim_end())) {
                let stanza = (share.try_into(), body.try_into());
                let (Ok(share), Ok(body)) = stanza else {
                    return Err(broken("its header is garbled"));
                };
                header.stanzas.push((share, body));
            }
            header.authenticated += &text;
        }
    }

    fn open(&self, identity: &Identity) -> Option<FileKey> {
        self.stanzas.iter().find_map(|(share, body)| {
            let shared = identity.agree(share)?;
            let key = wrap_key(&shared, share, identity.recipient().point()).ok()?;
            let mut body = Zeroizing::new(*body);
            let zero = Nonce::assume_unique_for_key([0; 12]);
            let opened = key.open_in_place(zero, Aad::empty(), body.as_mut_slice()).ok()?;
            Some(Zeroizing::new((&*opened).try_into().ok()?))
        })
    }
}

fn wrap_key(shared: &[u8], share: &[u8], recipient: &[u8]) -> Result<LessSafeKey> {
    cipher(&*expand(shared, &[share, recipient].concat(), WRAP_LABEL)?)
}

fn payload_key(file_key: &FileKey, nonce: &[u8]) -> Result<LessSafeKey> {
    cipher(&*expand(file_key.as_slice(), nonce, b"payload")?)
}

fn header_mac(file_key: &FileKey, header: &[u8]) -> Result<Vec<u8>> {
    let key = expand(file_key.as_slice(), b"", b"header")?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_slice());
    Ok(hmac::sign(&key, header).as_ref().to_vec())
}

fn cipher(key: &[u8; 32]) -> Result<LessSafeKey> {
    let key = UnboundKey::new(&CHACHA20_POLY1305, key).map_err(|_| failed("prepare a key"))?;
    Ok(LessSafeKey::new(key))
}

/// HKDF-SHA-256 (RFC 5869) to 32 bytes.
fn expand(secret: &[u8], salt: &[u8], label: &[u8]) -> Result<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0; 32]);
    hkdf::Salt::new(hkdf::HKDF_SHA256, salt)
        .extract(secret)
        .expand(&[label], hkdf::HKDF_SHA256)
        .and_then(|output| output.fill(key.as_mut_slice()))
        .map_err(|_| failed("derive a key"))?;
    Ok(key)
}

fn encode(bytes: &[u8]) -> String {
    Base64Unpadded::encode_string(bytes)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    Base64Unpadded::decode_vec(text).ok()
}

fn fill(bytes: &mut [u8]) -> Result<()> {
    rand::fill(bytes).map_err(|_| failed("draw random bytes"))
}

fn broken(why: &str) -> Error {
    Error::invalid(format!("the file is no whole backup: {why}"))
        .hint("take another copy of it, or an older backup")
}

fn failed(what: &str) -> Error {
    Error::new(ErrorKind::Internal, format!("cannot {what}"))
}

fn unwritable(error: io::Error) -> Error {
    Error::new(ErrorKind::Internal, format!("cannot write the backup: {error}"))
        .hint("make room on the disk with the backups, or choose another folder for them")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(content: &[u8], recipient: &Recipient) -> Vec<u8> {
        let mut file = Vec::new();
        let mut writer = encrypt(&mut file, std::slice::from_ref(recipient)).unwrap();
        writer.write_all(content).unwrap();
        writer.finish().unwrap();
        file
    }

    fn opened(file: &[u8], identity: Identity) -> std::result::Result<Vec<u8>, String> {
        let mut content = Vec::new();
        decrypt(file, &[identity])
            .map_err(|error| error.to_string())?
            .read_to_end(&mut content)
            .map_err(|error| error.to_string())?;
        Ok(content)
    }

    #[test]
    fn content_of_every_size_around_a_chunk_comes_back() {
        let identity = Identity::generate().unwrap();
        for size in [0, 1, 65535, 65536, 65537, 131_072, 200_000] {
            let content: Vec<u8> = (0..size).map(|index| index as u8).collect();
            let file = sealed(&content, &identity.recipient());
            assert_eq!(opened(&file, identity.clone()).unwrap(), content, "{size} bytes");
        }
    }

    #[test]
    fn a_file_that_was_changed_or_cut_short_anywhere_does_not_open() {
        let identity = Identity::generate().unwrap();
        let content = vec![7; 65536 + 100];
        let file = sealed(&content, &identity.recipient());
        let places = (0..400).chain(file.len() - 200..file.len()).chain([file.len() / 2]);
        for place in places {
            let mut changed = file.clone();
            changed[place] ^= 1;
            assert!(opened(&changed, identity.clone()).is_err(), "byte {place} of {}", file.len());
        }
        // Cut within the header, at the end of the first chunk, and within the last.
        for length in [10, 100, file.len() - 116, file.len() - 1] {
            assert!(opened(&file[..length], identity.clone()).is_err(), "{length} bytes");
        }
        let longer = [&file[..], b"x"].concat();
        assert!(opened(&longer, identity.clone()).is_err());
        let other = Identity::generate().unwrap();
        assert!(opened(&file, other).unwrap_err().contains("not for any of these identities"));
    }
}
