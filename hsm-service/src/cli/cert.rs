//! `keyward cert …`: the certificates kept beside keys, and those kept without one.

mod kept;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use keyward_algorithms::ErrorKind;
use keyward_client::Client;
use keyward_protocol::{Error, Key, KeySelector, messages::KeptCertificate};
use serde_json::json;

use self::kept::{AddArgs, DeleteArgs, ListArgs, RenameArgs};
use super::{
    context::{Context, full_uri},
    failure::Outcome,
    files::{chain, pem},
    key::{CertificateView, KeyArg},
    output::OutArgs,
};

/// Keep certificates: the chain beside a key, and others that programs are to trust
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  keyward cert import web --in fullchain.pem
  keyward cert export web --out fullchain.pem
  keyward cert add company-root --in root.pem")]
pub(crate) enum CertCommand {
    Import(ImportArgs),
    Show(ShowArgs),
    Export(ExportArgs),
    Add(AddArgs),
    List(ListArgs),
    Rename(RenameArgs),
    Delete(DeleteArgs),
}

/// Keep a certificate chain beside the key, in place of the one before
///
/// One certificate must be for this key, or for the one that is to take its place (`keyward key rotate`),
/// which takes it then. The order does not matter: the chain is kept with the
/// key's own certificate first and each one's issuer after it.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  keyward cert import web --in fullchain.pem")]
pub(crate) struct ImportArgs {
    #[command(flatten)]
    key: KeyArg,
    /// PEM file with the chain, or DER file with one certificate; - is standard input
    #[arg(long = "in", value_name = "FILE")]
    input: PathBuf,
}

/// Show the certificate chain beside a key, or a certificate that is kept without one
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  keyward cert show web")]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    key: KeyArg,
}

/// Print the certificate chain beside a key, or a certificate that is kept without one, as PEM
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  keyward cert export web --out fullchain.pem")]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    key: KeyArg,
    #[command(flatten)]
    to: OutArgs,
}

/// Does what a `cert` command says.
pub(crate) fn run(command: &CertCommand, context: &Context) -> Outcome {
    let client = context.client()?;
    match command {
        CertCommand::Add(args) => kept::add(args, &client, context),
        CertCommand::List(_) => kept::list(&client, context),
        CertCommand::Rename(args) => kept::rename(args, &client, context),
        CertCommand::Delete(args) => kept::delete(args, &client, context),
        CertCommand::Import(args) => {
            let certificates = chain::read(&args.input)?;
            let key = client.find(&args.key.name)?;
            let (key, chain) = match chain::order(&key.spki, &certificates) {
                Ok(chain) => (key, chain),
                Err(error) => successor(&client, &key, &certificates).ok_or(error)?,
            };
            chain.report_left_out(&context.output);
            let changed = client.set_chain(&key.id, &chain.certificates)?;
            if changed.name != key.name {
                context.output.note(&format!(
                    "{} means the new key from now on; servers with a reference file need \
                     `keyward key pem {}` and a reload",
                    full_uri(&changed),
                    changed.name
                ));
            }
            show(&changed, context)
        }
        CertCommand::Show(args) => match client.find(&args.key.name) {
            Ok(key) => show(&with_chain(key)?, context),
            Err(error) => kept::show(&in_place_of(&client, &args.key.name, error)?, context),
        },
        CertCommand::Export(args) => {
            let chain = match client.find(&args.key.name) {
                Ok(key) => with_chain(key)?.chain,
                Err(error) => vec![in_place_of(&client, &args.key.name, error)?.der],
            };
            let blocks: Vec<String> = chain
                .iter()
                .map(|der| pem::encode("CERTIFICATE", der))
                .collect::<Result<_, Error>>()?;
            context.output.document_to(&args.to, &json!({ "chain": blocks }), &blocks.concat())
        }
    }
}

/// The certificate of a name that no key has.
fn in_place_of(
    client: &Client,
    selector: &KeySelector,
    no_key: Error,
) -> Result<KeptCertificate, Error> {
    match selector {
        KeySelector::Name(name) if no_key.kind == ErrorKind::NotFound => {
            client.certificate(name).map_err(|_| no_key)
        }
        _ => Err(no_key),
    }
}

/// The key that waits for these certificates to take a key's place.
fn successor(client: &Client, key: &Key, certificates: &[Vec<u8>]) -> Option<(Key, chain::Chain)> {
    let name = format!("{}.next", key.name);
    let next = client.find(&KeySelector::Owned { owner: key.owner.clone(), name }).ok()?;
    next.attributes.succession.as_ref()?;
    let chain = chain::order(&next.spki, certificates).ok()?;
    Some((next, chain))
}

fn with_chain(key: Key) -> Result<Key, Error> {
    if key.chain.is_empty() {
        let message = format!("no certificate is kept beside {}", full_uri(&key));
        return Err(Error::new(ErrorKind::NotFound, message)
            .hint("keep one with `keyward cert import` or `keyward key self-sign`"));
    }
    Ok(key)
}

fn show(key: &Key, context: &Context) -> Outcome {
    let views: Vec<CertificateView> =
        key.chain.iter().map(|der| CertificateView::new(der)).collect::<Result<_, Error>>()?;
    context.output.result(&json!({ "uri": full_uri(key), "chain": views }), || {
        views
            .iter()
            .enumerate()
            .map(|(place, view)| format!("{place}  {}\n", view.line()))
            .collect()
    })
}
