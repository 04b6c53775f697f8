//! Private keys under a passphrase, as other software writes them: PKCS#8 encrypted by PBES2
//! (RFC 5958, RFC 8018), and PKCS#12.

use std::ffi::CStr;

use der::{Choice, Decode, DecodeValue, Sequence, asn1::OctetStringRef};
use keyward_algorithms::{Digest, ObjectIdentifier, SymmetricCipher};
use zeroize::Zeroizing;

use crate::{
    CryptoError,
    asn1::{AlgorithmIdentifier, KeyInfo},
    aws_lc::{self, Direction, Pkcs12, ScryptCost},
    error::Result,
};

const PBES2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.13");
const PBKDF2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.12");
const SCRYPT: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11591.4.11");

/// The functions of PBKDF2 (RFC 8018, B.1.2).
const FUNCTIONS: [(ObjectIdentifier, Digest); 6] = [
    (ObjectIdentifier::new_unwrap("1.2.840.113549.2.7"), Digest::Sha1),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.2.8"), Digest::Sha224),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.2.9"), Digest::Sha256),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.2.10"), Digest::Sha384),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.2.11"), Digest::Sha512),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.2.13"), Digest::Sha512_256),
];

/// The ciphers, with the sizes of their keys in bytes. All are in CBC mode, with padding.
const CIPHERS: [(ObjectIdentifier, Cipher, usize); 4] = [
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.1.2"), Cipher::Aes, 16),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.1.22"), Cipher::Aes, 24),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.1.42"), Cipher::Aes, 32),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.3.7"), Cipher::TripleDes, 24),
];

#[derive(Clone, Copy)]
enum Cipher {
    Aes,
    TripleDes,
}

impl Cipher {
    /// The size of a block, and so of the initialisation vector.
    fn block_bytes(self) -> usize {
        match self {
            Cipher::Aes => 16,
            Cipher::TripleDes => 8,
        }
    }
}

/// What a file may ask for at most: a second's work and a quarter of a gigabyte.
const ITERATIONS_MAX: u32 = 10_000_000;
const MEMORY_MAX: usize = 256 << 20;

/// `EncryptedPrivateKeyInfo` (RFC 5958, 3).
#[derive(Sequence)]
struct EncryptedKeyInfo<'a> {
    algorithm: AlgorithmIdentifier<'a>,
    data: &'a OctetStringRef,
}

/// `PBES2-params` (RFC 8018, A.4).
#[derive(Sequence)]
struct Scheme<'a> {
    derivation: AlgorithmIdentifier<'a>,
    cipher: AlgorithmIdentifier<'a>,
}

/// `PBKDF2-params` (RFC 8018, A.2).
#[derive(Sequence)]
struct Pbkdf2<'a> {
    salt: &'a OctetStringRef,
    iterations: u32,
    key_bytes: Option<u32>,
    function: Option<AlgorithmIdentifier<'a>>,
}

/// `scrypt-params` (RFC 7914, 7).
#[derive(Sequence)]
struct Scrypt<'a> {
    salt: &'a OctetStringRef,
    n: u64,
    r: u64,
    p: u64,
    key_bytes: Option<u32>,
}

/// A PKCS#8 `EncryptedPrivateKeyInfo` whose encryption is known.
pub struct EncryptedPkcs8<'a> {
    derivation: AlgorithmIdentifier<'a>,
    cipher: Cipher,
    key_bytes: usize,
    iv: &'a [u8],
    data: &'a [u8],
}

impl<'a> EncryptedPkcs8<'a> {
    /// Reads DER. [`CryptoError::Unsupported`] says that it is not encrypted by PBES2, or with a
    /// cipher that is not known.
    pub fn read(der: &'a [u8]) -> Result<EncryptedPkcs8<'a>> {
        let info = EncryptedKeyInfo::from_der(der).map_err(|_| CryptoError::InvalidKey)?;
        if info.algorithm.oid != PBES2 {
            return Err(CryptoError::Unsupported);
        }
        let Scheme { derivation, cipher: scheme } = parameters(info.algorithm)?;
        let cipher = CIPHERS.iter().find(|(oid, ..)| *oid == scheme.oid);
        let (_, cipher, key_bytes) = *cipher.ok_or(CryptoError::Unsupported)?;
        let iv = parameters::<&OctetStringRef>(scheme)?.as_bytes();
        if iv.len() != cipher.block_bytes() {
            return Err(CryptoError::InvalidKey);
        }
        Ok(EncryptedPkcs8 { derivation, cipher, key_bytes, iv, data: info.data.as_bytes() })
    }

    /// The plain PKCS#8. [`CryptoError::Failed`] says that the passphrase is wrong.
    pub fn decrypt(&self, passphrase: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let key = derive(self.derivation, passphrase, self.key_bytes)?;
        let plain = match self.cipher {
            Cipher::Aes => {
                let cipher = SymmetricCipher::AesCbcPad;
                aws_lc::crypt(cipher, Direction::Decrypt, &key, self.iv, self.data)
            }
            Cipher::TripleDes => aws_lc::decrypt_triple_des(&key, self.iv, self.data),
        }?;
        // One in some hundred wrong passphrases leaves what looks like padding.
        KeyInfo::private(&plain).map_err(|_| CryptoError::Failed)?;
        Ok(plain)
    }
}

fn derive(
    derivation: AlgorithmIdentifier<'_>,
    passphrase: &[u8],
    key_bytes: usize,
) -> Result<Zeroizing<Vec<u8>>> {
    let has_size = |stated: Option<u32>| match stated {
        Some(bytes) if bytes as usize != key_bytes => Err(CryptoError::InvalidKey),
        _ => Ok(()),
    };
    match derivation.oid {
        PBKDF2 => {
            let Pbkdf2 { salt, iterations, key_bytes: stated, function } = parameters(derivation)?;
            has_size(stated)?;
            let digest = match function {
                None => Digest::Sha1,
                Some(function) => FUNCTIONS
                    .iter()
                    .find(|(oid, _)| *oid == function.oid)
                    .map(|(_, digest)| *digest)
                    .ok_or(CryptoError::Unsupported)?,
            };
            if !(1..=ITERATIONS_MAX).contains(&iterations) {
                return Err(CryptoError::Unsupported);
            }
            aws_lc::pbkdf2(digest, passphrase, salt.as_bytes(), iterations, key_bytes)
        }
        SCRYPT => {
            let Scrypt { salt, n, r, p, key_bytes: stated } = parameters(derivation)?;
            has_size(stated)?;
            let cost = ScryptCost { n, r, p, memory_max: MEMORY_MAX };
            aws_lc::scrypt(&cost, passphrase, salt.as_bytes(), key_bytes)
                .map_err(|_| CryptoError::Unsupported)
        }
        _ => Err(CryptoError::Unsupported),
    }
}

fn parameters<'a, T>(algorithm: AlgorithmIdentifier<'a>) -> Result<T>
where
    T: Choice<'a> + DecodeValue<'a, Error = der::Error>,
{
    let parameters = algorithm.parameters.ok_or(CryptoError::InvalidKey)?;
    parameters.decode_as().map_err(|_| CryptoError::InvalidKey)
}

/// What a PKCS#12 file held.
pub struct Pkcs12File {
    /// The PKCS#8 of its private key, if it has one.
    pub key: Option<Zeroizing<Vec<u8>>>,
    /// DER certificates, in the file's order.
    pub certificates: Vec<Vec<u8>>,
}

/// Opens a PKCS#12 file. [`CryptoError::Failed`] says that the passphrase is wrong.
pub fn open_pkcs12(file: &[u8], passphrase: &str) -> Result<Pkcs12File> {
    let passphrase = passphrase.as_bytes();
    if passphrase.contains(&0) {
        return Err(CryptoError::Failed);
    }
    let mut ended = Zeroizing::new(Vec::with_capacity(passphrase.len() + 1));
    ended.extend_from_slice(passphrase);
    ended.push(0);
    let passphrase = CStr::from_bytes_with_nul(&ended).map_err(|_| CryptoError::Failed)?;
    let Pkcs12 { key, certificates } = Pkcs12::open(file, passphrase)?;
    let key = key.map(|key| key.private_key_info()).transpose();
    let key = key.map_err(|_| CryptoError::Unsupported)?;
    Ok(Pkcs12File { key, certificates })
}
