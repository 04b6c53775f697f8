//! `keyward key rotate`: a new key in the place of another.

use clap::Args;
use keyward_algorithms::Rights;
use keyward_client::Client;
use keyward_protocol::{
    Error, Key, Restrictions,
    messages::{Restrict, Rotate},
};
use serde_json::json;
use x509_cert::{ext::pkix::SubjectAltName, ext::pkix::name::GeneralName, name::Name};

use super::{KeyArg, certify};
use crate::cli::{
    algorithm::AlgorithmArgs,
    arguments,
    context::{Context, full_uri},
    failure::{Failure, Outcome},
    files::{chain, pem},
    output::OutArgs,
    time,
    x509::{Subject, certificate_request},
};

/// Make a new key that takes the place of another
///
/// The new key is of the same type, with the same uses, restrictions and grants. If the old one has a
/// certificate, a request for the new one's is printed, with the same names; the new key is called
/// NAME.next until `keyward cert import NAME` brings its certificate. Then NAME means the new key, and the
/// old one is NAME.1. Servers go on with the old key until they reload. Without a certificate the new
/// key takes the place at once.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  keyward key rotate web --out web.csr              # have it signed, then:
  keyward cert import web --in web.crt
  keyward key pem web --out /etc/keyward/tls/web.pem && systemctl reload nginx
  keyward key rotate mail --old-uses decrypt        # the old key only decrypts afterwards
  keyward key rotate token --old-not-after +30d")]
pub(crate) struct RotateArgs {
    #[command(flatten)]
    key: KeyArg,
    /// Name in the request, where the old key has no certificate or another is wanted
    #[arg(long, value_name = "DN", value_parser = certify::parse_name)]
    subject: Option<Name>,
    /// Further names in the request [default: those of the old certificate]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    #[arg(value_parser = certify::parse_alternative_name)]
    san: Vec<GeneralName>,
    /// Uses that the old key keeps once its place is taken [default: all]
    #[arg(long, value_name = "LIST", value_parser = arguments::usage)]
    old_uses: Option<Rights>,
    /// The old key is not used any more from this moment on: 2027-01-31, +30d
    #[arg(long, value_name = "MOMENT", value_parser = time::parse)]
    old_not_after: Option<u64>,
    #[command(flatten)]
    to: OutArgs,
    #[command(flatten)]
    algorithm: AlgorithmArgs,
}

pub(super) fn rotate(args: &RotateArgs, context: &Context) -> Outcome {
    let client = context.client()?;
    let old = client.find(&args.key.name)?;
    let subject = subject(args, &old)?;
    let retire = Restrict {
        remove_uses: args.old_uses.map_or(0, |kept| old.usage.without(kept).bits()),
        restrictions: Some(Restrictions {
            not_after: args.old_not_after.unwrap_or(0),
            ..Restrictions::default()
        }),
        ..Restrict::default()
    };
    let rotate =
        Rotate { awaits_certificate: subject.is_some(), retire: Some(retire), ..Rotate::default() };
    let new = client.rotate(&old.id, rotate)?;
    let Some(subject) = subject else {
        return super::show(&new, context);
    };
    let request = request(&client, &new, &subject, &args.algorithm)?;
    let value = json!({ "id": new.id.to_string(), "uri": full_uri(&new), "csr": request });
    context.output.document_to(&args.to, &value, &request)?;
    context.output.note(&format!(
        "{} waits for its certificate; when you have it: keyward cert import {}/{} --in FILE",
        full_uri(&new),
        old.owner,
        old.name
    ));
    Ok(())
}

/// Who the new certificate is for: who the old one is for, unless something else is said. Nobody where
/// there is none.
fn subject(args: &RotateArgs, old: &Key) -> Result<Option<Subject>, Failure> {
    let own = old.chain.first().map(|der| chain::parse(der)).transpose()?;
    let (name, mut alternative_names) = match (&args.subject, &own) {
        (Some(name), _) => (name.clone(), Vec::new()),
        (None, None) if !args.san.is_empty() => {
            return Err(Failure::usage(
                "the key has no certificate with a subject",
                "add --subject DN",
            ));
        }
        (None, None) => return Ok(None),
        (None, Some(own)) => {
            let own = own.tbs_certificate();
            let names = own.get_extension::<SubjectAltName>().ok().flatten();
            (own.subject().clone(), names.map_or_else(Vec::new, |(_, names)| names.0))
        }
    };
    if !args.san.is_empty() {
        alternative_names.clone_from(&args.san);
    }
    Ok(Some(Subject { name, alternative_names }))
}

fn request(
    client: &Client,
    key: &Key,
    subject: &Subject,
    algorithm: &AlgorithmArgs,
) -> Result<String, Error> {
    let der =
        certify::certify(client, key, algorithm, |signer| certificate_request(subject, signer))?;
    pem::encode("CERTIFICATE REQUEST", &der)
}
