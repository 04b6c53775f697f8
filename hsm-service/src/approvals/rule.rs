//! The rules: which operations wait, for how many, and who may approve.

use std::{fmt, sync::Arc};

use keyward_algorithms::{Operation, Role};
use keyward_protocol::check_name;
use serde::Deserialize;

use crate::{config::QuorumConfig, identity::Caller, span::Span};

/// Who may approve.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Approver {
    /// Every user with a role.
    Role(Role),
    /// One user.
    User(String),
}

impl TryFrom<String> for Approver {
    type Error = String;

    fn try_from(text: String) -> Result<Approver, String> {
        match text.split_once(':') {
            Some(("role", word)) => Role::from_word(word).map(Approver::Role).ok_or_else(|| {
                format!("there is no role \"{word}\"; the roles are {}", Role::words())
            }),
            Some(_) => Err(format!("\"{text}\" is no approver: write role:ROLE or a user's name")),
            None => match check_name("user", &text) {
                Ok(()) => Ok(Approver::User(text)),
                Err(error) => Err(error.to_string()),
            },
        }
    }
}

impl fmt::Display for Approver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Approver::Role(role) => write!(f, "role:{role}"),
            Approver::User(user) => f.write_str(user),
        }
    }
}

/// What an operation waits for.
#[derive(Debug)]
pub(crate) struct Rule {
    /// How many have to approve.
    pub(crate) needed: u32,
    approvers: Vec<Approver>,
    /// How long there is for it.
    pub(crate) lifetime: Span,
}

impl Rule {
    /// Whether a caller is one of those who may approve.
    pub(crate) fn admits(&self, caller: &Caller) -> bool {
        let Some(user) = caller.user.as_deref() else { return false };
        let is = |approver: &Approver| match approver {
            Approver::Role(role) => caller.has(*role),
            Approver::User(name) => name == user && !caller.roles.is_empty(),
        };
        caller.refused.is_none() && self.approvers.iter().any(is)
    }

    /// Who may approve, in words.
    pub(crate) fn approvers(&self) -> Vec<String> {
        self.approvers.iter().map(ToString::to_string).collect()
    }
}

/// The rules of a configuration.
#[derive(Debug, Default)]
pub(crate) struct Quorum(Vec<(Operation, Arc<Rule>)>);

impl Quorum {
    /// The rules of these sections.
    pub(crate) fn new(sections: &[QuorumConfig]) -> Quorum {
        let mut rules = Vec::new();
        for section in sections {
            let rule = Arc::new(Rule {
                needed: section.approvals,
                approvers: section.approvers.clone(),
                lifetime: section.lifetime,
            });
            rules
                .extend(section.operations.iter().map(|operation| (*operation, Arc::clone(&rule))));
        }
        Quorum(rules)
    }

    /// What the audit log says of the rules.
    pub(crate) fn described(&self) -> String {
        let rule = |(operation, rule): &(Operation, Arc<Rule>)| {
            let Rule { needed, lifetime, .. } = &**rule;
            let (name, approvers) = (operation.row().name, rule.approvers().join(","));
            format!("{name}: {needed} of {approvers} within {lifetime}")
        };
        let rules: Vec<String> = self.0.iter().map(rule).collect();
        if rules.is_empty() { "none".into() } else { rules.join("; ") }
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What an operation waits for, if it does.
    pub(crate) fn rule(&self, operation: Operation) -> Option<&Arc<Rule>> {
        self.0.iter().find(|(known, _)| *known == operation).map(|(_, rule)| rule)
    }
}
