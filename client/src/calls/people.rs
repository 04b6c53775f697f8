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
        let first = messages::ShowAuthority::default();
        self.all_of_authority(self.authority_by(Operation::ShowAuthority(first))?)
    }

    /// Takes a step in the replacement of the service's certificate authority.
    pub fn rotate_authority(
        &self,
        step: messages::RotationStep,
    ) -> Result<messages::AuthorityState> {
        let step = messages::RotateAuthority { step: step.into() };
        self.all_of_authority(self.authority_by(Operation::RotateAuthority(step))?)
    }

    /// Adds the further pages of clients that have not renewed.
    fn all_of_authority(
        &self,
        mut state: messages::AuthorityState,
    ) -> Result<messages::AuthorityState> {
        while !state.next.is_empty() {
            let after = std::mem::take(&mut state.next);
            let next = Operation::ShowAuthority(messages::ShowAuthority { after });
            let page = self.authority_by(next)?;
            state.old_clients.extend(page.old_clients);
            state.next = page.next;
        }
        Ok(state)
    }

    fn authority_by(&self, operation: Operation) -> Result<messages::AuthorityState> {
        match self.call(operation)? {
            response::Result::Authority(state) => Ok(*state),
            _ => Err(unexpected()),
        }
    }

    /// The client certificates that the service has issued.
    pub fn list_clients(&self) -> Result<Vec<messages::ClientCertificate>> {
        self.clients_after(Vec::new())
    }

    fn clients_after(&self, mut after: Vec<u8>) -> Result<Vec<messages::ClientCertificate>> {
        let mut all = Vec::new();
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
        let page = self.clients(Operation::RevokeClient(revoke))?;
        let mut revoked = page.certificates;
        if let Some(last) = revoked.last().filter(|_| !page.next.is_empty()) {
            let (user, time) = (last.user.clone(), last.revoked);
            let rest = self.clients_after(page.next)?.into_iter();
            revoked.extend(rest.filter(|one| one.user == user && one.revoked == time));
        }
        Ok(revoked)
    }

    fn clients(&self, operation: Operation) -> Result<messages::Clients> {
        match self.call(operation)? {
            response::Result::Clients(clients) => Ok(clients),
            _ => Err(unexpected()),
        }
    }

    /// The users of the service.
    pub fn list_users(&self) -> Result<Vec<messages::User>> {
        let mut all = Vec::new();
        let mut after = String::new();
        loop {
            let asked = Operation::ListUsers(messages::ListUsers { after });
            let response::Result::Users(page) = self.call(asked)? else { return Err(unexpected()) };
            all.extend(page.users);
            if page.next.is_empty() {
                return Ok(all);
            }
            after = page.next;
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
