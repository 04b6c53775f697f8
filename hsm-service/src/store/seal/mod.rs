//! What protects the data key while the service is down: a master key that lies elsewhere, a
//! passphrase, or shares that several people hold.
//!
//! The store has one row for it, [`Row`]: what the seal needs besides its secret, and the data key
//! wrapped. Another seal, or another secret of the same, rewrites that row and nothing else.

mod master_key;
mod passphrase;
mod row;
mod shares;

use keyward_algorithms::ErrorKind;
use zeroize::Zeroizing;

use super::sealer::KEY_BYTES;
use crate::{Error, Result, config::SealConfig};

pub use master_key::{KeyFile, MasterKey, SystemdCredential, create as create_master_key, next_of};
pub use passphrase::Passphrase;
pub use row::{Row, SealKind};
pub use shares::{MAX_SHARES, Share, Shares, SplitSecret};

/// The data key: every secret of the store is sealed under it.
pub(crate) type DataKey = Zeroizing<[u8; KEY_BYTES]>;

/// Wraps the data key, so that it can lie beside the data.
pub trait Seal: Send + Sync {
    /// What it is, for messages.
    fn describe(&self) -> String;

    /// Wraps a data key: the store's row for it.
    fn wrap(&self, data_key: &DataKey) -> Result<Vec<u8>>;

    /// Gives a wrapped data key back.
    fn unwrap(&self, row: &[u8]) -> Result<DataKey>;

    /// What an operator has to put right after a change of the seal that was cut off.
    fn left_over(&self, _row: &[u8]) -> Option<String> {
        None
    }
}

impl<S: Seal> Seal for std::sync::Arc<S> {
    fn describe(&self) -> String {
        (**self).describe()
    }

    fn wrap(&self, data_key: &DataKey) -> Result<Vec<u8>> {
        (**self).wrap(data_key)
    }

    fn unwrap(&self, row: &[u8]) -> Result<DataKey> {
        (**self).unwrap(row)
    }

    fn left_over(&self, row: &[u8]) -> Option<String> {
        (**self).left_over(row)
    }
}

/// The seal that opens by itself, with the master key where the configuration says that it is.
pub fn open(config: &SealConfig) -> Result<Box<dyn Seal>> {
    Ok(match &config.systemd_credential {
        Some(name) => Box::new(SystemdCredential::new(name)?),
        None => Box::new(KeyFile::new(config.key_file())),
    })
}

/// The error for a row that another kind of seal has written.
fn other_kind(row: &Row) -> Error {
    let message = match row.kind() {
        None => "the data key was destroyed: nothing opens this store any more".into(),
        Some(kind) => format!("the store is sealed by {}", kind.describe()),
    };
    Error::new(ErrorKind::Sealed, message).hint("`keyward seal show` and docs/seals.md say more")
}
