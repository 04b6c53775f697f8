//! Certificates that are kept without a key.

use std::path::PathBuf;

use aws_lc_rs::digest;
use clap::Args;
use keyward_client::Client;
use keyward_protocol::{Error, messages::KeptCertificate};
use serde::Serialize;
use serde_json::json;

use crate::{
    cli::{
        arguments,
        context::Context,
        failure::Outcome,
        files::chain,
        key::CertificateView,
        output::{facts, table},
        time,
    },
    issue::hex,
};

/// Keep a certificate that no key here belongs to: a root that programs are to trust
///
/// It is yours alone. Java's KeyStore shows it as a trusted certificate, OpenSSL loads it as keyward:NAME.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  keyward cert add company-root --in root.pem
  keyward cert add company-root --in next-root.pem --replace")]
pub(crate) struct AddArgs {
    /// Name, unique among your keys and certificates
    #[arg(value_parser = arguments::certificate_name)]
    name: String,
    /// PEM or DER file with one certificate; - is standard input
    #[arg(long = "in", value_name = "FILE")]
    input: PathBuf,
    /// Put it in place of a certificate of this name
    #[arg(long)]
    replace: bool,
}

/// List the certificates that you keep without a key
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  keyward cert list")]
pub(crate) struct ListArgs {}

/// Give a certificate that is kept without a key another name
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  keyward cert rename company-root company-root-2020")]
pub(crate) struct RenameArgs {
    /// Its name
    #[arg(value_parser = arguments::certificate_name)]
    name: String,
    /// The new name
    #[arg(value_parser = arguments::certificate_name)]
    new_name: String,
}

/// Delete a certificate that is kept without a key
///
/// A key's own certificates go with `keyward key delete`, or make room for others with `keyward cert import`.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  keyward cert delete company-root --yes")]
pub(crate) struct DeleteArgs {
    /// Its name
    #[arg(value_parser = arguments::certificate_name)]
    name: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// A certificate, as `--json` prints it.
#[derive(Debug, Serialize)]
struct KeptView {
    uri: String,
    owner: String,
    name: String,
    created: String,
    sha256: String,
    certificate: CertificateView,
}

impl KeptView {
    fn new(kept: &KeptCertificate) -> Result<KeptView, Error> {
        Ok(KeptView {
            uri: uri(kept),
            owner: kept.owner.clone(),
            name: kept.name.clone(),
            created: time::moment(kept.created),
            sha256: hex(digest::digest(&digest::SHA256, &kept.der).as_ref()),
            certificate: CertificateView::new(&kept.der)?,
        })
    }
}

/// The URI that means a certificate to its owner.
pub(super) fn uri(kept: &KeptCertificate) -> String {
    format!("keyward:{}", kept.name)
}

pub(super) fn add(args: &AddArgs, client: &Client, context: &Context) -> Outcome {
    let certificates = chain::read(&args.input)?;
    let [der] = certificates.as_slice() else {
        let message =
            format!("{} has {} certificates in it", args.input.display(), certificates.len());
        return Err(Error::invalid(message)
            .hint("give each a name of its own; `keyward cert import` takes the chain of a key")
            .into());
    };
    show(&client.put_certificate(&args.name, der, args.replace)?, context)
}

pub(super) fn list(client: &Client, context: &Context) -> Outcome {
    let kept = client.certificates()?;
    let views: Vec<KeptView> = kept.iter().map(KeptView::new).collect::<Result<_, Error>>()?;
    context.output.result(&json!({ "certificates": views }), || {
        let row = |view: &KeptView| {
            let of = &view.certificate;
            vec![view.name.clone(), of.until(), of.subject.clone()]
        };
        let rows: Vec<Vec<String>> = views.iter().map(row).collect();
        table(&["NAME", "VALID UNTIL", "SUBJECT"], &rows)
    })
}

pub(super) fn rename(args: &RenameArgs, client: &Client, context: &Context) -> Outcome {
    show(&client.rename_certificate(&args.name, &args.new_name)?, context)
}

pub(super) fn delete(args: &DeleteArgs, client: &Client, context: &Context) -> Outcome {
    let view = KeptView::new(&client.certificate(&args.name)?)?;
    let question = format!(
        "Delete {} ({})? Programs that load it will not trust it any more.",
        view.uri, view.certificate.subject
    );
    context.confirm(&question, args.yes)?;
    client.delete_certificate(&args.name)?;
    let value = json!({ "deleted": { "name": view.name, "sha256": view.sha256 } });
    context.output.result(&value, || format!("deleted {}\n", view.uri))
}

pub(super) fn show(kept: &KeptCertificate, context: &Context) -> Outcome {
    let view = KeptView::new(kept)?;
    context.output.result(&view, || {
        facts(&[
            ("uri", view.uri.clone()),
            ("kept since", view.created.clone()),
            ("certificate", view.certificate.line()),
            ("SHA-256", view.sha256.clone()),
        ])
    })
}
