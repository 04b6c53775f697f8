//! Host processes under valgrind's memcheck.
//!
//! With `KEYWARD_TEST_VALGRIND=FOLDER` every process of a host application that has the provider is
//! watched, with those that it starts, and says into FOLDER what it did wrong: a file for each
//! process. `tests/memcheck/run` runs tests so and counts what was found.

use std::{env, ffi::OsStr, process::Command, time::Duration};

use crate::repository;

/// Names the folder for what is found.
const FOLDER: &str = "KEYWARD_TEST_VALGRIND";
/// What the scripts that start Postfix call dozens of times, and has no provider.
const NOT_HOSTS: [&str; 6] = ["*/find", "*/sed", "*/grep", "*/sort", "*/postconf", "/bin/sh"];
/// How much slower a host is while it is watched.
const SLOWER: u32 = 20;

/// A command for a host application, watched where that is asked for.
pub(crate) fn host(program: impl AsRef<OsStr>) -> Command {
    let Some(folder) = env::var_os(FOLDER) else { return Command::new(program) };
    let mut command = Command::new("valgrind");
    let mut reports = folder;
    reports.push("/%p.xml");
    let mut file = OsStr::new("--xml-file=").to_owned();
    file.push(reports);
    command.args(["--quiet", "--xml=yes", "--child-silent-after-fork=no", "--trace-children=yes"]);
    command.args(["--leak-check=full", "--show-leak-kinds=definite,indirect"]);
    // The module is unloaded before the leaks are looked for.
    command.args(["--keep-debuginfo=yes", "--num-callers=40"]);
    command.arg(format!("--trace-children-skip={}", NOT_HOSTS.join(",")));
    // Jobs of OpenSSL's, and what needs more room than they have, run on stacks of their own. One that
    // lies nearer than this to another is taken for the same stack.
    command.arg("--max-stackframe=262144");
    // A debugger's files in a folder that every user writes to.
    command.arg("--vgdb=no");
    // Python's own allocator hides what is taken from it.
    command.env("PYTHONMALLOC", "malloc");
    command.env("KEYWARD_CONNECT_TIMEOUT", "60s").env("KEYWARD_REQUEST_TIMEOUT", "60s");
    let mut suppressions = OsStr::new("--suppressions=").to_owned();
    suppressions.push(repository().join("tests/memcheck/hosts.supp"));
    command.arg(suppressions).arg(file).arg(program);
    command
}

/// Whether hosts are watched. Their command lines are valgrind's then.
pub(crate) fn is_on() -> bool {
    env::var_os(FOLDER).is_some()
}

/// How long to wait for a host where others wait so long.
pub fn patience(usual: Duration) -> Duration {
    if is_on() { usual * SLOWER } else { usual }
}
