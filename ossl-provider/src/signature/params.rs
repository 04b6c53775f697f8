//! What a caller can set and ask of a signature under way (provider-signature(7)).

use keyward_algorithms::{Digest, Family, Scheme, Signature};
use keyward_protocol::{Error, Result};

use super::{SignatureContext, pss::Salt};
use crate::{
    failure::unsupported,
    ffi::{
        dispatch::{Descriptors, descriptors},
        names,
        params::{Answer, Param, Params, Questions},
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
pub(crate) static NONE: Descriptors = descriptors![];

impl SignatureContext {
    /// Parameters that do not apply are passed over, as everywhere in OpenSSL.
    pub(crate) fn set_params(&mut self, params: Params<'_>) -> Result<()> {
        if self.key()?.family == Family::Ed25519 {
            return Ok(());
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
        if let Some(digest) =
            self.digest.filter(|digest| Signature::find(*scheme, Some(*digest)).is_none())
        {
            return Err(unsupported(format!(
                "padding {word} over the digest {}",
                digest.row().name
            )));
        }
        self.scheme = *scheme;
        Ok(())
    }

    fn set_digest(&mut self, name: &str) -> Result<()> {
        let digest = self.acceptable(name)?;
        if self.digests && self.digest != Some(digest) {
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
        let least = self.key()?.public()?.restriction().map(|bound| bound.min_salt_bytes);
        let too_short = match (salt, least) {
            (Salt::Bytes(bytes), Some(least)) => bytes < least,
            (Salt::Digest, Some(least)) => self.digest.is_some_and(|digest| digest.size() < least),
            _ => false,
        };
        if too_short {
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

    pub(crate) fn get_params(&self, mut questions: Questions<'_>) -> Result<()> {
        questions.answer_each(|name, wants_text| {
            let digest = |digest: Option<Digest>| {
                digest.map(|digest| Answer::Text(digest.row().openssl[0].into()))
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
                _ if name == names::MGF1_DIGEST => digest(self.mgf1.or(self.digest)),
                _ if name == names::PAD_MODE => PADDINGS
                    .iter()
                    .find(|(.., scheme)| *scheme == self.scheme)
                    .map(|(word, number, _)| match wants_text {
                        true => Answer::Text((*word).into()),
                        false => Answer::Integer(*number),
                    }),
                _ if name == names::PSS_SALTLEN && self.scheme == Scheme::RsaPss => {
                    Some(match wants_text {
                        true => Answer::Text(self.salt.to_text().into()),
                        false => Answer::Integer(self.salt.to_number()),
                    })
                }
                _ => None,
            })
        })
    }
}
