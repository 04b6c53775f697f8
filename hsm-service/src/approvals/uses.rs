//! Uses of keys that are used with approvals alone: asked for, taken up, and counted.

use std::sync::Arc;

use keyward_algorithms::{ErrorKind, Operation, Right};
use keyward_protocol::{
    ApprovalId, KeyId,
    messages::{ApprovalState as State, Done, UseKey, request},
};

use super::{
    Approval, Approvals, Ask, Claimed, Decision, Rule,
    approval::{AskedKey, Uses},
    facts,
    gate::encoded,
};
use crate::{
    Error, Result, Service, audit::Trail, clock::now, execute::Reply, identity::Caller, keys::Key,
    policy, span::Span, store::Record,
};

/// How many uses, and for how long, one approval can be for.
const MAX_USES: u32 = 1_000_000;
const TIMES: [Span; 2] = [Span::of_seconds(60), Span::of_seconds(30 * 86_400)];

/// For how long the use can be done that asked for itself, in seconds.
const ONE_USE_SECONDS: u64 = 3600;

/// Checks what somebody asks for.
pub(super) fn check(asked: &UseKey) -> Result<()> {
    let [shortest, longest] = TIMES;
    let fits = (shortest..=longest).contains(&Span::of_seconds(asked.seconds));
    if fits && (1..=MAX_USES).contains(&asked.uses) {
        return Ok(());
    }
    Err(Error::invalid("an approval for uses is for some of them, within some time")
        .hint(format!("ask for 1 to {MAX_USES} uses within {shortest} to {longest}")))
}

impl Service {
    /// The key of a use, if the caller may carry it out. Where the key wants approvals, one use of
    /// those that were approved is spent.
    pub(crate) fn usable(
        &self,
        caller: &Caller,
        operation: Operation,
        right: Option<Right>,
        trail: &mut Trail,
        id: &KeyId,
    ) -> Result<Arc<Key>> {
        let (algorithm, approved_only) = (trail.algorithm(), self.live.approved_only());
        let (key, wants_approval) =
            self.keys.usable(caller, operation, right, algorithm, approved_only, id)?;
        if wants_approval {
            trail.uses(&key);
            // No approval is spent on what is refused anyway.
            key.look_for_use()?;
            self.spend(caller, &key.record, trail)?;
        }
        Ok(key)
    }

    /// Spends one use of a key, or asks for one.
    pub(crate) fn spend(&self, caller: &Caller, record: &Record, trail: &mut Trail) -> Result<()> {
        let settings = self.live.settings();
        let Some(rule) = settings.quorum.rule(Operation::UseKey) else {
            let message = format!("key \"{}\" is used only with an approval", record.name);
            return Err(Error::new(ErrorKind::ApprovalRequired, message).hint(
                "nobody can give one: name \"use-key\" in a [[quorum]] section of the configuration",
            ));
        };
        let user = policy::logged_in(caller)?;
        let key = AskedKey::of(record);
        let counts = |decision: &Decision| self.counts(rule, decision);
        if let Some((id, left)) = self.approvals.spend(user, &key, rule, counts)? {
            trail.says(&format!("approval {id}, {left} uses left"));
            return Ok(());
        }
        let error = match self.approvals.waiting_for(user, &key, rule)? {
            Some(waiting) => waiting.missing(waiting.count()),
            None => {
                let use_key = request::Operation::UseKey(UseKey {
                    key_id: record.id.as_bytes().to_vec(),
                    uses: 1,
                    seconds: ONE_USE_SECONDS,
                });
                let ask = Ask {
                    operation: Operation::UseKey,
                    user: user.to_owned(),
                    identity: caller.identity.to_string(),
                    key: Some(key),
                    facts: facts::facts(&use_key, Some(record))?,
                };
                self.approvals.ask(ask, rule, &encoded(&use_key))
            }
        };
        error.approval.iter().for_each(|id| trail.says(&format!("asks for approval {id}")));
        Err(error)
    }
}

impl Approvals {
    /// Takes up an approval for uses, which is being done.
    pub(crate) fn take_up(&self, id: ApprovalId, asked: &UseKey) -> Result<Reply> {
        let uses = Uses { left: asked.uses, end: now().saturating_add(asked.seconds) };
        self.change(id, |approval| {
            approval.uses = uses;
            Ok(())
        })?;
        Ok(Reply::Done(Done {}))
    }

    /// Spends a use that was approved, on disk before it is done; the approval, and how many are
    /// left.
    fn spend(
        &self,
        user: &str,
        key: &AskedKey,
        rule: &Rule,
        counts: impl Fn(&Decision) -> bool,
    ) -> Result<Option<(ApprovalId, u32)>> {
        self.sweep()?;
        let now = now();
        let mut kept = self.lock();
        let theirs = kept.values_mut().filter(|known| known.is_for_uses(user, key, rule));
        for approval in theirs {
            let mut changed = approval.clone();
            if changed.state(now) == State::Approved {
                // The first use takes it up.
                let Some(request) = changed.asked_uses() else { continue };
                let operation = request::Operation::UseKey(request.clone());
                match changed.claim(user, &encoded(&operation), now, &counts) {
                    Ok(Claimed::Begin) => {
                        changed.uses = Uses { left: request.uses, end: now + request.seconds };
                        changed.settle(super::gate::encoded_answer(Reply::Done(Done {})), now);
                    }
                    _ => continue,
                }
            }
            if changed.spend(now) {
                self.keep(&changed)?;
                let spent = (changed.id, changed.uses.left);
                *approval = changed;
                return Ok(Some(spent));
            }
        }
        Ok(None)
    }

    /// An approval for uses that others have not given yet.
    fn waiting_for(&self, user: &str, key: &AskedKey, rule: &Rule) -> Result<Option<Approval>> {
        let now = now();
        let all = self.all(None)?;
        Ok(all.into_iter().find(|known| known.is_for_uses(user, key, rule) && known.is_open(now)))
    }
}

impl Approval {
    fn is_for_uses(&self, user: &str, key: &AskedKey, rule: &Rule) -> bool {
        let Ask { operation, user: asker, key: asked, .. } = &self.ask;
        // A key keeps its version while its name and owner stay.
        *operation == Operation::UseKey
            && asker == user
            && asked.as_ref() == Some(key)
            && self.is_under(rule)
    }

    /// What was asked for, as the facts say it.
    fn asked_uses(&self) -> Option<UseKey> {
        Some(UseKey {
            key_id: self.ask.key.as_ref()?.id.as_bytes().to_vec(),
            uses: self.fact("uses")?.parse().ok()?,
            seconds: self.fact("for")?.parse::<Span>().ok()?.seconds(),
        })
    }
}
