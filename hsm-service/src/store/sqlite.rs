//! The embedded store: one SQLite file in WAL mode, every commit synced.

mod certificates;
mod rows;
mod schema;
mod sealing;
mod writer;

use std::{
    num::NonZero,
    panic::resume_unwind,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    thread,
};

use aws_lc_rs::rand;
use keyward_algorithms::ErrorKind;
use keyward_protocol::KeyId;
use rusqlite::{Connection, OptionalExtension, params};
use zeroize::Zeroizing;

use super::{
    Change, Ending, Event, Listing, Page, Record, Seal, Secret, Store, Succeed, Watcher,
    data_folder,
    data_folder::DataFolder,
    sealer::{KEY_BYTES, Sealer},
};
use crate::{Error, Result};
use writer::Writer;

/// The embedded store.
pub struct SqliteStore {
    writer: Writer,
    /// Connections for reading that nobody uses at the moment.
    readers: Mutex<Vec<Connection>>,
    path: std::path::PathBuf,
    /// There while the store is open.
    sealer: RwLock<Option<Arc<Sealer>>>,
    watchers: RwLock<Vec<Watcher>>,
    _folder: DataFolder,
}

/// How many idle reading connections are kept.
const MAX_IDLE_READERS: usize = 16;

impl SqliteStore {
    /// Makes a new, empty store in a folder.
    pub fn create(folder: &Path, seal: &dyn Seal) -> Result<SqliteStore> {
        data_folder::create(folder)?;
        let lock = DataFolder::open(folder)?;
        let path = folder.join("keys.db");
        if path.exists() {
            let message = format!("{} holds a service's keys already", folder.display());
            return Err(Error::new(ErrorKind::AlreadyExists, message)
                .hint("choose another folder; keys are never overwritten"));
        }
        let mut data_key = Zeroizing::new([0; KEY_BYTES]);
        rand::fill(data_key.as_mut_slice())
            .map_err(|_| Error::new(ErrorKind::Internal, "cannot draw a data key"))?;
        let wrapped = seal.wrap(&data_key)?;
        // The file gets its name when it is complete, so that no half-made store is ever found.
        let draft = folder.join("keys.db.new");
        let _ = std::fs::remove_file(&draft);
        let connection = schema::open(&draft, true)?;
        schema::lay(&connection, &wrapped)?;
        connection.close().map_err(|(_, error)| failed("close the new store", &error))?;
        std::fs::rename(&draft, &path).map_err(|error| {
            Error::new(ErrorKind::Internal, format!("cannot name {}: {error}", path.display()))
        })?;
        data_folder::sync(folder)?;
        let store = SqliteStore::with_lock(&path, lock)?;
        store.unseal(seal)?;
        Ok(store)
    }

    /// Opens the store in a folder.
    pub fn open(folder: &Path, seal: &dyn Seal) -> Result<SqliteStore> {
        let store = SqliteStore::open_sealed(folder)?;
        store.unseal(seal)?;
        Ok(store)
    }

    /// Opens the store in a folder, which stays sealed.
    pub fn open_sealed(folder: &Path) -> Result<SqliteStore> {
        let lock = DataFolder::open(folder)?;
        let path = folder.join("keys.db");
        if !path.exists() {
            let message = format!("there are no keys in {}", folder.display());
            return Err(Error::new(ErrorKind::Unavailable, message)
                .hint("make a service's state with `keyward init --state DIR`"));
        }
        SqliteStore::with_lock(&path, lock)
    }

    fn with_lock(path: &Path, folder: DataFolder) -> Result<SqliteStore> {
        let mut writer = schema::open(path, true)?;
        schema::bring_up_to_date(&mut writer, path)?;
        Ok(SqliteStore {
            writer: Writer::new(writer),
            readers: Mutex::default(),
            path: path.to_owned(),
            sealer: RwLock::default(),
            watchers: RwLock::default(),
            _folder: folder,
        })
    }

    /// Runs a query on a connection that no one else uses meanwhile.
    fn read<T>(
        &self,
        what: &str,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let idle = lock(&self.readers).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => schema::open(&self.path, false)?,
        };
        let result = query(&connection).map_err(|error| failed(what, &error));
        let mut readers = lock(&self.readers);
        if readers.len() < MAX_IDLE_READERS {
            readers.push(connection);
        }
        result
    }

    /// How many changes were written since it was opened in this process.
    pub(crate) fn changes(&self) -> u64 {
        self.writer.changes()
    }

    fn tell(&self, event: Event) {
        for watcher in self.watchers.read().unwrap_or_else(PoisonError::into_inner).iter() {
            watcher(event);
        }
    }

    fn row(&self, transaction: &Connection, id: &KeyId) -> Result<Option<(Record, Secret)>> {
        let row = rows::by_id(transaction, id).map_err(|error| failed("read a key", &error))?;
        self.open_row(row)
    }

    /// Opens a row, or does the same work where there is none.
    fn open_row(&self, row: Option<rows::Row>) -> Result<Option<(Record, Secret)>> {
        let sealer = self.sealer()?;
        match row {
            Some(row) => row.open(&sealer).map(Some),
            None => {
                sealer.open_decoy();
                Ok(None)
            }
        }
    }

    /// Looks at every key and certificate, after SQLite has looked at the file; how many keys there
    /// are. Parsing a private key takes its time, so all processors look.
    pub(crate) fn check(
        &self,
        look: &(dyn Fn(&Record, &Secret) -> Result<()> + Sync),
    ) -> Result<u64> {
        let sealer = self.sealer()?;
        let verdict: String = self.read("check the store", |connection| {
            connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        })?;
        if verdict != "ok" {
            return Err(Error::invalid(format!("the store's file is damaged: {verdict}")));
        }
        let look_at = &|rows: Vec<(i64, rows::Row)>| {
            rows.into_iter().try_for_each(|(_, row)| -> Result<()> {
                let (record, secret) = row.open(&sealer)?;
                look(&record, &secret)
            })
        };
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let (mut last, mut count) = (0, 0);
        loop {
            let rows = self.read("read the keys", |connection| rows::after(connection, last))?;
            let Some((end, _)) = rows.last() else {
                return self.check_certificates(&sealer).map(|()| count);
            };
            last = *end;
            count += rows.len() as u64;
            let share = rows.len().div_ceil(threads);
            let mut rows = rows.into_iter();
            thread::scope(|scope| {
                let looking: Vec<_> = (0..threads)
                    .map(|_| rows.by_ref().take(share).collect())
                    .map(|part: Vec<_>| scope.spawn(move || look_at(part)))
                    .collect();
                looking
                    .into_iter()
                    .try_for_each(|one| one.join().unwrap_or_else(|panic| resume_unwind(panic)))
            })?;
        }
    }

    fn open_all(&self, rows: Vec<rows::Row>) -> Result<Vec<Record>> {
        let sealer = self.sealer()?;
        let open = |row: rows::Row| match row.open(&sealer) {
            Ok((record, _)) => Some(record),
            Err(error) => {
                tracing::error!("{error}");
                None
            }
        };
        Ok(rows.into_iter().filter_map(open).collect())
    }
}

impl Store for SqliteStore {
    fn is_open(&self) -> bool {
        self.sealer.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn get(&self, id: &KeyId) -> Result<Option<(Record, Secret)>> {
        self.open_row(self.read("read a key", |connection| rows::by_id(connection, id))?)
    }

    fn named(&self, viewer: &str, name: &str, owner: Option<&str>) -> Result<Vec<Record>> {
        let rows = self
            .read("look up a key", |connection| rows::by_name(connection, viewer, name, owner))?;
        let found = rows.len();
        let records = self.open_all(rows)?;
        match records.is_empty() && found > 0 {
            true => Err(damaged(name)),
            false => Ok(records),
        }
    }

    fn list(&self, page: Page<'_>) -> Result<Listing> {
        let rows = self.read("list keys", |connection| rows::page(connection, page))?;
        let more = rows.len() == page.limit;
        Ok(Listing { records: self.open_all(rows)?, more })
    }

    fn insert(&self, record: &Record, secret: &Secret) -> Result<()> {
        let sealed = self.sealer()?.seal(secret.expose(), &record.binding())?;
        self.writer.change(|transaction| rows::insert(transaction, record, &sealed))?;
        self.tell(Event::Changed(record.id));
        Ok(())
    }

    fn update(&self, id: &KeyId, change: Change<'_>) -> Result<Option<Record>> {
        let changed = self.writer.change(|transaction| {
            let Some((mut record, secret)) = self.row(transaction, id)? else { return Ok(None) };
            change(&mut record)?;
            record.version += 1;
            let sealed = self.sealer()?.seal(secret.expose(), &record.binding())?;
            rows::replace(transaction, &record, &sealed)?;
            Ok(Some(record))
        })?;
        if changed.is_some() {
            self.tell(Event::Changed(*id));
        }
        Ok(changed)
    }

    fn count_uses(&self, id: &KeyId, change: Change<'_>) -> Result<Option<Record>> {
        self.writer.change(|transaction| {
            let Some((mut record, secret)) = self.row(transaction, id)? else { return Ok(None) };
            change(&mut record)?;
            let sealed = self.sealer()?.seal(secret.expose(), &record.binding())?;
            rows::set_attributes(transaction, &record, &sealed)?;
            Ok(Some(record))
        })
    }

    fn succeed(&self, id: &KeyId, change: Succeed<'_>) -> Result<Option<Record>> {
        let changed = self.writer.change(|transaction| {
            let Some((mut heir, secret)) = self.row(transaction, id)? else { return Ok(None) };
            let predecessor = heir.attributes.succession.as_ref();
            let predecessor = predecessor.and_then(|of| KeyId::try_from(&*of.predecessor).ok());
            let mut old = match predecessor {
                Some(predecessor) => self.row(transaction, &predecessor)?,
                None => None,
            }
            .filter(|(old, _)| !old.is_deleted());
            let owner = heir.owner.clone();
            let is_free = |name: &str| {
                let found = rows::by_name(transaction, &owner, name, Some(&owner));
                found
                    .and_then(|keys| {
                        let certificate = certificates::is_taken(transaction, &owner, name)?;
                        Ok(keys.is_empty() && !certificate)
                    })
                    .map_err(|error| failed("read a name", &error))
            };
            change(&mut heir, old.as_mut().map(|(old, _)| old), &is_free)?;
            heir.version += 1;
            // Both names change, so both leave their places first.
            let removed = rows::remove(transaction, id).and_then(|()| match &old {
                Some((old, _)) => rows::remove(transaction, &old.id),
                None => Ok(()),
            });
            removed.map_err(|error| failed("write a key", &error))?;
            let old_id = old.as_ref().map(|(old, _)| old.id);
            if let Some((mut old, secret)) = old {
                old.version += 1;
                let sealed = self.sealer()?.seal(secret.expose(), &old.binding())?;
                rows::insert(transaction, &old, &sealed)?;
            }
            let sealed = self.sealer()?.seal(secret.expose(), &heir.binding())?;
            rows::insert(transaction, &heir, &sealed)?;
            Ok(Some((heir, old_id)))
        })?;
        Ok(changed.map(|(heir, old)| {
            self.tell(Event::Changed(*id));
            if let Some(old) = old {
                self.tell(Event::Changed(old));
            }
            heir
        }))
    }

    fn due(&self, time: u64, skip: usize, limit: usize) -> Result<Vec<KeyId>> {
        self.read("look for deleted keys", |connection| rows::due(connection, time, skip, limit))
    }

    fn ending(&self, before: u64, limit: usize) -> Result<Vec<Ending>> {
        self.read("look for what ends", |connection| {
            let mut endings = rows::ending(connection, before, limit)?;
            endings.extend(certificates::ending(connection, before)?);
            endings.sort_by_key(|ending| ending.time);
            endings.truncate(limit);
            Ok(endings)
        })
    }

    fn remove(&self, id: &KeyId, check: &mut dyn FnMut(&Record) -> Result<()>) -> Result<bool> {
        let removed = self.writer.change(|transaction| {
            let Some((record, _)) = self.row(transaction, id)? else { return Ok(false) };
            check(&record)?;
            rows::remove(transaction, id).map_err(|error| failed("delete a key", &error))?;
            Ok(true)
        })?;
        if removed {
            self.tell(Event::Removed(*id));
        }
        Ok(removed)
    }

    fn count(&self, viewer: Option<&str>) -> Result<u64> {
        self.read("count the keys", |connection| match viewer {
            None => connection
                .prepare_cached("SELECT value FROM counts WHERE name = 'keys'")?
                .query_row([], |row| row.get(0)),
            Some(viewer) => rows::counts_of(connection, viewer).map(|(seen, _)| seen),
        })
    }

    fn count_owned(&self, owner: &str) -> Result<u64> {
        self.read("count the keys", |connection| {
            let (_, keys) = rows::counts_of(connection, owner)?;
            certificates::count(connection, owner).map(|certificates| keys + certificates)
        })
    }

    fn count_deleted(&self, owner: &str) -> Result<u64> {
        self.read("count the deleted keys", |connection| {
            connection
                .prepare_cached("SELECT count(*) FROM deleted WHERE owner = ?1")?
                .query_row([owner], |row| row.get(0))
        })
    }

    fn snapshot(&self, path: &Path) -> Result<u64> {
        let to = path.to_string_lossy();
        self.read("copy the store", |connection| {
            connection.execute("VACUUM INTO ?", [to.as_ref()]).map(drop)
        })?;
        schema::count_in(path)
    }

    fn authenticate(&self, purpose: &str, message: &[u8]) -> Result<Vec<u8>> {
        self.sealer()?.authenticate(purpose, message)
    }

    fn subscribe(&self, watcher: Watcher) {
        self.watchers.write().unwrap_or_else(PoisonError::into_inner).push(watcher);
    }

    fn own_secret(&self, name: &str) -> Result<Option<Secret>> {
        let sealed: Option<Vec<u8>> = self.read("read a secret of the service", |connection| {
            connection
                .query_row("SELECT value FROM own WHERE name = ?", [name], |row| row.get(0))
                .optional()
        })?;
        let Some(sealed) = sealed else { return Ok(None) };
        let secret = self.sealer()?.open(&sealed, own_binding(name).as_bytes());
        secret.map(Some).ok_or_else(|| damaged(name))
    }

    fn set_own_secrets(&self, secrets: &[(&str, Secret)]) -> Result<()> {
        self.writer.change(|transaction| {
            for (name, secret) in secrets {
                let sealed = self.sealer()?.seal(secret.expose(), own_binding(name).as_bytes())?;
                transaction
                    .execute("INSERT OR REPLACE INTO own VALUES (?, ?)", params![name, sealed])
                    .map_err(|error| failed("keep a secret of the service", &error))?;
            }
            Ok(())
        })
    }

    fn own_secrets(&self, prefix: &str) -> Result<Vec<(String, Secret)>> {
        let rows = self.read("read secrets of the service", |connection| {
            connection
                .prepare_cached(
                    "SELECT name, value FROM own WHERE substr(name, 1, length(?1)) = ?1",
                )?
                .query_map([prefix], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<Vec<(String, Vec<u8>)>>>()
        })?;
        let open = |(name, sealed): (String, Vec<u8>)| {
            let secret = self.sealer()?.open(&sealed, own_binding(&name).as_bytes());
            let secret = secret.ok_or_else(|| damaged(&name))?;
            Ok((name, secret))
        };
        rows.into_iter().map(open).collect()
    }

    fn forget_own_secret(&self, name: &str) -> Result<()> {
        self.writer.change(|transaction| {
            let removed = transaction.execute("DELETE FROM own WHERE name = ?", [name]);
            removed.map(drop).map_err(|error| failed("forget a secret of the service", &error))
        })
    }
}

fn own_binding(name: &str) -> String {
    format!("keyward own secret 1: {name}")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn failed(what: &str, error: &rusqlite::Error) -> Error {
    let message = format!("cannot {what}: {error}");
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DiskFull) => Error::new(ErrorKind::LimitExceeded, message)
            .hint("make room on the disk with the service's state; signing goes on"),
        _ => Error::new(ErrorKind::Internal, message)
            .hint("see the service's log and the disk with its state"),
    }
}

fn damaged(what: &str) -> Error {
    let message = format!("the record of \"{what}\" was changed outside the service");
    Error::new(ErrorKind::Internal, message).hint(
        "it cannot be used; restore the service's state from a backup and find out who wrote to it",
    )
}
