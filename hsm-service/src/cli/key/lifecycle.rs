//! A key's life: made, renamed, shared.

use clap::Args;
use keyward_algorithms::{KeyType, Right, Rights};
use keyward_client::KeyTemplate;

use super::{KeyArg, restrict::RestrictionArgs};
use crate::cli::{arguments, context::Context, failure::Outcome, time};

/// Make a key inside the service
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  keyward key generate web --type p-256
  keyward key generate legacy --type rsa-3072 --usage sign,decrypt
  keyward key generate data-key --type aes-256
  keyward key generate web --type p-256 --algorithms ecdsa-sha256 --not-after +365d
  keyward key generate release --type p-384 --max-uses 1000 --max-rate 10/minute

Types: rsa-2048, rsa-3072, rsa-4096 and other multiples of 256 up to 8192, the same after rsa-pss-,
p-256, p-384, p-521, secp256k1, ed25519, x25519, ml-dsa-44, ml-dsa-65, ml-dsa-87; secret keys:
aes-128, aes-192, aes-256, hmac-BITS, hmac for 256 bits. OpenSSL's and Java's names are taken too.")]
pub(crate) struct GenerateArgs {
    /// Name, unique among your keys: 1 to 128 of letters, digits, dot, underscore, hyphen
    #[arg(value_parser = arguments::new_key_name)]
    name: String,
    /// Type of the key
    #[arg(long = "type", value_name = "TYPE", value_parser = arguments::key_type)]
    key_type: KeyType,
    #[command(flatten)]
    attributes: AttributeArgs,
}

/// What a key is born with besides name and type.
#[derive(Args, Debug)]
pub(crate) struct AttributeArgs {
    /// Uses, of which some can be taken away later and none be added: sign, decrypt, derive, raw, encrypt, verify, wrap, unwrap [default: what
    /// suits the type]
    #[arg(long, value_name = "LIST", value_parser = arguments::usage)]
    usage: Option<Rights>,
    /// Let the key leave the service in wrapped form
    #[arg(long)]
    exportable: bool,
    #[command(flatten)]
    restrictions: RestrictionArgs,
}

impl AttributeArgs {
    /// The attributes with a name.
    pub(super) fn template<'a>(&self, name: &'a str) -> KeyTemplate<'a> {
        KeyTemplate {
            name,
            usage: self.usage,
            exportable: self.exportable,
            restrictions: self.restrictions.restrictions(),
        }
    }
}

/// Give a key another name; references to it go on working
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  keyward key rename web web-2026")]
pub(crate) struct RenameArgs {
    #[command(flatten)]
    key: KeyArg,
    /// The new name
    #[arg(value_parser = arguments::new_key_name)]
    new_name: String,
}

/// Let another user use a key
///
/// The user has these rights from then on and no others. A name that nobody has may be given, since
/// whoever is to have it may come later: it is warned of.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  keyward key share web www-data --rights see,sign")]
pub(crate) struct ShareArgs {
    #[command(flatten)]
    key: KeyArg,
    /// The user
    #[arg(value_parser = arguments::user_name)]
    with: String,
    /// Rights: see, manage, and the uses of a key [default: see, and each use of the key]
    #[arg(long, value_name = "LIST", value_parser = arguments::rights)]
    rights: Option<Rights>,
}

/// Take all rights on a key from another user
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  keyward key unshare web www-data")]
pub(crate) struct UnshareArgs {
    #[command(flatten)]
    key: KeyArg,
    /// The user
    #[arg(value_parser = arguments::user_name)]
    from: String,
}

pub(super) fn generate(args: &GenerateArgs, context: &Context) -> Outcome {
    let client = context.client()?;
    if context.output.shows_progress() && is_slow(args.key_type) {
        context
            .output
            .note(&format!("making a key of type {}, which takes a while …", args.key_type));
    }
    let key = client.generate(args.key_type, &args.attributes.template(&args.name))?;
    super::show(&key, context)?;
    let end = key.attributes.restrictions.not_after;
    if end != 0 && end <= time::now() {
        context.output.note("warning: the end of this key has passed, so it is never used");
    }
    Ok(())
}

/// Whether a person would wonder where the key stays.
fn is_slow(key_type: KeyType) -> bool {
    matches!(key_type, KeyType::Rsa(bits) | KeyType::RsaPss(bits) if bits > 4096)
}

pub(super) fn rename(args: &RenameArgs, context: &Context) -> Outcome {
    let client = context.client()?;
    let key = client.find(&args.key.name)?;
    super::show(&client.rename(&key.id, &args.new_name)?, context)
}

pub(super) fn share(args: &ShareArgs, context: &Context) -> Outcome {
    let client = context.client()?;
    let key = client.find(&args.key.name)?;
    let rights = args.rights.unwrap_or_else(|| key.usage.union(Rights::of(&[Right::See])));
    super::show(&client.share(&key.id, &args.with, rights)?, context)
}

pub(super) fn unshare(args: &UnshareArgs, context: &Context) -> Outcome {
    let client = context.client()?;
    let key = client.find(&args.key.name)?;
    super::show(&client.share(&key.id, &args.from, Rights::NONE)?, context)
}
