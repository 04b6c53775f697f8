//! One approval, from being asked for to its end: a state machine that does no I/O and is told the
//! time.
//!
//! ```text
//! waiting ──enough approve──► approved ──claim──► begun ──settle──► used
//!    │                           │   ◄──give back──┘
//!    └── denied, cancelled, expired, outdated ◄──┘     (final, as used is)
//! ```

use aws_lc_rs::digest;
use keyward_algorithms::{ErrorKind, Operation};
use keyward_protocol::{ApprovalId, KeyId, messages::ApprovalState as State};

use super::rule::Rule;
use crate::{Error, Result, identity::Identity, store::Record};

/// What somebody asks the others for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) operation: Operation,
    /// The user who asks, and the identity that was proved.
    pub(crate) user: String,
    pub(crate) identity: String,
    /// The key that it is about, as it is.
    pub(crate) key: Option<AskedKey>,
    /// What is asked for, for people.
    pub(crate) facts: Vec<String>,
}

/// A key as it was when somebody asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AskedKey {
    pub(crate) id: KeyId,
    /// OWNER/NAME.
    pub(crate) name: String,
    pub(crate) version: u64,
}

impl AskedKey {
    /// A key as it is now.
    pub(super) fn of(record: &Record) -> AskedKey {
        let name = format!("{}/{}", record.owner, record.name);
        AskedKey { id: record.id, name, version: record.version }
    }
}

/// What it takes for an approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    /// How many have to approve.
    pub(crate) needed: u32,
    /// Who may, in words.
    pub(crate) approvers: Vec<String>,
    /// When it is asked for, and when it expires, in seconds since 1970.
    pub(crate) asked: u64,
    pub(crate) expires: u64,
}

/// What one of the others said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) user: String,
    /// Who that was, so that it can be seen whether it would still count.
    pub(crate) identity: Identity,
    pub(crate) approves: bool,
    pub(crate) time: u64,
}

/// What becomes of a request that carries the approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Claimed {
    /// It is to be done now.
    Begin,
    /// It was done, and answered with this.
    Answered(Vec<u8>),
}

/// What others are asked to approve: one request of one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Approval {
    pub(crate) id: ApprovalId,
    pub(crate) ask: Ask,
    pub(crate) terms: Terms,
    pub(crate) salt: [u8; 16],
    /// Of the whole request: another one is not approved.
    pub(crate) digest: Vec<u8>,
    pub(crate) decisions: Vec<Decision>,
    /// As far as it does not follow from the decisions and the time.
    pub(crate) stage: State,
    /// Uses of the key that are left, once it was taken up, and their end.
    pub(crate) uses: Uses,
    /// When it came to its end, and what the asker was answered then.
    pub(crate) closed: u64,
    pub(crate) answer: Vec<u8>,
}

/// Uses of a key that others have approved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Uses {
    pub(crate) left: u32,
    /// In seconds since 1970.
    pub(crate) end: u64,
}

/// How long an approval that came to its end is kept, so that a request that is sent again gets
/// the same answer, in seconds.
const KEEP_CLOSED: u64 = 86_400;

impl Approval {
    /// Begins to wait. The request is in its encoding.
    pub(crate) fn new(
        id: ApprovalId,
        ask: Ask,
        terms: Terms,
        salt: [u8; 16],
        request: &[u8],
    ) -> Approval {
        let mut approval = Approval {
            id,
            ask,
            terms,
            salt,
            digest: Vec::new(),
            decisions: Vec::new(),
            stage: State::Waiting,
            uses: Uses::default(),
            closed: 0,
            answer: Vec::new(),
        };
        approval.digest = approval.digest_of(request);
        approval
    }

    /// The digest of a request of the asker. The salt keeps secrets in it from being guessed.
    fn digest_of(&self, request: &[u8]) -> Vec<u8> {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(b"keyward approval 1");
        context.update(&self.salt);
        context.update(&(self.ask.user.len() as u64).to_be_bytes());
        context.update(self.ask.user.as_bytes());
        context.update(request);
        context.finish().as_ref().to_vec()
    }

    /// Whether this is what a user asks for.
    pub(crate) fn is_for(&self, user: &str, request: &[u8]) -> bool {
        self.ask.user == user && self.digest == self.digest_of(request)
    }

    /// How it stands at a time.
    pub(crate) fn state(&self, now: u64) -> State {
        match self.stage {
            State::Waiting if now >= self.terms.expires => State::Expired,
            State::Waiting if self.count() >= self.terms.needed => State::Approved,
            stage => stage,
        }
    }

    /// Whether it was asked for under this rule.
    pub(crate) fn is_under(&self, rule: &Rule) -> bool {
        self.terms.needed == rule.needed && self.terms.approvers == rule.approvers()
    }

    /// What the audit log says of it.
    pub(crate) fn described(&self) -> String {
        format!("approval {}: {}", self.id, self.request())
    }

    /// What it allows, in a few words.
    pub(crate) fn request(&self) -> String {
        let Ask { operation, user, key, .. } = &self.ask;
        let key = key.as_ref().map(|key| format!(" {}", key.name)).unwrap_or_default();
        format!("{}{key} for {user}", operation.row().name)
    }

    /// What the facts say of something.
    pub(super) fn fact(&self, word: &str) -> Option<&str> {
        self.ask.facts.iter().find_map(|fact| fact.strip_prefix(word)?.strip_prefix(' '))
    }

    /// How many have approved.
    pub(crate) fn count(&self) -> u32 {
        self.approving(|_| true)
    }

    /// Whether it may still be decided or used.
    pub(crate) fn is_open(&self, now: u64) -> bool {
        matches!(self.state(now), State::Waiting | State::Approved | State::Begun)
    }

    fn approving(&self, counts: impl Fn(&Decision) -> bool) -> u32 {
        self.decisions.iter().filter(|decision| decision.approves && counts(decision)).count()
            as u32
    }

    /// Notes what somebody said who may. An approval that is given twice counts once; a denial is
    /// final.
    pub(crate) fn decide(&mut self, decision: Decision) -> Result<()> {
        if decision.user == self.ask.user {
            let message = format!("approval {} is your own request", self.id);
            return Err(Error::new(ErrorKind::PermissionDenied, message)
                .hint("others have to decide; keyward approval cancel takes it back"));
        }
        self.check_open(decision.time)?;
        let known = |earlier: &Decision| earlier.user == decision.user && earlier.approves;
        if decision.approves && self.decisions.iter().any(known) {
            return Ok(());
        }
        if !decision.approves {
            self.close(State::Denied, decision.time);
        }
        self.decisions.push(decision);
        Ok(())
    }

    /// Takes the request back.
    pub(crate) fn cancel(&mut self, user: &str, now: u64) -> Result<()> {
        if user != self.ask.user {
            let message = format!("approval {} was asked for by {}", self.id, self.ask.user);
            return Err(Error::new(ErrorKind::PermissionDenied, message)
                .hint("only who asked can cancel; who may approve can deny"));
        }
        self.check_open(now)?;
        self.close(State::Cancelled, now);
        Ok(())
    }

    /// Notes that its key or rule has changed.
    pub(crate) fn outdate(&mut self, now: u64) {
        if matches!(self.state(now), State::Waiting | State::Approved) {
            self.close(State::Outdated, now);
        }
    }

    /// Whether it has expired and that was not noted yet.
    pub(crate) fn has_expired(&self, now: u64) -> bool {
        self.stage == State::Waiting && self.state(now) == State::Expired
    }

    /// Notes that it has expired.
    pub(crate) fn expire(&mut self) {
        self.close(State::Expired, self.terms.expires);
    }

    /// Whether it came to its end without having been used.
    pub(crate) fn was_in_vain(&self) -> bool {
        !matches!(self.stage, State::Waiting | State::Begun | State::Used)
    }

    /// Moves its end by as much as the clock was set back, while that lies ahead; whether it does.
    pub(crate) fn clock_set_back(&mut self, seconds: u64) -> bool {
        let end = match self.stage {
            State::Waiting | State::Begun => &mut self.terms.expires,
            State::Used if self.uses.left > 0 => &mut self.uses.end,
            _ => return false,
        };
        *end = end.saturating_sub(seconds);
        true
    }

    /// Whether nothing more can come of it.
    pub(crate) fn is_past(&self, now: u64) -> bool {
        let closed = !matches!(self.stage, State::Waiting | State::Begun);
        closed && now >= self.closed.max(self.uses.end).saturating_add(KEEP_CLOSED)
    }

    /// Takes the approval for a request, if enough of those who approved may still do so.
    pub(crate) fn claim(
        &mut self,
        user: &str,
        request: &[u8],
        now: u64,
        counts: impl Fn(&Decision) -> bool,
    ) -> Result<Claimed> {
        if self.ask.user != user {
            return Err(unknown(self.id));
        }
        if !self.is_for(user, request) {
            let message = format!("approval {} is for another request than this", self.id);
            return Err(Error::invalid(message).hint(
                "repeat exactly what was asked for, or ask anew by leaving out the approval",
            ));
        }
        if self.stage == State::Used {
            return Ok(Claimed::Answered(self.answer.clone()));
        }
        self.check_open(now)?;
        let standing = self.approving(counts);
        if standing < self.terms.needed {
            return Err(self.missing(standing));
        }
        self.stage = State::Begun;
        Ok(Claimed::Begin)
    }

    /// What was begun did not come about: it may be tried again.
    pub(crate) fn give_back(&mut self) {
        if self.stage == State::Begun {
            self.stage = State::Waiting;
        }
    }

    /// What was begun is done; who asks again gets this answer.
    pub(crate) fn settle(&mut self, answer: Vec<u8>, now: u64) {
        if self.stage == State::Begun {
            self.close(State::Used, now);
            self.answer = answer;
        }
    }

    /// Takes one of the uses that are left; whether there was one.
    pub(crate) fn spend(&mut self, now: u64) -> bool {
        let may = self.stage == State::Used && self.uses.left > 0 && now < self.uses.end;
        self.uses.left -= u32::from(may);
        may
    }

    fn close(&mut self, stage: State, now: u64) {
        self.stage = stage;
        self.closed = now;
    }

    /// The error that tells the asker to wait.
    pub(crate) fn missing(&self, standing: u32) -> Error {
        let Terms { needed, approvers, .. } = &self.terms;
        let (id, name) = (self.id, self.ask.operation.row().name);
        let (what, then) = match &self.ask.key {
            Some(key) if self.ask.operation == Operation::UseKey => {
                (format!("each use of key {}", key.name), "repeat this".to_owned())
            }
            _ => (format!("\"{name}\""), format!("repeat this with --approval {id}")),
        };
        let message = format!(
            "{what} needs the approval of others, and approval {id} has {standing} of {needed}"
        );
        let hint = format!(
            "one of {} runs: keyward approval approve {id}; then {then}",
            approvers.join(", ")
        );
        Error::new(ErrorKind::ApprovalRequired, message).hint(hint).waits_for(id)
    }

    fn check_open(&self, now: u64) -> Result<()> {
        let id = self.id;
        let (kind, message) = match self.state(now) {
            State::Waiting | State::Approved => return Ok(()),
            State::Begun => {
                let message = format!("what approval {id} allows is being done at this moment");
                return Err(Error::new(ErrorKind::Busy, message));
            }
            State::Denied => {
                let by = self.decisions.last().map_or("", |decision| decision.user.as_str());
                (ErrorKind::PermissionDenied, format!("approval {id} was denied by {by}"))
            }
            State::Cancelled => (ErrorKind::Unsupported, format!("approval {id} was cancelled")),
            State::Expired => (ErrorKind::Unsupported, format!("approval {id} has expired")),
            State::Used => (ErrorKind::Unsupported, format!("approval {id} was used")),
            State::Outdated | State::Unknown => (
                ErrorKind::Unsupported,
                format!("approval {id} is outdated: its key or rule has changed since"),
            ),
        };
        Err(Error::new(kind, message).hint("ask anew: repeat the request without the approval"))
    }
}

/// The error for an approval that there is not, or not for the caller.
pub(crate) fn unknown(id: ApprovalId) -> Error {
    let message = format!("there is no approval {id}, or none that you may see");
    Error::new(ErrorKind::NotFound, message)
        .hint("keyward approval list shows those that you asked for and those that you may decide")
}
