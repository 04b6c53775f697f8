//! The audit log: every act of management and every use of a key, who, from where, on which key,
//! and what came of it.
//!
//! ```text
//! request ──► trail ──► journal (shared mapping) ──► writer thread ──► files (chained, signed)
//!                          │ acts: fdatasync             │ at most a second later, fdatasync
//!                          ▼ before the reply            ▼
//! ```
//!
//! An entry is in the journal before its reply goes out, so that a killed service loses none that
//! was answered; an act of management is on disk by then. `docs/audit.md` says what the log can
//! prove and what it cannot.

mod entry;
mod files;
pub(crate) mod format;
mod journal;
mod key;
mod pages;
pub(crate) mod show;
mod sink;
mod trail;
pub(crate) mod verify;
mod writer;

use std::{
    path::PathBuf,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use keyward_algorithms::ErrorKind;
use keyward_protocol::messages::AuditHead;

use crate::{
    Config, Error, Result,
    clock::Steps,
    config::{AuditConfig, WhenFull},
    store::Store,
};
use entry::{Particulars, entry};
use files::{LogFile, Opened, Owner, Tail};
use journal::Journal;
use key::AuditKey;
use pages::Place;
use sink::{Mark, Sinks};
use writer::{JournalPlace, Writer};

pub(crate) use entry::{Fields, Origin, key_fields};
pub(crate) use files::{list as list_files, make_folder};
pub(crate) use trail::Trail;

/// How long entries wait in the journal at most, while the disk keeps up.
const INTERVAL: Duration = Duration::from_millis(250);

/// How long whoever reads the log waits for what is in the journal.
const READER_TIME: Duration = Duration::from_secs(2);

/// How often a log that cannot be written is complained of.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(60);

/// How many refusals of strangers are recorded in a second; the rest are counted.
const STRANGER_ENTRIES: u64 = 100;

/// The audit log of a running service.
pub(crate) struct Audit {
    folder: PathBuf,
    config: AuditConfig,
    journal: Journal,
    /// There from the first time on that the log was open.
    sinks: OnceLock<Sinks>,
    /// The part of the journal that uses leave to acts, in bytes.
    reserve: u64,
    /// Uses that could not be recorded, and strangers' refusals that were not.
    lost: AtomicU64,
    suppressed: AtomicU64,
    /// The second that is counted in, and the refusals recorded in it.
    strangers: (AtomicU64, AtomicU64),
    connections: AtomicU64,
    /// The end of the log's files as the start has found it, until they are opened.
    tail: Mutex<Option<Tail>>,
    /// Writes the log's files; there while the service has the key.
    writer: Mutex<Option<Writer>>,
    state: Mutex<State>,
    wake: Condvar,
    done: Condvar,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// How the log is.
pub(crate) struct AuditLoad {
    /// What waits in the journal, and how much it holds.
    pub(crate) journal_used_bytes: u64,
    pub(crate) journal_bytes: u64,
    /// The files cannot be written.
    pub(crate) failing: bool,
    pub(crate) sinks: Vec<SinkLoad>,
}

/// How a sink is.
pub(crate) struct SinkLoad {
    pub(crate) name: String,
    /// How old the oldest entry is that was not sent, and how many there are.
    pub(crate) lag_seconds: f64,
    pub(crate) waiting: u64,
    pub(crate) dropped: u64,
    pub(crate) failures: u64,
}

#[derive(Default)]
struct State {
    stop: bool,
    /// Somebody waits for the journal to be taken over.
    asked: bool,
    /// How often the writer has been through.
    rounds: u64,
    /// Why the log cannot be written.
    failure: Option<String>,
    head: AuditHead,
    /// Up to where the log is on disk.
    end: Mark,
    damage: Option<String>,
}

impl Audit {
    /// Begins to record. What is recorded waits in the journal, beside what a killed service left
    /// there, until there is a key to sign the log with.
    pub(crate) fn start(config: &Config) -> Result<Arc<Audit>> {
        let folder = config.audit_folder();
        files::make_folder(&folder)?;
        let path = folder.join("journal");
        let journal_bytes = config.audit.journal_mib << 20;
        let tail = Tail::find(&folder)?;
        let journal = Journal::resume(&path, journal_bytes, |id| tail.taken_over(id))
            .map_err(|error| files::failed("open the journal in", &folder, &error))?;
        let started = event("service-start", concat!("version ", env!("CARGO_PKG_VERSION")));
        journal.append(started.as_bytes(), 0);
        let audit = Arc::new(Audit {
            folder,
            config: config.audit.clone(),
            reserve: journal.bytes() / 8,
            journal,
            sinks: OnceLock::new(),
            lost: AtomicU64::new(0),
            suppressed: AtomicU64::new(0),
            strangers: (AtomicU64::new(0), AtomicU64::new(0)),
            connections: AtomicU64::new(0),
            tail: Mutex::new(Some(tail)),
            writer: Mutex::default(),
            state: Mutex::default(),
            wake: Condvar::new(),
            done: Condvar::new(),
            thread: Mutex::new(None),
        });
        let working = Arc::clone(&audit);
        let spawned = thread::Builder::new().name("audit".into());
        let thread = spawned.spawn(move || working.work()).map_err(|error| {
            Error::new(ErrorKind::Internal, format!("cannot start a thread: {error}"))
        })?;
        *audit.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(audit)
    }

    /// Opens the log with the key that the store keeps for it, and writes what waits in the journal.
    pub(crate) fn open(&self, store: &dyn Store, service_id: &str) -> Result<()> {
        let key = AuditKey::load(store, service_id)?;
        let owner = Owner { service_id, spki: &key.spki };
        // Nobody writes to them while they are not open.
        let found = self.tail.lock().unwrap_or_else(PoisonError::into_inner).take();
        let tail = found.map_or_else(|| Tail::find(&self.folder), Ok)?;
        let Opened { file, standing, damage } = LogFile::open(&self.folder, &owner, tail)?;
        if let Some(damage) = &damage {
            tracing::error!("the audit log was changed from outside: {damage}");
            self.journal.append(event("log-damaged", damage).as_bytes(), 0);
        }
        let mut writer = Writer { key, file, standing, file_bytes: self.config.file_mib << 20 };
        let from = end_of(&writer);
        writer
            .take_over(&self.journal)
            .map_err(|error| files::failed("write", &self.folder, &error))?;
        if self.sinks.get().is_none() {
            let sinks = Sinks::start(&self.config.sink, &self.folder, from)?;
            self.sinks.get_or_init(|| sinks).publish(end_of(&writer));
        }
        let mut state = self.lock();
        state.head = head_of(&writer);
        state.end = end_of(&writer);
        state.damage = damage;
        drop(state);
        *self.writer() = Some(writer);
        Ok(())
    }

    /// Writes what waits in the journal, and gives the key up.
    pub(crate) fn seal(&self) {
        let mut writer = self.writer();
        if let Some(mut ending) = writer.take() {
            if let Err(error) = self.round(&mut ending) {
                tracing::error!("cannot write the audit log: {error}");
            }
            let mut state = self.lock();
            state.head = head_of(&ending);
            state.end = end_of(&ending);
        }
    }

    /// Records the end of the service and takes everything over.
    pub(crate) fn close(&self) {
        self.journal.append(event("service-stop", "").as_bytes(), 0);
        self.lock().stop = true;
        self.wake.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
        if let Some(sinks) = self.sinks.get() {
            sinks.close();
        }
    }

    /// Records what is about to happen to the service, on disk and as far as there is a key in the
    /// log itself.
    pub(crate) fn announce(&self, name: &str, detail: &str) -> Result<()> {
        self.admit_here()?;
        self.record_act(&event(name, detail))?;
        self.catch_up();
        Ok(())
    }

    /// A number for a new connection.
    pub(crate) fn next_connection(&self) -> u64 {
        self.connections.fetch_add(1, Relaxed) + 1
    }

    /// Refuses a use while a sink that is required is behind.
    fn admit_use(&self) -> Result<()> {
        self.sinks.get().and_then(Sinks::refusal).map_or(Ok(()), Err)
    }

    /// Refuses an act that could not be recorded, before it is begun.
    pub(crate) fn admit_act(&self) -> Result<()> {
        self.admit_use()?;
        self.admit_here()
    }

    /// Refuses an act that could not be recorded on this machine.
    fn admit_here(&self) -> Result<()> {
        if self.journal.has_room(0) {
            return Ok(());
        }
        self.wake.notify_one();
        Err(self.full("acts of management are refused"))
    }

    /// Records an act and puts it on disk.
    fn record_act(&self, entry: &Fields) -> Result<()> {
        let unproven = |why: &str| {
            let message = format!("this was done, but the audit log could not keep it: {why}");
            Error::new(ErrorKind::Internal, message)
                .hint("look before you repeat it, and see to the disk with the service's audit log")
        };
        if self.journal.append(entry.as_bytes(), 0).is_none() {
            return Err(unproven("it is full"));
        }
        self.journal.sync().map_err(|error| unproven(&error.to_string()))
    }

    /// Records what was done while the service was down.
    pub(crate) fn record_offline_act(&self, act: &str) -> Result<()> {
        self.record_act(&event("offline-act", act))
    }

    /// Records what came about by itself, as acts are recorded.
    pub(crate) fn record_event(&self, name: &str, detail: &str) {
        if let Err(error) = self.record_act(&event(name, detail)) {
            tracing::error!("{name} ({detail}): {error}");
        }
    }

    /// Records what the service did to a key by itself, and puts it on disk.
    pub(crate) fn record_key_event(&self, name: &str, key: &Fields, detail: &str) -> Result<()> {
        let of = Particulars { event: name, detail, ..Particulars::default() };
        self.record_act(&entry(&Fields::default(), key, &of))
    }

    /// Records a use.
    fn record_use(&self, entry: &Fields) -> Result<()> {
        if self.journal.append(entry.as_bytes(), self.reserve).is_some() {
            return Ok(());
        }
        self.wake.notify_one();
        match self.config.when_full {
            WhenFull::Continue => {
                self.lost.fetch_add(1, Relaxed);
                Ok(())
            }
            WhenFull::Refuse => Err(self.full("keys are not used")),
        }
    }

    fn full(&self, consequence: &str) -> Error {
        let why = self.lock().failure.clone();
        let why = why.unwrap_or_else(|| "the disk does not keep up".into());
        let message = format!("the audit log is full, so {consequence}: {why}");
        Error::new(ErrorKind::LimitExceeded, message)
            .hint("make room on the disk with the service's audit log; it goes on by itself then")
    }

    /// Whether one more refusal of a stranger is recorded, so that strangers cannot fill the disk.
    fn admits_stranger(&self) -> bool {
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |time| time.as_secs());
        if self.strangers.0.swap(now, Relaxed) != now {
            self.strangers.1.store(0, Relaxed);
        }
        let admitted = self.strangers.1.fetch_add(1, Relaxed) < STRANGER_ENTRIES;
        if !admitted {
            self.suppressed.fetch_add(1, Relaxed);
        }
        admitted
    }

    /// Has what is in the journal taken over, as far as the disk allows.
    pub(crate) fn catch_up(&self) {
        let end = Instant::now() + READER_TIME;
        let mut state = self.lock();
        // The round that is under way may have begun too early.
        let awaited = state.rounds + 2;
        while state.rounds < awaited && !state.stop {
            state.asked = true;
            self.wake.notify_one();
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.done.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The newest checkpoint.
    pub(crate) fn head(&self) -> AuditHead {
        self.catch_up();
        self.lock().head.clone()
    }

    /// What an operator should mend.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let state = self.lock();
        let mut warnings = Vec::new();
        if let Some(damage) = &state.damage {
            warnings.push(format!("the audit log was changed from outside: {damage}"));
        }
        if let Some(failure) = &state.failure {
            warnings.push(format!("the audit log cannot be written: {failure}"));
        }
        let lost = self.lost.load(Relaxed);
        if lost > 0 {
            warnings.push(format!("{lost} uses of keys are missing in the audit log"));
        }
        drop(state);
        warnings.extend(self.sinks.get().map(Sinks::warnings).unwrap_or_default());
        warnings
    }

    fn work(&self) {
        let mut last_complaint: Option<Instant> = None;
        let mut clock = Steps::new();
        loop {
            let stop = {
                let state = self.lock();
                let idle = |state: &mut State| !state.stop && !state.asked;
                let waited = self.wake.wait_timeout_while(state, INTERVAL, idle);
                let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
                state.asked = false;
                state.stop
            };
            // Times in the log do not go on from one entry to the next then.
            if let Some(step) = clock.step() {
                let direction = if step < 0 { "back" } else { "forward" };
                let detail = format!("{direction} by {} s", step.unsigned_abs());
                tracing::warn!("the machine's clock was set {detail}");
                self.record_event("clock-set", &detail);
            }
            let mut writer = self.writer();
            let result = writer.as_mut().map_or(Ok(()), |writer| self.round(writer));
            if let (Some(writer), Some(sinks)) = (writer.as_ref(), self.sinks.get()) {
                sinks.publish(end_of(writer));
            }
            let mut state = self.lock();
            state.rounds += 1;
            match result {
                Ok(()) => {
                    if state.failure.take().is_some() {
                        tracing::info!("the audit log is written again");
                    }
                    if let Some(writer) = writer.as_ref() {
                        state.head = head_of(writer);
                        state.end = end_of(writer);
                    }
                }
                Err(error) => {
                    if last_complaint.is_none_or(|last| last.elapsed() >= COMPLAINT_INTERVAL) {
                        last_complaint = Some(Instant::now());
                        tracing::error!("cannot write the audit log: {error}");
                    }
                    state.failure = Some(error.to_string());
                }
            }
            self.done.notify_all();
            if stop {
                return;
            }
        }
    }

    fn round(&self, writer: &mut Writer) -> std::io::Result<()> {
        let number = writer.file.number;
        writer.take_over(&self.journal)?;
        // What is missing is said as soon as there is room for it.
        for (count, what) in
            [(&self.lost, "uses-not-recorded"), (&self.suppressed, "refusals-not-recorded")]
        {
            let missing = count.swap(0, Relaxed);
            if missing > 0 {
                let entry = event(what, &missing.to_string());
                let place = JournalPlace { id: self.journal.id, position: self.journal.tail() };
                if let Err(error) = writer.write(&[entry], place) {
                    count.fetch_add(missing, Relaxed);
                    return Err(error);
                }
            }
        }
        if self.config.keep_files > 0 && writer.file.number != number {
            for removed in Writer::remove_oldest(&self.folder, self.config.keep_files)? {
                let entry = event("log-file-removed", &removed.to_string());
                self.journal.append(entry.as_bytes(), 0);
            }
        }
        Ok(())
    }

    /// How the log is, for metrics.
    pub(crate) fn load(&self) -> AuditLoad {
        let used = self.journal.head().saturating_sub(self.journal.tail());
        let written = self.sinks.get().map_or(0, Sinks::written);
        let sinks =
            self.sinks.get().map_or(&[][..], Sinks::reports).iter().map(|report| SinkLoad {
                name: report.name.clone(),
                lag_seconds: report.lag().as_secs_f64(),
                waiting: written.saturating_sub(report.sent.load(Relaxed)),
                dropped: report.dropped.load(Relaxed),
                failures: report.failures.load(Relaxed),
            });
        AuditLoad {
            journal_used_bytes: used * 8,
            journal_bytes: self.journal.bytes(),
            failing: self.lock().failure.is_some(),
            sinks: sinks.collect(),
        }
    }

    /// Taken before the state's lock, never after it.
    fn writer(&self) -> MutexGuard<'_, Option<Writer>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Up to where the log is on disk.
fn end_of(writer: &Writer) -> Mark {
    let place = Place { file: writer.file.number, offset: writer.file.bytes };
    Mark { place, sequence: writer.standing.sequence }
}

fn head_of(writer: &Writer) -> AuditHead {
    let (checkpoint, signature) = writer.standing.checkpoint.clone();
    AuditHead { checkpoint, signature, spki: writer.key.spki.clone() }
}

/// An entry for what the service does by itself.
fn event(name: &str, detail: &str) -> Fields {
    let of = Particulars { event: name, detail, ..Particulars::default() };
    entry(&Fields::default(), &Fields::default(), &of)
}
