//! `keyward key import`: a key that was made elsewhere.

use std::path::PathBuf;

use clap::Args;
use keyward_algorithms::KeyType;
use keyward_protocol::{Error, Key};

use super::{KeyView, lifecycle::AttributeArgs};
use crate::cli::{
    arguments,
    context::Context,
    failure::{Failure, Outcome, crypto_error},
    files::{self, chain, key_file, passphrase},
};

/// Import a key that was made elsewhere
///
/// Takes PKCS#8 (plain or encrypted), PKCS#1, SEC 1 and PKCS#12 files, PEM or DER, told by their
/// content. Certificates in the same file become the key's chain. With --type the file holds the
/// bytes of a secret key and nothing else. The key stays marked as one that has existed outside the
/// service.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  keyward key import web --in web.key.pem
  keyward key import web --in web.p12 --passphrase-file /run/secrets/p12
  keyward key import data-key --type aes-256 --in aes.key")]
pub(crate) struct ImportArgs {
    /// Name, unique among your keys: 1 to 128 of letters, digits, dot, underscore, hyphen
    #[arg(value_parser = arguments::new_key_name)]
    name: String,
    /// The file with the private key; - is standard input
    #[arg(long = "in", value_name = "FILE")]
    input: PathBuf,
    /// The file is a secret key of this type: aes-128, aes-192, aes-256, hmac-BITS
    #[arg(long = "type", value_name = "TYPE", value_parser = arguments::key_type)]
    key_type: Option<KeyType>,
    /// File whose first line is the passphrase [default: ask on the terminal]
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    attributes: AttributeArgs,
}

pub(super) fn run(args: &ImportArgs, context: &Context) -> Outcome {
    let key = match args.key_type {
        Some(key_type) => import_secret(args, key_type, context)?,
        None => import_pair(args, context)?,
    };
    let view = KeyView::new(&key)?;
    context.output.result(&view, || view.text())?;
    context.output.note(&format!(
        "note: this key has existed outside the service: whoever has a copy of {} has the key. \
         Destroy the copies, or better make a new key with `keyward key generate`.",
        args.input.display()
    ));
    Ok(())
}

/// A file with the bytes of a secret key.
fn import_secret(args: &ImportArgs, key_type: KeyType, context: &Context) -> Result<Key, Failure> {
    let KeyType::Secret(kind, bits) = key_type else {
        let message = format!("{key_type} is no type of secret keys");
        return Err(Failure::usage(message, "leave out --type: the file says what the key is"));
    };
    let secret = files::read(&args.input)?;
    if secret.len() * 8 != usize::from(bits) {
        let (input, bytes) = (args.input.display(), secret.len());
        let message =
            format!("{input} has {bytes} bytes, and a key of type {key_type} {}", bits / 8);
        let kind = kind.row().name;
        let hint =
            format!("the file holds the bytes of the key alone; a type names bits: {kind}-BITS");
        return Err(Error::invalid(message).hint(hint).into());
    }
    let template = args.attributes.template(&args.name);
    Ok(context.client()?.import_secret(key_type, &secret, &template)?)
}

/// A file with a private key.
fn import_pair(args: &ImportArgs, context: &Context) -> Result<Key, Failure> {
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
    Ok(client.import(&pkcs8, &chain, &args.attributes.template(&args.name))?)
}
