//! Waiting without blocking, in hosts that have other work to do meanwhile.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::{Duration, Instant},
};

use rustix::{
    event::epoll,
    process::{Pid, getpid},
    time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    },
};

use crate::{connection::Connection, stream::above_standard_streams};

/// How a host lets the thread do other work while a request waits, such as OpenSSL's async jobs. No
/// lock is held across a pause.
pub trait Pause: Send + Sync {
    /// Whether the caller can be paused here and now.
    fn can_pause(&self) -> bool;

    /// Returns when the wait may be over; earlier is allowed. The error is a wait that could not
    /// be paused: then the request blocks. Where the host never comes back to the caller, this
    /// drops the wait, and with it the connection and the answer that is still to come.
    fn pause(&self, wait: Wait) -> Result<Wait, Wait>;
}

/// A host that has nothing else to do.
pub(crate) struct Blocking;

impl Pause for Blocking {
    fn can_pause(&self) -> bool {
        false
    }

    fn pause(&self, wait: Wait) -> Result<Wait, Wait> {
        Err(wait)
    }
}

/// How often a wait is paused before it blocks after all. A host that asks for a pause to end long
/// before its time would keep the processor busy otherwise.
pub(crate) const MOST_PAUSES: usize = 64;

/// What a request waits for: an answer on the connection that it owns, but no longer than until
/// some time; or that time alone.
pub struct Wait {
    pub(crate) connection: Option<Box<Connection>>,
    pub(crate) until: Instant,
}

/// A descriptor that becomes readable when a wait is over. It can be used for one wait after
/// another, so that a host that has it in a poller need not be told of each.
pub struct Watch {
    epoll: OwnedFd,
    /// An epoll is shared with processes that were forked: they leave it alone.
    pid: Pid,
    under_way: Option<(Wait, OwnedFd)>,
}

impl Watch {
    /// One that watches nothing yet.
    ///
    /// # Errors
    /// The system's, when there are too many descriptors.
    pub fn new() -> io::Result<Watch> {
        let epoll = above_standard_streams(epoll::create(epoll::CreateFlags::CLOEXEC)?)?;
        Ok(Watch { epoll, pid: getpid(), under_way: None })
    }

    /// The descriptor.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }

    /// Takes a wait on, which [`Watch::end`] gives back. The error is a wait that can't be watched.
    pub fn begin(&mut self, wait: Wait) -> Result<(), Wait> {
        if self.under_way.is_some() || self.pid != getpid() {
            return Err(wait);
        }
        let Ok(alarm) = alarm_at(wait.until) else { return Err(wait) };
        let watched = match &wait.connection {
            Some(connection) => self.add(connection.socket()),
            None => Ok(()),
        };
        let ready = watched.and_then(|()| self.add(alarm.as_fd()));
        self.under_way = Some((wait, alarm));
        match ready {
            Ok(()) => Ok(()),
            Err(_) => self.end().map_or(Ok(()), Err),
        }
    }

    /// Gives back what [`Watch::begin`] took, and watches nothing any more.
    pub fn end(&mut self) -> Option<Wait> {
        let (wait, alarm) = self.under_way.take()?;
        if self.pid == getpid() {
            // Closing them would not do: a child may have them too. What the host has closed
            // behind our back can't be taken out, and is not in there.
            _ = epoll::delete(&self.epoll, &alarm);
            if let Some(connection) = &wait.connection {
                _ = epoll::delete(&self.epoll, connection.socket());
            }
        }
        Some(wait)
    }

    fn add(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        let readable = epoll::EventFlags::IN | epoll::EventFlags::RDHUP;
        Ok(epoll::add(&self.epoll, fd, epoll::EventData::new_u64(0), readable)?)
    }
}

/// A descriptor that becomes readable at some time, so that a service that never answers does not
/// leave its callers paused for ever.
fn alarm_at(time: Instant) -> io::Result<OwnedFd> {
    let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)?;
    let timer = above_standard_streams(timer)?;
    // Zero would switch the timer off.
    let left = time.saturating_duration_since(Instant::now()).max(Duration::from_nanos(1));
    let timing = Itimerspec {
        it_interval: Timespec { tv_sec: 0, tv_nsec: 0 },
        it_value: Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() },
    };
    timerfd_settime(&timer, TimerfdTimerFlags::empty(), &timing)?;
    Ok(timer)
}

#[cfg(test)]
mod tests {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;

    fn is_readable(watch: &Watch, patience: Duration) -> bool {
        let mut fds = [PollFd::from_borrowed_fd(watch.as_fd(), PollFlags::IN)];
        let patience =
            Timespec { tv_sec: patience.as_secs() as i64, tv_nsec: patience.subsec_nanos().into() };
        poll(&mut fds, Some(&patience)).unwrap() == 1
    }

    fn in_a(time: Duration) -> Wait {
        Wait { connection: None, until: Instant::now() + time }
    }

    #[test]
    fn a_watch_tells_the_end_of_one_wait_after_another() {
        let mut watch = Watch::new().unwrap();
        for _ in 0..3 {
            assert!(watch.begin(in_a(Duration::from_millis(1))).is_ok());
            assert!(is_readable(&watch, Duration::from_secs(30)));
            assert!(watch.end().is_some());
            assert!(!is_readable(&watch, Duration::ZERO));
        }
        assert!(watch.end().is_none());
    }

    #[test]
    fn a_watch_takes_one_wait_at_a_time() {
        let mut watch = Watch::new().unwrap();
        assert!(watch.begin(in_a(Duration::from_secs(3600))).is_ok());
        assert!(watch.begin(in_a(Duration::ZERO)).is_err());
        assert!(!is_readable(&watch, Duration::ZERO));
    }
}
