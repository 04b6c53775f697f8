//! Backups: made while the service runs, encrypted to recipients whose keys it does not hold,
//! verified and restored without it. docs/backup.md says what is in one.

pub mod age;
mod archive;
mod folder;
mod keeper;
mod people;
mod restore;

pub use archive::Manifest;
pub(crate) use folder::{Stored, make_folder};
pub(crate) use keeper::Keeper;
pub use restore::{Restored, restore, verify};
