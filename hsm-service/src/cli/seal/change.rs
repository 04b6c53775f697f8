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
    secrets::{
        Parts, new_passphrase, parts, prepare_for_shares, share_list, share_texts, write_shares,
    },
    show,
};
use crate::{
    cli::{
        arguments,
        context::Context,
        failure::{Failure, Outcome, file_error},
    },
    store::{SealKind, Share, SplitSecret, create_master_key, draw_master_key, next_master_key},
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
    /// A master key that a PKCS#11 token has wrapped
    Pkcs11,
    /// A master key that the machine's TPM has wrapped
    Tpm,
}

/// Put another seal on the store, while the service goes on
///
/// One row is rewritten; keys and connections are not touched. A passphrase, or as many shares as it
/// takes, are asked for where they are the present seal. A new master key is to be made on the
/// service's machine. A token or TPM is the one of the service's configuration.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  keyward seal change shamir --shares 3/5 --out shares/
  keyward seal change passphrase
  keyward seal change pkcs11
  keyward seal change tpm --pcrs 7 --master-key /media/usb/keyward.key
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
    /// Where the service reads its master key, or, for a credential, where to write it; with a token or
    /// TPM, where to put a copy, which opens the store when that is lost
    #[arg(long, value_name = "FILE")]
    master_key: Option<PathBuf>,
    /// File with the new passphrase
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Folder for the shares, a file each [default: print them]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// File with the present passphrase, PIN or shares, a line each; `-` is standard input
    #[arg(long, value_name = "FILE")]
    present_in: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArgs,
}

/// What a token or TPM is told.
#[derive(Args, Debug)]
pub(crate) struct DeviceArgs {
    /// File with the token's PIN [default: the service's own, else ask for it]
    #[arg(long, value_name = "FILE")]
    pub(crate) token_pin_file: Option<PathBuf>,
    /// Label of an RSA key in the token [default: it makes a key]
    #[arg(long, value_name = "LABEL", default_value = "", hide_default_value = true)]
    pub(crate) token_key: String,
    /// Registers of the TPM (PCRs) that must stay as they are for it to open the store: `7` is secure
    /// boot's state
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    #[arg(value_parser = clap::value_parser!(u32).range(0..24))]
    pub(crate) pcrs: Vec<u32>,
    /// Make no copy of the master key for the TPM: what it seals is lost with it
    #[arg(long, conflicts_with = "master_key")]
    pub(crate) without_copy: bool,
}

impl DeviceArgs {
    /// A TPM can't be copied, and opens nothing any more once its machine is changed.
    pub(crate) fn check(&self, kind: Kind, copy: Option<&Path>) -> Result<(), Failure> {
        if kind != Kind::Tpm || self.without_copy || copy.is_some() {
            return Ok(());
        }
        Err(Failure::usage(
            "without a copy of the master key, all keys are lost with the machine or its TPM",
            "say --master-key FILE, best on a medium that is kept elsewhere; or --without-copy",
        ))
    }
}

/// Does what `keyward seal change` says.
pub(super) fn change(args: &ChangeArgs, context: &Context) -> Outcome {
    let seal = context.client()?.show_seal()?;
    let pcrs = args.with.device.pcrs.clone();
    put_on(&seal, args.kind, args.shares, pcrs, &args.with, context)
}

/// Does what `keyward seal rotate` says.
pub(super) fn rotate(args: &RotateArgs, context: &Context) -> Outcome {
    let seal = context.client()?.show_seal()?;
    let kind = match seal.kind.as_str() {
        "passphrase" => Kind::Passphrase,
        "shamir" => Kind::Shamir,
        "pkcs11" => Kind::Pkcs11,
        "tpm" => Kind::Tpm,
        _ if seal.description.contains("systemd") => Kind::Credential,
        _ => Kind::KeyFile,
    };
    let shares = (seal.threshold as u8, seal.shares as u8);
    let pcrs = match args.with.device.pcrs.is_empty() {
        true => seal.pcrs.clone(),
        false => args.with.device.pcrs.clone(),
    };
    put_on(&seal, kind, shares, pcrs, &args.with, context)
}

fn put_on(
    seal: &SealReply,
    kind: Kind,
    (threshold, count): (u8, u8),
    pcrs: Vec<u32>,
    with: &WithArgs,
    context: &Context,
) -> Outcome {
    if seal.state != "operational" {
        let message = format!("the service is {}, so its seal cannot be changed", seal.state);
        return Err(Error::new(ErrorKind::Sealed, message).hint("keyward unseal").into());
    }
    with.device.check(kind, with.master_key.as_deref())?;
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
            let kind = SealKind::MasterKey as u32;
            draft.settle(put(NewSeal { kind, secret, ..NewSeal::default() }))?
        }
        Kind::Pkcs11 => {
            let pin = new_pin(seal, with, &present)?.to_vec();
            let copy = MasterKeyCopy::make(with.master_key.as_deref())?;
            let (kind, secret) = (SealKind::Token as u32, copy.key.to_vec());
            let token_key = with.device.token_key.clone();
            copy.settle(put(NewSeal { kind, secret, pin, token_key, ..NewSeal::default() }))?
        }
        Kind::Tpm => {
            let copy = MasterKeyCopy::make(with.master_key.as_deref())?;
            let (kind, secret) = (SealKind::Tpm as u32, copy.key.to_vec());
            copy.settle(put(NewSeal { kind, secret, pcrs, ..NewSeal::default() }))?
        }
        Kind::Passphrase => {
            let secret = new_passphrase(with.passphrase_file.as_deref())?.to_vec();
            put(NewSeal { kind: SealKind::Passphrase as u32, secret, ..NewSeal::default() })?
        }
        Kind::Shamir => {
            let split = SplitSecret::draw(threshold, count)?;
            give_out(&split.shares, threshold, with.out.as_deref(), context)?;
            let secret = split.secret.to_vec();
            let (kind, shares) = (SealKind::Shares as u32, Some(split.set));
            let changed = put(NewSeal { kind, secret, shares, ..NewSeal::default() })?;
            if with.out.is_none() {
                // The shares are the result.
                context.output.note("the seal was changed: these shares open it now");
                note_backups(context);
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
    note_backups(context);
    show(&changed, context)
}

fn note_backups(context: &Context) {
    context.output.note(
        "older backups open by what sealed the store before: make a new one, `keyward backup create`",
    );
}

/// Gives the shares out: a file for each in a folder, or on standard output.
fn give_out(shares: &[Share], threshold: u8, folder: Option<&Path>, context: &Context) -> Outcome {
    let threshold = threshold.into();
    if let Some(folder) = folder {
        prepare_for_shares(folder, shares.len() as u8)?;
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
        ("pkcs11", _) if seal.asks_pin => parts(from, "Present PIN of the token", Parts::One),
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

/// The token's PIN, where the service has to be told it.
fn new_pin(
    seal: &SealReply,
    with: &WithArgs,
    present: &[Zeroizing<Vec<u8>>],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    match (&with.device.token_pin_file, present.first()) {
        _ if !seal.asks_pin => Ok(Zeroizing::default()),
        (Some(path), _) => Ok(parts(Some(path), "PIN", Parts::One)?.remove(0)),
        (None, Some(pin)) if seal.kind == "pkcs11" => Ok(pin.clone()),
        _ => super::secrets::ask("PIN of the token"),
    }
}

/// A new master key for a device to wrap, and its copy, where one is wanted.
struct MasterKeyCopy {
    path: Option<PathBuf>,
    key: Zeroizing<[u8; 32]>,
}

impl MasterKeyCopy {
    fn make(path: Option<&Path>) -> Result<MasterKeyCopy, Error> {
        let key = match path {
            Some(path) => create_master_key(path)?,
            None => draw_master_key()?,
        };
        Ok(MasterKeyCopy { path: path.map(Path::to_owned), key })
    }

    /// Removes the copy where the service has refused the key.
    fn settle(&self, outcome: Result<SealReply, Error>) -> Result<SealReply, Error> {
        let (Err(error), Some(path)) = (&outcome, &self.path) else { return outcome };
        if is_unsure(error) {
            let hint = format!(
                "it is not known whether the store is sealed by the master key in {}: keep it and \
                 the one before, and say `keyward seal rotate --master-key FILE` again",
                path.display()
            );
            return outcome.map_err(|error| error.hint(hint));
        }
        let _ = fs::remove_file(path);
        outcome
    }
}

/// Whether the service may have done what it was asked for all the same.
fn is_unsure(error: &Error) -> bool {
    use ErrorKind::{Internal, Timeout, Unavailable};
    [Internal, Timeout, Unavailable].contains(&error.kind)
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
                if is_unsure(&error) {
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
