//! A master key that a device has wrapped: it lies in the store's row, and nothing but the device, or
//! a copy of the master key, opens it.

use std::sync::OnceLock;

use keyward_algorithms::ErrorKind;
use keyward_protocol::messages::SealParameters;
use subtle::ConstantTimeEq;

use super::{DataKey, Row, Seal, SealKind, other_kind};
use crate::{Error, Result, store::sealer::Sealer};

/// What wraps master keys, and gives them back.
pub trait Device: Send + Sync {
    /// The kind of seal that it makes.
    const KIND: SealKind;

    /// What it is, for messages.
    fn describe(&self) -> String;

    /// Wraps a master key: what the row keeps for that.
    fn wrap(&self, master_key: &DataKey) -> Result<SealParameters>;

    /// Gives the master key back.
    fn unwrap(&self, parameters: &SealParameters) -> Result<DataKey>;
}

/// A seal by a device.
pub struct DeviceSeal<D> {
    device: D,
    /// What a new row is sealed by.
    master_key: Option<DataKey>,
    /// The same as the device has wrapped it.
    wrapped: OnceLock<SealParameters>,
}

impl<D: Device> DeviceSeal<D> {
    /// The seal that opens by the device.
    pub fn new(device: D) -> DeviceSeal<D> {
        DeviceSeal { device, master_key: None, wrapped: OnceLock::new() }
    }

    /// The same, to be put on a store with this master key.
    pub fn with(device: D, master_key: &DataKey) -> DeviceSeal<D> {
        DeviceSeal { master_key: Some(master_key.clone()), ..DeviceSeal::new(device) }
    }

    /// The master key of a new row, and as the device wraps it, which has shown that it gives it back.
    fn wrapped(&self) -> Result<(&DataKey, &SealParameters)> {
        let Some(master_key) = &self.master_key else {
            return Err(Error::new(ErrorKind::Internal, "there is no master key to be wrapped"));
        };
        if let Some(parameters) = self.wrapped.get() {
            return Ok((master_key, parameters));
        }
        let parameters = self.device.wrap(master_key)?;
        match bool::from(self.device.unwrap(&parameters)?.ct_eq(master_key.as_slice())) {
            true => Ok((master_key, self.wrapped.get_or_init(|| parameters))),
            false => {
                let message = format!("{} gives another key back", self.device.describe());
                Err(Error::new(ErrorKind::Sealed, message))
            }
        }
    }
}

impl<D: Device> Seal for DeviceSeal<D> {
    fn describe(&self) -> String {
        self.device.describe()
    }

    fn prepare(&self) -> Result<()> {
        self.wrapped().map(drop)
    }

    fn wrap(&self, data_key: &DataKey) -> Result<Vec<u8>> {
        let (master_key, parameters) = self.wrapped()?;
        Row::wrap(&Sealer::new(master_key)?, data_key, D::KIND, parameters.clone())
    }

    fn unwrap(&self, row: &[u8]) -> Result<DataKey> {
        let row = Row::read(row)?;
        if row.kind() != Some(D::KIND) {
            return Err(other_kind(&row));
        }
        let master_key = match &self.master_key {
            // Of the row that it has just wrapped, the device need not be asked again.
            Some(master_key) => master_key.clone(),
            None => self.device.unwrap(&row.parameters())?,
        };
        row.open(&Sealer::new(&master_key)?).ok_or_else(|| {
            let message = format!("{} gives a key that does not open the store", self.describe());
            Error::new(ErrorKind::Sealed, message)
                .hint("somebody has changed the store: restore it from a backup")
        })
    }
}

/// A master key as a device gave it back.
pub(super) fn master_key(bytes: &[u8]) -> Result<DataKey> {
    let bytes = bytes.try_into().map_err(|_| {
        Error::new(ErrorKind::Sealed, "the device gives something else than a master key")
    })?;
    Ok(DataKey::new(bytes))
}
