//! Reading the log page by page: whole records, as they are in the files.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use keyward_algorithms::ErrorKind;
use keyward_protocol::messages::{AuditPage, ReadAudit};

use super::{
    Audit, files,
    format::{self, Kind, PREFIX_BYTES, Unreadable},
};
use crate::{Error, Result};

/// The most bytes of records in one page.
const PAGE_BYTES: usize = 512 << 10;

/// A place in the log: a file and an offset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) file: u64,
    pub(super) offset: u64,
}

impl Place {
    fn bytes(self) -> Vec<u8> {
        [self.file.to_be_bytes(), self.offset.to_be_bytes()].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Place> {
        let (file, offset) = bytes.split_first_chunk::<8>()?;
        let offset: [u8; 8] = offset.try_into().ok()?;
        Some(Place { file: u64::from_be_bytes(*file), offset: u64::from_be_bytes(offset) })
    }
}

impl Audit {
    /// A page of the log, with everything that was answered before it was asked for.
    pub(crate) fn page(&self, request: &ReadAudit) -> Result<AuditPage> {
        self.catch_up();
        let unreadable = |error: io::Error| {
            let folder = self.folder.display();
            Error::new(ErrorKind::Internal, format!("cannot read the audit log {folder}: {error}"))
        };
        let end = self.lock().end.place;
        let files = files::list(&self.folder).map_err(unreadable)?;
        let oldest = files.first().map_or(1, |(number, _)| *number);
        let mut place = match request.after.is_empty() {
            false => Place::from_bytes(&request.after)
                .ok_or_else(|| Error::invalid("`after` is not where a page ended"))?,
            true if request.newest == 0 => Place { file: oldest, offset: 0 },
            true => self.before_end(request.newest.into(), end).map_err(unreadable)?,
        };
        let records = following(&self.folder, &mut place, end).map_err(unreadable)?;
        Ok(AuditPage { end: records.is_empty(), records, next: place.bytes() })
    }

    /// The place of the entry that so many entries come after, itself counted.
    fn before_end(&self, entries: u64, end: Place) -> io::Result<Place> {
        let mut wanted = entries;
        let mut place = Place { file: 1, offset: 0 };
        for (number, path) in files::list(&self.folder)?.into_iter().rev() {
            let mut offsets = entry_offsets(&path)?;
            offsets.retain(|offset| Place { file: number, offset: *offset } < end);
            if let Some(index) = (offsets.len() as u64).checked_sub(wanted) {
                let offset = offsets.get(index as usize).copied().unwrap_or(0);
                return Ok(Place { file: number, offset });
            }
            wanted -= offsets.len() as u64;
            place = Place { file: number, offset: 0 };
        }
        Ok(place)
    }
}

/// The records from a place on, up to a page of them, and moves the place behind them; none at the
/// end of the log. What lies behind the end is being written, and may be taken back.
pub(super) fn following(folder: &Path, place: &mut Place, end: Place) -> io::Result<Vec<u8>> {
    let files = files::list(folder)?;
    while *place < end {
        let next = files.iter().find(|(number, _)| *number > place.file);
        let mut records = records(folder, *place, next.is_some())?;
        if place.file == end.file {
            records.truncate((end.offset - place.offset) as usize);
        }
        if let Some((number, _)) = next.filter(|_| records.is_empty()) {
            // The next there is, should this one have been removed meanwhile.
            *place = Place { file: *number, offset: 0 };
            continue;
        }
        place.offset += records.len() as u64;
        return Ok(records);
    }
    Ok(Vec::new())
}

/// Whole records from a place on, up to a page of them.
fn records(folder: &Path, place: Place, complete: bool) -> io::Result<Vec<u8>> {
    let mut file = match File::open(files::path(folder, place.file)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    file.seek(SeekFrom::Start(place.offset))?;
    let mut bytes = Vec::new();
    file.take(PAGE_BYTES as u64).read_to_end(&mut bytes)?;
    let mut whole = 0;
    let reason = loop {
        match format::first(&bytes[whole..]) {
            Ok(record) => whole += record.whole.len(),
            Err(reason) => break reason,
        }
    };
    // What is broken is passed on as it is, for whoever verifies it; what is short at the end of
    // the log is being written.
    if whole == 0 && (complete || reason == Unreadable::Broken) {
        whole = bytes.len();
    }
    bytes.truncate(whole);
    Ok(bytes)
}

/// Where the entries of a file begin.
fn entry_offsets(path: &Path) -> io::Result<Vec<u64>> {
    let mut reader = BufReader::new(File::open(path)?);
    let mut offsets = Vec::new();
    let mut offset = 0;
    let mut prefix = [0; PREFIX_BYTES];
    while reader.read_exact(&mut prefix).is_ok() {
        let [kind, length @ ..] = prefix;
        let length = u32::from_be_bytes(length);
        if kind == Kind::Entry.byte() {
            offsets.push(offset);
        }
        offset += (PREFIX_BYTES as u64) + u64::from(length);
        reader.seek_relative(length.into())?;
    }
    Ok(offsets)
}
