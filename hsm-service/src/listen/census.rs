//! Counts connections and keeps them within their limits.

use std::{
    collections::HashMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::Instant,
};

use keyward_algorithms::ErrorKind;

use crate::{Error, Result, config::LimitsConfig, metrics::Metrics};

/// The connections there are.
pub(super) struct Census {
    counts: Mutex<Counts>,
    emptied: Condvar,
    metrics: Arc<Metrics>,
}

#[derive(Default)]
struct Counts {
    all: usize,
    /// By the identity as text, `uid:33`.
    by_identity: HashMap<String, usize>,
}

/// The place of one connection, free again when this is dropped.
pub(super) struct Place {
    census: Arc<Census>,
    identity: String,
}

impl Census {
    pub(super) fn new(metrics: Arc<Metrics>) -> Census {
        Census { counts: Mutex::default(), emptied: Condvar::new(), metrics }
    }

    /// Gives a connection of this identity a place, or says why there is none.
    pub(super) fn admit(
        self: &Arc<Census>,
        identity: String,
        limits: &LimitsConfig,
    ) -> Result<Place> {
        let mut counts = self.lock();
        let own = counts.by_identity.get(&identity).copied().unwrap_or(0);
        let refusal = if counts.all >= limits.connections {
            Some(format!("the service has {} connections already", counts.all))
        } else if own >= limits.connections_per_identity {
            Some(format!("{identity} has {own} connections already"))
        } else {
            None
        };
        if let Some(message) = refusal {
            self.metrics.connections_refused.fetch_add(1, Ordering::Relaxed);
            return Err(Error::new(ErrorKind::Busy, message)
                .hint("close some, or raise the limits in the service's [limits] section"));
        }
        counts.all += 1;
        self.metrics.connections.store(counts.all as u64, Ordering::Relaxed);
        *counts.by_identity.entry(identity.clone()).or_default() += 1;
        Ok(Place { census: Arc::clone(self), identity })
    }

    /// Waits until there is no connection left; whether it came to that in time.
    pub(super) fn wait_until_empty(&self, end: Instant) -> bool {
        let mut counts = self.lock();
        while counts.all > 0 {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.emptied.wait_timeout(counts, left);
            counts = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.census.lock();
        counts.all -= 1;
        self.census.metrics.connections.store(counts.all as u64, Ordering::Relaxed);
        if let Some(own) = counts.by_identity.get_mut(&self.identity) {
            *own -= 1;
            if *own == 0 {
                counts.by_identity.remove(&self.identity);
            }
        }
        if counts.all == 0 {
            self.census.emptied.notify_all();
        }
    }
}
