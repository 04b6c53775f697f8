//! The client certificates that were issued: what they are bound to, and which are revoked.
//!
//! The list is one sealed value of the store, so it is in backups, and nobody can take a single
//! revocation out of it.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard},
};

use keyward_algorithms::ErrorKind;
use keyward_protocol::messages::{ClientCertificate, ClientRegister};
use prost::Message;

use crate::{
    Error, Result,
    clock::{self, now},
    front::Front,
    identity::Identity,
    issue::hex,
    peer::Source,
    sources::SourceRange,
    store::{Secret, Store},
};

/// What a revocation has come to.
pub(crate) struct Revoked {
    /// The certificates that were not revoked before.
    pub(crate) certificates: Vec<ClientCertificate>,
    /// Whether the service will know it while it is sealed, too.
    pub(crate) while_sealed: Result<()>,
}

/// The name of the list in the store.
const NAME: &str = "client-certificates";

/// How long a certificate that has ended stays in the list, in seconds.
const KEEP_ENDED: u64 = 30 * 24 * 3600;

/// The client certificates of a service.
pub(crate) struct Clients {
    store: Arc<dyn Store>,
    front: Arc<Front>,
    register: RwLock<Register>,
    /// Held while the register is written to the disk, which those who look into it do not wait for.
    changing: Mutex<()>,
}

#[derive(Clone, Default)]
struct Register {
    by_serial: BTreeMap<Vec<u8>, ClientCertificate>,
    /// Users whose certificates are all revoked but for those in the list that are not: there may be
    /// some of which the list does not know.
    revoked_users: Vec<String>,
}

impl Clients {
    /// The list as it is known while the store is sealed.
    pub(crate) fn new(store: Arc<dyn Store>, front: Arc<Front>) -> Clients {
        let register = Register::new(front.clients());
        // From here on a clock that is set forward is seen through.
        clock::surely();
        let (register, changing) = (RwLock::new(register), Mutex::new(()));
        Clients { store, front, register, changing }
    }

    /// Takes over the list that the open store keeps.
    pub(crate) fn load(&self) -> Result<()> {
        let _alone = self.alone();
        let register = match self.store.own_secret(NAME)? {
            Some(kept) => Register::decode(kept.expose())?,
            None => Register::default(),
        };
        self.front.keep(|front| front.clients = Some(register.message()))?;
        self.set(register);
        Ok(())
    }

    /// Notes a certificate, before it is given to anybody, and whose place it takes; unless there are
    /// so many already.
    pub(crate) fn add(
        &self,
        mut certificate: ClientCertificate,
        renews: Option<&[u8]>,
        most: usize,
    ) -> Result<()> {
        let ((), kept) = self.change(|register| {
            if register.by_serial.len() >= most {
                let message = format!("the service keeps {most} client certificates already");
                return Err(Error::new(ErrorKind::LimitExceeded, message).hint(
                    "they leave its list 30 days after their end; `client_certificates` of [limits] in \
                     its configuration allows more",
                ));
            }
            if let Some(serial) = renews {
                // It may have been revoked since its holder was let in.
                let old = register.by_serial.get_mut(serial).filter(|old| old.revoked == 0);
                let old = old.ok_or_else(|| revoked(serial, &certificate.user))?;
                old.renewed_as.clone_from(&certificate.serial);
                certificate.enrolment = enrolment_of(old).to_vec();
            }
            register.by_serial.insert(certificate.serial.clone(), certificate);
            Ok(())
        })?;
        kept
    }

    /// What is known of a certificate.
    pub(crate) fn get(&self, serial: &[u8]) -> Option<ClientCertificate> {
        self.read().by_serial.get(serial).cloned()
    }

    /// All that the list has, in the order of the serial numbers, after one of them.
    pub(crate) fn after(&self, serial: &[u8], limit: usize) -> Vec<ClientCertificate> {
        self.read().after(serial).take(limit).cloned().collect()
    }

    /// Shows all of them to somebody.
    pub(crate) fn each(&self, see: impl FnMut(&ClientCertificate)) {
        self.read().by_serial.values().for_each(see);
    }

    /// Revokes all certificates of a user.
    pub(crate) fn revoke_user(&self, user: &str) -> Result<Revoked> {
        self.revoke_with(|register| {
            if !register.revoked_users.iter().any(|known| known == user) {
                register.revoked_users.push(user.to_owned());
            }
            register.revoke(|certificate| certificate.user == user)
        })
    }

    /// Revokes one certificate, which must be in the list, and unless it is meant alone all that are from
    /// the same enrolment: whoever had its key may have renewed it, and one that was renewed may have
    /// kept its key.
    pub(crate) fn revoke(&self, serial: &[u8], alone: bool) -> Result<Revoked> {
        let Some(named) = self.get(serial) else {
            let message = format!("no certificate with the serial number {} is known", hex(serial));
            return Err(Error::new(ErrorKind::NotFound, message).hint(
                "`keyward client list` shows them; all of a user's are revoked by the user's name",
            ));
        };
        self.revoke_with(|register| {
            register.revoke(|certificate| match alone {
                true => certificate.serial == serial,
                false => enrolment_of(certificate) == enrolment_of(&named),
            })
        })
    }

    fn revoke_with(
        &self,
        revoke: impl FnOnce(&mut Register) -> Vec<ClientCertificate>,
    ) -> Result<Revoked> {
        let (certificates, kept) = self.change(|register| Ok(revoke(register)))?;
        let while_sealed = kept.map_err(|error| {
            let message =
                format!("revoked, but not for the time that the service is sealed: {error}");
            Error::new(ErrorKind::Internal, message)
                .hint("see the disk with the service's state, and repeat this")
        });
        Ok(Revoked { certificates, while_sealed })
    }

    /// The certificates that are valid, that another authority than this one has issued, and that
    /// their holders have not renewed, after one of them.
    pub(crate) fn not_renewed_by(
        &self,
        authority: &[u8],
        serial: &[u8],
        limit: usize,
    ) -> Vec<ClientCertificate> {
        let now = now();
        let old = |one: &&ClientCertificate| {
            let valid = one.revoked == 0 && one.ends >= now;
            valid && one.renewed_as.is_empty() && one.authority != authority
        };
        self.read().after(serial).filter(old).take(limit).cloned().collect()
    }

    /// Whether some that another authority than this one has issued are not revoked.
    pub(crate) fn has_others_than_of(&self, authority: &[u8]) -> bool {
        let all = self.read();
        all.by_serial.values().any(|one| one.revoked == 0 && one.authority != authority)
    }

    /// Revokes the certificates that another authority than this one has issued.
    pub(crate) fn revoke_all_not_of(&self, authority: &[u8]) -> Result<Revoked> {
        self.revoke_with(|register| register.revoke(|one| one.authority != authority))
    }

    /// Why a client may not come in with this certificate, or not from there.
    pub(crate) fn refusal(
        &self,
        identity: &Identity,
        source: Source,
        bound: &[SourceRange],
    ) -> Option<Error> {
        let Identity::Certificate { user, serial, .. } = identity else { return None };
        let register = self.read();
        let known = register.by_serial.get(serial);
        let is_revoked = match known {
            Some(certificate) => certificate.revoked != 0,
            None => register.revoked_users.contains(user),
        };
        if is_revoked {
            return Some(revoked(serial, user));
        }
        let own: Vec<SourceRange> = known
            .iter()
            .flat_map(|certificate| &certificate.sources)
            .filter_map(|text| SourceRange::try_from(text.clone()).ok())
            .collect();
        let from = source.address()?;
        let outside = |ranges: &[SourceRange]| {
            !ranges.is_empty() && !ranges.iter().any(|range| range.contains(from))
        };
        let binding = [own.as_slice(), bound].into_iter().find(|ranges| outside(ranges))?;
        let places: Vec<String> = binding.iter().map(ToString::to_string).collect();
        let message = format!("the certificate of \"{user}\" is not to be used from {from}");
        Some(Error::new(ErrorKind::Unauthenticated, message).hint(format!(
            "it is bound to {}, by its enrolment or by `sources` in the service's configuration",
            places.join(", ")
        )))
    }

    /// Whether the certificate of an identity is of no use any more, wherever it is used.
    pub(crate) fn shuts_out(&self, identity: &Identity) -> bool {
        let Identity::Certificate { serial, .. } = identity else { return false };
        let ended = self.get(serial).is_some_and(|certificate| certificate.ends <= now());
        ended || self.refusal(identity, Source::Process(0), &[]).is_some()
    }

    /// Changes the list, on disk first, unless the change refuses. What the change gives, and whether
    /// the list for the sealed service was written too: the change holds in any case.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut Register) -> Result<T>,
    ) -> Result<(T, Result<()>)> {
        let _alone = self.alone();
        let mut changed = self.read().clone();
        // A revoked certificate that is forgotten because the clock was wrong would come in again.
        let limit = clock::surely().saturating_sub(KEEP_ENDED);
        changed.by_serial.retain(|_, certificate| certificate.ends >= limit);
        let given = change(&mut changed)?;
        let message = changed.message();
        self.store.set_own_secrets(&[(NAME, Secret::copy_of(&message.encode_to_vec()))])?;
        self.set(changed);
        Ok((given, self.front.keep(|front| front.clients = Some(message))))
    }

    fn alone(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> RwLockReadGuard<'_, Register> {
        self.register.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, register: Register) {
        *self.register.write().unwrap_or_else(PoisonError::into_inner) = register;
    }
}

/// The serial number of the certificate that the holder of one was enrolled with.
pub(crate) fn enrolment_of(certificate: &ClientCertificate) -> &[u8] {
    match certificate.enrolment.as_slice() {
        [] => &certificate.serial,
        first => first,
    }
}

fn revoked(serial: &[u8], user: &str) -> Error {
    let message = format!("the certificate {} of \"{user}\" is revoked", hex(serial));
    Error::new(ErrorKind::Unauthenticated, message)
        .hint("an administrator can issue another: keyward client enrol")
}

/// The list for a restored store, whose backup does not know whom the present store has let in or shut
/// out since.
pub(crate) fn carried(
    present: &dyn Store,
    restored: &dyn Store,
) -> Result<Vec<(&'static str, Secret)>> {
    let read = |store: &dyn Store| match store.own_secret(NAME)? {
        Some(kept) => Register::decode(kept.expose()),
        None => Ok(Register::default()),
    };
    let mut register = read(restored)?;
    register.take_over(read(present)?);
    Ok(vec![(NAME, Secret::copy_of(&register.message().encode_to_vec()))])
}

impl Register {
    /// Adds what a later list says. Who is revoked in either stays so.
    fn take_over(&mut self, later: Register) {
        for (serial, mut certificate) in later.by_serial {
            if let Some(known) = self.by_serial.get(&serial)
                && certificate.revoked == 0
            {
                certificate.revoked = known.revoked;
            }
            self.by_serial.insert(serial, certificate);
        }
        for user in later.revoked_users {
            if !self.revoked_users.contains(&user) {
                self.revoked_users.push(user);
            }
        }
    }

    /// Revokes those that are meant and that were not before; these.
    fn revoke(&mut self, is_meant: impl Fn(&ClientCertificate) -> bool) -> Vec<ClientCertificate> {
        let now = now();
        let valid = self.by_serial.values_mut().filter(|one| one.revoked == 0 && is_meant(one));
        valid
            .map(|certificate| {
                certificate.revoked = now;
                certificate.clone()
            })
            .collect()
    }

    fn decode(bytes: &[u8]) -> Result<Register> {
        let kept = ClientRegister::decode(bytes).map_err(|error| {
            let message = format!("the list of client certificates does not read: {error}");
            Error::new(ErrorKind::Internal, message)
                .hint("restore the service's state from a backup")
        })?;
        Ok(Register::new(kept))
    }

    fn new(kept: ClientRegister) -> Register {
        let by_serial = kept.certificates.into_iter();
        let by_serial = by_serial.map(|certificate| (certificate.serial.clone(), certificate));
        Register { by_serial: by_serial.collect(), revoked_users: kept.revoked_users }
    }

    /// Those after a serial number.
    fn after(&self, serial: &[u8]) -> impl Iterator<Item = &ClientCertificate> {
        let rest = self.by_serial.range::<[u8], _>((Bound::Excluded(serial), Bound::Unbounded));
        rest.map(|(_, certificate)| certificate)
    }

    fn message(&self) -> ClientRegister {
        ClientRegister {
            certificates: self.by_serial.values().cloned().collect(),
            revoked_users: self.revoked_users.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{MasterKey, SqliteStore};

    #[test]
    fn who_is_revoked_in_one_of_two_lists_is_revoked_in_what_becomes_of_both() {
        let certificate = |serial: u8, revoked: u64, source: &str| ClientCertificate {
            serial: vec![serial],
            revoked,
            sources: vec![source.into()],
            ..ClientCertificate::default()
        };
        let register = |certificates: &[ClientCertificate], users: &[&str]| {
            Register::new(ClientRegister {
                certificates: certificates.to_vec(),
                revoked_users: users.iter().map(|user| (*user).to_owned()).collect(),
            })
        };
        let mut both = register(
            &[certificate(1, 7, "a"), certificate(2, 0, "a"), certificate(3, 0, "a")],
            &["x", "y"],
        );
        both.take_over(register(
            &[certificate(1, 0, "b"), certificate(2, 9, "b"), certificate(4, 0, "b")],
            &["y", "z"],
        ));
        let expected = register(
            &[
                certificate(1, 7, "b"),
                certificate(2, 9, "b"),
                certificate(3, 0, "a"),
                certificate(4, 0, "b"),
            ],
            &["x", "y", "z"],
        );
        assert_eq!(both.message(), expected.message());
    }

    #[test]
    fn a_certificate_that_is_revoked_while_it_is_renewed_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let seal = MasterKey::new(&[7; 32]).unwrap();
        let store = SqliteStore::create(&folder.path().join("data"), &seal).unwrap();
        let front = Arc::new(Front::open(folder.path()));
        let clients = Clients::new(Arc::new(store), front);
        let certificate = |serial: u8| ClientCertificate {
            serial: vec![serial],
            user: "web".into(),
            ends: u64::MAX,
            ..ClientCertificate::default()
        };
        clients.add(certificate(1), None, 10).unwrap();
        clients.add(certificate(2), Some(&[1]), 10).unwrap();
        assert_eq!(clients.revoke_user("web").unwrap().certificates.len(), 2);
        let error = clients.add(certificate(3), Some(&[2]), 10).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unauthenticated);
        assert!(clients.get(&[3]).is_none());
    }
}
