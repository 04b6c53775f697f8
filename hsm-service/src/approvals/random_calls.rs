//! Random calls of the state machine, beside a second account of what they must come to.

use std::collections::BTreeSet;

use keyward_algorithms::{ErrorKind, Operation};
use keyward_protocol::{ApprovalId, messages::ApprovalState as State};
use proptest::prelude::*;

use super::approval::{Approval, Ask, Claimed, Decision, Terms};
use crate::identity::Identity;

const NEEDED: u32 = 2;
const EXPIRES: u64 = 1100;
const REQUEST: &[u8] = b"delete alice/web";

#[derive(Clone, Debug)]
enum Call {
    Decide { user: u8, approves: bool },
    Cancel { user: u8 },
    Claim { user: u8, same_request: bool },
    GiveBack,
    Settle,
    Outdate,
    Lose { user: u8 },
    Pass { seconds: u64 },
    Restart,
}

fn call() -> impl Strategy<Value = Call> {
    let user = 0..4u8;
    prop_oneof![
        6 => (user.clone(), any::<u8>())
            .prop_map(|(user, die)| Call::Decide { user, approves: die > 20 }),
        1 => user.clone().prop_map(|user| Call::Cancel { user }),
        6 => (user.clone(), any::<u8>())
            .prop_map(|(user, die)| Call::Claim { user: user / 2, same_request: die > 30 }),
        3 => Just(Call::GiveBack),
        2 => Just(Call::Settle),
        1 => Just(Call::Outdate),
        2 => user.prop_map(|user| Call::Lose { user }),
        3 => (0..60u64).prop_map(|seconds| Call::Pass { seconds }),
        3 => Just(Call::Restart),
    ]
}

/// User 0 asks, the others decide.
fn name(user: u8) -> String {
    ["alice", "bob", "carol", "dave"][user as usize].into()
}

/// An approval that waits.
pub(crate) fn waiting(number: u64) -> Approval {
    let ask = Ask {
        operation: Operation::Delete,
        user: name(0),
        identity: "cert:alice".into(),
        key: None,
        facts: vec!["to x".into()],
    };
    let terms = Terms {
        needed: NEEDED,
        approvers: vec!["role:admin".into()],
        asked: 900 + number,
        expires: EXPIRES,
    };
    let id = ApprovalId::from_wire(number).unwrap();
    Approval::new(id, ask, terms, [3; 16], REQUEST)
}

/// What must be true, told in its own words.
#[derive(Default)]
struct Account {
    approved: BTreeSet<u8>,
    /// Those who may not approve any more.
    lost: BTreeSet<u8>,
    ended: bool,
    begun: bool,
    done: u32,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]
    #[test]
    fn what_is_approved_is_done_once_and_nothing_else_is(calls in prop::collection::vec(call(), 1..60)) {
        let mut approval = waiting(7);
        let mut account = Account::default();
        let mut now = 1000;
        for call in calls {
            let open = !account.ended && !account.begun && account.done == 0 && now < EXPIRES;
            match call {
                Call::Decide { user, approves } => {
                    let identity = Identity::Process { uid: user.into(), gids: vec![] };
                    let decision = Decision { user: name(user), identity, approves, time: now };
                    let decided = approval.decide(decision);
                    prop_assert_eq!(decided.is_ok(), open && user != 0);
                    match decided.is_ok() {
                        true if approves => drop(account.approved.insert(user)),
                        true => account.ended = true,
                        false => {}
                    }
                }
                Call::Cancel { user } => {
                    let cancelled = approval.cancel(&name(user), now).is_ok();
                    prop_assert_eq!(cancelled, open && user == 0);
                    account.ended |= cancelled;
                }
                Call::Claim { user, same_request } => {
                    let request = if same_request { REQUEST } else { b"delete alice/db" };
                    let counts = |decision: &Decision| {
                        !account.lost.iter().any(|lost| name(*lost) == decision.user)
                    };
                    let right = user == 0 && same_request;
                    let standing = account.approved.difference(&account.lost).count() as u32;
                    match approval.claim(&name(user), request, now, counts) {
                        Ok(Claimed::Begin) => {
                            prop_assert!(right && open && standing >= NEEDED);
                            account.begun = true;
                        }
                        Ok(Claimed::Answered(answer)) => {
                            prop_assert!(right && account.done == 1);
                            prop_assert_eq!(answer, b"done".to_vec());
                        }
                        Err(error) => {
                            prop_assert!(!right || (account.done == 0 && !(open && standing >= NEEDED)));
                            if right && open {
                                prop_assert_eq!(error.kind, ErrorKind::ApprovalRequired);
                                prop_assert_eq!(error.approval, Some(approval.id));
                            }
                        }
                    }
                }
                Call::GiveBack => {
                    approval.give_back();
                    account.begun = false;
                }
                Call::Settle => {
                    approval.settle(b"done".to_vec(), now);
                    account.done += u32::from(account.begun);
                    account.begun = false;
                }
                Call::Outdate => {
                    approval.outdate(now);
                    account.ended |= open;
                }
                Call::Lose { user } => drop(account.lost.insert(user)),
                Call::Pass { seconds } => now += seconds,
                Call::Restart => {
                    let read = Approval::decode(&approval.encode());
                    prop_assert_eq!(read.as_ref(), Some(&approval));
                    approval = read.unwrap();
                }
            }
            prop_assert!(account.done <= 1);
            let state = approval.state(now);
            prop_assert_eq!(state == State::Used, account.done == 1);
            prop_assert_eq!(state == State::Begun, account.begun);
            let enough = account.approved.len() as u32 >= NEEDED;
            let still_open = !account.ended && !account.begun && account.done == 0 && now < EXPIRES;
            prop_assert_eq!(state == State::Approved, still_open && enough);
            prop_assert_eq!(state == State::Waiting, still_open && !enough);
        }
    }
}
