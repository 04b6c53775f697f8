//! Opening and sealing the store, and putting another seal on it: one row is written.

use std::sync::{Arc, PoisonError};

use keyward_algorithms::ErrorKind;
use subtle::ConstantTimeEq;

use super::{SqliteStore, lock, schema};
use crate::{
    Error, Result,
    store::{Seal, SealRow, sealer::Sealer},
};

/// What a seal opens a store with.
pub(crate) struct Opened(Sealer);

impl SqliteStore {
    /// What is kept of the seal.
    pub fn seal_row(&self) -> Result<SealRow> {
        SealRow::read(&self.writer.alone(schema::seal_row)?)
    }

    /// Opens the store.
    pub fn unseal(&self, seal: &dyn Seal) -> Result<()> {
        self.open_with(self.opened_by(seal)?);
        Ok(())
    }

    /// What a seal opens the store with. It may take a device's time, and nothing is held meanwhile.
    pub(crate) fn opened_by(&self, seal: &dyn Seal) -> Result<Opened> {
        let row = self.writer.alone(schema::seal_row)?;
        Ok(Opened(Sealer::new(&*seal.unwrap(&row)?)?))
    }

    /// Opens the store with what a seal gave.
    pub(crate) fn open_with(&self, opened: Opened) {
        self.set_sealer(Some(Arc::new(opened.0)));
    }

    /// What an operator has to put right about a seal that opens the store.
    pub(crate) fn left_over(&self, seal: &dyn Seal) -> Result<Option<String>> {
        Ok(seal.left_over(&self.writer.alone(schema::seal_row)?))
    }

    /// Seals the store: the data key is gone from memory when those who use it now have ended.
    pub(crate) fn seal(&self) {
        self.set_sealer(None);
    }

    /// Refuses a seal that does not open this open store. It may take a device's time, and neither a
    /// lock nor the data key is held meanwhile.
    pub(crate) fn check_opens(&self, seal: &dyn Seal) -> Result<()> {
        let opened = self.opened_by(seal)?;
        match bool::from(opened.0.key().ct_eq(self.sealer()?.key().as_slice())) {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::Internal, "the seal opens something else")),
        }
    }

    /// Puts another seal on the open store, which is prepared so that no device is waited for. Whoever
    /// calls this sees to it that nobody else does meanwhile.
    pub(crate) fn change_seal(&self, next: &dyn Seal) -> Result<()> {
        let data_key = self.sealer()?.key();
        let row = next.wrap(&data_key)?;
        // A seal that would not open is never put on.
        if !bool::from(next.unwrap(&row)?.ct_eq(data_key.as_slice())) {
            return Err(Error::new(ErrorKind::Internal, "the next seal does not open"));
        }
        self.writer.change(|transaction| schema::set_seal_row(transaction, &row))?;
        // The former row is overwritten on disk too, as far as a file system does that.
        self.writer.alone(schema::empty_log).or_else(|error| {
            tracing::warn!("{error}");
            Ok(())
        })
    }

    /// Destroys the wrapped data key. What is sealed in the store never opens again, unless somebody
    /// has an older copy of it and what opened that.
    pub(crate) fn destroy(&self) -> Result<()> {
        self.writer.change(|transaction| schema::set_seal_row(transaction, &[]))?;
        self.set_sealer(None);
        lock(&self.readers).clear();
        self.writer.alone(schema::empty_log)
    }

    /// What opens and seals secrets.
    pub(super) fn sealer(&self) -> Result<Arc<Sealer>> {
        let sealer = self.sealer.read().unwrap_or_else(PoisonError::into_inner);
        sealer.as_ref().map(Arc::clone).ok_or_else(sealed)
    }

    fn set_sealer(&self, sealer: Option<Arc<Sealer>>) {
        *self.sealer.write().unwrap_or_else(PoisonError::into_inner) = sealer;
    }
}

/// The error for what needs a secret of a sealed store.
fn sealed() -> Error {
    Error::new(ErrorKind::Sealed, "the store is sealed").hint("`keyward unseal` opens it")
}
