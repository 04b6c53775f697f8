//! `keyward key csr` and `self-sign`: what binds a name to a key.

use clap::Args;
use keyward_client::Client;
use keyward_protocol::{Error, Key};
use serde_json::json;
use x509_cert::{ext::pkix::name::GeneralName, name::Name};

use super::KeyArg;
use crate::cli::{
    algorithm::AlgorithmArgs,
    arguments,
    context::Context,
    failure::Outcome,
    files::{chain, pem},
    output::OutArgs,
    x509::{Signer, Subject, alternative_name, certificate_request, name, self_signed_certificate},
};

/// Print a certificate request for the key
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  keyward key csr web --subject CN=www.example,O=Example --san www.example --san shop.example
  keyward key csr web --subject /O=Example/CN=www.example --san dns:www.example,ip:192.0.2.1")]
pub(crate) struct CsrArgs {
    #[command(flatten)]
    key: KeyArg,
    #[command(flatten)]
    subject: SubjectArgs,
    #[command(flatten)]
    to: OutArgs,
    #[command(flatten)]
    algorithm: AlgorithmArgs,
}

/// Make a self-signed certificate for tests, keep it beside the key and print it
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  keyward key self-sign web --subject CN=localhost --san localhost,127.0.0.1")]
pub(crate) struct SelfSignArgs {
    #[command(flatten)]
    key: KeyArg,
    #[command(flatten)]
    subject: SubjectArgs,
    #[command(flatten)]
    to: OutArgs,
    /// Validity in days
    #[arg(long, value_name = "N", default_value_t = 365)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=36500))]
    days: u32,
    #[command(flatten)]
    algorithm: AlgorithmArgs,
}

/// Who a certificate is for.
#[derive(Args, Debug)]
pub(crate) struct SubjectArgs {
    /// Distinguished name: CN=web.example,O=Example or /O=Example/CN=web.example
    #[arg(long, value_name = "DN", value_parser = parse_name)]
    subject: Name,
    /// Further names: dns:…, ip:…, email:…, uri:…, or the bare value
    /// [default: the common name, if it is a host name or IP address]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = parse_alternative_name)]
    san: Vec<GeneralName>,
}

pub(super) fn parse_name(text: &str) -> Result<Name, String> {
    name::parse(text).map_err(|error| arguments::sentence(&error))
}

pub(super) fn parse_alternative_name(text: &str) -> Result<GeneralName, String> {
    alternative_name::parse(text).map_err(|error| arguments::sentence(&error))
}

impl SubjectArgs {
    fn subject(&self) -> Subject {
        let mut alternative_names = self.san.clone();
        if alternative_names.is_empty() {
            alternative_names.extend(self.common_name_as_alternative());
        }
        Subject { name: self.subject.clone(), alternative_names }
    }

    /// No verifier reads the common name any more (RFC 9525, 1.1).
    fn common_name_as_alternative(&self) -> Option<GeneralName> {
        let common_name = self.subject.common_name().ok()??;
        let text: &str = &common_name.value();
        let is_address = text.parse::<std::net::IpAddr>().is_ok();
        let is_host =
            text == "localhost" || text.contains('.') && alternative_name::is_host_name(text);
        (is_address || is_host).then(|| alternative_name::parse(text).ok()).flatten()
    }
}

pub(super) fn csr(args: &CsrArgs, context: &Context) -> Outcome {
    let subject = args.subject.subject();
    let client = context.client()?;
    let key = client.find(&args.key.name)?;
    let der =
        certify(&client, &key, &args.algorithm, |signer| certificate_request(&subject, signer))?;
    let csr = pem::encode("CERTIFICATE REQUEST", &der)?;
    context.output.document_to(&args.to, &json!({ "csr": csr }), &csr)
}

pub(super) fn self_sign(args: &SelfSignArgs, context: &Context) -> Outcome {
    let client = context.client()?;
    let subject = args.subject.subject();
    let key = client.find(&args.key.name)?;
    let der = certify(&client, &key, &args.algorithm, |signer| {
        self_signed_certificate(&subject, key.usage, args.days, signer)
    })?;
    let chain = [der];
    client.set_chain(&key.id, &chain)?;
    let pem = chain::to_pem(&chain)?;
    let value = json!({ "id": key.id.to_string(), "certificate": pem });
    context.output.document_to(&args.to, &value, &pem)
}

/// Has a structure made that the key signs.
pub(super) fn certify(
    client: &Client,
    key: &Key,
    algorithm: &AlgorithmArgs,
    make: impl FnOnce(&Signer<'_>) -> Result<Vec<u8>, Error>,
) -> Result<Vec<u8>, Error> {
    let choice = algorithm.choose(key)?;
    let signer = Signer {
        spki: &key.spki,
        algorithm: &choice.identifier()?,
        sign: &|message| choice.sign(client, key, message),
    };
    make(&signer)
}
