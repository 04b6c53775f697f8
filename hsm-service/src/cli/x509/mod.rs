//! Certificate requests and self-signed certificates for keys that are elsewhere: everything but
//! the signature is made here.

pub(crate) mod alternative_name;
mod build;
pub(crate) mod name;

pub(crate) use build::{Signer, Subject, certificate_request, self_signed_certificate};
