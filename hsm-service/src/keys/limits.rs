//! How far a key has come towards the limits of its use: its uses in all, its uses within a time,
//! and its encryptions with AES-GCM.
//!
//! Uses in all are never more than was set, whatever kills the service or the machine: they are
//! handed out from a portion that stands in the store as used already. A use costs an atomic
//! subtraction then, and one of many a write. A kill loses what is left of the portion; a service
//! that ends or is sealed gives it back.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use keyward_algorithms::{ErrorKind, KeyType, SecretKind};
use keyward_protocol::{KeyAttributes, KeyId, Rate};

use crate::{
    Error, Result,
    bucket::Bucket,
    caretaker::Endings,
    metrics::Metrics,
    policy,
    store::{Counted, Ending, EndingOf, Record, Store, is_near},
};

/// The largest portions: of a key's uses, a thousand; of encryptions with AES-GCM, of which there
/// are four milliards and none but the reckless come near the end, what a second does.
const fn largest_portion(of: Counted) -> u64 {
    match of {
        Counted::Uses => 1000,
        Counted::Gcm => 1 << 16,
    }
}

/// How many threads give portions back at once.
const MAX_GIVING: usize = 32;

/// The keys that have limits and were used since the service started.
pub(crate) struct Limits {
    shared: Arc<Shared>,
    by_key: Mutex<HashMap<KeyId, Arc<Limit>>>,
}

struct Shared {
    store: Arc<dyn Store>,
    endings: Endings,
    metrics: Arc<Metrics>,
    started: Instant,
}

/// How far one key has come. It outlives the parsed key, which is thrown out by every change.
pub(crate) struct Limit {
    id: KeyId,
    shared: Arc<Shared>,
    /// What is left of the portions.
    left: [AtomicU64; 2],
    /// What the store has as used, these portions included. HeldLimit while that is changed.
    counted: Mutex<[u64; 2]>,
    bucket: Bucket,
}

impl Limits {
    pub(crate) fn new(store: Arc<dyn Store>, endings: Endings, metrics: Arc<Metrics>) -> Limits {
        let shared = Shared { store, endings, metrics, started: Instant::now() };
        Limits { shared: Arc::new(shared), by_key: Mutex::default() }
    }

    /// How far a key has come, whether or not anything limits it.
    pub(crate) fn of(&self, record: &Record) -> Arc<Limit> {
        let limit = || Limit {
            id: record.id,
            shared: Arc::clone(&self.shared),
            left: Default::default(),
            counted: Mutex::new(Counted::ALL.map(|of| of.count(&record.attributes))),
            bucket: Bucket::default(),
        };
        Arc::clone(self.lock().entry(record.id).or_insert_with(|| Arc::new(limit())))
    }

    /// Forgets a key that is gone.
    pub(super) fn forget(&self, id: &KeyId) {
        self.lock().remove(id);
    }

    /// Replaces what the store has of a key's uses, which may be a portion too many, by what they
    /// are.
    pub(crate) fn correct(&self, record: &mut Record) {
        let limit = self.lock().get(&record.id).map(Arc::clone);
        let Some(limit) = limit else { return };
        let counted = limit.lock();
        for of in Counted::ALL {
            let used = counted[of as usize] - limit.left(of).load(Relaxed);
            *of.count_mut(&mut record.attributes) = used;
        }
    }

    /// Gives back what is left of all portions; those of several keys go to the disk together, since
    /// a service that is to be sealed is not to wait long.
    pub(crate) fn give_back(&self) {
        let all: Vec<Arc<Limit>> = self.lock().values().map(Arc::clone).collect();
        let give = |part: &[Arc<Limit>]| {
            for limit in part {
                // What is not given back counts as used.
                if let Err(error) = limit.give_back() {
                    tracing::warn!(id = %limit.id, "uses that were not made are lost: {error}");
                }
            }
        };
        thread::scope(|scope| {
            for part in all.chunks(all.len().div_ceil(MAX_GIVING).max(1)) {
                if thread::Builder::new().spawn_scoped(scope, move || give(part)).is_err() {
                    give(part);
                }
            }
        });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<KeyId, Arc<Limit>>> {
        self.by_key.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A key whose portions are taken in, so that its limits can be changed.
pub(crate) struct HeldLimit<'a> {
    limit: &'a Limit,
    counted: MutexGuard<'a, [u64; 2]>,
    taken: [u64; 2],
}

impl HeldLimit<'_> {
    /// Writes what was really used into a record that the store is about to keep.
    pub(crate) fn settle(&mut self, attributes: &mut KeyAttributes) {
        for of in Counted::ALL {
            let taken = &mut self.taken[of as usize];
            *taken += self.limit.left(of).swap(0, Relaxed);
            *of.count_mut(attributes) -= *taken;
        }
    }

    /// The store has kept it.
    pub(crate) fn kept(mut self) {
        for (counted, taken) in self.counted.iter_mut().zip(&mut self.taken) {
            *counted -= std::mem::take(taken);
        }
    }
}

impl Drop for HeldLimit<'_> {
    fn drop(&mut self) {
        for of in Counted::ALL {
            self.limit.left(of).fetch_add(self.taken[of as usize], Relaxed);
        }
    }
}

impl Limit {
    /// Counts a use, and an encryption with AES-GCM where it is one; or refuses it.
    pub(super) fn take(&self, record: &Record, is_gcm: bool) -> Result<()> {
        let held = &record.attributes.restrictions;
        if let Some(rate) = held.max_rate {
            let took = self.bucket.take(self.now(), rate.uses, time_of(rate));
            took.map_err(|wait| self.too_fast(record, rate, wait))?;
        }
        if held.max_uses != 0 {
            self.take_one(record, Counted::Uses)?;
        }
        if is_gcm {
            self.take_one(record, Counted::Gcm)?;
        }
        Ok(())
    }

    /// Refuses a use that would be refused, and counts nothing.
    pub(super) fn look(&self, record: &Record) -> Result<()> {
        let held = &record.attributes.restrictions;
        if let Some(rate) = held.max_rate {
            let found = self.bucket.look(self.now(), rate.uses, time_of(rate));
            found.map_err(|wait| self.too_fast(record, rate, wait))?;
        }
        if held.max_uses != 0 && self.left(Counted::Uses).load(Relaxed) == 0 {
            let counted = self.lock();
            self.refuse_used_up(record, Counted::Uses, &counted)?;
        }
        Ok(())
    }

    /// Takes the portions in and lets nobody have others, until this is dropped.
    pub(crate) fn hold(&self) -> HeldLimit<'_> {
        HeldLimit { limit: self, counted: self.lock(), taken: [0; 2] }
    }

    fn take_one(&self, record: &Record, of: Counted) -> Result<()> {
        let left = self.left(of);
        let take = || left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok();
        if take() {
            return Ok(());
        }
        let mut counted = self.lock();
        // Somebody may have been quicker.
        if take() {
            return Ok(());
        }
        self.refuse_used_up(record, of, &counted)?;
        let portion = self.reserve(of, &mut counted)?;
        left.fetch_add(portion - 1, Relaxed);
        Ok(())
    }

    /// Has the store count a portion as used.
    fn reserve(&self, of: Counted, counted: &mut [u64; 2]) -> Result<u64> {
        let mut portion = 0;
        let mut change = |record: &mut Record| {
            let most = of.most(&record.attributes).unwrap_or(u64::MAX);
            let rest = most.saturating_sub(of.count(&record.attributes));
            if rest == 0 {
                return Err(used_up(&record.name, of, most));
            }
            portion = (rest / 10).clamp(1, largest_portion(of));
            *of.count_mut(&mut record.attributes) += portion;
            Ok(())
        };
        let shared = &self.shared;
        let kept = shared.store.count_uses(&self.id, &mut change).map_err(|error| {
            match error.kind {
            ErrorKind::Sealed => error,
            _ if portion == 0 => error,
            _ => Error {
                message: format!("the uses of the key cannot be counted: {}", error.message),
                hint: Some(
                    "a key with limits is not used while its uses cannot be written down: see the \
                     disk with the service's state"
                        .into(),
                ),
                ..error
            },
        }
        })?;
        let record = kept.ok_or_else(policy::not_found)?;
        counted[of as usize] += portion;
        self.warn(&record, of, portion);
        Ok(portion)
    }

    /// Says once that a key comes near its end, and once that it is there.
    fn warn(&self, record: &Record, of: Counted, portion: u64) {
        let Record { id, owner, name, .. } = record;
        let Some(most) = of.most(&record.attributes) else { return };
        let used = of.count(&record.attributes);
        if is_near(used, most) && !is_near(used - portion, most) {
            let ending = Ending {
                id: Some(*id),
                owner: owner.clone(),
                name: name.clone(),
                of: EndingOf::Uses,
                time: 0,
            };
            tracing::warn!(%id, "{}", ending.sentence(0));
            self.shared.endings.add(ending);
        }
        if used == most {
            tracing::warn!(%id, "key {owner}/{name} is at the last of its {most} {}", of.words());
        }
    }

    fn give_back(&self) -> Result<()> {
        let mut held = self.hold();
        if Counted::ALL.iter().all(|of| self.left(*of).load(Relaxed) == 0) {
            return Ok(());
        }
        let mut change = |record: &mut Record| {
            held.settle(&mut record.attributes);
            Ok(())
        };
        if self.shared.store.count_uses(&self.id, &mut change)?.is_some() {
            held.kept();
        }
        Ok(())
    }

    fn refuse_used_up(&self, record: &Record, of: Counted, counted: &[u64; 2]) -> Result<()> {
        let most = of.most(&record.attributes).unwrap_or(u64::MAX);
        if counted[of as usize] < most {
            return Ok(());
        }
        self.shared.metrics.over_limit[of as usize].fetch_add(1, Relaxed);
        Err(used_up(&record.name, of, most))
    }

    fn too_fast(&self, record: &Record, rate: Rate, wait: Duration) -> Error {
        self.shared.metrics.over_limit[OVER_RATE].fetch_add(1, Relaxed);
        let again = match wait {
            short if short < Duration::from_secs(10) => format!("{} ms", short.as_millis() + 1),
            long => format!("{} s", long.as_secs() + 1),
        };
        Error::new(ErrorKind::Busy, format!("key \"{}\" is used at most {rate}", record.name))
            .hint(format!("it can be used again in {again}"))
            .retry_after(wait)
    }

    fn now(&self) -> Duration {
        self.shared.started.elapsed()
    }

    fn left(&self, of: Counted) -> &AtomicU64 {
        &self.left[of as usize]
    }

    fn lock(&self) -> MutexGuard<'_, [u64; 2]> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place after those of [`Counted`] in the metrics.
const OVER_RATE: usize = 2;

/// Whether any limit can stop the key of a record.
pub(super) fn is_limited(record: &Record) -> bool {
    let held = &record.attributes.restrictions;
    let is_aes = matches!(record.key_type, KeyType::Secret(SecretKind::Aes, _));
    held.max_uses != 0 || held.max_rate.is_some() || is_aes
}

fn time_of(rate: Rate) -> Duration {
    Duration::from_secs(rate.seconds.into())
}

fn used_up(name: &str, of: Counted, most: u64) -> Error {
    let message = format!("key \"{name}\" has had its {most} {}", of.words());
    let hint = match of {
        Counted::Uses => "it is not used any more; `keyward key rotate` makes another in its place",
        Counted::Gcm => {
            "more are not safe with random nonces (NIST SP 800-38D); `keyward key rotate` makes \
             another key, and this one still decrypts"
        }
    };
    Error::new(ErrorKind::LimitExceeded, message).hint(hint)
}
