//! Commands that run to their end, and programs that must be there.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    thread,
};

/// What a command that has ended left behind.
#[derive(Debug)]
pub struct Outcome {
    /// The command, for messages.
    pub command: String,
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed.
    pub stdout: Vec<u8>,
    /// What it complained of.
    pub stderr: String,
}

impl Outcome {
    /// The output of a command that succeeded; anything else fails the test.
    #[track_caller]
    pub fn bytes(self) -> Vec<u8> {
        assert!(
            self.status.success(),
            "{} ended with {}\n{}\n{}",
            self.command,
            self.status,
            String::from_utf8_lossy(&self.stdout),
            self.stderr
        );
        self.stdout
    }

    /// The same as text.
    #[track_caller]
    pub fn text(self) -> String {
        String::from_utf8(self.bytes()).expect("the output is text")
    }

    /// The complaint of a command that failed in order: by its own exit, not by a signal.
    #[track_caller]
    pub fn complaint(self) -> String {
        let all = format!("{}\n{}", String::from_utf8_lossy(&self.stdout), self.stderr);
        match self.status.code() {
            Some(0) => panic!("{} succeeded\n{all}", self.command),
            Some(_) => all,
            None => panic!("{} was ended by {}\n{all}", self.command, self.status),
        }
    }

    /// Both outputs, whatever the status.
    pub fn all(&self) -> String {
        format!("{}\n{}", String::from_utf8_lossy(&self.stdout), self.stderr)
    }
}

/// Running a command to its end.
pub trait CommandExt {
    /// Runs it with nothing on its standard input.
    fn run(&mut self) -> Outcome {
        self.run_with(b"")
    }

    /// Runs it with the bytes on its standard input.
    fn run_with(&mut self, input: &[u8]) -> Outcome;
}

impl CommandExt for Command {
    fn run_with(&mut self, input: &[u8]) -> Outcome {
        let command = format!("{self:?}");
        let mut child = self
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command} cannot be started: {error}"));
        let mut stdin = child.stdin.take().expect("standard input is piped");
        let output = thread::scope(|scope| {
            // A command need not read what it is given.
            scope.spawn(move || {
                let _ = stdin.write_all(input);
            });
            child.wait_with_output().expect("our own child can be waited for")
        });
        Outcome {
            command,
            status: output.status,
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// The path of a program that a test needs. A test that cannot run has failed, so where the
/// program is missing this panics with the package to install.
pub fn require(program: &str, package: &str) -> PathBuf {
    let folders = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin", "/sbin", "/bin"];
    folders
        .iter()
        .map(|folder| Path::new(folder).join(program))
        .find(|path| path.exists())
        .unwrap_or_else(|| {
            panic!("this test needs {program}, which is not installed: apt-get install {package}")
        })
}

/// A path as an argument.
pub fn text(path: impl AsRef<Path>) -> String {
    path.as_ref().to_str().expect("the tests' paths are text").into()
}
