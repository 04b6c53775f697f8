//! The clock of an outage, which is the process's and not the request's.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// How long what did not answer is left alone: five times as long as the last try took, so that one
/// that hangs costs a sixth of a caller's time, but no longer than half a minute.
pub(crate) fn rest_after(took: Duration) -> Duration {
    (took * 5).clamp(Duration::from_secs(1), Duration::from_secs(30))
}

/// Since when no address of the service has answered.
///
/// While an outage is younger than the retry time, requests wait and try again. Once it is older
/// they fail at once, and one in a while tries, so that a web server whose HSM is gone or hangs for
/// an hour spends 5 seconds on it and not 5 seconds a handshake. Nothing but atomics, so that a fork
/// in the middle leaves nothing locked.
#[derive(Debug)]
pub(crate) struct Outage {
    epoch: Instant,
    /// Milliseconds from the epoch to the outage's first failure, plus one; 0 while all is well.
    since: AtomicU64,
    /// Milliseconds from the epoch to when the next request may try in a long outage.
    next_probe: AtomicU64,
}

impl Outage {
    pub(crate) fn new() -> Outage {
        Outage { epoch: Instant::now(), since: AtomicU64::new(0), next_probe: AtomicU64::new(0) }
    }

    fn now_ms(&self) -> u64 {
        self.epoch.elapsed().as_millis() as u64
    }

    /// The service answered.
    pub(crate) fn ends(&self) {
        // A read first: in good times the line stays shared between the processors.
        if self.since.load(Relaxed) != 0 {
            self.since.store(0, Relaxed);
        }
    }

    /// Nothing answered a try that took so long. Says whether another is still worth it.
    pub(crate) fn goes_on(&self, retry_for: Duration, took: Duration) -> bool {
        let now = self.now_ms();
        let since = match self.since.compare_exchange(0, now + 1, Relaxed, Relaxed) {
            Ok(_) => now,
            Err(since) => since - 1,
        };
        let over = now.saturating_sub(since) >= retry_for.as_millis() as u64;
        if over {
            self.next_probe.store(next_probe(now, took), Relaxed);
        }
        !over
    }

    /// Whether a new request may try at all.
    pub(crate) fn admits(&self, retry_for: Duration) -> bool {
        let since = self.since.load(Relaxed);
        let now = self.now_ms();
        if since == 0 || now.saturating_sub(since - 1) < retry_for.as_millis() as u64 {
            return true;
        }
        let probe = self.next_probe.load(Relaxed);
        now >= probe
            && self
                .next_probe
                .compare_exchange(probe, next_probe(now, Duration::ZERO), Relaxed, Relaxed)
                .is_ok()
    }
}

/// When the next request may try after one that ended now.
fn next_probe(now_ms: u64, took: Duration) -> u64 {
    now_ms + rest_after(took).as_millis() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_outage_is_waited_for_once_and_probed_now_and_then() {
        let outage = Outage::new();
        assert!(outage.admits(Duration::ZERO));
        assert!(
            outage.goes_on(Duration::from_secs(60), Duration::ZERO),
            "a young outage is waited for"
        );
        assert!(outage.admits(Duration::from_secs(60)));
        assert!(!outage.goes_on(Duration::ZERO, Duration::ZERO), "an old one is not");
        assert!(!outage.admits(Duration::ZERO), "and the next request fails at once");
        outage.next_probe.store(0, Relaxed);
        assert!(outage.admits(Duration::ZERO), "but one in a while tries");
        assert!(!outage.admits(Duration::ZERO));
        outage.ends();
        assert!(outage.admits(Duration::ZERO));
    }
}
