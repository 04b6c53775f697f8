//! Client certificates and the authority that issues them, users and their PINs.

use keyward_protocol::{
    Result,
    messages::{self, request::Operation, response},
};

use super::unexpected;
use crate::{Client, Pin};

impl Client {
    /// Has the service issue a client certificate.
    pub fn enrol(&self, enrol: messages::Enrol) -> Result<messages::Enrolment> {
        match self.call(Operation::Enrol(enrol))? {
            response::Result::Enrolment(enrolment) => Ok(enrolment),
            _ => Err(unexpected()),
        }
    }

    /// Has the service issue another certificate in place of the caller's own.
    pub fn renew(&self, renew: messages::RenewClient) -> Result<messages::Enrolment> {
        match self.call(Operation::RenewClient(renew))? {
            response::Result::Enrolment(enrolment) => Ok(enrolment),
            _ => Err(unexpected()),
        }
    }

    /// The service's certificate authority.
    pub fn authority(&self) -> Result<messages::AuthorityState> {
        self.authority_by(Operation::ShowAuthority(messages::ShowAuthority {}))
    }

    /// Takes a step in the replacement of the service's certificate authority.
    pub fn rotate_authority(
        &self,
        step: messages::RotationStep,
    ) -> Result<messages::AuthorityState> {
        let step = step.into();
        self.authority_by(Operation::RotateAuthority(messages::RotateAuthority { step }))
    }

    fn authority_by(&self, operation: Operation) -> Result<messages::AuthorityState> {
        match self.call(operation)? {
            response::Result::Authority(state) => Ok(state),
            _ => Err(unexpected()),
        }
    }

    /// The client certificates that the service has issued.
    pub fn list_clients(&self) -> Result<Vec<messages::ClientCertificate>> {
        let mut all = Vec::new();
        let mut after = Vec::new();
        loop {
            let page = self.clients(Operation::ListClients(messages::ListClients { after }))?;
            all.extend(page.certificates);
            if page.next.is_empty() {
                return Ok(all);
            }
            after = page.next;
        }
    }

    /// Has the service shut out a certificate, or all of a user; those that were revoked by this.
    pub fn revoke_client(
        &self,
        revoke: messages::RevokeClient,
    ) -> Result<Vec<messages::ClientCertificate>> {
        Ok(self.clients(Operation::RevokeClient(revoke))?.certificates)
    }

    fn clients(&self, operation: Operation) -> Result<messages::Clients> {
        match self.call(operation)? {
            response::Result::Clients(clients) => Ok(clients),
            _ => Err(unexpected()),
        }
    }

    /// The users of the service.
    pub fn list_users(&self) -> Result<Vec<messages::User>> {
        match self.call(Operation::ListUsers(messages::ListUsers {}))? {
            response::Result::Users(users) => Ok(users.users),
            _ => Err(unexpected()),
        }
    }

    /// Gives a user a PIN. The user itself gives the old one too.
    pub fn set_pin(&self, user: &str, pin: &Pin, old: Option<&Pin>) -> Result<()> {
        self.done(Operation::SetPin(messages::SetPin {
            user: user.into(),
            pin: pin.expose().to_vec(),
            old_pin: old.map(|old| old.expose().to_vec()).unwrap_or_default(),
        }))
    }

    /// Takes a user's PIN away.
    pub fn clear_pin(&self, user: &str) -> Result<()> {
        self.done(Operation::ClearPin(messages::ClearPin { user: user.into() }))
    }

    /// Lets a user log in again after too many wrong PINs.
    pub fn unlock_user(&self, user: &str) -> Result<()> {
        self.done(Operation::UnlockUser(messages::UnlockUser { user: user.into() }))
    }
}
