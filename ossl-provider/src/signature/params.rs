//! What a caller can set and ask of a signature under way (provider-signature(7)).

use keyward_algorithms::{Digest, Family, Scheme, Signature};
use keyward_protocol::{Error, Result};

use super::{Input, SignatureContext, goes_with, prehash::Prehash, pss::Salt};
use crate::{
    failure::unsupported,
    ffi::{
        dispatch::{Descriptors, descriptors},
        names,
        params::{Answer, Gettable, Param, Params, Questions, Settable},
    },
};

/// The paddings of RSA signatures: OpenSSL's word and number, and the scheme.
const PADDINGS: [(&str, i64, Scheme); 3] =
    [("pkcs1", 1, Scheme::RsaPkcs1), ("none", 3, Scheme::RsaRaw), ("pss", 6, Scheme::RsaPss)];

pub(crate) static RSA_GETTABLE: Descriptors = descriptors![
    ALGORITHM_ID: Octets, PAD_MODE: Utf8, DIGEST: Utf8, MGF1_DIGEST: Utf8, PSS_SALTLEN: Utf8,
];
pub(crate) static RSA_SETTABLE: Descriptors = descriptors![
    DIGEST: Utf8, PROPERTIES: Utf8, PAD_MODE: Utf8, MGF1_DIGEST: Utf8, MGF1_PROPERTIES: Utf8,
    PSS_SALTLEN: Utf8,
];
pub(crate) static ECDSA_GETTABLE: Descriptors =
    descriptors![ALGORITHM_ID: Octets, DIGEST: Utf8, DIGEST_SIZE: Unsigned];
pub(crate) static ECDSA_SETTABLE: Descriptors =
    descriptors![DIGEST: Utf8, PROPERTIES: Utf8, DIGEST_SIZE: Unsigned];
pub(crate) static ED25519_GETTABLE: Descriptors = descriptors![ALGORITHM_ID: Octets];
pub(crate) static ED25519_SETTABLE: Descriptors =
    descriptors![INSTANCE: Utf8, CONTEXT_STRING: Octets];
pub(crate) static ML_DSA_GETTABLE: Descriptors = descriptors![ALGORITHM_ID: Octets];
pub(crate) static ML_DSA_SETTABLE: Descriptors = descriptors![
    CONTEXT_STRING: Octets, MESSAGE_ENCODING: Integer, DETERMINISTIC: Integer, MU: Integer,
    TEST_ENTROPY: Octets, SIGNATURE: Octets,
];
pub(crate) static FIXED_GETTABLE: Descriptors = descriptors![ALGORITHM_ID: Octets];
pub(crate) static FIXED_SETTABLE: Descriptors = descriptors![SIGNATURE: Octets];
pub(crate) static NONE: Descriptors = descriptors![];

impl SignatureContext {
    fn set_padding(&mut self, padding: Param<'_>) -> Result<()> {
        let known = if padding.is_text() {
            let word = padding.text()?;
            PADDINGS.iter().find(|(known, ..)| *known == word)
        } else {
            let number = padding.integer()?;
            PADDINGS.iter().find(|(_, known, _)| *known == number)
        };
        let (word, _, scheme) =
            known.ok_or_else(|| unsupported("an RSA padding other than pkcs1, pss and none"))?;
        let family = self.key()?.family;
        if !family.row().schemes.contains(scheme) {
            return Err(unsupported(format!("padding {word} with a key of type RSA-PSS")));
        }
        if let Some(digest) = self.digest.filter(|digest| !goes_with(*scheme, *digest)) {
            return Err(unsupported(format!("padding {word} over the digest {}", digest.name())));
        }
        self.scheme = *scheme;
        Ok(())
    }

    fn set_digest(&mut self, name: &str) -> Result<()> {
        let digest = self.acceptable(name)?;
        if self.input == Input::Message && self.digest != Some(digest) {
            return Err(Error::invalid("the digest cannot be changed once hashing has begun"));
        }
        self.digest = Some(digest);
        Ok(())
    }

    fn set_salt(&mut self, salt: Param<'_>) -> Result<()> {
        let salt = if salt.is_text() {
            Salt::from_text(salt.text()?)?
        } else {
            Salt::from_number(salt.integer()?)?
        };
        let public = self.key()?.public()?;
        if let Some(bound) = public.restriction()
            && salt.for_signing(public.key_type().bits(), bound.digest)? < bound.min_salt_bytes
        {
            return Err(Error::invalid("the key is restricted to longer PSS salts"));
        }
        self.salt = salt;
        Ok(())
    }

    fn set_mgf1(&mut self, name: &str) -> Result<()> {
        let digest = Digest::from_name(name)
            .ok_or_else(|| unsupported(format!("the mask generation digest {name}")))?;
        if self.key()?.public()?.restriction().is_some_and(|bound| bound.mgf1 != digest) {
            return Err(Error::invalid("the key is restricted to another mask generation digest"));
        }
        self.mgf1 = Some(digest);
        Ok(())
    }

    /// The salt length in words that the core knows: CMS of an early 3.0 writes into the
    /// signature what it is told.
    fn salt_to_tell(&self) -> Salt {
        match self.salt {
            Salt::AutoDigestMax if !self.provider.knows_auto_digest_max() => Salt::Digest,
            salt => salt,
        }
    }
}

impl Settable for SignatureContext {
    /// Parameters that do not apply are passed over, as everywhere in OpenSSL.
    fn set_params(&mut self, params: Params<'_>) -> Result<()> {
        if let Some(signature) = params.get(names::SIGNATURE) {
            self.signature = signature.octets()?.to_vec();
        }
        if self.key()?.family == Family::Ed25519 {
            return pure_ed25519(params);
        }
        if self.is_ml_dsa() {
            return self.ml_dsa.set_params(params);
        }
        if let Some(fixed) = self.fixed {
            return leaves_no_choice(params, fixed);
        }
        if let Some(padding) = params.get(names::PAD_MODE).filter(|_| self.is_rsa()) {
            self.set_padding(padding)?;
        }
        if let Some(name) = params.get(names::DIGEST) {
            self.set_digest(name.text()?)?;
        }
        if let Some(salt) = params.get(names::PSS_SALTLEN).filter(|_| self.is_rsa()) {
            self.set_salt(salt)?;
        }
        if let Some(name) = params.get(names::MGF1_DIGEST).filter(|_| self.is_rsa()) {
            self.set_mgf1(name.text()?)?;
        }
        Ok(())
    }
}

impl Gettable for SignatureContext {
    fn get_params(&self, mut questions: Questions<'_>) -> Result<()> {
        questions.answer_each(|name, wants_text| {
            let digest = |digest: Option<Prehash>| {
                digest.map(|digest| Answer::Text(digest.openssl().into()))
            };
            Ok(match name {
                _ if name == names::ALGORITHM_ID => {
                    Some(Answer::Octets(self.algorithm_identifier()?.into()))
                }
                _ if name == names::DIGEST => digest(self.digest),
                _ if name == names::DIGEST_SIZE => {
                    self.digest.map(|digest| Answer::Integer(digest.size() as i64))
                }
                _ if !self.is_rsa() => None,
                _ if name == names::MGF1_DIGEST => {
                    digest(self.mgf1.map(Prehash::from).or(self.digest))
                }
                _ if name == names::PAD_MODE => PADDINGS
                    .iter()
                    .find(|(.., scheme)| *scheme == self.scheme)
                    .map(|(word, number, _)| match wants_text {
                        true => Answer::Text((*word).into()),
                        false => Answer::Integer(*number),
                    }),
                _ if name == names::PSS_SALTLEN && self.scheme == Scheme::RsaPss => {
                    let salt = self.salt_to_tell();
                    Some(match wants_text {
                        true => Answer::Text(salt.to_text().into()),
                        false => Answer::Integer(salt.to_number()),
                    })
                }
                _ => None,
            })
        })
    }
}

/// Ed25519 comes in three instances (RFC 8032, 5.1); the service has the first, which takes neither
/// a digest nor a context.
fn pure_ed25519(params: Params<'_>) -> Result<()> {
    if let Some(instance) = params.get(names::INSTANCE) {
        let name = instance.text()?;
        if !name.eq_ignore_ascii_case("Ed25519") {
            return Err(unsupported(format!("the instance {name} of Ed25519"))
                .hint("sign with pure Ed25519, the instance \"Ed25519\""));
        }
    }
    match params.get(names::CONTEXT_STRING) {
        Some(context) if !context.octets()?.is_empty() => {
            Err(unsupported("a context string with Ed25519")
                .hint("sign with pure Ed25519, which has no context"))
        }
        _ => Ok(()),
    }
}

/// An algorithm that names scheme and digest refuses to hear of others.
fn leaves_no_choice(params: Params<'_>, fixed: &Signature) -> Result<()> {
    if let Some(digest) = params.get(names::DIGEST)
        && Digest::from_name(digest.text()?) != fixed.digest
    {
        return Err(Error::invalid(format!("{} has a digest of its own", fixed.name)));
    }
    if params.get(names::PAD_MODE).is_some() {
        return Err(Error::invalid(format!("{} has a padding of its own", fixed.name)));
    }
    Ok(())
}
