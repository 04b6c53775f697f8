//! `keyward unseal`, `keyward seal …` and `keyward zeroize`: what opens the service's store.

mod asking;
mod change;
mod secrets;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use keyward_protocol::{Error, messages::SealReply};
use serde_json::{Value, json};

use super::{
    context::Context,
    failure::{Failure, Outcome},
    output::facts,
    time,
};
pub(crate) use asking::AskingSeal;
use change::{ChangeArgs, RotateArgs};
pub(crate) use change::{DeviceArgs, Kind};
pub(crate) use secrets::{
    Parts, ask, new_passphrase, parts, prepare_for_shares, share_list, share_texts, write_shares,
};

/// Give the service what opens its store: a share, or the passphrase
///
/// Each custodian gives a share, from wherever they are; when enough have, the service is unsealed,
/// without a restart. Where the seal opens by itself, the service tries that again; where a token or
/// the TPM is lost, a copy of the master key opens it. Asks on the terminal, without showing what is
/// typed. Only administrators may.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  keyward unseal                        asks for the share or the passphrase
  keyward unseal --in share-2.txt
  keyward unseal --forget --in -        begins anew, with the share on standard input
  keyward unseal --in master.key        opens by a copy of the master key, without the TPM or token
  keyward unseal --accept-older-state   after a backup was restored, where the TPM counts states")]
pub(crate) struct UnsealArgs {
    /// Where the share, the passphrase, the PIN or the copy of the master key is, or several shares, a
    /// line each; `-` is standard input
    #[arg(long = "in", value_name = "FILE")]
    input: Option<PathBuf>,
    /// Have the service forget the shares that were given before
    #[arg(long)]
    forget: bool,
    /// Open the store although the TPM's counter says that it is not the latest state
    #[arg(long)]
    accept_older_state: bool,
}

/// Show and change what seals the service's store
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  keyward seal show
  keyward seal change shamir --shares 3/5 --out shares/
  keyward seal change tpm --pcrs 7 --master-key /media/usb/keyward.key
  keyward seal lock                   seal the running service")]
pub(crate) enum SealCommand {
    Show(ShowArgs),
    Change(ChangeArgs),
    Rotate(RotateArgs),
    Lock(LockArgs),
}

/// Show what seals the store, and how far it is open
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  keyward seal show")]
pub(crate) struct ShowArgs {}

/// Seal the running service
///
/// It forgets its keys, and goes on to answer who asks how it is. `keyward unseal` opens it again.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  keyward seal lock && keyward status")]
pub(crate) struct LockArgs {}

/// Destroy what opens the service's store, and with it all of its keys
///
/// The audit log stays. Copies of the store, such as backups, still open for whoever has what
/// opened them then.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  keyward zeroize                     asks for the service's fingerprint
  keyward zeroize --yes-destroy 5f0c…")]
pub(crate) struct ZeroizeArgs {
    /// The fingerprint of the service, as `keyward seal show` prints it: do not ask for it
    #[arg(long, value_name = "FINGERPRINT")]
    yes_destroy: Option<String>,
}

/// Does what `keyward unseal` says.
pub(crate) fn unseal(args: &UnsealArgs, context: &Context) -> Outcome {
    let client = context.client()?;
    let mut seal = client.show_seal()?;
    if args.forget {
        seal = client.unseal(&[], true)?;
    }
    if seal.state == "operational" {
        context.output.note("the service is unsealed already");
        return show(&seal, context);
    }
    let given = match (seal.kind.as_str(), &args.input) {
        ("passphrase", input) => parts(input.as_deref(), "Passphrase", Parts::One)?,
        ("shamir", input) => parts(input.as_deref(), "Share", Parts::Lines)?,
        ("pkcs11" | "tpm", Some(path)) => vec![secrets::copy_or_pin(path)?],
        (_, Some(_)) => {
            let message = format!(
                "there is nothing to give to a store that is sealed by {}: it opens by itself",
                seal.description
            );
            return Err(Failure::usage(message, "leave out --in"));
        }
        ("pkcs11", None) if seal.asks_pin => vec![ask("PIN of the token")?],
        _ => vec![Vec::new().into()],
    };
    for secret in given {
        seal = match args.accept_older_state {
            true => client.unseal_older(&secret)?,
            false => client.unseal(&secret, false)?,
        };
    }
    show(&seal, context)
}

/// Does what a `seal` command says.
pub(crate) fn run(command: &SealCommand, context: &Context) -> Outcome {
    match command {
        SealCommand::Show(ShowArgs {}) => show(&context.client()?.show_seal()?, context),
        SealCommand::Change(args) => change::change(args, context),
        SealCommand::Rotate(args) => change::rotate(args, context),
        SealCommand::Lock(LockArgs {}) => show(&context.client()?.lock_seal()?, context),
    }
}

/// Does what `keyward zeroize` says.
pub(crate) fn zeroize(args: &ZeroizeArgs, context: &Context) -> Outcome {
    let client = context.client()?;
    let fingerprint = match &args.yes_destroy {
        Some(fingerprint) => fingerprint.clone(),
        None => {
            let seal = client.show_seal()?;
            ask_fingerprint(&seal, context)?
        }
    };
    let seal = client.zeroize(&fingerprint)?;
    for left in &seal.leftover {
        context.output.note(&format!("destroy by hand: {left}"));
    }
    show(&seal, context)
}

fn ask_fingerprint(seal: &SealReply, context: &Context) -> Result<String, Failure> {
    context.output.note(&format!(
        "This destroys every key of the service {}, for ever.\nType its fingerprint to go on.",
        seal.service_id
    ));
    let typed = context.ask("Fingerprint", "say --yes-destroy FINGERPRINT")?;
    if typed.eq_ignore_ascii_case(&seal.service_id) {
        return Ok(typed);
    }
    Err(Error::invalid("this is not its fingerprint: nothing was done").into())
}

fn show(seal: &SealReply, context: &Context) -> Outcome {
    context.output.result(&value(seal), || text(seal))
}

fn value(seal: &SealReply) -> Value {
    let shares = (seal.shares > 0)
        .then(|| json!({ "threshold": seal.threshold, "count": seal.shares, "given": seal.given }));
    json!({
        "state": seal.state,
        "seal": seal.kind,
        "description": seal.description,
        "shares": shares,
        "pcrs": seal.pcrs,
        "reason": (!seal.reason.is_empty()).then_some(&seal.reason),
        "since": time::optional_moment(seal.since),
        "service_id": seal.service_id,
        "leftover": seal.leftover,
    })
}

fn text(seal: &SealReply) -> String {
    let mut lines = vec![("state", seal.state.clone()), ("seal", seal.description.clone())];
    if seal.state == "sealed" && seal.shares > 0 {
        let numbers: Vec<String> = seal.given.iter().map(ToString::to_string).collect();
        let numbers = match numbers.is_empty() {
            true => String::new(),
            false => format!(" (numbers {})", numbers.join(", ")),
        };
        lines.push(("given", format!("{} of {}{numbers}", seal.given.len(), seal.threshold)));
    }
    if !seal.reason.is_empty() {
        lines.push(("not open", seal.reason.clone()));
    }
    if seal.since > 0 {
        lines.push(("since", time::moment(seal.since)));
    }
    lines.push(("service id", seal.service_id.clone()));
    facts(&lines)
}
