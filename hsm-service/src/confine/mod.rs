//! What the process gives up before it opens a key, so that whoever takes it over finds little to
//! do with it: it starts no program, and reaches no file outside its folders.
//!
//! Both hold for the calling thread and every thread that it starts from then on, so this comes
//! before the first thread.

mod files;
mod system_calls;

use std::path::Path;

use crate::{Config, Result};

/// Gives up what a service with this configuration, read from a file, does not need. Returns what
/// the kernel could not take away.
pub fn confine(config: &Config, file: Option<&Path>) -> Result<Vec<String>> {
    if !config.hardening.confine {
        return Ok(vec!["the process is not confined: [hardening] has confine = false".into()]);
    }
    files::make_folders(config)?;
    let kept = [files::restrict(config, file), system_calls::restrict()];
    Ok(kept.into_iter().flatten().collect())
}
