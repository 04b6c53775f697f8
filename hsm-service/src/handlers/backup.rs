//! Backups, for operators.

use keyward_algorithms::{ErrorKind, Operation};
use keyward_protocol::messages::{BackupFile, Backups};

use crate::{
    Error, Result, Service,
    backup::{Keeper, Stored},
    execute::Reply,
    identity::Caller,
    policy::{self, Target},
};

pub(crate) fn make(service: &Service, caller: &Caller) -> Result<Reply> {
    policy::authorise(caller, Operation::MakeBackup, Target::Service)?;
    let keeper = keeper(service)?;
    let stored = keeper.make()?;
    let (folder, _) = keeper.list()?;
    Ok(Reply::Backups(Backups { folder, files: vec![file(stored)] }))
}

pub(crate) fn list(service: &Service, caller: &Caller) -> Result<Reply> {
    policy::authorise(caller, Operation::ListBackups, Target::Service)?;
    let (folder, stored) = keeper(service)?.list()?;
    Ok(Reply::Backups(Backups { folder, files: stored.into_iter().map(file).collect() }))
}

fn file(stored: Stored) -> BackupFile {
    BackupFile { name: stored.name, bytes: stored.bytes, created: stored.created }
}

fn keeper(service: &Service) -> Result<&Keeper> {
    service.backups.as_ref().ok_or_else(|| {
        Error::new(ErrorKind::Unsupported, "this service has no recipients for its backups")
            .hint("make one with `keyward backup identity`, and name it under [backup] in the service's configuration")
    })
}
