//! A service of its own for each test, and the programs that talk to it or check its results.

// Each test file uses its own part of this.
#![allow(dead_code)]

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// The program under test.
pub(crate) const KEYWARD: &str = env!("CARGO_BIN_EXE_keyward");

/// A folder with `keyward serve --dev` running in it; stopped and removed at the end.
pub(crate) struct Service {
    process: Child,
    folder: TempDir,
}

/// What a program did.
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Service {
    /// Starts a service and waits until it can sign.
    pub(crate) fn start() -> Service {
        let folder = TempDir::new().unwrap();
        let service = Service { process: serve(folder.path()), folder };
        service.ok(&["status", "--wait", "30"]);
        service
    }

    /// Kills the service; its folder stays.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts a service on the same folder that was killed.
    pub(crate) fn start_again(&mut self) {
        self.process = serve(self.folder.path());
        self.ok(&["status", "--wait", "30"]);
    }

    /// Where the service listens.
    pub(crate) fn address(&self) -> String {
        format!("unix:{}", self.folder.path().join("hsm.sock").display())
    }

    /// A path in the service's own folder.
    pub(crate) fn state(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A path in the test's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        let folder = self.folder.path().join("files");
        fs::create_dir_all(&folder).unwrap();
        folder.join(name)
    }

    /// The same as text.
    pub(crate) fn file(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Writes a file and gives its path as text.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        fs::write(self.path(name), bytes).unwrap();
        self.file(name)
    }

    /// A `keyward` that is told where the service is and nothing else.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = keyward(arguments);
        command.env("KEYWARD_ADDRESS", self.address());
        command
    }

    /// Runs `keyward`, whatever comes of it.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::from(self.command(arguments).stdin(Stdio::null()).output().unwrap())
    }

    /// Runs `keyward` with something on its standard input.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &[u8]) -> Ran {
        with_input(self.command(arguments), input)
    }

    /// Runs `keyward`, which must succeed, and gives what it prints.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        self.run(arguments).succeeded(arguments)
    }

    /// Runs `keyward --json`, which must succeed, and gives the value that it prints.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        serde_json::from_str(&self.ok(&arguments)).unwrap()
    }

    /// Runs `keyward --json`, which must fail with this status, and gives the error object.
    pub(crate) fn error(&self, arguments: &[&str], status: i32) -> Value {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        let ran = self.run(&arguments);
        assert_eq!(ran.status, status, "{arguments:?}: {}", ran.stderr);
        assert!(ran.stdout.is_empty(), "results beside an error: {}", ran.text());
        serde_json::from_str(&ran.stderr).unwrap_or_else(|_| panic!("{}", ran.stderr))
    }
}

fn serve(folder: &Path) -> Child {
    Command::new(KEYWARD)
        .args(["serve", "--dev", "--state"])
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended by itself, which its test has seen then.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Ran {
    /// What it printed, as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// What it printed, if it succeeded.
    pub(crate) fn succeeded(&self, arguments: &[&str]) -> String {
        assert_eq!(self.status, 0, "{arguments:?}: {}{}", self.text(), self.stderr);
        self.text()
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Ran {
        Ran {
            status: output.status.code().unwrap_or(-1),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// A `keyward` in an environment without settings of Keyward or OpenSSL.
pub(crate) fn keyward(arguments: &[&str]) -> Command {
    let mut command = Command::new(KEYWARD);
    command.args(arguments);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("KEYWARD_") || name.starts_with("OPENSSL_") {
            command.env_remove(&*name);
        }
    }
    command
}

/// Runs a program with something on its standard input.
pub(crate) fn with_input(mut command: Command, input: &[u8]) -> Ran {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that does not read all of it is no fault of this function.
    let _ = child.stdin.take().unwrap().write_all(input);
    Ran::from(child.wait_with_output().unwrap())
}

/// Runs the distribution's `openssl`, which must succeed, and gives what it prints.
pub(crate) fn openssl(arguments: &[&str]) -> Vec<u8> {
    openssl_with(arguments, &[])
}

/// The same with something on its standard input.
pub(crate) fn openssl_with(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut command = Command::new("openssl");
    command.args(arguments).env_remove("OPENSSL_CONF");
    let ran = with_input(command, input);
    assert_eq!(ran.status, 0, "openssl {arguments:?}: {}{}", ran.text(), ran.stderr);
    ran.stdout
}

/// The same as text.
pub(crate) fn openssl_text(arguments: &[&str]) -> String {
    String::from_utf8(openssl(arguments)).unwrap()
}

/// Reads a file of a test.
pub(crate) fn read(path: impl AsRef<Path>) -> Vec<u8> {
    fs::read(path).unwrap()
}
