//! A service whose disk fails, or whose clock is set, when a test says so.

use std::{
    ffi::OsString,
    fs::{self, File},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{Service, State};

/// Compiles a C file beside this one into a folder.
fn compile(name: &str, folder: &Path, flags: &[&str]) -> PathBuf {
    let source =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/service_support/{name}.c"));
    let made = folder.join(name);
    let mut cc = Command::new("cc");
    cc.args(["-Wall", "-Wextra", "-Werror", "-O1"]).args(flags).arg("-o").arg(&made).arg(source);
    let ran = cc.output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    made
}

/// What fails: as `faulty.c` knows it.
#[derive(Clone, Copy, Debug)]
pub enum Call {
    Write = 1,
    Sync = 2,
    Cut = 4,
}

/// A disk that fails when it is told to.
pub struct FaultyDisk {
    program: PathBuf,
    path: PathBuf,
    control: File,
}

impl FaultyDisk {
    /// Makes the control of a state's disk; `None` where the kernel does not let calls be watched.
    pub fn of(state: &State) -> Option<FaultyDisk> {
        let program = compile("faulty", &state.path(""), &[]);
        let path = state.path("faults");
        fs::write(&path, [0; 256]).unwrap();
        let control = File::options().read(true).write(true).open(&path).unwrap();
        let works = Command::new(&program).arg(&path).arg("true").status().unwrap();
        if works.code() == Some(77) {
            println!("1 skipped: system calls cannot be watched here");
            return None;
        }
        Some(FaultyDisk { program, path, control })
    }

    /// Starts a service on it.
    pub fn start(&self, state: &State) -> Service {
        let serve = state.serve_command();
        let mut command = Command::new(&self.program);
        command.arg(&self.path).arg(serve.get_program()).args(serve.get_args());
        command.stdin(Stdio::null());
        state.start_command(command)
    }

    /// After `skip` calls of these kinds on files with this in their path, `fail` of them fail.
    pub fn fail(&self, calls: &[Call], path: &str, skip: u32, fail: u32) {
        self.heal();
        let mut name = [0; 240];
        name[..path.len()].copy_from_slice(path.as_bytes());
        self.control.write_all_at(&name, 16).unwrap();
        let kinds = calls.iter().fold(0, |kinds, call| kinds | *call as u32);
        for (offset, value) in [(0, kinds), (4, skip), (12, 0), (8, fail)] {
            self.control.write_all_at(&value.to_ne_bytes(), offset).unwrap();
        }
    }

    /// Nothing fails any more; how many calls have failed.
    pub fn heal(&self) -> u32 {
        self.control.write_all_at(&[0; 4], 8).unwrap();
        self.failed()
    }

    /// How many calls have failed so far.
    pub fn failed(&self) -> u32 {
        let mut failed = [0; 4];
        self.control.read_exact_at(&mut failed, 12).unwrap();
        u32::from_ne_bytes(failed)
    }
}

/// A clock that is set when it is told to.
pub struct Clock {
    library: PathBuf,
    path: PathBuf,
    control: File,
}

impl Clock {
    /// The clock of a state's service.
    pub fn of(state: &State) -> Clock {
        let library = compile("clock", &state.path(""), &["-shared", "-fPIC"]);
        let path = state.path("offset");
        fs::write(&path, [0; 8]).unwrap();
        let control = File::options().write(true).open(&path).unwrap();
        Clock { library, path, control }
    }

    /// Starts a service that goes by it.
    pub fn start(&self, state: &State) -> Service {
        let mut command = state.serve_command();
        command.env("LD_PRELOAD", OsString::from(&self.library));
        command.env("KEYWARD_TEST_CLOCK", &self.path);
        state.start_command(command)
    }

    /// Puts it this many seconds before the true time, or behind where negative.
    pub fn set(&self, seconds: i64) {
        self.control.write_all_at(&seconds.to_ne_bytes(), 0).unwrap();
    }
}
