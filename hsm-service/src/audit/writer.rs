//! Takes entries over from the journal into the log's files: numbers them, chains them, signs a
//! checkpoint, and puts all of it on disk. Only then the journal's room is free again.

use std::{
    io,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use keyward_protocol::messages::AuditCheckpoint;
use prost::Message;

use super::{
    entry::{Fields, sequence_field},
    files::{self, LogFile, Owner, Standing},
    format::{self, Kind},
    journal::Journal,
    key::AuditKey,
};

/// How much is written in one go, in bytes.
const BATCH_BYTES: usize = 4 << 20;

pub(super) struct Writer {
    pub(super) key: AuditKey,
    pub(super) file: LogFile,
    pub(super) standing: Standing,
    /// From which size on the log goes on in the next file.
    pub(super) file_bytes: u64,
}

/// A number that names a journal and a position in it.
#[derive(Clone, Copy)]
pub(super) struct JournalPlace {
    pub(super) id: u64,
    pub(super) position: u64,
}

/// Records that belong together, up to their checkpoint.
struct Batch {
    bytes: Vec<u8>,
    standing: Standing,
}

impl Batch {
    fn entry(&mut self, body: &[u8]) {
        self.standing.sequence += 1;
        let sequence = sequence_field(self.standing.sequence);
        let parts = [sequence.as_bytes(), body];
        format::put(Kind::Entry, &parts, &mut self.standing.chain, &mut self.bytes);
    }
}

impl Writer {
    /// Takes over what the journal has; whether that was anything.
    pub(super) fn take_over(&mut self, journal: &Journal) -> io::Result<bool> {
        let mut any = false;
        loop {
            self.rotate_if_due()?;
            let mut batch = self.batch();
            let end = journal.read(|body| {
                batch.entry(body);
                batch.bytes.len() < BATCH_BYTES
            });
            if end == journal.tail() {
                return Ok(any);
            }
            self.finish(batch, JournalPlace { id: journal.id, position: end })?;
            journal.release(end);
            any = true;
        }
    }

    /// Writes entries that are not in this journal.
    pub(super) fn write(&mut self, entries: &[Fields], place: JournalPlace) -> io::Result<()> {
        self.rotate_if_due()?;
        let mut batch = self.batch();
        entries.iter().for_each(|entry| batch.entry(entry.as_bytes()));
        self.finish(batch, place)
    }

    /// Removes the oldest files until no more than so many are left; the numbers of those removed.
    pub(super) fn remove_oldest(folder: &Path, keep: u64) -> io::Result<Vec<u64>> {
        let files = files::list(folder)?;
        let surplus = (files.len() as u64).saturating_sub(keep.max(1)) as usize;
        let mut removed = Vec::new();
        for (number, path) in files.into_iter().take(surplus) {
            std::fs::remove_file(path)?;
            removed.push(number);
        }
        Ok(removed)
    }

    fn rotate_if_due(&mut self) -> io::Result<()> {
        if self.file.bytes < self.file_bytes {
            return Ok(());
        }
        let owner = Owner { service_id: &self.key.service_id, spki: &self.key.spki };
        self.file.rotate(&owner, &mut self.standing)
    }

    fn batch(&self) -> Batch {
        Batch { bytes: Vec::new(), standing: self.standing.clone() }
    }

    /// Ends a batch with a signed checkpoint and writes it.
    fn finish(&mut self, mut batch: Batch, place: JournalPlace) -> io::Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_micros());
        let checkpoint = AuditCheckpoint {
            sequence: batch.standing.sequence,
            time: now as u64,
            chain: batch.standing.chain.to_vec(),
            journal: place.id,
            journal_position: place.position,
        };
        let signed = checkpoint.encode_to_vec();
        let signature =
            self.key.sign(&signed).map_err(|error| io::Error::other(error.to_string()))?;
        let Batch { bytes, standing } = &mut batch;
        format::put_checkpoint(&signed, &signature, &mut standing.chain, bytes);
        self.file.append(bytes)?;
        self.standing = batch.standing;
        self.standing.checkpoint = (signed, signature);
        Ok(())
    }
}
