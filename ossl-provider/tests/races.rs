//! 64 threads on four keys under a race detector: ThreadSanitizer, in a module that is built for it
//! and in the host that loads it.
//!
//! Valgrind's detectors would do without another build, but they know no locks besides pthread's, and
//! Rust's are futexes.

mod support;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use support::{Service, run};

const KEYS: [(&str, &str); 4] =
    [("rsa-2048", "sign"), ("p-256", "sign"), ("p-384", "sign"), ("ed25519", "sign")];

/// What the detector is not to look at: libcrypto is not built for it, so the detector sees the
/// memory that libcrypto copies and frees and not the counts that keep it. It still sees the locks
/// that libcrypto takes.
const SUPPRESSIONS: &str = "called_from_lib:libcrypto.so\n";

/// What rustc calls and the detector of older gccs does not have under these names.
const MISSING: &str = "\
#include <string.h>
void *__tsan_memcpy(void *to, const void *from, size_t n) { return memcpy(to, from, n); }
void *__tsan_memmove(void *to, const void *from, size_t n) { return memmove(to, from, n); }
void *__tsan_memset(void *to, int value, size_t n) { return memset(to, value, n); }
";

/// The module with the detector's calls in it.
fn watched_module() -> PathBuf {
    let said = done(Command::new("rustc").arg("-vV"));
    let host = said.lines().find_map(|line| line.strip_prefix("host: ")).expect("a host");
    let target = support::target().join("races");
    fs::create_dir_all(&target).unwrap();
    let (source, missing) = (target.join("missing.c"), target.join("missing.o"));
    fs::write(&source, MISSING).unwrap();
    let flags = ["-O1", "-fPIC", "-fno-builtin", "-c", "-o"];
    done(Command::new("cc").args(flags).arg(&missing).arg(source));

    // With --target the flags stay away from build scripts. Sanitizers are an unstable option. The
    // standard library comes without; what of it lies between threads here, locks that are tried and
    // counts, is inlined into the module.
    done(
        Command::new(env!("CARGO"))
            .args(["rustc", "--quiet", "-p", "keyward-ossl-provider", "--lib", "--target", host])
            .arg("--target-dir")
            .arg(&target)
            .arg("--")
            .arg(format!("-Clink-arg={}", missing.display()))
            .arg("-Clink-arg=-ltsan")
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTFLAGS", "-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer"),
    );
    let module = target.join(host).join("debug/libkeyward_ossl_provider.so");
    assert!(calls_detector(&module), "{} does not call the detector", module.display());
    module
}

/// What a command says that has to succeed.
fn done(command: &mut Command) -> String {
    let (success, output) = run(command);
    assert!(success, "{command:?}\n{output}");
    output
}

fn calls_detector(module: &Path) -> bool {
    let symbols = done(Command::new("nm").args(["-D", "--undefined-only"]).arg(module));
    ["__tsan_read8", "__tsan_write8", "__tsan_atomic"].iter().all(|name| symbols.contains(name))
}

#[test]
#[ignore = "`make soak` runs it, since it builds the module anew"]
fn sixty_four_threads_race_nowhere() {
    let module = watched_module();
    let program = support::compile_with_detector("manners");
    let service = Service::start().with_keys(&KEYS);
    let host = &service.host;
    let conf = host.path("openssl.cnf");
    let text = fs::read_to_string(&conf).unwrap();
    let usual = support::module();
    fs::write(&conf, text.replace(usual.to_str().unwrap(), module.to_str().unwrap())).unwrap();
    let suppressions = host.path("suppressions");
    fs::write(&suppressions, SUPPRESSIONS).unwrap();

    let uris = KEYS.map(|(name, _)| format!("keyward:{name}"));
    let mut trial = host.command("timeout");
    // The detector wants its places in memory, which the kernel may have given away by chance.
    trial.args(["300", "setarch", "--addr-no-randomize"]).arg(program).arg("crowd").args(uris);
    trial.env("TSAN_OPTIONS", format!("suppressions={}", suppressions.display()));
    let (success, output) = run(&mut trial);
    assert!(success && !output.contains("ThreadSanitizer"), "{output}");
}
