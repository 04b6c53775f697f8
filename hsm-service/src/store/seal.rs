//! What protects the data key while the service is down.

use std::{
    env, fs,
    io::Write,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use aws_lc_rs::rand;
use keyward_algorithms::ErrorKind;
use zeroize::Zeroizing;

use super::sealer::{KEY_BYTES, Sealer};
use crate::{Error, Result, config::SealConfig};

/// The data key: every secret of the store is sealed under it.
pub(crate) type DataKey = Zeroizing<[u8; KEY_BYTES]>;

/// Wraps the data key, so that it can lie beside the data.
pub trait Seal: Send + Sync {
    /// What it is, for messages.
    fn describe(&self) -> String;

    /// Wraps a data key.
    fn wrap(&self, data_key: &DataKey) -> Result<Vec<u8>>;

    /// Gives a wrapped data key back.
    fn unwrap(&self, wrapped: &[u8]) -> Result<DataKey>;
}

/// The seal that a configuration asks for.
pub fn open(config: &SealConfig) -> Result<Box<dyn Seal>> {
    Ok(match config {
        SealConfig::KeyFile(path) => Box::new(KeyFile::new(path)),
        SealConfig::SystemdCredential(name) => Box::new(SystemdCredential::new(name)?),
    })
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

    fn master_key(&self) -> Result<Sealer> {
        let metadata = fs::metadata(&self.path).map_err(|error| unreadable(&self.path, &error))?;
        let me = rustix::process::geteuid().as_raw();
        if metadata.mode() & 0o077 != 0 || ![0, me].contains(&metadata.uid()) {
            let message = format!("the master key {} is open to other users", self.path.display());
            return Err(Error::new(ErrorKind::Sealed, message)
                .hint(format!("chown it to the service's user and `chmod 600 {}`; if others may have read it, make new keys", self.path.display())));
        }
        read_master_key(&self.path)
    }
}

impl Seal for KeyFile {
    fn describe(&self) -> String {
        format!("the key file {}", self.path.display())
    }

    fn wrap(&self, data_key: &DataKey) -> Result<Vec<u8>> {
        wrap(&self.master_key()?, data_key)
    }

    fn unwrap(&self, wrapped: &[u8]) -> Result<DataKey> {
        unwrap(&self.master_key()?, wrapped, &self.describe())
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
        let Some(folder) = env::var_os("CREDENTIALS_DIRECTORY") else {
            let message = format!(
                "the master key is to be the systemd credential \"{name}\", but systemd gave none"
            );
            return Err(Error::new(ErrorKind::Sealed, message).hint(format!(
                "start the service as a unit with `LoadCredentialEncrypted={name}:FILE`"
            )));
        };
        Ok(SystemdCredential { path: Path::new(&folder).join(name), name: name.to_owned() })
    }
}

impl Seal for SystemdCredential {
    fn describe(&self) -> String {
        format!("the systemd credential \"{}\"", self.name)
    }

    fn wrap(&self, data_key: &DataKey) -> Result<Vec<u8>> {
        wrap(&read_master_key(&self.path)?, data_key)
    }

    fn unwrap(&self, wrapped: &[u8]) -> Result<DataKey> {
        unwrap(&read_master_key(&self.path)?, wrapped, &self.describe())
    }
}

const LABEL: &str = "KEYWARD MASTER KEY";

/// Makes a new master key in a file that does not exist yet.
pub fn create_master_key(path: &Path) -> Result<()> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    rand::fill(key.as_mut_slice())
        .map_err(|_| Error::new(ErrorKind::Internal, "cannot draw a master key"))?;
    let pem = pem_rfc7468::encode_string(LABEL, pem_rfc7468::LineEnding::LF, key.as_slice())
        .map(Zeroizing::new)
        .map_err(|error| Error::new(ErrorKind::Internal, format!("cannot write PEM: {error}")))?;
    let created = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    created
        .and_then(|mut file| {
            file.write_all(pem.as_bytes())?;
            file.sync_all()
        })
        .map_err(|error| {
            let message = format!("cannot write the master key {}: {error}", path.display());
            Error::new(ErrorKind::Internal, message)
        })
}

fn read_master_key(path: &Path) -> Result<Sealer> {
    let pem = fs::read(path).map(Zeroizing::new).map_err(|error| unreadable(path, &error))?;
    let broken = || {
        let message = format!("{} holds no Keyward master key", path.display());
        Error::new(ErrorKind::Sealed, message).hint("put back the file that `keyward init` made")
    };
    let (label, key) = pem_rfc7468::decode_vec(&pem).map_err(|_| broken())?;
    let key = Zeroizing::new(key);
    if label != LABEL {
        return Err(broken());
    }
    Sealer::new(key.as_slice().try_into().map_err(|_| broken())?)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    let message = format!("cannot read the master key {}: {error}", path.display());
    Error::new(ErrorKind::Sealed, message)
        .hint("name it in the [seal] section; `keyward init` makes a service's first one")
}

const BINDING: &[u8] = b"keyward data key 1";

fn wrap(master_key: &Sealer, data_key: &DataKey) -> Result<Vec<u8>> {
    master_key.seal(data_key.as_slice(), BINDING)
}

fn unwrap(master_key: &Sealer, wrapped: &[u8], seal: &str) -> Result<DataKey> {
    let data_key = master_key.open(wrapped, BINDING).and_then(|secret| {
        let bytes: [u8; KEY_BYTES] = secret.expose().try_into().ok()?;
        Some(Zeroizing::new(bytes))
    });
    data_key.ok_or_else(|| {
        Error::new(ErrorKind::Sealed, format!("{seal} does not open this data folder"))
            .hint("use the master key that the folder was made with")
    })
}
