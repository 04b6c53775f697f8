//! Key agreement (provider-keyexch(7)): the secret comes from the service; the key derivation that
//! CMS puts on top of it happens here.

use std::sync::Arc;

use keyward_algorithms::{Agreement, Digest};
use keyward_crypto::Hash;
use keyward_protocol::{Error, Result};
use zeroize::Zeroizing;

use crate::{
    failure::{too_early, too_small, unsupported},
    ffi::{
        core::Core,
        dispatch::{Descriptors, descriptors},
        guard::Scope,
        handle::Output,
        names,
        params::{Answer, Gettable, Params, Questions, Settable},
    },
    key::Key,
    provider::Provider,
    public::Material,
};

pub(crate) static ECDH_SETTABLE: Descriptors = descriptors![
    ECDH_COFACTOR_MODE: Integer, KDF_TYPE: Utf8, KDF_DIGEST: Utf8, KDF_DIGEST_PROPERTIES: Utf8,
    KDF_OUTLEN: Unsigned, KDF_UKM: Octets,
];
pub(crate) static ECDH_GETTABLE: Descriptors = descriptors![
    ECDH_COFACTOR_MODE: Integer, KDF_TYPE: Utf8, KDF_DIGEST: Utf8, KDF_OUTLEN: Unsigned,
];
pub(crate) static X25519_SETTABLE: Descriptors = descriptors![EXCHANGE_PAD: Unsigned];

/// The name of the one key derivation there is (ANSI X9.63, RFC 5753).
const X963: &str = "X963KDF";

/// More than any key that CMS wraps with.
const LARGEST_KDF_OUTPUT_BYTES: usize = 1024;

/// A key agreement under way.
#[derive(Clone)]
pub(crate) struct AgreementContext {
    provider: Arc<Provider>,
    key: Option<Arc<Key>>,
    peer: Option<Arc<Key>>,
    derivation: Option<Derivation>,
}

#[derive(Clone)]
struct Derivation {
    digest: Digest,
    output_bytes: usize,
    shared_info: Vec<u8>,
}

impl Scope for AgreementContext {
    fn core(&self) -> &Core {
        self.provider.core()
    }
}

impl From<Arc<Provider>> for AgreementContext {
    fn from(provider: Arc<Provider>) -> AgreementContext {
        AgreementContext { provider, key: None, peer: None, derivation: None }
    }
}

impl AgreementContext {
    pub(crate) fn init(&mut self, key: Option<Arc<Key>>, params: Params<'_>) -> Result<()> {
        let key = key.ok_or_else(too_early)?;
        key.remote()?;
        Agreement::of(key.family).ok_or_else(|| {
            unsupported(format!("key agreement with a key of type {}", key.family.row().name))
        })?;
        self.key = Some(key);
        self.peer = None;
        self.derivation = None;
        self.set_params(params)
    }

    pub(crate) fn set_peer(&mut self, peer: Option<Arc<Key>>) -> Result<()> {
        let (key, peer) = (self.key()?, peer.ok_or_else(too_early)?);
        let fits = match (&key.public()?.material, &peer.public()?.material) {
            (Material::Ec { curve: one, .. }, Material::Ec { curve: other, .. }) => one == other,
            (Material::Raw(_), Material::Raw(_)) => key.family == peer.family,
            _ => false,
        };
        if !fits {
            return Err(Error::invalid("the peer's key is not of the same type as ours"));
        }
        self.peer = Some(peer);
        Ok(())
    }

    fn key(&self) -> Result<&Arc<Key>> {
        self.key.as_ref().ok_or_else(too_early)
    }

    pub(crate) fn derive(&self, output: Output<'_>) -> Result<()> {
        let key = self.key()?;
        let public = key.public()?;
        let size = match (&self.derivation, &public.material) {
            (Some(derivation), _) => derivation.output_bytes,
            (None, Material::Ec { curve, .. }) => curve.field_bytes(),
            (None, _) => public.max_output_bytes(),
        };
        if output.asks_for_size() {
            output.set_size(size);
            return Ok(());
        }
        if output.capacity() < size {
            return Err(too_small(size));
        }
        let peer = self.peer.as_ref().ok_or_else(too_early)?.public()?;
        let secret = self
            .provider
            .client()?
            .derive(&key.remote()?.id, &peer.spki)
            .map_err(|error| key.about(error))?;
        let result = match &self.derivation {
            Some(derivation) => derivation.derive(&secret),
            None => secret,
        };
        if output.write(&result) { Ok(()) } else { Err(too_small(result.len())) }
    }
}

impl Settable for AgreementContext {
    fn set_params(&mut self, params: Params<'_>) -> Result<()> {
        if let Some(kind) = params.get(names::KDF_TYPE) {
            self.derivation = match kind.text()? {
                "" => None,
                X963 => Some(Derivation {
                    digest: Digest::Sha1,
                    output_bytes: 0,
                    shared_info: Vec::new(),
                }),
                other => return Err(unsupported(format!("the key derivation {other}"))),
            };
        }
        let Some(derivation) = &mut self.derivation else { return Ok(()) };
        if let Some(digest) = params.digest(names::KDF_DIGEST)? {
            derivation.digest = digest;
        }
        if let Some(length) = params.get(names::KDF_OUTLEN) {
            derivation.output_bytes = usize::try_from(length.integer()?)
                .ok()
                .filter(|length| *length <= LARGEST_KDF_OUTPUT_BYTES)
                .ok_or_else(|| Error::invalid("the derived key is too long"))?;
        }
        if let Some(shared_info) = params.get(names::KDF_UKM) {
            derivation.shared_info = shared_info.octets()?.to_vec();
        }
        Ok(())
    }
}

impl Gettable for AgreementContext {
    fn get_params(&self, mut questions: Questions<'_>) -> Result<()> {
        questions.answer_each(|name, _| {
            Ok(match (name, &self.derivation) {
                // All curves have the cofactor 1, so with it or without is the same.
                (name, _) if name == names::ECDH_COFACTOR_MODE => Some(Answer::Integer(0)),
                (name, derivation) if name == names::KDF_TYPE => {
                    Some(Answer::Text(derivation.as_ref().map_or("", |_| X963).into()))
                }
                (name, Some(derivation)) if name == names::KDF_DIGEST => {
                    Some(derivation.digest.into())
                }
                (name, Some(derivation)) if name == names::KDF_OUTLEN => {
                    Some(Answer::Integer(derivation.output_bytes as i64))
                }
                _ => None,
            })
        })
    }
}

impl Derivation {
    /// ANSI X9.63's key derivation function (SEC 1, 3.6.1).
    fn derive(&self, secret: &[u8]) -> Zeroizing<Vec<u8>> {
        let mut output = Zeroizing::new(Vec::with_capacity(self.output_bytes + 64));
        let mut counter: u32 = 1;
        while output.len() < self.output_bytes {
            let mut hash = Hash::new(self.digest);
            hash.update(secret);
            hash.update(&counter.to_be_bytes());
            hash.update(&self.shared_info);
            output.extend_from_slice(hash.finish().as_ref());
            counter += 1;
        }
        output.truncate(self.output_bytes);
        output
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x963_agrees_with_nists_vector() {
        // CAVP "ANSI X9.63", SHA-256, shared secret of 192 bits, no shared info, 128 bits out.
        let bytes = |hex: &str| -> Vec<u8> {
            (0..hex.len() / 2)
                .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
                .collect()
        };
        let derivation =
            Derivation { digest: Digest::Sha256, output_bytes: 16, shared_info: Vec::new() };
        let secret = bytes("96c05619d56c328ab95fe84b18264b08725b85e33fd34f08");
        assert_eq!(*derivation.derive(&secret), bytes("443024c3dae66b95e6f5670601558f71"));
    }
}
