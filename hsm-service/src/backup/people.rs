//! Who may come in, after a restore: that is as it was before the restore, and not as it was when the
//! backup was made. Else whoever was shut out since would come in again.

use std::sync::Arc;

use crate::{
    Result, authority, clients,
    pins::{self, Pins},
    store::{SqliteStore, Store},
};

/// What is told of people, and is as of the backup where there is nothing later.
pub(super) const ALL: [&str; 3] =
    ["the service's authority", "the list of client certificates", "the PINs"];

/// Carries over into a restored store what the present one has of people. What of it does not read,
/// which may be why there is a backup, stays as it was when that was made.
pub(super) fn carry_over(
    present: &SqliteStore,
    restored: &SqliteStore,
) -> Result<Vec<&'static str>> {
    let read =
        [authority::carried(present), clients::carried(present, restored), pins::carried(present)];
    let mut lost = Vec::new();
    for (what, read) in ALL.into_iter().zip(read) {
        match read {
            Ok(carried) => restored.set_own_secrets(&carried)?,
            Err(_) => lost.push(what),
        }
    }
    Ok(lost)
}

/// Has the audit log of the restored store say that it was restored.
pub(super) fn note(restored: SqliteStore, act: String) -> Result<()> {
    let pins = Pins::new(Arc::new(restored));
    pins.load()?;
    pins.note_offline_act(act)
}
