//! Certificates that are kept without a key.

use keyward_algorithms::{ErrorKind, Operation};
use keyward_protocol::{
    check_name,
    constants::{MAX_CHAIN_BYTES, MAX_FRAME_BYTES, MAX_PAGE_KEYS},
    messages::{
        Certificates, DeleteCertificate, Done, KeptCertificate, ListCertificates, PutCertificate,
    },
};
use prost::Message;
use x509_parser::{certificate::X509Certificate, prelude::FromDer};

use crate::{
    Error, Result, Service,
    clock::now,
    execute::Reply,
    identity::{Caller, Role},
    policy::{self, Target},
    store::Certificate,
};

/// Keeps a certificate, or gives one another name.
pub(crate) fn put(service: &Service, caller: &Caller, request: PutCertificate) -> Result<Reply> {
    policy::authorise(caller, Operation::PutCertificate, Target::Service)?;
    let owner = policy::known(caller, Role::User)?;
    check_name("certificate", &request.name)?;
    let certificate = match request.former_name.as_str() {
        "" => add(service, owner, request)?,
        former => {
            if !request.der.is_empty() || request.replace {
                return Err(Error::invalid("a certificate is either put here or renamed"));
            }
            check_name("certificate", former)?;
            let renamed = service.store().rename_certificate(owner, former, &request.name)?;
            renamed.ok_or_else(|| absent(owner, former))?
        }
    };
    tracing::info!(owner, name = certificate.name, "certificate kept");
    let certificates = vec![certificate.into()];
    Ok(Reply::Certificates(Certificates { certificates, next: String::new() }))
}

fn add(service: &Service, owner: &str, request: PutCertificate) -> Result<Certificate> {
    let PutCertificate { name, der, replace, .. } = request;
    check(&der)?;
    let store = service.store();
    let certificate = Certificate { owner: owner.to_owned(), name, created: now(), der };
    let quota = service.quotas.of(owner, &service.live.settings());
    // What takes another's place takes none of its own.
    let replaces = replace && store.certificate(owner, &certificate.name)?.is_some();
    let quota = quota.filter(|_| !replaces);
    let _place = quota.as_ref().map(|quota| quota.place_for_key(owner, store)).transpose()?;
    store.put_certificate(&certificate, replace)?;
    Ok(certificate)
}

fn check(der: &[u8]) -> Result<()> {
    if der.len() > MAX_CHAIN_BYTES {
        let message =
            format!("a certificate has at most {MAX_CHAIN_BYTES} bytes, this one {}", der.len());
        return Err(Error::new(ErrorKind::LimitExceeded, message));
    }
    match X509Certificate::from_der(der) {
        Ok(([], _)) => Ok(()),
        _ => Err(Error::invalid("this is no X.509 certificate").hint("give one, in DER")),
    }
}

pub(crate) fn delete(
    service: &Service,
    caller: &Caller,
    request: &DeleteCertificate,
) -> Result<Reply> {
    policy::authorise(caller, Operation::DeleteCertificate, Target::Service)?;
    let owner = policy::known(caller, Role::User)?;
    check_name("certificate", &request.name)?;
    if !service.store().remove_certificate(owner, &request.name)? {
        return Err(absent(owner, &request.name));
    }
    tracing::info!(owner, name = request.name, "certificate deleted");
    Ok(Reply::Done(Done {}))
}

pub(crate) fn list(
    service: &Service,
    caller: &Caller,
    request: &ListCertificates,
) -> Result<Reply> {
    policy::authorise(caller, Operation::ListCertificates, Target::Service)?;
    let owner = policy::known(caller, Role::User)?;
    let mut reply = Certificates::default();
    if !request.name.is_empty() {
        check_name("certificate", &request.name)?;
        let found = service.store().certificate(owner, &request.name)?;
        reply.certificates.push(found.ok_or_else(|| absent(owner, &request.name))?.into());
        return Ok(Reply::Certificates(reply));
    }
    let page = service.store().certificates(owner, &request.after, MAX_PAGE_KEYS)?;
    reply.next = page.next.unwrap_or_default();
    let mut bytes = 0;
    for certificate in page.certificates {
        let certificate = KeptCertificate::from(certificate);
        bytes += certificate.encoded_len() + 8;
        if let Some(last) = reply.certificates.last()
            && bytes > MAX_FRAME_BYTES - 1024
        {
            reply.next.clone_from(&last.name);
            break;
        }
        reply.certificates.push(certificate);
    }
    Ok(Reply::Certificates(reply))
}

impl From<Certificate> for KeptCertificate {
    fn from(certificate: Certificate) -> KeptCertificate {
        let Certificate { owner, name, created, der } = certificate;
        KeptCertificate { owner, name, der, created }
    }
}

fn absent(owner: &str, name: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("{owner} keeps no certificate \"{name}\""))
        .hint("`keyward cert list` shows those that are kept without a key")
}
