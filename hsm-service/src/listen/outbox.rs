//! The answers of one connection on their way out, from its own thread and from the lanes.

use std::{
    os::fd::{AsFd, OwnedFd},
    sync::{
        Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicBool, Ordering},
    },
};

use keyward_protocol::{constants::PREFIX_BYTES, encode_response, messages::Response};
use prost::Message;
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
        make_room(&mut waiting, PREFIX_BYTES + response.encoded_len());
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
            self.refill(&mut sending);
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
            if self.leave(sending) {
                return Sent::All;
            }
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
            self.refill(&mut sending);
            while !sending.is_empty() {
                let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
                match send(socket.as_fd(), &sending, flags) {
                    Ok(count) => remove(&mut sending, count),
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
            if self.leave(sending) {
                return Sent::All;
            }
        }
    }

    /// Moves what waits into the buffer to be sent.
    fn refill(&self, sending: &mut Vec<u8>) {
        let mut waiting = lock(&self.waiting);
        if sending.is_empty() {
            std::mem::swap(&mut *waiting, sending);
        } else {
            make_room(sending, waiting.len());
            sending.extend_from_slice(&waiting);
            empty(&mut waiting);
        }
    }

    /// Sends no more; whether nothing waits. What is put there until this has looked may have been left
    /// to whoever was sending; what comes later finds that nobody is.
    fn leave(&self, sending: MutexGuard<'_, Vec<u8>>) -> bool {
        drop(sending);
        lock(&self.waiting).is_empty()
    }
}

/// Wipes what was sent. Answers may be secrets: decrypted text, agreed secrets. Beyond its length a
/// buffer has none.
pub(super) fn empty(buffer: &mut Vec<u8>) {
    /// A larger buffer is given back.
    const KEPT_BYTES: usize = 16 << 10;
    buffer.as_mut_slice().zeroize();
    buffer.clear();
    if buffer.capacity() > KEPT_BYTES {
        *buffer = Vec::new();
    }
}

/// Removes the first bytes of a buffer.
fn remove(buffer: &mut Vec<u8>, count: usize) {
    move_up(buffer, count);
    buffer.truncate(buffer.len() - count);
}

/// Puts bytes in the place of the first so many, and leaves no copy of them behind.
fn move_up(bytes: &mut [u8], count: usize) {
    bytes.copy_within(count.., 0);
    let rest = bytes.len() - count;
    bytes[rest..].zeroize();
}

/// Makes room for so many bytes more, and leaves no copy of what is in the buffer behind.
fn make_room(buffer: &mut Vec<u8>, more: usize) {
    let needed = buffer.len() + more;
    if needed <= buffer.capacity() {
        return;
    }
    let mut larger = Vec::with_capacity(needed.max(2 * buffer.capacity()));
    larger.extend_from_slice(buffer);
    buffer.as_mut_slice().zeroize();
    *buffer = larger;
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{io::Read, os::unix::net::UnixStream, sync::Barrier, thread, time::Duration};

    use super::*;
    use crate::execute::{Reply, respond};

    fn answer(id: u64, secret: &[u8]) -> Response {
        respond(id, Ok(Reply::Output(secret.to_vec())))
    }

    fn sockets() -> (OwnedFd, UnixStream) {
        let (near, far) = UnixStream::pair().unwrap();
        (near.into(), far)
    }

    #[test]
    fn an_answer_that_comes_while_another_thread_stops_sending_is_sent_by_that_thread() {
        let (socket, mut far) = sockets();
        let outbox = Outbox::default();
        // One thread is sending, and has looked whether anything waits.
        let mut sending = lock(&outbox.sending);
        outbox.refill(&mut sending);
        // Another one leaves its answer to it.
        let mut response = answer(1, b"answer");
        let size = PREFIX_BYTES + response.encoded_len();
        outbox.put(&mut response);
        assert_eq!(outbox.try_flush(&socket), Sent::All);
        assert!(!outbox.leave(sending), "there is something to be sent");
        assert_eq!(outbox.try_flush(&socket), Sent::All);
        far.read_exact(&mut vec![0; size]).unwrap();
        assert!(outbox.leave(lock(&outbox.sending)));
    }

    #[test]
    fn answers_of_many_threads_all_go_out() {
        const THREADS: usize = 4;
        const ROUNDS: usize = 5000;
        let (socket, far) = sockets();
        far.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let (outbox, together) = (Outbox::default(), Barrier::new(THREADS + 1));
        let size = PREFIX_BYTES + answer(1, b"answer").encoded_len();
        let mut far = Some(far);
        thread::scope(|scope| {
            for number in 0..THREADS {
                let (outbox, together, socket) = (&outbox, &together, &socket);
                scope.spawn(move || {
                    for _ in 0..ROUNDS {
                        together.wait();
                        outbox.put(&mut answer(1, b"answer"));
                        // The thread of a connection waits for the peer, those of lanes do not.
                        match number {
                            0 => outbox.flush(socket),
                            _ => outbox.try_flush(socket),
                        };
                    }
                });
            }
            let mut round = vec![0; THREADS * size];
            for _ in 0..ROUNDS {
                together.wait();
                // With nobody who reads, the others come to their end.
                far = far.take().filter(|far| (&*far).read_exact(&mut round).is_ok());
            }
        });
        assert!(far.is_some(), "an answer was left");
    }

    #[test]
    fn answers_to_a_slow_peer_are_sent_in_parts_and_whole() {
        let (socket, mut far) = sockets();
        let outbox = Outbox::default();
        let secret = [0xa5; 3000];
        let mut expected = Vec::new();
        let mut sent = Sent::All;
        for id in 1.. {
            let mut response = answer(id, &secret);
            encode_response(&response, &mut expected).unwrap();
            outbox.put(&mut response);
            if sent == Sent::FlushNeeded {
                break;
            }
            sent = outbox.try_flush(&socket);
        }
        // Somebody has been asked already.
        assert_eq!(outbox.try_flush(&socket), Sent::All);
        let mut received = vec![0; expected.len()];
        thread::scope(|scope| {
            scope.spawn(|| far.read_exact(&mut received).unwrap());
            assert_eq!(outbox.flush(&socket), Sent::All);
        });
        assert!(received == expected);
        assert!(lock(&outbox.sending).is_empty() && lock(&outbox.waiting).is_empty());
    }

    #[test]
    fn what_is_moved_leaves_no_copy_behind() {
        let mut bytes = *b"sent, rest";
        move_up(&mut bytes, 6);
        assert_eq!(&bytes, b"rest\0\0\0\0\0\0");
        let mut buffer = b"rest".to_vec();
        make_room(&mut buffer, 100);
        assert!(buffer == b"rest" && buffer.capacity() >= 104);
    }
}
