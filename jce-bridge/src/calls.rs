//! What the exported functions do, in terms of Rust: codes and bytes in, bytes or an error out.

use keyward_algorithms::{
    Derivation, Digest, Encryption, ErrorKind, KeyType, Mac, Scheme, Signature, SymmetricCipher,
    Wrapping,
};
use keyward_client::{Client, Pin, Settings, WrapWith};
use keyward_protocol::{
    CipherRequest, DerivationChoice, Error, KeyId, KeyUri, OaepParameters, PssParameters, Result,
    SignRequest, SymmetricRequest, WrappingChoice,
};

use crate::{attributes::NewKey, clients, encode};

/// The number that stands for "none" among codes of the table.
const NONE: i32 = 0;

/// The setting that is Java's alone: the approval of others that requests carry.
const APPROVAL: &str = "approval";

pub(crate) fn open(settings: &[String]) -> Result<i64> {
    let pairs = settings.chunks_exact(2).map(|pair| (pair[0].as_str(), pair[1].as_str()));
    let (own, pairs): (Vec<_>, Vec<_>) = pairs.partition(|(name, _)| *name == APPROVAL);
    let client = Client::new(Settings::load(&pairs)?);
    Ok(clients::insert(match own.first() {
        Some((_, approval)) => {
            client.with_approval(approval.parse().map_err(|error: String| Error::invalid(error))?)
        }
        None => client,
    }))
}

/// A service that does not know the caller is told as such, since every key needs a user.
pub(crate) fn who_am_i(client: i64) -> Result<String> {
    let client = clients::get(client)?;
    let hello = client.hello()?;
    if hello.wants_pin {
        let who = if hello.user.is_empty() { hello.identity } else { hello.user };
        let message = format!("the service at {} wants a PIN from {who}", client.place());
        return Err(Error::new(ErrorKind::Unauthenticated, message).hint(
            "give it to KeyStore.load, or name the file that holds it: pin_file, KEYWARD_PIN_FILE",
        ));
    }
    if hello.user.is_empty() {
        let message = format!("the service at {} does not know {}", client.place(), hello.identity);
        return Err(Error::new(ErrorKind::Unauthenticated, message)
            .hint("map this identity to a user in the service's configuration"));
    }
    Ok(hello.user)
}

/// Whether the service asks for a PIN and the settings name none.
pub(crate) fn asks_for_pin(client: i64) -> Result<bool> {
    clients::get(client)?.asks_for_pin()
}

/// Logs in with a PIN that the program gives. Where the settings name one, that counts; where the
/// service asks for none, nothing is sent.
pub(crate) fn log_in(client: i64, pin: &[u8]) -> Result<()> {
    let client = clients::get(client)?;
    match client.settings().pin {
        Some(_) => Ok(()),
        None => client.log_in(Pin::copy_of(pin)),
    }
}

pub(crate) fn find(client: i64, uri: &str) -> Result<Vec<u8>> {
    let uri: KeyUri = uri.parse()?;
    let selector = uri.selector.ok_or_else(|| Error::invalid("the alias is empty"))?;
    clients::get(client)?.find(&selector).map(|key| encode::key(&key))
}

pub(crate) fn list(client: i64) -> Result<Vec<u8>> {
    clients::get(client)?.list("").map(|keys| encode::keys(&keys))
}

/// A signature algorithm as Java names it: codes of the table, and PSS's choices.
pub(crate) struct SignatureCodes {
    pub(crate) scheme: i32,
    pub(crate) digest: i32,
    pub(crate) mgf1: i32,
    pub(crate) salt_bytes: i32,
    pub(crate) deterministic: bool,
}

pub(crate) fn sign(
    client: i64,
    key: &[u8],
    codes: &SignatureCodes,
    input: &[u8],
) -> Result<Vec<u8>> {
    let scheme = known("scheme", codes.scheme, Scheme::from_code)?;
    let digest = optional_digest(codes.digest)?;
    let algorithm = Signature::find(scheme, digest).ok_or_else(|| {
        Error::new(ErrorKind::Unsupported, format!("{} has no such digest", scheme.row().name))
    })?;
    let pss = match scheme {
        Scheme::RsaPss => Some(PssParameters {
            mgf1: known("digest", codes.mgf1, Digest::from_code)?,
            salt_bytes: Some(usize::try_from(codes.salt_bytes).map_err(|_| {
                Error::invalid(format!("{} is no length of a salt", codes.salt_bytes))
            })?),
        }),
        _ => None,
    };
    let request = SignRequest { algorithm, pss, deterministic: codes.deterministic, input };
    clients::get(client)?.sign(&key_id(key)?, &request)
}

/// An encryption as Java names it: codes of the table, and OAEP's choices.
pub(crate) struct CipherCodes<'a> {
    pub(crate) scheme: i32,
    pub(crate) digest: i32,
    pub(crate) mgf1: i32,
    pub(crate) label: &'a [u8],
}

pub(crate) fn decrypt(
    client: i64,
    key: &[u8],
    codes: &CipherCodes<'_>,
    input: &[u8],
) -> Result<impl AsRef<[u8]>> {
    let scheme = known("encryption scheme", codes.scheme, Encryption::from_code)?;
    let oaep = match scheme {
        Encryption::RsaOaep => Some(oaep(codes.digest, codes.mgf1, codes.label)?),
        _ => None,
    };
    let request = CipherRequest { scheme, oaep, tls: None, input };
    clients::get(client)?.decrypt(&key_id(key)?, &request)
}

/// A wrapping as Java names it: codes of the table, and OAEP's choices.
pub(crate) struct WrappingCodes<'a> {
    pub(crate) wrapping: i32,
    pub(crate) digest: i32,
    pub(crate) mgf1: i32,
    pub(crate) label: &'a [u8],
}

impl WrappingCodes<'_> {
    fn choice(&self) -> Result<WrappingChoice<'_>> {
        let wrapping = known("wrapping", self.wrapping, Wrapping::from_code)?;
        let oaep = match wrapping.row().by_rsa {
            true => Some(oaep(self.digest, self.mgf1, self.label)?),
            false => None,
        };
        Ok(WrappingChoice { wrapping, oaep })
    }
}

/// Wraps with the key of the service, or if that is empty, with the public key.
pub(crate) fn wrap(
    client: i64,
    key: &[u8],
    codes: &WrappingCodes<'_>,
    with: &[u8],
    spki: &[u8],
) -> Result<Vec<u8>> {
    let with = if with.is_empty() { None } else { Some(key_id(with)?) };
    let with = with.as_ref().map_or(WrapWith::PublicKey(spki), WrapWith::Key);
    clients::get(client)?.wrap(&key_id(key)?, with, &codes.choice()?)
}

/// Unwraps a key of this type, or a pair if the type is empty.
pub(crate) fn unwrap(
    client: i64,
    with: &[u8],
    codes: &WrappingCodes<'_>,
    wrapped: &[u8],
    key_type: &str,
    new: &NewKey,
) -> Result<Vec<u8>> {
    let key_type = Some(key_type).filter(|name| !name.is_empty());
    let (client, template) = (clients::get(client)?, new.template());
    client
        .unwrap(&key_id(with)?, &codes.choice()?, wrapped, key_type, &template)
        .map(|key| encode::key(&key))
}

/// A key derivation as Java names it.
pub(crate) struct DerivationCodes<'a> {
    pub(crate) function: i32,
    pub(crate) digest: i32,
    pub(crate) salt: &'a [u8],
    pub(crate) info: &'a [u8],
}

/// Derives from a secret key, or with a peer from a key agreement.
pub(crate) fn derive_key(
    client: i64,
    from: &[u8],
    codes: &DerivationCodes<'_>,
    peer: &[u8],
    key_type: &str,
    new: &NewKey,
) -> Result<Vec<u8>> {
    let choice = DerivationChoice {
        function: known("key derivation", codes.function, Derivation::from_code)?,
        digest: known("digest", codes.digest, Digest::from_code)?,
        salt: codes.salt,
        info: codes.info,
    };
    let peer = Some(peer).filter(|peer| !peer.is_empty());
    let (client, key_type) = (clients::get(client)?, known_type(key_type)?);
    client
        .derive_key(&key_id(from)?, peer, &choice, key_type, &new.template())
        .map(|key| encode::key(&key))
}

pub(crate) fn derive(client: i64, key: &[u8], peer: &[u8]) -> Result<impl AsRef<[u8]>> {
    clients::get(client)?.derive(&key_id(key)?, peer)
}

pub(crate) fn decapsulate(client: i64, key: &[u8], ciphertext: &[u8]) -> Result<impl AsRef<[u8]>> {
    clients::get(client)?.decapsulate(&key_id(key)?, ciphertext)
}

/// A cipher of secret keys as Java names it.
pub(crate) struct SymmetricCodes<'a> {
    pub(crate) cipher: i32,
    pub(crate) iv: &'a [u8],
    pub(crate) aad: &'a [u8],
    pub(crate) tag_bytes: i32,
}

impl SymmetricCodes<'_> {
    fn request<'a>(&'a self, input: &'a [u8]) -> Result<SymmetricRequest<'a>> {
        let cipher = known("cipher", self.cipher, SymmetricCipher::from_code)?;
        let tag_bytes = usize::try_from(self.tag_bytes)
            .map_err(|_| Error::invalid(format!("{} is no size of a tag", self.tag_bytes)))?;
        Ok(SymmetricRequest { cipher, iv: self.iv, aad: self.aad, tag_bytes, input })
    }
}

/// The initialisation vector, whose size the table tells, and the ciphertext behind it.
pub(crate) fn encipher(
    client: i64,
    key: &[u8],
    codes: &SymmetricCodes<'_>,
    input: &[u8],
) -> Result<Vec<u8>> {
    let mut enciphered = clients::get(client)?.encipher(&key_id(key)?, &codes.request(input)?)?;
    enciphered.iv.append(&mut enciphered.output);
    Ok(enciphered.iv)
}

pub(crate) fn decipher(
    client: i64,
    key: &[u8],
    codes: &SymmetricCodes<'_>,
    input: &[u8],
) -> Result<impl AsRef<[u8]>> {
    clients::get(client)?.decipher(&key_id(key)?, &codes.request(input)?)
}

pub(crate) fn mac(client: i64, key: &[u8], mac: i32, message: &[u8]) -> Result<Vec<u8>> {
    let mac = known("message authentication code", mac, Mac::from_code)?;
    clients::get(client)?.mac(&key_id(key)?, mac, message)
}

pub(crate) fn random(client: i64, length: i32) -> Result<impl AsRef<[u8]>> {
    let length = usize::try_from(length)
        .map_err(|_| Error::invalid(format!("{length} is no number of bytes")))?;
    clients::get(client)?.random(length)
}

pub(crate) fn generate(client: i64, key_type: &str, new: &NewKey) -> Result<Vec<u8>> {
    let key_type = known_type(key_type)?;
    clients::get(client)?.generate(key_type, &new.template()).map(|key| encode::key(&key))
}

fn known_type(name: &str) -> Result<KeyType> {
    KeyType::from_name(name).ok_or_else(|| {
        Error::new(ErrorKind::Unsupported, format!("{name:?} is no type of key")).hint(
            "RSA keys have 2048 to 8192 bits in steps of 256, AES keys 128, 192 or 256, those of \
             HMAC 112 to 8192 in steps of 8",
        )
    })
}

pub(crate) fn import_key(
    client: i64,
    new: &NewKey,
    pkcs8: &[u8],
    chain: &[Vec<u8>],
) -> Result<Vec<u8>> {
    clients::get(client)?.import(pkcs8, chain, &new.template()).map(|key| encode::key(&key))
}

pub(crate) fn import_secret(
    client: i64,
    key_type: &str,
    new: &NewKey,
    secret: &[u8],
) -> Result<Vec<u8>> {
    let key_type = known_type(key_type)?;
    clients::get(client)?
        .import_secret(key_type, secret, &new.template())
        .map(|key| encode::key(&key))
}

pub(crate) fn rename(client: i64, key: &[u8], name: &str) -> Result<Vec<u8>> {
    clients::get(client)?.rename(&key_id(key)?, name).map(|key| encode::key(&key))
}

pub(crate) fn set_chain(client: i64, key: &[u8], chain: &[Vec<u8>]) -> Result<Vec<u8>> {
    clients::get(client)?.set_chain(&key_id(key)?, chain).map(|key| encode::key(&key))
}

/// Deletes a key, `now` so that it cannot be brought back.
pub(crate) fn delete(client: i64, key: &[u8], now: bool) -> Result<()> {
    let (client, key) = (clients::get(client)?, key_id(key)?);
    match now {
        true => client.delete_now(&key),
        false => client.delete(&key).map(drop),
    }
}

/// The certificates that are kept without a key.
pub(crate) fn certificates(client: i64) -> Result<Vec<u8>> {
    clients::get(client)?.certificates().map(|kept| encode::certificates(&kept))
}

pub(crate) fn certificate(client: i64, name: &str) -> Result<Vec<u8>> {
    clients::get(client)?.certificate(name).map(|kept| encode::certificates(&[kept]))
}

/// Keeps a certificate, in place of another one that has the name.
pub(crate) fn put_certificate(client: i64, name: &str, der: &[u8]) -> Result<()> {
    clients::get(client)?.put_certificate(name, der, true).map(drop)
}

pub(crate) fn delete_certificate(client: i64, name: &str) -> Result<()> {
    clients::get(client)?.delete_certificate(name)
}

fn oaep(digest: i32, mgf1: i32, label: &[u8]) -> Result<OaepParameters<'_>> {
    Ok(OaepParameters {
        digest: known("digest", digest, Digest::from_code)?,
        mgf1: known("digest", mgf1, Digest::from_code)?,
        label,
    })
}

fn key_id(bytes: &[u8]) -> Result<KeyId> {
    KeyId::try_from(bytes)
}

fn optional_digest(code: i32) -> Result<Option<Digest>> {
    match code {
        NONE => Ok(None),
        code => known("digest", code, Digest::from_code).map(Some),
    }
}

fn known<T>(what: &str, code: i32, from_code: impl Fn(u32) -> Option<T>) -> Result<T> {
    u32::try_from(code).ok().and_then(from_code).ok_or_else(|| {
        Error::new(ErrorKind::Internal, format!("{what} {code} is not known to the native library"))
    })
}
