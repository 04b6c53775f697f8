//! What people have given so far to open the seal, and how often they were wrong.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use keyward_algorithms::ErrorKind;

use crate::{Error, Result, store::Share};

/// How long nothing is looked at after something wrong was given: this, and twice as long each
/// time, up to a bound.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Shares in locked memory, until they are enough or their time is over.
pub(super) struct Custody {
    shares: Vec<Share>,
    keep: Duration,
    /// When the shares are forgotten.
    end: Option<Instant>,
    /// A thread waits for that.
    watched: bool,
    wrong: u32,
    pause_ends: Option<Instant>,
    steps: u64,
}

impl Custody {
    /// Nothing was given yet; shares are kept for so long.
    pub(super) fn new(keep: Duration) -> Custody {
        Custody {
            shares: Vec::new(),
            keep,
            end: None,
            watched: false,
            wrong: 0,
            pause_ends: None,
            steps: 0,
        }
    }

    /// How often the state or the seal was changed: by this, who has waited for a device sees whether
    /// all is as it was.
    pub(super) fn steps(&self) -> u64 {
        self.steps
    }

    /// Notes a change of the state or the seal, which ends what is under way elsewhere.
    pub(super) fn step(&mut self) {
        self.steps += 1;
    }

    /// The shares, each once.
    pub(super) fn shares(&self) -> &[Share] {
        &self.shares
    }

    /// Adds a share that was found to be right.
    pub(super) fn add(&mut self, share: Share, own: &Arc<Mutex<Custody>>) {
        if self.shares.iter().all(|known| known.number != share.number) {
            self.shares.push(share);
            self.shares.sort_by_key(|share| share.number);
        }
        self.end.get_or_insert_with(|| Instant::now() + self.keep);
        if !self.watched {
            let watching = Arc::clone(own);
            let watch = move || {
                while let Some(left) = forget_in_time(&watching) {
                    thread::sleep(left);
                }
            };
            self.watched = thread::Builder::new().name("custody".into()).spawn(watch).is_ok();
        }
    }

    /// Forgets the shares.
    pub(super) fn forget(&mut self) {
        self.shares.clear();
        self.end = None;
    }

    /// Refuses to look at anything while it is paused because something wrong was given.
    pub(super) fn admit(&self) -> Result<()> {
        let now = Instant::now();
        match self.pause_ends {
            Some(end) if end > now => {
                let seconds = (end - now).as_secs() + 1;
                let message = format!("{} in a row were wrong", self.wrong);
                Err(Error::new(ErrorKind::LimitExceeded, message)
                    .hint(format!("try again in {seconds} s")))
            }
            _ => Ok(()),
        }
    }

    /// Counts what was wrong.
    pub(super) fn judge<T>(&mut self, result: Result<T>) -> Result<T> {
        match &result {
            Err(error) if error.kind == ErrorKind::InvalidArgument => {
                let pause = FIRST_PAUSE.saturating_mul(1 << self.wrong.min(6)).min(LONGEST_PAUSE);
                self.wrong += 1;
                self.pause_ends = Some(Instant::now() + pause);
            }
            Err(_) => {}
            Ok(_) => {
                self.wrong = 0;
                self.pause_ends = None;
            }
        }
        result
    }
}

/// Forgets the shares when their time is over; how long that is from now, as long as there are any.
fn forget_in_time(custody: &Mutex<Custody>) -> Option<Duration> {
    let mut custody = custody.lock().unwrap_or_else(PoisonError::into_inner);
    let left = custody.end.map(|end| end.saturating_duration_since(Instant::now()));
    match left {
        Some(left) if !left.is_zero() => return Some(left),
        Some(_) => {
            tracing::warn!("shares were forgotten, since not enough came in time");
            custody.forget();
        }
        None => {}
    }
    custody.watched = false;
    None
}
