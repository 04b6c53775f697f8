//! What a key is held to: flags for new keys, `keyward key restrict`, `trust` and `distrust`.

use clap::Args;
use keyward_algorithms::Rights;
use keyward_protocol::{Rate, Restrictions, messages::Restrict};

use super::KeyArg;
use crate::cli::{
    arguments,
    context::Context,
    failure::{Failure, Outcome},
    time,
};

/// What the uses of a key are held to.
#[derive(Args, Debug)]
pub(crate) struct RestrictionArgs {
    /// Algorithms that the key is used with and no others: ecdsa-sha256, rsa-pss-sha256, aes-gcm, …
    /// [default: all that its type has]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = arguments::algorithm)]
    algorithms: Vec<&'static str>,
    /// The private key is not used before this moment: 2027-01-31, 2027-01-31T12:00:00Z, +12h
    #[arg(long, value_name = "MOMENT", value_parser = time::parse)]
    not_before: Option<u64>,
    /// The private key is not used any more from this moment on: 2027-01-31, +90d
    #[arg(long, value_name = "MOMENT", value_parser = time::parse)]
    not_after: Option<u64>,
    /// The most uses of the private key, counted from now on
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_uses: Option<u64>,
    /// The most uses of the private key within a time: 10/second, 100/minute, 1000/hour
    #[arg(long, value_name = "RATE", value_parser = rate)]
    max_rate: Option<Rate>,
    /// Each use of the private key wants an approval
    #[arg(long)]
    needs_approval: bool,
    /// The key leaves the service only encrypted with a trusted key
    #[arg(long)]
    wrap_with_trusted_only: bool,
    /// The uses that keys which are unwrapped or derived with it can have at most
    /// [default: all that their type has]
    #[arg(long, value_name = "LIST", value_parser = arguments::usage)]
    child_usage: Option<Rights>,
}

impl RestrictionArgs {
    /// The restrictions as the service takes them.
    pub(super) fn restrictions(&self) -> Restrictions {
        Restrictions {
            algorithms: self.algorithms.iter().map(|name| (*name).to_owned()).collect(),
            not_before: self.not_before.unwrap_or(0),
            not_after: self.not_after.unwrap_or(0),
            max_uses: self.max_uses.unwrap_or(0),
            max_rate: self.max_rate,
            needs_approval: self.needs_approval,
            wrap_with_trusted_only: self.wrap_with_trusted_only,
            child_uses: self.child_usage.unwrap_or(Rights::NONE).bits(),
        }
    }
}

fn rate(text: &str) -> Result<Rate, String> {
    text.parse().map_err(|error: keyward_protocol::Error| error.to_string())
}

/// Take away some of what a key may do, for ever
///
/// What is not named stays as it is; nothing is ever given back. It counts from the next request on,
/// on open connections too.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  keyward key restrict web --algorithms ecdsa-sha256
  keyward key restrict legacy --remove-uses decrypt --forbid-export
  keyward key restrict web-2026 --not-after 2027-01-31
  keyward key restrict code-signing --max-uses 500 --max-rate 10/minute
  keyward key restrict kek --child-usage sign")]
pub(crate) struct RestrictArgs {
    #[command(flatten)]
    key: KeyArg,
    /// Uses that the key loses: sign, decrypt, derive, raw, encrypt, verify, wrap, unwrap
    #[arg(long, value_name = "LIST", value_parser = arguments::usage)]
    remove_uses: Option<Rights>,
    /// The key does not leave the service any more
    #[arg(long)]
    forbid_export: bool,
    #[command(flatten)]
    restrictions: RestrictionArgs,
}

pub(super) fn restrict(args: &RestrictArgs, context: &Context) -> Outcome {
    let less = Restrict {
        key_id: Vec::new(),
        remove_uses: args.remove_uses.unwrap_or(Rights::NONE).bits(),
        forbid_export: args.forbid_export,
        restrictions: Some(args.restrictions.restrictions()),
    };
    let nothing = Restrict { restrictions: Some(Restrictions::default()), ..Restrict::default() };
    if less == nothing {
        return Err(Failure::usage(
            "nothing is named that the key is to be restricted in",
            "add --remove-uses, --forbid-export, --algorithms, --not-after, --max-uses or another",
        ));
    }
    let client = context.client()?;
    let key = client.find(&args.key.name)?;
    super::show(&client.restrict(&key.id, less)?, context)
}

/// Let a key wrap those that leave the service with trusted keys alone
///
/// It takes the approval of others: the operation `trust` in a `[[quorum]]` section of the service's
/// configuration.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  keyward key trust kek --approval wait")]
pub(crate) struct TrustArgs {
    #[command(flatten)]
    key: KeyArg,
}

/// Let a key no more wrap those that leave the service with trusted keys alone
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  keyward key distrust kek")]
pub(crate) struct DistrustArgs {
    #[command(flatten)]
    key: KeyArg,
}

pub(super) fn trust(args: &TrustArgs, context: &Context) -> Outcome {
    set_trust(&args.key, true, context)
}

pub(super) fn distrust(args: &DistrustArgs, context: &Context) -> Outcome {
    set_trust(&args.key, false, context)
}

fn set_trust(key: &KeyArg, trusted: bool, context: &Context) -> Outcome {
    let client = context.client()?;
    let key = client.find(&key.name)?;
    super::show(&client.trust(&key.id, trusted)?, context)
}
