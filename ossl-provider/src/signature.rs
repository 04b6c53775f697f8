//! Signing and verifying. Hashing happens here, the private operation in the service, and public
//! ones here too: the public half is always loaded with the key.

mod ml_dsa;
pub(crate) mod params;
mod prehash;
mod pss;
mod recover;

use std::sync::Arc;

use keyward_algorithms::{Digest, Family, MlDsa, Scheme, Signature};
use keyward_crypto::{CryptoError, PssVerification};
use keyward_protocol::{Error, PssParameters, Result, SignRequest};

use crate::{
    failure::{too_early, too_small, unsupported},
    ffi::{
        core::Core,
        guard::Scope,
        handle::Output,
        params::{Params, Settable},
    },
    key::Key,
    provider::Provider,
};
use prehash::{Hashed, Hashing, Prehash};
use pss::Salt;

/// A signature under way: the core's `EVP_PKEY_CTX` or `EVP_MD_CTX` for one key.
#[derive(Clone)]
pub(crate) struct SignatureContext {
    provider: Arc<Provider>,
    /// The only algorithm, where the core fetched one that leaves no choice (`RSA-SHA2-256`).
    fixed: Option<&'static Signature>,
    key: Option<Arc<Key>>,
    input: Input,
    scheme: Scheme,
    digest: Option<Prehash>,
    mgf1: Option<Digest>,
    salt: Salt,
    ml_dsa: ml_dsa::Choices,
    hash: Option<Hashing>,
    /// Whether the message that came in pieces has ended.
    is_ended: bool,
    /// The signature to verify, where it is known before the message.
    signature: Vec<u8>,
}

/// What the caller hands in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// What is signed as it is: a digest that the caller made.
    Digest,
    /// The message, which is hashed here. Its digest cannot be changed any more.
    Message,
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
    Recover,
}

impl SignatureContext {
    /// A context for one algorithm, or for all of a key's.
    pub(crate) fn new(
        provider: Arc<Provider>,
        fixed: Option<&'static Signature>,
    ) -> SignatureContext {
        SignatureContext {
            provider,
            fixed,
            key: None,
            input: Input::Digest,
            scheme: Scheme::RsaPkcs1,
            digest: None,
            mgf1: None,
            salt: Salt::AutoDigestMax,
            ml_dsa: ml_dsa::Choices::default(),
            hash: None,
            is_ended: false,
            signature: Vec::new(),
        }
    }

    /// Starts an operation on a digest that the caller made, or with the one algorithm of the
    /// context on a message.
    pub(crate) fn init(
        &mut self,
        key: Option<Arc<Key>>,
        params: Params<'_>,
        input: Input,
        purpose: Purpose,
    ) -> Result<()> {
        self.start(key, purpose)?;
        self.input = input;
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
                None => key.public()?.key_type().default_digest().map(Prehash::from),
            },
        };
        self.input = Input::Message;
        self.set_params(params)
    }

    fn start(&mut self, key: Option<Arc<Key>>, purpose: Purpose) -> Result<()> {
        self.hash = None;
        self.is_ended = false;
        self.ml_dsa.is_mu = false;
        self.signature.clear();
        if let Some(key) = key {
            if purpose == Purpose::Sign {
                key.remote()?;
            }
            let family = key.family;
            let bound = key.public()?.restriction();
            (self.scheme, self.digest) = match self.fixed {
                Some(fixed) if fixed.suits(family) => {
                    (fixed.scheme, fixed.digest.map(Prehash::from))
                }
                Some(fixed) => {
                    let name = family.row().name;
                    return Err(unsupported(format!("{} with a key of type {name}", fixed.name)));
                }
                None => {
                    let scheme = family.row().schemes.first().ok_or_else(|| {
                        unsupported(format!("keys of type {} do not sign", family.row().name))
                    })?;
                    (*scheme, bound.map(|bound| bound.digest.into()))
                }
            };
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
    fn acceptable(&self, name: &str) -> Result<Prehash> {
        let digest = Prehash::from_name(name)
            .filter(|digest| goes_with(self.scheme, *digest))
            .ok_or_else(|| {
                let scheme = self.scheme.row().name;
                unsupported(format!("{scheme} signatures over the digest {name}"))
                    .hint("use a digest of the SHA-2 or SHA-3 family")
            })?;
        match self.key()?.public()?.restriction() {
            Some(bound) if digest != bound.digest.into() => {
                let allowed = bound.digest.row().name;
                Err(unsupported(format!("the key is restricted to {allowed}, not {name}")))
            }
            _ => Ok(digest),
        }
    }

    fn algorithm(&self) -> Result<&'static Signature> {
        let chosen = self.digest.and_then(Prehash::in_table);
        let digest = match self.scheme {
            // The core leaves the digest of PSS out where it is the standard's default.
            Scheme::RsaPss => Some(chosen.unwrap_or(Digest::Sha1)),
            Scheme::RsaPkcs1 | Scheme::Ecdsa => chosen,
            _ => None,
        };
        Signature::find(self.scheme, digest).ok_or_else(|| {
            let digest = digest.map_or("no digest", |digest| digest.row().name);
            unsupported(format!("{} with {digest}", self.scheme.row().name))
        })
    }

    /// The algorithm for what has been hashed already: over a message, ML-DSA signs mu.
    fn algorithm_over_input(&self) -> Result<&'static Signature> {
        let algorithm = self.algorithm()?;
        Ok(algorithm.over_mu().unwrap_or(algorithm))
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

    /// Signs what the caller hands in: a digest or a message.
    pub(crate) fn sign(&self, output: Output<'_>, input: &[u8]) -> Result<()> {
        match self.input {
            Input::Message => self.digest_sign(output, input),
            Input::Digest => self.sign_digest(output, input),
        }
    }

    fn sign_digest(&self, output: Output<'_>, input: &[u8]) -> Result<()> {
        let key = self.key()?;
        if output.asks_for_size() {
            output.set_size(key.public()?.max_output_bytes());
            return Ok(());
        }
        self.check_room(&output)?;
        let algorithm = self.algorithm_over_input()?;
        let expected = match algorithm.digest {
            None => self.digest.filter(|_| self.scheme == Scheme::RsaPkcs1),
            digest => digest.map(Prehash::from),
        };
        if let Some(digest) = expected.filter(|digest| digest.size() != input.len()) {
            return Err(Error::invalid(format!(
                "the input has {} bytes, a {} digest has {}",
                input.len(),
                digest.name(),
                digest.size()
            )));
        }
        if self.is_ml_dsa() {
            ml_dsa::check_mu(input)?;
        }
        let deterministic = self.ml_dsa.is_deterministic;
        let request = SignRequest { algorithm, pss: self.pss()?, deterministic, input };
        let signature = self
            .provider
            .client()?
            .sign(&key.remote()?.id, &request)
            .and_then(|signature| {
                key.prove(|| self.verify_digest(&signature, input))?;
                Ok(signature)
            })
            .map_err(|error| key.about(error))?;
        if output.write(&signature) { Ok(()) } else { Err(too_small(signature.len())) }
    }

    /// ECDSA signatures vary in size, and applications give room for the largest.
    fn check_room(&self, output: &Output<'_>) -> Result<()> {
        let largest = self.key()?.public()?.max_output_bytes();
        if output.capacity() < largest { Err(too_small(largest)) } else { Ok(()) }
    }

    /// Whether the signature is good.
    pub(crate) fn verify(&self, signature: &[u8], input: &[u8]) -> Result<bool> {
        match self.input {
            Input::Message => self.digest_verify(signature, input),
            Input::Digest => self.verify_digest(signature, input),
        }
    }

    fn verify_digest(&self, signature: &[u8], input: &[u8]) -> Result<bool> {
        let key = self.key()?;
        let algorithm = self.algorithm_over_input()?;
        let pss = match algorithm.digest.filter(|_| self.scheme == Scheme::RsaPss) {
            Some(digest) => Some(PssVerification {
                mgf1: self.mgf1.unwrap_or(digest),
                salt_bytes: self.salt.for_verifying(key.public()?.key_type().bits(), digest)?,
            }),
            None => None,
        };
        key.public()?.verify(algorithm, pss, input, signature)
    }

    /// What the signature was made of: the digest, where one is named, else what was signed.
    pub(crate) fn recover(&self, output: Output<'_>, signature: &[u8]) -> Result<()> {
        let key = self.key()?;
        let public = key.public()?;
        if output.asks_for_size() {
            output.set_size(public.max_output_bytes());
            return Ok(());
        }
        let wrong = || Error::invalid("the signature is not one of this key and digest");
        let ready = public.ready()?;
        let recovered = ready.recover(self.scheme, signature).map_err(|error| match error {
            CryptoError::Unsupported => {
                unsupported(format!("recovering from {} signatures", self.scheme.row().name))
            }
            _ => wrong(),
        })?;
        let recovered = match self.digest {
            Some(Prehash::Digest(digest)) if self.scheme == Scheme::RsaPkcs1 => {
                recover::digest_in(&recovered, digest).ok_or_else(wrong)?
            }
            Some(Prehash::Md5Sha1) if recovered.len() != Prehash::Md5Sha1.size() => {
                return Err(wrong());
            }
            _ => recovered,
        };
        if output.write(&recovered) { Ok(()) } else { Err(too_small(recovered.len())) }
    }

    /// Hashes a piece of the message.
    pub(crate) fn update(&mut self, data: &[u8]) -> Result<()> {
        let mut hash = match self.hash.take() {
            Some(hash) => hash,
            None => self.start_hashing()?,
        };
        hash.update(data)?;
        self.hash = Some(hash);
        Ok(())
    }

    /// Ends what `update` began.
    pub(crate) fn digest_sign_final(&mut self, output: Output<'_>) -> Result<()> {
        if output.asks_for_size() {
            return self.sign_digest(output, &[]);
        }
        // Where there is no room, the message goes on.
        self.check_room(&output)?;
        let digest = self.finish()?;
        self.sign_digest(output, digest.as_ref())
    }

    pub(crate) fn digest_verify_final(&mut self, signature: &[u8]) -> Result<bool> {
        let digest = self.finish()?;
        self.verify_digest(signature, digest.as_ref())
    }

    /// Ends what `update` began, with the signature that was set before.
    pub(crate) fn message_verify_final(&mut self) -> Result<bool> {
        if self.signature.is_empty() {
            return Err(Error::invalid("no signature has been set to verify")
                .hint("call EVP_PKEY_CTX_set_signature first"));
        }
        let signature = std::mem::take(&mut self.signature);
        self.digest_verify_final(&signature)
    }

    fn finish(&mut self) -> Result<Hashed> {
        let hash = match self.hash.take() {
            Some(hash) => hash,
            None => self.start_hashing()?,
        };
        self.is_ended = true;
        hash.finish()
    }

    /// Starts the hash of a message that comes in pieces.
    fn start_hashing(&self) -> Result<Hashing> {
        if self.input == Input::Digest {
            return Err(too_early());
        }
        self.hashing()?
            .ok_or_else(|| unsupported("this signature is made in one call, without updates"))
    }

    /// What hashes the message; nothing where it is signed as it is.
    fn hashing(&self) -> Result<Option<Hashing>> {
        if self.is_ended {
            return Err(Error::invalid("the message has ended").hint("start the next one anew"));
        }
        match self.digest {
            Some(digest) => Ok(Some(Hashing::new(digest))),
            None if self.is_ml_dsa() => self.ml_dsa.hashing(self.key()?.public()?),
            None => Ok(None),
        }
    }

    pub(crate) fn digest_sign(&self, output: Output<'_>, message: &[u8]) -> Result<()> {
        if output.asks_for_size() {
            return self.sign_digest(output, &[]);
        }
        match self.hash_of(message)? {
            Some(hashed) => self.sign_digest(output, hashed.as_ref()),
            None => self.sign_digest(output, message),
        }
    }

    pub(crate) fn digest_verify(&self, signature: &[u8], message: &[u8]) -> Result<bool> {
        match self.hash_of(message)? {
            Some(hashed) => self.verify_digest(signature, hashed.as_ref()),
            None => self.verify_digest(signature, message),
        }
    }

    /// The hash of what came by `update`, if anything did, and of the rest.
    fn hash_of(&self, rest: &[u8]) -> Result<Option<Hashed>> {
        let begun = match &self.hash {
            Some(begun) => Some(begun.clone()),
            None => self.hashing()?,
        };
        let Some(mut hash) = begun else { return Ok(None) };
        hash.update(rest)?;
        hash.finish().map(Some)
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

    fn is_ml_dsa(&self) -> bool {
        self.key.as_ref().is_some_and(|key| MlDsa::of(key.family).is_some())
    }
}

/// Whether a scheme signs such digests. The pair of TLS 1.1 goes with PKCS#1 alone.
fn goes_with(scheme: Scheme, digest: Prehash) -> bool {
    match digest {
        Prehash::Digest(digest) => Signature::find(scheme, Some(digest)).is_some(),
        Prehash::Md5Sha1 => scheme == Scheme::RsaPkcs1,
    }
}
