//! Waiting without blocking, in hosts that have other work to do meanwhile.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::Duration,
};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

/// How a host lets the thread do other work while a request waits, such as OpenSSL's async jobs. No
/// lock is held across a pause, and the connection that waits is used by nobody else.
pub trait Pause: Send + Sync {
    /// Whether the caller can be paused here and now.
    fn can_pause(&self) -> bool;

    /// Returns when one of the descriptors may have become readable; earlier is allowed. False
    /// where nothing could be paused: then the request blocks.
    fn pause(&self, until_readable: &[BorrowedFd<'_>]) -> bool;
}

/// A host that has nothing else to do.
pub(crate) struct Blocking;

impl Pause for Blocking {
    fn can_pause(&self) -> bool {
        false
    }

    fn pause(&self, _: &[BorrowedFd<'_>]) -> bool {
        false
    }
}

/// How often a wait is paused before it blocks after all. A host that asks for a pause to end long
/// before its time would keep the processor busy otherwise.
pub(crate) const MOST_PAUSES: usize = 64;

/// A descriptor that becomes readable when a time has passed, so that a service that never answers
/// does not leave its callers paused for ever.
pub(crate) struct Alarm(OwnedFd);

impl Alarm {
    pub(crate) fn after(time: Duration) -> io::Result<Alarm> {
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)?;
        // Zero would switch the timer off.
        let time = time.max(Duration::from_nanos(1));
        let timing = Itimerspec {
            it_interval: Timespec { tv_sec: 0, tv_nsec: 0 },
            it_value: Timespec {
                tv_sec: time.as_secs() as i64,
                tv_nsec: time.subsec_nanos().into(),
            },
        };
        timerfd_settime(&timer, TimerfdTimerFlags::empty(), &timing)?;
        Ok(Alarm(timer))
    }
}

impl AsFd for Alarm {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
