//! What the kernel says of this process and of those at the other end of its sockets, where no safe
//! crate hands it on.

mod peer;

pub use peer::{Credentials, peer_credentials, peer_groups};

/// Whether the kernel started this program with rights that the user who started it does not have: by
/// a set-user-ID or set-group-ID bit, by file capabilities, or by a security module's rule. Such a
/// program is not to be steered by its environment; `secure_getenv` goes by the same.
pub fn is_secure_execution() -> bool {
    // SAFETY: getauxval(3) takes any number and reads what the kernel left for the process; "If type
    // is not found, 0 is returned", which is the ordinary mode.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// The number of the processor that this thread runs on, where the C library tells it. `rustix` reads
/// the kernel's vDSO for that, which is not mapped in hosts under valgrind.
pub fn processor() -> Option<u32> {
    // SAFETY: sched_getcpu(3) takes nothing and answers -1 where it fails.
    u32::try_from(unsafe { libc::sched_getcpu() }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_without_such_rights_is_steered_by_its_user() {
        assert!(!is_secure_execution());
    }

    #[test]
    fn a_thread_runs_on_a_processor_of_this_machine() {
        let possible = std::fs::read_to_string("/sys/devices/system/cpu/possible").unwrap();
        let last = possible.trim().rsplit(['-', ',']).next().unwrap().parse::<u32>().unwrap();
        assert!(processor().is_some_and(|number| number <= last));
    }
}
