//! Uses of keys that are used with approvals alone: asked for, taken up, and counted.

use std::sync::Arc;

use keyward_algorithms::{ErrorKind, Operation, Right, algorithms_of, permits};
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
    Error, Result, Service,
    audit::Trail,
    backend::{Task, Work},
    clock::now,
    execute::Reply,
    identity::Caller,
    keys::Key,
    policy,
    span::Span,
    store::Record,
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
        let (key, wants_approval) = self.allowed(caller, operation, right, trail, id)?;
        if wants_approval {
            trail.uses(&key);
            check_limits(&key, trail)?;
            self.spend_approvals(caller, &[&*key], trail)?.begun();
        }
        Ok(key)
    }

    /// The key of a use, if the caller may carry it out, and whether that wants an approval, which is
    /// not spent yet.
    pub(crate) fn allowed(
        &self,
        caller: &Caller,
        operation: Operation,
        right: Option<Right>,
        trail: &Trail,
        id: &KeyId,
    ) -> Result<(Arc<Key>, bool)> {
        let (algorithm, approved_only) = (trail.algorithm(), self.live.approved_only());
        self.keys.usable(caller, operation, right, algorithm, approved_only, id)
    }

    /// The work as a task. Where its key wants an approval, a use is spent, or asked for; none on what is
    /// refused anyway, as far as that is seen without what is secret of the key.
    pub(crate) fn task(
        &self,
        caller: &Caller,
        wants_approval: bool,
        work: Work,
        trail: &mut Trail,
    ) -> Result<Task> {
        let spent = match work.key() {
            Some(key) if wants_approval => {
                check_limits(key, trail)?;
                work.check()?;
                Some(self.spend_approvals(caller, &[key], trail)?)
            }
            _ => None,
        };
        Ok(Task { work, spent })
    }

    /// Spends a use of each of these keys, or of none and asks for one.
    pub(crate) fn spend_approvals(
        &self,
        caller: &Caller,
        keys: &[&Key],
        trail: &mut Trail,
    ) -> Result<Spent> {
        let settings = self.live.settings();
        let Some(rule) = settings.quorum.rule(Operation::UseKey) else {
            let names: Vec<&str> = keys.iter().map(|key| key.record.name.as_str()).collect();
            let message = format!("key \"{}\" is used only with an approval", names.join("\", \""));
            return Err(Error::new(ErrorKind::ApprovalRequired, message).hint(
                "nobody can give one: name \"use-key\" in a [[quorum]] section of the configuration",
            ));
        };
        let user = policy::logged_in(caller)?;
        let asked: Vec<AskedKey> = keys.iter().map(|key| AskedKey::of(&key.record)).collect();
        let counts = |decision: &Decision| self.counts(rule, decision);
        let missing = match self.approvals.spend(user, &asked, rule, counts)? {
            Spending::Done(spent) => {
                for (id, left) in &spent {
                    trail.says(&format!("approval {id}, {left} uses left"));
                }
                let of = spent.into_iter().map(|(id, _)| id).collect();
                return Ok(Spent { approvals: Arc::clone(&self.approvals), of });
            }
            Spending::Missing(index) => index,
        };
        let (record, key) = (&keys[missing].record, asked[missing].clone());
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

/// Refuses what the limits of a key do, and an algorithm that keys of its type do not have.
fn check_limits(key: &Key, trail: &Trail) -> Result<()> {
    key.look_for_use()?;
    let (record, algorithm) = (&key.record, trail.algorithm());
    let possible = algorithms_of(record.key_type);
    if possible.iter().any(|one| permits(one, algorithm)) {
        return Ok(());
    }
    let Record { name, key_type, .. } = record;
    let asked = if algorithm.is_empty() { "the algorithm that is asked for" } else { algorithm };
    let message = format!("key \"{name}\" ({key_type}) does not have {asked}");
    Err(Error::new(ErrorKind::Unsupported, message).hint(format!("it has {}", possible.join(", "))))
}

/// Uses that were spent on work that has not begun. Where that is dropped, they are there again.
pub(crate) struct Spent {
    approvals: Arc<Approvals>,
    of: Vec<ApprovalId>,
}

impl Spent {
    /// The work begins: they are used.
    pub(crate) fn begun(mut self) {
        self.of.clear();
    }
}

impl Drop for Spent {
    fn drop(&mut self) {
        self.of.drain(..).for_each(|id| self.approvals.give_use_back(id));
    }
}

/// What came of spending.
enum Spending {
    /// The approvals, and how many uses are left of each.
    Done(Vec<(ApprovalId, u32)>),
    /// Nothing was spent: the key with this number has no use that was approved.
    Missing(usize),
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

    /// Spends a use of each of these keys, on disk before it is done, if all have one that was approved.
    fn spend(
        &self,
        user: &str,
        keys: &[AskedKey],
        rule: &Rule,
        counts: impl Fn(&Decision) -> bool,
    ) -> Result<Spending> {
        self.sweep()?;
        let now = now();
        let mut kept = self.lock();
        let mut spent = Vec::with_capacity(keys.len());
        for (index, key) in keys.iter().enumerate() {
            let theirs = kept.values().filter(|known| known.is_for_uses(user, key, rule));
            let mut less = theirs.filter_map(|approval| approval.less_one_use(user, now, &counts));
            match less.next() {
                Some(approval) => spent.push(approval),
                None => return Ok(Spending::Missing(index)),
            }
        }
        let told = spent.iter().map(|approval| (approval.id, approval.uses.left)).collect();
        for approval in spent {
            self.keep(&approval)?;
            kept.insert(approval.id, approval);
        }
        Ok(Spending::Done(told))
    }

    /// Makes good a use that was not made. What the disk does not take stays spent.
    fn give_use_back(&self, id: ApprovalId) {
        let given_back = self.change(id, |approval| {
            approval.uses.left += 1;
            Ok(())
        });
        match given_back {
            Ok((approval, ())) => {
                self.audit.record_event("approval-use-given-back", &approval.described());
            }
            Err(error) => tracing::error!("cannot give a use of approval {id} back: {error}"),
        }
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

    /// The approval when one use of it is spent, if it has one.
    fn less_one_use(
        &self,
        user: &str,
        now: u64,
        counts: impl Fn(&Decision) -> bool,
    ) -> Option<Approval> {
        let mut changed = self.clone();
        if changed.state(now) == State::Approved {
            // The first use takes it up.
            let request = changed.asked_uses()?;
            let operation = request::Operation::UseKey(request.clone());
            let Ok(Claimed::Begin) = changed.claim(user, &encoded(&operation), now, counts) else {
                return None;
            };
            changed.uses = Uses { left: request.uses, end: now + request.seconds };
            changed.settle(super::gate::encoded_answer(Reply::Done(Done {})), now);
        }
        changed.spend(now).then_some(changed)
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
