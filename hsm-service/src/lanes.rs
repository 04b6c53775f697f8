//! Lanes for slow work, so that fast work never waits behind it.

use std::{
    collections::VecDeque,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
};

/// A piece of work: exactly one of its methods is called.
pub(crate) trait Job: Send {
    /// Does it.
    fn run(self: Box<Self>);

    /// Answers that too much is waiting already.
    fn refuse(self: Box<Self>);
}

/// How a lane works.
pub(crate) struct LaneOptions {
    /// The name of its threads.
    pub(crate) name: &'static str,
    /// How many jobs run at once.
    pub(crate) threads: usize,
    /// By how much its threads give way to others (nice(2)).
    pub(crate) niceness: i32,
    /// How many jobs may wait.
    pub(crate) capacity: usize,
}

/// Threads that work through a bounded queue. They end when the lane is dropped.
pub(crate) struct Lane {
    queue: Arc<Queue>,
}

struct Queue {
    waiting: Mutex<Waiting>,
    filled: Condvar,
    capacity: usize,
}

struct Waiting {
    jobs: VecDeque<Box<dyn Job>>,
    closed: bool,
}

impl Lane {
    /// Starts a lane.
    pub(crate) fn start(options: &LaneOptions) -> io::Result<Lane> {
        let waiting = Waiting { jobs: VecDeque::new(), closed: false };
        let queue = Arc::new(Queue {
            waiting: Mutex::new(waiting),
            filled: Condvar::new(),
            capacity: options.capacity,
        });
        let lane = Lane { queue };
        for _ in 0..options.threads {
            let queue = Arc::clone(&lane.queue);
            let niceness = options.niceness;
            thread::Builder::new().name(options.name.into()).spawn(move || {
                // On Linux this is the thread's own. Without it the lane works all the same.
                let _ = rustix::process::nice(niceness);
                queue.work();
            })?;
        }
        Ok(lane)
    }

    /// Puts a job at the end of the queue, or refuses it when the queue is full.
    pub(crate) fn push(&self, job: Box<dyn Job>) {
        let mut waiting = self.queue.lock();
        if waiting.jobs.len() >= self.queue.capacity {
            drop(waiting);
            return job.refuse();
        }
        waiting.jobs.push_back(job);
        drop(waiting);
        self.queue.filled.notify_one();
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.queue.lock().closed = true;
        self.queue.filled.notify_all();
    }
}

impl Queue {
    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        loop {
            let mut waiting = self.lock();
            let job = loop {
                match waiting.jobs.pop_front() {
                    Some(job) => break job,
                    None if waiting.closed => return,
                    None => {
                        waiting = self.filled.wait(waiting).unwrap_or_else(PoisonError::into_inner);
                    }
                }
            };
            drop(waiting);
            // A job answers its own panics; this keeps the thread in any case.
            let _ = catch_unwind(AssertUnwindSafe(|| job.run()));
        }
    }
}
