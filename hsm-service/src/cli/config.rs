//! `keyward config …`: the service's configuration file.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    context::Context,
    failure::Outcome,
    output::{facts, table},
};
use crate::{
    Config,
    config::{self, HealthAddress, UserConfig},
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
    let value = json!({
        "file": args.file,
        "state": config.state,
        "listen": listen,
        "health": health,
        "users": users,
    });
    context.output.result(&value, || {
        let said = facts(&[
            ("file", args.file.display().to_string()),
            ("state", config.state.display().to_string()),
            ("listen", listen.join(", ")),
            ("health", health.clone()),
        ]);
        if config.user.is_empty() {
            return said;
        }
        let rows: Vec<Vec<String>> = config
            .user
            .iter()
            .map(|user| vec![user.name.clone(), roles(user).join(","), identities(user).join(",")])
            .collect();
        format!("{said}\n{}", table(&["USER", "ROLES", "IDENTITIES"], &rows))
    })?;
    context.output.note("the configuration is right");
    Ok(())
}

fn identities(user: &UserConfig) -> Vec<String> {
    user.identities.iter().map(ToString::to_string).collect()
}

fn roles(user: &UserConfig) -> Vec<&'static str> {
    user.roles.iter().map(|role| role.word()).collect()
}
