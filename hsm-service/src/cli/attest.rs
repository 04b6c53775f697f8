//! `keyward attest`: signed statements about keys.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use keyward_protocol::{Error, KeySelector};
use serde_json::json;

use super::{
    arguments::{self, Bytes},
    context::Context,
    failure::{Failure, Outcome},
    files::{self, chain},
    output::facts,
};
use crate::attestation::{
    Statement,
    verify::{MAX_BYTES, verify},
};

/// Have the service sign a statement about a key, or check one
///
/// The statement says what the key is, where it was made, and what became of it; it is a JSON Web
/// Signature (RFC 7515). The nonce is drawn by whoever wants the statement, so that an old one is not
/// taken for it. docs/attestation.md says what it is worth.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(after_help = "\
Examples:
  keyward attest web --nonce 6f1c…9a > web.jws      # on the service's side
  keyward attest verify web.jws --ca ca.crt --nonce 6f1c…9a")]
pub(crate) struct AttestArgs {
    #[command(subcommand)]
    command: Option<AttestCommand>,
    /// The key: NAME, OWNER/NAME, id=HEX or a keyward: URI
    #[arg(value_name = "NAME", value_parser = arguments::key, required = true)]
    name: Option<KeySelector>,
    /// Bytes that whoever wants the statement has drawn, 16 to 64 in hexadecimal: openssl rand -hex 32
    #[arg(long, value_name = "HEX", value_parser = arguments::hexadecimal, required = true)]
    nonce: Option<Bytes>,
}

#[derive(Debug, Subcommand)]
enum AttestCommand {
    Verify(VerifyArgs),
}

/// Check a statement, without the service
///
/// It must have been signed by a service of the authority that --ca or the setting `ca` names (several
/// in one file are believed alike), and answer this nonce. Prints what it says.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  keyward attest verify web.jws --ca ca.crt --nonce 6f1c…9a --json")]
pub(crate) struct VerifyArgs {
    /// The statement; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The nonce that was given to the service's side
    #[arg(long, value_name = "HEX", value_parser = arguments::hexadecimal)]
    nonce: Bytes,
}

/// Does what `keyward attest` says.
pub(crate) fn run(args: &AttestArgs, context: &Context) -> Outcome {
    match (&args.command, &args.name, &args.nonce) {
        (Some(AttestCommand::Verify(args)), ..) => check(args, context),
        (None, Some(name), Some(Bytes(nonce))) => {
            let client = context.client()?;
            let key = client.find(name)?;
            let statement = client.attest(&key.id, nonce)?;
            let value = json!({ "id": key.id.to_string(), "statement": statement });
            context.output.result(&value, || format!("{statement}\n"))
        }
        _ => Err(Failure::usage("a key and a nonce are wanted", "see keyward attest --help")),
    }
}

fn check(args: &VerifyArgs, context: &Context) -> Outcome {
    let Some(ca) = context.authority()? else {
        return Err(Failure::usage("no authority is named that is believed", "add --ca FILE"));
    };
    let authorities = chain::read(ca.as_ref())?;
    let bytes = files::read(&args.file)?;
    let unreadable = || Error::invalid(format!("{} is no statement", args.file.display()));
    if bytes.len() > MAX_BYTES {
        return Err(unreadable().into());
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| unreadable())?;
    let statement = verify(text, &authorities, &args.nonce.0)?;
    context.output.result(&statement, || shown(&statement))?;
    if statement.service.development {
        context.output.note("note: this service is for trying things; its word is worth nothing");
    }
    Ok(())
}

fn shown(statement: &Statement) -> String {
    let Statement { time, service, key, .. } = statement;
    let fips = if service.fips { ", in a FIPS module" } else { "" };
    let or_none = |moment: &Option<String>| moment.clone().unwrap_or_else(|| "none".into());
    let all =
        if key.algorithms.is_empty() { "all of its type".into() } else { key.algorithms.join(",") };
    let mut lines = vec![
        ("said at", time.clone()),
        ("by", format!("keyward {}{fips}, service {}", service.version, service.id)),
        ("key", format!("{}/{} (id {})", key.owner, key.name, key.id)),
        ("type", key.key_type.clone()),
        ("usage", key.usage.join(",")),
        ("exportable", if key.exportable { "yes, wrapped" } else { "no" }.into()),
        ("origin", key.origin.clone()),
        ("created", key.created.clone()),
        ("algorithms", all),
        ("not before", or_none(&key.not_before)),
        ("not after", or_none(&key.not_after)),
    ];
    if let (Some(most), Some(used)) = (key.max_uses, key.uses) {
        lines.push(("uses", format!("{used} of {most}")));
    }
    lines.extend(key.max_rate.clone().map(|rate| ("at most", rate)));
    lines.extend(key.public_key.clone().map(|spki| ("public key", spki)));
    lines.extend(key.history.iter().map(|one| {
        ("history", format!("{} {} by {} {}", one.time, one.event, one.by, one.detail))
    }));
    facts(&lines)
}
