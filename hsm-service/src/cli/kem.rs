//! `keyward encapsulate` and `keyward decapsulate`.

use std::{
    io::{self, IsTerminal},
    path::PathBuf,
};

use base64ct::{Base64, Encoding};
use clap::Args;
use keyward_crypto::PublicKey;
use keyward_protocol::Key;
use serde_json::json;
use zeroize::Zeroizing;

use super::{
    context::Context,
    failure::{Outcome, crypto_error},
    files,
    key::KeyArg,
    output::{create_file, write_stdout},
};

/// Permissions of a file with a secret.
const SECRET_MODE: u32 = 0o600;
/// Permissions of a ciphertext, which is no secret.
const PUBLIC_MODE: u32 = 0o644;

/// Make a secret, and the ciphertext from which the holder of an ML-KEM key gets it too
///
/// The secret is made here, with the public half of the key.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  keyward encapsulate backup --ciphertext disk.ct --out disk.secret"
)]
pub(crate) struct EncapsulateArgs {
    #[command(flatten)]
    key: KeyArg,
    /// Where to write the ciphertext
    #[arg(long, value_name = "FILE")]
    ciphertext: PathBuf,
    #[command(flatten)]
    secret: SecretArgs,
}

/// Take the secret out of a ciphertext that was made with the public half of an ML-KEM key
///
/// A ciphertext that was made for another key, or damaged, gives a secret that nobody else has.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  keyward decapsulate backup --in disk.ct --out disk.secret
  openssl pkeyutl -encap -pubin -inkey backup.pub -out disk.ct -secret disk.secret
  keyward decapsulate backup --in disk.ct | cmp - disk.secret")]
pub(crate) struct DecapsulateArgs {
    #[command(flatten)]
    key: KeyArg,
    /// File with the ciphertext [default: standard input]
    #[arg(long = "in", value_name = "FILE", default_value = "-", hide_default_value = true)]
    input: PathBuf,
    #[command(flatten)]
    secret: SecretArgs,
}

/// Where the secret goes.
#[derive(Args, Debug)]
struct SecretArgs {
    /// Where to write the secret [default: standard output, as Base64 if that is a terminal]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl SecretArgs {
    fn write(&self, key: &Key, secret: &[u8], context: &Context) -> Outcome {
        if let Some(path) = &self.out {
            create_file(path, SECRET_MODE, secret)?;
        }
        let encoded = Zeroizing::new(Base64::encode_string(secret));
        match &self.out {
            Some(_) if context.output.json => {
                context.output.result(&json!({ "id": key.id.to_string() }), String::new)
            }
            Some(_) => Ok(()),
            None if context.output.json => {
                let value = json!({ "id": key.id.to_string(), "secret": *encoded });
                context.output.result(&value, String::new)
            }
            None if io::stdout().is_terminal() => {
                write_stdout(encoded.as_bytes())?;
                write_stdout(b"\n")
            }
            None => write_stdout(secret),
        }
    }
}

/// Does what `keyward encapsulate` says.
pub(crate) fn encapsulate(args: &EncapsulateArgs, context: &Context) -> Outcome {
    let key = context.client()?.find(&args.key.name)?;
    let public = PublicKey::from_spki(&key.spki).map_err(crypto_error)?;
    let (ciphertext, secret) = public.encapsulate().map_err(|error| {
        let mut error = crypto_error(error);
        error.message = format!("key \"{}\" ({}): {}", key.name, key.key_type, error.message);
        error.hint("encapsulation is for keys of the types ml-kem-512, ml-kem-768 and ml-kem-1024")
    })?;
    create_file(&args.ciphertext, PUBLIC_MODE, &ciphertext)?;
    args.secret.write(&key, &secret, context)
}

/// Does what `keyward decapsulate` says.
pub(crate) fn decapsulate(args: &DecapsulateArgs, context: &Context) -> Outcome {
    let client = context.client()?;
    let key = client.find(&args.key.name)?;
    let ciphertext = files::read(&args.input)?;
    let secret = client.decapsulate(&key.id, &ciphertext)?;
    args.secret.write(&key, &secret, context)
}
