//! `keyward key import`: a key that was made elsewhere.

use std::path::PathBuf;

use clap::Args;

use super::{KeyView, lifecycle::AttributeArgs};
use crate::cli::{
    arguments,
    context::Context,
    failure::{Outcome, crypto_error},
    files::{chain, key_file, passphrase},
};

/// Import a key that was made elsewhere
///
/// Takes PKCS#8 (plain or encrypted), PKCS#1, SEC 1 and PKCS#12 files, PEM or DER, told by their
/// content. Certificates in the same file become the key's chain. The key stays marked as one that
/// has existed outside the service.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  keyward key import web --in web.key.pem
  keyward key import web --in web.p12 --passphrase-file /run/secrets/p12")]
pub(crate) struct ImportArgs {
    /// Name, unique among your keys: 1 to 128 of letters, digits, dot, underscore, hyphen
    #[arg(value_parser = arguments::new_key_name)]
    name: String,
    /// The file with the private key; - is standard input
    #[arg(long = "in", value_name = "FILE")]
    input: PathBuf,
    /// File whose first line is the passphrase [default: ask on the terminal]
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    attributes: AttributeArgs,
}

pub(super) fn run(args: &ImportArgs, context: &Context) -> Outcome {
    let source = passphrase::Source { file: args.passphrase_file.clone() };
    let file = key_file::read(&args.input, &source)?;
    let spki = file.key.public_key_spki();
    let chain = match file.certificates.as_slice() {
        [] => Vec::new(),
        certificates => {
            let chain = chain::order(&spki, certificates)?;
            chain.report_left_out(&context.output);
            chain.certificates
        }
    };
    let pkcs8 = file.key.to_pkcs8().map_err(crypto_error)?;
    let client = context.client()?;
    let key = client.import(&pkcs8, &chain, &args.attributes.template(&args.name))?;
    let view = KeyView::new(&key)?;
    context.output.result(&view, || view.text())?;
    context.output.note(&format!(
        "note: this key has existed outside the service: whoever has a copy of {} has the key. \
         Destroy the copies, or better make a new key with `keyward key generate`.",
        args.input.display()
    ));
    Ok(())
}
