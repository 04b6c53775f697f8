//! Whether the store is the latest state: a counter in the machine's TPM goes up with the store, and
//! the store keeps where it stood. A store from before lags behind it.
//!
//! The store takes note of the next number first, and then the TPM counts. Cut off in between, the
//! store is ahead by one, which no older state ever is.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
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
    tpm::{Reading, Tpm},
};

/// Under what names the store keeps the number, and the name of the storage key of the TPM that it
/// counts with, so that no other TPM, nor one that is made up, can say what the counter stands at.
const NAME: &str = "state-counter";
const TPM: &str = "state-counter-tpm";

/// The counter that a service watches its store by.
pub(super) struct Counter {
    tpm: TpmAddress,
    index: CounterIndex,
    store: Arc<SqliteStore>,
    /// How many changes of the store the TPM has counted with.
    counted: AtomicU64,
    /// Held while it is counted: two at a time would have the TPM count twice and the store once.
    counting: Mutex<()>,
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
            counting: Mutex::default(),
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
        let _turn = self.turn();
        if self.store.is_open()
            && self.counted.load(Ordering::Relaxed) != self.store.changes()
            && let Err(error) = self.known().and_then(|known| self.advance(known.as_deref()))
        {
            tracing::warn!("this state of the store was not counted: {error}");
        }
    }

    /// Refuses a store that was just opened and is not the latest state, unless that is wanted; then
    /// counts. What was accepted, for the log.
    pub(super) fn check(&self, accept_older: bool) -> Result<Option<String>> {
        let _turn = self.turn();
        let stored = self.stored()?;
        let counted = self.read()?;
        let known = self.known()?;
        let tpm = counted.as_ref().map(|counted| counted.tpm.clone());
        let is_another = known.is_some() && tpm.is_some() && known != tpm;
        let found = match (stored, counted.map(|counted| counted.value)) {
            (_, Some(_)) if is_another => Some(
                "the store has counted with another TPM than the one that is there, or somebody sits \
                 between processor and TPM"
                    .into(),
            ),
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
        self.advance(tpm.as_deref())?;
        Ok(found)
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.counting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts, with the TPM that is known, if one is.
    fn advance(&self, known: Option<&[u8]>) -> Result<()> {
        let changes = self.store.changes();
        if self.read()?.is_none() {
            Tpm::open(&self.tpm)?.make_counter(self.index)?;
            // Until it was incremented once, a counter has no value.
            Tpm::open(&self.tpm)?.increment(self.index, known)?;
        }
        let Some(Reading { value, tpm }) = self.read()? else {
            return Err(Error::new(ErrorKind::Sealed, "the TPM has no counter where one was made"));
        };
        if known.is_some_and(|known| known != tpm) {
            let message = "another TPM is there than the one that the store counts with";
            return Err(Error::new(ErrorKind::Sealed, message));
        }
        let next = Secret::copy_of(&(value + 1).to_be_bytes());
        self.store.set_own_secrets(&[(NAME, next), (TPM, Secret::copy_of(&tpm))])?;
        Tpm::open(&self.tpm)?.increment(self.index, Some(&tpm))?;
        // The note itself is a change too.
        self.counted.store(changes + 1, Ordering::Relaxed);
        Ok(())
    }

    fn read(&self) -> Result<Option<Reading>> {
        Tpm::open(&self.tpm)?.counter(self.index)
    }

    /// The TPM that the store counts with; none in a store that has counted before this was kept.
    fn known(&self) -> Result<Option<Vec<u8>>> {
        Ok(self.store.own_secret(TPM)?.map(|name| name.expose().to_vec()))
    }

    fn stored(&self) -> Result<Option<u64>> {
        let Some(secret) = self.store.own_secret(NAME)? else { return Ok(None) };
        let bytes: [u8; 8] = secret.expose().try_into().map_err(|_| {
            Error::new(ErrorKind::Internal, "the number of the state does not read")
        })?;
        Ok(Some(u64::from_be_bytes(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        os::unix::net::UnixStream,
        process::{Child, Command},
        time::Instant,
    };

    use super::*;
    use crate::store::{KeyFile, create_master_key};

    /// A software TPM, which is switched off when dropped.
    struct SoftTpm(Child);

    impl SoftTpm {
        fn start(folder: &std::path::Path) -> (SoftTpm, TpmAddress) {
            let socket = folder.join("tpm.sock");
            let process = Command::new("swtpm")
                .args(["socket", "--tpm2", "--flags", "not-need-init,startup-clear", "--tpmstate"])
                .arg(format!("dir={}", folder.display()))
                .arg("--server")
                .arg(format!("type=unixio,path={}", socket.display()))
                .spawn()
                .expect("swtpm is missing: ops/prerequisites test");
            let tpm = SoftTpm(process);
            let end = Instant::now() + Duration::from_secs(60);
            while UnixStream::connect(&socket).is_err() {
                assert!(Instant::now() < end, "swtpm does not start");
                thread::sleep(Duration::from_millis(10));
            }
            (tpm, TpmAddress::Swtpm(socket))
        }
    }

    impl Drop for SoftTpm {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    #[test]
    fn threads_that_count_at_the_same_time_leave_store_and_tpm_at_the_same_number() {
        let folder = tempfile::TempDir::new().unwrap();
        let (_tpm, device) = SoftTpm::start(folder.path());
        let key = folder.path().join("master.key");
        create_master_key(&key).unwrap();
        let store = SqliteStore::create(&folder.path().join("data"), &KeyFile::new(&key)).unwrap();
        let index = CounterIndex::try_from("0x01800001".to_owned()).unwrap();
        let config = TpmConfig { device, counter: Some(index), ..TpmConfig::default() };
        let counter = Counter::new(&config, &Arc::new(store)).unwrap();
        counter.check(false).unwrap();
        for _ in 0..10 {
            counter.store.set_own_secrets(&[("x", Secret::copy_of(b"y"))]).unwrap();
            thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| counter.keep_up());
                }
            });
            let counted = counter.read().unwrap().map(|counted| counted.value);
            assert_eq!(counter.stored().unwrap(), counted);
        }
    }
}
