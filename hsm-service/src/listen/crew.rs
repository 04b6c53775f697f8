//! Threads for connections that are active: as many as there are such connections, kept for a
//! while when they have nothing to do.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

/// What a thread of the crew does: usually serve one connection until it falls silent.
pub(super) type Task = Box<dyn FnOnce() + Send>;

/// How long a thread waits for something new to do.
const IDLE_TIME: Duration = Duration::from_secs(10);

/// Room for SQLite and for the tables that a private operation has on its stack: ML-DSA in aws-lc's
/// FIPS module takes more than 256 KiB, and its frames may step over a guard page. Only the pages that
/// are really touched take memory.
const STACK_BYTES: usize = 1 << 20;

/// The crew.
#[derive(Clone, Default)]
pub(super) struct Crew {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    filled: Condvar,
}

#[derive(Default)]
struct State {
    tasks: VecDeque<Task>,
    idle: usize,
}

impl Crew {
    /// Has a task done: by a thread that is idle, or else by a new one.
    pub(super) fn run(&self, task: Task) {
        let mut state = self.shared.lock();
        state.tasks.push_back(task);
        if state.tasks.len() <= state.idle {
            drop(state);
            self.shared.filled.notify_one();
            return;
        }
        drop(state);
        let shared = Arc::clone(&self.shared);
        let thread = thread::Builder::new().name("connection".into()).stack_size(STACK_BYTES);
        if let Err(error) = thread.spawn(move || shared.work()) {
            // The task is done as soon as another thread has finished its own.
            tracing::warn!("cannot start a thread for a connection: {error}");
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        while let Some(task) = self.next_task() {
            if catch_unwind(AssertUnwindSafe(task)).is_err() {
                tracing::error!("a fault ended one connection");
            }
        }
    }

    fn next_task(&self) -> Option<Task> {
        let mut state = self.lock();
        state.idle += 1;
        loop {
            if let Some(task) = state.tasks.pop_front() {
                state.idle -= 1;
                return Some(task);
            }
            let waited = self.filled.wait_timeout(state, IDLE_TIME);
            let (woken, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = woken;
            if timeout.timed_out() && state.tasks.is_empty() {
                state.idle -= 1;
                return None;
            }
        }
    }
}
