//! `keyward seal change` and `keyward seal rotate`.
//!
//! Whatever opens the store afterwards is in its keepers' hands before the service is asked: should
//! anything be cut off, the old secret opens the store or the new one does.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use keyward_algorithms::ErrorKind;
use keyward_protocol::{
    Error,
    messages::{NewSeal, SealReply},
};
use serde_json::json;
use zeroize::Zeroizing;

use super::{
    secrets::{Parts, new_passphrase, parts, share_list, share_texts, write_shares},
    show,
};
use crate::{
    cli::{
        arguments,
        context::Context,
        failure::{Failure, Outcome, file_error},
    },
    store::{SealKind, Share, SplitSecret, create_master_key, next_master_key},
};

/// What can seal a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// A master key in a file
    KeyFile,
    /// A master key that systemd hands over as a credential
    Credential,
    /// A passphrase
    Passphrase,
    /// Shares that several people hold
    Shamir,
}

/// Put another seal on the store, while the service goes on
///
/// One row is rewritten; keys and connections are not touched. A passphrase, or as many shares as it
/// takes, are asked for where they are the present seal. A new master key is to be made on the
/// service's machine.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  keyward seal change shamir --shares 3/5 --out shares/
  keyward seal change passphrase
  keyward seal change key-file --master-key /etc/keyward/master.key --present-in shares.txt")]
pub(crate) struct ChangeArgs {
    /// What is to seal the store
    #[arg(value_name = "KIND")]
    kind: Kind,
    #[command(flatten)]
    with: WithArgs,
    /// How many shares open the store, of how many
    #[arg(long, value_name = "K/N", value_parser = arguments::shares, default_value = "3/5")]
    shares: (u8, u8),
}

/// Put a new master key, passphrase or set of shares in the place of the present one
///
/// The kind of seal stays. Old backups still open with what opened the store when they were made.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  keyward seal rotate --master-key /etc/keyward/master.key
  keyward seal rotate --out shares/ --present-in shares.txt")]
pub(crate) struct RotateArgs {
    #[command(flatten)]
    with: WithArgs,
}

/// Where secrets come from, and where they go.
#[derive(Args, Debug)]
struct WithArgs {
    /// Where the service reads its master key, or, for a credential, where to write it
    #[arg(long, value_name = "FILE")]
    master_key: Option<PathBuf>,
    /// File with the new passphrase
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Folder for the shares, a file each [default: print them]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// File with the present passphrase or shares, a line each; `-` is standard input
    #[arg(long, value_name = "FILE")]
    present_in: Option<PathBuf>,
}

/// Does what `keyward seal change` says.
pub(super) fn change(args: &ChangeArgs, context: &Context) -> Outcome {
    let seal = context.client()?.show_seal()?;
    put_on(&seal, args.kind, args.shares, &args.with, context)
}

/// Does what `keyward seal rotate` says.
pub(super) fn rotate(args: &RotateArgs, context: &Context) -> Outcome {
    let seal = context.client()?.show_seal()?;
    let kind = match seal.kind.as_str() {
        "passphrase" => Kind::Passphrase,
        "shamir" => Kind::Shamir,
        _ if seal.description.contains("systemd") => Kind::Credential,
        _ => Kind::KeyFile,
    };
    let shares = (seal.threshold as u8, seal.shares as u8);
    put_on(&seal, kind, shares, &args.with, context)
}

fn put_on(
    seal: &SealReply,
    kind: Kind,
    (threshold, count): (u8, u8),
    with: &WithArgs,
    context: &Context,
) -> Outcome {
    if seal.state != "operational" {
        let message = format!("the service is {}, so its seal cannot be changed", seal.state);
        return Err(Error::new(ErrorKind::Sealed, message).hint("keyward unseal").into());
    }
    let present = present(seal, with)?;
    let client = context.client()?;
    let put =
        |next: NewSeal| client.change_seal(present.iter().map(|one| one.to_vec()).collect(), next);
    let changed = match kind {
        Kind::KeyFile | Kind::Credential => {
            let path = with.master_key.as_deref().ok_or_else(|| {
                Failure::usage("where is the master key to be?", "say --master-key FILE")
            })?;
            let draft = MasterKeyDraft::make(path)?;
            let secret = draft.key.to_vec();
            draft.settle(put(NewSeal { kind: SealKind::MasterKey as u32, secret, shares: None }))?
        }
        Kind::Passphrase => {
            let secret = new_passphrase(with.passphrase_file.as_deref())?.to_vec();
            put(NewSeal { kind: SealKind::Passphrase as u32, secret, shares: None })?
        }
        Kind::Shamir => {
            let split = SplitSecret::draw(threshold, count)?;
            give_out(&split.shares, threshold, with.out.as_deref(), context)?;
            let secret = split.secret.to_vec();
            let next = NewSeal { kind: SealKind::Shares as u32, secret, shares: Some(split.set) };
            let changed = put(next)?;
            if with.out.is_none() {
                // The shares are the result.
                context.output.note("the seal was changed: these shares open it now");
                return Ok(());
            }
            changed
        }
    };
    if kind == Kind::Credential {
        context.output.note(
            "encrypt the master key for systemd before the service is started again: \
             systemd-creds encrypt --name=NAME FILE /etc/credstore.encrypted/NAME",
        );
    }
    show(&changed, context)
}

/// Gives the shares out: a file for each in a folder, or on standard output.
fn give_out(shares: &[Share], threshold: u8, folder: Option<&Path>, context: &Context) -> Outcome {
    let threshold = threshold.into();
    if let Some(folder) = folder {
        return write_shares(shares, threshold, folder, context);
    }
    let texts = share_texts(shares)?;
    let values: Vec<_> =
        texts.iter().map(|(number, text)| json!({ "number": number, "share": **text })).collect();
    let value = json!({ "threshold": threshold, "shares": values });
    context.output.result(&value, || share_list(&texts, threshold, shares.len()))
}

/// What opens the present seal, where people hold it.
fn present(seal: &SealReply, with: &WithArgs) -> Result<Vec<Zeroizing<Vec<u8>>>, Error> {
    let from = with.present_in.as_deref();
    match (seal.kind.as_str(), from) {
        ("passphrase", _) => parts(from, "Present passphrase", Parts::One),
        ("shamir", Some(_)) => parts(from, "Present share", Parts::Lines),
        ("shamir", None) => (1..=seal.threshold)
            .map(|number| {
                let what = format!("Present share ({number} of {})", seal.threshold);
                super::secrets::ask(&what)
            })
            .collect(),
        _ => Ok(Vec::new()),
    }
}

/// A new master key that lies beside the present one until the store is sealed by it. The service
/// finds it there too, should it be killed in between.
struct MasterKeyDraft {
    path: PathBuf,
    draft: PathBuf,
    key: Zeroizing<[u8; 32]>,
}

impl MasterKeyDraft {
    fn make(path: &Path) -> Result<MasterKeyDraft, Error> {
        let draft = next_master_key(path);
        if draft.exists() {
            let message = format!("{} is left of an earlier change", draft.display());
            return Err(Error::new(ErrorKind::AlreadyExists, message).hint(
                "if `keyward status` says that the store is sealed by it, give it its name; else \
                 remove it",
            ));
        }
        let key = create_master_key(&draft)?;
        // The service has to read it, whoever runs this.
        let owner = fs::metadata(path).or_else(|_| fs::metadata(path.parent().unwrap_or(path)));
        let kept = owner.and_then(|owner| {
            std::os::unix::fs::chown(&draft, Some(owner.uid()), Some(owner.gid()))
        });
        if let Err(error) = kept {
            let _ = fs::remove_file(&draft);
            return Err(file_error("give to the service's user", &draft, &error));
        }
        Ok(MasterKeyDraft { path: path.to_owned(), draft, key })
    }

    /// Gives the new master key its name once the service has taken it over, and removes it when
    /// the service has refused it.
    fn settle(&self, outcome: Result<SealReply, Error>) -> Result<SealReply, Error> {
        match outcome {
            Ok(seal) => {
                fs::rename(&self.draft, &self.path)
                    .map_err(|error| file_error("give its name to", &self.draft, &error))?;
                Ok(seal)
            }
            Err(error) => {
                use ErrorKind::{Internal, Timeout, Unavailable};
                if [Internal, Timeout, Unavailable].contains(&error.kind) {
                    let hint = format!(
                        "it is not known whether the store is sealed by {}: it stays, and the \
                         service opens with either; `keyward status` will say which",
                        self.draft.display()
                    );
                    return Err(error.hint(hint));
                }
                let _ = fs::remove_file(&self.draft);
                Err(error)
            }
        }
    }
}
