//! Child processes that end with the test, however it ends.

use std::{
    fs::{self, File},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process, kill_process_group};

use crate::watch;

/// How long a daemon may take to be there.
const PATIENCE: Duration = Duration::from_secs(15);

/// A server that runs for a test, with all that it starts, as one process group of its own.
pub struct Running {
    name: String,
    /// The first process, which gave the group its number.
    leader: Pid,
    /// The first process as our child, unless it is a daemon.
    child: Option<Child>,
    log: PathBuf,
}

impl Running {
    /// Starts a command; what it prints goes to a log file.
    pub fn start(name: &str, command: &mut Command, log: &Path) -> Running {
        let child = spawn(name, command, log);
        let leader = Pid::from_child(&child);
        Running { name: name.into(), leader, child: Some(child), log: log.into() }
    }

    /// Starts a command that becomes a daemon and writes its number to a file.
    pub fn start_daemon(name: &str, command: &mut Command, log: &Path, pid_file: &Path) -> Running {
        let mut starter = Running::start(name, command, log);
        let status = starter.wait(watch::patience(PATIENCE));
        assert!(status.success(), "{name} does not start:\n{}", starter.log());
        let deadline = Instant::now() + watch::patience(PATIENCE);
        loop {
            let written = fs::read_to_string(pid_file).unwrap_or_default();
            let leader = written.trim().parse().ok().and_then(Pid::from_raw);
            // Debian's nginx writes the file before the daemon has left the group of its starter,
            // which ends below with whoever is in it.
            let in_its_own_group = |pid: &Pid| {
                let pid = pid.as_raw_nonzero().get() as u32;
                in_group(pid, pid).unwrap_or(false)
            };
            if let Some(leader) = leader.filter(in_its_own_group) {
                return Running { name: name.into(), leader, child: None, log: log.into() };
            }
            assert!(Instant::now() < deadline, "{name} becomes no daemon:\n{}", starter.log());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The number of the first process.
    pub fn pid(&self) -> u32 {
        self.leader.as_raw_nonzero().get() as u32
    }

    /// What it has printed so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Whether the first process is still there.
    pub fn is_running(&mut self) -> bool {
        match self.child {
            Some(_) => self.exit_status().is_none(),
            None => self.members().contains(&self.pid()),
        }
    }

    fn exit_status(&mut self) -> Option<ExitStatus> {
        let child = self.child.as_mut()?;
        child.try_wait().expect("our own child can be waited for")
    }

    /// Sends a signal to the first process.
    pub fn signal(&mut self, signal: Signal) {
        assert!(self.is_running(), "{} has ended:\n{}", self.name, self.log());
        kill_process(self.leader, signal).expect("our own process takes signals");
    }

    /// Waits for the first process to end; it must be our child.
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.exit_status() {
                return status;
            }
            assert!(Instant::now() < deadline, "{} does not end:\n{}", self.name, self.log());
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// The living processes of the group.
    pub fn members(&self) -> Vec<u32> {
        group_members(self.pid())
    }

    /// Panics with the log when it tells of a process that crashed, or of an error that somebody left
    /// in OpenSSL's queue for nginx to find.
    pub fn assert_well(&self) {
        let log = self.log();
        let crash = ["exited on signal", "signal 11", "Segmentation fault", "panicked at"];
        for sign in crash.into_iter().chain(["ignoring stale global SSL error"]) {
            assert!(!log.contains(sign), "{}: {sign}:\n{log}", self.name);
        }
    }

    fn has_ended(&mut self) -> bool {
        // Reaping the child comes first: a dead one still belongs to the group.
        let leader_ended = !self.is_running();
        leader_ended && self.members().is_empty()
    }

    fn end_group(&mut self) {
        // The number of a group is free for others once its last process is gone, so it is
        // asked first who is there.
        for signal in [Signal::TERM, Signal::KILL] {
            if self.has_ended() {
                return;
            }
            let _ = kill_process_group(self.leader, signal);
            let deadline = Instant::now() + watch::patience(Duration::from_secs(3));
            while Instant::now() < deadline && !self.has_ended() {
                thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end_group();
        if thread::panicking() {
            let log = self.log();
            let first = log.lines().count().saturating_sub(40);
            eprintln!("--- what {} said last", self.name);
            for line in log.lines().skip(first) {
                eprintln!("{line}");
            }
        }
    }
}

fn spawn(name: &str, command: &mut Command, log: &Path) -> Child {
    let output = File::options().create(true).append(true).open(log);
    let output = output.unwrap_or_else(|error| panic!("{}: {error}", log.display()));
    let errors = output.try_clone().expect("a file can be opened twice");
    command
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .process_group(0)
        .spawn()
        .unwrap_or_else(|error| panic!("{name} cannot be started: {error}"))
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

/// The processor time that a process has used; zero when it is gone.
pub fn cpu_time_of(pid: u32) -> Duration {
    // The kernel counts in hundredths of a second for whoever asks (USER_HZ).
    const TICK: Duration = Duration::from_millis(10);
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
    let ticks: u32 = fields.skip(11).take(2).filter_map(|field| field.parse::<u32>().ok()).sum();
    TICK * ticks
}

/// The memory that processes have written to, in KiB; nothing for those that are gone. Pages of
/// files are none of it. What a process shares with those that it has forked is, so that it does
/// not shrink while they live.
pub fn memory_of(pids: &[u32]) -> u64 {
    let of_one = |pid: &u32| {
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
        let written = |line: &&str| line.starts_with("Anonymous:") || line.starts_with("Swap:");
        let sizes = rollup.lines().filter(written);
        sizes.map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).sum::<Option<u64>>()
    };
    pids.iter().filter_map(of_one).sum()
}
