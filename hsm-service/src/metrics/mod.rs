//! What the service counts of its work, for operators.
//!
//! The path of a signature pays a few additions to cells that its connection shares with few
//! others: counts lie in shards, each connection has one, and only who reads them adds them up.

mod histogram;
mod render;
mod series;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use keyward_algorithms::ErrorKind;

use histogram::Histogram;
pub(crate) use render::Gauges;
pub(crate) use series::Series;

/// Where a request waits before it is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queue {
    /// Behind the requests of its connection, or for a thread of the TLS front end.
    Front,
    /// In the lane for slow private operations.
    Slow,
    /// In the lane for making keys.
    Making,
    /// In the lane for logins.
    Logins,
}

impl Queue {
    /// Every queue.
    pub(crate) const ALL: [Queue; 4] = [Queue::Front, Queue::Slow, Queue::Making, Queue::Logins];

    /// The word for it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Queue::Front => "front",
            Queue::Slow => "slow",
            Queue::Making => "making",
            Queue::Logins => "logins",
        }
    }
}

/// How requests end: 0 for those that succeed, the code of an error's kind, and this for those
/// whose client left before they were begun.
const ABANDONED: usize = ErrorKind::ALL.len() + 1;
const OUTCOMES: usize = ABANDONED + 1;

// The codes of error kinds are used as places.
const _: () = {
    let mut index = 0;
    while index < ErrorKind::ALL.len() {
        assert!(ErrorKind::ALL[index].code() as usize == index + 1);
        index += 1;
    }
};

/// Everything that is counted.
pub(crate) struct Metrics {
    shards: Box<[Shard]>,
    next_shard: AtomicUsize,
    /// Connections that are open.
    pub(crate) connections: AtomicU64,
    /// Connections that were refused because of a limit.
    pub(crate) connections_refused: AtomicU64,
    /// Keys that had to be read from the store because they were not held ready.
    pub(crate) key_cache_misses: AtomicU64,
    /// When the service's TLS certificate ends, in seconds since 1970; 0 where there is none.
    pub(crate) certificate_ends: AtomicI64,
    /// Backups that were tried and did not come about.
    pub(crate) backups_failed: AtomicU64,
    /// Requests that were over their user's quota.
    pub(crate) over_quota: AtomicU64,
    /// Uses of keys that were refused because of a limit of the key: its uses in all, its encryptions
    /// with AES-GCM, its uses within a time.
    pub(crate) over_limit: [AtomicU64; 3],
    /// When the last backup came about, in seconds since 1970; 0 where there is none.
    pub(crate) last_backup: AtomicU64,
    started: SystemTime,
}

/// One share of the counts, on cache lines of its own.
#[repr(align(128))]
struct Shard {
    begun: AtomicU64,
    ended: Box<[[AtomicU64; OUTCOMES]]>,
    execution: Box<[Histogram]>,
    waiting: [Histogram; Queue::ALL.len()],
}

impl Metrics {
    /// Counts from zero.
    pub(crate) fn new() -> Arc<Metrics> {
        // More shards than threads at work make it rare that two share one.
        let count = thread::available_parallelism().map_or(1, std::num::NonZero::get) * 2;
        let shard = || Shard {
            begun: AtomicU64::new(0),
            ended: (0..Series::count()).map(|_| Default::default()).collect(),
            execution: (0..Series::count()).map(|_| Histogram::default()).collect(),
            waiting: Default::default(),
        };
        Arc::new(Metrics {
            shards: (0..count.clamp(4, 32)).map(|_| shard()).collect(),
            next_shard: AtomicUsize::new(0),
            connections: AtomicU64::new(0),
            connections_refused: AtomicU64::new(0),
            key_cache_misses: AtomicU64::new(0),
            certificate_ends: AtomicI64::new(0),
            backups_failed: AtomicU64::new(0),
            over_quota: AtomicU64::new(0),
            over_limit: Default::default(),
            last_backup: AtomicU64::new(0),
            started: SystemTime::now(),
        })
    }

    /// A meter for a new connection.
    pub(crate) fn meter(self: &Arc<Metrics>) -> Meter {
        let shard = self.next_shard.fetch_add(1, Relaxed) % self.shards.len();
        Meter { metrics: Arc::clone(self), shard }
    }

    /// Requests that were begun and not yet answered.
    fn in_flight(&self) -> u64 {
        // Ends are read first, so that a request that ends meanwhile does not make this negative.
        let ended: u64 = (0..Series::count())
            .flat_map(|series| (0..OUTCOMES).map(move |outcome| (series, outcome)))
            .map(|(series, outcome)| self.ended(series, outcome))
            .sum();
        let begun: u64 = self.shards.iter().map(|shard| shard.begun.load(Relaxed)).sum();
        begun.saturating_sub(ended)
    }

    fn ended(&self, series: usize, outcome: usize) -> u64 {
        self.shards.iter().map(|shard| shard.ended[series][outcome].load(Relaxed)).sum()
    }
}

/// A time in seconds since 1970.
pub(crate) fn seconds_since_1970(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// Counts for one connection.
pub(crate) struct Meter {
    metrics: Arc<Metrics>,
    shard: usize,
}

impl Meter {
    fn shard(&self) -> &Shard {
        &self.metrics.shards[self.shard]
    }

    /// Notes that a request is taken on, which waited so long at the front.
    pub(crate) fn begin(&self, waited: Duration) {
        self.shard().begun.fetch_add(1, Relaxed);
        self.waited(Queue::Front, waited);
    }

    /// Notes for how long work waited in a queue.
    pub(crate) fn waited(&self, queue: Queue, time: Duration) {
        self.shard().waiting[queue as usize].add(time);
    }

    /// Notes how long it took to carry a request out.
    pub(crate) fn executed(&self, series: Series, begun: Instant) {
        self.shard().execution[series.index()].add(begun.elapsed());
    }

    fn end(&self, series: Series, outcome: usize) {
        self.shard().ended[series.index()][outcome].fetch_add(1, Relaxed);
    }
}

/// A request that was begun. It counts as abandoned when it is dropped before it ends.
pub(crate) struct Ticket {
    peer: Arc<crate::peer::Peer>,
    series: Series,
    /// When it began, where its execution is not timed by the backend.
    begun: Option<Instant>,
    open: bool,
}

impl Ticket {
    /// Notes a request that came at this time.
    pub(crate) fn take(peer: &Arc<crate::peer::Peer>, series: Series, received: Instant) -> Ticket {
        let now = Instant::now();
        peer.meter.begin(now.duration_since(received));
        let begun = (!series.is_timed_by_backend()).then_some(now);
        Ticket { peer: Arc::clone(peer), series, begun, open: true }
    }

    /// Notes how it ended: with success or an error of this kind.
    pub(crate) fn end(mut self, error: Option<ErrorKind>) {
        self.open = false;
        if let Some(begun) = self.begun {
            self.peer.meter.executed(self.series, begun);
        }
        self.peer.meter.end(self.series, error.map_or(0, |kind| kind.code() as usize));
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.open {
            self.peer.meter.end(self.series, ABANDONED);
        }
    }
}
