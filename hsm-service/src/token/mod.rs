//! A PKCS#11 token, reached through the module that its maker supplies.
//!
//! The module is foreign code, so it is never in a process that holds keys, nor in one that lives
//! long. Each request to the token has a `worker` of its own: this program again, which loads the
//! module, answers and ends. A module that crashes or hangs takes nothing else with it, and a token
//! that was plugged in meanwhile is seen. A service can't start programs once it is confined, so a
//! `keeper` that it started before does that for it.
//!
//! ```text
//! service ── request ──► keeper ── starts, request ──► worker ──► module ──► token
//! init, backup verify … ───────── starts, request ──► worker
//! ```

mod keeper;
mod message;
mod worker;

use std::{
    ffi::OsString,
    path::PathBuf,
    process::{Command, ExitCode},
};

use keyward_algorithms::{Digest, ErrorKind};
use zeroize::Zeroizing;

use crate::{Error, Result, config::TokenConfig};
use keeper::Keeper;
use message::{Reply, Request};

/// A token.
pub struct Token {
    module: PathBuf,
    label: String,
    /// Who starts workers, where this process can't.
    keeper: Option<Keeper>,
}

/// A key pair (RSA) in a token.
pub(crate) struct TokenKey {
    /// The token's serial number.
    pub(crate) serial: String,
    /// The key's label.
    pub(crate) label: String,
    /// The key's `CKA_ID`.
    pub(crate) id: Vec<u8>,
    /// Its public half as DER SubjectPublicKeyInfo.
    pub(crate) spki: Vec<u8>,
}

impl Token {
    /// The token of this configuration.
    pub fn new(config: &TokenConfig) -> Token {
        Token { module: config.module.clone(), label: config.token.clone(), keeper: None }
    }

    /// The same for a process that will be able to start no more programs.
    pub fn kept(config: &TokenConfig) -> Result<Token> {
        let token = Token::new(config);
        let keeper = Keeper::start(token.helper(keeper::NAME))?;
        Ok(Token { keeper: Some(keeper), ..token })
    }

    /// What it is, for messages.
    pub(crate) fn describe(&self) -> String {
        format!("the PKCS#11 token \"{}\" (module {})", self.label, self.module.display())
    }

    /// The token's label.
    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// A key that decrypts: the one of this label, or a new one where there is none.
    pub(crate) fn key(&self, pin: &[u8], label: &str) -> Result<TokenKey> {
        let reply =
            self.ask(Request { pin: pin.to_vec(), key_label: label.into(), ..Request::default() })?;
        Ok(TokenKey {
            serial: reply.serial,
            label: reply.key_label,
            id: reply.id,
            spki: reply.spki,
        })
    }

    /// Decrypts by a key of the token (RSA-OAEP).
    pub(crate) fn decrypt(
        &self,
        pin: &[u8],
        id: &[u8],
        digest: Digest,
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>> {
        let reply = self.ask(Request {
            pin: pin.to_vec(),
            id: id.to_vec(),
            digest: digest.code(),
            ciphertext: ciphertext.to_vec(),
            ..Request::default()
        })?;
        Ok(Zeroizing::new(reply.secret))
    }

    fn ask(&self, request: Request) -> Result<Reply> {
        let request = request.write();
        // A keeper ends at what it does not understand, and the service starts no other.
        if request.len() > keeper::MAX_BYTES {
            return Err(Error::invalid("no token has a PIN or the label of a key as long as this"));
        }
        let reply = match &self.keeper {
            Some(keeper) => keeper.ask(&request)?,
            None => keeper::run_worker(self.helper(worker::NAME), &request, None)?,
        };
        Reply::read(&reply)
    }

    /// This very program in another part.
    fn helper(&self, name: &str) -> Command {
        helper(name, [self.module.clone().into(), self.label.clone().into()])
    }
}

/// This very program in another part, also where its file was replaced meanwhile.
fn helper(name: &str, arguments: impl IntoIterator<Item = OsString>) -> Command {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new("/proc/self/exe");
    command.arg0(name).args(arguments);
    // It has nothing to tell systemd, and takes over no socket.
    for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS"] {
        command.env_remove(name);
    }
    command
}

/// Plays the part that this process was started for, if it is one of those here.
pub(crate) fn play_part() -> Option<ExitCode> {
    let mut arguments = std::env::args_os();
    let name = arguments.next()?;
    if name == keeper::NAME {
        keeper::keep(arguments.collect());
        return Some(ExitCode::SUCCESS);
    }
    if name == worker::NAME {
        let (module, label) = (arguments.next()?, arguments.next()?);
        return Some(worker::work(module.as_ref(), &label.to_string_lossy()));
    }
    None
}

/// An error for a token that does not do what it should. Never `unavailable`, which clients take
/// for an outage of the service and try again.
fn failed(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Sealed, message)
}
