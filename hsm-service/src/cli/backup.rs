//! `keyward backup …`: making, checking and restoring backups.

use std::{fs, path::PathBuf};

use clap::{Args, Subcommand};
use keyward_protocol::{Error, messages::Backups};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{
    context::Context,
    failure::{Outcome, file_error},
    output::{create_file, facts, table},
    seal::AskingSeal,
    time,
};
use crate::{
    Config,
    backup::{self, Manifest, age::Identity},
    config::{self, SealConfig},
};

/// Make, verify, restore and list backups
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  keyward backup identity --out backup.key      who can open backups: keep it elsewhere
  keyward backup create
  keyward backup verify keyward-20261124T172033Z.backup --identity backup.key --master-key master.key")]
pub(crate) enum BackupCommand {
    Identity(IdentityArgs),
    Create(CreateArgs),
    List(ListArgs),
    Verify(VerifyArgs),
    Restore(RestoreArgs),
}

/// Make the identity that opens backups, and print the recipient to configure
///
/// The file is for age too (age-encryption.org). It does not belong on the service's machine.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  keyward backup identity --out backup.key")]
pub(crate) struct IdentityArgs {
    /// Where to write it; nothing is overwritten
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Have the service make a backup now
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  keyward backup create")]
pub(crate) struct CreateArgs {}

/// List the backups in the service's folder
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  keyward backup list")]
pub(crate) struct ListArgs {}

/// Prove that a backup restores, without a service
///
/// Unpacks it in a temporary folder, opens every key in it with the master key, and compares each
/// with its public half.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  keyward backup verify keyward-20261124T172033Z.backup --identity backup.key --master-key master.key")]
pub(crate) struct VerifyArgs {
    /// The backup
    file: PathBuf,
    /// The identity of one of its recipients
    #[arg(long, value_name = "FILE")]
    identity: PathBuf,
    /// The master key [default: what the configuration says]
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    master_key: Option<PathBuf>,
    /// File with the passphrase, the shares, the token's PIN or a copy of the master key of the backup's
    /// store [default: ask, where people hold it]
    #[arg(long, value_name = "FILE")]
    seal_in: Option<PathBuf>,
    /// The service's configuration
    #[arg(long, value_name = "FILE", default_value = config::DEFAULT_PATH)]
    config: PathBuf,
}

/// Restore a backup into the folder of a service that is not running
///
/// What is there is put aside. A backup of another service is refused, and so is one that anybody
/// has changed.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  systemctl stop keyward
  runuser -u keyward -- keyward backup restore keyward-20261124T172033Z.backup --identity backup.key")]
pub(crate) struct RestoreArgs {
    /// The backup
    file: PathBuf,
    /// The identity of one of its recipients
    #[arg(long, value_name = "FILE")]
    identity: PathBuf,
    /// The configuration of the service to restore
    #[arg(long, value_name = "FILE", default_value = config::DEFAULT_PATH)]
    config: PathBuf,
    /// File with the passphrase, the shares, the token's PIN or a copy of the master key of the stores
    /// [default: ask, where people hold it]
    #[arg(long, value_name = "FILE")]
    seal_in: Option<PathBuf>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Does what a `backup` command says.
pub(crate) fn run(command: &BackupCommand, context: &Context) -> Outcome {
    match command {
        BackupCommand::Identity(args) => identity(args, context),
        BackupCommand::Create(CreateArgs {}) => {
            let backups = context.client()?.make_backup()?;
            show(&backups, context)
        }
        BackupCommand::List(ListArgs {}) => show(&context.client()?.list_backups()?, context),
        BackupCommand::Verify(args) => verify(args, context),
        BackupCommand::Restore(args) => restore(args, context),
    }
}

fn identity(args: &IdentityArgs, context: &Context) -> Outcome {
    let identity = Identity::generate()?;
    let recipient = identity.recipient().to_string();
    let secret = identity.to_text()?;
    let text = Zeroizing::new(format!("# public key: {recipient}\n{}\n", *secret));
    create_file(&args.out, 0o600, text.as_bytes())?;
    context.output.document("recipient", &format!("{recipient}\n"))?;
    context.output.note(
        "put the recipient under [backup] in the service's configuration, and the file where the \
         service is not",
    );
    Ok(())
}

fn verify(args: &VerifyArgs, context: &Context) -> Outcome {
    let master_key = match &args.master_key {
        Some(path) => SealConfig::in_file(path),
        None if args.seal_in.is_some() && !args.config.exists() => SealConfig::default(),
        None => Config::load(&args.config)?.seal,
    };
    let seal = AskingSeal::new(master_key, args.seal_in.clone()).with_copy(args.master_key.clone());
    let manifest = backup::verify(&args.file, &identities(&args.identity)?, &seal)?;
    tell("restores", &manifest, json!({}), context)
}

fn restore(args: &RestoreArgs, context: &Context) -> Outcome {
    let config = Config::load(&args.config)?;
    let question = format!("Put this backup in place of the keys in {}?", config.data().display());
    context.confirm(&question, args.yes)?;
    let seal = AskingSeal::new(config.seal.clone(), args.seal_in.clone());
    let restored = backup::restore(&args.file, &identities(&args.identity)?, &config, &seal)?;
    let more = json!({
        "put_aside": restored.aside, "of_the_backup": restored.of_the_backup,
        "keys_with_uses_given_back": restored.given_back,
    });
    tell("restored", &restored.manifest, more, context)?;
    if let Some(aside) = &restored.aside {
        context.output.note(&format!(
            "what was there before is in {}: remove it when nobody needs it any more",
            aside.display()
        ));
    }
    if !restored.of_the_backup.is_empty() {
        context.output.note(&format!(
            "of the backup's day, since nothing later is there: {}; shut out again who was shut out \
             since: keyward client list, keyward client revoke, keyward user list",
            restored.of_the_backup.join(", ")
        ));
    }
    if restored.given_back > 0 {
        context.output.note(&format!(
            "{} keys whose uses are counted have those again that were made since the backup; \
             `keyward key restrict NAME --max-uses` takes some away",
            restored.given_back
        ));
    }
    Ok(())
}

fn identities(path: &PathBuf) -> Result<Vec<Identity>, Error> {
    let text = fs::read_to_string(path).map(Zeroizing::new);
    let text = text.map_err(|error| file_error("read the identity", path, &error))?;
    Identity::parse_file(&text)
}

fn tell(result: &str, manifest: &Manifest, more: Value, context: &Context) -> Outcome {
    let mut value = json!({ "result": result, "manifest": {
        "service": manifest.service, "created": time::moment(manifest.created),
        "version": manifest.version, "keys": manifest.keys, "bytes": manifest.bytes,
        "sha256": manifest.sha256,
    } });
    if let (Value::Object(value), Value::Object(more)) = (&mut value, more) {
        value.extend(more);
    }
    context.output.result(&value, || {
        facts(&[
            ("backup", result.into()),
            ("keys", manifest.keys.to_string()),
            ("made", time::moment(manifest.created)),
            ("service id", manifest.service.clone()),
            ("version", manifest.version.clone()),
        ])
    })
}

fn show(backups: &Backups, context: &Context) -> Outcome {
    let files: Vec<_> = backups
        .files
        .iter()
        .map(|file| {
            let created = time::moment(file.created);
            json!({ "name": file.name, "bytes": file.bytes, "created": created })
        })
        .collect();
    let value = json!({ "folder": backups.folder, "files": files });
    context.output.result(&value, || {
        let rows: Vec<Vec<String>> = backups
            .files
            .iter()
            .map(|file| vec![file.name.clone(), file.bytes.to_string(), time::moment(file.created)])
            .collect();
        format!("{}\n{}", backups.folder, table(&["NAME", "BYTES", "MADE"], &rows))
    })
}
