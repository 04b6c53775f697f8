//! Signing and verifying. Hashing happens here, the private operation in the service, and public
//! ones here too: the public half is always loaded with the key.

pub(crate) mod params;
mod pss;

use std::sync::Arc;

use keyward_algorithms::{Digest, Family, Scheme, Signature};
use keyward_crypto::{Hash, PssVerification, hash};
use keyward_protocol::{Error, PssParameters, Result, SignRequest};

use crate::{
    failure::{too_early, too_small, unsupported},
    ffi::{core::Core, guard::Scope, handle::Output, params::Params},
    key::Key,
    provider::Provider,
};
use pss::Salt;

/// A signature under way: the core's `EVP_PKEY_CTX` or `EVP_MD_CTX` for one key.
#[derive(Clone)]
pub(crate) struct SignatureContext {
    provider: Arc<Provider>,
    key: Option<Arc<Key>>,
    verifying: bool,
    /// Started with a digest of its own, which cannot be changed any more.
    digests: bool,
    scheme: Scheme,
    digest: Option<Digest>,
    mgf1: Option<Digest>,
    salt: Salt,
    hash: Option<Hash>,
}

impl Scope for SignatureContext {
    fn core(&self) -> &Core {
        self.provider.core()
    }
}

/// What a call of the core's is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Sign,
    Verify,
}

impl SignatureContext {
    pub(crate) fn new(provider: Arc<Provider>) -> SignatureContext {
        SignatureContext {
            provider,
            key: None,
            verifying: false,
            digests: false,
            scheme: Scheme::RsaPkcs1,
            digest: None,
            mgf1: None,
            salt: Salt::AutoDigestMax,
            hash: None,
        }
    }

    /// Starts an operation on a digest that the caller made, or on the message of a scheme that
    /// takes one.
    pub(crate) fn init(
        &mut self,
        key: Option<Arc<Key>>,
        params: Params<'_>,
        purpose: Purpose,
    ) -> Result<()> {
        self.start(key, purpose)?;
        self.digests = false;
        self.set_params(params)
    }

    /// Starts an operation that hashes. Purely local and cheap: libssl asks in each handshake for
    /// one digest after another until one is accepted.
    pub(crate) fn digest_init(
        &mut self,
        key: Option<Arc<Key>>,
        digest: Option<&str>,
        params: Params<'_>,
        purpose: Purpose,
    ) -> Result<()> {
        self.start(key, purpose)?;
        let key = self.key()?;
        let named = digest.filter(|name| !name.is_empty());
        self.digest = match (named, self.scheme.row().takes_message) {
            (None, true) => None,
            (Some(name), true) => {
                let message = format!("{} takes no digest, not even {name}", key.family.row().name);
                return Err(unsupported(message));
            }
            (Some(name), false) => Some(self.acceptable(name)?),
            (None, false) => match self.digest {
                Some(bound) => Some(bound),
                None => key.public()?.key_type().default_digest(),
            },
        };
        self.hash = None;
        self.digests = true;
        self.set_params(params)
    }

    fn start(&mut self, key: Option<Arc<Key>>, purpose: Purpose) -> Result<()> {
        self.verifying = purpose == Purpose::Verify;
        if let Some(key) = key {
            if purpose == Purpose::Sign {
                key.remote()?;
            }
            let family = key.family;
            self.scheme = *family.row().schemes.first().ok_or_else(|| {
                unsupported(format!("keys of type {} do not sign", family.row().name))
            })?;
            let bound = key.public()?.restriction();
            self.digest = bound.map(|bound| bound.digest);
            self.mgf1 = bound.map(|bound| bound.mgf1);
            self.salt =
                bound.map_or(Salt::AutoDigestMax, |bound| Salt::Bytes(bound.min_salt_bytes));
            self.key = Some(key);
        }
        self.key().map(|_| ())
    }

    fn key(&self) -> Result<&Arc<Key>> {
        self.key.as_ref().ok_or_else(too_early)
    }

    /// The digest of this name, if the key and its scheme can have it.
    fn acceptable(&self, name: &str) -> Result<Digest> {
        let digest = Digest::from_name(name)
            .filter(|digest| Signature::find(self.scheme, Some(*digest)).is_some())
            .ok_or_else(|| {
                let scheme = self.scheme.row().name;
                unsupported(format!("{scheme} signatures over the digest {name}"))
                    .hint("use a digest of the SHA-2 or SHA-3 family")
            })?;
        match self.key()?.public()?.restriction() {
            Some(bound) if bound.digest != digest => {
                let allowed = bound.digest.row().name;
                Err(unsupported(format!("the key is restricted to {allowed}, not {name}")))
            }
            _ => Ok(digest),
        }
    }

    fn algorithm(&self) -> Result<&'static Signature> {
        let digest = match self.scheme {
            Scheme::RsaRaw | Scheme::Ed25519 => None,
            // The core leaves the digest of PSS out where it is the standard's default.
            Scheme::RsaPss => Some(self.digest.unwrap_or(Digest::Sha1)),
            Scheme::RsaPkcs1 | Scheme::Ecdsa => self.digest,
        };
        Signature::find(self.scheme, digest).ok_or_else(|| {
            let digest = digest.map_or("no digest", |digest| digest.row().name);
            unsupported(format!("{} with {digest}", self.scheme.row().name))
        })
    }

    /// The choices of PSS for a new signature.
    fn pss(&self) -> Result<Option<PssParameters>> {
        let Some(digest) = self.algorithm()?.digest.filter(|_| self.scheme == Scheme::RsaPss)
        else {
            return Ok(None);
        };
        let salt = self.salt.for_signing(self.key()?.public()?.key_type().bits(), digest)?;
        Ok(Some(PssParameters { mgf1: self.mgf1.unwrap_or(digest), salt_bytes: Some(salt) }))
    }

    pub(crate) fn sign(&self, output: Output<'_>, input: &[u8]) -> Result<()> {
        let key = self.key()?;
        let largest = key.public()?.max_output_bytes();
        if output.asks_for_size() {
            output.set_size(largest);
            return Ok(());
        }
        // ECDSA signatures vary in size, and applications give room for the largest.
        if output.capacity() < largest {
            return Err(too_small(largest));
        }
        let algorithm = self.algorithm()?;
        if let Some(digest) = algorithm.digest.filter(|digest| digest.size() != input.len()) {
            return Err(Error::invalid(format!(
                "the input has {} bytes, a {} digest has {}",
                input.len(),
                digest.row().name,
                digest.size()
            )));
        }
        let request = SignRequest { algorithm, pss: self.pss()?, input };
        let signature = self
            .provider
            .client()?
            .sign(&key.remote()?.id, &request)
            .map_err(|error| key.about(error))?;
        if output.write(&signature) { Ok(()) } else { Err(too_small(signature.len())) }
    }

    /// Whether the signature is good.
    pub(crate) fn verify(&self, signature: &[u8], input: &[u8]) -> Result<bool> {
        let key = self.key()?;
        let algorithm = self.algorithm()?;
        let pss = match algorithm.digest.filter(|_| self.scheme == Scheme::RsaPss) {
            Some(digest) => Some(PssVerification {
                mgf1: self.mgf1.unwrap_or(digest),
                salt_bytes: self.salt.for_verifying(key.public()?.key_type().bits(), digest)?,
            }),
            None => None,
        };
        Ok(key.public()?.ready()?.verify(algorithm, pss, input, signature))
    }

    /// Hashes a piece of the message.
    pub(crate) fn update(&mut self, data: &[u8]) -> Result<()> {
        let digest = match self.digest {
            Some(digest) if self.digests => digest,
            _ => return Err(unsupported("this signature is made in one call, without updates")),
        };
        self.hash.get_or_insert_with(|| Hash::new(digest)).update(data);
        Ok(())
    }

    /// Ends what `update` began.
    pub(crate) fn digest_sign_final(&mut self, output: Output<'_>) -> Result<()> {
        if output.asks_for_size() {
            return self.sign(output, &[]);
        }
        let digest = self.finish()?;
        self.sign(output, digest.as_ref())
    }

    pub(crate) fn digest_verify_final(&mut self, signature: &[u8]) -> Result<bool> {
        let digest = self.finish()?;
        self.verify(signature, digest.as_ref())
    }

    fn finish(&mut self) -> Result<keyward_crypto::HashValue> {
        let digest = self.digest.filter(|_| self.digests).ok_or_else(too_early)?;
        Ok(self.hash.take().unwrap_or_else(|| Hash::new(digest)).finish())
    }

    pub(crate) fn digest_sign(&self, output: Output<'_>, message: &[u8]) -> Result<()> {
        if output.asks_for_size() {
            return self.sign(output, &[]);
        }
        match self.digest {
            Some(digest) => self.sign(output, hash(digest, message).as_ref()),
            None => self.sign(output, message),
        }
    }

    pub(crate) fn digest_verify(&self, signature: &[u8], message: &[u8]) -> Result<bool> {
        match self.digest {
            Some(digest) => self.verify(signature, hash(digest, message).as_ref()),
            None => self.verify(signature, message),
        }
    }

    /// The DER AlgorithmIdentifier of the signature, for certificates, requests and CMS.
    fn algorithm_identifier(&self) -> Result<Vec<u8>> {
        let algorithm = self.algorithm()?;
        match (self.pss()?, algorithm.digest) {
            (Some(pss), Some(digest)) => Ok(keyward_algorithms::pss_algorithm_identifier(
                digest,
                pss.mgf1,
                pss.salt_bytes.unwrap_or(digest.size()),
            )),
            _ => algorithm.algorithm_identifier().ok_or_else(|| {
                unsupported(format!("certificates cannot name {} signatures", algorithm.name))
            }),
        }
    }

    fn is_rsa(&self) -> bool {
        self.key.as_ref().is_some_and(|key| matches!(key.family, Family::Rsa | Family::RsaPss))
    }
}
