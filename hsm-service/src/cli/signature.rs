//! `keyward sign` and `keyward verify`.

use std::{
    fs::File,
    io::{self, IsTerminal, Read},
    path::PathBuf,
};

use base64ct::{Base64, Encoding};
use clap::Args;
use keyward_protocol::{Error, SignRequest};
use serde_json::json;

use super::{
    algorithm::{AlgorithmArgs, Choice},
    context::Context,
    failure::{Failure, Outcome, file_error},
    files,
    key::KeyArg,
    output::{put_file, write_stdout},
};

/// Sign a file or a digest
///
/// The file is hashed here; the service sees its digest alone, except with Ed25519, which signs
/// the whole message (`--algorithm ed25519ph` signs its digest).
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  keyward sign web --in release.tar --out release.tar.sig
  keyward sign web --algorithm rsa-pss-sha256 --in release.tar > release.tar.sig
  openssl dgst -sha256 -binary release.tar | keyward sign web --digest-in --out release.tar.sig")]
pub(crate) struct SignArgs {
    #[command(flatten)]
    key: KeyArg,
    #[command(flatten)]
    input: InputArgs,
    /// Where to write the signature [default: standard output, as Base64 if that is a terminal]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// ML-DSA: leave the randomness out, so that signing again gives the same signature
    #[arg(long)]
    deterministic: bool,
    #[command(flatten)]
    algorithm: AlgorithmArgs,
}

/// Verify a signature with the public half of a key
///
/// Exit status 0 says that the signature is valid, 1 that it is not.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  keyward verify web --in release.tar --signature release.tar.sig"
)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    key: KeyArg,
    #[command(flatten)]
    input: InputArgs,
    /// File with the signature, as `keyward sign` or `openssl dgst -sign` writes it
    #[arg(long, value_name = "FILE")]
    signature: PathBuf,
    #[command(flatten)]
    algorithm: AlgorithmArgs,
}

/// What is signed.
#[derive(Args, Debug)]
pub(crate) struct InputArgs {
    /// The file to sign [default: standard input]
    #[arg(long = "in", value_name = "FILE", default_value = "-", hide_default_value = true)]
    input: PathBuf,
    /// The input is the digest, in binary or hexadecimal, not the message
    #[arg(long)]
    digest_in: bool,
    /// ML-DSA: context string, which the verifier has to know
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    context: String,
}

impl InputArgs {
    /// What goes to the service.
    fn read(&self, choice: &Choice<'_>) -> Result<Vec<u8>, Error> {
        let choice = &choice.in_context(self.context.as_bytes())?;
        if self.digest_in {
            let bytes = files::read(&self.input)?;
            return as_digest(&bytes, choice);
        }
        let failed = |error| file_error("read", &self.input, &error);
        let mut source: Box<dyn Read> = match self.input.to_str() {
            Some("-") => Box::new(io::stdin().lock()),
            _ => Box::new(File::open(&self.input).map_err(failed)?),
        };
        choice.input(&mut source).map_err(failed)
    }
}

/// A digest in binary or hexadecimal; which one is told by its length.
fn as_digest(bytes: &[u8], choice: &Choice<'_>) -> Result<Vec<u8>, Error> {
    let Some(digest) = choice.algorithm.digest else {
        return Err(Error::invalid(format!("{} names no digest", choice.algorithm.name))
            .hint("leave out --digest-in: the input is signed as it is"));
    };
    if bytes.len() == digest.size() {
        return Ok(bytes.to_vec());
    }
    let decoded = std::str::from_utf8(bytes).ok().and_then(|text| decode_hex(text.trim()));
    decoded.filter(|decoded| decoded.len() == digest.size()).ok_or_else(|| {
        let name = digest.row().name;
        Error::invalid(format!("the input is no {name} digest of {} bytes", digest.size()))
            .hint(format!("`openssl dgst -{name} -binary FILE` makes one"))
    })
}

pub(super) fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits?;
    digits
        .len()
        .is_multiple_of(2)
        .then(|| digits.chunks_exact(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect())
}

/// Does what `keyward sign` says.
pub(crate) fn sign(args: &SignArgs, context: &Context) -> Outcome {
    let client = context.client()?;
    let key = client.find(&args.key.name)?;
    let choice = args.algorithm.choose(&key)?;
    let input = args.input.read(&choice)?;
    let request = SignRequest { deterministic: args.deterministic, ..choice.request(&input) };
    let signature = client.sign(&key.id, &request)?;
    let encoded = Base64::encode_string(&signature);
    if let Some(path) = &args.out {
        // A signature can always be made again, so an older one makes room.
        put_file(path, &signature)?;
    }
    if context.output.json {
        let value = json!({
            "id": key.id.to_string(),
            "algorithm": choice.algorithm.name,
            "signature": encoded,
        });
        return context.output.result(&value, String::new);
    }
    match &args.out {
        Some(_) => Ok(()),
        None if io::stdout().is_terminal() => write_stdout(format!("{encoded}\n").as_bytes()),
        None => write_stdout(&signature),
    }
}

/// Does what `keyward verify` says.
pub(crate) fn verify(args: &VerifyArgs, context: &Context) -> Outcome {
    let client = context.client()?;
    let key = client.find(&args.key.name)?;
    let choice = args.algorithm.choose_to_verify(&key)?;
    let input = args.input.read(&choice)?;
    let signature = files::read(&args.signature)?;
    let valid = client.verify(&key.id, &choice.request(&input), &signature)?;
    let value = json!({ "valid": valid, "algorithm": choice.algorithm.name });
    context.output.result(&value, || if valid { "valid\n" } else { "NOT valid\n" }.into())?;
    if valid { Ok(()) } else { Err(Failure::Reported) }
}

#[cfg(test)]
mod tests {
    use keyward_algorithms::Signature;

    use super::*;

    #[test]
    fn a_digest_is_taken_in_binary_and_in_hexadecimal() {
        let algorithm = Signature::from_name("ecdsa-sha256").unwrap();
        let choice = Choice::plain(algorithm);
        let binary = [0xab; 32];
        let hexadecimal = format!("{}\n", "aB".repeat(32));
        assert_eq!(as_digest(&binary, &choice).unwrap(), binary);
        assert_eq!(as_digest(hexadecimal.as_bytes(), &choice).unwrap(), binary);
        assert!(as_digest(&binary[1..], &choice).is_err());
        assert!(as_digest(&hexadecimal.as_bytes()[2..], &choice).is_err());
    }
}
