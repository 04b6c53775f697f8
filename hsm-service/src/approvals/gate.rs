//! The gate before the operations that may have to wait for others: what passes, with which
//! approval, and what is kept of how it came out.

use std::sync::Arc;

use keyward_algorithms::{ErrorKind, Operation, Requires, Role};
use keyward_protocol::{
    ApprovalId, KeyId,
    messages::{Deletion, Done, Failure, Response, request},
    operation_of,
};
use prost::Message;
use zeroize::Zeroizing;

use super::{Approvals, Ask, Claimed, Decision, Rule, approval::AskedKey, facts};
use crate::{
    Error, Result, Service,
    audit::Trail,
    clock::now,
    execute::Reply,
    identity::Caller,
    policy::{self, Target},
    store::Record,
};

/// What becomes of a request at the gate.
pub(crate) enum Gate {
    /// It is carried out: freely, or with an approval that is taken for it.
    Open(Option<Claim>),
    /// It was carried out before, and answered so.
    Answered(Box<Reply>),
}

/// An approval that is taken for a request. Where the request is dropped before it is begun, the
/// approval is there again.
pub(crate) struct Claim {
    service: Arc<Service>,
    id: ApprovalId,
    ended: bool,
}

impl Service {
    /// Lets a request through, or asks others for their approval.
    pub(crate) fn gate(
        self: &Arc<Self>,
        caller: &Caller,
        request: &request::Operation,
        approval: u64,
        trail: &mut Trail,
    ) -> Result<Gate> {
        let operation = operation_of(request);
        if !operation.row().quorum {
            return Ok(Gate::Open(None));
        }
        let settings = self.live.settings();
        let rule = settings.quorum.rule(operation);
        match (rule, ApprovalId::from_wire(approval)) {
            (None, None) => Ok(Gate::Open(None)),
            (Some(rule), None) => {
                let user = policy::logged_in(caller)?.to_owned();
                if let request::Operation::UseKey(asked) = request {
                    super::uses::check(asked)?;
                }
                let record = self.asked_key(caller, operation, request)?;
                let ask = Ask {
                    operation,
                    user,
                    identity: caller.identity.to_string(),
                    key: record.as_ref().map(AskedKey::of),
                    facts: facts::facts(request, record.as_ref())?,
                };
                let error = self.approvals.ask(ask, rule, &encoded(request));
                error.approval.iter().for_each(|id| trail.says(&format!("asks for approval {id}")));
                Err(error)
            }
            (rule, Some(id)) => {
                trail.says(&format!("approval {id}"));
                self.with_approval(caller, request, rule.map(|rule| &**rule), id, trail)
            }
        }
    }

    /// Takes the approval that a request carries.
    fn with_approval(
        self: &Arc<Self>,
        caller: &Caller,
        request: &request::Operation,
        rule: Option<&Rule>,
        id: ApprovalId,
        trail: &mut Trail,
    ) -> Result<Gate> {
        let user = policy::logged_in(caller)?;
        let encoded = encoded(request);
        let approval = self.approvals.get(id)?;
        if approval.ask.user != user {
            return Err(super::unknown(id));
        }
        if approval.is_for(user, &encoded) && approval.is_open(now()) {
            let key = self.asked_key(caller, approval.ask.operation, request);
            let gone = matches!(&key, Err(error) if error.kind == ErrorKind::NotFound);
            let under_rule = rule.is_some_and(|rule| approval.is_under(rule));
            if gone || !under_rule || key?.as_ref().map(AskedKey::of) != approval.ask.key {
                self.approvals.outdate(id)?;
            }
        }
        let counts = |decision: &Decision| rule.is_some_and(|rule| self.counts(rule, decision));
        let claim = |approval: &mut super::Approval| approval.claim(user, &encoded, now(), counts);
        match self.approvals.change(id, claim)?.1 {
            Claimed::Answered(answer) => Ok(Gate::Answered(Box::new(answered(&answer)?))),
            Claimed::Begin => {
                if let Some(key) = &approval.ask.key {
                    trail.expects_version(key.version);
                }
                Ok(Gate::Open(Some(Claim { service: Arc::clone(self), id, ended: false })))
            }
        }
    }

    /// The key that a request is about, if the caller may carry out the operation with it.
    fn asked_key(
        &self,
        caller: &Caller,
        operation: Operation,
        request: &request::Operation,
    ) -> Result<Option<Record>> {
        let Some(id) = facts::key_of(request) else {
            policy::authorise(caller, operation, Target::Service)?;
            return Ok(None);
        };
        let id = KeyId::try_from(id)?;
        let found = self.store().get(&id)?;
        let hidden = || policy::known(caller, Role::User).err().unwrap_or_else(policy::not_found);
        let (record, _) = found.ok_or_else(hidden)?;
        debug_assert!(matches!(operation.row().requires, Requires::Key(_)));
        policy::authorise(caller, operation, Target::Key(&record))?;
        Ok(Some(record))
    }

    /// Whether a decision still counts: the one who took it would be let in, be the same user, and
    /// be among the approvers.
    pub(super) fn counts(&self, rule: &Rule, decision: &Decision) -> bool {
        let users = &self.live.settings().users;
        let caller = users.caller(decision.identity.clone(), Some(&decision.user));
        caller.user.as_deref() == Some(decision.user.as_str())
            && !self.clients.shuts_out(&decision.identity)
            && rule.admits(&caller)
    }
}

impl Claim {
    /// Keeps how the request came out. What was not done has not used the approval.
    pub(crate) fn settle(mut self, result: Result<Reply>) -> Result<Reply> {
        self.ended = true;
        let answer = match &result {
            Ok(reply) => Some(reply.clone()),
            // It may have been done all the same.
            Err(error) if error.kind == ErrorKind::Internal => {
                Some(Reply::Failure(Failure::from(error.clone())))
            }
            Err(_) => None,
        };
        self.end(answer);
        result
    }

    fn end(&self, answer: Option<Reply>) {
        self.service.approvals.end(self.id, answer);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.ended {
            self.end(None);
        }
    }
}

impl Approvals {
    /// Ends what was begun: with the answer that it got, or without having been done.
    fn end(&self, id: ApprovalId, answer: Option<Reply>) {
        let mut kept = self.lock();
        let Some(approval) = kept.get_mut(&id) else { return };
        match answer {
            Some(answer) => approval.settle(encoded_answer(answer), now()),
            None => approval.give_back(),
        }
        // What the disk does not take counts until the end of the process; after that the approval
        // is found begun, which the next start clears up.
        if let Err(error) = self.keep(approval) {
            tracing::error!("cannot keep how approval {id} was used: {error}");
        }
    }
}

/// Clears up what a killed service had begun: was it done?
pub(super) fn after_crash(approvals: &Approvals) -> Result<()> {
    use keyward_protocol::messages::ApprovalState as State;
    let begun: Vec<super::Approval> =
        approvals.lock().values().filter(|known| known.stage == State::Begun).cloned().collect();
    for approval in begun {
        let Ask { operation, user, key, .. } = &approval.ask;
        let answer = match (operation, key) {
            // Each of these changes the key's version or removes it.
            (
                Operation::Delete
                | Operation::Rename
                | Operation::Restrict
                | Operation::SetChain
                | Operation::Share
                | Operation::Trust
                | Operation::Undelete,
                Some(key),
            ) => match approvals.store.get(&key.id)? {
                Some((record, _)) if record.version == key.version => None,
                Some((record, _)) if *operation != Operation::Delete => {
                    Some(Reply::Key(Box::new(record.seen_by(user).into())))
                }
                found if *operation == Operation::Delete => {
                    let undelete_until = found.map_or(0, |(record, _)| record.attributes.removal);
                    Some(Reply::Deletion(Deletion { undelete_until }))
                }
                _ => Some(Reply::Done(Done {})),
            },
            // Names are unique per owner, so a key of this name that came after the approval came by it.
            (
                Operation::Generate | Operation::Import | Operation::Unwrap | Operation::DeriveKey,
                _,
            ) => {
                let name = approval.fact("name").unwrap_or_default();
                let named = approvals.store.named(user, name, Some(user)).unwrap_or_default();
                let made = named.into_iter().find(|key| key.created >= approval.terms.asked);
                made.map(|key| Reply::Key(Box::new(key.seen_by(user).into())))
            }
            _ if operation.row().repeatable => None,
            _ => {
                let message = format!(
                    "the service was killed while it carried out \"{}\" with approval {}",
                    operation.row().name,
                    approval.id
                );
                let error = Error::new(ErrorKind::Internal, message)
                    .hint("look whether it was done before you ask anew");
                Some(Reply::Failure(error.into()))
            }
        };
        let found = if answer.is_some() { "approval-was-used" } else { "approval-was-not-used" };
        approvals.end(approval.id, answer);
        approvals.audit.record_event(found, &approval.described());
    }
    Ok(())
}

/// A request in the encoding that its digest is of: the fields that are known here, in their order.
pub(super) fn encoded(request: &request::Operation) -> Zeroizing<Vec<u8>> {
    // The buffer does not grow, so that no copy of a secret in it stays behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(request.encoded_len()));
    request.encode(&mut *bytes);
    bytes
}

pub(super) fn encoded_answer(answer: Reply) -> Vec<u8> {
    Response { id: 0, result: Some(answer) }.encode_to_vec()
}

fn answered(answer: &[u8]) -> Result<Reply> {
    let response = Response::decode(answer).ok().and_then(|response| response.result);
    match response {
        Some(Reply::Failure(failure)) => Err(failure.into()),
        Some(reply) => Ok(reply),
        None => Err(Error::new(ErrorKind::Internal, "the answer that was kept does not read")),
    }
}

#[cfg(test)]
mod tests {
    use keyward_algorithms::{Curve, KeyType, Rights};
    use keyward_protocol::{
        KeyAttributes, Origin,
        messages::{ApprovalState as State, Generate},
    };

    use super::*;
    use crate::{
        Config,
        approvals::{Approval, approval::Terms},
        audit::Audit,
        store::{MasterKey, Secret, SqliteStore, Store},
    };

    /// An approval to make a key of this name, with which a service had begun when it was killed.
    fn begun(number: u64, name: &str) -> Approval {
        let request = request::Operation::Generate(Generate {
            name: name.into(),
            key_type: "p-256".into(),
            ..Generate::default()
        });
        let ask = Ask {
            operation: Operation::Generate,
            user: "alice".into(),
            identity: "cert:alice".into(),
            key: None,
            facts: facts::facts(&request, None).unwrap(),
        };
        let asked = now();
        let terms = Terms { needed: 0, approvers: Vec::new(), asked, expires: asked + 1000 };
        let id = ApprovalId::from_wire(number).unwrap();
        let approval = Approval::new(id, ask, terms, [3; 16], &encoded(&request));
        Approval { stage: State::Begun, ..approval }
    }

    #[test]
    fn a_key_that_was_made_before_the_service_was_killed_has_used_its_approval() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config { state: folder.path().into(), ..Config::default() };
        config.audit.journal_mib = 1;
        let seal = MasterKey::new(&[7; 32]).unwrap();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::create(&config.data(), &seal).unwrap());
        let audit = Audit::start(&config).unwrap();
        let approvals = Approvals::new(Arc::clone(&store), Arc::clone(&audit));
        let [made, not_made] = [(1, "made"), (2, "other")].map(|(id, name)| begun(id, name));
        for approval in [&made, &not_made] {
            approvals.keep(approval).unwrap();
        }
        let record = Record {
            id: KeyId::new([9; 16]),
            owner: "alice".into(),
            name: "made".into(),
            version: 1,
            key_type: KeyType::Ec(Curve::P256),
            usage: Rights::NONE,
            exportable: false,
            origin: Origin::Generated,
            created: now(),
            spki: Vec::new(),
            chain: Vec::new(),
            grants: Vec::new(),
            attributes: KeyAttributes::default(),
        };
        store.insert(&record, &Secret::copy_of(b"a secret")).unwrap();
        approvals.load().unwrap();
        let state = |approval: &Approval| approvals.get(approval.id).unwrap().state(now());
        assert_eq!((state(&made), state(&not_made)), (State::Used, State::Approved));
        audit.close();
    }
}
