//! Rows of the tables, to and from records.

use keyward_algorithms::{KeyType, Rights};
use keyward_protocol::{KeyId, Origin};
use rusqlite::{Connection, OptionalExtension, params};

use super::{damaged, failed};
use crate::{
    Error, Result,
    store::{
        Ending, EndingOf, Page, Record, Secret, attributes,
        ending::end_of_certificate,
        record::{decode_chain, decode_grants, encode_chain, encode_grants},
        sealer::Sealer,
        taken,
    },
};

const COLUMNS: &str = "keys.id, keys.owner, keys.name, version, key_type, usage, exportable, \
                       origin, created, spki, chain, grants, sealed, attributes";

/// A row of `keys` as it was found, not yet to be believed.
pub(super) struct Row {
    id: Vec<u8>,
    owner: String,
    name: String,
    version: u64,
    key_type: String,
    usage: u32,
    exportable: bool,
    origin: String,
    created: u64,
    spki: Vec<u8>,
    chain: Vec<u8>,
    grants: Vec<u8>,
    sealed: Vec<u8>,
    /// Empty in a row that was written when there were none.
    attributes: Vec<u8>,
}

impl Row {
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
        Ok(Row {
            id: row.get(0)?,
            owner: row.get(1)?,
            name: row.get(2)?,
            version: row.get(3)?,
            key_type: row.get(4)?,
            usage: row.get(5)?,
            exportable: row.get(6)?,
            origin: row.get(7)?,
            created: row.get(8)?,
            spki: row.get(9)?,
            chain: row.get(10)?,
            grants: row.get(11)?,
            sealed: row.get(12)?,
            attributes: row.get(13)?,
        })
    }

    /// The record and its secret, if both are as they were sealed.
    pub(super) fn open(self, sealer: &Sealer) -> Result<(Record, Secret)> {
        let name = format!("{}/{}", self.owner, self.name);
        let sealed = self.sealed.clone();
        let is_old = self.attributes.is_empty();
        let opened = self.record().and_then(|record| {
            let binding = if is_old { record.old_binding() } else { record.binding() };
            let secret = sealer.open(&sealed, &binding)?;
            Some((record, secret))
        });
        opened.ok_or_else(|| damaged(&name))
    }

    fn record(self) -> Option<Record> {
        let origin = Origin::ALL.iter().copied().find(|origin| origin.word() == self.origin)?;
        Some(Record {
            id: KeyId::try_from(self.id.as_slice()).ok()?,
            owner: self.owner,
            name: self.name,
            version: self.version,
            key_type: KeyType::from_name(&self.key_type)?,
            usage: Rights::from_bits(self.usage),
            exportable: self.exportable,
            origin,
            created: self.created,
            spki: self.spki,
            chain: decode_chain(&self.chain)?,
            grants: decode_grants(&self.grants)?,
            attributes: match self.attributes.as_slice() {
                [] => attributes::of_old(origin, self.created),
                bytes => attributes::decode(bytes)?,
            },
        })
    }
}

pub(super) fn by_id(connection: &Connection, id: &KeyId) -> rusqlite::Result<Option<Row>> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM keys WHERE id = ?"))?
        .query_row([id.as_bytes().as_slice()], Row::read)
        .optional()
}

/// Some rows after a row number, with their own numbers.
pub(super) fn after(connection: &Connection, last: i64) -> rusqlite::Result<Vec<(i64, Row)>> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS}, rowid FROM keys WHERE rowid > ? ORDER BY rowid LIMIT 1000"
        ))?
        .query_map([last], |row| Ok((row.get("rowid")?, Row::read(row)?)))?
        .collect()
}

pub(super) fn by_name(
    connection: &Connection,
    viewer: &str,
    name: &str,
    owner: Option<&str>,
) -> rusqlite::Result<Vec<Row>> {
    // A statement for each: SQLite prepares one that asks whether a parameter is NULL anew each time.
    let owned = if owner.is_some() { "AND seen.owner = ?3" } else { "" };
    let mut found = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM seen JOIN keys ON keys.id = seen.id
         WHERE seen.user = ?1 AND seen.name = ?2 {owned} ORDER BY seen.owner"
    ))?;
    match owner {
        Some(owner) => found.query_map([viewer, name, owner], Row::read)?.collect(),
        None => found.query_map([viewer, name], Row::read)?.collect(),
    }
}

pub(super) fn page(connection: &Connection, page: Page<'_>) -> rusqlite::Result<Vec<Row>> {
    // One lower bound, so that the search begins at it.
    let (name, owner) = match page.after {
        Some((name, owner)) if name >= page.prefix => (name, owner),
        _ => (page.prefix, ""),
    };
    // Names are ASCII, so those with a prefix end before the prefix followed by U+007F.
    let end = format!("{}\u{7f}", page.prefix);
    // Of deleted keys several can have one name, so the identifier tells them apart.
    let which = match page.deleted {
        false => {
            "seen AS found JOIN keys ON keys.id = found.id
             WHERE found.user = ?1 AND (found.name, found.owner) > (?2, ?3) AND found.name < ?4
             ORDER BY found.name, found.owner"
        }
        true => {
            "deleted AS found JOIN keys ON keys.id = found.id
             WHERE found.owner = ?1 AND (found.name, lower(hex(found.id))) > (?2, ?3)
               AND found.name < ?4
             ORDER BY found.name, found.id"
        }
    };
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM {which} LIMIT ?5"))?
        .query_map(params![page.viewer, name, owner, end, page.limit as i64], Row::read)?
        .collect()
}

/// How many keys a user sees, and how many of these are the user's own.
pub(super) fn counts_of(connection: &Connection, user: &str) -> rusqlite::Result<(u64, u64)> {
    connection
        .prepare_cached("SELECT seen, owned FROM user_counts WHERE user = ?")?
        .query_row([user], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
        .map(Option::unwrap_or_default)
}

pub(super) fn insert(transaction: &Connection, record: &Record, sealed: &[u8]) -> Result<()> {
    insert_row(transaction, record, sealed)
        .and_then(|()| index(transaction, record))
        .map_err(|error| taken_or_failed(record, &error))
}

/// Puts a changed record in its row's place.
pub(super) fn replace(transaction: &Connection, record: &Record, sealed: &[u8]) -> Result<()> {
    remove(transaction, &record.id)
        .and_then(|()| insert_row(transaction, record, sealed))
        .and_then(|()| index(transaction, record))
        .map_err(|error| taken_or_failed(record, &error))
}

/// Puts a record's attributes in the place of its former ones, where nothing else of it has changed.
pub(super) fn set_attributes(
    transaction: &Connection,
    record: &Record,
    sealed: &[u8],
) -> Result<()> {
    let id = record.id.as_bytes().as_slice();
    let write = || {
        let attributes = attributes::encode(&record.attributes);
        transaction
            .prepare_cached("UPDATE keys SET attributes = ?2, sealed = ?3 WHERE id = ?1")?
            .execute(params![id, attributes, sealed])?;
        transaction.prepare_cached("DELETE FROM ends WHERE id = ?")?.execute([id])?;
        index_ends_of(transaction, record)
    };
    write().map_err(|error: rusqlite::Error| failed("write a key", &error))
}

pub(super) fn remove(transaction: &Connection, id: &KeyId) -> rusqlite::Result<()> {
    for table in ["keys", "seen", "deleted", "ends"] {
        transaction
            .prepare_cached(&format!("DELETE FROM {table} WHERE id = ?"))?
            .execute([id.as_bytes().as_slice()])?;
    }
    Ok(())
}

fn insert_row(transaction: &Connection, record: &Record, sealed: &[u8]) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?
        .execute(params![
            record.id.as_bytes().as_slice(),
            record.owner,
            record.name,
            record.version,
            record.key_type.to_string(),
            record.usage.bits(),
            record.exportable,
            record.origin.word(),
            record.created,
            record.spki,
            encode_chain(&record.chain),
            encode_grants(&record.grants),
            sealed,
            attributes::encode(&record.attributes),
        ])
        .map(drop)
}

fn index(transaction: &Connection, record: &Record) -> rusqlite::Result<()> {
    let id = record.id.as_bytes().as_slice();
    if record.is_deleted() {
        let removal = record.attributes.removal;
        return transaction
            .prepare_cached("INSERT INTO deleted VALUES (?, ?, ?, ?)")?
            .execute(params![id, record.owner, record.name, removal])
            .map(drop);
    }
    index_ends_of(transaction, record)?;
    let mut insert = transaction.prepare_cached("INSERT INTO seen VALUES (?, ?, ?, ?)")?;
    let granted = record.grants.iter().map(|grant| grant.user.as_str());
    for user in granted.chain([record.owner.as_str()]) {
        insert.execute(params![user, record.name, record.owner, id])?;
    }
    Ok(())
}

/// Notes what of a key ends. Of a deleted one nothing does.
fn index_ends_of(transaction: &Connection, record: &Record) -> rusqlite::Result<()> {
    let ends = if record.is_deleted() { Vec::new() } else { record.ends() };
    let id = record.id.as_bytes().as_slice();
    ends.into_iter().try_for_each(|(of, time)| insert_end(transaction, id, of, time))
}

fn insert_end(
    transaction: &Connection,
    id: &[u8],
    of: EndingOf,
    time: u64,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("INSERT INTO ends VALUES (?, ?, ?)")?
        .execute(params![id, of.word(), time])
        .map(drop)
}

/// Notes when the certificates of keys end that were kept before that was noted.
pub(super) fn index_ends(transaction: &Connection) -> rusqlite::Result<()> {
    let mut chains = transaction.prepare("SELECT id, chain FROM keys WHERE length(chain) > 0")?;
    let mut rows = chains.query([])?;
    while let Some(row) = rows.next()? {
        let (id, chain): (Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(1)?);
        let own = decode_chain(&chain).and_then(|chain| chain.into_iter().next());
        if let Some(end) = own.and_then(|own| end_of_certificate(&own)) {
            insert_end(transaction, &id, EndingOf::Certificate, end)?;
        }
    }
    Ok(())
}

pub(super) fn due(
    connection: &Connection,
    time: u64,
    skip: usize,
    limit: usize,
) -> rusqlite::Result<Vec<KeyId>> {
    // Only what can be an identifier, so that whoever passes over some counts as this does.
    let ids: Vec<Vec<u8>> = connection
        .prepare_cached(
            "SELECT id FROM deleted WHERE removal <= ? AND length(id) = 16
             ORDER BY removal, id LIMIT ? OFFSET ?",
        )?
        .query_map(params![time, limit as i64, skip as i64], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(ids.iter().filter_map(|id| KeyId::try_from(id.as_slice()).ok()).collect())
}

pub(super) fn ending(
    connection: &Connection,
    before: u64,
    limit: usize,
) -> rusqlite::Result<Vec<Ending>> {
    let rows: Vec<(Vec<u8>, String, String, String, u64)> = connection
        .prepare_cached(
            "SELECT keys.id, keys.owner, keys.name, ends.what, ends.time
             FROM ends JOIN keys ON keys.id = ends.id
             WHERE ends.time < ? ORDER BY ends.time LIMIT ?",
        )?
        .query_map(params![before, limit as i64], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let read = |(id, owner, name, what, time): (Vec<u8>, String, String, String, u64)| {
        let of = EndingOf::ALL.into_iter().find(|of| of.word() == what)?;
        Some(Ending { id: Some(KeyId::try_from(id.as_slice()).ok()?), owner, name, of, time })
    };
    Ok(rows.into_iter().filter_map(read).collect())
}

fn taken_or_failed(record: &Record, error: &rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::ConstraintViolation) => {
            let what = if is_of_trigger(error) { "certificate" } else { "key" };
            taken(what, &record.owner, &record.name)
        }
        _ => failed("write a key", error),
    }
}

/// Whether a trigger refused a row: between keys and certificates, a name is taken.
pub(super) fn is_of_trigger(error: &rusqlite::Error) -> bool {
    error
        .sqlite_error()
        .is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_TRIGGER)
}
