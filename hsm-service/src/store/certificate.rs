//! Certificates that are kept without a key of the service.

use super::record::put;
use crate::Result;

/// A certificate without a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The user who keeps it.
    pub owner: String,
    /// Its name, unique among the owner's certificates and keys.
    pub name: String,
    /// When it was put here, in seconds since 1970.
    pub created: u64,
    /// The certificate itself.
    pub der: Vec<u8>,
}

impl Certificate {
    /// One unambiguous encoding of everything here, to be authenticated.
    pub(super) fn binding(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64 + self.der.len());
        put(&mut bytes, self.owner.as_bytes());
        put(&mut bytes, self.name.as_bytes());
        bytes.extend_from_slice(&self.created.to_be_bytes());
        put(&mut bytes, &self.der);
        bytes
    }
}

/// A page of an owner's certificates.
#[derive(Debug)]
pub struct CertificatePage {
    /// The certificates, by name.
    pub certificates: Vec<Certificate>,
    /// The last name that was looked at, where there may be more behind it.
    pub next: Option<String>,
}

/// Keeps certificates without keys. What is said of keys in [`Store`](super::Store) holds for them: a
/// change is durable when its call returns, and one that was edited on disk is an error.
pub trait CertificateStore {
    /// An owner's certificate of this name.
    fn certificate(&self, owner: &str, name: &str) -> Result<Option<Certificate>>;

    /// An owner's certificates after a name, of which so many are looked at. Those that were edited
    /// are left out, with a line in the log.
    fn certificates(&self, owner: &str, after: &str, limit: usize) -> Result<CertificatePage>;

    /// Adds a certificate, in place of another one if that is wanted, but never of a key.
    fn put_certificate(&self, certificate: &Certificate, replace: bool) -> Result<()>;

    /// Gives a certificate another name; the certificate as it is then, if there is one.
    fn rename_certificate(
        &self,
        owner: &str,
        name: &str,
        new_name: &str,
    ) -> Result<Option<Certificate>>;

    /// Removes a certificate; whether there was one.
    fn remove_certificate(&self, owner: &str, name: &str) -> Result<bool>;
}
