//! Many threads that visit one target until they are told to stop.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::{
    Target,
    report::{Report, Tally},
};

/// A load that runs in the background; it ends when it is stopped or dropped.
pub struct Load {
    threads: Vec<JoinHandle<Tally>>,
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    started: Instant,
}

impl Load {
    /// Starts so many threads.
    pub fn start(target: &Target, threads: usize) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let done = Arc::new(AtomicU64::new(0));
        let started = Instant::now();
        let threads = (0..threads)
            .map(|_| {
                let (target, stop, done) = (target.clone(), stop.clone(), done.clone());
                thread::spawn(move || visit_until(&target, &stop, &done))
            })
            .collect();
        Load { threads, stop, done, started }
    }

    /// Runs so many threads for so long.
    pub fn run(target: &Target, threads: usize, duration: Duration) -> Report {
        let load = Load::start(target, threads);
        thread::sleep(duration);
        load.stop()
    }

    /// How many visits have ended by now, well or badly.
    pub fn visits(&self) -> u64 {
        self.done.load(Relaxed)
    }

    /// Waits until so many more visits have ended; false when that takes longer than `limit`.
    pub fn wait_for(&self, more: u64, limit: Duration) -> bool {
        let goal = self.visits() + more;
        let deadline = Instant::now() + limit;
        while self.visits() < goal {
            if Instant::now() > deadline {
                return false;
            }
            thread::sleep(Duration::from_millis(5));
        }
        true
    }

    /// Lets every thread finish its visit and says what it came to.
    pub fn stop(mut self) -> Report {
        self.stop.store(true, Relaxed);
        let tallies = self.threads.drain(..).map(|thread| match thread.join() {
            Ok(tally) => tally,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        let tally = tallies.fold(Tally::new(), Tally::merge);
        tally.report(self.started.elapsed())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
    }
}

fn visit_until(target: &Target, stop: &AtomicBool, done: &AtomicU64) -> Tally {
    let mut tally = Tally::new();
    while !stop.load(Relaxed) {
        let start = Instant::now();
        match target.visit() {
            Ok(_) => tally.success(start.elapsed()),
            Err(error) => {
                tally.failure(&error);
                // A server that is away refuses thousands of times a second: one in a while will
                // do to count.
                thread::sleep(Duration::from_millis(5));
            }
        }
        done.fetch_add(1, Relaxed);
    }
    tally
}
