//! Moments in seconds since 1970, how they are written (RFC 3339, UTC), and what to make of a clock
//! that is set.
//!
//! Dates (validity, certificates, entries of the log) are the wall clock's. It can be set by an hour
//! or ten years at any time, so what cannot be undone does not rest on it alone.

use std::{
    sync::LazyLock,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use der::DateTime;
use rustix::time::{ClockId, clock_gettime};

/// Now.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}

/// Writes a moment.
pub(crate) fn moment(unix_seconds: u64) -> String {
    DateTime::from_unix_duration(Duration::from_secs(unix_seconds))
        .map_or_else(|_| format!("@{unix_seconds}"), |moment| moment.to_string())
}

/// What is at least as late as this has come to pass for sure, as far as the service can know: now,
/// or where the clock was set forward since it was first asked, what the time would be without that.
pub(crate) fn surely() -> u64 {
    static START: LazyLock<i64> = LazyLock::new(ahead);
    let unset = (START.saturating_add(steady_millis()) / 1000).max(0) as u64;
    now().min(unset)
}

/// Notices that the wall clock was set, by one that only goes on.
pub(crate) struct Steps {
    /// By how much the wall clock is ahead of the other, in milliseconds.
    ahead: i64,
}

/// Less than this is a clock that is being disciplined, and not set.
const STEP_MILLIS: u64 = 2000;

impl Steps {
    /// Takes the clock to be right.
    pub(crate) fn new() -> Steps {
        Steps { ahead: ahead() }
    }

    /// By how many seconds the clock was set since the last time: forward, or back where negative.
    pub(crate) fn step(&mut self) -> Option<i64> {
        self.moved(ahead())
    }

    fn moved(&mut self, ahead: i64) -> Option<i64> {
        let step = ahead - std::mem::replace(&mut self.ahead, ahead);
        (step.unsigned_abs() >= STEP_MILLIS).then_some(step / 1000)
    }
}

fn ahead() -> i64 {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    wall.as_millis() as i64 - steady_millis()
}

/// Since the machine started, its sleep included.
fn steady_millis() -> i64 {
    let time = clock_gettime(ClockId::Boottime);
    time.tv_sec * 1000 + time.tv_nsec / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_is_noticed_once_and_one_that_is_disciplined_is_not() {
        let mut steps = Steps { ahead: 1_000_000 };
        for ahead in [1_000_500, 1_001_900, 1_000_000] {
            assert_eq!(steps.moved(ahead), None);
        }
        assert_eq!(steps.moved(4_600_000), Some(3600));
        assert_eq!(steps.moved(4_600_000), None);
        assert_eq!(steps.moved(1_000_000), Some(-3600));
        assert!(surely().abs_diff(now()) <= 1);
    }
}
