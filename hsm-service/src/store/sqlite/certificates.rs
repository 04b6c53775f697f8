//! Certificates without keys: their table, and its rows to and from values.

use keyward_algorithms::ErrorKind;
use rusqlite::{Connection, OptionalExtension, params};
use subtle::ConstantTimeEq;

use super::{SqliteStore, damaged, failed, rows::is_of_trigger};
use crate::{
    Error, Result,
    store::{
        certificate::{Certificate, CertificatePage, CertificateStore},
        ending::{Ending, EndingOf, end_of_certificate},
        sealer::Sealer,
    },
};

/// It came after layout 2 and needs no other: a service that does not know it leaves it as it is, and
/// the triggers hold that service too to one name for one thing.
pub(super) const TABLE: &str = "
    CREATE TABLE certificates (
        owner TEXT NOT NULL,
        name TEXT NOT NULL,
        created INTEGER NOT NULL,
        der BLOB NOT NULL,
        -- Authenticates all of these.
        tag BLOB NOT NULL,
        PRIMARY KEY (owner, name)
    ) STRICT, WITHOUT ROWID;

    CREATE TRIGGER key_named_as_certificate BEFORE INSERT ON seen
    WHEN NEW.user = NEW.owner
        AND EXISTS (SELECT 1 FROM certificates WHERE owner = NEW.owner AND name = NEW.name)
    BEGIN
        SELECT RAISE(ABORT, 'a certificate has this name');
    END;
    CREATE TRIGGER certificate_named_as_key BEFORE INSERT ON certificates
    WHEN EXISTS (
        SELECT 1 FROM seen WHERE user = NEW.owner AND owner = NEW.owner AND name = NEW.name
    )
    BEGIN
        SELECT RAISE(ABORT, 'a key has this name');
    END;
";

/// What tags are made for.
const PURPOSE: &str = "certificate 1";

const COLUMNS: &str = "owner, name, created, der, tag";

/// How many rows are looked at in one go where all are.
const MANY: i64 = 1000;

/// A row as it was found, not yet to be believed.
struct Row {
    certificate: Certificate,
    tag: Vec<u8>,
}

impl Row {
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
        let (owner, name, created, der) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        Ok(Row { certificate: Certificate { owner, name, created, der }, tag: row.get(4)? })
    }

    /// The certificate, if it is as it was put here.
    fn open(self, sealer: &Sealer) -> Result<Certificate> {
        let tag = sealer.authenticate(PURPOSE, &self.certificate.binding())?;
        match bool::from(tag.ct_eq(&self.tag)) {
            true => Ok(self.certificate),
            false => {
                let Certificate { owner, name, .. } = &self.certificate;
                Err(damaged(&format!("{owner}/{name}")))
            }
        }
    }
}

impl SqliteStore {
    fn insert_certificate(
        &self,
        transaction: &Connection,
        certificate: &Certificate,
        replace: bool,
    ) -> Result<()> {
        let tag = self.sealer()?.authenticate(PURPOSE, &certificate.binding())?;
        let Certificate { owner, name, created, der } = certificate;
        let or = match replace {
            true => {
                "ON CONFLICT (owner, name) DO UPDATE
                 SET created = excluded.created, der = excluded.der, tag = excluded.tag"
            }
            false => "",
        };
        transaction
            .prepare_cached(&format!("INSERT INTO certificates VALUES (?, ?, ?, ?, ?) {or}"))
            .and_then(|mut insert| insert.execute(params![owner, name, created, der, tag]))
            .map(drop)
            .map_err(|error| taken_or_failed(certificate, &error))
    }

    /// Looks at every certificate.
    pub(super) fn check_certificates(&self, sealer: &Sealer) -> Result<()> {
        let (mut owner, mut name) = (String::new(), String::new());
        loop {
            let rows = self.read("read the certificates", |connection| {
                connection
                    .prepare_cached(&format!(
                        "SELECT {COLUMNS} FROM certificates WHERE (owner, name) > (?, ?)
                         ORDER BY owner, name LIMIT ?"
                    ))?
                    .query_map(params![owner, name, MANY], Row::read)?
                    .collect::<rusqlite::Result<Vec<Row>>>()
            })?;
            let Some(last) = rows.last() else { return Ok(()) };
            (owner, name) = (last.certificate.owner.clone(), last.certificate.name.clone());
            rows.into_iter().try_for_each(|row| row.open(sealer).map(drop))?;
        }
    }
}

impl CertificateStore for SqliteStore {
    fn certificate(&self, owner: &str, name: &str) -> Result<Option<Certificate>> {
        let sealer = self.sealer()?;
        let row = self.read("read a certificate", |connection| by_name(connection, owner, name))?;
        row.map(|row| row.open(&sealer)).transpose()
    }

    fn certificates(&self, owner: &str, after: &str, limit: usize) -> Result<CertificatePage> {
        let sealer = self.sealer()?;
        let rows = self.read("list certificates", |connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM certificates WHERE owner = ? AND name > ?
                     ORDER BY name LIMIT ?"
                ))?
                .query_map(params![owner, after, limit as i64], Row::read)?
                .collect::<rusqlite::Result<Vec<Row>>>()
        })?;
        let last = rows.last().filter(|_| rows.len() == limit);
        let next = last.map(|row| row.certificate.name.clone());
        let open =
            |row: Row| row.open(&sealer).inspect_err(|error| tracing::error!("{error}")).ok();
        Ok(CertificatePage { certificates: rows.into_iter().filter_map(open).collect(), next })
    }

    fn put_certificate(&self, certificate: &Certificate, replace: bool) -> Result<()> {
        self.writer.change(|transaction| self.insert_certificate(transaction, certificate, replace))
    }

    fn rename_certificate(
        &self,
        owner: &str,
        name: &str,
        new_name: &str,
    ) -> Result<Option<Certificate>> {
        self.writer.change(|transaction| {
            let row = by_name(transaction, owner, name)
                .map_err(|error| failed("read a certificate", &error))?;
            let Some(row) = row else { return Ok(None) };
            let renamed = Certificate { name: new_name.to_owned(), ..row.open(&*self.sealer()?)? };
            remove(transaction, owner, name)?;
            self.insert_certificate(transaction, &renamed, false)?;
            Ok(Some(renamed))
        })
    }

    fn remove_certificate(&self, owner: &str, name: &str) -> Result<bool> {
        self.sealer()?;
        self.writer.change(|transaction| remove(transaction, owner, name))
    }
}

/// How many certificates an owner has.
pub(super) fn count(connection: &Connection, owner: &str) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("SELECT count(*) FROM certificates WHERE owner = ?")?
        .query_row([owner], |row| row.get(0))
}

/// Certificates that end before a time. There is no index of that: what parses them is quick, and an
/// older service that adds some would not keep it.
pub(super) fn ending(connection: &Connection, before: u64) -> rusqlite::Result<Vec<Ending>> {
    let mut statement = connection.prepare_cached("SELECT owner, name, der FROM certificates")?;
    let mut rows = statement.query([])?;
    let mut endings = Vec::new();
    while let Some(row) = rows.next()? {
        let end = row.get_ref(2)?.as_blob().ok().and_then(end_of_certificate);
        if let Some(time) = end.filter(|end| *end < before) {
            let (owner, name) = (row.get(0)?, row.get(1)?);
            endings.push(Ending { id: None, owner, name, of: EndingOf::KeptCertificate, time });
        }
    }
    Ok(endings)
}

/// Whether an owner has a certificate of this name.
pub(super) fn is_taken(connection: &Connection, owner: &str, name: &str) -> rusqlite::Result<bool> {
    by_name(connection, owner, name).map(|row| row.is_some())
}

fn by_name(connection: &Connection, owner: &str, name: &str) -> rusqlite::Result<Option<Row>> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM certificates WHERE owner = ? AND name = ?"
        ))?
        .query_row([owner, name], Row::read)
        .optional()
}

fn remove(transaction: &Connection, owner: &str, name: &str) -> Result<bool> {
    transaction
        .prepare_cached("DELETE FROM certificates WHERE owner = ? AND name = ?")
        .and_then(|mut delete| delete.execute([owner, name]))
        .map(|count| count > 0)
        .map_err(|error| failed("delete a certificate", &error))
}

fn taken_or_failed(certificate: &Certificate, error: &rusqlite::Error) -> Error {
    let Certificate { owner, name, .. } = certificate;
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::ConstraintViolation) if is_of_trigger(error) => Error::new(
            ErrorKind::AlreadyExists,
            format!("\"{owner}\" has a key \"{name}\" already"),
        )
        .hint("choose another name; `keyward cert import` puts a key's own certificate beside it"),
        Some(rusqlite::ErrorCode::ConstraintViolation) => {
            let message = format!("\"{owner}\" has a certificate \"{name}\" already");
            Error::new(ErrorKind::AlreadyExists, message).hint(
                "choose another name, or replace that certificate: `keyward cert add --replace`",
            )
        }
        _ => failed("write a certificate", error),
    }
}
