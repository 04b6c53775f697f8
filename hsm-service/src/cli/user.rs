//! `keyward user …`: who there is.

use clap::{Args, Subcommand};
use serde_json::json;

use super::{context::Context, failure::Outcome, output::table};

/// See the users of the service
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Example:
  keyward user list")]
pub(crate) enum UserCommand {
    List(ListArgs),
}

/// List the users: those of the configuration, and those that client certificates name
///
/// Only administrators may. A user comes and goes with its `user` section of the service's
/// configuration and `systemctl reload keyward`, or with `keyward client enrol` and `revoke`.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  keyward user list")]
pub(crate) struct ListArgs {}

/// Does what a `user` command says.
pub(crate) fn run(command: &UserCommand, context: &Context) -> Outcome {
    match command {
        UserCommand::List(_) => list(context),
    }
}

fn list(context: &Context) -> Outcome {
    let users = context.client()?.list_users()?;
    let values: Vec<_> = users
        .iter()
        .map(|user| {
            json!({
                "name": user.name,
                "roles": user.roles,
                "identities": user.identities,
                "sources": user.sources,
                "configured": user.configured,
            })
        })
        .collect();
    context.output.result(&values, || {
        let or_none = |list: &[String]| if list.is_empty() { "-".into() } else { list.join(",") };
        let rows: Vec<Vec<String>> = users
            .iter()
            .map(|user| {
                let known = if user.configured { "configuration" } else { "certificate" };
                let identities = or_none(&user.identities);
                let sources = or_none(&user.sources);
                vec![user.name.clone(), or_none(&user.roles), known.into(), identities, sources]
            })
            .collect();
        table(&["USER", "ROLES", "KNOWN BY", "IDENTITIES", "SOURCES"], &rows)
    })
}
