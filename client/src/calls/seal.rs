//! Backups, and the seal of the store.

use keyward_protocol::{
    Result,
    messages::{self, request::Operation, response},
};

use super::unexpected;
use crate::Client;

impl Client {
    /// Has the service make a backup.
    pub fn make_backup(&self) -> Result<messages::Backups> {
        self.backups(Operation::MakeBackup(messages::MakeBackup {}))
    }

    /// The backups that the service keeps.
    pub fn list_backups(&self) -> Result<messages::Backups> {
        self.backups(Operation::ListBackups(messages::ListBackups {}))
    }

    fn backups(&self, operation: Operation) -> Result<messages::Backups> {
        match self.call(operation)? {
            response::Result::Backups(backups) => Ok(backups),
            _ => Err(unexpected()),
        }
    }

    /// Gives the service what opens its store, or a part of it: the passphrase or one share;
    /// nothing where the seal opens by itself. Shares given before are forgotten where that is asked
    /// for.
    pub fn unseal(&self, secret: &[u8], forget: bool) -> Result<messages::SealReply> {
        let unseal = messages::Unseal { secret: secret.to_vec(), forget, accept_older: false };
        self.seal(Operation::Unseal(unseal))
    }

    /// The same where the TPM's counter says that the store is not the latest state.
    pub fn unseal_older(&self, secret: &[u8]) -> Result<messages::SealReply> {
        let unseal =
            messages::Unseal { secret: secret.to_vec(), forget: false, accept_older: true };
        self.seal(Operation::Unseal(unseal))
    }

    /// What seals the service's store, and how far it is open.
    pub fn show_seal(&self) -> Result<messages::SealReply> {
        self.seal(Operation::ShowSeal(messages::GetSeal {}))
    }

    /// Puts another seal on the service's store. `present` is what opens the present one, where
    /// people hold it.
    pub fn change_seal(
        &self,
        present: Vec<Vec<u8>>,
        next: messages::NewSeal,
    ) -> Result<messages::SealReply> {
        self.seal(Operation::ChangeSeal(Box::new(messages::ChangeSeal {
            present,
            next: Some(next),
        })))
    }

    /// Seals the running service.
    pub fn lock_seal(&self) -> Result<messages::SealReply> {
        self.seal(Operation::LockSeal(messages::LockSeal {}))
    }

    /// Destroys what opens the store of the service with this fingerprint.
    pub fn zeroize(&self, fingerprint: &str) -> Result<messages::SealReply> {
        self.seal(Operation::Zeroize(messages::Zeroize { fingerprint: fingerprint.into() }))
    }

    fn seal(&self, operation: Operation) -> Result<messages::SealReply> {
        match self.call(operation)? {
            response::Result::Seal(seal) => Ok(*seal),
            _ => Err(unexpected()),
        }
    }
}
