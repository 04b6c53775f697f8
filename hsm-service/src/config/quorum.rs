//! Which operations wait for the approval of others: the `[[quorum]]` sections.

use std::collections::{BTreeMap, BTreeSet};

use keyward_algorithms::Operation;
use serde::{Deserialize, Deserializer, de};

use super::UserConfig;
use crate::{Error, Result, approvals::Approver, span::Span};

/// Operations that wait until so many others have approved.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuorumConfig {
    /// The operations.
    #[serde(deserialize_with = "operations")]
    pub operations: Vec<Operation>,
    /// How many users have to approve, besides the one who asks.
    pub approvals: u32,
    /// Who may: `role:admin`, or the name of a user.
    pub approvers: Vec<Approver>,
    /// How long there is for it, from asking to doing.
    #[serde(default = "one_hour")]
    pub lifetime: Span,
}

/// The most approvals that can be asked for.
const MAX_APPROVALS: u32 = 16;

/// The shortest and the longest time that there is for an approval.
const LIFETIMES: [Span; 2] = [Span::of_seconds(60), Span::of_seconds(30 * 86_400)];

fn one_hour() -> Span {
    Span::of_seconds(3600)
}

fn operations<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Vec<Operation>, D::Error> {
    let operation = |word: &String| {
        let known = Operation::from_name(word).filter(|operation| operation.row().quorum);
        known.ok_or_else(|| {
            let possible = Operation::ALL.iter().map(|operation| operation.row());
            let names: Vec<String> =
                possible.filter(|row| row.quorum).map(|row| format!("`{}`", row.name)).collect();
            de::Error::custom(format!(
                "unknown operation `{word}`, what can be under quorum is {}",
                names.join(", ")
            ))
        })
    };
    Vec::<String>::deserialize(from)?.iter().map(operation).collect()
}

/// Checks that each section can be fulfilled, and that they cannot be got round.
pub(super) fn check(
    sections: &[QuorumConfig],
    users: &[UserConfig],
    listens_on_tls: bool,
) -> Result<()> {
    let mut seen = BTreeSet::new();
    for QuorumConfig { operations, approvals, approvers, lifetime } in sections {
        if operations.is_empty() || approvers.is_empty() {
            return Err(Error::invalid("a [[quorum]] section names no operations or no approvers")
                .hint("write operations = [\"delete\"] and approvers = [\"role:admin\"]"));
        }
        if !(1..=MAX_APPROVALS).contains(approvals) {
            let message = format!("a quorum of {approvals} approvals makes no sense");
            return Err(Error::invalid(message)
                .hint(format!("`approvals` is from 1 to {MAX_APPROVALS}, the asker not counted")));
        }
        let [shortest, longest] = LIFETIMES;
        if !(shortest..=longest).contains(lifetime) {
            let message = format!("approvals cannot have a lifetime of {lifetime}");
            return Err(
                Error::invalid(message).hint(format!("`lifetime` is from {shortest} to {longest}"))
            );
        }
        let names: BTreeSet<String> = approvers.iter().map(ToString::to_string).collect();
        let by_role = approvers.iter().any(|approver| matches!(approver, Approver::Role(_)));
        if !by_role && names.len() < *approvals as usize {
            let message = format!(
                "a quorum of {approvals} approvals can never be reached: its approvers are {}",
                names.into_iter().collect::<Vec<_>>().join(", ")
            );
            return Err(Error::invalid(message)
                .hint("name more approvers; who asks does not count as one of them"));
        }
        if let Some(twice) = operations.iter().find(|operation| !seen.insert(**operation)) {
            let message = format!("the operation \"{}\" is under quorum twice", twice.row().name);
            return Err(Error::invalid(message).hint("name it in one [[quorum]] section alone"));
        }
    }
    let round = || Error::invalid("one administrator alone could get round the quorum");
    if !sections.is_empty() && listens_on_tls && !seen.contains(&Operation::Enrol) {
        return Err(round().hint(
            "whoever may enrol clients can make approvers: add \"enrol\" to the operations",
        ));
    }
    if !sections.is_empty() && share_an_identity(users) && !seen.contains(&Operation::SetPin) {
        return Err(round().hint(
            "users of one identity are told apart by their PINs, and whoever may set those can be any \
             of them: add \"set-pin\" to the operations",
        ));
    }
    Ok(())
}

/// Whether one identity belongs to several users.
fn share_an_identity(users: &[UserConfig]) -> bool {
    let mut owners: BTreeMap<String, &str> = BTreeMap::new();
    let identities = users.iter().flat_map(|user| {
        user.identities.iter().map(|identity| (identity.to_string(), user.name.as_str()))
    });
    identities.into_iter().any(|(identity, user)| *owners.entry(identity).or_insert(user) != user)
}
