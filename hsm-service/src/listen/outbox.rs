//! The answers of one connection on their way out, from its own thread and from the lanes.

use std::{
    os::fd::{AsFd, OwnedFd},
    sync::{
        Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicBool, Ordering},
    },
};

use keyward_protocol::{encode_response, messages::Response};
use rustix::{
    io::Errno,
    net::{SendFlags, Shutdown, send, shutdown},
};
use zeroize::Zeroize;

/// What is to be sent, and who sends it.
///
/// Whoever has an answer puts it into `waiting` and then tries to become the one who sends. If
/// someone else is sending, that one looks into `waiting` again before leaving.
#[derive(Default)]
pub(super) struct Outbox {
    waiting: Mutex<Vec<u8>>,
    /// The buffer that is being sent; locked by who sends.
    sending: Mutex<Vec<u8>>,
    /// Somebody has been asked to send what the peer was too slow to take.
    flush_asked: AtomicBool,
}

/// How sending ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// Nothing is left here to be done.
    All,
    /// The peer is too slow: call [`Outbox::flush`] from a thread that may wait.
    FlushNeeded,
    /// The peer is gone, or has not taken its answers in time and was cut off.
    Nowhere,
}

impl Outbox {
    /// Queues an answer.
    pub(super) fn put(&self, response: &mut Response) {
        let mut waiting = lock(&self.waiting);
        if let Err(error) = encode_response(response, &mut waiting) {
            let failure = crate::execute::respond(response.id, Err(error));
            // A failure is far below the limit.
            let _ = encode_response(&failure, &mut waiting);
        }
        crate::execute::wipe(response);
    }

    /// Sends what is queued, waiting for the peer as long as the socket's time limit allows.
    pub(super) fn flush(&self, socket: &OwnedFd) -> Sent {
        self.flush_asked.store(false, Ordering::Release);
        loop {
            let mut sending = lock(&self.sending);
            if !self.refill(&mut sending) {
                return Sent::All;
            }
            let mut sent = 0;
            while sent < sending.len() {
                match send(socket.as_fd(), &sending[sent..], SendFlags::NOSIGNAL) {
                    Ok(count) => sent += count,
                    Err(Errno::INTR) => {}
                    Err(_) => {
                        let _ = shutdown(socket, Shutdown::Both);
                        empty(&mut sending);
                        return Sent::Nowhere;
                    }
                }
            }
            empty(&mut sending);
        }
    }

    /// Sends what is queued as far as this goes without waiting.
    pub(super) fn try_flush(&self, socket: &OwnedFd) -> Sent {
        loop {
            let mut sending = match self.sending.try_lock() {
                Ok(sending) => sending,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                // Who is sending takes this along.
                Err(TryLockError::WouldBlock) => return Sent::All,
            };
            if !self.refill(&mut sending) {
                return Sent::All;
            }
            let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
            match send(socket.as_fd(), &sending, flags) {
                Ok(count) if count == sending.len() => empty(&mut sending),
                Ok(count) => drop(sending.drain(..count)),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    drop(sending);
                    return match self.flush_asked.swap(true, Ordering::AcqRel) {
                        true => Sent::All,
                        false => Sent::FlushNeeded,
                    };
                }
                Err(_) => {
                    empty(&mut sending);
                    return Sent::Nowhere;
                }
            }
        }
    }

    /// Moves what waits into the buffer to be sent; whether there is anything.
    fn refill(&self, sending: &mut Vec<u8>) -> bool {
        let mut waiting = lock(&self.waiting);
        if sending.is_empty() {
            std::mem::swap(&mut *waiting, sending);
        } else {
            sending.append(&mut waiting);
        }
        !sending.is_empty()
    }
}

/// Wipes what was sent. Answers may be secrets: decrypted text, agreed secrets.
pub(super) fn empty(buffer: &mut Vec<u8>) {
    /// A larger buffer is given back.
    const KEPT_BYTES: usize = 16 << 10;
    buffer.as_mut_slice().zeroize();
    buffer.clear();
    if buffer.capacity() > KEPT_BYTES {
        *buffer = Vec::new();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
