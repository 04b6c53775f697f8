//! The setting `trace`: a file that tells, line by line, what a program asks of the service.

use std::{
    fmt::Display,
    fs::OpenOptions,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use keyward_protocol::{Error, Result};
use rustix::fs::OFlags;

/// A file that lines are appended to. It is opened for each line, since a host may close what it
/// does not know, change its root, or fork. A line that cannot be written is lost: what is traced
/// must not fail by it.
#[derive(Clone, Debug)]
pub struct Trace(Arc<Path>);

impl Trace {
    /// A trace into the file of this absolute path.
    pub(crate) fn new(path: &str) -> Result<Trace> {
        if Path::new(path).is_absolute() {
            return Ok(Trace(PathBuf::from(path).into()));
        }
        Err(Error::invalid(format!("the setting trace is \"{path}\""))
            .hint("name the file by its absolute path"))
    }

    /// Appends a line: when, process and thread, then the text.
    pub fn note(&self, text: impl Display) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (seconds, micros) = (now.as_secs(), now.subsec_micros());
        let process = rustix::process::getpid().as_raw_nonzero();
        let thread = rustix::thread::gettid().as_raw_nonzero();
        let text = text.to_string().replace(char::is_control, " ");
        let line = format!("{seconds}.{micros:06} {process}/{thread} {text}\n");
        // Neither a link to another file nor a pipe without a reader.
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY).bits();
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .custom_flags(flags.cast_signed())
            .open(&*self.0);
        if let Ok(mut file) = file {
            _ = file.write_all(line.as_bytes());
        }
    }

    /// Appends how a request went: nothing of what it carried.
    pub(crate) fn request<T>(&self, operation: &str, took: Duration, outcome: &Result<T>) {
        let micros = took.as_micros();
        match outcome {
            Ok(_) => self.note(format_args!("request {operation}: done in {micros} µs")),
            Err(error) => {
                let kind = error.kind;
                self.note(format_args!("request {operation}: {kind} after {micros} µs: {error}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_appended_and_stay_lines() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("trace");
        let trace = Trace::new(file.to_str().unwrap()).unwrap();
        trace.note("first\nforged");
        trace.request("sign", Duration::from_micros(7), &Ok(()));
        let text = std::fs::read_to_string(&file).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(lines[0].ends_with(" first forged"), "{text}");
        assert!(lines[1].ends_with(" request sign: done in 7 µs"), "{text}");
    }

    #[test]
    fn neither_a_link_nor_a_pipe_is_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        std::fs::write(&target, "").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        Trace::new(link.to_str().unwrap()).unwrap().note("text");
        assert_eq!(std::fs::read(&target).unwrap(), b"");
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .unwrap();
        Trace::new(pipe.to_str().unwrap()).unwrap().note("text");
        assert!(Trace::new("trace").is_err());
    }
}
