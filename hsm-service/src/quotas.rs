//! What one user may take of the service: keys, and requests in a second.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use keyward_algorithms::ErrorKind;

use crate::{Error, Result, bucket::Bucket, live::Settings, store::Store};

/// The quotas of the users that have any.
pub(crate) struct Quotas {
    by_user: Mutex<HashMap<String, Arc<Quota>>>,
    started: Instant,
}

/// The quota of one user, which all of its connections share.
#[derive(Debug)]
pub(crate) struct Quota {
    /// Requests in a second; 0 for any number.
    per_second: AtomicU32,
    /// The requests of the last second.
    bucket: Bucket,
    /// Keys; 0 for any number.
    keys: AtomicU64,
    /// Held while a key is counted and kept, so that two do not take the last place.
    making: Mutex<()>,
    started: Instant,
}

const SECOND: Duration = Duration::from_secs(1);

impl Quotas {
    pub(crate) fn new() -> Quotas {
        Quotas { by_user: Mutex::default(), started: Instant::now() }
    }

    /// The quota of a user by these settings, if it has one.
    pub(crate) fn of(&self, user: &str, settings: &Settings) -> Option<Arc<Quota>> {
        let (keys, per_second) = settings.quota(user);
        if keys == 0 && per_second == 0 {
            return None;
        }
        let mut by_user = self.by_user.lock().unwrap_or_else(PoisonError::into_inner);
        let quota = by_user.entry(user.to_owned()).or_insert_with(|| {
            let (making, started) = (Mutex::default(), self.started);
            let (bucket, keys) = (Bucket::default(), AtomicU64::new(0));
            Arc::new(Quota { per_second: AtomicU32::new(0), bucket, keys, making, started })
        });
        quota.keys.store(keys, Relaxed);
        quota.per_second.store(per_second, Relaxed);
        Some(Arc::clone(quota))
    }
}

impl Quota {
    /// Counts a request, or refuses one that is too much.
    pub(crate) fn admit(&self) -> Result<()> {
        let per_second = self.per_second.load(Relaxed);
        if per_second == 0 {
            return Ok(());
        }
        self.bucket.take(self.started.elapsed(), per_second, SECOND).map_err(|wait| {
            let millis = wait.as_millis() + 1;
            let message = format!("over the quota of {per_second} requests a second");
            Error::new(ErrorKind::Busy, message)
                .hint(format!(
                    "try again in {millis} ms; the service's configuration sets \
                     max_requests_per_second"
                ))
                .retry_after(wait)
        })
    }

    /// Holds a place for another key or certificate of a user.
    pub(crate) fn place_for_key(
        &self,
        user: &str,
        store: &dyn Store,
    ) -> Result<MutexGuard<'_, ()>> {
        let turn = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        let most = self.keys.load(Relaxed);
        if most != 0 && store.count_owned(user)? >= most {
            let message =
                format!("\"{user}\" has {most} keys and certificates, which is its quota");
            return Err(full(message, "delete some"));
        }
        Ok(turn)
    }

    /// Refuses another key to a user who keeps as many deleted ones as it may have keys: making and
    /// deleting could go on for ever.
    pub(crate) fn check_deleted(&self, user: &str, store: &dyn Store) -> Result<()> {
        let most = self.keys.load(Relaxed);
        if most != 0 && store.count_deleted(user)? >= most {
            let message = format!("\"{user}\" has {most} deleted keys that it could bring back");
            return Err(full(message, "delete some for ever (keyward key delete --now)"));
        }
        Ok(())
    }
}

fn full(message: String, remedy: &str) -> Error {
    Error::new(ErrorKind::LimitExceeded, message).hint(format!(
        "{remedy}, or raise max_keys of the user or of [limits] in the configuration"
    ))
}
