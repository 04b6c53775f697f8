//! So many of something within a time, however they come.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// A bucket that holds what a time is good for and leaks evenly (GCRA): one number, the time at
/// which the next would come if they came evenly, in nanoseconds of a clock that never jumps.
#[derive(Debug, Default)]
pub(crate) struct Bucket(AtomicU64);

impl Bucket {
    /// Takes one of `most` within `time` at a moment, or says how long it is until there is one.
    pub(crate) fn take(
        &self,
        now: Duration,
        most: u32,
        time: Duration,
    ) -> std::result::Result<(), Duration> {
        let (interval, end) = bounds(now, most, time);
        let now = nanos(now);
        let took = self.0.fetch_update(Relaxed, Relaxed, |next| {
            let next = next.max(now) + interval;
            (next <= end).then_some(next)
        });
        took.map(drop).map_err(|next| Duration::from_nanos((next + interval).saturating_sub(end)))
    }

    /// Looks whether one could be taken.
    pub(crate) fn look(
        &self,
        now: Duration,
        most: u32,
        time: Duration,
    ) -> std::result::Result<(), Duration> {
        let (interval, end) = bounds(now, most, time);
        match self.0.load(Relaxed).max(nanos(now)) + interval {
            next if next <= end => Ok(()),
            next => Err(Duration::from_nanos(next - end)),
        }
    }
}

/// How far apart they come if they come evenly, and until when the bucket reaches.
fn bounds(now: Duration, most: u32, time: Duration) -> (u64, u64) {
    (nanos(time) / u64::from(most.max(1)), nanos(now) + nanos(time))
}

/// Enough for five centuries.
fn nanos(time: Duration) -> u64 {
    time.as_nanos() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_time_takes_as_many_as_it_is_good_for_however_they_come() {
        let bucket = Bucket::default();
        let took = |now| bucket.take(now, 10, SECOND).is_ok();
        // Ten at once, then one each tenth of a second.
        assert_eq!((0..20).filter(|_| took(SECOND)).count(), 10);
        let tenth = SECOND / 10;
        assert!(!took(SECOND + tenth - Duration::from_nanos(1)));
        assert!(bucket.look(SECOND + tenth, 10, SECOND).is_ok());
        assert!(took(SECOND + tenth));
        assert!(!took(SECOND + tenth));
        assert_eq!(bucket.take(SECOND + tenth, 10, SECOND), Err(tenth));
        assert_eq!(bucket.look(SECOND + tenth, 10, SECOND), Err(tenth));
        // A pause earns one time's worth and no more.
        assert_eq!((0..50).filter(|_| took(60 * SECOND)).count(), 10);
    }
}
