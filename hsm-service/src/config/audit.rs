//! The audit log: the `[audit]` section.

use std::path::PathBuf;

use serde::Deserialize;

use super::SinkConfig;

/// The audit log.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuditConfig {
    /// The folder with the log's files; `audit` in the state's folder if nothing is said.
    pub folder: Option<PathBuf>,
    /// Whether each use of a key is recorded. Acts of management always are.
    pub uses: bool,
    /// What becomes of uses that cannot be recorded.
    pub when_full: WhenFull,
    /// The size from which the log goes on in the next file, in MiB.
    pub file_mib: u64,
    /// How many files are kept; 0 keeps them all.
    pub keep_files: u64,
    /// The size of the journal, which holds what is not yet in the log's files, in MiB.
    pub journal_mib: u64,
    /// Where entries are sent besides.
    pub sink: Vec<SinkConfig>,
}

/// What becomes of uses of keys that cannot be recorded, because the disk is full or broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhenFull {
    /// They go on; the log says afterwards how many are missing.
    Continue,
    /// They are refused.
    Refuse,
}

impl Default for AuditConfig {
    fn default() -> AuditConfig {
        AuditConfig {
            folder: None,
            uses: true,
            when_full: WhenFull::Continue,
            file_mib: 64,
            keep_files: 0,
            journal_mib: 32,
            sink: Vec::new(),
        }
    }
}
