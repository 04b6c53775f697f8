//! Passphrases and shares: read from files or the terminal, and shown to their custodians.

use std::{
    fs,
    io::{self, IsTerminal},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use keyward_algorithms::ErrorKind;
use keyward_protocol::Error;
use zeroize::Zeroizing;

use crate::{
    cli::{
        context::Context,
        failure::{Outcome, file_error, nobody_to_ask},
        files,
        output::create_file,
        prompt,
    },
    store::{MasterKey, Passphrase, Share},
};

/// What is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parts {
    /// One secret: the first line.
    One,
    /// As many as there are lines.
    Lines,
}

type Secret = Zeroizing<Vec<u8>>;

/// Reads a passphrase or shares from a file, or asks for one on the terminal without showing it.
pub(crate) fn parts(from: Option<&Path>, what: &str, parts: Parts) -> Result<Vec<Secret>, Error> {
    let Some(path) = from else { return Ok(vec![ask(what)?]) };
    let bytes = files::read(path)?;
    // A file as `--out` writes it has a line of explanation, which begins with "#".
    let lines = bytes.split(|byte| *byte == b'\n').map(|line| line.trim_ascii_end());
    let lines = lines.filter(|line| !line.is_empty());
    let secrets: Vec<Secret> = match parts {
        Parts::One => lines.take(1).map(|line| line.to_vec().into()).collect(),
        Parts::Lines => lines
            .filter(|line| !line.starts_with(b"#"))
            .map(|line| line.trim_ascii().to_vec().into())
            .collect(),
    };
    if secrets.is_empty() {
        return Err(Error::invalid(format!("there is nothing in {}", path.display())));
    }
    Ok(secrets)
}

/// What opens a device's seal, from a file: a copy of the master key, or the PIN in the first line.
pub(super) fn copy_or_pin(path: &Path) -> Result<Secret, Error> {
    let bytes = files::read(path)?;
    if MasterKey::is_pem(&bytes) {
        return Ok(bytes);
    }
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(Zeroizing::new(line.trim_ascii_end().to_vec()))
}

/// Asks for a secret on the terminal.
pub(crate) fn ask(what: &str) -> Result<Secret, Error> {
    if !io::stdin().is_terminal() {
        let message = format!("{} is needed, and nobody is there to ask", what.to_lowercase());
        return Err(nobody_to_ask(message, "give it with `--in FILE`, or `--in -`"));
    }
    let typed = prompt::secret(what).map_err(|error| {
        Error::new(ErrorKind::Internal, format!("cannot read from the terminal: {error}"))
    })?;
    Ok(Zeroizing::new(typed.trim_end_matches(['\r', '\n']).as_bytes().to_vec()))
}

/// A new passphrase, from a file or asked for twice.
pub(crate) fn new_passphrase(from: Option<&Path>) -> Result<Secret, Error> {
    let passphrase = match from {
        Some(_) => parts(from, "Passphrase", Parts::One)?.remove(0),
        None => {
            let passphrase = ask("New passphrase")?;
            if ask("The same again")? != passphrase {
                return Err(Error::invalid("the two are not the same: nothing was done"));
            }
            passphrase
        }
    };
    Passphrase::new(&passphrase).check()?;
    Ok(passphrase)
}

/// Shares with their numbers, as text.
pub(crate) type ShareTexts = Vec<(u8, Zeroizing<String>)>;

/// The texts of shares.
pub(crate) fn share_texts(shares: &[Share]) -> Result<ShareTexts, Error> {
    shares.iter().map(|share| Ok((share.number, share.text()?))).collect()
}

/// Shares for a person to read, each under a line that says what it is.
pub(crate) fn share_list(
    shares: &[(u8, Zeroizing<String>)],
    threshold: usize,
    count: usize,
) -> String {
    let line = |(number, text): &(u8, Zeroizing<String>)| {
        format!("\n{}{}\n", heading(*number, threshold, count), **text)
    };
    shares.iter().map(line).collect()
}

/// Makes the folder for the files of so many shares, and sees that they can be written there: shares
/// that could not be given out would be of no use when the store is sealed by them.
pub(crate) fn prepare_for_shares(folder: &Path, count: u8) -> Result<(), Error> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| file_error("make", folder, &error))?;
    for number in 1..=count {
        let path = share_file(folder, number);
        if path.exists() {
            let message = format!("{} exists already", path.display());
            return Err(Error::new(ErrorKind::AlreadyExists, message)
                .hint("nothing was changed; name another folder for the shares"));
        }
    }
    let trial = tempfile::NamedTempFile::new_in(folder);
    trial.map(drop).map_err(|error| file_error("write to", folder, &error))
}

fn share_file(folder: &Path, number: u8) -> PathBuf {
    folder.join(format!("share-{number}.txt"))
}

/// Writes each share into a file of its own.
pub(crate) fn write_shares(
    shares: &[Share],
    threshold: usize,
    folder: &Path,
    context: &Context,
) -> Outcome {
    let count = shares.len();
    for (number, text) in share_texts(shares)? {
        let file = Zeroizing::new(format!("{}{}\n", heading(number, threshold, count), *text));
        create_file(&share_file(folder, number), 0o600, file.as_bytes())?;
    }
    context.output.note(&format!(
        "{count} shares are in {}: give each to another person, and keep none there",
        folder.display()
    ));
    Ok(())
}

fn heading(number: u8, threshold: usize, count: usize) -> String {
    format!("# Keyward share {number} of {count}: any {threshold} of them unseal\n")
}
