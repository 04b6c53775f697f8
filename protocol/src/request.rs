//! Checked forms of the cryptographic requests.

use keyward_algorithms::{Digest, Encryption, ErrorKind, Scheme, Signature};

use crate::{Error, Result, messages};

/// What to sign, and how.
#[derive(Clone, Copy, Debug)]
pub struct SignRequest<'a> {
    /// The algorithm.
    pub algorithm: &'static Signature,
    /// The choices of RSASSA-PSS; `None` for every other scheme.
    pub pss: Option<PssParameters>,
    /// Whether the same input is to give the same signature, a choice that ML-DSA alone leaves.
    pub deterministic: bool,
    /// The digest, or the message where the scheme takes one.
    pub input: &'a [u8],
}

/// The choices of RSASSA-PSS besides the digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PssParameters {
    /// Digest of the mask generation function.
    pub mgf1: Digest,
    /// Salt length in bytes; `None`, for verification alone, takes it from the signature.
    pub salt_bytes: Option<usize>,
}

/// What to encrypt or decrypt, and how.
#[derive(Clone, Copy, Debug)]
pub struct CipherRequest<'a> {
    /// The scheme.
    pub scheme: Encryption,
    /// The choices of OAEP; `None` for every other scheme.
    pub oaep: Option<OaepParameters<'a>>,
    /// The versions that a TLS premaster secret is checked against; `None` for every other scheme.
    pub tls: Option<TlsVersions>,
    /// The ciphertext or plaintext.
    pub input: &'a [u8],
}

/// The choices of OAEP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OaepParameters<'a> {
    /// Digest of the label.
    pub digest: Digest,
    /// Digest of the mask generation function.
    pub mgf1: Digest,
    /// The label, usually empty.
    pub label: &'a [u8],
}

/// The TLS versions at the head of a premaster secret (RFC 5246, 7.4.7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsVersions {
    /// What the client offered: 0x0303 for TLS 1.2.
    pub client: u16,
    /// The negotiated version, accepted in its place for broken clients; 0 accepts none.
    pub negotiated: u16,
}

pub(crate) fn unknown(what: &str, code: u32) -> Error {
    Error::new(ErrorKind::Unsupported, format!("{what} {code} is not known to this service"))
        .hint("the client is newer than the service: upgrade the service first")
}

pub(crate) fn digest(code: u32) -> Result<Digest> {
    Digest::from_code(code).ok_or_else(|| unknown("digest", code))
}

impl From<&SignRequest<'_>> for messages::Algorithm {
    fn from(request: &SignRequest<'_>) -> messages::Algorithm {
        messages::Algorithm {
            scheme: request.algorithm.scheme.code(),
            digest: request.algorithm.digest.map_or(0, Digest::code),
            mgf1: request.pss.map_or(0, |pss| pss.mgf1.code()),
            salt_bytes: request.pss.and_then(|pss| pss.salt_bytes).unwrap_or(0) as u32,
            any_salt: request.pss.is_some_and(|pss| pss.salt_bytes.is_none()),
            deterministic: request.deterministic,
        }
    }
}

impl messages::Algorithm {
    /// The checked form, with the input it is for.
    pub fn with_input<'a>(&self, input: &'a [u8]) -> Result<SignRequest<'a>> {
        let scheme =
            Scheme::from_code(self.scheme).ok_or_else(|| unknown("scheme", self.scheme))?;
        let named = if self.digest == 0 { None } else { Some(digest(self.digest)?) };
        let algorithm = Signature::find(scheme, named).ok_or_else(|| {
            let digest = named.map_or("no digest", |digest| digest.row().name);
            let message = format!("{} does not go with {digest}", scheme.row().name);
            Error::new(ErrorKind::Unsupported, message)
        })?;
        let pss = match scheme {
            Scheme::RsaPss => Some(PssParameters {
                mgf1: digest(self.mgf1)?,
                salt_bytes: (!self.any_salt).then_some(self.salt_bytes as usize),
            }),
            _ => None,
        };
        Ok(SignRequest { algorithm, pss, deterministic: self.deterministic, input })
    }
}

impl From<&CipherRequest<'_>> for messages::Cipher {
    fn from(request: &CipherRequest<'_>) -> messages::Cipher {
        messages::Cipher {
            scheme: request.scheme.code(),
            digest: request.oaep.map_or(0, |oaep| oaep.digest.code()),
            mgf1: request.oaep.map_or(0, |oaep| oaep.mgf1.code()),
            label: request.oaep.map_or_else(Vec::new, |oaep| oaep.label.to_vec()),
            tls_client_version: request.tls.map_or(0, |tls| tls.client.into()),
            tls_negotiated_version: request.tls.map_or(0, |tls| tls.negotiated.into()),
        }
    }
}

impl messages::Cipher {
    /// The checked form, with the input it is for.
    pub fn with_input<'a>(&'a self, input: &'a [u8]) -> Result<CipherRequest<'a>> {
        let scheme = Encryption::from_code(self.scheme)
            .ok_or_else(|| unknown("encryption scheme", self.scheme))?;
        let oaep = match scheme {
            Encryption::RsaOaep => Some(OaepParameters {
                digest: digest(self.digest)?,
                mgf1: digest(self.mgf1)?,
                label: &self.label,
            }),
            _ => None,
        };
        let version = |number: u32| {
            u16::try_from(number).map_err(|_| Error::invalid(format!("{number} is no TLS version")))
        };
        let tls = match scheme {
            Encryption::RsaTls => Some(TlsVersions {
                client: version(self.tls_client_version)?,
                negotiated: version(self.tls_negotiated_version)?,
            }),
            _ => None,
        };
        Ok(CipherRequest { scheme, oaep, tls, input })
    }
}
