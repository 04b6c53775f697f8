//! `keyward key wrap`, `unwrap` and `derive`: keys that leave, enter or are made by means of others.

use std::{
    io::{self, IsTerminal},
    path::{Path, PathBuf},
};

use base64ct::{Base64, Encoding};
use clap::Args;
use keyward_algorithms::{Derivation, Digest, KeyType, Wrapping};
use keyward_client::WrapWith;
use keyward_crypto::PublicKey;
use keyward_protocol::{DerivationChoice, Error, Key, KeySelector, OaepParameters, WrappingChoice};
use serde_json::json;

use super::{KeyArg, lifecycle::AttributeArgs, show};
use crate::cli::{
    arguments::{self, Bytes},
    context::Context,
    failure::{Failure, Outcome, crypto_error},
    files::{self, pem},
    output::{create_file, write_stdout},
};

/// Give an exportable key out, encrypted with another key
///
/// A secret key goes out as its bytes, a pair of keys as DER PKCS#8. The key that encrypts is one of
/// the service with the use wrap, or an RSA key that is elsewhere: another HSM's wrapping key. Only
/// keys that were born exportable leave.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  keyward key wrap data-key --with kek --out data-key.wrapped
  keyward key wrap web --to other-hsm.pub.pem --algorithm rsa-aes --out web.wrapped")]
pub(crate) struct WrapArgs {
    #[command(flatten)]
    key: KeyArg,
    /// The key of the service that encrypts
    #[arg(long, value_name = "NAME", value_parser = arguments::key, required_unless_present = "to")]
    with: Option<KeySelector>,
    /// File with the RSA public key that encrypts: PEM or DER SubjectPublicKeyInfo
    #[arg(long, value_name = "FILE", conflicts_with = "with")]
    to: Option<PathBuf>,
    #[command(flatten)]
    how: WrappingArgs,
    /// Where to write the encrypted key [default: standard output, as Base64 if that is a terminal]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Take in a key that is encrypted with a key of the service
///
/// The key that decrypts needs the use unwrap. The new key can be exportable only if that one is, and
/// stays marked as one that has existed outside the service.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  keyward key unwrap data-key --with kek --type aes-256 --in data-key.wrapped
  keyward key unwrap web --with transport --algorithm rsa-aes --in web.wrapped")]
pub(crate) struct UnwrapArgs {
    /// Name, unique among your keys: 1 to 128 of letters, digits, dot, underscore, hyphen
    #[arg(value_parser = arguments::new_key_name)]
    name: String,
    /// The key of the service that decrypts
    #[arg(long, value_name = "NAME", value_parser = arguments::key)]
    with: KeySelector,
    /// File with the encrypted key; - is standard input
    #[arg(long = "in", value_name = "FILE")]
    input: PathBuf,
    /// Type of a secret key: aes-128, aes-192, aes-256, hmac-BITS; aes and hmac take any size
    /// [default: a pair, as PKCS#8]
    #[arg(long = "type", value_name = "TYPE", value_parser = arguments::type_or_kind)]
    key_type: Option<String>,
    #[command(flatten)]
    how: WrappingArgs,
    #[command(flatten)]
    attributes: AttributeArgs,
}

/// Make a secret key from another key inside the service
///
/// From a secret key with the use derive, or from a key agreement of an EC or X25519 key with the
/// other side's public key. The same parameters give the same key again.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  keyward key derive tenant-7 --from root --type aes-256 --info 74656e616e742d37
  keyward key derive session --from ec --peer other.pub.pem --function x963 --type aes-128")]
pub(crate) struct DeriveArgs {
    /// Name, unique among your keys: 1 to 128 of letters, digits, dot, underscore, hyphen
    #[arg(value_parser = arguments::new_key_name)]
    name: String,
    /// The key that it is made from
    #[arg(long, value_name = "NAME", value_parser = arguments::key)]
    from: KeySelector,
    /// File with the other side's public key of a key agreement: PEM or DER SubjectPublicKeyInfo
    #[arg(long, value_name = "FILE")]
    peer: Option<PathBuf>,
    /// Type of the new key: aes-128, aes-192, aes-256, hmac-BITS
    #[arg(long = "type", value_name = "TYPE", value_parser = arguments::key_type)]
    key_type: KeyType,
    /// Key derivation function: hkdf, kbkdf-hmac, x963
    #[arg(long, value_name = "NAME", default_value = "hkdf", value_parser = arguments::derivation)]
    function: Derivation,
    /// Its digest
    #[arg(long, value_name = "DIGEST", default_value = "sha256", value_parser = arguments::digest)]
    digest: Digest,
    /// HKDF: salt, in hexadecimal
    #[arg(long, value_name = "HEX", value_parser = arguments::hexadecimal)]
    salt: Option<Bytes>,
    /// What the key is for, in hexadecimal: HKDF's info, SP 800-108's fixed input, X9.63's SharedInfo
    #[arg(long, value_name = "HEX", value_parser = arguments::hexadecimal)]
    info: Option<Bytes>,
    #[command(flatten)]
    attributes: AttributeArgs,
}

/// How keys are encrypted with keys.
#[derive(Args, Debug)]
struct WrappingArgs {
    /// aes-kw, aes-kwp, aes-kw-pad, aes-gcm, rsa-oaep or rsa-aes [default: aes-kwp; rsa-aes with an RSA key]
    #[arg(long, value_name = "NAME", value_parser = arguments::wrapping)]
    algorithm: Option<Wrapping>,
    /// RSA: OAEP's digest [default: sha256]
    #[arg(long, value_name = "DIGEST", value_parser = arguments::digest)]
    digest: Option<Digest>,
    /// RSA: digest of OAEP's mask generation function [default: the same]
    #[arg(long, value_name = "DIGEST", value_parser = arguments::digest)]
    mgf1: Option<Digest>,
}

impl WrappingArgs {
    fn choice(&self, by_rsa: bool) -> Result<WrappingChoice<'static>, Error> {
        let usual = if by_rsa { Wrapping::RsaAes } else { Wrapping::AesKwp };
        let wrapping = self.algorithm.unwrap_or(usual);
        let digest = self.digest.unwrap_or(Digest::Sha256);
        let oaep = OaepParameters { digest, mgf1: self.mgf1.unwrap_or(digest), label: b"" };
        if !wrapping.row().by_rsa && (self.digest.is_some() || self.mgf1.is_some()) {
            let message = format!("{} takes no digest", wrapping.row().name);
            return Err(Error::invalid(message).hint("leave out --digest and --mgf1"));
        }
        Ok(WrappingChoice { wrapping, oaep: wrapping.row().by_rsa.then_some(oaep) })
    }
}

pub(super) fn wrap(args: &WrapArgs, context: &Context) -> Outcome {
    let client = context.client()?;
    let key = client.find(&args.key.name)?;
    let wrapped = match (&args.to, &args.with) {
        (Some(path), _) => {
            let spki = public_key(path)?;
            client.wrap(&key.id, WrapWith::PublicKey(&spki), &args.how.choice(true)?)?
        }
        (None, Some(with)) => {
            let with = client.find(with)?;
            client.wrap(&key.id, WrapWith::Key(&with.id), &args.how.choice(is_pair(&with))?)?
        }
        (None, None) => {
            return Err(Failure::usage("no key is named to wrap with", "add --with or --to"));
        }
    };
    let encoded = Base64::encode_string(&wrapped);
    if let Some(path) = &args.out {
        create_file(path, 0o644, &wrapped)?;
    }
    if context.output.json {
        let value = json!({ "id": key.id.to_string(), "wrapped": encoded });
        return context.output.result(&value, String::new);
    }
    match &args.out {
        Some(_) => Ok(()),
        None if io::stdout().is_terminal() => write_stdout(format!("{encoded}\n").as_bytes()),
        None => write_stdout(&wrapped),
    }
}

pub(super) fn unwrap(args: &UnwrapArgs, context: &Context) -> Outcome {
    let client = context.client()?;
    let with = client.find(&args.with)?;
    let wrapped = files::read(&args.input)?;
    let choice = args.how.choice(is_pair(&with))?;
    let template = args.attributes.template(&args.name);
    show(&client.unwrap(&with.id, &choice, &wrapped, args.key_type.as_deref(), &template)?, context)
}

pub(super) fn derive(args: &DeriveArgs, context: &Context) -> Outcome {
    let client = context.client()?;
    let from = client.find(&args.from)?;
    let peer = args.peer.as_deref().map(public_key).transpose()?;
    let bytes =
        |given: &'_ Option<Bytes>| given.clone().map_or_else(Vec::new, |Bytes(bytes)| bytes);
    let choice = DerivationChoice {
        function: args.function,
        digest: args.digest,
        salt: &bytes(&args.salt),
        info: &bytes(&args.info),
    };
    let template = args.attributes.template(&args.name);
    let key = client.derive_key(&from.id, peer.as_deref(), &choice, args.key_type, &template)?;
    show(&key, context)
}

fn is_pair(key: &Key) -> bool {
    key.key_type.family().is_some()
}

/// The SubjectPublicKeyInfo in a file.
fn public_key(path: &Path) -> Result<Vec<u8>, Error> {
    let bytes = files::read(path)?;
    let der = match pem::is_pem(&bytes) {
        true => {
            let found = pem::blocks(&bytes)?.into_iter().find(|block| block.label == "PUBLIC KEY");
            let none = || {
                Error::invalid(format!("{} holds no PUBLIC KEY", path.display()))
                    .hint("of a certificate, `openssl x509 -in FILE -noout -pubkey` prints it")
            };
            found.ok_or_else(none)?.der.to_vec()
        }
        false => bytes.to_vec(),
    };
    PublicKey::from_spki(&der).map_err(|error| {
        let error = crypto_error(error);
        let message = format!("{} holds no public key: {}", path.display(), error.message);
        Error { message, ..error }
    })?;
    Ok(der)
}
