//! One connection of a UNIX socket, served by a thread while it is active.

use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use keyward_algorithms::{Audit, ErrorKind};
use keyward_protocol::{
    FrameReader,
    constants::MAX_IN_FLIGHT,
    decode_request,
    messages::{Request, Response},
    operation_of,
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    net::{RecvFlags, Shutdown, recv, shutdown, sockopt},
};

use super::{
    census::Place,
    crew::Crew,
    nearness::Nearness,
    outbox::{Outbox, Sent},
};
use crate::{Error, Result, Service, execute::respond, peer::Peer};

/// How long a thread waits for the next request before the connection is parked.
const PARK_AFTER: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// The largest frame of a caller who is no user of the service or has not logged in: room for `Hello`,
/// `Status` and `Login`, and for one read more.
const STRANGER_FRAME_BYTES: usize = 16 << 10;

/// Refuses a frame of which so much has arrived from somebody who has little to say.
pub(super) fn check_size(peer: &Peer, bytes: usize) -> Result<()> {
    if bytes > STRANGER_FRAME_BYTES && peer.caller().is_stranger() {
        let message = format!("a stranger's frame is over {STRANGER_FRAME_BYTES} bytes");
        return Err(Error::new(ErrorKind::LimitExceeded, message));
    }
    Ok(())
}

/// A frame that has begun to arrive.
struct Partial {
    since: Instant,
    bytes: usize,
}

/// The processor that the caller waits on, where a key is used. Whatever else may be asked for may start
/// threads, which stay where the one that starts them is kept.
fn processor_of(request: &Request) -> u32 {
    let is_use = |operation| matches!(operation_of(operation).row().audit, Audit::Use);
    if request.operation.as_ref().is_some_and(is_use) { request.processor } else { 0 }
}

/// A connection. Its socket closes when nobody is serving it and no answer is outstanding.
pub(super) struct Connection {
    /// A number that no other connection of this front end has.
    pub(super) number: u64,
    socket: OwnedFd,
    peer: Arc<Peer>,
    outbox: Outbox,
    /// Requests in lanes.
    in_flight: AtomicUsize,
    /// The parking knows the socket already.
    pub(super) known_to_parking: AtomicBool,
    frame_time: Duration,
    crew: Crew,
    _place: Place,
}

/// What to do with a connection that a thread leaves.
pub(super) enum Left {
    /// Wait for its next request without a thread.
    Park,
    /// Nothing more comes from it.
    Close,
}

impl Connection {
    pub(super) fn new(
        number: u64,
        socket: OwnedFd,
        peer: Arc<Peer>,
        limits: &crate::config::LimitsConfig,
        crew: &Crew,
        place: Place,
    ) -> rustix::io::Result<Connection> {
        sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, Some(limits.write()))?;
        Ok(Connection {
            number,
            socket,
            peer,
            outbox: Outbox::default(),
            in_flight: AtomicUsize::new(0),
            known_to_parking: AtomicBool::new(false),
            frame_time: limits.frame(),
            crew: crew.clone(),
            _place: place,
        })
    }

    pub(super) fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Takes no more requests. Those that have arrived are still answered.
    pub(super) fn stop_reading(&self) {
        let _ = shutdown(&self.socket, Shutdown::Read);
    }

    /// Serves requests until none has come for a while.
    pub(super) fn serve(self: &Arc<Connection>, service: &Arc<Service>) -> Left {
        let mut frames = FrameReader::new();
        let mut nearness = Nearness::new();
        let mut partial = None;
        loop {
            let read = self.wait_readable().and_then(|()| {
                frames.fill(|room| {
                    recv(&self.socket, room, RecvFlags::DONTWAIT).map(|(_, count)| count)
                })
            });
            let received = Instant::now();
            let count = match read {
                Ok(0) => {
                    self.note_hang_up();
                    return Left::Close;
                }
                Ok(count) => count,
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) if !frames.has_partial_frame() => return Left::Park,
                Err(Errno::AGAIN) => 0,
                Err(_) => {
                    self.peer.leave();
                    return Left::Close;
                }
            };
            let taken =
                self.take_frames(service, &mut frames, &mut nearness, received).and_then(|taken| {
                    if taken > 0 {
                        partial = None;
                    }
                    if frames.has_partial_frame() {
                        let begun = Partial { since: received, bytes: 0 };
                        self.check_partial(partial.get_or_insert(begun), received, count)
                    } else {
                        Ok(())
                    }
                });
            if let Err(error) = taken {
                self.refuse(error);
                return Left::Close;
            }
        }
    }

    /// Waits for more, and no longer than a connection keeps its thread. A poll, since a thread that
    /// waits inside `recv` is woken also when the peer takes an answer from the socket.
    fn wait_readable(&self) -> rustix::io::Result<()> {
        let mut sockets = [PollFd::new(&self.socket, PollFlags::IN)];
        match poll(&mut sockets, Some(&PARK_AFTER))? {
            0 => Err(Errno::AGAIN),
            _ => Ok(()),
        }
    }

    /// Whoever begins a frame has to finish it in time, and strangers have little to say.
    fn check_partial(&self, partial: &mut Partial, now: Instant, count: usize) -> Result<()> {
        partial.bytes += count;
        if now.duration_since(partial.since) >= self.frame_time {
            return Err(Error::new(ErrorKind::Timeout, "the frame did not arrive in time"));
        }
        check_size(&self.peer, partial.bytes)
    }

    /// Carries out the requests that have arrived; how many.
    fn take_frames(
        self: &Arc<Connection>,
        service: &Arc<Service>,
        frames: &mut FrameReader,
        nearness: &mut Nearness,
        received: Instant,
    ) -> Result<usize> {
        let mut taken = 0;
        while let Some(frame) = frames.next_frame()? {
            taken += 1;
            if self.peer.has_left() {
                return Ok(taken);
            }
            let request = decode_request(frame)?;
            if request.carries_secret() {
                frames.wipe();
            }
            if self.in_flight.fetch_add(1, Ordering::Relaxed) >= MAX_IN_FLIGHT {
                let message = format!("more than {MAX_IN_FLIGHT} requests are in flight");
                return Err(Error::new(ErrorKind::LimitExceeded, message));
            }
            let connection = Arc::clone(self);
            nearness.notice(processor_of(&request));
            let thread = std::thread::current().id();
            service.execute(&self.peer, request, received, move |response| {
                connection.answer(response, std::thread::current().id() == thread);
            });
            nearness.note_time(received.elapsed());
        }
        Ok(taken)
    }

    /// Sends an answer, from the thread that serves the connection or from another, which must
    /// not be held up by a peer that is slow to read.
    fn answer(self: &Arc<Connection>, mut response: Response, may_wait: bool) {
        self.outbox.put(&mut response);
        if may_wait {
            self.flush();
        } else {
            match self.outbox.try_flush(&self.socket) {
                Sent::All => {}
                Sent::FlushNeeded => {
                    let connection = Arc::clone(self);
                    self.crew.run(Box::new(move || connection.flush()));
                }
                Sent::Nowhere => self.peer.leave(),
            }
        }
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// At the end of its requests a peer may still wait for answers; when it has closed its socket
    /// it does not.
    fn note_hang_up(&self) {
        let mut ends = [PollFd::new(&self.socket, PollFlags::empty())];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        if poll(&mut ends, Some(&at_once)).is_ok() && ends[0].revents().contains(PollFlags::HUP) {
            self.peer.leave();
        }
    }

    /// Answers what was no request, before the connection is closed.
    fn refuse(&self, error: Error) {
        tracing::debug!(caller = %self.peer.caller().identity, "closing a connection: {error}");
        self.outbox.put(&mut respond(0, Err(error)));
        // Also what a lane's thread is sending just now, which may have taken this along.
        self.flush();
        let _ = shutdown(&self.socket, Shutdown::Both);
        self.peer.leave();
    }

    fn flush(&self) {
        if self.outbox.flush(&self.socket) == Sent::Nowhere {
            self.peer.leave();
        }
    }
}
