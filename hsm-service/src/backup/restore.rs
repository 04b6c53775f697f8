//! Verifying and restoring a backup: both unpack it, open it with the master key, and look at every
//! key in it. Neither needs a running service, and verifying touches none.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use keyward_algorithms::ErrorKind;

use super::{
    age::Identity,
    archive::{self, Manifest, refused},
};
use crate::{
    Config, Error, Result, approvals, authority,
    backend::explain,
    keys::Material,
    store::{Seal, SqliteStore, Store},
};

/// Proves that a backup restores: it is unpacked in a temporary folder, and every key in it is
/// opened and compared with its public half.
pub fn verify(backup: &Path, identities: &[Identity], seal: &dyn Seal) -> Result<Manifest> {
    let folder =
        tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o700)).tempdir().map_err(
            |error| Error::new(ErrorKind::Internal, format!("no temporary folder: {error}")),
        )?;
    unpack(backup, identities, seal, folder.path())
}

/// Puts the store of a backup in place of what a configuration's service has, which keeps lying
/// beside it. The service must not be running. The seal opens both stores.
pub fn restore(
    backup: &Path,
    identities: &[Identity],
    config: &Config,
    seal: &dyn Seal,
) -> Result<Manifest> {
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
    let manifest = unpack(backup, identities, seal, draft.path())?;
    // What was approved then may have been done since.
    approvals::forget_all(&SqliteStore::open(draft.path(), seal)?)?;
    if let Some(own) = own.filter(|own| *own != manifest.service) {
        let message = format!("it is of the service {}, this is {own}", manifest.service);
        return Err(refused(&message));
    }
    if data.exists() {
        let aside = parent.join(format!("data.before-restore-{}", manifest.created));
        fs::rename(&data, &aside).map_err(|error| moving("put aside", &data, &error))?;
    }
    fs::rename(draft.path(), &data).map_err(|error| moving("put in place", &data, &error))?;
    fs::File::open(parent)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| moving("sync", parent, &error))?;
    Ok(manifest)
}

/// Unpacks a backup into a folder, where a store then lies, and checks all of it.
fn unpack(
    backup: &Path,
    identities: &[Identity],
    seal: &dyn Seal,
    folder: &Path,
) -> Result<Manifest> {
    let opened = archive::open(backup, identities, &folder.join("keys.db"))?;
    let store = SqliteStore::open(folder, seal)?;
    opened.check(&store)?;
    let manifest = opened.manifest;
    if authority::service_id(&store)? != manifest.service {
        return Err(refused("its authority is not the one that its manifest names"));
    }
    let keys = store.check(&|record, secret| {
        let name = &record.name;
        let key = Material::parse(record.key_type, secret.expose())
            .map_err(|error| explain(error, &format!("cannot read key \"{name}\"")))?;
        if key.key_type() != record.key_type || key.spki() != record.spki {
            return Err(refused(&format!("key \"{name}\" is not what its record says")));
        }
        Ok(())
    })?;
    if keys != manifest.keys || store.count(None)? != keys {
        let message = format!("it has {keys} keys, its manifest says {}", manifest.keys);
        return Err(refused(&message));
    }
    Ok(manifest)
}

fn moving(what: &str, path: &Path, error: &std::io::Error) -> Error {
    Error::new(ErrorKind::Internal, format!("cannot {what} {}: {error}", path.display()))
        .hint("nothing was lost; run this as the service's user")
}
