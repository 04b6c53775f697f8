//! `keyward init` and `keyward serve`: the service itself.

use std::{net::SocketAddr, path::PathBuf};

use anstyle::{AnsiColor, Style};
use clap::Args;
use serde_json::json;

use super::{
    arguments,
    context::Context,
    failure::{Failure, Outcome, file_error},
    output::{Output, facts},
    seal::{
        DeviceArgs, Kind, Parts, ask, new_passphrase, parts, prepare_for_shares, share_list,
        share_texts, write_shares,
    },
};
use crate::{
    Config,
    config::{self, TokenConfig, TpmAddress, TpmConfig},
    dev::{self, DevOptions},
    init::{self, InitOptions, Issued, SealChoice},
    store::Passphrase,
};

/// Create the state of a new service and say what it issued
///
/// Makes the master key, the store, the service's certificate authority, the first administrator
/// and a configuration to serve with. Nothing that exists is overwritten.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  keyward init --state /var/lib/keyward --host hsm.example --tls 0.0.0.0:7433
  keyward serve --config /var/lib/keyward/keyward.toml
  keyward init --state /var/lib/keyward --seal shamir --shares 3/5
  keyward init --state /var/lib/keyward --seal pkcs11 --module /usr/lib/softhsm/libsofthsm2.so \\
      --token keyward --token-pin-file /etc/keyward/token.pin
  keyward init --state /var/lib/keyward --seal tpm --pcrs 7 --master-key /media/usb/keyward.key")]
pub(crate) struct InitArgs {
    /// The service's folder
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// What is to open the service's store after each start
    #[arg(long, value_name = "KIND", default_value = "key-file")]
    seal: Kind,
    /// Where to put the master key, if there is one, best on another disk [default: DIR/master.key];
    /// with a token or TPM, where to put a copy, which opens the store when that is lost
    #[arg(long, value_name = "FILE")]
    master_key: Option<PathBuf>,
    /// Name of the systemd credential, with `--seal credential`
    #[arg(long, value_name = "NAME", default_value = "keyward-master-key")]
    credential: String,
    /// File with the passphrase, with `--seal passphrase` [default: ask for it]
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// How many shares open the store, of how many, with `--seal shamir`
    #[arg(long, value_name = "K/N", value_parser = arguments::shares, default_value = "3/5")]
    shares: (u8, u8),
    /// Folder for the shares, a file each [default: print them]
    #[arg(long, value_name = "DIR")]
    shares_out: Option<PathBuf>,
    /// PKCS#11 module of the token's maker, with `--seal pkcs11`
    #[arg(long, value_name = "FILE", required_if_eq("seal", "pkcs11"))]
    module: Option<PathBuf>,
    /// Label of the token, with `--seal pkcs11`
    #[arg(long, value_name = "LABEL", required_if_eq("seal", "pkcs11"))]
    token: Option<String>,
    /// Name of the systemd credential with the token's PIN, with `--seal pkcs11`
    #[arg(long, value_name = "NAME")]
    token_pin_credential: Option<String>,
    #[command(flatten)]
    device: DeviceArgs,
    /// Where the TPM is, with `--seal tpm`
    #[arg(long, value_name = "TCTI", value_parser = tpm_address)]
    #[arg(default_value_t = TpmConfig::default().device)]
    tpm: TpmAddress,
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
pub(crate) fn init(args: &InitArgs, context: &Context) -> Outcome {
    let output = &context.output;
    // Before somebody thinks up a passphrase, or shares are drawn.
    init::check_free(&args.state, args.master_key.as_deref())?;
    if let (Kind::Shamir, Some(folder)) = (args.seal, &args.shares_out) {
        prepare_for_shares(folder, args.shares.1)?;
    }
    let seal = match args.seal {
        Kind::KeyFile => SealChoice::KeyFile,
        Kind::Credential => SealChoice::Credential(args.credential.clone()),
        Kind::Passphrase => {
            let passphrase = new_passphrase(args.passphrase_file.as_deref())?;
            SealChoice::Passphrase(Passphrase::new(&passphrase).into())
        }
        Kind::Shamir => SealChoice::Shares(args.shares.0, args.shares.1),
        Kind::Pkcs11 => token(args)?,
        Kind::Tpm => SealChoice::Tpm(args.tpm.clone(), args.device.pcrs.clone()),
    };
    args.device.check(args.seal, args.master_key.as_deref())?;
    let issued = init::init(&InitOptions {
        state: args.state.clone(),
        seal,
        master_key: args.master_key.clone(),
        administrator: args.administrator.clone(),
        hosts: args.hosts.clone(),
        tls: args.tls,
    })?;
    let threshold = usize::from(args.shares.0);
    let shares = match &args.shares_out {
        Some(folder) if !issued.shares.is_empty() => {
            write_shares(&issued.shares, threshold, folder, context)?;
            None
        }
        _ => Some(share_texts(&issued.shares)?),
    };
    let printed: Vec<_> = shares
        .iter()
        .flatten()
        .map(|(number, text)| json!({ "number": number, "share": **text }))
        .collect();
    let value = json!({
        "config": issued.config,
        "service_id": issued.service_id,
        "master_key": issued.master_key,
        "shares": printed,
        "ca": issued.ca,
        "administrator": {
            "name": issued.administrator,
            "certificate": issued.administrator_certificate,
            "key": issued.administrator_key,
            "days": issued.administrator_days,
        },
    });
    output.result(&value, || {
        let shares = shares.as_deref().unwrap_or_default();
        issued_text(&issued, args.seal) + &share_list(shares, threshold, issued.shares.len())
    })?;
    if args.seal == Kind::Credential {
        let (name, path) = (&args.credential, issued.master_key.unwrap_or_default());
        output.note(&format!(
            "first: systemd-creds encrypt --name={name} {} /etc/credstore.encrypted/{name}, then \
             `LoadCredentialEncrypted={name}` in the unit, and remove that file",
            path.display()
        ));
    }
    output.note(&format!("next: keyward serve --config {}", issued.config.display()));
    Ok(())
}

/// The token that is to open the store, with its PIN, which is asked for where it is in no file.
fn token(args: &InitArgs) -> Result<SealChoice, Failure> {
    let absolute = |path: &PathBuf| {
        std::path::absolute(path).map_err(|error| file_error("find", path, &error))
    };
    let config = TokenConfig {
        module: args.module.as_ref().map(absolute).transpose()?.unwrap_or_default(),
        token: args.token.clone().unwrap_or_default(),
        pin_file: args.device.token_pin_file.as_ref().map(absolute).transpose()?,
        pin_credential: args.token_pin_credential.clone(),
    };
    let pin = match &config.pin_file {
        Some(path) => parts(Some(path), "PIN", Parts::One)?.remove(0),
        None => ask("PIN of the token")?,
    };
    Ok(SealChoice::Token(config, pin.into(), args.device.token_key.clone()))
}

fn tpm_address(text: &str) -> Result<TpmAddress, String> {
    TpmAddress::try_from(text.to_owned())
}

fn issued_text(issued: &Issued, seal: Kind) -> String {
    let of_administrator = |path: &PathBuf, what: &str| {
        format!("{} (of \"{}\", {what})", path.display(), issued.administrator)
    };
    let days = format!("valid for {} days", issued.administrator_days);
    let mut lines = vec![
        ("configuration", issued.config.display().to_string()),
        ("service id", issued.service_id.clone()),
        ("authority", issued.ca.display().to_string()),
        ("certificate", of_administrator(&issued.administrator_certificate, &days)),
        ("private key", of_administrator(&issued.administrator_key, "who may let clients in")),
    ];
    if let Some(path) = &issued.master_key {
        lines.push(("master key", path.display().to_string()));
    }
    let secret = match seal {
        Kind::KeyFile | Kind::Credential => {
            "- the master key: without it all keys are lost, and whoever has it and the state has the\n\
             \x20 keys. Keep a copy where the state is not."
        }
        Kind::Passphrase => {
            "- the passphrase: without it all keys are lost. After each start: keyward unseal"
        }
        Kind::Shamir => {
            "- the shares, each with another person: without enough of them all keys are lost. After\n\
             \x20 each start they give them: keyward unseal"
        }
        Kind::Pkcs11 | Kind::Tpm if issued.master_key.is_some() => {
            "- the copy of the master key: it opens the store when the token or TPM is lost, and whoever\n\
             \x20 has it and the state has the keys. Take it off this machine."
        }
        Kind::Pkcs11 => {
            "- the token, its PIN and its own backup: without them all keys are lost. With --master-key\n\
             \x20 FILE, `keyward seal rotate` makes a copy of the master key, which opens the store too."
        }
        Kind::Tpm => "- this machine: all keys are lost with it or its TPM.",
    };
    format!(
        "{}\nKeep safe:\n{secret}\n\
         - the administrator's private key: whoever has it can let clients in.\n",
        facts(&lines)
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
