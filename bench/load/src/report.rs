//! What a load came to.

use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::Histogram;
use serde::Serialize;

/// Handshakes and failures of one load.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Handshakes that succeeded.
    pub handshakes: u64,
    /// Handshakes that failed.
    pub failures: u64,
    /// The texts of the failures, each with its number.
    pub reasons: BTreeMap<String, u64>,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Handshakes per second.
    pub rate: f64,
    /// How long a handshake took, in microseconds.
    pub latency: LatencyMicros,
}

/// Percentiles in microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct LatencyMicros {
    /// Half took no longer.
    pub p50: u64,
    /// Nine in ten took no longer.
    pub p90: u64,
    /// 99 in a hundred took no longer.
    pub p99: u64,
    /// The longest.
    pub max: u64,
}

/// What one thread saw.
pub(crate) struct Tally {
    micros: Histogram<u64>,
    reasons: BTreeMap<String, u64>,
}

impl Tally {
    pub(crate) fn new() -> Tally {
        Tally {
            // A minute is longer than a visit can take.
            micros: Histogram::new_with_max(60_000_000, 3).expect("the bounds are in order"),
            reasons: BTreeMap::new(),
        }
    }

    pub(crate) fn success(&mut self, took: Duration) {
        self.micros.saturating_record(took.as_micros() as u64);
    }

    pub(crate) fn failure(&mut self, error: &std::io::Error) {
        *self.reasons.entry(error.to_string()).or_default() += 1;
    }

    pub(crate) fn merge(mut self, other: Tally) -> Tally {
        self.micros.add(other.micros).expect("all tallies have the same bounds");
        for (reason, count) in other.reasons {
            *self.reasons.entry(reason).or_default() += count;
        }
        self
    }

    pub(crate) fn report(self, took: Duration) -> Report {
        let micros = &self.micros;
        Report {
            handshakes: micros.len(),
            failures: self.reasons.values().sum(),
            reasons: self.reasons,
            seconds: took.as_secs_f64(),
            rate: micros.len() as f64 / took.as_secs_f64(),
            latency: LatencyMicros {
                p50: micros.value_at_quantile(0.5),
                p90: micros.value_at_quantile(0.9),
                p99: micros.value_at_quantile(0.99),
                max: micros.max(),
            },
        }
    }
}
