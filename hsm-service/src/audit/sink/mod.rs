//! Sinks: where entries go besides the log's files. Each has a thread that reads the files, which
//! are its queue: whatever a sink does, nobody waits for it, and nothing is lost to it while the
//! files are there. It keeps the place up to which a sink has surely taken entries, and begins there
//! again after a broken connection, or a restart.

mod journald;
mod position;
mod syslog;
mod target;
mod tls;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime},
};

use keyward_algorithms::ErrorKind;
use keyward_protocol::messages::AuditEntry;
use prost::Message;

use super::{
    format::{self, Kind},
    pages::{Place, following},
};
use crate::{Error, Result, config::SinkConfig};
use position::{Marks, PositionFile};
use target::Target;

/// How long a sink that has failed is left alone, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// How often it is looked whether the other side is still there.
const TICK: Duration = Duration::from_millis(250);

/// How long sinks may catch up when the service ends.
const CLOSING_TIME: Duration = Duration::from_secs(2);

/// How often a sink that fails is complained of.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(60);

/// A place in the log and the entry before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) place: Place,
    pub(super) sequence: u64,
}

/// All sinks of a service.
pub(crate) struct Sinks {
    shared: Arc<Shared>,
    reports: Vec<Arc<Report>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// A sink that is required is behind.
    blocked: AtomicBool,
}

/// How far the log is, for those that follow it.
#[derive(Default)]
struct Shared {
    state: Mutex<(Mark, bool)>,
    wake: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, (Mark, bool)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the log to be farther than a mark, or for the end, but not long.
    fn wait(&self, than: Place, time: Duration) -> (Mark, bool) {
        let state = self.lock();
        let waited =
            self.wake.wait_timeout_while(state, time, |(end, stop)| end.place <= than && !*stop);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// What is told of a sink.
pub(crate) struct Report {
    pub(crate) name: String,
    required: bool,
    max_lag: Duration,
    /// The last entry that was sent.
    pub(crate) sent: AtomicU64,
    /// Entries that were removed from the log before they were sent.
    pub(crate) dropped: AtomicU64,
    pub(crate) failures: AtomicU64,
    /// When the oldest entry that was not sent was written, in microseconds since 1970; 0 if all
    /// were.
    waiting_since: AtomicU64,
    error: Mutex<Option<String>>,
}

impl Report {
    fn new(config: &SinkConfig) -> Report {
        Report {
            name: config.to_string(),
            required: config.required,
            max_lag: Duration::from_secs(config.max_lag_seconds),
            sent: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            waiting_since: AtomicU64::new(0),
            error: Mutex::default(),
        }
    }

    /// How old the oldest entry is that was not sent.
    pub(crate) fn lag(&self) -> Duration {
        match self.waiting_since.load(Relaxed) {
            0 => Duration::ZERO,
            since => {
                let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
                now.saturating_sub(Duration::from_micros(since))
            }
        }
    }

    fn is_behind(&self) -> bool {
        self.lag() > self.max_lag
    }

    /// How it is, where that is not well.
    fn complaint(&self) -> Option<String> {
        if !self.is_behind() {
            return None;
        }
        let error = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        let why = error.as_deref().unwrap_or("it takes entries too slowly");
        Some(format!("is behind by {} s: {why}", self.lag().as_secs()))
    }

    /// Notes since when something waits. What is sent a second time waits from then on.
    fn waits(&self, first: &AuditEntry, again: bool) {
        match again {
            false => self.waiting_since.store(first.time, Relaxed),
            true => {
                let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_micros() as u64;
                let _ = self.waiting_since.compare_exchange(0, now, Relaxed, Relaxed);
            }
        }
    }
}

impl Sinks {
    /// Starts a thread for each sink, which sends what comes after a mark unless it has been
    /// farther.
    pub(super) fn start(configs: &[SinkConfig], folder: &Path, from: Mark) -> Result<Sinks> {
        let shared = Arc::new(Shared::default());
        shared.lock().0 = from;
        let mut reports = Vec::new();
        let mut threads = Vec::new();
        for config in configs {
            let report = Arc::new(Report::new(config));
            let file = PositionFile::new(folder, &report.name);
            // A position that the log has not reached is another log's.
            let kept = file
                .read()
                .filter(|kept| kept.place <= from.place && kept.sequence <= from.sequence);
            let begin = kept.unwrap_or(from);
            report.sent.store(begin.sequence, Relaxed);
            let target = Target::new(config)?;
            let follower = Follower {
                folder: folder.to_owned(),
                shared: Arc::clone(&shared),
                report: Arc::clone(&report),
                marks: Marks::new(begin, target.grace()),
                file,
                target,
            };
            reports.push(report);
            let thread = thread::Builder::new().name("audit-sink".into());
            threads.push(thread.spawn(move || follower.work()).map_err(|error| {
                Error::new(ErrorKind::Internal, format!("cannot start a thread: {error}"))
            })?);
        }
        let blocked = AtomicBool::new(false);
        Ok(Sinks { shared, reports, threads: Mutex::new(threads), blocked })
    }

    /// Tells the sinks up to where the log is on disk.
    pub(super) fn publish(&self, end: Mark) {
        if self.reports.is_empty() {
            return;
        }
        self.shared.lock().0 = end;
        self.shared.wake.notify_all();
        let behind = self.reports.iter().any(|report| report.required && report.is_behind());
        self.blocked.store(behind, Relaxed);
    }

    /// Why nothing may be done that the log is to hold.
    pub(super) fn refusal(&self) -> Option<Error> {
        if !self.blocked.load(Relaxed) {
            return None;
        }
        let required = self.reports.iter().filter(|report| report.required);
        let (name, complaint) =
            required.filter_map(|report| Some((&report.name, report.complaint()?))).next()?;
        let message = format!("the audit sink \"{name}\", which is required, {complaint}");
        Some(Error::new(ErrorKind::LimitExceeded, message).hint(
            "see to the receiver, which the service tries again by itself; `required = false` in \
             its [[audit.sink]] lets work go on without it",
        ))
    }

    /// What an operator should mend.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for report in &self.reports {
            if let Some(complaint) = report.complaint() {
                warnings.push(format!("the audit sink \"{}\" {complaint}", report.name));
            }
            let dropped = report.dropped.load(Relaxed);
            if dropped > 0 {
                warnings.push(format!(
                    "{dropped} audit entries were removed (`keep_files`) before the sink \"{}\" \
                     had them",
                    report.name
                ));
            }
        }
        warnings
    }

    /// How each of them is.
    pub(crate) fn reports(&self) -> &[Arc<Report>] {
        &self.reports
    }

    /// The last entry that is there to be sent.
    pub(crate) fn written(&self) -> u64 {
        self.shared.lock().0.sequence
    }

    /// Lets them catch up a little, and ends them.
    pub(super) fn close(&self) {
        let end = Instant::now() + CLOSING_TIME;
        let last = self.written();
        let caught_up = || self.reports.iter().all(|report| report.sent.load(Relaxed) >= last);
        while !caught_up() && Instant::now() < end {
            thread::sleep(Duration::from_millis(5));
        }
        self.shared.lock().1 = true;
        self.shared.wake.notify_all();
        // A thread that hangs in a connection is left to the end of the process.
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            while !thread.is_finished() && Instant::now() < end {
                thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

/// The thread of one sink.
struct Follower {
    folder: PathBuf,
    shared: Arc<Shared>,
    report: Arc<Report>,
    marks: Marks,
    file: PositionFile,
    target: Target,
}

impl Follower {
    fn work(mut self) {
        let mut pause = PAUSE.0;
        let mut last_complaint: Option<Instant> = None;
        loop {
            let (end, stop) = self.shared.wait(self.marks.next().place, TICK);
            let outcome = self.send_up_to(end.place);
            match outcome {
                Ok(()) => {
                    if self.error().take().is_some() {
                        tracing::info!(sink = self.report.name, "audit entries are sent again");
                    }
                    pause = PAUSE.0;
                }
                Err(error) => {
                    self.report.failures.fetch_add(1, Relaxed);
                    if last_complaint.is_none_or(|last| last.elapsed() >= COMPLAINT_INTERVAL) {
                        last_complaint = Some(Instant::now());
                        let sink = &self.report.name;
                        tracing::warn!(sink, "audit entries cannot be sent: {error}");
                    }
                    *self.error() = Some(error.to_string());
                    self.target.disconnect();
                    self.marks.go_back();
                }
            }
            self.marks.settle();
            self.file.write(self.marks.sure(), stop);
            if stop {
                return;
            }
            if self.error().is_some() {
                // Nothing but the end wakes it.
                self.shared.wait(Place { file: u64::MAX, offset: 0 }, pause);
                pause = (pause * 2).min(PAUSE.1);
            }
        }
    }

    /// Sends what there is.
    fn send_up_to(&mut self, end: Place) -> io::Result<()> {
        loop {
            let mut mark = self.marks.next();
            if mark.place >= end {
                self.report.waiting_since.store(0, Relaxed);
                return self.target.check();
            }
            let records = following(&self.folder, &mut mark.place, end)?;
            if records.is_empty() {
                return Ok(());
            }
            let start = mark.place.offset - records.len() as u64;
            let entries = entries(&records);
            if let Some((first, _)) = entries.first() {
                let known = self.marks.farthest();
                let missing = first.sequence.saturating_sub(mark.sequence.max(known) + 1);
                self.report.dropped.fetch_add(missing, Relaxed);
                self.report.waits(first, first.sequence <= known);
            }
            self.target.check()?;
            for (entry, offset) in &entries {
                self.target.send(entry)?;
                mark.sequence = entry.sequence;
                if self.target.takes_at_once() {
                    let place = Place { offset: start + offset, ..mark.place };
                    self.note(Mark { place, ..mark });
                }
            }
            self.target.flush()?;
            self.note(mark);
        }
    }

    fn note(&mut self, mark: Mark) {
        self.marks.sent(mark);
        self.marks.settle();
        self.report.sent.store(self.marks.farthest(), Relaxed);
    }

    fn error(&self) -> MutexGuard<'_, Option<String>> {
        self.report.error.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The entries among some records, each with the offset behind it.
fn entries(bytes: &[u8]) -> Vec<(AuditEntry, u64)> {
    let mut found = Vec::new();
    let mut offset = 0;
    while let Ok(record) = format::first(&bytes[offset..]) {
        offset += record.whole.len();
        if record.kind == Kind::Entry
            && let Ok(entry) = AuditEntry::decode(record.body)
        {
            found.push((entry, offset as u64));
        }
    }
    found
}
