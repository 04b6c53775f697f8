//! The journal: a ring in a file that is mapped into memory. An entry is in it, and survives
//! `kill -9` of the service, once its bytes are stored: the hot path makes no system call and takes
//! no lock. A thread takes the entries over into the log's files.
//!
//! Positions count words and only grow; a word's place in the file is its position modulo the
//! ring's size. An entry begins at a multiple of 8 words (a cache line) with two words of header:
//!
//! ```text
//! tag       position ^ the journal's secret: valid at this position alone, stored last
//! length    bytes of the body (16 bits) | checksum of the body (48 bits)
//! body      padded to the next multiple of 8 words
//! ```
//!
//! The secret is drawn when the file is made, so that a name that a client chooses can't be taken
//! for a header. The checksum tells, after a power cut, which entries reached the disk as a whole.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{
            AtomicU64,
            Ordering::{AcqRel, Acquire, Relaxed, Release},
        },
    },
};

use aws_lc_rs::rand;
use keyward_mapped_words::MappedWords;
use rustix::fs::{FallocateFlags, fallocate, fdatasync};

/// The longest body in bytes.
pub(super) const MAX_BODY_BYTES: usize = 4096;

/// The words before the ring: magic, identifier, secret, size of the ring; a page in all.
const HEADER_WORDS: usize = 512;
const MAGIC: u64 = u64::from_le_bytes(*b"KWJOURN1");

const GRANULE_WORDS: u64 = 8;
const ENTRY_HEADER_WORDS: u64 = 2;
const LENGTH_BITS: u32 = 16;

/// The journal, open.
pub(super) struct Journal {
    words: MappedWords,
    file: File,
    secret: u64,
    /// Told to checkpoints, which say how far the journal of this identifier was taken over.
    pub(super) id: u64,
    /// Where the next entry goes.
    head: AtomicU64,
    /// Up to where entries are safe elsewhere.
    tail: AtomicU64,
    /// Up to where a killed service wrote: before this, an entry that is not whole never will be.
    left: u64,
    /// Numbers those who want their entries on disk.
    wanted: AtomicU64,
    synced: Mutex<Synced>,
}

/// Up to which number entries are on disk, and up to which one they may have been lost.
#[derive(Default)]
struct Synced {
    done: u64,
    failed: u64,
}

impl Journal {
    /// Goes on in the journal that a service has left, if there is anything in it from the position
    /// on that `taken_over` gives for its identifier; else makes a new one.
    pub(super) fn resume(
        path: &Path,
        bytes: u64,
        taken_over: impl FnOnce(u64) -> u64,
    ) -> io::Result<Journal> {
        if path.exists() {
            match Journal::open(path) {
                Ok(mut journal) => {
                    let from = taken_over(journal.id);
                    let mut count: u64 = 0;
                    let end = journal.recover(from, |_| count += 1);
                    if count > 0 {
                        tracing::info!(count, "audit entries of a killed service taken over");
                        (journal.head, journal.tail) = (end.into(), from.into());
                        journal.left = end;
                        return Ok(journal);
                    }
                }
                // Killed while it made it, or not ours: nothing can be told from it.
                Err(error) => tracing::warn!("the audit journal does not read: {error}"),
            }
            // All of it is in the log by now; on a small disk there is no room for two.
            fs::remove_file(path)?;
        }
        Journal::create(path, bytes)
    }

    /// Makes a new, empty journal of so many bytes, in place of any other.
    fn create(path: &Path, bytes: u64) -> io::Result<Journal> {
        let words = (bytes / 8).next_power_of_two();
        let total = (words + HEADER_WORDS as u64) * 8;
        let draft = path.with_extension("new");
        let _ = fs::remove_file(&draft);
        let file =
            File::options().read(true).write(true).create_new(true).mode(0o600).open(&draft)?;
        allocate(&file, total)?;
        let mut random = [0; 16];
        rand::fill(&mut random).map_err(|_| io::Error::other("the random generator failed"))?;
        let (id, secret) = random.split_at(8);
        let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap_or_default());
        let mapped = MappedWords::map(&file)?;
        for (word, value) in mapped.iter().zip([MAGIC, number(id), number(secret), words]) {
            word.store(value, Relaxed);
        }
        fdatasync(&file)?;
        fs::rename(&draft, path)?;
        Journal::of(mapped, file)
    }

    /// Opens the journal that a service left.
    fn open(path: &Path) -> io::Result<Journal> {
        let file = File::options().read(true).write(true).open(path)?;
        Journal::of(MappedWords::map(&file)?, file)
    }

    fn of(words: MappedWords, file: File) -> io::Result<Journal> {
        let broken = || io::Error::new(io::ErrorKind::InvalidData, "this is no audit journal");
        let ring = words.len().checked_sub(HEADER_WORDS).ok_or_else(broken)?;
        let [magic, id, secret, size] = [0, 1, 2, 3].map(|index| words[index].load(Relaxed));
        if magic != MAGIC || size != ring as u64 || !size.is_power_of_two() {
            return Err(broken());
        }
        let (head, tail) = (AtomicU64::new(0), AtomicU64::new(0));
        let (wanted, synced) = (AtomicU64::new(0), Mutex::default());
        Ok(Journal { words, file, secret, id, head, tail, left: 0, wanted, synced })
    }

    /// Appends an entry and gives the position after it; `None` where fewer than `reserve` bytes
    /// would be left.
    pub(super) fn append(&self, body: &[u8], reserve: u64) -> Option<u64> {
        let body = &body[..body.len().min(MAX_BODY_BYTES)];
        let length = entry_words(body.len());
        let allowed = self.capacity().saturating_sub(reserve / 8);
        let mut head = self.head.load(Relaxed);
        loop {
            // Acquire: what is overwritten has been read to its end. The tail may have passed a head
            // that other threads have moved meanwhile: the exchange below then fails and tells it.
            if (head + length).saturating_sub(self.tail.load(Acquire)) > allowed {
                return None;
            }
            match self.head.compare_exchange_weak(head, head + length, AcqRel, Relaxed) {
                Ok(_) => break,
                Err(found) => head = found,
            }
        }
        let mut sum = Checksum::default();
        for (place, word) in (head + ENTRY_HEADER_WORDS..).zip(words_of(body)) {
            sum.add(word);
            self.word(place).store(word, Relaxed);
        }
        self.word(head + 1).store(sum.descriptor(body.len()), Relaxed);
        // Release: whoever sees the tag sees the whole entry.
        self.word(head).store(self.tag(head), Release);
        Some(head + length)
    }

    /// Whether an entry of any length would find room.
    pub(super) fn has_room(&self, reserve: u64) -> bool {
        let used = self.head.load(Relaxed).saturating_sub(self.tail.load(Relaxed));
        used + entry_words(MAX_BODY_BYTES) <= self.capacity().saturating_sub(reserve / 8)
    }

    /// Puts on disk all that the caller has appended. Those who come while the disk is busy are
    /// served together by the next turn of it.
    pub(super) fn sync(&self) -> io::Result<()> {
        // Whoever has a number has stored its entry before, and who reads the number sees that.
        let number = self.wanted.fetch_add(1, AcqRel) + 1;
        let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        if number <= synced.failed {
            return Err(io::Error::other("the disk failed"));
        }
        if number <= synced.done {
            return Ok(());
        }
        let all = self.wanted.load(Acquire);
        let result = fdatasync(&self.file);
        // A disk that has failed once may say the next time that all is well.
        *if result.is_ok() { &mut synced.done } else { &mut synced.failed } = all;
        Ok(result?)
    }

    /// The size of the ring in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.capacity() * 8
    }

    /// Where the next entry will go.
    pub(super) fn head(&self) -> u64 {
        self.head.load(Acquire)
    }

    /// Up to where entries have been taken over.
    pub(super) fn tail(&self) -> u64 {
        self.tail.load(Acquire)
    }

    /// Gives the room before a position free.
    pub(super) fn release(&self, position: u64) {
        self.tail.store(position, Release);
    }

    /// Reads the entries from the tail on, as far as they are complete, until `take` has had
    /// enough; the position after the last one taken.
    pub(super) fn read(&self, mut take: impl FnMut(&[u8]) -> bool) -> u64 {
        let mut position = self.tail();
        let mut body = Vec::new();
        while position < self.head() {
            if self.entry(position, &mut body) {
                position += entry_words(body.len());
                if !take(&body) {
                    break;
                }
            } else if position < self.left {
                position += GRANULE_WORDS;
            } else {
                break;
            }
        }
        position
    }

    /// Reads what a killed service left from a position on. An entry that was being written is
    /// missing, whatever came after it is not.
    fn recover(&self, from: u64, mut take: impl FnMut(&[u8])) -> u64 {
        let end = from + self.capacity();
        let mut position = from;
        let mut last = from;
        let mut body = Vec::new();
        while position < end {
            if self.entry(position, &mut body) {
                position += entry_words(body.len());
                last = position;
                take(&body);
            } else {
                position += GRANULE_WORDS;
            }
        }
        last
    }

    /// Reads the entry at a position, if there is a whole one.
    fn entry(&self, position: u64, body: &mut Vec<u8>) -> bool {
        if self.word(position).load(Acquire) != self.tag(position) {
            return false;
        }
        let found = self.word(position + 1).load(Relaxed);
        let length = (found & ((1 << LENGTH_BITS) - 1)) as usize;
        if length > MAX_BODY_BYTES {
            return false;
        }
        body.clear();
        let mut sum = Checksum::default();
        for index in 0..length.div_ceil(8) as u64 {
            let word = self.word(position + ENTRY_HEADER_WORDS + index).load(Relaxed);
            sum.add(word);
            body.extend_from_slice(&word.to_le_bytes());
        }
        body.truncate(length);
        sum.descriptor(length) == found
    }

    fn word(&self, position: u64) -> &AtomicU64 {
        &self.words[HEADER_WORDS + (position & (self.capacity() - 1)) as usize]
    }

    fn tag(&self, position: u64) -> u64 {
        position ^ self.secret
    }

    fn capacity(&self) -> u64 {
        (self.words.len() - HEADER_WORDS) as u64
    }
}

/// How many words an entry takes.
fn entry_words(body_bytes: usize) -> u64 {
    (ENTRY_HEADER_WORDS + body_bytes.div_ceil(8) as u64).next_multiple_of(GRANULE_WORDS)
}

/// The words of a body, the last one filled up with zeros.
fn words_of(body: &[u8]) -> impl Iterator<Item = u64> {
    let (whole, rest) = body.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let last = (!rest.is_empty()).then_some(last);
    whole.iter().copied().chain(last).map(u64::from_le_bytes)
}

/// A checksum against torn writes, which is no protection from those who write to the file.
struct Checksum(u64);

impl Default for Checksum {
    fn default() -> Checksum {
        Checksum(0xcbf2_9ce4_8422_2325)
    }
}

impl Checksum {
    fn add(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 ^= self.0 >> 29;
    }

    /// The second word of an entry: the length of its body and the checksum of it.
    fn descriptor(&self, length: usize) -> u64 {
        (self.0 << LENGTH_BITS) | length as u64
    }
}

/// Gives a file all of its blocks, since a mapped word without one ends the process when the disk
/// is full.
fn allocate(file: &File, bytes: u64) -> io::Result<()> {
    match fallocate(file, FallocateFlags::empty(), 0, bytes) {
        Err(rustix::io::Errno::OPNOTSUPP) => {
            use std::io::Write;
            let zeros = vec![0; 1 << 16];
            let mut file = file;
            let mut left = bytes as usize;
            while left > 0 {
                let count = left.min(zeros.len());
                file.write_all(&zeros[..count])?;
                left -= count;
            }
            Ok(())
        }
        result => Ok(result?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal(bytes: u64) -> (tempfile::TempDir, Journal) {
        let folder = tempfile::TempDir::new().unwrap();
        let journal = Journal::create(&folder.path().join("journal"), bytes).unwrap();
        (folder, journal)
    }

    fn recovered(folder: &tempfile::TempDir, from: u64) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        let journal = Journal::open(&folder.path().join("journal")).unwrap();
        journal.recover(from, |body| found.push(body.to_vec()));
        found
    }

    #[test]
    fn entries_of_many_threads_come_out_whole_and_the_ring_goes_round() {
        let (folder, journal) = journal(1 << 16);
        let seen = std::sync::Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            let mut writers = Vec::new();
            for thread in 0..4_u32 {
                let journal = &journal;
                writers.push(scope.spawn(move || {
                    for number in 0..5000_u32 {
                        let size = 8 + (number % 200) as usize;
                        let mut body = vec![thread as u8; size];
                        body[..4].copy_from_slice(&number.to_le_bytes());
                        while journal.append(&body, 0).is_none() {
                            std::thread::yield_now();
                        }
                    }
                }));
            }
            let mut seen = seen.lock().unwrap();
            let mut ended = false;
            while seen.len() < 20_000 {
                assert!(!ended, "the writers ended, and {} entries came out", seen.len());
                ended = writers.iter().all(|writer| writer.is_finished());
                let end = journal.read(|body| {
                    seen.push(body.to_vec());
                    true
                });
                journal.release(end);
                std::thread::yield_now();
            }
        });
        let seen = seen.into_inner().unwrap();
        for thread in 0..4_u8 {
            let own = seen.iter().filter(|body| body[7] == thread);
            let numbers: Vec<u32> =
                own.map(|body| u32::from_le_bytes(body[..4].try_into().unwrap())).collect();
            assert_eq!(numbers, (0..5000).collect::<Vec<_>>());
        }
        let last: Vec<u8> = seen.last().unwrap().clone();
        let from = journal.tail() - entry_words(last.len());
        assert_eq!(recovered(&folder, from), [last]);
    }

    #[test]
    fn an_entry_that_was_being_written_hides_none_that_came_after_it() {
        let (folder, journal) = journal(1 << 12);
        let first = journal.append(b"first", 0).unwrap();
        journal.append(&[7; 100], 0).unwrap();
        journal.append(b"third", 0).unwrap();
        // The second thread was killed before its last store.
        journal.word(first).store(0, Relaxed);
        assert_eq!(recovered(&folder, 0), [b"first".to_vec(), b"third".to_vec()]);
        assert_eq!(recovered(&folder, first), [b"third".to_vec()]);
        // A body that did not reach the disk with its header is not taken for one.
        journal.word(ENTRY_HEADER_WORDS).store(1, Relaxed);
        assert_eq!(recovered(&folder, 0), [b"third".to_vec()]);
    }

    #[test]
    fn a_full_journal_takes_no_more_and_keeps_its_reserve() {
        let (_folder, journal) = journal(1 << 14);
        let reserve = 1 << 13;
        while journal.append(b"a use", reserve).is_some() {}
        assert!(journal.append(b"an act", 0).is_some());
        while journal.append(b"an act", 0).is_some() {}
        assert!(!journal.has_room(0));
        journal.release(journal.head());
        assert!(journal.append(b"a use", reserve).is_some());
    }
}
