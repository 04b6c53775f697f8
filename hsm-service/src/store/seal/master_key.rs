//! A master key that lies where the service can read it: in a file, or in a systemd credential.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use aws_lc_rs::rand;
use keyward_algorithms::ErrorKind;
use zeroize::Zeroizing;

use super::{DataKey, Row, Seal, SealKind, other_kind};
use crate::{
    Error, Result,
    config::credential,
    store::sealer::{KEY_BYTES, Sealer},
};

/// A master key itself, wherever it will lie.
pub struct MasterKey(Sealer);

impl MasterKey {
    /// The seal with this master key.
    pub fn new(key: &[u8; KEY_BYTES]) -> Result<MasterKey> {
        Sealer::new(key).map(MasterKey)
    }

    /// The same, from the text of its file.
    pub fn from_pem(pem: &[u8]) -> Result<MasterKey> {
        let broken = || Error::invalid("this is no Keyward master key");
        parse_master_key(pem).ok_or_else(broken)?.map(MasterKey)
    }

    /// Whether a text is meant to be one.
    pub fn is_pem(text: &[u8]) -> bool {
        text.trim_ascii_start().starts_with(format!("-----BEGIN {LABEL}-----").as_bytes())
    }
}

impl Seal for MasterKey {
    fn describe(&self) -> String {
        "the master key".into()
    }

    fn wrap(&self, data_key: &DataKey) -> Result<Vec<u8>> {
        Row::wrap_bare(&self.0, data_key)
    }

    fn unwrap(&self, row: &[u8]) -> Result<DataKey> {
        unwrap(&self.0, row, &self.describe())
    }
}

/// A master key in a file that only the service may read.
pub struct KeyFile {
    path: PathBuf,
}

impl KeyFile {
    /// The seal with the master key in this file.
    pub fn new(path: impl Into<PathBuf>) -> KeyFile {
        KeyFile { path: path.into() }
    }

    /// Whether a row that was wrapped would open by the file, or by the one that is to take its
    /// place.
    pub fn would_open(&self, row: &[u8]) -> bool {
        let opens =
            |path: &Path| private_master_key(path).and_then(|key| unwrap(&key, row, "")).is_ok();
        opens(&self.path) || opens(&next_of(&self.path))
    }
}

impl Seal for KeyFile {
    fn describe(&self) -> String {
        format!("the key file {}", self.path.display())
    }

    fn wrap(&self, data_key: &DataKey) -> Result<Vec<u8>> {
        Row::wrap_bare(&private_master_key(&self.path)?, data_key)
    }

    fn unwrap(&self, row: &[u8]) -> Result<DataKey> {
        let opened =
            private_master_key(&self.path).and_then(|key| unwrap(&key, row, &self.describe()));
        let next = next_of(&self.path);
        if opened.is_ok() || !next.exists() {
            return opened;
        }
        // A change to another master key was cut off before that got its name.
        private_master_key(&next).and_then(|key| unwrap(&key, row, "")).or(opened)
    }

    fn left_over(&self, row: &[u8]) -> Option<String> {
        let next = next_of(&self.path);
        if !next.exists() {
            return None;
        }
        let opened = private_master_key(&self.path).and_then(|key| unwrap(&key, row, ""));
        let (path, next) = (self.path.display(), next.display());
        Some(match opened {
            Ok(_) => format!("{next} is left of a change of the seal that was cut off: remove it"),
            Err(_) => format!("the store is sealed by {next}: mv {next} {path}"),
        })
    }
}

/// A master key that systemd hands to the service (`LoadCredentialEncrypted=`).
pub struct SystemdCredential {
    path: PathBuf,
    name: String,
}

impl SystemdCredential {
    /// The seal with the master key in the credential of this name.
    pub fn new(name: &str) -> Result<SystemdCredential> {
        let path = credential(name, "the master key")?;
        Ok(SystemdCredential { path, name: name.to_owned() })
    }
}

impl Seal for SystemdCredential {
    fn describe(&self) -> String {
        format!("the systemd credential \"{}\"", self.name)
    }

    fn wrap(&self, data_key: &DataKey) -> Result<Vec<u8>> {
        Row::wrap_bare(&read_master_key(&self.path)?, data_key)
    }

    fn unwrap(&self, row: &[u8]) -> Result<DataKey> {
        unwrap(&read_master_key(&self.path)?, row, &self.describe())
    }
}

const LABEL: &str = "KEYWARD MASTER KEY";

/// Where the next master key lies until the store is sealed by it.
pub fn next_of(path: &Path) -> PathBuf {
    let mut next = path.as_os_str().to_owned();
    next.push(".next");
    next.into()
}

/// Draws a new master key.
pub fn draw() -> Result<DataKey> {
    let mut key = DataKey::default();
    rand::fill(key.as_mut_slice())
        .map_err(|_| Error::new(ErrorKind::Internal, "cannot draw a master key"))?;
    Ok(key)
}

/// Makes a new master key in a file that does not exist yet.
pub fn create(path: &Path) -> Result<DataKey> {
    let key = draw()?;
    let pem = pem_rfc7468::encode_string(LABEL, pem_rfc7468::LineEnding::LF, key.as_slice())
        .map(Zeroizing::new)
        .map_err(|error| Error::new(ErrorKind::Internal, format!("cannot write PEM: {error}")))?;
    let created = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    created
        .and_then(|mut file| {
            file.write_all(pem.as_bytes()).and_then(|()| file.sync_all()).inspect_err(|_| {
                // It would only stand in the way of another try.
                let _ = fs::remove_file(path);
            })
        })
        .map_err(|error| {
            let message = format!("cannot write the master key {}: {error}", path.display());
            let refused = Error::new(ErrorKind::Internal, message);
            match error.kind() {
                io::ErrorKind::PermissionDenied => {
                    refused.hint("do this on the service's machine as root or the service's user")
                }
                _ => refused,
            }
        })?;
    Ok(key)
}

/// Reads a master key that only the service may read.
fn private_master_key(path: &Path) -> Result<Sealer> {
    parse(path, &read_secret(path, WHAT, true)?)
}

fn read_master_key(path: &Path) -> Result<Sealer> {
    parse(path, &read_secret(path, WHAT, false)?)
}

const WHAT: &str = "the master key";

/// Reads a file with a secret; a private one is refused when others may read it.
pub(crate) fn read_secret(path: &Path, what: &str, private: bool) -> Result<Zeroizing<Vec<u8>>> {
    let shown = path.display();
    let unreadable = |error: io::Error| {
        Error::new(ErrorKind::Sealed, format!("cannot read {what} {shown}: {error}"))
            .hint("name it in the [seal] section; `keyward init` makes a service's first one")
    };
    let metadata = fs::metadata(path).map_err(unreadable)?;
    let (me, owner) = (rustix::process::geteuid().as_raw(), metadata.uid());
    if private && ![0, me].contains(&owner) {
        let message = format!("{what} {shown} belongs to uid {owner}, and this is uid {me}");
        return Err(Error::new(ErrorKind::Sealed, message).hint(format!(
            "run this as its owner; a service's has to be its own: chown {me} {shown}"
        )));
    }
    if private && metadata.mode() & 0o077 != 0 {
        let message = format!("{what} {shown} is open to other users");
        return Err(Error::new(ErrorKind::Sealed, message).hint(format!(
            "`chmod 600 {shown}`; if others may have read it, make a new one: keyward seal rotate"
        )));
    }
    fs::read(path).map(Zeroizing::new).map_err(unreadable)
}

fn parse(path: &Path, pem: &[u8]) -> Result<Sealer> {
    let broken = || {
        let message = format!("{} holds no Keyward master key", path.display());
        Error::new(ErrorKind::Sealed, message).hint("put back the file that `keyward init` made")
    };
    parse_master_key(pem).ok_or_else(broken)?
}

/// The key in a file's text, if it is one.
fn parse_master_key(pem: &[u8]) -> Option<Result<Sealer>> {
    let (label, key) = pem_rfc7468::decode_vec(pem).ok()?;
    let key = Zeroizing::new(key);
    let key: &[u8; KEY_BYTES] = key.as_slice().try_into().ok()?;
    (label == LABEL).then(|| Sealer::new(key))
}

fn unwrap(master_key: &Sealer, row: &[u8], seal: &str) -> Result<DataKey> {
    let row = Row::read(row)?;
    // A copy of the master key opens what a device has wrapped too.
    if !row.kind().is_some_and(SealKind::has_master_key) {
        return Err(other_kind(&row));
    }
    row.open(master_key).ok_or_else(|| {
        Error::new(ErrorKind::Sealed, format!("{seal} does not open this data folder"))
            .hint("use the master key that the folder was made with")
    })
}
