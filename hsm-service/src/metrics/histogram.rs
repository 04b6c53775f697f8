//! Times, counted in buckets.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// The upper bounds of the buckets in nanoseconds; a last bucket has none.
pub(super) const BOUNDS: [u64; 17] = [
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    1_000_000_000,
    5_000_000_000,
    30_000_000_000,
];

/// Counts of times by bucket, and their sum.
#[derive(Default)]
pub(super) struct Histogram {
    buckets: [AtomicU64; BOUNDS.len() + 1],
    nanoseconds: AtomicU64,
}

impl Histogram {
    pub(super) fn add(&self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|bound| *bound < nanoseconds);
        self.buckets[bucket].fetch_add(1, Relaxed);
        self.nanoseconds.fetch_add(nanoseconds, Relaxed);
    }
}

/// The same of several histograms together.
#[derive(Default)]
pub(super) struct Total {
    /// How many times were at most as long as each bound, and how many there are.
    pub(super) cumulative: [u64; BOUNDS.len() + 1],
    /// All of them together.
    pub(super) seconds: f64,
}

impl<'a> FromIterator<&'a Histogram> for Total {
    fn from_iter<T: IntoIterator<Item = &'a Histogram>>(histograms: T) -> Total {
        let mut total = Total::default();
        for histogram in histograms {
            for (sum, bucket) in total.cumulative.iter_mut().zip(&histogram.buckets) {
                *sum += bucket.load(Relaxed);
            }
            total.seconds += histogram.nanoseconds.load(Relaxed) as f64 / 1e9;
        }
        let mut below = 0;
        for sum in &mut total.cumulative {
            below += *sum;
            *sum = below;
        }
        total
    }
}

impl Total {
    /// How many times were counted.
    pub(super) fn count(&self) -> u64 {
        self.cumulative[BOUNDS.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_counts_in_every_bucket_whose_bound_it_does_not_exceed() {
        let [a, b] = [Histogram::default(), Histogram::default()];
        a.add(Duration::from_micros(10));
        a.add(Duration::from_nanos(10_001));
        b.add(Duration::from_secs(3600));
        let total: Total = [&a, &b].into_iter().collect();
        assert_eq!(total.cumulative[..3], [1, 2, 2]);
        assert_eq!(total.cumulative[BOUNDS.len() - 1], 2);
        assert_eq!(total.count(), 3);
        assert!((total.seconds - 3_600.000_020_001).abs() < 1e-6);
    }
}
