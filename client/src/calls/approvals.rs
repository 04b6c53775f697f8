//! What waits for the approval of others.

use keyward_protocol::{
    ApprovalId, Error, KeyId, Result,
    messages::{self, request::Operation, response},
};

use super::unexpected;
use crate::Client;

impl Client {
    /// What waits for the approval of others, as far as the caller may see it; or one of that.
    pub fn list_approvals(&self, one: Option<ApprovalId>) -> Result<Vec<messages::Approval>> {
        let list = messages::ListApprovals { approval: ApprovalId::to_wire(one) };
        match self.call(Operation::ListApprovals(list))? {
            response::Result::Approvals(list) => Ok(list.approvals),
            _ => Err(unexpected()),
        }
    }

    /// Approves what another user has asked for.
    pub fn approve(&self, approval: ApprovalId) -> Result<messages::Approval> {
        let approval = ApprovalId::to_wire(Some(approval));
        self.approval(Operation::Approve(messages::Approve { approval }))
    }

    /// Denies what another user has asked for, for good.
    pub fn deny(&self, approval: ApprovalId) -> Result<messages::Approval> {
        let approval = ApprovalId::to_wire(Some(approval));
        self.approval(Operation::Deny(messages::Deny { approval }))
    }

    /// Takes back what the caller has asked for.
    pub fn cancel_approval(&self, approval: ApprovalId) -> Result<messages::Approval> {
        let approval = ApprovalId::to_wire(Some(approval));
        self.approval(Operation::CancelApproval(messages::CancelApproval { approval }))
    }

    /// Asks for uses of a key that is used with approvals alone, within so many seconds; the
    /// approval that others have to give. The uses take it up by themselves.
    pub fn ask_for_uses(&self, key: &KeyId, uses: u32, seconds: u64) -> Result<ApprovalId> {
        let use_key = messages::UseKey { key_id: key.as_bytes().to_vec(), uses, seconds };
        match self.done(Operation::UseKey(use_key)) {
            Err(Error { approval: Some(approval), .. }) => Ok(approval),
            Err(error) => Err(error),
            Ok(()) => Err(unexpected()),
        }
    }

    fn approval(&self, operation: Operation) -> Result<messages::Approval> {
        match self.call(operation)? {
            response::Result::Approvals(mut list) if list.approvals.len() == 1 => {
                Ok(list.approvals.remove(0))
            }
            _ => Err(unexpected()),
        }
    }
}
