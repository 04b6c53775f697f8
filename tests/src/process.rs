//! Child processes that end with the test, however it ends.

use std::{
    fs::{self, File},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process, kill_process_group};

/// A server that runs for a test, with all that it starts, as one process group of its own.
pub struct Running {
    name: String,
    child: Child,
    status: Option<ExitStatus>,
    log: PathBuf,
}

impl Running {
    /// Starts a command; what it prints goes to a log file.
    pub fn start(name: &str, command: &mut Command, log: &Path) -> Running {
        let output = File::options().create(true).append(true).open(log);
        let output = output.unwrap_or_else(|error| panic!("{}: {error}", log.display()));
        let errors = output.try_clone().expect("a file can be opened twice");
        let child = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        Running { name: name.into(), child, status: None, log: log.into() }
    }

    /// The id of the process that was started.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Whether the first process is still there.
    pub fn is_running(&mut self) -> bool {
        self.exit_status().is_none()
    }

    /// How the first process ended, if it has.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().expect("our own child can be waited for");
        }
        self.status
    }

    /// Sends a signal to the first process.
    pub fn signal(&mut self, signal: Signal) {
        assert!(self.is_running(), "{} has ended:\n{}", self.name, self.log());
        kill_process(Pid::from_child(&self.child), signal).expect("our own child takes signals");
    }

    /// Waits for the first process to end.
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.exit_status() {
                return status;
            }
            if Instant::now() > deadline {
                panic!("{} does not end:\n{}", self.name, self.log());
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// The living processes of the group.
    pub fn members(&self) -> Vec<u32> {
        group_members(self.pid())
    }

    /// Panics with the log when any process of the group died of a signal that nobody sent.
    pub fn assert_no_crash(&self) {
        let log = self.log();
        for sign in ["exited on signal", "signal 11", "Segmentation fault", "panicked at"] {
            assert!(!log.contains(sign), "{} crashed:\n{log}", self.name);
        }
    }

    fn end_group(&mut self) {
        let group = Pid::from_child(&self.child);
        // The id of a group is free for others once its last process is gone, so it is asked
        // first who is there.
        for signal in [Signal::TERM, Signal::KILL] {
            if self.exit_status().is_some() && self.members().is_empty() {
                return;
            }
            let _ = kill_process_group(group, signal);
            let deadline = Instant::now() + Duration::from_secs(3);
            while Instant::now() < deadline {
                if self.exit_status().is_some() && self.members().is_empty() {
                    return;
                }
                thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end_group();
        if thread::panicking() {
            let ended = match self.status {
                Some(status) if status.signal().is_none() => format!(" ({status})"),
                _ => String::new(),
            };
            let log = self.log();
            let lines: Vec<&str> = log.lines().rev().take(40).collect();
            eprintln!("--- what {} said last{ended}", self.name);
            for line in lines.into_iter().rev() {
                eprintln!("{line}");
            }
        }
    }
}

/// The living processes of a process group.
pub fn group_members(group: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").expect("/proc is there");
    processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| in_group(*pid, group).unwrap_or(false))
        .collect()
}

/// Whether a process is alive and of the group; `None` when it is gone.
fn in_group(pid: u32, group: u32) -> Option<bool> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name of the program stands in parentheses and may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    let member = fields.nth(1)?.parse() == Ok(group);
    Some(member && state != "Z" && state != "X")
}

/// The user that a process acts as; `None` when it is gone.
pub fn owner_of(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
