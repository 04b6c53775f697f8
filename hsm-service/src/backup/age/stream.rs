//! The content of an age file: chunks of 64 KiB, each sealed with its number and whether it is the
//! last (the STREAM construction).

use std::io::{self, BufRead, Read, Write};

use aws_lc_rs::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce};
use zeroize::Zeroize;

use super::{TAG_BYTES, unwritable};
use crate::Result;

const CHUNK_BYTES: usize = 64 << 10;

/// Numbers the chunks.
#[derive(Default)]
struct Counter(u64);

impl Counter {
    fn next(&mut self, last: bool) -> Nonce {
        let mut nonce = [0; NONCE_LEN];
        // An 11-byte big-endian counter, then the flag of the last chunk.
        nonce[3..11].copy_from_slice(&self.0.to_be_bytes());
        nonce[11] = last.into();
        self.0 += 1;
        Nonce::assume_unique_for_key(nonce)
    }
}

/// Encrypts what is written to it. [`finish`](Encrypting::finish) makes the file whole.
pub(in crate::backup) struct Encrypting<W> {
    to: W,
    key: LessSafeKey,
    counter: Counter,
    chunk: Vec<u8>,
}

impl<W: Write> Encrypting<W> {
    pub(super) fn new(to: W, key: LessSafeKey) -> Encrypting<W> {
        let chunk = Vec::with_capacity(CHUNK_BYTES + TAG_BYTES);
        Encrypting { to, key, counter: Counter::default(), chunk }
    }

    /// Writes the last chunk and gives the writer back.
    pub(in crate::backup) fn finish(mut self) -> Result<W> {
        self.seal(true).map_err(unwritable)?;
        Ok(self.to)
    }

    fn seal(&mut self, last: bool) -> io::Result<()> {
        let nonce = self.counter.next(last);
        let sealed = self.key.seal_in_place_append_tag(nonce, Aad::empty(), &mut self.chunk);
        sealed.map_err(|_| io::Error::other("a chunk cannot be sealed"))?;
        self.to.write_all(&self.chunk)?;
        self.chunk.clear();
        Ok(())
    }
}

impl<W: Write> Write for Encrypting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full chunk waits for more, for the last one has to be known as the last.
        if self.chunk.len() == CHUNK_BYTES && !bytes.is_empty() {
            self.seal(false)?;
        }
        let count = bytes.len().min(CHUNK_BYTES - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Decrypts what is read through it. Nothing comes out that was not sealed so.
pub(in crate::backup) struct Decrypting<R> {
    from: R,
    key: LessSafeKey,
    counter: Counter,
    chunk: Vec<u8>,
    given: usize,
    ended: bool,
}

impl<R: BufRead> Decrypting<R> {
    pub(super) fn new(from: R, key: LessSafeKey) -> Decrypting<R> {
        let chunk = Vec::with_capacity(CHUNK_BYTES + TAG_BYTES);
        Decrypting { from, key, counter: Counter::default(), chunk, given: 0, ended: false }
    }

    fn open_next(&mut self) -> io::Result<()> {
        let invalid = |why| Err(io::Error::new(io::ErrorKind::InvalidData, why));
        self.chunk.zeroize();
        self.given = 0;
        let limit = (CHUNK_BYTES + TAG_BYTES) as u64;
        self.from.by_ref().take(limit).read_to_end(&mut self.chunk)?;
        let last = self.from.fill_buf()?.is_empty();
        let first = self.counter.0 == 0;
        let nonce = self.counter.next(last);
        let Ok(opened) = self.key.open_in_place(nonce, Aad::empty(), &mut self.chunk) else {
            return invalid("its content was changed or cut short");
        };
        let length = opened.len();
        // Only a file without content has an empty chunk.
        if length == 0 && !first {
            return invalid("its content was changed");
        }
        self.chunk.truncate(length);
        self.ended = last;
        Ok(())
    }
}

impl<R: BufRead> Read for Decrypting<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if self.given == self.chunk.len() {
            if self.ended {
                return Ok(0);
            }
            self.open_next()?;
        }
        let count = room.len().min(self.chunk.len() - self.given);
        room[..count].copy_from_slice(&self.chunk[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }
}
