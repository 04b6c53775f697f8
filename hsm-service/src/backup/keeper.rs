//! The thread that makes backups: when it is asked to, when their time has come, and some time
//! after keys have changed.

use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use keyward_algorithms::ErrorKind;

use super::{
    archive::{self, Manifest},
    folder::{Folder, Stored},
};
use crate::{
    Config, Error, Result,
    authority::Authorities,
    config::BackupConfig,
    metrics::{Metrics, seconds_since_1970},
    store::Store,
};

/// Asks the thread for backups. The thread ends when this is dropped.
pub(crate) struct Keeper {
    requests: SyncSender<SyncSender<Result<Stored>>>,
    folder: std::path::PathBuf,
}

/// How many callers may wait for a backup.
const MAX_WAITING: usize = 8;

/// How often it is looked whether a backup is due.
const TICK: Duration = Duration::from_secs(30);

/// What the thread has.
struct Maker {
    store: Arc<dyn Store>,
    authority: Arc<Authorities>,
    config: BackupConfig,
    folder: std::path::PathBuf,
    /// Where a snapshot lies for a moment: the folder of the store, which is the service's alone.
    data: std::path::PathBuf,
    changed: Arc<AtomicBool>,
    metrics: Arc<Metrics>,
    /// When this thread made its last one, by a clock that is never set.
    made: Cell<Option<Instant>>,
}

impl Keeper {
    /// Starts the thread, unless no recipients are configured.
    pub(crate) fn start(
        config: &Config,
        store: Arc<dyn Store>,
        authority: Arc<Authorities>,
        metrics: Arc<Metrics>,
    ) -> Result<Option<Keeper>> {
        if config.backup.recipients.is_empty() {
            return Ok(None);
        }
        let path = config.backup_folder();
        let folder = Folder::open(&path)?;
        let newest = folder.list()?.last().map_or(0, |newest| newest.created);
        metrics.last_backup.store(newest, Relaxed);
        let changed = Arc::new(AtomicBool::new(false));
        let noted = Arc::clone(&changed);
        store.subscribe(Box::new(move |_| noted.store(true, Relaxed)));
        let maker = Maker {
            store,
            authority,
            config: config.backup.clone(),
            folder: path.clone(),
            data: config.data(),
            changed,
            metrics,
            made: Cell::new(None),
        };
        let (requests, asked) = sync_channel(MAX_WAITING);
        thread::Builder::new().name("backup".into()).spawn(move || maker.work(&asked)).map_err(
            |error| Error::new(ErrorKind::Internal, format!("cannot start a thread: {error}")),
        )?;
        Ok(Some(Keeper { requests, folder: path }))
    }

    /// Makes a backup now.
    pub(crate) fn make(&self) -> Result<Stored> {
        let (done, made) = sync_channel(1);
        self.requests.try_send(done).map_err(|_| {
            Error::new(ErrorKind::Busy, "too many backups are asked for")
                .hint("try again when those have been made")
        })?;
        made.recv()
            .unwrap_or_else(|_| Err(Error::new(ErrorKind::Internal, "the backup came to no end")))
    }

    /// The backups there are, oldest first, and their folder.
    pub(crate) fn list(&self) -> Result<(String, Vec<Stored>)> {
        Ok((self.folder.display().to_string(), Folder::open(&self.folder)?.list()?))
    }
}

impl Maker {
    fn work(&self, asked: &Receiver<SyncSender<Result<Stored>>>) {
        loop {
            match asked.recv_timeout(TICK) {
                Ok(done) => drop(done.send(self.make())),
                Err(RecvTimeoutError::Timeout) if self.is_due() => drop(self.make()),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn is_due(&self) -> bool {
        if !self.store.is_open() {
            return false;
        }
        let age = self.age();
        let after = |setting: u64, seconds: u64| setting != 0 && age >= setting * seconds;
        after(self.config.every_hours, 3600)
            || (self.changed.load(Relaxed) && after(self.config.after_changes_minutes, 60))
    }

    /// How old the newest backup is in seconds. One from the future, when the clock was wrong, is as
    /// good as none.
    fn age(&self) -> u64 {
        let by_date = || {
            let now = seconds_since_1970(SystemTime::now());
            now.checked_sub(self.metrics.last_backup.load(Relaxed)).unwrap_or(u64::MAX)
        };
        self.made.get().map_or_else(by_date, |made| made.elapsed().as_secs())
    }

    fn make(&self) -> Result<Stored> {
        // What changes from here on may not be in the snapshot.
        self.changed.store(false, Relaxed);
        let made = self.try_to_make();
        match &made {
            Ok(stored) => {
                self.metrics.last_backup.store(stored.created, Relaxed);
                self.made.set(Some(Instant::now()));
                tracing::info!(backup = stored.name, bytes = stored.bytes, "backup made");
            }
            Err(error) => {
                self.changed.store(true, Relaxed);
                self.metrics.backups_failed.fetch_add(1, Relaxed);
                tracing::error!("no backup was made: {error}");
            }
        }
        made
    }

    fn try_to_make(&self) -> Result<Stored> {
        let folder = Folder::open(&self.folder)?;
        let snapshot = self.data.join("backup.snapshot");
        let _ = std::fs::remove_file(&snapshot);
        let created = seconds_since_1970(SystemTime::now());
        let written = self.store.snapshot(&snapshot).and_then(|keys| {
            let manifest = |bytes, sha256| Manifest {
                service: self.authority.service_id().to_owned(),
                created,
                version: env!("CARGO_PKG_VERSION").into(),
                keys,
                bytes,
                sha256,
            };
            let recipients = &self.config.recipients;
            archive::write(folder.draft()?, recipients, &snapshot, &*self.store, manifest)
        });
        let _ = std::fs::remove_file(&snapshot);
        let (draft, _) = written?;
        let stored = folder.keep(draft, created)?;
        folder.thin(self.config.keep.max(1), created)?;
        Ok(stored)
    }
}
