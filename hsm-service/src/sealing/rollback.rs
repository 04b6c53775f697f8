//! Whether the store is the latest state: a counter in the machine's TPM goes up with the store, and
//! the store keeps where it stood. A store from before lags behind it.
//!
//! The store takes note of the next number first, and then the TPM counts. Cut off in between, the
//! store is ahead by one, which no older state ever is.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use keyward_algorithms::ErrorKind;

use crate::{
    Error, Result,
    config::{CounterIndex, TpmAddress, TpmConfig},
    store::{Secret, SqliteStore, Store},
    tpm::Tpm,
};

/// Under what name the store keeps the number.
const NAME: &str = "state-counter";

/// The counter that a service watches its store by.
pub(super) struct Counter {
    tpm: TpmAddress,
    index: CounterIndex,
    store: Arc<SqliteStore>,
    /// How many changes of the store the TPM has counted with.
    counted: AtomicU64,
}

impl Counter {
    /// The counter of the configuration, where there is one.
    pub(super) fn new(config: &TpmConfig, store: &Arc<SqliteStore>) -> Option<Arc<Counter>> {
        let index = config.counter?;
        let counter = Arc::new(Counter {
            tpm: config.device.clone(),
            index,
            store: Arc::clone(store),
            counted: AtomicU64::new(0),
        });
        Some(counter)
    }

    /// Goes on counting while the store is open and changes, as often as this at most.
    pub(super) fn watch(self: &Arc<Counter>, every: Duration) -> Result<()> {
        let counter = Arc::downgrade(self);
        let watching = move || {
            while let Some(counter) = Weak::upgrade(&counter) {
                counter.keep_up();
                drop(counter);
                thread::sleep(every);
            }
        };
        let started = thread::Builder::new().name("state-counter".into()).spawn(watching);
        started.map(drop).map_err(|error| {
            Error::new(ErrorKind::Internal, format!("cannot start a thread: {error}"))
        })
    }

    /// Counts if the store has changed since it was counted.
    pub(super) fn keep_up(&self) {
        if self.store.is_open()
            && self.counted.load(Ordering::Relaxed) != self.store.changes()
            && let Err(error) = self.advance()
        {
            tracing::warn!("this state of the store was not counted: {error}");
        }
    }

    /// Refuses a store that was just opened and is not the latest state, unless that is wanted; then
    /// counts. What was accepted, for the log.
    pub(super) fn check(&self, accept_older: bool) -> Result<Option<String>> {
        let stored = self.stored()?;
        let counted = self.read()?;
        let found = match (stored, counted) {
            (None, None) => None,
            (Some(stored), Some(counted)) if stored == counted || stored == counted + 1 => None,
            (Some(stored), Some(counted)) if stored < counted => Some(format!(
                "the store is an older state: it was at {stored} and the TPM's counter is at {counted}"
            )),
            (None, Some(counted)) => Some(format!(
                "the store is a state from before states were counted, and the TPM's counter is at \
                 {counted}"
            )),
            (Some(stored), Some(counted)) => Some(format!(
                "the store is at {stored} and the TPM's counter at {counted}: this is another TPM, or \
                 another counter"
            )),
            (Some(stored), None) => Some(format!(
                "the store is at {stored}, and the TPM has no counter {}: this is another TPM, or it \
                 was cleared",
                self.index
            )),
        };
        if let Some(found) = &found
            && !accept_older
        {
            return Err(Error::new(ErrorKind::Sealed, found.clone()).hint(
                "where nobody has restored a backup or exchanged the TPM, somebody has rolled the disk \
                 back: deleted keys, revoked clients and old PINs are in it again; if it is right: \
                 keyward unseal --accept-older-state",
            ));
        }
        self.advance()?;
        Ok(found)
    }

    fn advance(&self) -> Result<()> {
        let changes = self.store.changes();
        if self.read()?.is_none() {
            Tpm::open(&self.tpm)?.make_counter(self.index)?;
            // Until it was incremented once, a counter has no value.
            Tpm::open(&self.tpm)?.increment(self.index)?;
        }
        let next = self.read()?.unwrap_or_default() + 1;
        self.store.set_own_secrets(&[(NAME, Secret::copy_of(&next.to_be_bytes()))])?;
        Tpm::open(&self.tpm)?.increment(self.index)?;
        // The note itself is a change too.
        self.counted.store(changes + 1, Ordering::Relaxed);
        Ok(())
    }

    fn read(&self) -> Result<Option<u64>> {
        Tpm::open(&self.tpm)?.counter(self.index)
    }

    fn stored(&self) -> Result<Option<u64>> {
        let Some(secret) = self.store.own_secret(NAME)? else { return Ok(None) };
        let bytes: [u8; 8] = secret.expose().try_into().map_err(|_| {
            Error::new(ErrorKind::Internal, "the number of the state does not read")
        })?;
        Ok(Some(u64::from_be_bytes(bytes)))
    }
}
