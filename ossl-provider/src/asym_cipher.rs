//! RSA decryption, in the service, and encryption, here (provider-asym_cipher(7)).

use std::sync::Arc;

use keyward_algorithms::{Digest, Encryption, Family};
use keyward_protocol::{CipherRequest, Error, OaepParameters, Result, TlsVersions};

use crate::{
    failure::{from_crypto, too_early, too_small, unsupported},
    ffi::{
        core::Core,
        dispatch::{Descriptors, descriptors},
        guard::Scope,
        handle::Output,
        names,
        params::{Answer, Gettable, Param, Params, Questions, Settable},
    },
    key::Key,
    provider::Provider,
};

/// The size of a TLS premaster secret (RFC 5246, 7.4.7.1).
const PREMASTER_BYTES: usize = 48;

pub(crate) static GETTABLE: Descriptors = descriptors![
    PAD_MODE: Utf8, DIGEST: Utf8, MGF1_DIGEST: Utf8, OAEP_LABEL: OctetsPointer,
    TLS_CLIENT_VERSION: Unsigned, TLS_NEGOTIATED_VERSION: Unsigned, IMPLICIT_REJECTION: Unsigned,
];
pub(crate) static SETTABLE: Descriptors = descriptors![
    PAD_MODE: Utf8, DIGEST: Utf8, OAEP_DIGEST_PROPERTIES: Utf8, MGF1_DIGEST: Utf8,
    MGF1_PROPERTIES: Utf8, OAEP_LABEL: Octets, TLS_CLIENT_VERSION: Unsigned,
    TLS_NEGOTIATED_VERSION: Unsigned, IMPLICIT_REJECTION: Unsigned,
];

/// An encryption or decryption under way.
#[derive(Clone)]
pub(crate) struct CipherContext {
    provider: Arc<Provider>,
    key: Option<Arc<Key>>,
    scheme: Encryption,
    digest: Option<Digest>,
    mgf1: Option<Digest>,
    label: Vec<u8>,
    tls: TlsVersions,
}

impl Scope for CipherContext {
    fn core(&self) -> &Core {
        self.provider.core()
    }
}

/// What a call of the core's is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Encrypt,
    Decrypt,
}

impl From<Arc<Provider>> for CipherContext {
    fn from(provider: Arc<Provider>) -> CipherContext {
        CipherContext {
            provider,
            key: None,
            scheme: Encryption::RsaPkcs1,
            digest: None,
            mgf1: None,
            label: Vec::new(),
            tls: TlsVersions { client: 0, negotiated: 0 },
        }
    }
}

impl CipherContext {
    pub(crate) fn init(
        &mut self,
        key: Option<Arc<Key>>,
        params: Params<'_>,
        direction: Direction,
    ) -> Result<()> {
        if let Some(key) = key {
            if key.family != Family::Rsa {
                let family = key.family.row().name;
                return Err(unsupported(format!("encryption with a key of type {family}")));
            }
            if direction == Direction::Decrypt {
                key.remote()?;
            }
            *self = CipherContext { key: Some(key), ..CipherContext::from(self.provider.clone()) };
        }
        self.key()?;
        self.set_params(params)
    }

    fn key(&self) -> Result<&Arc<Key>> {
        self.key.as_ref().ok_or_else(too_early)
    }

    /// The digest and MGF1 digest of OAEP; SHA-1 where none is named (RFC 8017, A.2.1).
    fn oaep_digests(&self) -> (Digest, Digest) {
        let digest = self.digest.unwrap_or(Digest::Sha1);
        (digest, self.mgf1.unwrap_or(digest))
    }

    pub(crate) fn decrypt(&self, output: Output<'_>, input: &[u8]) -> Result<()> {
        let key = self.key()?;
        let largest = match self.scheme {
            Encryption::RsaTls => PREMASTER_BYTES,
            _ => key.public()?.max_output_bytes(),
        };
        if output.asks_for_size() {
            output.set_size(largest);
            return Ok(());
        }
        // Whether a plaintext would fit must not tell how long it is.
        if output.capacity() < largest {
            return Err(too_small(largest));
        }
        let (digest, mgf1) = self.oaep_digests();
        let request = CipherRequest {
            scheme: self.scheme,
            oaep: (self.scheme == Encryption::RsaOaep).then_some(OaepParameters {
                digest,
                mgf1,
                label: &self.label,
            }),
            tls: (self.scheme == Encryption::RsaTls).then_some(self.tls),
            input,
        };
        let plaintext = self
            .provider
            .client()?
            .decrypt(&key.remote()?.id, &request)
            .map_err(|error| key.about(error))?;
        if output.write(&plaintext) { Ok(()) } else { Err(too_small(plaintext.len())) }
    }

    pub(crate) fn encrypt(&self, output: Output<'_>, input: &[u8]) -> Result<()> {
        let public = self.key()?.public()?;
        if output.asks_for_size() {
            output.set_size(public.max_output_bytes());
            return Ok(());
        }
        let (digest, mgf1) = self.oaep_digests();
        let oaep = keyward_crypto::OaepParameters { digest, mgf1, label: &self.label };
        let oaep = (self.scheme == Encryption::RsaOaep).then_some(oaep);
        let ciphertext = public.ready()?.encrypt(self.scheme, oaep, input).map_err(from_crypto)?;
        if output.write(&ciphertext) { Ok(()) } else { Err(too_small(ciphertext.len())) }
    }
}

impl Settable for CipherContext {
    fn set_params(&mut self, params: Params<'_>) -> Result<()> {
        let version = |name| -> Result<Option<u16>> {
            let Some(param) = params.get(name) else { return Ok(None) };
            let number = param.integer()?;
            u16::try_from(number)
                .map(Some)
                .map_err(|_| Error::invalid(format!("{number} is no TLS version")))
        };
        if let Some(padding) = params.get(names::PAD_MODE) {
            self.scheme = padding_named(padding)?;
        }
        self.digest = params.digest(names::DIGEST)?.or(self.digest);
        self.mgf1 = params.digest(names::MGF1_DIGEST)?.or(self.mgf1);
        if let Some(label) = params.get(names::OAEP_LABEL) {
            self.label = label.octets()?.to_vec();
        }
        if let Some(client) = version(names::TLS_CLIENT_VERSION)? {
            self.tls.client = client;
        }
        if let Some(negotiated) = version(names::TLS_NEGOTIATED_VERSION)? {
            self.tls.negotiated = negotiated;
        }
        match params.get(names::IMPLICIT_REJECTION).map(Param::integer).transpose()? {
            Some(0) => Err(unsupported("PKCS#1 v1.5 decryption that tells of a wrong padding")
                .hint(
                    "leave implicit rejection on: it is what keeps the key from being an oracle",
                )),
            _ => Ok(()),
        }
    }
}

impl Gettable for CipherContext {
    fn get_params(&self, mut questions: Questions<'_>) -> Result<()> {
        let (digest, mgf1) = self.oaep_digests();
        questions.answer_each(|name, wants_text| {
            Ok(match name {
                _ if name == names::PAD_MODE => {
                    let row = self.scheme.row();
                    Some(match wants_text {
                        true => Answer::Text(row.openssl_pad_mode.into()),
                        false => Answer::Integer(row.openssl_pad_number.into()),
                    })
                }
                _ if name == names::DIGEST => Some(digest.into()),
                _ if name == names::MGF1_DIGEST => Some(mgf1.into()),
                _ if name == names::OAEP_LABEL => Some(Answer::Octets((&self.label).into())),
                _ if name == names::TLS_CLIENT_VERSION => {
                    Some(Answer::Integer(self.tls.client.into()))
                }
                _ if name == names::TLS_NEGOTIATED_VERSION => {
                    Some(Answer::Integer(self.tls.negotiated.into()))
                }
                _ if name == names::IMPLICIT_REJECTION => Some(Answer::Integer(1)),
                _ => None,
            })
        })
    }
}

fn padding_named(padding: Param<'_>) -> Result<Encryption> {
    let known = if padding.is_text() {
        let word = padding.text()?;
        Encryption::ALL.iter().find(|scheme| scheme.row().openssl_pad_mode == word)
    } else {
        let number = padding.integer()?;
        Encryption::ALL.iter().find(|scheme| i64::from(scheme.row().openssl_pad_number) == number)
    };
    known.copied().ok_or_else(|| unsupported("an RSA padding other than pkcs1, oaep and none"))
}
