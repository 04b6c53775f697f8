//! Host processes under valgrind's memcheck.
//!
//! With `KEYWARD_TEST_VALGRIND=FOLDER` every process of a host application that has the provider is
//! watched, with those that it starts, and says into FOLDER what it did wrong: a file for each
//! process. `tests/memcheck/run` runs tests so and counts what was found.

use std::{env, ffi::OsStr, process::Command, time::Duration};

/// Names the folder for what is found.
const FOLDER: &str = "KEYWARD_TEST_VALGRIND";
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
    // A debugger's files in a folder that every user writes to.
    command.arg("--vgdb=no");
    // Python's own allocator hides what is taken from it.
    command.env("PYTHONMALLOC", "malloc");
    command.arg(file).arg(program);
    command
}

/// How long to wait for a host where others wait so long.
pub fn patience(usual: Duration) -> Duration {
    if env::var_os(FOLDER).is_some() { usual * SLOWER } else { usual }
}
