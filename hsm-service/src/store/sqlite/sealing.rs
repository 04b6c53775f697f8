//! Opening and sealing the store, and putting another seal on it: one row is written.

use std::sync::{Arc, PoisonError};

use keyward_algorithms::ErrorKind;
use subtle::ConstantTimeEq;

use super::{SqliteStore, lock, schema};
use crate::{
    Error, Result,
    store::{DataKey, Seal, SealRow, sealer::Sealer},
};

impl SqliteStore {
    /// What is kept of the seal.
    pub fn seal_row(&self) -> Result<SealRow> {
        SealRow::read(&self.writer.alone(schema::seal_row)?)
    }

    /// Opens the store.
    pub fn unseal(&self, seal: &dyn Seal) -> Result<()> {
        let row = self.writer.alone(schema::seal_row)?;
        let sealer = Sealer::new(&*seal.unwrap(&row)?)?;
        self.set_sealer(Some(Arc::new(sealer)));
        Ok(())
    }

    /// What an operator has to put right about a seal that opens the store.
    pub(crate) fn left_over(&self, seal: &dyn Seal) -> Result<Option<String>> {
        Ok(seal.left_over(&self.writer.alone(schema::seal_row)?))
    }

    /// Seals the store: the data key is gone from memory when those who use it now have ended.
    pub(crate) fn seal(&self) {
        self.set_sealer(None);
    }

    /// Puts another seal on the open store. `present` is the present one, where it is to be proved
    /// that the caller can open it. Whoever calls this sees to it that nobody else does meanwhile.
    pub(crate) fn change_seal(&self, present: Option<&dyn Seal>, next: &dyn Seal) -> Result<()> {
        let data_key = self.sealer()?.key();
        let is_data_key = |opened: DataKey| bool::from(opened.ct_eq(data_key.as_slice()));
        if let Some(present) = present {
            let row = self.writer.alone(schema::seal_row)?;
            if !is_data_key(present.unwrap(&row)?) {
                return Err(Error::new(ErrorKind::Internal, "the seal opens something else"));
            }
        }
        // Before the transaction: a device takes its time, and others want to write.
        let row = next.wrap(&data_key)?;
        // A seal that would not open is never put on.
        if !is_data_key(next.unwrap(&row)?) {
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
