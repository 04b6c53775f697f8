//! How far a sink is, in memory and in a file.

use std::{
    collections::VecDeque,
    fs,
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::{super::pages::Place, Mark};

/// How often the file is written.
const INTERVAL: Duration = Duration::from_secs(1);

/// What was sent, and what of that has surely arrived: what went out some time ago over a connection
/// that has not broken since.
pub(super) struct Marks {
    sure: Mark,
    /// When what was sent up to where.
    sent: VecDeque<(Instant, Mark)>,
    grace: Duration,
    farthest: u64,
}

impl Marks {
    pub(super) fn new(begin: Mark, grace: Duration) -> Marks {
        Marks { sure: begin, sent: VecDeque::new(), grace, farthest: begin.sequence }
    }

    /// Where to go on.
    pub(super) fn next(&self) -> Mark {
        self.sent.back().map_or(self.sure, |(_, mark)| *mark)
    }

    /// The last entry that was ever sent.
    pub(super) fn farthest(&self) -> u64 {
        self.farthest
    }

    pub(super) fn sure(&self) -> Mark {
        self.sure
    }

    /// Notes what was sent just now.
    pub(super) fn sent(&mut self, mark: Mark) {
        self.farthest = self.farthest.max(mark.sequence);
        self.sent.push_back((Instant::now(), mark));
    }

    /// What has been under way for long enough has arrived.
    pub(super) fn settle(&mut self) {
        while let Some((time, mark)) = self.sent.front()
            && time.elapsed() >= self.grace
        {
            self.sure = *mark;
            self.sent.pop_front();
        }
    }

    /// The connection broke: what is not sure is sent again.
    pub(super) fn go_back(&mut self) {
        self.settle();
        self.sent.clear();
    }
}

/// Keeps a mark in the log's folder. It may be behind what was sent, never before it.
pub(super) struct PositionFile {
    path: PathBuf,
    written: Option<(Instant, Mark)>,
}

impl PositionFile {
    pub(super) fn new(folder: &Path, sink: &str) -> PositionFile {
        let allowed = |letter: char| match letter.is_ascii_alphanumeric() || letter == '.' {
            true => letter,
            false => '-',
        };
        let name: String = sink.chars().map(allowed).collect();
        PositionFile { path: folder.join(format!("sink-{name}.position")), written: None }
    }

    /// What was kept, if it reads.
    pub(super) fn read(&self) -> Option<Mark> {
        let text = fs::read_to_string(&self.path).ok()?;
        let mut numbers = text.split_whitespace().map(|word| word.parse::<u64>().ok());
        let mut number = || numbers.next().flatten();
        let (file, offset, sequence) = (number()?, number()?, number()?);
        Some(Mark { place: Place { file, offset }, sequence })
    }

    /// Keeps a mark; not more often than it is worth unless this is the last time.
    pub(super) fn write(&mut self, mark: Mark, last: bool) {
        let known = self.written.is_some_and(|(_, written)| written == mark);
        let recent = self.written.is_some_and(|(time, _)| time.elapsed() < INTERVAL);
        if known || (recent && !last) {
            return;
        }
        let Mark { place: Place { file, offset }, sequence } = mark;
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut draft| {
            writeln!(draft, "{file} {offset} {sequence}")?;
            draft.persist(&self.path).map_err(|error| error.error)
        });
        // On a full disk more is sent again after a restart, which is all.
        if written.is_ok() {
            self.written = Some((Instant::now(), mark));
        }
    }
}
