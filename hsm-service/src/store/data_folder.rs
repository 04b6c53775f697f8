//! The folder with the keys: private to the service, and one service's alone.

use std::{
    fs::{self, File},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use keyward_algorithms::ErrorKind;
use rustix::fs::FlockOperation;

use crate::{Error, Result};

/// Holds the lock on a data folder until it is dropped.
pub(super) struct DataFolder {
    _lock: File,
}

/// How long to wait for the lock: a service that was killed a moment ago may still hold it.
const LOCK_TIME: Duration = Duration::from_secs(2);

/// Makes a new data folder, which must not hold anything yet.
pub(super) fn create(path: &Path) -> Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| {
        let message = format!("cannot make the data folder {}: {error}", path.display());
        Error::new(ErrorKind::Internal, message)
    })
}

/// Makes the names in the folder durable.
pub(super) fn sync(path: &Path) -> Result<()> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(|error| {
        Error::new(ErrorKind::Internal, format!("cannot sync {}: {error}", path.display()))
    })
}

/// Looks whether a data folder is there, and this user's alone. One that others can look into is
/// refused: somebody may already have.
pub(crate) fn check(path: &Path) -> Result<()> {
    let shown = path.display();
    let metadata = fs::metadata(path).map_err(|error| {
        let message = format!("cannot open the data folder {shown}: {error}");
        Error::new(ErrorKind::Unavailable, message).hint("make one with `keyward init --state DIR`")
    })?;
    let me = rustix::process::geteuid().as_raw();
    if metadata.uid() != me {
        let owner = metadata.uid();
        let message = format!("the data folder {shown} belongs to uid {owner}, this is uid {me}");
        return Err(Error::new(ErrorKind::PermissionDenied, message).hint(format!(
            "run the service as the folder's owner, or give it all of its state: \
                     `chown -R {me} {}`",
            path.parent().unwrap_or(path).display()
        )));
    }
    if metadata.mode() & 0o077 != 0 {
        let mode = metadata.mode() & 0o777;
        let message = format!("the data folder {shown} is open to others (mode {mode:o})");
        return Err(Error::new(ErrorKind::PermissionDenied, message).hint(format!(
            "`chmod 700 {shown}`; consider whether somebody has read it meanwhile"
        )));
    }
    Ok(())
}

impl DataFolder {
    /// Locks a data folder.
    pub(super) fn open(path: &Path) -> Result<DataFolder> {
        check(path)?;
        let shown = path.display();
        let lock = path.join("lock");
        let file = fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&lock)
            .map_err(|error| {
                Error::new(ErrorKind::Internal, format!("cannot open {}: {error}", lock.display()))
            })?;
        let deadline = Instant::now() + LOCK_TIME;
        while rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            if Instant::now() >= deadline {
                let message = format!("another service is using the data folder {shown}");
                return Err(Error::new(ErrorKind::Busy, message)
                    .hint("stop that one first, or serve another state"));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(DataFolder { _lock: file })
    }
}
