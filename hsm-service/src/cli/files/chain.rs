//! Certificate chains: read from files, matched with a key, put in order.

use std::path::Path;

use der::{Decode, Encode};
use keyward_protocol::Error;
use x509_cert::{
    Certificate,
    ext::pkix::{AuthorityKeyIdentifier, SubjectKeyIdentifier},
};

use super::pem;
use crate::cli::output::Output;

/// A chain in order, and what did not belong to it.
pub(crate) struct Chain {
    /// DER certificates, the key's own first.
    pub(crate) certificates: Vec<Vec<u8>>,
    /// Subjects of certificates that are not in the chain.
    pub(crate) left_out: Vec<String>,
}

impl Chain {
    /// Says on standard error which certificates were left out.
    pub(crate) fn report_left_out(&self, output: &Output) {
        for subject in &self.left_out {
            output.note(&format!("note: left out {subject}, which does not belong to the chain"));
        }
    }
}

/// Reads the certificates of a PEM file, or the one of a DER file.
pub(crate) fn read(path: &Path) -> Result<Vec<Vec<u8>>, Error> {
    let bytes = super::read(path)?;
    let name = path.display();
    if !pem::is_pem(&bytes) {
        parse(&bytes).map_err(|_| Error::invalid(format!("{name} is no certificate")))?;
        return Ok(vec![bytes.to_vec()]);
    }
    let blocks = pem::blocks(&bytes)
        .map_err(|error| Error { message: format!("{name}: {}", error.message), ..error })?;
    let certificates: Vec<Vec<u8>> = blocks
        .into_iter()
        .filter(|block| is_certificate(&block.label))
        .map(|block| block.der.to_vec())
        .collect();
    if certificates.is_empty() {
        return Err(Error::invalid(format!("{name} has no certificate in it"))
            .hint("give a PEM file with the key's certificate and its issuers"));
    }
    Ok(certificates)
}

/// Whether a PEM label stands for a certificate.
pub(crate) fn is_certificate(label: &str) -> bool {
    matches!(label, "CERTIFICATE" | "X509 CERTIFICATE")
}

/// Reads one DER certificate.
pub(crate) fn parse(der: &[u8]) -> Result<Certificate, Error> {
    Certificate::from_der(der)
        .map_err(|error| Error::invalid(format!("a certificate is malformed: {error}")))
}

/// The DER SubjectPublicKeyInfo that a certificate is about.
pub(crate) fn public_key(certificate: &Certificate) -> Vec<u8> {
    certificate.tbs_certificate().subject_public_key_info().to_der().unwrap_or_default()
}

/// Puts certificates into a chain for the key with this SubjectPublicKeyInfo: its own certificate
/// first, then each one's issuer as far as they are there.
pub(crate) fn order(spki: &[u8], certificates: &[Vec<u8>]) -> Result<Chain, Error> {
    let mut rest = Vec::new();
    for der in certificates {
        let entry = (parse(der)?, der.clone());
        if !rest.contains(&entry) {
            rest.push(entry);
        }
    }
    let leaf = newest(&rest, |certificate| public_key(certificate) == spki).ok_or_else(|| {
        let subjects: Vec<String> = rest.iter().map(|(cert, _)| subject(cert)).collect();
        Error::invalid(format!(
            "no certificate here is for this key, only for {}",
            subjects.join("; ")
        ))
        .hint("the certificate must be issued for this key: `keyward key csr NAME` makes a request")
    })?;
    let mut ordered = vec![rest.swap_remove(leaf)];
    while let Some((last, _)) = ordered.last() {
        if is_self_issued(last) {
            break;
        }
        match newest(&rest, |candidate| issued(candidate, last)) {
            Some(issuer) => ordered.push(rest.swap_remove(issuer)),
            None => break,
        }
    }
    Ok(Chain {
        certificates: ordered.into_iter().map(|(_, der)| der).collect(),
        left_out: rest.iter().map(|(certificate, _)| subject(certificate)).collect(),
    })
}

/// The place of the certificate that answers the question and is valid longest.
fn newest(
    certificates: &[(Certificate, Vec<u8>)],
    is_it: impl Fn(&Certificate) -> bool,
) -> Option<usize> {
    let found = certificates.iter().enumerate().filter(|(_, (certificate, _))| is_it(certificate));
    found.max_by_key(|(_, (certificate, _))| validity(certificate).1).map(|(index, _)| index)
}

/// Whether one certificate names the other as its issuer (RFC 5280, 4.2.1.1 and 6.1).
fn issued(issuer: &Certificate, subject: &Certificate) -> bool {
    if issuer.tbs_certificate().subject() != subject.tbs_certificate().issuer() {
        return false;
    }
    let wanted = subject.tbs_certificate().get_extension::<AuthorityKeyIdentifier>();
    let offered = issuer.tbs_certificate().get_extension::<SubjectKeyIdentifier>();
    match (wanted, offered) {
        (Ok(Some((_, wanted))), Ok(Some((_, offered)))) => {
            wanted.key_identifier.is_none_or(|identifier| identifier == offered.0)
        }
        _ => true,
    }
}

fn is_self_issued(certificate: &Certificate) -> bool {
    let certificate = certificate.tbs_certificate();
    certificate.issuer() == certificate.subject()
}

/// The begin and end of a certificate's validity in seconds since 1970.
pub(crate) fn validity(certificate: &Certificate) -> (u64, u64) {
    let validity = certificate.tbs_certificate().validity();
    let seconds = |time: x509_cert::time::Time| time.to_unix_duration().as_secs();
    (seconds(validity.not_before), seconds(validity.not_after))
}

/// A certificate's subject for people, in RFC 4514's form.
pub(crate) fn subject(certificate: &Certificate) -> String {
    let subject = certificate.tbs_certificate().subject().to_string();
    if subject.is_empty() { "a certificate without subject".into() } else { subject }
}

/// Writes a chain as a PEM file, the key's own certificate first.
pub(crate) fn to_pem(chain: &[Vec<u8>]) -> Result<String, Error> {
    chain.iter().map(|der| pem::encode("CERTIFICATE", der)).collect()
}
