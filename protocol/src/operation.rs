//! Which row of the operations table a request belongs to.

use keyward_algorithms::Operation;

use crate::messages::request;

/// The operation of the table that a request asks for.
pub const fn operation_of(operation: &request::Operation) -> Operation {
    use request::Operation as Asked;
    match operation {
        Asked::Hello(_) => Operation::Hello,
        Asked::Status(_) => Operation::Status,
        Asked::Find(_) => Operation::Find,
        Asked::List(_) => Operation::List,
        Asked::Sign(_) => Operation::Sign,
        Asked::Verify(_) => Operation::Verify,
        Asked::Encrypt(_) => Operation::Encrypt,
        Asked::Decrypt(_) => Operation::Decrypt,
        Asked::Derive(_) => Operation::Derive,
        Asked::Decapsulate(_) => Operation::Decapsulate,
        Asked::Random(_) => Operation::Random,
        Asked::Generate(_) => Operation::Generate,
        Asked::Import(_) => Operation::Import,
        Asked::Rename(_) => Operation::Rename,
        Asked::Delete(_) => Operation::Delete,
        Asked::SetChain(_) => Operation::SetChain,
        Asked::Share(_) => Operation::Share,
        Asked::Enrol(_) => Operation::Enrol,
        Asked::Encipher(_) => Operation::Encipher,
        Asked::Decipher(_) => Operation::Decipher,
        Asked::Mac(_) => Operation::Mac,
        Asked::VerifyMac(_) => Operation::VerifyMac,
        Asked::Wrap(_) => Operation::Wrap,
        Asked::Unwrap(_) => Operation::Unwrap,
        Asked::DeriveKey(_) => Operation::DeriveKey,
        Asked::ListClients(_) => Operation::ListClients,
        Asked::RevokeClient(_) => Operation::RevokeClient,
        Asked::RenewClient(_) => Operation::RenewClient,
        Asked::ListUsers(_) => Operation::ListUsers,
        Asked::ShowAuthority(_) => Operation::ShowAuthority,
        Asked::RotateAuthority(_) => Operation::RotateAuthority,
        Asked::Login(_) => Operation::Login,
        Asked::SetPin(_) => Operation::SetPin,
        Asked::ClearPin(_) => Operation::ClearPin,
        Asked::UnlockUser(_) => Operation::UnlockUser,
        Asked::ListApprovals(_) => Operation::ListApprovals,
        Asked::Approve(_) => Operation::Approve,
        Asked::Deny(_) => Operation::Deny,
        Asked::CancelApproval(_) => Operation::CancelApproval,
        Asked::UseKey(_) => Operation::UseKey,
        Asked::MakeBackup(_) => Operation::MakeBackup,
        Asked::ListBackups(_) => Operation::ListBackups,
        Asked::Restrict(_) => Operation::Restrict,
        Asked::ReadAudit(_) => Operation::ReadAudit,
        Asked::AuditHead(_) => Operation::AuditHead,
        Asked::SelfTest(_) => Operation::SelfTest,
        Asked::Unseal(_) => Operation::Unseal,
        Asked::ShowSeal(_) => Operation::ShowSeal,
        Asked::ChangeSeal(_) => Operation::ChangeSeal,
        Asked::LockSeal(_) => Operation::LockSeal,
        Asked::Zeroize(_) => Operation::Zeroize,
    }
}
