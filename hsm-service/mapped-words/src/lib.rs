//! A file mapped into memory as words that threads share: what a thread stores is in the file even
//! when the process is killed right after, without a system call. No safe crate offers a shared
//! mapping that is written to, so this one holds the call.

use std::{
    fs::File,
    io,
    ops::Deref,
    os::fd::AsRawFd,
    ptr::{self, NonNull},
    sync::atomic::AtomicU64,
};

/// A shared mapping of a whole file, as atomic words. Other processes may see and change them.
#[derive(Debug)]
pub struct MappedWords {
    start: NonNull<AtomicU64>,
    count: usize,
}

// SAFETY: the mapping belongs to the process and not to a thread (mmap(2)), and all access to it is
// through `AtomicU64`, which is `Send` and `Sync`.
unsafe impl Send for MappedWords {}
// SAFETY: as above.
unsafe impl Sync for MappedWords {}

impl MappedWords {
    /// Maps the whole of a file, which has been opened for reading and writing.
    ///
    /// A file whose blocks are not all there, or that another process makes shorter later, ends the
    /// process with SIGBUS when such a word is touched: allocate the file's blocks first
    /// (`fallocate`), and keep it where no one else can write.
    pub fn map(file: &File) -> io::Result<MappedWords> {
        let bytes = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        let count = bytes / size_of::<AtomicU64>();
        if count == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the file is empty"));
        }
        // SAFETY: mmap(2): with a null address "the kernel chooses the (page-aligned) address at
        // which to create the mapping", so no memory that is in use is touched; the descriptor is
        // open for reading and writing, which MAP_SHARED with these protections needs.
        let start = unsafe {
            libc::mmap(
                ptr::null_mut(),
                count * size_of::<AtomicU64>(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or_else(|| io::Error::other("mapped at null"))?;
        Ok(MappedWords { start, count })
    }
}

impl Deref for MappedWords {
    type Target = [AtomicU64];

    fn deref(&self) -> &[AtomicU64] {
        // SAFETY: slice::from_raw_parts: the mapping is page-aligned, `count` words long, every bit
        // pattern is a valid word, and it lives until this value is dropped, which the borrow
        // outlives not. Words are changed through atomics alone, by whichever process.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.count) }
    }
}

impl Drop for MappedWords {
    fn drop(&mut self) {
        // SAFETY: munmap(2): address and length are those of the mapping that `map` made, to which
        // no borrow can be left.
        unsafe {
            libc::munmap(self.start.as_ptr().cast(), self.count * size_of::<AtomicU64>());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Read, sync::atomic::Ordering};

    use super::*;

    #[test]
    fn what_is_stored_is_in_the_file() {
        let path = std::env::temp_dir().join(format!("keyward-words-{}", std::process::id()));
        let mut options = File::options();
        let mut file =
            options.read(true).write(true).create(true).truncate(true).open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(MappedWords::map(&file).is_err());
        file.set_len(8192).unwrap();
        let words = MappedWords::map(&file).unwrap();
        assert_eq!(words.len(), 1024);
        words[1].store(u64::from_le_bytes(*b"recorded"), Ordering::Release);
        drop(words);
        let mut bytes = [0; 16];
        file.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes[8..], b"recorded");
    }
}
