//! Certificates that are kept without a key.

use keyward_algorithms::ErrorKind;
use keyward_protocol::{
    Error, Result,
    messages::{
        Certificates, DeleteCertificate, KeptCertificate, ListCertificates, PutCertificate,
        request::Operation, response,
    },
};

use super::unexpected;
use crate::Client;

impl Client {
    /// Keeps a DER certificate under a name, in place of another one if that is wanted.
    pub fn put_certificate(
        &self,
        name: &str,
        der: &[u8],
        replace: bool,
    ) -> Result<KeptCertificate> {
        let (name, der) = (name.into(), der.into());
        self.put(PutCertificate { name, der, replace, ..PutCertificate::default() })
    }

    /// Gives a certificate another name.
    pub fn rename_certificate(&self, name: &str, new_name: &str) -> Result<KeptCertificate> {
        let (name, former_name) = (new_name.into(), name.into());
        self.put(PutCertificate { name, former_name, ..PutCertificate::default() })
    }

    /// Deletes a certificate.
    pub fn delete_certificate(&self, name: &str) -> Result<()> {
        let delete = DeleteCertificate { name: name.into() };
        match self.call(Operation::DeleteCertificate(delete))? {
            response::Result::Done(_) => Ok(()),
            _ => Err(unexpected()),
        }
    }

    /// The caller's certificate of this name.
    pub fn certificate(&self, name: &str) -> Result<KeptCertificate> {
        let list = ListCertificates { name: name.into(), ..ListCertificates::default() };
        one(self.page_of_certificates(list)?)
    }

    /// All certificates that the caller keeps without a key, by name. A service that is too old to
    /// keep any has none.
    pub fn certificates(&self) -> Result<Vec<KeptCertificate>> {
        let mut all = Vec::new();
        let mut list = ListCertificates::default();
        loop {
            let page = match self.page_of_certificates(list) {
                Err(Error { kind: ErrorKind::Unsupported, .. }) => return Ok(all),
                page => page?,
            };
            all.extend(page.certificates);
            if page.next.is_empty() {
                return Ok(all);
            }
            list = ListCertificates { after: page.next, ..ListCertificates::default() };
        }
    }

    fn page_of_certificates(&self, list: ListCertificates) -> Result<Certificates> {
        match self.call(Operation::ListCertificates(list))? {
            response::Result::Certificates(page) => Ok(page),
            _ => Err(unexpected()),
        }
    }

    fn put(&self, put: PutCertificate) -> Result<KeptCertificate> {
        match self.call(Operation::PutCertificate(put))? {
            response::Result::Certificates(page) => one(page),
            _ => Err(unexpected()),
        }
    }
}

fn one(page: Certificates) -> Result<KeptCertificate> {
    page.certificates.into_iter().next().ok_or_else(unexpected)
}
