//! What the provider itself costs in a signature, beside the round trip: instructions, which callgrind
//! counts and which no other load of the machine changes.
//!
//! A program signs as libssl does, so many times and twice as many; the difference has nothing of what
//! is done once. The module's own instructions count, and those of the libraries that it calls. Callgrind
//! shows programs a processor without instructions for SHA, so hashing looks dearer here than it is.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use keyward_tests::{CommandExt, OpenSsl, Scratch, Service, require};
use serde::Serialize;

use crate::rounds::median;

/// Key types, with the digest that TLS signs over.
const KEYS: [(&str, &str); 4] =
    [("rsa-2048", "SHA256"), ("p-256", "SHA256"), ("p-384", "SHA384"), ("ed25519", "-")];
/// Signatures of the shorter run under callgrind.
const COUNTED: u64 = 200;
/// Signatures to take the time of.
const TIMED: u64 = 20_000;
/// The module, by the name that its path ends with.
const MODULE: &str = "keyward_ossl_provider.so";

/// One line of the table.
#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) key_type: String,
    /// Of the module and of what it calls, in one signature.
    pub(crate) instructions: f64,
    /// Of these, the module's own.
    pub(crate) own: f64,
    /// The whole program's, and the time that it spends in user mode.
    pub(crate) program: f64,
    pub(crate) program_micros: f64,
    /// How long the instructions take at the program's pace.
    pub(crate) micros: f64,
}

/// Counts for each key type.
pub(crate) fn measure(rounds: usize) -> Vec<Row> {
    let scratch = Scratch::new();
    let service = Service::dev(&scratch);
    let openssl = OpenSsl::new(&scratch, &service.address());
    let signer = Signer { program: compile(&scratch), openssl, scratch: &scratch };
    let measure_key = |(key_type, digest): &(&str, &str)| {
        eprintln!("instructions of the provider: {key_type} …");
        let key = service.key_for(key_type, key_type, "sign").uri();
        let (once, twice) =
            (signer.count(&key, digest, COUNTED), signer.count(&key, digest, 2 * COUNTED));
        let each = |once: u64, twice: u64| twice.saturating_sub(once) as f64 / COUNTED as f64;
        let (own, program) = (each(once.own, twice.own), each(once.program, twice.program));
        let instructions = own + each(once.called, twice.called);
        let program_micros = median((0..rounds.max(1)).map(|_| signer.micros(&key, digest)));
        let micros = instructions * program_micros / program;
        let key_type = (*key_type).into();
        Row { key_type, instructions, own, program, program_micros, micros }
    };
    KEYS.iter().map(measure_key).collect()
}

/// The program that signs.
struct Signer<'a> {
    program: PathBuf,
    openssl: OpenSsl,
    scratch: &'a Scratch,
}

impl Signer<'_> {
    /// Runs it under callgrind.
    fn count(&self, key: &str, digest: &str, signatures: u64) -> Counts {
        let file = self.scratch.join("callgrind.out");
        let mut command = Command::new(require("valgrind", "valgrind"));
        command.envs(self.openssl.environment()).args(["--quiet", "--tool=callgrind"]);
        // Full names, and absolute numbers of lines.
        command.args(["--compress-strings=no", "--compress-pos=no"]);
        command.arg(format!("--callgrind-out-file={}", file.display()));
        command.arg(&self.program).args([key, digest, &signatures.to_string()]).run().bytes();
        let counted = fs::read_to_string(&file).expect("callgrind writes what it counted");
        Counts::read(&counted)
    }

    /// How long a signature takes in user mode.
    fn micros(&self, key: &str, digest: &str) -> f64 {
        let mut command = Command::new(&self.program);
        command.envs(self.openssl.environment()).args([key, digest, &TIMED.to_string()]);
        let nanoseconds: f64 = command.run().text().trim().parse().expect("a number");
        nanoseconds / 1e3
    }
}

/// The instructions of one run.
#[derive(Debug, Default, PartialEq)]
struct Counts {
    /// The module's own.
    own: u64,
    /// Of what the module calls in other objects: the C library, and OpenSSL when it asks there.
    called: u64,
    /// Of the whole program.
    program: u64,
}

impl Counts {
    /// Reads callgrind's file: `ob=` names the object that the lines of costs below belong to, `cob=`
    /// the one that is called, whose costs stand in the line after `calls=`.
    fn read(text: &str) -> Counts {
        let mut counts = Counts::default();
        let (mut here, mut there) = (false, None);
        let mut is_call = false;
        for line in text.lines() {
            if let Some(object) = line.strip_prefix("ob=") {
                here = object.ends_with(MODULE);
            } else if let Some(object) = line.strip_prefix("cob=") {
                there = Some(object.ends_with(MODULE));
            } else if line.starts_with("calls=") {
                is_call = true;
            } else if let Some(cost) = cost_of(line) {
                let to_other = here && !there.unwrap_or(here);
                match is_call {
                    true if to_other => counts.called += cost,
                    true => {}
                    false => {
                        counts.program += cost;
                        counts.own += if here { cost } else { 0 };
                    }
                }
                if is_call {
                    (is_call, there) = (false, None);
                }
            }
        }
        counts
    }
}

/// The cost in a line of the form `LINE COST`.
fn cost_of(line: &str) -> Option<u64> {
    let (position, cost) = line.split_once(' ')?;
    position.parse::<u64>().ok()?;
    cost.parse().ok()
}

/// Compiles the program.
fn compile(scratch: &Scratch) -> PathBuf {
    let program = scratch.join("sign");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("c/sign.c");
    let mut compiler = Command::new(require("cc", "gcc"));
    compiler.args(["-Wall", "-Wextra", "-Werror", "-O2", "-o"]).arg(&program).arg(source);
    compiler.arg("-lcrypto").run().bytes();
    program
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_told_apart_by_the_object_that_they_are_in() {
        let text = "version: 1\nevents: Ir\n\nob=/lib/libcrypto.so.3\nfl=???\nfn=sign\n0 10\n\
                    cob=/x/libkeyward_ossl_provider.so\ncfn=digest_sign\ncalls=2 0\n0 700\n0 5\n\
                    \nob=/x/libkeyward_ossl_provider.so\nfn=digest_sign\n12 300\n\
                    cfn=inner\ncalls=1 3\n13 250\n\
                    cob=/lib/libc.so.6\ncfn=malloc\ncalls=4 0\n14 90\n15 60\n\ntotals: 465\n";
        assert_eq!(Counts::read(text), Counts { own: 360, called: 90, program: 375 });
    }
}
