//! `keyward init` and `keyward serve`: the service itself.

use std::{net::SocketAddr, path::PathBuf};

use anstyle::{AnsiColor, Style};
use clap::Args;
use serde_json::json;

use super::{
    arguments,
    failure::Outcome,
    output::{Output, facts},
};
use crate::{
    Config, config,
    dev::{self, DevOptions},
    init::{self, InitOptions, Issued},
};

/// Create the state of a new service and say what it issued
///
/// Makes the master key, the store, the service's certificate authority, the first administrator
/// and a configuration to serve with. Nothing that exists is overwritten.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  keyward init --state /var/lib/keyward --host hsm.example --tls 0.0.0.0:7433
  keyward serve --config /var/lib/keyward/keyward.toml")]
pub(crate) struct InitArgs {
    /// The service's folder
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// Where to put the master key, best on another disk [default: DIR/master.key]
    #[arg(long, value_name = "FILE")]
    master_key: Option<PathBuf>,
    /// Name of the first administrator
    #[arg(long, value_name = "NAME", value_parser = arguments::user_name)]
    #[arg(default_value_t = defaults().administrator)]
    administrator: String,
    /// Host names and addresses under which clients reach the service
    #[arg(long = "host", value_name = "LIST", value_delimiter = ',')]
    #[arg(default_values_t = defaults().hosts)]
    hosts: Vec<String>,
    /// Where to listen for clients on other machines
    #[arg(long, value_name = "IP:PORT", default_value_t = defaults().tls)]
    tls: SocketAddr,
}

/// Run the service
///
/// SIGTERM lets it answer what is in flight and end.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  keyward serve --config /etc/keyward/keyward.toml
  keyward serve --dev                     try it out: no configuration, state in a temporary folder
  keyward serve --dev --state /tmp/hsm --allow-user www-data")]
pub(crate) struct ServeArgs {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = config::DEFAULT_PATH, conflicts_with = "dev")]
    config: PathBuf,
    /// A service for trying things and for tests, never for production
    #[arg(long)]
    dev: bool,
    /// Folder of the development service [default: a temporary one]
    #[arg(long, value_name = "DIR", requires = "dev")]
    state: Option<PathBuf>,
    /// Another local user who may use the development service's keys; may be repeated
    #[arg(long, value_name = "NAME", requires = "dev")]
    allow_user: Vec<String>,
}

/// What the service's own code proposes.
fn defaults() -> InitOptions {
    InitOptions::new(PathBuf::new())
}

/// Does what `keyward init` says.
pub(crate) fn init(args: &InitArgs, output: &Output) -> Outcome {
    let issued = init::init(&InitOptions {
        state: args.state.clone(),
        master_key: args.master_key.clone(),
        administrator: args.administrator.clone(),
        hosts: args.hosts.clone(),
        tls: args.tls,
    })?;
    let value = json!({
        "config": issued.config,
        "service_id": issued.service_id,
        "master_key": issued.master_key,
        "ca": issued.ca,
        "administrator": {
            "name": issued.administrator,
            "certificate": issued.administrator_certificate,
            "key": issued.administrator_key,
            "days": issued.administrator_days,
        },
    });
    output.result(&value, || issued_text(&issued))?;
    output.note(&format!("next: keyward serve --config {}", issued.config.display()));
    Ok(())
}

fn issued_text(issued: &Issued) -> String {
    let of_administrator = |path: &PathBuf, what: &str| {
        format!("{} (of \"{}\", {what})", path.display(), issued.administrator)
    };
    let days = format!("valid for {} days", issued.administrator_days);
    let made = facts(&[
        ("configuration", issued.config.display().to_string()),
        ("service id", issued.service_id.clone()),
        ("authority", issued.ca.display().to_string()),
        ("certificate", of_administrator(&issued.administrator_certificate, &days)),
        ("private key", of_administrator(&issued.administrator_key, "who may let clients in")),
        ("master key", issued.master_key.display().to_string()),
    ]);
    format!(
        "{made}\nKeep safe:\n\
         - the master key: without it all keys are lost, and whoever has it and the state has the\n\
         \x20 keys. Keep a copy where the state is not.\n\
         - the administrator's private key: whoever has it can let clients in.\n"
    )
}

/// Does what `keyward serve` says; comes back when the service has ended.
pub(crate) fn serve(args: &ServeArgs, output: &Output) -> Outcome {
    if !args.dev {
        return Ok(crate::serve(&Config::load(&args.config)?, Some(&args.config), |_| {})?);
    }
    let options = DevOptions { state: args.state.clone(), allow_users: args.allow_user.clone() };
    let service = dev::prepare(&options)?;
    let loud = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
    let gone = if args.state.is_none() { ", and all of them are gone when it ends" } else { "" };
    output.note(&format!(
        "{loud}DEVELOPMENT SERVICE, NOT FOR PRODUCTION:{loud:#} its master key lies beside its \
         keys{gone}."
    ));
    let line = format!("export KEYWARD_ADDRESS={}\n", service.address);
    crate::serve(&service.config, None, |_| {
        // The service goes on when nobody reads its standard output any more.
        let _ = output.result(&json!({ "address": service.address }), || line);
    })?;
    Ok(())
}
