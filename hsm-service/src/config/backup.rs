//! Backups: the `[backup]` section.

use std::path::PathBuf;

use serde::Deserialize;

use crate::backup::age::Recipient;

/// Backups of the keys.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BackupConfig {
    /// Who can open them; without any, none are made.
    pub recipients: Vec<Recipient>,
    /// Where they are put; `backups` beside the data if nothing is said.
    pub folder: Option<PathBuf>,
    /// How often one is made, in hours; 0 for only when asked to.
    pub every_hours: u64,
    /// How old the last one must be for another to be made after keys have changed, in minutes; 0
    /// for never.
    pub after_changes_minutes: u64,
    /// How many of the newest are kept.
    pub keep: usize,
}

impl Default for BackupConfig {
    fn default() -> BackupConfig {
        BackupConfig {
            recipients: Vec::new(),
            folder: None,
            every_hours: 24,
            after_changes_minutes: 60,
            keep: 30,
        }
    }
}
