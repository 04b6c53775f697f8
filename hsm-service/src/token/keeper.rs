//! Starts workers for a service that can't any more: a process that the service has started before
//! it was confined. It knows the module and the token from its start and starts nothing else, so who
//! takes the service over gets no more from it than the service had.

use std::{
    ffi::OsString,
    io::{self, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::process::CommandExt,
    },
    process::{ChildStdin, ChildStdout, Command, Stdio},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use keyward_algorithms::ErrorKind;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use zeroize::Zeroizing;

use super::{failed, helper, message::Reply, worker};
use crate::{Error, Result, harden};

/// The part of a keeper.
pub(super) const NAME: &str = "keyward-token-keeper";

/// How long a worker may take. Tokens of the size of a thumb need half a minute for a new key.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long a worker may go on once the service has ended. Not at all would be wrong: a token in files,
/// such as SoftHSM's, is no token any more when it is cut off while it writes.
const GRACE: Duration = Duration::from_secs(5);

/// The most that is said in one message.
pub(super) const MAX_BYTES: usize = 1 << 16;

/// The service's end of its keeper.
pub(super) struct Keeper(Mutex<(ChildStdin, ChildStdout)>);

impl Keeper {
    /// Starts a keeper. It ends with this process, whose end of the pipe closes then.
    pub(super) fn start(mut command: Command) -> Result<Keeper> {
        // Sockets that systemd has handed over are not for it.
        let _ = sd_notify::listen_fds();
        let started = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // An interrupt from the keyboard is the service's affair.
            .process_group(0)
            .spawn();
        let child = started.map_err(|error| cannot_start(&error))?;
        let (Some(stdin), Some(stdout)) = (child.stdin, child.stdout) else {
            return Err(failed("the keeper of the token has no pipes"));
        };
        Ok(Keeper(Mutex::new((stdin, stdout))))
    }

    /// Asks the token by way of the keeper.
    pub(super) fn ask(&self, request: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let mut pipes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (stdin, stdout) = &mut *pipes;
        let asked = write_frame(stdin, request).and_then(|()| read_frame(stdout));
        let gone = || {
            failed("the process that reaches the PKCS#11 token for the service has ended")
                .hint("restart the service; see its log for why")
        };
        asked.ok().flatten().ok_or_else(gone)
    }
}

/// What a keeper does until the service has ended.
pub(super) fn keep(arguments: Vec<OsString>) {
    harden::harden();
    let (service, mut stdout) = (io::stdin(), io::stdout().lock());
    while let Ok(Some(request)) = read_frame(&mut service.lock()) {
        let worker = helper(worker::NAME, arguments.clone());
        let reply = run_worker(worker, &request, Some(service.as_fd()))
            .unwrap_or_else(|error| Reply::write(Err(error)));
        if write_frame(&mut stdout, &reply).is_err() {
            break;
        }
    }
}

/// Starts a worker, asks it, and waits until it has ended, which it does not for ever, nor long once
/// the other end of the asker's pipe has closed.
pub(super) fn run_worker(
    mut command: Command,
    request: &[u8],
    asker: Option<BorrowedFd<'_>>,
) -> Result<Zeroizing<Vec<u8>>> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| cannot_start(&error))?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let answer = stdin.zip(stdout).and_then(|(mut stdin, mut stdout)| {
        // A worker that has ended early says why below.
        let _ = stdin.write_all(request);
        drop(stdin);
        read_to_end(&mut stdout, Instant::now() + PATIENCE, asker)
    });
    if answer.is_none() {
        let _ = child.kill();
    }
    let status = child.wait();
    let Some(answer) = answer else {
        return Err(failed(format!(
            "the PKCS#11 module did not answer within {} s",
            PATIENCE.as_secs()
        ))
        .hint(
            "see whether its token is reached, by `pkcs11-tool --module FILE --list-slots` say",
        ));
    };
    match status {
        Ok(status) if status.success() => Ok(answer),
        Ok(status) => Err(failed(format!(
            "the PKCS#11 module failed: its process ended by {status}"
        ))
        .hint("see its own log; `pkcs11-tool --module FILE --test` tries it without Keyward")),
        Err(error) => Err(failed(format!("the worker of the token got lost: {error}"))),
    }
}

/// Everything until the other end closes; nothing, where that takes too long or it is too much.
fn read_to_end(
    stdout: &mut ChildStdout,
    mut end: Instant,
    mut asker: Option<BorrowedFd<'_>>,
) -> Option<Zeroizing<Vec<u8>>> {
    // Never moved, so that nothing of it stays behind in freed memory.
    let mut bytes = Zeroizing::new(vec![0; MAX_BYTES]);
    let mut filled = 0;
    loop {
        let left = end.checked_duration_since(Instant::now())?;
        let left = Timespec::try_from(left).ok()?;
        let mut watched = vec![PollFd::new(&*stdout, PollFlags::IN)];
        // That it has ended is told without being asked for.
        watched.extend(asker.map(|asker| PollFd::from_borrowed_fd(asker, PollFlags::empty())));
        let happened = poll(&mut watched, Some(&left));
        let asker_is_gone = watched.get(1).is_some_and(|asker| !asker.revents().is_empty());
        match happened {
            Ok(0) => return None,
            Ok(_) if asker_is_gone => {
                asker = None;
                end = end.min(Instant::now() + GRACE);
            }
            Ok(_) => match stdout.read(bytes.get_mut(filled..).filter(|room| !room.is_empty())?) {
                Ok(0) => {
                    bytes.truncate(filled);
                    return Some(bytes);
                }
                Ok(more) => filled += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return None,
            },
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return None,
        }
    }
}

fn write_frame(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    to.write_all(&length.to_be_bytes())?;
    to.write_all(bytes)?;
    to.flush()
}

/// The next message; none at the end.
fn read_frame(from: &mut impl Read) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut length = [0; 4];
    if let Err(error) = from.read_exact(&mut length) {
        return match error.kind() {
            io::ErrorKind::UnexpectedEof => Ok(None),
            _ => Err(error),
        };
    }
    let length = u32::from_be_bytes(length) as usize;
    if length > MAX_BYTES {
        return Err(io::Error::other("too long"));
    }
    let mut bytes = Zeroizing::new(vec![0; length]);
    from.read_exact(&mut bytes)?;
    Ok(Some(bytes))
}

fn cannot_start(error: &io::Error) -> Error {
    let message = format!("cannot start the process that reaches the PKCS#11 token: {error}");
    Error::new(ErrorKind::Internal, message)
}
