//! Verifying and restoring a backup: both unpack it, open it with the master key, and look at every
//! key in it. Neither needs a running service, and verifying touches none.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use keyward_algorithms::{ErrorKind, KeyType, SecretKind};
use keyward_protocol::KeyId;
use rustix::{
    fs::{CWD, RenameFlags, renameat_with},
    io::Errno,
};
use tempfile::TempDir;

use super::{
    age::Identity,
    archive::{self, Manifest, refused},
    people,
};
use crate::{
    Config, Error, Result, approvals, authority,
    backend::explain,
    clock::{moment, now},
    front::Front,
    keys::Material,
    store::{Counted, Seal, SqliteStore, Store},
};

/// Proves that a backup restores: it is unpacked in a temporary folder, and every key in it is
/// opened and compared with its public half.
pub fn verify(backup: &Path, identities: &[Identity], seal: &dyn Seal) -> Result<Manifest> {
    let folder =
        tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o700)).tempdir().map_err(
            |error| Error::new(ErrorKind::Internal, format!("no temporary folder: {error}")),
        )?;
    unpack(backup, identities, seal, folder.path()).map(|unpacked| unpacked.manifest)
}

/// What was restored.
pub struct Restored {
    /// What the backup says of itself.
    pub manifest: Manifest,
    /// Where the store that was there lies.
    pub aside: Option<PathBuf>,
    /// Keys with limits of which it is not known how often they were used since the backup.
    pub given_back: u64,
    /// What of people is as it was when the backup was made, since nothing later is known.
    pub of_the_backup: Vec<&'static str>,
}

/// Puts the store of a backup in place of what a configuration's service has, which keeps lying
/// beside it. The service must not be running. The seal opens both stores.
pub fn restore(
    backup: &Path,
    identities: &[Identity],
    config: &Config,
    seal: &dyn Seal,
) -> Result<Restored> {
    let data = config.data();
    // Holding the present store's lock shows that no service is using it; and a backup of another
    // service is not to take its place.
    let present = match data.join("keys.db").exists() {
        true => Some(SqliteStore::open(&data, seal).map_err(|error| unread(error, &data))?),
        false => None,
    };
    let own = present.as_ref().map(|store| authority::service_id(store)).transpose()?;
    let parent = data.parent().unwrap_or(&data);
    fs::create_dir_all(parent).map_err(|error| moving("make", parent, &error))?;
    let draft = tempfile::Builder::new()
        .prefix(".restore-")
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir_in(parent)
        .map_err(|error| moving("write to", parent, &error))?;
    let Unpacked { manifest, store, counted } = unpack(backup, identities, seal, draft.path())?;
    if let Some(own) = own.filter(|own| *own != manifest.service) {
        let message = format!("it is of the service {}, this is {own}", manifest.service);
        return Err(refused(&message));
    }
    // What was approved then may have been done since.
    approvals::forget_all(&store)?;
    let (given_back, of_the_backup) = match &present {
        Some(present) => {
            let lost = people::carry_over(present, &store)?;
            // Who opens the seal over TLS reaches the service as before.
            Front::carry_over(&data, draft.path())?;
            (keep_counts(present, &store, &counted)?, lost)
        }
        None => (counted.len() as u64, people::ALL.to_vec()),
    };
    people::note(store, format!("restore of a backup made at {}", moment(manifest.created)))?;
    drop(present);
    let aside = data.exists().then(|| aside(parent));
    let aside = match aside {
        Some(aside) => Some(swap(draft, &data, aside)?),
        None => {
            rename(draft.path(), &data)?;
            None
        }
    };
    fs::File::open(parent)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| moving("sync", parent, &error))?;
    Ok(Restored { manifest, aside, given_back, of_the_backup })
}

/// Uses that were made since the backup are not given back where the present store knows of them;
/// the number of keys of which it does not.
fn keep_counts(present: &SqliteStore, restored: &SqliteStore, counted: &[KeyId]) -> Result<u64> {
    let mut unknown = 0;
    for id in counted {
        // What is not there any more, or does not open, may be why there is a backup.
        let Ok(Some((known, _))) = present.get(id) else {
            unknown += 1;
            continue;
        };
        if Counted::ALL.iter().all(|of| of.count(&known.attributes) == 0) {
            continue;
        }
        restored.count_uses(id, &mut |record| {
            for of in Counted::ALL {
                let count = of.count_mut(&mut record.attributes);
                *count = of.count(&known.attributes).max(*count);
            }
            Ok(())
        })?;
    }
    Ok(unknown)
}

/// A backup in a folder, and found to be right.
struct Unpacked {
    manifest: Manifest,
    store: SqliteStore,
    /// The keys whose uses are counted.
    counted: Vec<KeyId>,
}

/// Unpacks a backup into a folder, where a store then lies, and checks all of it.
fn unpack(
    backup: &Path,
    identities: &[Identity],
    seal: &dyn Seal,
    folder: &Path,
) -> Result<Unpacked> {
    let opened = archive::open(backup, identities, &folder.join("keys.db"))?;
    let store = SqliteStore::open(folder, seal)?;
    opened.check(&store)?;
    let manifest = opened.manifest;
    if authority::service_id(&store)? != manifest.service {
        return Err(refused("its authority is not the one that its manifest names"));
    }
    let counted = Mutex::new(Vec::new());
    let keys = store.check(&|record, secret| {
        let name = &record.name;
        let key = Material::parse(record.key_type, secret.expose())
            .map_err(|error| explain(error, &format!("cannot read key \"{name}\"")))?;
        if key.key_type() != record.key_type || key.spki() != record.spki {
            return Err(refused(&format!("key \"{name}\" is not what its record says")));
        }
        // An AES key may have encrypted for the first time since.
        let is_aes = matches!(record.key_type, KeyType::Secret(SecretKind::Aes, _));
        if is_aes || record.attributes.restrictions.max_uses != 0 {
            counted.lock().unwrap_or_else(PoisonError::into_inner).push(record.id);
        }
        Ok(())
    })?;
    if keys != manifest.keys || store.count(None)? != keys {
        let message = format!("it has {keys} keys, its manifest says {}", manifest.keys);
        return Err(refused(&message));
    }
    let counted = counted.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Unpacked { manifest, store, counted })
}

/// The error for a present store that does not open.
fn unread(error: Error, data: &Path) -> Error {
    match error.kind {
        ErrorKind::Internal | ErrorKind::Sealed => error.hint(format!(
            "if what is there is lost, move {} away; then nothing is known of who was shut out since the \
             backup",
            data.display()
        )),
        _ => error,
    }
}

/// Puts the draft in the place of the folder, which is put aside: in one step where the file system can
/// swap names, so that the place is never empty, whenever the machine fails. Where what was there lies.
fn swap(draft: TempDir, data: &Path, aside: PathBuf) -> Result<PathBuf> {
    match renameat_with(CWD, draft.path(), CWD, data, RenameFlags::EXCHANGE) {
        Ok(()) => {
            // What was there has the draft's name, and is not to be removed as one. The restore is in
            // place, whatever becomes of that name.
            let kept = draft.keep();
            Ok(rename(&kept, &aside).map_or(kept, |()| aside))
        }
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            rename(data, &aside)?;
            if let Err(error) = rename(draft.path(), data) {
                return Err(match rename(&aside, data) {
                    Ok(()) => error,
                    Err(_) => error.hint(format!(
                        "what was there lies in {}: rename it to {}",
                        aside.display(),
                        data.display()
                    )),
                });
            }
            Ok(aside)
        }
        Err(error) => Err(moving("put in place", data, &error.into())),
    }
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to)
        .map_err(|error| moving(&format!("rename {} to", from.display()), to, &error))
}

/// A name beside the folder that nothing has yet.
fn aside(parent: &Path) -> PathBuf {
    let name = format!("data.before-restore-{}", now());
    let others = (2..).map(|number| format!("{name}-{number}"));
    let mut paths = std::iter::once(name.clone()).chain(others).map(|name| parent.join(name));
    paths.find(|path| !path.exists()).unwrap_or_else(|| parent.join(&name))
}

fn moving(what: &str, path: &Path, error: &std::io::Error) -> Error {
    Error::new(ErrorKind::Internal, format!("cannot {what} {}: {error}", path.display()))
        .hint("nothing was lost; run this as the service's user")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restore_that_is_in_place_says_where_the_former_store_lies_though_it_was_not_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        fs::create_dir(&data).unwrap();
        fs::write(data.join("former"), "").unwrap();
        let draft = tempfile::tempdir_in(folder.path()).unwrap();
        fs::write(draft.path().join("restored"), "").unwrap();
        let drafted = draft.path().to_owned();
        let aside = swap(draft, &data, folder.path().join("no/such/folder")).unwrap();
        assert_eq!(aside, drafted);
        assert!(data.join("restored").exists() && aside.join("former").exists());
    }
}
