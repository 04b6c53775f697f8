//! How a command fails, what it prints then, and its exit status.

use std::{
    io,
    path::Path,
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering},
};

use anstyle::{AnsiColor, Style};
use keyward_algorithms::ErrorKind;
use keyward_crypto::CryptoError;
use keyward_protocol::Error;
use serde_json::json;

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It failed.
    Error(Error),
    /// It was called wrongly, in a way that only shows while it runs.
    Usage(Error),
    /// It has told the user itself: a check came out badly.
    Reported,
}

/// What a command comes to.
pub(crate) type Outcome = Result<(), Failure>;

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Error(error)
    }
}

impl Failure {
    /// A wrong call, with what to do instead.
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Failure {
        Failure::Usage(Error::invalid(message).hint(hint))
    }

    /// Tells the user on standard error and gives the exit status.
    pub(crate) fn report(&self, json: bool) -> ExitCode {
        match self {
            Failure::Error(error) => {
                print(error, json);
                ExitCode::from(if NOBODY_TO_ASK.load(Ordering::Relaxed) { 2 } else { 1 })
            }
            Failure::Usage(error) => {
                print(error, json);
                ExitCode::from(2)
            }
            Failure::Reported => ExitCode::from(1),
        }
    }
}

/// A secret was neither given nor could it be asked for: the call was wrong. That shows in the midst of
/// reading a file or opening a store, where errors are those of everybody.
static NOBODY_TO_ASK: AtomicBool = AtomicBool::new(false);

/// The error for a secret that was not given, and that there is nobody to ask for.
pub(crate) fn nobody_to_ask(message: impl Into<String>, hint: impl Into<String>) -> Error {
    NOBODY_TO_ASK.store(true, Ordering::Relaxed);
    Error::invalid(message).hint(hint)
}

/// Prints an error for people, or as one JSON object for programs.
pub(crate) fn print(error: &Error, json: bool) {
    if json {
        let mut object = json!({
            "kind": error.kind.word(),
            "message": error.message,
            "hint": error.hint,
        });
        if let Some(approval) = error.approval {
            object["approval"] = approval.to_string().into();
        }
        eprintln!("{object}");
        return;
    }
    let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
    anstream::eprintln!("{red}error:{red:#} {}", error.message);
    if let Some(hint) = &error.hint {
        let cyan = Style::new().bold().fg_color(Some(AnsiColor::Cyan.into()));
        anstream::eprintln!("{cyan}hint:{cyan:#} {hint}");
    }
}

/// An error about a file: what was to be done with it, and why that failed.
pub(crate) fn file_error(doing: &str, path: &Path, error: &io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
        io::ErrorKind::AlreadyExists => ErrorKind::AlreadyExists,
        io::ErrorKind::IsADirectory | io::ErrorKind::InvalidData => ErrorKind::InvalidArgument,
        io::ErrorKind::StorageFull
        | io::ErrorKind::QuotaExceeded
        | io::ErrorKind::FileTooLarge
        | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::LimitExceeded,
        _ => ErrorKind::Internal,
    };
    let failed = Error::new(kind, format!("cannot {doing} {}: {error}", path.display()));
    match kind {
        ErrorKind::LimitExceeded => failed.hint("make room on that disk, or name a file elsewhere"),
        _ => failed,
    }
}

/// An error of the cryptographic library about something that was read here.
pub(crate) fn crypto_error(error: CryptoError) -> Error {
    let kind = match error {
        CryptoError::Unsupported => ErrorKind::Unsupported,
        CryptoError::InvalidKey | CryptoError::InvalidInput { .. } => ErrorKind::InvalidArgument,
        CryptoError::Failed => ErrorKind::Internal,
    };
    Error::new(kind, error.to_string())
}
