//! What the process does for its secrets before it has any.

use rustix::{
    fs::Mode,
    process::{
        DumpableBehavior, Resource, Rlimit, Signal, getrlimit, set_dumpable_behavior,
        set_parent_process_death_signal, setrlimit, umask,
    },
};

/// The least memory that should be lockable, in bytes.
const WANTED_LOCKED_BYTES: u64 = 8 << 20;

/// Hardens the process: no core dump, no debugger of the same user, no file that others can read;
/// and room for many connections. Returns what an operator should mend.
pub fn harden() -> Vec<String> {
    let mut warnings = Vec::new();
    umask(Mode::RWXG | Mode::RWXO);
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if setrlimit(Resource::Core, none).is_err()
        || set_dumpable_behavior(DumpableBehavior::NotDumpable).is_err()
    {
        warnings.push("core dumps could not be switched off".into());
    }
    let files = getrlimit(Resource::Nofile);
    // The hard limit is there to be used: each connection is a file.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: files.maximum, ..files });
    let locked = getrlimit(Resource::Memlock).current;
    if let Some(limit) = locked.filter(|limit| *limit < WANTED_LOCKED_BYTES) {
        warnings.push(format!(
            "only {} KiB of memory may be locked, so secrets may reach the swap: \
             set LimitMEMLOCK=64M for the service",
            limit / 1024
        ));
    }
    warnings
}

/// Has the kernel end the process when the one that started it has ended, however that came about. What
/// started it must have done so from the thread that ends last.
pub(crate) fn end_with_parent() {
    // Without it the process ends by itself, if later.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
}

/// A warning when secrets have had to go into memory that is not locked.
pub(crate) fn unlocked_secrets() -> Option<String> {
    let locked = keyward_crypto::locked_memory::status();
    locked.limit_reached.then(|| {
        format!(
            "the limit of lockable memory is reached at {} KiB, so further secrets may reach the \
             swap: raise LimitMEMLOCK for the service",
            locked.locked_bytes / 1024
        )
    })
}
