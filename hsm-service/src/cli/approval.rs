//! `keyward approval …`: acts that wait for others.

use clap::{Args, Subcommand};
use keyward_algorithms::{ErrorKind, Operation};
use keyward_protocol::{
    ApprovalId, Error, KeyId, KeySelector,
    messages::{Approval, ApprovalState, Decision},
};
use serde_json::{Value, json};

use super::{
    arguments,
    context::Context,
    failure::Outcome,
    output::{facts, table},
    time,
};
use crate::{issue::hex, span::Span};

/// Decide on what others ask for, and follow what you have asked for
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Example:
  keyward approval list
  keyward approval approve 8c1f0a52e6b97d34")]
pub(crate) enum ApprovalCommand {
    Ask(AskArgs),
    List(ListArgs),
    Show(ShowArgs),
    Approve(ApproveArgs),
    Deny(DenyArgs),
    Cancel(CancelArgs),
}

/// Ask for uses of a key that is used with approvals alone
///
/// The uses take it up by themselves when others have approved, each counted. A use that has no
/// approval asks for one by itself, for that use alone.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  keyward approval ask code-signing --uses 10 --for 1h")]
pub(crate) struct AskArgs {
    /// The key
    #[arg(value_parser = arguments::key)]
    name: KeySelector,
    /// How many uses
    #[arg(long, value_name = "N", default_value_t = 1)]
    uses: u32,
    /// Within what time from the first one: 30m, 1h, 7d
    #[arg(long = "for", value_name = "TIME", default_value = "1h")]
    time: Span,
}

/// List what you have asked for and what you may decide
///
/// Administrators and auditors see all. What came to its end stays for a day.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  keyward approval list")]
pub(crate) struct ListArgs {}

/// Show exactly what an approval allows, and who has decided
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  keyward approval show 8c1f0a52e6b97d34")]
pub(crate) struct ShowArgs {
    /// The approval
    id: ApprovalId,
}

/// Approve what another user asks for
///
/// When enough have, the one who asked repeats the command with `--approval ID`, and it is done
/// once.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  keyward approval approve 8c1f0a52e6b97d34")]
pub(crate) struct ApproveArgs {
    /// The approval
    id: ApprovalId,
}

/// Deny what another user asks for, for good
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  keyward approval deny 8c1f0a52e6b97d34")]
pub(crate) struct DenyArgs {
    /// The approval
    id: ApprovalId,
}

/// Take back what you have asked for
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  keyward approval cancel 8c1f0a52e6b97d34")]
pub(crate) struct CancelArgs {
    /// The approval
    id: ApprovalId,
}

/// Does what an `approval` command says.
pub(crate) fn run(command: &ApprovalCommand, context: &Context) -> Outcome {
    let client = context.client()?;
    let approval = match command {
        ApprovalCommand::Ask(args) => {
            let key = client.find(&args.name)?;
            let id = client.ask_for_uses(&key.id, args.uses, args.time.seconds())?;
            client.list_approvals(Some(id))?.pop().ok_or_else(|| absent(id))?
        }
        ApprovalCommand::List(_) => return list(&client.list_approvals(None)?, context),
        ApprovalCommand::Show(args) => {
            client.list_approvals(Some(args.id))?.pop().ok_or_else(|| absent(args.id))?
        }
        ApprovalCommand::Approve(args) => client.approve(args.id)?,
        ApprovalCommand::Deny(args) => client.deny(args.id)?,
        ApprovalCommand::Cancel(args) => client.cancel_approval(args.id)?,
    };
    context.output.result(&value(&approval), || text(&approval))
}

fn absent(id: ApprovalId) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no approval {id}"))
}

fn list(approvals: &[Approval], context: &Context) -> Outcome {
    let values: Vec<Value> = approvals.iter().map(value).collect();
    context.output.result(&values, || {
        let rows: Vec<Vec<String>> = approvals
            .iter()
            .map(|approval| {
                let or_none = |text: &str| if text.is_empty() { "-".into() } else { text.into() };
                vec![
                    id(approval),
                    state(approval).into(),
                    approval.user.clone(),
                    operation(approval).into(),
                    or_none(&approval.key),
                    given(approval),
                    time::moment(approval.expires),
                ]
            })
            .collect();
        table(&["ID", "STATE", "USER", "OPERATION", "KEY", "APPROVED", "EXPIRES"], &rows)
    })
}

fn text(approval: &Approval) -> String {
    let mut lines = vec![
        ("approval", id(approval)),
        ("state", state(approval).into()),
        ("asked by", format!("{} ({})", approval.user, approval.identity)),
        ("operation", operation(approval).into()),
    ];
    if !approval.key.is_empty() {
        lines.push(("key", format!("{} version {}", approval.key, approval.key_version)));
        lines.push(("key id", key_id(approval)));
    }
    lines.extend(approval.facts.iter().map(|fact| match fact.split_once(' ') {
        Some((word, text)) => (word, text.to_owned()),
        None => (fact.as_str(), "yes".to_owned()),
    }));
    lines.push(("digest", hex(&approval.digest)));
    lines.push(("asked", time::moment(approval.asked)));
    lines.push(("expires", time::moment(approval.expires)));
    lines.push(("approvers", approval.approvers.join(", ")));
    lines.push(("approved", given(approval)));
    lines.extend(approval.decisions.iter().map(|decision| {
        let Decision { user, identity, time, .. } = decision;
        let said = format!("{user} ({identity}) {}", time::moment(*time));
        (if decision.approves { "by" } else { "denied by" }, said)
    }));
    if approval.uses_end != 0 {
        let end = time::moment(approval.uses_end);
        lines.push(("uses left", format!("{}, until {end}", approval.uses_left)));
    }
    facts(&lines)
}

fn value(approval: &Approval) -> Value {
    let decisions: Vec<Value> = approval
        .decisions
        .iter()
        .map(|Decision { user, identity, approves, time }| {
            let time = time::moment(*time);
            json!({ "user": user, "identity": identity, "approves": approves, "time": time })
        })
        .collect();
    json!({
        "id": id(approval),
        "state": state(approval),
        "user": approval.user,
        "identity": approval.identity,
        "operation": operation(approval),
        "key": approval.key,
        "key_id": key_id(approval),
        "key_version": approval.key_version,
        "facts": approval.facts,
        "digest": hex(&approval.digest),
        "needed": approval.needed,
        "approvers": approval.approvers,
        "asked": time::moment(approval.asked),
        "expires": time::moment(approval.expires),
        "decisions": decisions,
        "uses_left": approval.uses_left,
        "uses_end": time::optional_moment(approval.uses_end),
    })
}

fn id(approval: &Approval) -> String {
    ApprovalId::from_wire(approval.id).map(|id| id.to_string()).unwrap_or_default()
}

fn key_id(approval: &Approval) -> String {
    KeyId::try_from(approval.key_id.as_slice()).map(|id| id.to_string()).unwrap_or_default()
}

fn operation(approval: &Approval) -> &'static str {
    Operation::from_code(approval.operation).map_or("unknown", |operation| operation.row().name)
}

/// How many have approved, of how many.
fn given(approval: &Approval) -> String {
    let given = approval.decisions.iter().filter(|decision| decision.approves).count();
    format!("{given} of {}", approval.needed)
}

/// The word for how it stands.
fn state(approval: &Approval) -> &'static str {
    match approval.state() {
        ApprovalState::Waiting => "waiting",
        ApprovalState::Approved => "approved",
        ApprovalState::Denied => "denied",
        ApprovalState::Cancelled => "cancelled",
        ApprovalState::Expired => "expired",
        ApprovalState::Outdated => "outdated",
        ApprovalState::Begun => "being done",
        ApprovalState::Used => "used",
        ApprovalState::Unknown => "unknown",
    }
}
