//! Whether whoever starts this process may steer it by the environment. `secure_getenv` goes by the
//! same; no safe crate offers `AT_SECURE`.

/// Whether the kernel started this program with rights that the user who started it does not have: by
/// a set-user-ID or set-group-ID bit, by file capabilities, or by a security module's rule.
pub fn is_secure_execution() -> bool {
    // SAFETY: getauxval(3) takes any number and reads what the kernel left for the process; "If type
    // is not found, 0 is returned", which is the ordinary mode.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_without_such_rights_is_steered_by_its_user() {
        assert!(!is_secure_execution());
    }
}
