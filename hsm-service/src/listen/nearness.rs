//! Serving a caller on the processor that it waits on.
//!
//! Whoever blocks for an answer leaves its processor idle, with the request in that processor's
//! cache. A thread that works right there is woken without a call from one processor to another,
//! which in a virtual machine takes longer than a P-256 signature, and the caller finds the answer
//! in its cache. Schedulers like to spread the two. So the thread of a connection stays with its
//! caller, once that has stayed in one place for a few requests.
//!
//! With fewer callers than processors that would not last: the caller is woken on a processor that is
//! idle, and the thread would go after it again and again. And where the work takes long, a wake-up is
//! nothing beside it, but a processor that is free should take it.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// After how many requests from one processor a caller counts as settled there.
const SETTLED: u32 = 3;
/// After how many moves without settling the thread is no longer kept anywhere.
const RESTLESS: u32 = 8;
/// What takes this long goes wherever there is room: so long Linux takes a processor's cache for worth
/// waiting for (`sched_migration_cost_ns`).
const LONG: Duration = Duration::from_micros(500);

/// How many callers are being served.
static CALLERS: AtomicU32 = AtomicU32::new(0);

/// Keeps the thread that made it near a caller. When it is dropped, the thread is as free as it was.
pub(super) struct Nearness {
    caller: Caller,
    kept_at: Option<u32>,
    is_long: bool,
}

impl Nearness {
    pub(super) fn new() -> Nearness {
        CALLERS.fetch_add(1, Relaxed);
        Nearness { caller: Caller::default(), kept_at: None, is_long: false }
    }

    /// Takes notice of a request from a processor: its number plus one, or 0 where that is not known.
    /// Failures are of no account: the thread works wherever it is.
    pub(super) fn notice(&mut self, processor: u32) {
        let is_crowded = CALLERS.load(Relaxed) >= everywhere().count;
        let is_near = is_crowded && !self.is_long;
        let wanted = self.caller.place(if is_near { processor } else { 0 }, self.kept_at);
        if wanted != self.kept_at {
            self.kept_at = wanted;
            let _ = match wanted {
                Some(place) => keep_at(place),
                None => set_free(),
            };
        }
    }

    /// Takes notice of how long a request took.
    pub(super) fn note_time(&mut self, time: Duration) {
        self.is_long = time >= LONG;
    }
}

impl Drop for Nearness {
    fn drop(&mut self) {
        CALLERS.fetch_sub(1, Relaxed);
        if self.kept_at.is_some() {
            let _ = set_free();
        }
    }
}

/// Where a caller was seen.
#[derive(Default)]
struct Caller {
    processor: u32,
    requests: u32,
    moves: u32,
}

impl Caller {
    /// Where the thread that serves the caller should be kept, after a request from a processor.
    fn place(&mut self, processor: u32, kept_at: Option<u32>) -> Option<u32> {
        if processor == 0 {
            return None;
        }
        if processor == self.processor {
            self.requests = self.requests.saturating_add(1);
        } else {
            (self.processor, self.requests) = (processor, 1);
            self.moves = self.moves.saturating_add(1);
        }
        if self.requests >= SETTLED {
            self.moves = 0;
            Some(processor)
        } else {
            kept_at.filter(|_| self.moves < RESTLESS)
        }
    }
}

/// Keeps this thread at a processor, if that is one of the service's.
fn keep_at(place: u32) -> rustix::io::Result<()> {
    let number = place as usize - 1;
    if number < CpuSet::MAX_CPU && everywhere().processors.is_set(number) {
        let mut processors = CpuSet::new();
        processors.set(number);
        sched_setaffinity(None, &processors)?;
    }
    Ok(())
}

/// Lets this thread run wherever the service may.
fn set_free() -> rustix::io::Result<()> {
    sched_setaffinity(None, &everywhere().processors)
}

/// Where the service may run.
struct Everywhere {
    processors: CpuSet,
    count: u32,
}

/// The same, as it was when the first caller came. Counted once, since each use of a key asks.
fn everywhere() -> &'static Everywhere {
    static EVERYWHERE: OnceLock<Everywhere> = OnceLock::new();
    EVERYWHERE.get_or_init(|| {
        let processors = sched_getaffinity(None).unwrap_or_else(|_| CpuSet::new());
        Everywhere { processors, count: processors.count() }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a thread is kept after requests from these processors.
    fn places<const COUNT: usize>(processors: [u32; COUNT]) -> [Option<u32>; COUNT] {
        let (mut caller, mut kept_at) = (Caller::default(), None);
        processors.map(|processor| {
            kept_at = caller.place(processor, kept_at);
            kept_at
        })
    }

    #[test]
    fn a_caller_that_has_settled_is_followed() {
        let (one, two) = (Some(1), Some(2));
        assert_eq!(places([1, 1, 1, 2, 1, 2, 2, 2]), [None, None, one, one, one, one, one, two]);
    }

    #[test]
    fn a_restless_caller_is_not_followed() {
        let places = places([1, 1, 1, 2, 3, 2, 3, 2, 3, 2, 3, 2]);
        assert_eq!(places[9], Some(1));
        assert_eq!(places[10..], [None, None]);
    }

    #[test]
    fn a_caller_that_does_not_wait_leaves_the_thread_free() {
        assert_eq!(places([1, 1, 1, 0, 1]), [None, None, Some(1), None, Some(1)]);
    }
}
