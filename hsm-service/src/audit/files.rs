//! The files of the log, in a folder of the service's own: `audit-00000001.log` and so on. The last
//! one grows; each ends in a checkpoint.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use keyward_algorithms::ErrorKind;
use keyward_protocol::messages::{AuditCheckpoint, AuditFileHead};
use prost::Message;

use super::format::{self, Chain, Kind};
use crate::{Error, Result};

const VERSION: u32 = 1;

/// The files of a log in a folder, by number, oldest first.
pub(crate) fn list(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let number = name.strip_prefix("audit-").and_then(|name| name.strip_suffix(".log"));
        if let Some(number) = number.and_then(|number| number.parse().ok()) {
            files.push((number, path));
        }
    }
    files.sort();
    Ok(files)
}

/// The path of a file of the log.
pub(crate) fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("audit-{number:08}.log"))
}

/// Makes the folder of the log.
pub(crate) fn make_folder(folder: &Path) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| failed("make", folder, &error))
}

/// Where the log stands.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    /// The chain's value after the last record.
    pub(super) chain: Chain,
    /// The number of the last entry.
    pub(super) sequence: u64,
    /// The last checkpoint, as it is signed, and its signature; empty before the first.
    pub(super) checkpoint: (Vec<u8>, Vec<u8>),
}

impl Standing {
    /// How far a journal has been taken over.
    pub(super) fn journal_position(&self, journal: u64) -> u64 {
        match AuditCheckpoint::decode(self.checkpoint.0.as_slice()) {
            Ok(checkpoint) if checkpoint.journal == journal => checkpoint.journal_position,
            _ => 0,
        }
    }
}

/// The end of a log, as it was found: its last file that has a head.
pub(super) struct Tail {
    last: Option<Last>,
    /// Files behind that were begun without one, when the service was killed.
    begun: Vec<PathBuf>,
}

struct Last {
    number: u64,
    path: PathBuf,
    bytes: usize,
    scan: Scan,
}

impl Tail {
    /// Looks for the end of the log in a folder.
    pub(super) fn find(folder: &Path) -> Result<Tail> {
        let mut files = list(folder).map_err(|error| failed("read", folder, &error))?;
        let mut begun = Vec::new();
        while let Some((number, path)) = files.pop() {
            let bytes = fs::read(&path).map_err(|error| failed("read", &path, &error))?;
            let Some(mut scan) = scan(&bytes) else {
                begun.push(path);
                continue;
            };
            if scan.standing.checkpoint.0.is_empty()
                && let Some((_, before)) = files.last()
            {
                // Killed right after it began this file.
                let bytes = fs::read(before).map_err(|error| failed("read", before, &error))?;
                let checkpoint = self::scan(&bytes).map(|scan| scan.standing.checkpoint);
                scan.standing.checkpoint = checkpoint.unwrap_or_default();
            }
            let bytes = bytes.len();
            return Ok(Tail { last: Some(Last { number, path, bytes, scan }), begun });
        }
        Ok(Tail { last: None, begun })
    }

    /// How far a journal has been taken over.
    pub(super) fn taken_over(&self, journal: u64) -> u64 {
        self.last.as_ref().map_or(0, |last| last.scan.standing.journal_position(journal))
    }
}

/// The file that grows.
pub(super) struct LogFile {
    folder: PathBuf,
    file: File,
    pub(super) number: u64,
    pub(super) bytes: u64,
    /// There may be something behind that does not belong to it, which the disk has not let go.
    torn: bool,
}

/// What opening a log found.
pub(super) struct Opened {
    pub(super) file: LogFile,
    pub(super) standing: Standing,
    /// What is wrong with what was there.
    pub(super) damage: Option<String>,
}

/// Who a log belongs to, for the heads of its files.
pub(super) struct Owner<'a> {
    pub(super) service_id: &'a str,
    pub(super) spki: &'a [u8],
}

impl LogFile {
    /// Opens the log in a folder by its end, or begins one. What follows the last checkpoint was being
    /// written when the service was killed: it is cut off, for the journal still has it.
    pub(super) fn open(folder: &Path, owner: &Owner<'_>, tail: Tail) -> Result<Opened> {
        for path in tail.begun {
            fs::remove_file(&path).map_err(|error| failed("remove", &path, &error))?;
        }
        let Some(Last { number, path, bytes, mut scan }) = tail.last else {
            let mut standing =
                Standing { chain: [0; 32], sequence: 0, checkpoint: (Vec::new(), Vec::new()) };
            let file = LogFile::begin(folder, 1, owner, &mut standing)
                .map_err(|error| failed("begin a log in", folder, &error))?;
            return Ok(Opened { file, standing, damage: None });
        };
        if let Some(damage) = scan.damage {
            // It stays as it is for those who will look into it.
            let next = LogFile::begin(folder, number + 1, owner, &mut scan.standing);
            return Ok(Opened {
                file: next.map_err(|error| failed("begin a file in", folder, &error))?,
                standing: scan.standing,
                damage: Some(format!("{}: {damage}", path.display())),
            });
        }
        let file = File::options()
            .append(true)
            .open(&path)
            .map_err(|error| failed("open", &path, &error))?;
        if scan.end < bytes {
            file.set_len(scan.end as u64)
                .and_then(|()| file.sync_all())
                .map_err(|error| failed("cut", &path, &error))?;
        }
        let (folder, bytes) = (folder.to_owned(), scan.end as u64);
        let file = LogFile { folder, file, number, bytes, torn: false };
        Ok(Opened { file, standing: scan.standing, damage: None })
    }

    /// Begins a file with its head.
    fn begin(
        folder: &Path,
        number: u64,
        owner: &Owner<'_>,
        standing: &mut Standing,
    ) -> io::Result<LogFile> {
        let head = AuditFileHead {
            version: VERSION,
            file: number,
            chain: standing.chain.to_vec(),
            first: standing.sequence + 1,
            service_id: owner.service_id.into(),
            spki: owner.spki.to_vec(),
        };
        let mut bytes = Vec::new();
        let mut chain = standing.chain;
        format::put(Kind::Head, &[&head.encode_to_vec()], &mut chain, &mut bytes);
        let path = path(folder, number);
        remove_begun(&path)?;
        let mut file = File::options().append(true).create_new(true).mode(0o600).open(&path)?;
        let written = file.write_all(&bytes).and_then(|()| file.sync_all());
        if let Err(error) = written.and_then(|()| File::open(folder)?.sync_all()) {
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        standing.chain = chain;
        let (folder, bytes) = (folder.to_owned(), bytes.len() as u64);
        Ok(LogFile { folder, file, number, bytes, torn: false })
    }

    /// Goes on in the next file.
    pub(super) fn rotate(&mut self, owner: &Owner<'_>, standing: &mut Standing) -> io::Result<()> {
        self.cut_off()?;
        let folder = self.folder.clone();
        *self = LogFile::begin(&folder, self.number + 1, owner, standing)?;
        Ok(())
    }

    /// Appends whole records and puts them on disk. What is in the file of those that were not is cut
    /// off, at once or before anything else is appended.
    pub(super) fn append(&mut self, records: &[u8]) -> io::Result<()> {
        self.cut_off()?;
        let written = self.file.write_all(records).and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => self.bytes += records.len() as u64,
            Err(_) => {
                self.torn = true;
                // Why it was not written is what matters.
                let _ = self.cut_off();
            }
        }
        written
    }

    fn cut_off(&mut self) -> io::Result<()> {
        if self.torn {
            self.file.set_len(self.bytes)?;
            self.torn = false;
        }
        Ok(())
    }
}

/// Removes a file that was begun, and that the disk then did not let go when its head was not written.
fn remove_begun(path: &Path) -> io::Result<()> {
    match fs::read(path) {
        Ok(bytes) if scan(&bytes).is_none_or(|scan| scan.standing.checkpoint.0.is_empty()) => {
            fs::remove_file(path)
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

struct Scan {
    /// The end of the last checkpoint, or of the head.
    end: usize,
    standing: Standing,
    damage: Option<String>,
}

/// Reads a file up to its last checkpoint; `None` where not even its head is there.
fn scan(bytes: &[u8]) -> Option<Scan> {
    let first = format::first(bytes).ok().filter(|record| record.kind == Kind::Head)?;
    let head = AuditFileHead::decode(first.body).ok()?;
    let mut chain: Chain = head.chain.as_slice().try_into().ok()?;
    chain = format::advance(&chain, first.whole);
    let mut end = first.whole.len();
    let standing = Standing {
        chain,
        sequence: head.first.saturating_sub(1),
        checkpoint: (Vec::new(), Vec::new()),
    };
    let mut scan = Scan { end, standing, damage: None };
    loop {
        let record = match format::first(&bytes[end..]) {
            Ok(record) => record,
            Err(format::Unreadable::Short) => return Some(scan),
            Err(format::Unreadable::Broken) => {
                scan.damage = Some(format!("what begins at byte {end} is no record"));
                return Some(scan);
            }
        };
        end += record.whole.len();
        if record.kind == Kind::Checkpoint
            && let Some((signed, signature, checkpoint)) = format::split_checkpoint(record.body)
        {
            if checkpoint.chain != chain {
                let sequence = checkpoint.sequence;
                scan.damage = Some(format!("what is before entry {sequence} was changed"));
                chain = checkpoint.chain.as_slice().try_into().unwrap_or(chain);
            }
            chain = format::advance(&chain, record.whole);
            scan.end = end;
            scan.standing = Standing {
                chain,
                sequence: checkpoint.sequence,
                checkpoint: (signed.to_vec(), signature.to_vec()),
            };
        } else {
            chain = format::advance(&chain, record.whole);
        }
    }
}

pub(super) fn failed(what: &str, path: &Path, error: &io::Error) -> Error {
    let message = format!("cannot {what} {} of the audit log: {error}", path.display());
    Error::new(ErrorKind::Internal, message)
        .hint("see `folder` of [audit] in the configuration: the service needs to write there")
}
