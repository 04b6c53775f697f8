//! The machine, so that figures can be told apart.

use std::{fs, process::Command, thread};

use keyward_tests::CommandExt;
use serde::Serialize;

/// What figures depend on.
#[derive(Serialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) openssl: String,
    pub(crate) nginx: String,
    pub(crate) rustc: String,
}

/// Looks at the machine.
pub(crate) fn describe() -> Machine {
    Machine {
        processor: processor(),
        cores: thread::available_parallelism().map_or(1, usize::from),
        openssl: first_line("openssl", "version"),
        nginx: first_line("/usr/sbin/nginx", "-v"),
        rustc: first_line("rustc", "--version"),
    }
}

/// The model, with the vector units that decide how fast RSA is.
fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim())
    };
    let model = field("model name").unwrap_or("unknown");
    let flags = field("flags").unwrap_or_default();
    let has = |flag: &&str| flags.split_whitespace().any(|one| one == *flag);
    let units: Vec<_> = ["avx2", "avx512ifma", "vaes"].into_iter().filter(has).collect();
    format!("{model} ({})", units.join(", "))
}

fn first_line(program: &str, argument: &str) -> String {
    let outcome = Command::new(program).arg(argument).run().all();
    outcome.lines().find(|line| !line.is_empty()).unwrap_or("unknown").into()
}
