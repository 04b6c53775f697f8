//! What protects the data key while the service is down: a master key that lies elsewhere or that a
//! device has wrapped, a passphrase, or shares that several people hold.
//!
//! The store has one row for it, [`Row`]: what the seal needs besides its secret, and the data key
//! wrapped. Another seal, or another secret of the same, rewrites that row and nothing else.

mod device;
mod master_key;
mod passphrase;
mod row;
mod shares;
mod token;
mod tpm;

use std::sync::Arc;

use keyward_algorithms::ErrorKind;
use zeroize::Zeroizing;

use super::sealer::KEY_BYTES;
use crate::{Error, Result, config::SealConfig, token::Token};

use device::Device;
pub use device::DeviceSeal;
pub(crate) use master_key::read_secret;
pub use master_key::{
    KeyFile, MasterKey, SystemdCredential, create as create_master_key, draw as draw_master_key,
    next_of,
};
pub use passphrase::Passphrase;
pub use row::{Row, SealKind};
pub use shares::{MAX_SHARES, Share, Shares, SplitSecret};
pub use token::TokenDevice;
pub use tpm::TpmDevice;

/// The data key: every secret of the store is sealed under it.
pub type DataKey = Zeroizing<[u8; KEY_BYTES]>;

/// Wraps the data key, so that it can lie beside the data.
pub trait Seal: Send + Sync {
    /// What it is, for messages.
    fn describe(&self) -> String;

    /// Does what takes the time of a device or a person, so that wrapping is a matter of a moment.
    fn prepare(&self) -> Result<()> {
        Ok(())
    }

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

    fn prepare(&self) -> Result<()> {
        (**self).prepare()
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

/// The seal of a kind that opens by itself, as the configuration says.
pub fn open(
    config: &SealConfig,
    kind: SealKind,
    token: Option<&Arc<Token>>,
) -> Result<Box<dyn Seal>> {
    Ok(match kind {
        SealKind::Token => {
            let pin = match &config.pkcs11 {
                Some(token) => token.pin()?.unwrap_or_default(),
                None => Zeroizing::default(),
            };
            Box::new(DeviceSeal::new(token_device(token, &pin)?))
        }
        SealKind::Tpm => Box::new(DeviceSeal::new(TpmDevice::new(&config.tpm.device))),
        _ => match &config.systemd_credential {
            Some(name) => Box::new(SystemdCredential::new(name)?),
            None => Box::new(KeyFile::new(config.key_file())),
        },
    })
}

/// The configured token, opened by a PIN.
pub fn token_device(token: Option<&Arc<Token>>, pin: &[u8]) -> Result<TokenDevice> {
    let token = token.ok_or_else(|| {
        Error::new(ErrorKind::Sealed, "no PKCS#11 token is configured").hint(
            "name its `module` and `token` under [seal.pkcs11] in the service's configuration, and \
             restart the service",
        )
    })?;
    Ok(TokenDevice::new(Arc::clone(token), pin))
}

/// The error for a row that another kind of seal has written.
fn other_kind(row: &Row) -> Error {
    let message = match row.kind() {
        None => "the data key was destroyed: nothing opens this store any more".into(),
        Some(kind) => format!("the store is sealed by {}", kind.describe()),
    };
    Error::new(ErrorKind::Sealed, message).hint("`keyward seal show` and docs/seals.md say more")
}
