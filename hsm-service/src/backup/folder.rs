//! The folder with the backups: their names, and how many are kept.

use std::{
    fs,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use keyward_algorithms::ErrorKind;
use tempfile::NamedTempFile;
use time::{OffsetDateTime, UtcDateTime};

use crate::{Error, Result};

const PREFIX: &str = "keyward-";
const SUFFIX: &str = ".backup";

/// A backup that lies in the folder.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) name: String,
    pub(crate) bytes: u64,
    /// Seconds since 1970.
    pub(crate) created: u64,
}

/// Makes a folder for backups if it is not there. Its group may fetch backups, which are encrypted.
pub(crate) fn make_folder(path: &Path) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    let made = fs::DirBuilder::new().recursive(true).mode(0o750).create(path);
    made.and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o750)))
        .map_err(|error| Folder { path: path.to_owned() }.failed("make", &error))
}

/// A folder with backups.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The folder, made if it is not there.
    pub(super) fn open(path: &Path) -> Result<Folder> {
        make_folder(path)?;
        Ok(Folder { path: path.to_owned() })
    }

    /// A file in the making, which nobody takes for a backup.
    pub(super) fn draft(&self) -> Result<NamedTempFile> {
        tempfile::Builder::new()
            .prefix(".draft-")
            .tempfile_in(&self.path)
            .map_err(|error| self.failed("write to", &error))
    }

    /// Makes a draft durable and gives it a name.
    pub(super) fn keep(&self, draft: NamedTempFile, created: u64) -> Result<Stored> {
        let failed = |error: &std::io::Error| self.failed("write to", error);
        draft.as_file().sync_all().map_err(|error| failed(&error))?;
        fs::set_permissions(draft.path(), fs::Permissions::from_mode(0o640))
            .map_err(|error| failed(&error))?;
        let bytes = draft.as_file().metadata().map_err(|error| failed(&error))?.len();
        let stamp = stamp(created)?;
        let mut draft = draft;
        for count in 1..1000 {
            let more = if count == 1 { String::new() } else { format!("-{count:03}") };
            let name = format!("{PREFIX}{stamp}{more}{SUFFIX}");
            match draft.persist_noclobber(self.path.join(&name)) {
                Ok(_) => {
                    let folder = fs::File::open(&self.path);
                    folder.and_then(|folder| folder.sync_all()).map_err(|error| failed(&error))?;
                    return Ok(Stored { name, bytes, created });
                }
                Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {
                    draft = error.file;
                }
                Err(error) => return Err(failed(&error.error)),
            }
        }
        Err(Error::new(ErrorKind::LimitExceeded, "a thousand backups in one second are too many"))
    }

    /// The backups, oldest first.
    pub(super) fn list(&self) -> Result<Vec<Stored>> {
        let entries = fs::read_dir(&self.path).map_err(|error| self.failed("list", &error))?;
        let mut stored: Vec<Stored> = entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let name = entry.file_name().into_string().ok()?;
                let created = created(&name)?;
                Some(Stored { bytes: entry.metadata().ok()?.len(), name, created })
            })
            .collect();
        stored.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(stored)
    }

    /// Removes all but so many of the newest backups. Those that are later than now were made while
    /// the clock was wrong, and count as the oldest.
    pub(super) fn thin(&self, keep: usize, now: u64) -> Result<()> {
        let mut stored = self.list()?;
        stored.sort_by_key(|one| one.created <= now);
        for old in stored.iter().take(stored.len().saturating_sub(keep)) {
            fs::remove_file(self.path.join(&old.name))
                .map_err(|error| self.failed("remove an old backup from", &error))?;
            tracing::info!(backup = old.name, "old backup removed");
        }
        Ok(())
    }

    fn failed(&self, what: &str, error: &std::io::Error) -> Error {
        let message = format!("cannot {what} the folder {}: {error}", self.path.display());
        Error::new(ErrorKind::Internal, message)
            .hint("see `folder` of [backup]: the service needs to own it and room in it")
    }
}

/// `20261124T172033Z`: names sort by time.
fn stamp(seconds: u64) -> Result<String> {
    let time = UtcDateTime::from_unix_timestamp(seconds as i64)
        .map_err(|_| Error::new(ErrorKind::Internal, "the clock is out of its range"))?;
    let (year, month, day) = (time.year(), u8::from(time.month()), time.day());
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    Ok(format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z"))
}

/// The time in a name that [`stamp`] made.
fn created(name: &str) -> Option<u64> {
    let stamp = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.split('-').next()?;
    let (date, clock) = stamp.strip_suffix('Z')?.split_once('T')?;
    let number = |text: Option<&str>| text?.parse::<u16>().ok();
    let month = u8::try_from(number(date.get(4..6))?).ok()?;
    let day = u8::try_from(number(date.get(6..8))?).ok()?;
    let month = time::Month::try_from(month).ok()?;
    let date = time::Date::from_calendar_date(number(date.get(..4))?.into(), month, day).ok()?;
    let part = |range| u8::try_from(number(clock.get(range))?).ok();
    let clock = time::Time::from_hms(part(0..2)?, part(2..4)?, part(4..6)?).ok()?;
    u64::try_from(OffsetDateTime::new_utc(date, clock).unix_timestamp()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_when_a_backup_was_made() {
        assert_eq!(stamp(1_795_627_233).unwrap(), "20261125T172033Z");
        assert_eq!(created("keyward-20261125T172033Z.backup"), Some(1_795_627_233));
        assert_eq!(created("keyward-20261125T172033Z-002.backup"), Some(1_795_627_233));
        for other in ["keyward-.backup", "keyward-20261325T172033Z.backup", "x.backup", ".draft-x"]
        {
            assert_eq!(created(other), None, "{other}");
        }
    }

    #[test]
    fn only_the_newest_backups_are_kept_and_nothing_else_is_touched() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::open(&temporary.path().join("backups")).unwrap();
        for second in [5, 3, 4, 4] {
            folder.keep(folder.draft().unwrap(), second).unwrap();
        }
        fs::write(folder.path.join("notes.txt"), "mine").unwrap();
        folder.thin(2, 5).unwrap();
        let names: Vec<String> = folder.list().unwrap().into_iter().map(|one| one.name).collect();
        assert_eq!(
            names,
            ["keyward-19700101T000004Z.backup", "keyward-19700101T000005Z.backup"],
            "the second one of the fourth second sorts before the first"
        );
        assert!(folder.path.join("notes.txt").exists());
        // With the clock set back, those from the future go first.
        folder.keep(folder.draft().unwrap(), 2).unwrap();
        folder.thin(1, 2).unwrap();
        assert_eq!(folder.list().unwrap()[0].created, 2);
    }
}
