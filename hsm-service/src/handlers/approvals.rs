//! Approvals: who may see them, and who decides.

use std::cmp::Reverse;

use keyward_algorithms::{ErrorKind, Operation};
use keyward_protocol::{
    ApprovalId,
    constants::MAX_FRAME_BYTES,
    messages::{self, ListApprovals, UseKey},
};
use prost::Message;

use crate::{
    Error, Result, Service,
    approvals::{self, Approval, Decision, Rule},
    audit::Trail,
    clock::now,
    execute::Reply,
    identity::{Caller, Role},
    policy::{self, Target},
};

/// Those that the caller has asked for or may decide; administrators and auditors see all.
pub(crate) fn list(service: &Service, caller: &Caller, request: &ListApprovals) -> Result<Reply> {
    policy::authorise(caller, Operation::ListApprovals, Target::Service)?;
    let one = ApprovalId::from_wire(request.approval);
    let mut all = service.approvals.all(one)?;
    all.retain(|approval| sees(service, caller, approval));
    match (all.is_empty(), one) {
        (true, Some(id)) => Err(approvals::unknown(id)),
        _ => Ok(answer(fitting(all, now(), LIST_BYTES))),
    }
}

/// The most bytes of approvals in one answer.
const LIST_BYTES: usize = MAX_FRAME_BYTES - 1024;

/// Those that have room in so many bytes: what is open before what came to its end, and of each the
/// newest. Whoever knows the number of one sees that by itself.
fn fitting(mut all: Vec<Approval>, now: u64, mut room: usize) -> Vec<Approval> {
    all.sort_by_key(|approval| Reverse((approval.is_open(now), approval.terms.asked, approval.id)));
    all.retain(|approval| {
        let bytes = approval.shown(now).encoded_len() + 8;
        let fits = bytes <= room;
        room = if fits { room - bytes } else { 0 };
        fits
    });
    all.sort_by_key(|approval| (approval.terms.asked, approval.id));
    all
}

/// Approves or denies what another user has asked for.
pub(crate) fn decide(
    service: &Service,
    caller: &Caller,
    approval: u64,
    approves: bool,
    trail: &mut Trail,
) -> Result<Reply> {
    let operation = if approves { Operation::Approve } else { Operation::Deny };
    policy::authorise(caller, operation, Target::Service)?;
    let user = policy::logged_in(caller)?;
    let asked = visible(service, caller, approval)?;
    trail.says(&asked.request());
    let settings = service.live.settings();
    match settings.quorum.rule(asked.ask.operation) {
        Some(rule) if asked.is_under(rule) => check_approver(rule, caller, &asked)?,
        _ => service.approvals.outdate(asked.id)?,
    }
    let (identity, time) = (caller.identity.clone(), now());
    let decision = Decision { user: user.to_owned(), identity, approves, time };
    let decided = service.approvals.decide(asked.id, decision)?;
    Ok(answer(vec![decided]))
}

/// Takes back what the caller has asked for.
pub(crate) fn cancel(
    service: &Service,
    caller: &Caller,
    approval: u64,
    trail: &mut Trail,
) -> Result<Reply> {
    policy::authorise(caller, Operation::CancelApproval, Target::Service)?;
    let user = policy::logged_in(caller)?;
    let asked = visible(service, caller, approval)?;
    trail.says(&asked.request());
    Ok(answer(vec![service.approvals.cancel(asked.id, user)?]))
}

/// Takes up an approval for uses of a key.
pub(crate) fn use_key(
    service: &Service,
    caller: &Caller,
    asked: &UseKey,
    approval: u64,
) -> Result<Reply> {
    policy::logged_in(caller)?;
    match ApprovalId::from_wire(approval) {
        Some(id) => service.approvals.take_up(id, asked),
        None => Err(Error::new(ErrorKind::Unsupported, "uses of keys are not under quorum here")
            .hint("name \"use-key\" in a [[quorum]] section of the service's configuration")),
    }
}

fn visible(service: &Service, caller: &Caller, approval: u64) -> Result<Approval> {
    let id = ApprovalId::from_wire(approval)
        .ok_or_else(|| Error::invalid("the request names no approval"))?;
    let approval = service.approvals.get(id)?;
    if sees(service, caller, &approval) { Ok(approval) } else { Err(approvals::unknown(id)) }
}

fn sees(service: &Service, caller: &Caller, approval: &Approval) -> bool {
    let settings = service.live.settings();
    let rule = settings.quorum.rule(approval.ask.operation);
    caller.user.as_deref() == Some(approval.ask.user.as_str())
        || caller.has(Role::Admin)
        || caller.has(Role::Auditor)
        || rule.is_some_and(|rule| rule.admits(caller))
}

fn check_approver(rule: &Rule, caller: &Caller, approval: &Approval) -> Result<()> {
    // Who asks is told that the request is its own, which says more.
    if rule.admits(caller) || caller.user.as_deref() == Some(approval.ask.user.as_str()) {
        return Ok(());
    }
    let name = approval.ask.operation.row().name;
    let message = format!("you are not among those who decide on \"{name}\"");
    Err(Error::new(ErrorKind::PermissionDenied, message)
        .hint(format!("those are {}", rule.approvers().join(", "))))
}

fn answer(all: Vec<Approval>) -> Reply {
    let now = now();
    let shown = all.iter().map(|approval| approval.shown(now)).collect();
    Reply::Approvals(messages::Approvals { approvals: shown })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::approvals::random_calls::waiting;

    #[test]
    fn a_list_that_is_too_long_leaves_out_what_ended_first() {
        let ended = |number| {
            let mut approval = waiting(number);
            approval.cancel("alice", 1000).unwrap();
            approval
        };
        let all = || vec![ended(1), waiting(2), ended(3), waiting(4)];
        let bytes = waiting(1).shown(1000).encoded_len() + 8;
        let listed = |room| {
            let fitting = fitting(all(), 1000, room);
            fitting.iter().map(|approval| approval.terms.asked).collect::<Vec<_>>()
        };
        assert_eq!(listed(5 * bytes), [901, 902, 903, 904]);
        assert_eq!(listed(3 * bytes), [902, 903, 904]);
        assert_eq!(listed(2 * bytes), [902, 904]);
        assert_eq!(listed(bytes), [904]);
        assert!(listed(0).is_empty());
    }
}
