//! PINs: from a file, to the service, and nowhere else.

use std::{fmt, fs::File, io::Read, os::unix::fs::OpenOptionsExt, path::Path};

use keyward_protocol::Error;
use rustix::fs::OFlags;
use zeroize::Zeroizing;

/// The largest file that a PIN is read from, in bytes.
const MAX_FILE_BYTES: usize = 1024;

/// A PIN or password. It is wiped when dropped and cannot be printed.
///
/// It lies in ordinary memory: the workers of a web server inherit it from the process that read it,
/// and a lock on memory ends with a fork.
pub struct Pin(Zeroizing<Vec<u8>>);

impl Pin {
    /// A copy of these bytes; wiping the original is the caller's task.
    pub fn copy_of(bytes: &[u8]) -> Pin {
        Pin(Zeroizing::new(bytes.to_vec()))
    }

    /// The first line of a small regular file. Of a device or a pipe nothing is read, and opening one
    /// does not wait. Links are followed, since mounted secrets are links and whoever names a file
    /// could name the one behind it.
    pub fn read(path: &Path) -> Result<Pin, Error> {
        let failed = |why: &dyn fmt::Display| {
            Error::invalid(format!("cannot read a PIN from {}: {why}", path.display())).hint(
                "name a file that holds the PIN in its first line and that this user can read",
            )
        };
        let without_waiting = (OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32;
        let file = File::options().read(true).custom_flags(without_waiting).open(path);
        let file = file.map_err(|error| failed(&error))?;
        if !file.metadata().map_err(|error| failed(&error))?.is_file() {
            return Err(failed(&"it is no regular file"));
        }
        // With its final size from the start, so that no growing leaves a copy behind.
        let mut content = Zeroizing::new(Vec::with_capacity(MAX_FILE_BYTES + 1));
        let read = file.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut content);
        read.map_err(|error| failed(&error))?;
        if content.len() > MAX_FILE_BYTES {
            return Err(failed(&format!("it is larger than {MAX_FILE_BYTES} bytes")));
        }
        let line = content.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return Err(failed(&"its first line is empty"));
        }
        Ok(Pin::copy_of(line))
    }

    /// The PIN itself.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_first_line_of_a_small_regular_file_is_the_pin() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pin");
        for (content, pin) in [("secret 1", "secret 1"), ("secret\r\nmore\n", "secret")] {
            fs::write(&path, content).unwrap();
            assert_eq!(Pin::read(&path).unwrap().expose(), pin.as_bytes());
        }
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert_eq!(Pin::read(&link).unwrap().expose(), b"secret");
    }

    #[test]
    fn pipes_devices_folders_and_large_or_empty_files_are_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        rustix::fs::mkfifoat(rustix::fs::CWD, path("pipe"), rustix::fs::Mode::RUSR).unwrap();
        fs::write(path("large"), [b'x'; MAX_FILE_BYTES + 1]).unwrap();
        fs::write(path("empty"), "\nsecret\n").unwrap();
        for (path, why) in [
            (path("pipe"), "no regular file"),
            ("/dev/zero".into(), "no regular file"),
            (path(""), "no regular file"),
            (path("large"), "larger than"),
            (path("empty"), "empty"),
            (path("none"), "No such file"),
        ] {
            let error = Pin::read(&path).unwrap_err();
            assert!(error.message.contains(why), "{error}");
        }
    }

    #[test]
    fn a_pin_is_not_printed() {
        assert_eq!(format!("{:?}", Pin::copy_of(b"secret")), "Pin(..)");
    }
}
