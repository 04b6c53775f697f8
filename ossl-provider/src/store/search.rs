//! What an application looks for in the store (`OSSL_STORE_find`): objects by the subject or the
//! issuer and serial number of a certificate, by a fingerprint, by the name of a key.

use keyward_algorithms::Digest;
use keyward_crypto::Hash;
use keyward_protocol::{Error, Key as Found, KeySelector, Result, messages::KeptCertificate};

use super::certificate::{Certificate, Name, key_bits};
use crate::{
    failure::unsupported,
    ffi::{names, params::Params},
};

/// What objects have to be like; without any wish every object is.
#[derive(Default)]
pub(super) struct Criteria {
    subject: Option<Name>,
    issuer: Option<Name>,
    serial: Option<Vec<u8>>,
    fingerprint: Option<Vec<u8>>,
    /// The digest that the fingerprint is made with; without, any that has its length.
    digest: Option<Digest>,
    alias: Option<String>,
}

impl Criteria {
    pub(super) fn set(&mut self, params: Params<'_>) -> Result<()> {
        if let Some(subject) = params.get(names::STORE_SUBJECT) {
            self.subject = Some(name(subject.octets()?)?);
        }
        if let Some(issuer) = params.get(names::STORE_ISSUER) {
            self.issuer = Some(name(issuer.octets()?)?);
        }
        if let Some(serial) = params.get(names::STORE_SERIAL) {
            self.serial = Some(serial.big_unsigned()?);
        }
        if let Some(digest) = params.get(names::DIGEST) {
            let name = digest.text()?;
            let known = Digest::from_name(name);
            self.digest = Some(known.ok_or_else(|| {
                unsupported(format!("fingerprints by {name} are not known here"))
                    .hint("give a SHA-1, SHA-2 or SHA-3 fingerprint")
            })?);
        }
        if let Some(fingerprint) = params.get(names::STORE_FINGERPRINT) {
            self.fingerprint = Some(fingerprint.octets()?.to_vec());
        }
        if let Some(alias) = params.get(names::STORE_ALIAS) {
            self.alias = Some(alias.text()?.to_owned());
        }
        Ok(())
    }

    /// Whether there is any wish.
    pub(super) fn are_given(&self) -> bool {
        self.looks_at_certificates() || self.fingerprint.is_some() || self.alias.is_some()
    }

    /// Whether a key is meant, by what it is called, by its public half or by its certificate.
    pub(super) fn meet_key(&self, key: &Found) -> bool {
        let own = key.chain.first();
        self.meet_alias(key)
            && (!self.looks_at_certificates() || own.is_some_and(|der| self.meet_fields(der)))
            && (self.meet_fingerprint_of_key(&key.spki)
                || own.is_some_and(|der| self.meet_fingerprint(der)))
    }

    /// Whether a certificate of a key's chain is meant.
    pub(super) fn meet_certificate(&self, key: &Found, der: &[u8]) -> bool {
        self.meet_alias(key) && self.meet_content(der)
    }

    /// Whether a certificate is meant that is kept without a key.
    pub(super) fn meet_kept_certificate(&self, kept: &KeptCertificate) -> bool {
        self.alias.as_ref().is_none_or(|alias| *alias == kept.name) && self.meet_content(&kept.der)
    }

    fn meet_content(&self, der: &[u8]) -> bool {
        let of_its_key = || {
            let read = Certificate::from_der(der);
            read.is_ok_and(|certificate| self.meet_fingerprint_of_key(&certificate.spki))
        };
        (!self.looks_at_certificates() || self.meet_fields(der))
            && (self.meet_fingerprint(der) || of_its_key())
    }

    fn looks_at_certificates(&self) -> bool {
        self.subject.is_some() || self.issuer.is_some() || self.serial.is_some()
    }

    fn meet_fields(&self, der: &[u8]) -> bool {
        let Ok(certificate) = Certificate::from_der(der) else { return false };
        let meets = |wanted: &Option<Name>, name| wanted.as_ref().is_none_or(|it| it == name);
        meets(&self.subject, &certificate.subject)
            && meets(&self.issuer, &certificate.issuer)
            && self.serial.as_ref().is_none_or(|serial| *serial == certificate.serial)
    }

    fn meet_alias(&self, key: &Found) -> bool {
        let Some(alias) = &self.alias else { return true };
        let Found { id, owner, name, .. } = key;
        let owned = KeySelector::Owned { owner: owner.clone(), name: name.clone() };
        alias == name || *alias == owned.to_string() || *alias == KeySelector::Id(*id).to_string()
    }

    /// A key has the fingerprint of its SubjectPublicKeyInfo, and that of the public key alone,
    /// which certificates call the subject key identifier.
    fn meet_fingerprint_of_key(&self, spki: &[u8]) -> bool {
        self.meet_fingerprint(spki) || key_bits(spki).is_ok_and(|bits| self.meet_fingerprint(&bits))
    }

    fn meet_fingerprint(&self, data: &[u8]) -> bool {
        let Some(fingerprint) = &self.fingerprint else { return true };
        let candidates = Digest::ALL.iter().copied().filter(|digest| {
            self.digest.map_or(digest.size() == fingerprint.len(), |named| named == *digest)
        });
        candidates.into_iter().any(|digest| {
            let mut hash = Hash::new(digest);
            hash.update(data);
            hash.finish().as_ref() == fingerprint
        })
    }
}

fn name(der: &[u8]) -> Result<Name> {
    Name::from_der(der).map_err(|_| Error::invalid("the name to look for is no X.509 name"))
}
