//! The one connection that writes. Changes that come at the same time go to the disk together, which
//! is waited for once for all of them.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
};

use rusqlite::Connection;

use super::failed;
use crate::{Error, Result};

/// The most changes in one transaction, so that the first of them is answered.
const MAX_CHANGES: usize = 256;

/// Makes changes, each as a whole or not at all.
pub(super) struct Writer {
    /// Threads that are about to make a change. Whoever sees none coming commits for all.
    coming: AtomicUsize,
    /// How many changes were made.
    made: AtomicU64,
    state: Mutex<State>,
    settled: Condvar,
}

struct State {
    connection: Connection,
    open: Option<Batch>,
}

/// Changes that lie in one open transaction.
#[derive(Default)]
struct Batch {
    changes: usize,
    outcome: Arc<OnceLock<Result<()>>>,
}

impl Writer {
    pub(super) fn new(connection: Connection) -> Writer {
        let state = Mutex::new(State { connection, open: None });
        Writer {
            coming: AtomicUsize::new(0),
            made: AtomicU64::new(0),
            state,
            settled: Condvar::new(),
        }
    }

    /// Makes a change; nothing of it remains when it fails. It is on disk when this returns.
    pub(super) fn change<T>(&self, change: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        self.coming.fetch_add(1, SeqCst);
        let mut state = self.lock();
        self.coming.fetch_sub(1, SeqCst);
        // A change that panics must not leave the others of its transaction waiting.
        let made = catch_unwind(AssertUnwindSafe(|| state.make(change)));
        let outcome =
            state.open.as_ref().map(|batch| Arc::clone(&batch.outcome)).unwrap_or_default();
        let why = made.as_ref().ok().and_then(|made| made.as_ref().err());
        if self.coming.load(SeqCst) == 0 || state.is_full() || state.was_undone() {
            state.settle(why);
            self.settled.notify_all();
        }
        let made = match made {
            Ok(made) => made?,
            Err(panic) => {
                drop(state);
                resume_unwind(panic);
            }
        };
        let settled = |_: &mut State| outcome.get().is_none();
        let _state =
            self.settled.wait_while(state, settled).unwrap_or_else(PoisonError::into_inner);
        outcome.get().cloned().unwrap_or(Ok(()))?;
        self.made.fetch_add(1, SeqCst);
        Ok(made)
    }

    /// How many changes were made.
    pub(super) fn changes(&self) -> u64 {
        self.made.load(SeqCst)
    }

    /// Runs something with the connection while no transaction is open.
    pub(super) fn alone<T>(&self, act: impl FnOnce(&Connection) -> T) -> T {
        let mut state = self.lock();
        state.settle(None);
        self.settled.notify_all();
        act(&state.connection)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic in a change was undone with it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Makes a change in the open transaction, or in a new one.
    fn make<T>(&mut self, change: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        if self.open.is_none() {
            if !self.connection.is_autocommit() {
                // What the disk did not let go of before.
                self.run("ROLLBACK").map_err(|error| failed("undo a change", &error))?;
            }
            self.run("BEGIN IMMEDIATE").map_err(|error| failed("begin a change", &error))?;
            self.open = Some(Batch::default());
        }
        let begun = self.connection.savepoint();
        let savepoint = begun.map_err(|error| failed("begin a change", &error))?;
        // What is dropped without having been committed is undone.
        let made = change(&savepoint)?;
        savepoint.commit().map_err(|error| failed("make a change", &error))?;
        if let Some(batch) = &mut self.open {
            batch.changes += 1;
        }
        Ok(made)
    }

    fn is_full(&self) -> bool {
        self.open.as_ref().is_some_and(|batch| batch.changes >= MAX_CHANGES)
    }

    /// Whether SQLite has undone the transaction by itself, as it does when the disk is full.
    fn was_undone(&self) -> bool {
        self.open.is_some() && self.connection.is_autocommit()
    }

    /// Commits what is open. `why` is the error that may have undone it.
    fn settle(&mut self, why: Option<&Error>) {
        let undone = self.was_undone();
        let Some(batch) = self.open.take() else { return };
        let result = match why.filter(|_| undone) {
            Some(error) => Err(error.clone()),
            None => self.run("COMMIT").map_err(|error| failed("write to the store", &error)),
        };
        if result.is_err() && !self.connection.is_autocommit() {
            // Should this fail too, the next change tries it again.
            let _ = self.run("ROLLBACK");
        }
        let _ = batch.outcome.set(result);
    }

    fn run(&self, statement: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(statement)?.execute([]).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn writer() -> (tempfile::TempDir, Writer) {
        let folder = tempfile::TempDir::new().unwrap();
        let connection = Connection::open(folder.path().join("db")).unwrap();
        let tables = "PRAGMA journal_mode = WAL; CREATE TABLE t (n INTEGER PRIMARY KEY) STRICT;";
        connection.execute_batch(tables).unwrap();
        (folder, Writer::new(connection))
    }

    fn add(writer: &Writer, number: u32) -> Result<()> {
        writer.change(|connection| {
            let added = connection.execute("INSERT INTO t VALUES (?)", [number]);
            added.map(drop).map_err(|error| failed("add", &error))
        })
    }

    /// What another connection sees.
    fn committed(folder: &tempfile::TempDir) -> Vec<u32> {
        let other = Connection::open(folder.path().join("db")).unwrap();
        let mut rows = other.prepare("SELECT n FROM t ORDER BY n").unwrap();
        rows.query_map([], |row| row.get(0)).unwrap().map(rusqlite::Result::unwrap).collect()
    }

    #[test]
    fn changes_of_many_threads_are_kept_and_those_that_fail_leave_nothing() {
        let (folder, writer) = writer();
        thread::scope(|scope| {
            for thread in 0..8 {
                let (writer, folder) = (&writer, &folder);
                scope.spawn(move || {
                    for number in (0..30).map(|number| thread * 100 + number) {
                        let change = |connection: &Connection| {
                            connection.execute("INSERT INTO t VALUES (?)", [number]).unwrap();
                            match number % 2 {
                                0 => panic!("in the middle of a change"),
                                _ => Err::<(), _>(Error::invalid("refused")),
                            }
                        };
                        let made = catch_unwind(AssertUnwindSafe(|| writer.change(change)));
                        assert!(made.is_err() || made.is_ok_and(|made| made.is_err()));
                    }
                    add(writer, thread).unwrap();
                    assert!(
                        committed(folder).contains(&thread),
                        "it was not there when it returned"
                    );
                });
            }
        });
        assert_eq!(committed(&folder), (0..8).collect::<Vec<_>>());
    }

    #[test]
    fn a_transaction_that_cannot_be_committed_fails_all_of_its_changes_and_the_next_one_goes_on() {
        let (folder, writer) = writer();
        // Two changes in one transaction: the first sees the second coming.
        writer.coming.store(1, SeqCst);
        thread::scope(|scope| {
            let first = scope.spawn(|| add(&writer, 1));
            while writer.lock().open.as_ref().is_none_or(|batch| batch.changes == 0) {
                thread::yield_now();
            }
            writer.coming.store(0, SeqCst);
            let second = writer.change(|connection| {
                // What SQLite does by itself where a write fails.
                connection.execute_batch("ROLLBACK").unwrap();
                Err::<(), _>(Error::invalid("the disk is full"))
            });
            for result in [first.join().unwrap(), second] {
                assert!(result.unwrap_err().message.contains("the disk is full"));
            }
        });
        assert!(committed(&folder).is_empty());
        add(&writer, 3).unwrap();
        assert_eq!(committed(&folder), [3]);
    }

    #[test]
    fn nothing_is_open_for_who_wants_the_connection_alone() {
        let (folder, writer) = writer();
        writer.coming.store(1, SeqCst);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| add(&writer, 1));
            while writer.lock().open.as_ref().is_none_or(|batch| batch.changes == 0) {
                thread::yield_now();
            }
            writer.alone(|connection| assert!(connection.is_autocommit()));
            waiting.join().unwrap().unwrap();
        });
        assert_eq!(committed(&folder), [1]);
    }
}
