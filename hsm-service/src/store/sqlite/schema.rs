//! The tables, and how connections to them are opened.

use std::path::Path;

use keyward_algorithms::ErrorKind;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior, params};

use super::{certificates, failed, rows};
use crate::{Error, Result};

/// Counts changes of the tables; kept as SQLite's `user_version`.
const SCHEMA_VERSION: u32 = 2;

/// Tells our files from other SQLite files: "KeyW".
const APPLICATION_ID: u32 = 0x4b65_7957;

const TABLES: &str = "
    CREATE TABLE own (
        name TEXT PRIMARY KEY,
        value BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE keys (
        id BLOB NOT NULL UNIQUE,
        owner TEXT NOT NULL,
        name TEXT NOT NULL,
        version INTEGER NOT NULL,
        key_type TEXT NOT NULL,
        usage INTEGER NOT NULL,
        exportable INTEGER NOT NULL,
        origin TEXT NOT NULL,
        created INTEGER NOT NULL,
        spki BLOB NOT NULL,
        chain BLOB NOT NULL,
        grants BLOB NOT NULL,
        sealed BLOB NOT NULL,
        -- Last, where the change from layout 1 puts it too.
        attributes BLOB NOT NULL
    ) STRICT;

    -- Who sees which key: its owner, and those in its grants. An index, nothing more: what counts
    -- is in the key's record, which its seal binds.
    CREATE TABLE seen (
        user TEXT NOT NULL,
        name TEXT NOT NULL,
        owner TEXT NOT NULL,
        id BLOB NOT NULL,
        PRIMARY KEY (user, name, owner)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX seen_by_id ON seen (id);

    CREATE TABLE counts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    INSERT INTO counts VALUES ('keys', 0);
    CREATE TRIGGER key_added AFTER INSERT ON keys BEGIN
        UPDATE counts SET value = value + 1 WHERE name = 'keys';
    END;
    CREATE TRIGGER key_removed AFTER DELETE ON keys BEGIN
        UPDATE counts SET value = value - 1 WHERE name = 'keys';
    END;
";

/// What layout 2 has beside layout 1's tables, but for the column.
const TABLES_OF_TIME: &str = "
    -- Keys that were deleted and can be brought back, which are not in `seen`. An index too.
    CREATE TABLE deleted (
        id BLOB PRIMARY KEY,
        owner TEXT NOT NULL,
        name TEXT NOT NULL,
        removal INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX deleted_by_owner ON deleted (owner, name);
    CREATE INDEX deleted_by_time ON deleted (removal);

    -- When certificates and keys end. An index too.
    CREATE TABLE ends (
        id BLOB NOT NULL,
        what TEXT NOT NULL,
        time INTEGER NOT NULL,
        PRIMARY KEY (id, what)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX ends_by_time ON ends (time);
";

/// How many keys each user sees and owns. It came after the first stores of layout 2, whose number
/// stays: a program that does not know it keeps it up all the same, for triggers do.
const COUNTS_BY_USER: &str = "
    CREATE TABLE user_counts (
        user TEXT PRIMARY KEY,
        seen INTEGER NOT NULL,
        owned INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    INSERT INTO user_counts SELECT user, count(*), sum(user = owner) FROM seen GROUP BY user;
    CREATE TRIGGER seen_added AFTER INSERT ON seen BEGIN
        INSERT INTO user_counts VALUES (new.user, 1, new.user = new.owner)
            ON CONFLICT (user) DO UPDATE SET
                seen = seen + 1, owned = owned + (new.user = new.owner);
    END;
    CREATE TRIGGER seen_removed AFTER DELETE ON seen BEGIN
        UPDATE user_counts SET seen = seen - 1, owned = owned - (old.user = old.owner)
            WHERE user = old.user;
    END;
";

const DATA_KEY: &str = "data-key";

/// Statements that a connection holds ready: all that there are.
const CACHED_STATEMENTS: usize = 64;

/// Opens the file. Files that SQLite makes beside it get its permissions.
pub(super) fn open(path: &Path, writable: bool) -> Result<Connection> {
    let explain = |error: rusqlite::Error| failed(&format!("open {}", path.display()), &error);
    let access = match writable {
        true => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        false => OpenFlags::SQLITE_OPEN_READ_ONLY,
    };
    if writable && !path.exists() {
        create_private(path)?;
    }
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(explain)?;
    // FULL syncs the log at every commit: what was acknowledged survives a power cut.
    // Deleted content is overwritten, so that a removed key's sealed secret goes too.
    let settings = "
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = FULL;
        PRAGMA secure_delete = ON;
        PRAGMA trusted_schema = OFF;
        PRAGMA cell_size_check = ON;
        PRAGMA busy_timeout = 5000;
        PRAGMA temp_store = MEMORY;
    ";
    connection.execute_batch(settings).map_err(explain)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    Ok(connection)
}

fn create_private(path: &Path) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let created = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    created.map(drop).map_err(|error| {
        Error::new(ErrorKind::Internal, format!("cannot make {}: {error}", path.display()))
    })
}

/// Lays the tables of a new store.
pub(super) fn lay(connection: &Connection, wrapped_data_key: &[u8]) -> Result<()> {
    connection
        .execute_batch(TABLES)
        .and_then(|()| connection.execute_batch(TABLES_OF_TIME))
        .and_then(|()| connection.execute_batch(COUNTS_BY_USER))
        .and_then(|()| connection.execute_batch(certificates::TABLE))
        .and_then(|()| connection.pragma_update(None, "application_id", APPLICATION_ID))
        .and_then(|()| connection.pragma_update(None, "user_version", SCHEMA_VERSION))
        .and_then(|()| {
            let row = params![DATA_KEY, wrapped_data_key];
            connection.execute("INSERT INTO own VALUES (?, ?)", row)
        })
        .map(drop)
        .map_err(|error| failed("lay the tables of the new store", &error))
}

/// Makes layout 2 of layout 1. Rows without attributes stay as they were sealed until they are
/// changed.
fn from_1_to_2(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction
        .execute_batch("ALTER TABLE keys ADD COLUMN attributes BLOB NOT NULL DEFAULT x'';")?;
    transaction.execute_batch(TABLES_OF_TIME)?;
    rows::index_ends(transaction)
}

/// Brings a store of an older layout to the present one, in one transaction.
pub(super) fn bring_up_to_date(connection: &mut Connection, path: &Path) -> Result<()> {
    let found = check(connection, path)?;
    let explain = |error| failed(&format!("bring {} up to date", path.display()), &error);
    let counts_users = connection.table_exists(None, "user_counts").map_err(explain)?;
    let keeps_certificates = connection.table_exists(None, "certificates").map_err(explain)?;
    if found == SCHEMA_VERSION && counts_users && keeps_certificates {
        return Ok(());
    }
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(explain)?;
    if found == 1 {
        from_1_to_2(&transaction).map_err(explain)?;
    }
    if !counts_users {
        transaction.execute_batch(COUNTS_BY_USER).map_err(explain)?;
    }
    if !keeps_certificates {
        transaction.execute_batch(certificates::TABLE).map_err(explain)?;
    }
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION).map_err(explain)?;
    transaction.commit().map_err(explain)?;
    tracing::info!(from = found, to = SCHEMA_VERSION, "the store's layout was brought up to date");
    Ok(())
}

/// Checks that the file is a store of a layout that is known; its number.
fn check(connection: &Connection, path: &Path) -> Result<u32> {
    let number = |pragma: &str| -> Result<u32> {
        connection
            .pragma_query_value(None, pragma, |row| row.get(0))
            .map_err(|error| failed(&format!("read {}", path.display()), &error))
    };
    if number("application_id")? != APPLICATION_ID {
        return Err(Error::invalid(format!("{} is no store of Keyward", path.display())));
    }
    let version = number("user_version")?;
    if !(1..=SCHEMA_VERSION).contains(&version) {
        let message = format!(
            "{} has layout {version}, this program knows layouts up to {SCHEMA_VERSION}",
            path.display()
        );
        return Err(Error::new(ErrorKind::Unsupported, message)
            .hint("run the version of Keyward that wrote it, or a newer one"));
    }
    Ok(version)
}

/// How many keys are in a copy of the store, which is left as it is.
pub(super) fn count_in(path: &Path) -> Result<u64> {
    let explain = |error: rusqlite::Error| failed("count the keys of the copy", &error);
    let copy =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(explain)?;
    copy.query_row("SELECT value FROM counts WHERE name = 'keys'", [], |row| row.get(0))
        .map_err(explain)
}

/// The row of the seal.
pub(super) fn seal_row(connection: &Connection) -> Result<Vec<u8>> {
    connection
        .query_row("SELECT value FROM own WHERE name = ?", [DATA_KEY], |row| row.get(0))
        .map_err(|error| failed("read the sealed data key", &error))
}

/// Puts another row of the seal in place of the present one.
pub(super) fn set_seal_row(connection: &Connection, row: &[u8]) -> Result<()> {
    connection
        .execute("UPDATE own SET value = ?2 WHERE name = ?1", params![DATA_KEY, row])
        .map(drop)
        .map_err(|error| failed("write the sealed data key", &error))
}

/// Moves what is in the write-ahead log into the file, and empties the log, so that nothing that was
/// overwritten stays there.
pub(super) fn empty_log(connection: &Connection) -> Result<()> {
    let busy: bool = connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .map_err(|error| failed("empty the store's log", &error))?;
    match busy {
        false => Ok(()),
        true => Err(Error::new(ErrorKind::Busy, "the store's log is being read, so it stays")),
    }
}
