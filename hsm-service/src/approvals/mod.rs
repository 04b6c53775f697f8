//! Acts that wait for the approval of others: M of N.
//!
//! A request for an operation with a rule is not done but asked for; others approve that very
//! request; then it is repeated with the approval and done once. Each step is on disk, sealed like
//! the keys, and in the audit log.

mod approval;
mod facts;
mod gate;
mod kept;
#[cfg(test)]
pub(crate) mod random_calls;
mod rule;
mod uses;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aws_lc_rs::rand;
use keyward_algorithms::ErrorKind;
use keyward_protocol::ApprovalId;

use crate::{
    Error, Result,
    audit::Audit,
    clock::{Steps, now},
    store::{Secret, Store},
};

pub(crate) use approval::{Approval, Decision, unknown};
use approval::{Ask, Claimed, Terms};
pub(crate) use gate::Gate;
pub(crate) use rule::{Approver, Quorum, Rule};
pub(crate) use uses::Spent;

/// What the names of approvals in the store begin with.
const PREFIX: &str = "approval ";

/// How many approvals may be open: of one user, and altogether.
const MAX_OPEN: (usize, usize) = (32, 1024);

/// How many of one user's that came to nothing are kept: asking and cancelling can go on for ever.
const MAX_VAIN: usize = 64;

/// The approvals of a service.
pub(crate) struct Approvals {
    store: Arc<dyn Store>,
    audit: Arc<Audit>,
    kept: Mutex<BTreeMap<ApprovalId, Approval>>,
    clock: Mutex<Steps>,
}

impl Approvals {
    /// The approvals of a store that is sealed: none are known.
    pub(crate) fn new(store: Arc<dyn Store>, audit: Arc<Audit>) -> Approvals {
        Approvals { store, audit, kept: Mutex::default(), clock: Mutex::new(Steps::new()) }
    }

    /// Takes over the approvals that the open store keeps.
    pub(crate) fn load(&self) -> Result<()> {
        let mut kept = BTreeMap::new();
        for (name, secret) in self.store.own_secrets(PREFIX)? {
            let approval = Approval::decode(secret.expose()).ok_or_else(|| {
                Error::new(ErrorKind::Internal, format!("the {name} in the store does not read"))
                    .hint("run the version of Keyward that wrote it, or a newer one")
            })?;
            kept.insert(approval.id, approval);
        }
        *self.lock() = kept;
        gate::after_crash(self)?;
        self.sweep()
    }

    /// Asks the others for what is not asked for yet; the error that says so to the asker.
    fn ask(&self, ask: Ask, rule: &Rule, request: &[u8]) -> Error {
        self.try_ask(ask, rule, request).unwrap_or_else(|error| error)
    }

    fn try_ask(&self, ask: Ask, rule: &Rule, request: &[u8]) -> Result<Error> {
        self.sweep()?;
        let now = now();
        let mut kept = self.lock();
        let terms = Terms {
            needed: rule.needed,
            approvers: rule.approvers(),
            asked: now,
            expires: now + rule.lifetime.seconds(),
        };
        let open: Vec<&Approval> = kept.values().filter(|known| known.is_open(now)).collect();
        // Who asks again for the same, under the same rule, is asking still.
        let same = open.iter().find(|known| {
            known.is_for(&ask.user, request) && known.ask.key == ask.key && known.is_under(rule)
        });
        if let Some(known) = same {
            return Ok(known.missing(known.count()));
        }
        let own = open.iter().filter(|known| known.ask.user == ask.user).count();
        if own >= MAX_OPEN.0 || open.len() >= MAX_OPEN.1 {
            let message = format!("{own} requests of \"{}\" wait for approval", ask.user);
            return Err(Error::new(ErrorKind::LimitExceeded, message)
                .hint("cancel some: keyward approval list, keyward approval cancel ID"));
        }
        let (mut number, mut salt) = ([0; 8], [0; 16]);
        let drawn = rand::fill(&mut number).and_then(|()| rand::fill(&mut salt));
        let id = drawn.ok().and_then(|()| ApprovalId::from_wire(u64::from_be_bytes(number)));
        let id = id.filter(|id| !kept.contains_key(id)).ok_or_else(|| {
            Error::new(ErrorKind::Internal, "cannot draw a number for an approval")
        })?;
        let approval = Approval::new(id, ask, terms, salt, request);
        self.keep(&approval)?;
        let error = approval.missing(0);
        self.forget_vain(&mut kept, &approval.ask.user)?;
        kept.insert(id, approval);
        Ok(error)
    }

    /// Forgets those of a user's that came to nothing but for the latest.
    fn forget_vain(&self, kept: &mut BTreeMap<ApprovalId, Approval>, user: &str) -> Result<()> {
        let own = kept.values().filter(|known| known.ask.user == user && known.was_in_vain());
        let mut vain: Vec<(u64, ApprovalId)> = own.map(|known| (known.closed, known.id)).collect();
        vain.sort_unstable();
        let surplus = vain.len().saturating_sub(MAX_VAIN);
        for (_, id) in vain.into_iter().take(surplus) {
            self.store.forget_own_secret(&name(id))?;
            kept.remove(&id);
        }
        Ok(())
    }

    /// Changes an approval, on disk first. What the change refuses leaves it as it was.
    fn change<T>(
        &self,
        id: ApprovalId,
        change: impl FnOnce(&mut Approval) -> Result<T>,
    ) -> Result<(Approval, T)> {
        let mut kept = self.lock();
        let present = kept.get_mut(&id).ok_or_else(|| unknown(id))?;
        let mut changed = present.clone();
        let result = change(&mut changed)?;
        if changed != *present {
            self.keep(&changed)?;
            *present = changed.clone();
        }
        Ok((changed, result))
    }

    /// Notes what one of the others said.
    pub(crate) fn decide(&self, id: ApprovalId, decision: Decision) -> Result<Approval> {
        self.sweep()?;
        self.change(id, |approval| approval.decide(decision)).map(|(changed, ())| changed)
    }

    /// Takes back what a user has asked for.
    pub(crate) fn cancel(&self, id: ApprovalId, user: &str) -> Result<Approval> {
        self.sweep()?;
        self.change(id, |approval| approval.cancel(user, now())).map(|(changed, ())| changed)
    }

    /// Notes that the key or the rule of an approval has changed.
    pub(crate) fn outdate(&self, id: ApprovalId) -> Result<()> {
        let (approval, was_open) = self.change(id, |approval| {
            let was_open = approval.is_open(now());
            approval.outdate(now());
            Ok(was_open)
        })?;
        if was_open {
            self.audit.record_event("approval-outdated", &approval.described());
        }
        Ok(())
    }

    /// The approvals, or one of them, oldest first.
    pub(crate) fn all(&self, one: Option<ApprovalId>) -> Result<Vec<Approval>> {
        self.sweep()?;
        let kept = self.lock();
        let wanted = kept.values().filter(|known| one.is_none_or(|id| id == known.id));
        let mut all: Vec<Approval> = wanted.cloned().collect();
        all.sort_by_key(|approval| (approval.terms.asked, approval.id));
        Ok(all)
    }

    /// One approval.
    pub(crate) fn get(&self, id: ApprovalId) -> Result<Approval> {
        self.all(Some(id))?.pop().ok_or_else(|| unknown(id))
    }

    /// How many wait or may be used.
    pub(crate) fn open_count(&self) -> usize {
        let now = now();
        self.lock().values().filter(|known| known.is_open(now)).count()
    }

    /// Notes which have expired, and forgets those that came to their end long ago.
    fn sweep(&self) -> Result<()> {
        let now = now();
        let mut kept = self.lock();
        let step = self.clock.lock().unwrap_or_else(PoisonError::into_inner).step();
        // Nothing lives longer because the clock was set back, even should the disk not take it.
        if let Some(back) = step.filter(|step| *step < 0) {
            let mut changed = Vec::new();
            for approval in kept.values_mut() {
                if approval.clock_set_back(back.unsigned_abs()) {
                    changed.push(&*approval);
                }
            }
            changed.into_iter().try_for_each(|approval| self.keep(approval))?;
        }
        let mut expired = Vec::new();
        for approval in kept.values_mut().filter(|known| known.has_expired(now)) {
            let mut changed = approval.clone();
            changed.expire();
            self.keep(&changed)?;
            expired.push(changed.described());
            *approval = changed;
        }
        let past: Vec<ApprovalId> =
            kept.values().filter(|known| known.is_past(now)).map(|known| known.id).collect();
        for id in past {
            self.store.forget_own_secret(&name(id))?;
            kept.remove(&id);
        }
        drop(kept);
        for approval in expired {
            self.audit.record_event("approval-expired", &approval);
        }
        Ok(())
    }

    fn keep(&self, approval: &Approval) -> Result<()> {
        let secret = Secret::copy_of(&approval.encode());
        self.store.set_own_secrets(&[(&name(approval.id), secret)])
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ApprovalId, Approval>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets all approvals in a store.
pub(crate) fn forget_all(store: &dyn Store) -> Result<()> {
    store.own_secrets(PREFIX)?.iter().try_for_each(|(name, _)| store.forget_own_secret(name))
}

fn name(id: ApprovalId) -> String {
    format!("{PREFIX}{id}")
}
