//! Lanes for slow work, so that fast work never waits behind it.

use std::{
    collections::{HashMap, VecDeque},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

/// A piece of work: at most one of its methods is called.
pub(crate) trait Job: Send {
    /// Does it.
    fn run(self: Box<Self>);

    /// Answers that too much is waiting already.
    fn refuse(self: Box<Self>);

    /// How many bytes of its request it holds while it waits.
    fn bytes(&self) -> usize;
}

/// How many bytes the waiting jobs of one user may hold: requests can be large, and a lane takes many.
const MAX_WAITING_BYTES: usize = 64 << 20;

/// How a lane works.
pub(crate) struct LaneOptions {
    /// The name of its threads.
    pub(crate) name: &'static str,
    /// How many jobs run at once.
    pub(crate) threads: usize,
    /// By how much its threads give way to others (nice(2)).
    pub(crate) niceness: i32,
    /// How many jobs of one user may wait.
    pub(crate) capacity: usize,
}

/// How much a lane has to do.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Load {
    /// Jobs that wait.
    pub(crate) waiting: u64,
    /// Jobs in work.
    pub(crate) running: u64,
    /// How many can be in work.
    pub(crate) threads: u64,
    /// Jobs that were refused so far.
    pub(crate) refused: u64,
}

/// Threads that work through the jobs of all users in turn, so that one user's flood does not
/// hold up another's request. They end when the lane is dropped.
pub(crate) struct Lane {
    queue: Arc<Queue>,
}

struct Queue {
    waiting: Mutex<Waiting>,
    filled: Condvar,
    capacity: usize,
}

/// The jobs of one user, and what they hold.
#[derive(Default)]
struct Own {
    jobs: VecDeque<Box<dyn Job>>,
    bytes: usize,
}

#[derive(Default)]
struct Waiting {
    /// The jobs of each user who has any.
    users: HashMap<Arc<str>, Own>,
    /// The same users, in the order of their turns.
    turns: VecDeque<Arc<str>>,
    load: Load,
    closed: bool,
}

impl Lane {
    /// Starts a lane.
    pub(crate) fn start(options: &LaneOptions) -> io::Result<Lane> {
        let queue = Arc::new(Queue {
            waiting: Mutex::new(Waiting {
                load: Load { threads: options.threads as u64, ..Load::default() },
                ..Waiting::default()
            }),
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

    /// Puts a job at the end of its user's queue, or refuses it when that is full.
    pub(crate) fn push(&self, user: &Arc<str>, job: Box<dyn Job>) {
        let mut waiting = self.queue.lock();
        let Waiting { users, turns, load, .. } = &mut *waiting;
        let own = users.entry(Arc::clone(user)).or_insert_with(|| {
            turns.push_back(Arc::clone(user));
            Own::default()
        });
        let bytes = job.bytes();
        let is_full = own.jobs.len() >= self.queue.capacity
            || own.bytes.saturating_add(bytes) > MAX_WAITING_BYTES;
        if is_full && !own.jobs.is_empty() {
            load.refused += 1;
            drop(waiting);
            return job.refuse();
        }
        own.bytes += bytes;
        own.jobs.push_back(job);
        load.waiting += 1;
        drop(waiting);
        self.queue.filled.notify_one();
    }

    /// A place for work that the caller's own thread does, if nobody waits and not all are taken.
    pub(crate) fn enter(&self) -> Option<Place<'_>> {
        let Waiting { load, .. } = &mut *self.queue.lock();
        let is_free = load.waiting == 0 && load.running < load.threads;
        is_free.then(|| {
            load.running += 1;
            Place(&self.queue)
        })
    }

    /// How much it has to do.
    pub(crate) fn load(&self) -> Load {
        self.queue.lock().load
    }
}

/// A piece of work of a lane that is in work elsewhere, until it is dropped.
pub(crate) struct Place<'a>(&'a Queue);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.lock().load.running -= 1;
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.queue.lock().closed = true;
        self.queue.filled.notify_all();
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        loop {
            let mut waiting = self.lock();
            let job = loop {
                match waiting.next() {
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
            self.lock().load.running -= 1;
        }
    }
}

impl Waiting {
    /// The first job of the user whose turn it is.
    fn next(&mut self) -> Option<Box<dyn Job>> {
        let user = self.turns.pop_front()?;
        let own = self.users.get_mut(&user)?;
        let job = own.jobs.pop_front();
        own.bytes -= job.as_ref().map_or(0, |job| job.bytes());
        if own.jobs.is_empty() {
            self.users.remove(&user);
        } else {
            self.turns.push_back(user);
        }
        self.load.waiting -= 1;
        self.load.running += 1;
        job
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    struct Note(Sender<String>, String);

    impl Job for Note {
        fn run(self: Box<Self>) {
            self.0.send(self.1).unwrap();
        }

        fn refuse(self: Box<Self>) {
            self.0.send(format!("{} refused", self.1)).unwrap();
        }

        fn bytes(&self) -> usize {
            if self.1.starts_with("large") { MAX_WAITING_BYTES / 2 } else { 0 }
        }
    }

    #[test]
    fn a_callers_thread_has_a_place_while_one_is_free_and_nobody_waits() {
        let options = LaneOptions { name: "test", threads: 1, niceness: 0, capacity: 3 };
        let lane = Lane::start(&options).unwrap();
        let place = lane.enter().expect("nobody is there");
        assert!(lane.enter().is_none(), "all places are taken");
        assert_eq!(lane.load().running, 1);
        drop(place);
        let (entered, begun) = channel();
        let (go, gate) = channel::<()>();
        lane.push(&"gate".into(), Box::new(Gate(entered, gate)));
        begun.recv().unwrap();
        assert!(lane.enter().is_none(), "the lane's own thread has the place");
        let (sender, notes) = channel();
        lane.push(&"a".into(), Box::new(Note(sender, "a1".into())));
        assert!(lane.enter().is_none(), "somebody was there first");
        go.send(()).unwrap();
        assert_eq!(notes.recv().unwrap(), "a1");
    }

    /// Holds a lane until it is told to go on.
    struct Gate(Sender<()>, std::sync::mpsc::Receiver<()>);

    impl Job for Gate {
        fn run(self: Box<Self>) {
            self.0.send(()).unwrap();
            self.1.recv().unwrap();
        }

        fn refuse(self: Box<Self>) {}

        fn bytes(&self) -> usize {
            0
        }
    }

    /// What comes of jobs that wait for each other in a lane of one thread.
    fn outcomes(jobs: &[(&str, &str)]) -> Vec<String> {
        let options = LaneOptions { name: "test", threads: 1, niceness: 0, capacity: 3 };
        let lane = Lane::start(&options).unwrap();
        let (sender, notes) = channel();
        let (entered, begun) = channel();
        let (go, gate) = channel::<()>();
        lane.push(&"gate".into(), Box::new(Gate(entered, gate)));
        begun.recv().unwrap();
        for (user, name) in jobs {
            lane.push(&Arc::from(*user), Box::new(Note(sender.clone(), (*name).into())));
        }
        go.send(()).unwrap();
        notes.iter().take(jobs.len()).collect()
    }

    #[test]
    fn users_take_turns_and_a_full_queue_is_its_users_own() {
        let jobs = ["a1", "a2", "a3", "a4", "b1", "b2"].map(|name| (&name[..1], name));
        assert_eq!(outcomes(&jobs), ["a4 refused", "a1", "b1", "a2", "b2", "a3"]);
    }

    #[test]
    fn large_requests_fill_their_users_queue_sooner() {
        let jobs =
            [("a", "large1"), ("a", "large2"), ("a", "large3"), ("b", "large4"), ("a", "a5")];
        assert_eq!(outcomes(&jobs), ["large3 refused", "large1", "large4", "large2", "a5"]);
    }
}
