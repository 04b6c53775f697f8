//! Names of keys and users.

use crate::{Error, Result, constants::MAX_NAME_BYTES};

/// Checks the name of a key or a user: 1 to 128 of letters, digits, `.`, `_` and `-`. `what` says
/// in the error whose name it is.
pub fn check_name(what: &str, name: &str) -> Result<()> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(());
    }
    let shown: String = name.chars().take(40).collect();
    Err(Error::invalid(format!("{shown:?} is no valid {what} name"))
        .hint("a name has 1 to 128 letters, digits, dots, underscores or hyphens"))
}
