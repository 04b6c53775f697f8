//! Verifying and restoring a backup: both unpack it, open it with the master key, and look at every
//! key in it. Neither needs a running service, and verifying touches none.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{Mutex, PoisonError},
};

use keyward_algorithms::{ErrorKind, KeyType, SecretKind};
use keyward_protocol::KeyId;

use super::{
    age::Identity,
    archive::{self, Manifest, refused},
};
use crate::{
    Config, Error, Result, approvals, authority,
    backend::explain,
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
    unpack(backup, identities, seal, folder.path()).map(|(manifest, _)| manifest)
}

/// What was restored.
pub struct Restored {
    /// What the backup says of itself.
    pub manifest: Manifest,
    /// Keys with limits of which it is not known how often they were used since the backup.
    pub given_back: u64,
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
    let present = data.join("keys.db");
    // Taking the present store's lock shows that no service is using it; and a backup of another
    // service is not to take its place.
    let own = match present.exists() {
        true => {
            let store = SqliteStore::open(&data, seal)?;
            Some(authority::service_id(&store)?)
        }
        false => None,
    };
    let parent = data.parent().unwrap_or(&data);
    fs::create_dir_all(parent).map_err(|error| moving("make", parent, &error))?;
    let draft = tempfile::Builder::new()
        .prefix(".restore-")
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir_in(parent)
        .map_err(|error| moving("write to", parent, &error))?;
    let (manifest, counted) = unpack(backup, identities, seal, draft.path())?;
    if let Some(own) = own.filter(|own| *own != manifest.service) {
        let message = format!("it is of the service {}, this is {own}", manifest.service);
        return Err(refused(&message));
    }
    let restored = SqliteStore::open(draft.path(), seal)?;
    // What was approved then may have been done since.
    approvals::forget_all(&restored)?;
    let given_back = match present.exists() {
        true => keep_counts(&SqliteStore::open(&data, seal)?, &restored, &counted)?,
        false => counted.len() as u64,
    };
    drop(restored);
    if data.exists() {
        let aside = parent.join(format!("data.before-restore-{}", manifest.created));
        fs::rename(&data, &aside).map_err(|error| moving("put aside", &data, &error))?;
    }
    fs::rename(draft.path(), &data).map_err(|error| moving("put in place", &data, &error))?;
    fs::File::open(parent)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| moving("sync", parent, &error))?;
    Ok(Restored { manifest, given_back })
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

/// Unpacks a backup into a folder, where a store then lies, and checks all of it; the keys whose uses
/// are counted come with it.
fn unpack(
    backup: &Path,
    identities: &[Identity],
    seal: &dyn Seal,
    folder: &Path,
) -> Result<(Manifest, Vec<KeyId>)> {
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
    Ok((manifest, counted.into_inner().unwrap_or_else(PoisonError::into_inner)))
}

fn moving(what: &str, path: &Path, error: &std::io::Error) -> Error {
    Error::new(ErrorKind::Internal, format!("cannot {what} {}: {error}", path.display()))
        .hint("nothing was lost; run this as the service's user")
}
