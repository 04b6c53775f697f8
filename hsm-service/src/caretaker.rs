//! The thread that looks after keys as time goes by: it removes deleted keys whose time has come, and
//! warns of certificates and keys that end.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use keyward_algorithms::ErrorKind;
use keyward_protocol::KeyId;

use crate::{
    Error, Result,
    audit::{Audit, key_fields},
    clock::{Steps, moment, now},
    live::Live,
    store::{Ending, EndingOf, Record, Store},
};

/// How long the thread waits at most before it looks again.
const TICK: Duration = Duration::from_secs(30);

/// How long the service runs, and after its clock was set forward, before keys are removed for ever;
/// at the most as long as deleted keys are kept.
const PATIENCE: Duration = Duration::from_secs(3600);

/// How often it looks for what ends, in seconds.
const LOOK_INTERVAL: u64 = 600;

/// Keys that are removed, and ends that are looked at, in one go.
const BATCH: usize = 1000;

/// The thread, which ends when this is dropped.
pub(crate) struct Caretaker {
    _running: SyncSender<()>,
    endings: Endings,
}

/// What ends soon or has ended, the earliest first, as it was last looked for.
#[derive(Clone, Default)]
pub(crate) struct Endings(Arc<Mutex<Vec<Ending>>>);

impl Endings {
    /// All of them.
    pub(crate) fn all(&self) -> Vec<Ending> {
        self.lock().clone()
    }

    /// Adds what was noticed before it was looked for.
    pub(crate) fn add(&self, ending: Ending) {
        let mut endings = self.lock();
        if !endings.iter().any(|known| known.is_same(&ending)) {
            endings.insert(0, ending);
        }
    }

    /// How many there are, for who keeps the service running.
    pub(crate) fn summary(&self) -> Option<String> {
        let count = self.lock().len();
        (count > 0).then(|| format!("{count} certificates and keys have ended or end soon"))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Ending>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Work {
    store: Arc<dyn Store>,
    audit: Arc<Audit>,
    live: Arc<Live>,
    endings: Endings,
    /// What was warned of, and how urgently.
    warned: Vec<(Ending, u64)>,
    clock: Steps,
    /// Since when the clock is taken to be right: since the start, or since it was set forward.
    trusted: Instant,
}

impl Caretaker {
    /// Starts the thread.
    pub(crate) fn start(
        store: Arc<dyn Store>,
        audit: Arc<Audit>,
        live: Arc<Live>,
    ) -> Result<Caretaker> {
        let endings = Endings::default();
        let (running, ended) = sync_channel(0);
        let mut work = Work {
            store,
            audit,
            live,
            endings: endings.clone(),
            warned: Vec::new(),
            clock: Steps::new(),
            trusted: Instant::now(),
        };
        thread::Builder::new().name("caretaker".into()).spawn(move || work.run(&ended)).map_err(
            |error| Error::new(ErrorKind::Internal, format!("cannot start a thread: {error}")),
        )?;
        Ok(Caretaker { _running: running, endings })
    }

    /// What ends soon or has ended.
    pub(crate) fn endings(&self) -> &Endings {
        &self.endings
    }
}

impl Work {
    fn run(&mut self, ended: &Receiver<()>) {
        let mut looked = 0;
        loop {
            let time = now();
            let kept = Duration::from(self.live.settings().keys.undelete_for);
            if self.clock.step().is_some_and(|step| step > 0) {
                self.trusted = Instant::now();
                tracing::warn!(
                    "the clock was set forward: deleted keys are kept for some time yet"
                );
            }
            // What is gone is gone, so a clock that is wrong gets some time to be set right.
            if self.trusted.elapsed() >= kept.min(PATIENCE)
                && let Err(error) = self.remove_due(time)
            {
                tracing::error!("deleted keys are not removed: {error}");
            }
            // A clock that was set back does not put it off.
            if time.abs_diff(looked) >= LOOK_INTERVAL {
                let is_first = std::mem::replace(&mut looked, time) == 0;
                if let Err(error) = self.look(time, is_first) {
                    tracing::error!("cannot look for what ends: {error}");
                }
            }
            // Where deleted keys are kept for seconds, it looks as often.
            let wait = TICK.min(kept.max(Duration::from_secs(1)));
            match ended.recv_timeout(wait) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Removes some deleted keys whose time has come, each with an entry in the audit log. Those that
    /// cannot be removed do not hold up the others.
    fn remove_due(&self, time: u64) -> Result<()> {
        let (mut removed, mut left) = (0, 0);
        let mut complaint = None;
        while removed < BATCH {
            self.audit.admit_act()?;
            let due = self.store.due(time, left, BATCH)?;
            if due.is_empty() {
                break;
            }
            for id in due {
                match self.remove(&id, time) {
                    Ok(true) => removed += 1,
                    Ok(false) => left += 1,
                    // It is looked again when the store is open.
                    Err(error) if error.kind == ErrorKind::Sealed => return Ok(()),
                    Err(error) => {
                        left += 1;
                        complaint.get_or_insert((id, error));
                    }
                }
            }
        }
        if let Some((id, error)) = complaint {
            tracing::error!(%id, left, "deleted keys are not removed, this one first: {error}");
        }
        Ok(())
    }

    /// Removes a deleted key whose time has come; whether there was one.
    fn remove(&self, id: &KeyId, time: u64) -> Result<bool> {
        let mut gone = None;
        let mut check = |record: &Record| {
            // The index is not to be believed; the record is.
            match record.attributes.removal {
                removal if removal != 0 && removal <= time => {
                    gone = Some(key_fields(id, &record.owner, &record.name, record.version));
                    self.audit.admit_act()
                }
                _ => Err(Error::new(ErrorKind::Internal, "its time has not come")),
            }
        };
        if !self.store.remove(id, &mut check)? {
            return Ok(false);
        }
        let key = gone.unwrap_or_default();
        self.audit.record_key_event("key-removed", &key, "deleted before")?;
        tracing::info!(%id, "deleted key removed for ever");
        Ok(true)
    }

    /// Looks for what ends, and warns of it once at the beginning, a week and a day before, and when
    /// it has ended.
    fn look(&mut self, time: u64, is_first: bool) -> Result<()> {
        let before = self.live.settings().keys.warn_before_end.seconds();
        let endings = match before {
            0 => Vec::new(),
            before => self.store.ending(time + before, BATCH)?,
        };
        let mut warned = Vec::with_capacity(endings.len());
        for ending in &endings {
            let urgency = match ending.time.saturating_sub(time) {
                0 => 3,
                left if left <= 86400 => 2,
                left if left <= 7 * 86400 => 1,
                _ => 0,
            };
            let known = self.warned.iter().find(|(known, _)| known.is_same(ending));
            // That uses come to their end was said when it was noticed.
            let is_said = ending.of == EndingOf::Uses && !is_first;
            if known.is_none_or(|(_, known)| *known < urgency) && !is_said {
                tracing::warn!(
                    id = ending.id.map(tracing::field::display),
                    "{}",
                    ending.sentence(time)
                );
            }
            warned.push((ending.clone(), urgency));
        }
        self.warned = warned;
        *self.endings.lock() = endings;
        Ok(())
    }
}

impl Ending {
    /// What an operator or owner should know of it.
    pub(crate) fn sentence(&self, time: u64) -> String {
        let Ending { owner, name, .. } = self;
        let what = match self.of {
            EndingOf::Certificate => format!("the certificate of key {owner}/{name}"),
            EndingOf::Key => format!("key {owner}/{name}"),
            EndingOf::KeptCertificate => {
                format!("the certificate {owner}/{name}, kept without a key,")
            }
            EndingOf::Uses => {
                return format!(
                    "key {owner}/{name} has a tenth of its uses left or fewer: `keyward key show` \
                     says how many"
                );
            }
        };
        let ends = if self.time <= time { "has ended at" } else { "ends at" };
        format!("{what} {ends} {}", moment(self.time))
    }
}
