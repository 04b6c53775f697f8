//! `keyward encrypt`, `keyward decrypt` and `keyward mac`: what secret keys do.

use std::{
    io::{self, IsTerminal},
    path::{Path, PathBuf},
};

use base64ct::{Base64, Encoding};
use clap::Args;
use keyward_algorithms::{ErrorKind, KeyType, Mac, SecretKind, SymmetricCipher};
use keyward_protocol::{Error, Key, SymmetricRequest};
use serde_json::json;

use super::{
    arguments::{self, Bytes},
    context::Context,
    failure::{Failure, Outcome},
    files,
    key::KeyArg,
    output::{put_file, write_stdout},
    signature::decode_hex,
};
use crate::issue::hex;

/// Encrypt a file with a secret key
///
/// The result is the initialisation vector, which the service draws, the ciphertext, and with
/// aes-gcm the tag of 16 bytes. At most 512 KiB at once.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  keyward encrypt data-key --in secrets.txt --out secrets.enc
  keyward encrypt data-key --algorithm aes-cbc-pad --iv 000102030405060708090a0b0c0d0e0f --in a")]
pub(crate) struct EncryptArgs {
    #[command(flatten)]
    what: CipherArgs,
}

/// Decrypt a file with a secret key
///
/// The file is as `keyward encrypt` writes it: initialisation vector, ciphertext, tag. With --iv the
/// vector is not taken from the file.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  keyward decrypt data-key --in secrets.enc --out secrets.txt
  keyward decrypt data-key --algorithm aes-cbc-pad --iv 000102030405060708090a0b0c0d0e0f --in a")]
pub(crate) struct DecryptArgs {
    #[command(flatten)]
    what: CipherArgs,
}

#[derive(Args, Debug)]
struct CipherArgs {
    #[command(flatten)]
    key: KeyArg,
    /// The input [default: standard input]
    #[arg(long = "in", value_name = "FILE", default_value = "-", hide_default_value = true)]
    input: PathBuf,
    /// Where to write the result [default: standard output, as Base64 if that is a terminal]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Cipher, by Keyward's or Java's name
    #[arg(long, value_name = "NAME", default_value = "aes-gcm", value_parser = arguments::cipher)]
    algorithm: SymmetricCipher,
    /// aes-gcm: text that is authenticated too, and has to be named again to decrypt
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    aad: String,
    /// Initialisation vector in hexadecimal, which then is not in the file; not with aes-gcm when
    /// encrypting
    #[arg(long, value_name = "HEX", value_parser = arguments::hexadecimal)]
    iv: Option<Bytes>,
}

/// Make or check a message authentication code
///
/// The code is printed in hexadecimal, as `openssl mac` does. The message may have 512 KiB. With
/// --check, exit status 0 says that the code is the message's, 1 that it is not.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  keyward mac tokens --in message
  keyward mac tokens --algorithm hmac-sha512 --in message
  keyward mac tokens --in message --check 5f3c…")]
pub(crate) struct MacArgs {
    #[command(flatten)]
    key: KeyArg,
    /// The message [default: standard input]
    #[arg(long = "in", value_name = "FILE", default_value = "-", hide_default_value = true)]
    input: PathBuf,
    /// Algorithm, by Keyward's or Java's name [default: hmac-sha256, or aes-cmac for an AES key]
    #[arg(long, value_name = "NAME", value_parser = arguments::mac)]
    algorithm: Option<Mac>,
    /// The code to check, in hexadecimal
    #[arg(long, value_name = "HEX", value_parser = arguments::hexadecimal)]
    check: Option<Bytes>,
}

/// Does what `keyward encrypt` says.
pub(crate) fn encrypt(EncryptArgs { what }: &EncryptArgs, context: &Context) -> Outcome {
    let client = context.client()?;
    let key = client.find(&what.key.name)?;
    let input = files::read(&what.input)?;
    let iv = what.iv.as_ref().map_or(&[][..], |Bytes(iv)| iv);
    let request = SymmetricRequest {
        aad: what.aad.as_bytes(),
        ..SymmetricRequest::new(what.algorithm, iv, &input)
    };
    let made = client.encipher(&key.id, &request)?;
    let result = match what.iv {
        Some(_) => made.output.clone(),
        None => [&made.iv[..], &made.output].concat(),
    };
    let value = json!({
        "id": key.id.to_string(),
        "algorithm": what.algorithm.row().name,
        "iv": hex(&made.iv),
        "ciphertext": Base64::encode_string(&made.output),
    });
    deliver(&result, what.out.as_deref(), &value, context)
}

/// Does what `keyward decrypt` says.
pub(crate) fn decrypt(DecryptArgs { what }: &DecryptArgs, context: &Context) -> Outcome {
    let client = context.client()?;
    let key = client.find(&what.key.name)?;
    let input = files::read(&what.input)?;
    let (iv, input) = match &what.iv {
        Some(Bytes(iv)) => (&iv[..], &input[..]),
        None => {
            let size = what.algorithm.row().iv_bytes;
            input.split_at_checked(size).ok_or_else(|| {
                let message =
                    format!("the input is shorter than an initialisation vector of {size} bytes");
                Error::invalid(message).hint("give what `keyward encrypt` wrote, or name --iv")
            })?
        }
    };
    let request = SymmetricRequest {
        aad: what.aad.as_bytes(),
        ..SymmetricRequest::new(what.algorithm, iv, input)
    };
    let plain = client.decipher(&key.id, &request).map_err(|error| match error.hint {
        Some(_) => error,
        None => error.hint(
            "the input was changed, or encrypted with another key, --algorithm, --iv or --aad",
        ),
    })?;
    let value = json!({
        "id": key.id.to_string(),
        "algorithm": what.algorithm.row().name,
        "plaintext": Base64::encode_string(&plain),
    });
    deliver(&plain, what.out.as_deref(), &value, context)
}

fn deliver(
    bytes: &[u8],
    out: Option<&Path>,
    value: &serde_json::Value,
    context: &Context,
) -> Outcome {
    if let Some(path) = out {
        put_file(path, bytes)?;
        // The file has the result; a program that asked for JSON gets it too.
        return if context.output.json {
            context.output.result(value, String::new)
        } else {
            Ok(())
        };
    }
    if context.output.json {
        return context.output.result(value, String::new);
    }
    if io::stdout().is_terminal() {
        return write_stdout(format!("{}\n", Base64::encode_string(bytes)).as_bytes());
    }
    write_stdout(bytes)
}

/// Does what `keyward mac` says.
pub(crate) fn mac(args: &MacArgs, context: &Context) -> Outcome {
    let client = context.client()?;
    let key = client.find(&args.key.name)?;
    let algorithm = args.algorithm.map_or_else(|| usual_mac(&key), Ok)?;
    let message = files::read(&args.input)?;
    let name = algorithm.row().name;
    if let Some(Bytes(code)) = &args.check {
        let valid = client.verify_mac(&key.id, algorithm, &message, code)?;
        let value = json!({ "valid": valid, "algorithm": name });
        context.output.result(&value, || if valid { "valid\n" } else { "NOT valid\n" }.into())?;
        return if valid { Ok(()) } else { Err(Failure::Reported) };
    }
    let code = hex(&client.mac(&key.id, algorithm, &message)?);
    let value = json!({ "id": key.id.to_string(), "algorithm": name, "mac": code });
    context.output.result(&value, || format!("{code}\n"))
}

fn usual_mac(key: &Key) -> Result<Mac, Error> {
    match key.key_type {
        KeyType::Secret(SecretKind::Hmac, _) => Ok(Mac::HmacSha256),
        KeyType::Secret(SecretKind::Aes, _) => Ok(Mac::AesCmac),
        key_type => {
            let message = format!(
                "key \"{}\" is of type {key_type}, which makes no message authentication codes",
                key.name
            );
            Err(Error::new(ErrorKind::Unsupported, message).hint("`keyward sign` signs with it"))
        }
    }
}

/// Bytes written in hexadecimal.
pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    decode_hex(text.trim()).filter(|bytes| !bytes.is_empty())
}
