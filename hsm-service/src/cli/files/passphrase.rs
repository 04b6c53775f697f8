//! Passphrases of files: from a file, or asked for on the terminal.

use std::{
    io::{self, IsTerminal},
    path::PathBuf,
};

use keyward_algorithms::ErrorKind;
use keyward_protocol::Error;
use zeroize::Zeroizing;

use crate::cli::{failure::nobody_to_ask, prompt};

/// Where the passphrase of an encrypted file comes from, when one is needed.
#[derive(Debug, Default)]
pub struct Source {
    /// The file that was named on the command line.
    pub file: Option<PathBuf>,
}

impl Source {
    /// Gets the passphrase for what `prompt` names.
    pub fn passphrase(&self, prompt: &str) -> Result<Zeroizing<String>, Error> {
        if let Some(path) = &self.file {
            let bytes = super::read(path)?;
            let text = std::str::from_utf8(&bytes).map_err(|_| {
                Error::invalid(format!("the passphrase in {} is not UTF-8", path.display()))
            })?;
            let line = text.lines().next().unwrap_or_default();
            return Ok(Zeroizing::new(line.into()));
        }
        if !io::stdin().is_terminal() {
            return Err(nobody_to_ask(
                format!("{prompt} is encrypted and needs its passphrase"),
                "put it into a file and say --passphrase-file FILE, or call this on a terminal",
            ));
        }
        prompt::secret(&format!("Passphrase of {prompt}")).map_err(|error| {
            Error::new(ErrorKind::Internal, format!("cannot read the passphrase: {error}"))
        })
    }
}
