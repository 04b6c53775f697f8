//! `keyward config …`: the service's configuration file.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    context::Context,
    failure::Outcome,
    output::{facts, table},
};
use crate::{
    Config,
    config::{self, HealthAddress, QuorumConfig, UserConfig},
};

/// Check the service's configuration
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Example:
  keyward config check && systemctl reload keyward")]
pub(crate) enum ConfigCommand {
    Check(CheckArgs),
}

/// Say whether a configuration file is right, and what it says
///
/// Reads the file as the service would at its start or at a reload, without touching the service.
/// A setting that is not known is an error that names the nearest one.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  keyward config check /etc/keyward/keyward.toml")]
pub(crate) struct CheckArgs {
    /// The configuration file
    #[arg(value_name = "FILE", default_value = config::DEFAULT_PATH)]
    file: PathBuf,
}

/// Does what a `config` command says.
pub(crate) fn run(command: &ConfigCommand, context: &Context) -> Outcome {
    match command {
        ConfigCommand::Check(args) => check(args, context),
    }
}

fn check(args: &CheckArgs, context: &Context) -> Outcome {
    let config = Config::load(&args.file)?;
    let listen: Vec<String> = config.listen.iter().map(ToString::to_string).collect();
    let health = match config.health_address() {
        HealthAddress::Unix(path) => format!("unix:{}", path.display()),
        HealthAddress::Tcp(address) => address.to_string(),
        HealthAddress::Off => "off".into(),
    };
    let users: Vec<_> = config
        .user
        .iter()
        .map(|user| {
            json!({ "name": user.name, "identities": identities(user), "roles": roles(user) })
        })
        .collect();
    let quorum: Vec<_> = config.quorum.iter().map(rule).collect();
    let backups = match config.backup.recipients.len() {
        0 => "none: [backup] names no recipients".into(),
        count => format!("{}, for {count} recipients", config.backup_folder().display()),
    };
    let value = json!({
        "file": args.file,
        "state": config.state,
        "listen": listen,
        "health": health,
        "users": users,
        "quorum": quorum,
        "backups": (!config.backup.recipients.is_empty()).then(|| config.backup_folder()),
    });
    context.output.result(&value, || {
        let said = facts(&[
            ("file", args.file.display().to_string()),
            ("state", config.state.display().to_string()),
            ("listen", listen.join(", ")),
            ("health", health.clone()),
            ("backups", backups),
        ]);
        let users = config
            .user
            .iter()
            .map(|user| vec![user.name.clone(), roles(user).join(","), identities(user).join(",")]);
        let rules = config.quorum.iter().map(|rule| {
            let QuorumConfig { approvals, lifetime, .. } = rule;
            let (operations, approvers) = (operations(rule).join(","), approvers(rule).join(","));
            vec![operations, approvals.to_string(), approvers, lifetime.to_string()]
        });
        let tables = [
            (&["USER", "ROLES", "IDENTITIES"][..], users.collect::<Vec<_>>()),
            (&["QUORUM FOR", "APPROVALS", "APPROVERS", "WITHIN"][..], rules.collect()),
        ];
        let tables = tables.iter().filter(|(_, rows)| !rows.is_empty());
        tables.fold(said, |said, (heads, rows)| format!("{said}\n{}", table(heads, rows)))
    })?;
    context.output.note("the configuration is right");
    Ok(())
}

fn rule(rule: &QuorumConfig) -> Value {
    json!({
        "operations": operations(rule),
        "approvals": rule.approvals,
        "approvers": approvers(rule),
        "lifetime": rule.lifetime.to_string(),
    })
}

fn operations(rule: &QuorumConfig) -> Vec<&'static str> {
    rule.operations.iter().map(|operation| operation.row().name).collect()
}

fn approvers(rule: &QuorumConfig) -> Vec<String> {
    rule.approvers.iter().map(ToString::to_string).collect()
}

fn identities(user: &UserConfig) -> Vec<String> {
    user.identities.iter().map(ToString::to_string).collect()
}

fn roles(user: &UserConfig) -> Vec<&'static str> {
    user.roles.iter().map(|role| role.word()).collect()
}
