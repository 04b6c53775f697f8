//! The operations of the protocol, what each asks of its caller, and whether it may be repeated.

use crate::{Right, Role, ServiceState, table};

/// What an operation asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requires {
    /// Nothing: any peer that completed the transport's authentication.
    Connection,
    /// A known user, of whatever role, who has logged in where that is asked.
    User,
    /// A known user with this role.
    Role(Role),
    /// The role [`Role::User`], and this right on the key that the request names.
    Key(Right),
    /// The role [`Role::User`], and the right on the key that the chosen algorithm asks for
    /// ([`Right::Sign`] or [`Right::Raw`], say).
    KeyByAlgorithm,
}

impl Requires {
    /// The role without which an operation is refused; `None` where it needs none.
    pub const fn role(self) -> Option<Role> {
        match self {
            Requires::Connection | Requires::User => None,
            Requires::Role(role) => Some(role),
            Requires::Key(_) | Requires::KeyByAlgorithm => Some(Role::User),
        }
    }
}

/// What the audit log keeps of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audit {
    /// Nothing: it changes nothing and uses no key.
    Nothing,
    /// A use of a key, which is in the log before its reply goes out.
    Use,
    /// A login, which is in the log before its reply goes out, whatever is said about uses.
    Login,
    /// An act of management, which is on disk before its reply goes out.
    Act,
}

/// The facts about one operation.
#[derive(Debug)]
pub struct OperationRow {
    /// The word for it in logs and documentation.
    pub name: &'static str,
    /// What its caller needs.
    pub requires: Requires,
    /// What the audit log keeps of it.
    pub audit: Audit,
    /// Whether a client may send it again when it does not know if it was carried out.
    pub repeatable: bool,
    /// Whether it may rightly take many seconds, as making a large RSA key does.
    pub slow: bool,
    /// In which states of the service it can be called.
    pub states: &'static [ServiceState],
    /// Whether the configuration can make it wait until others have approved.
    pub quorum: bool,
}

impl OperationRow {
    /// Whether it belongs to management and not to the daily use of keys: it may wait for the disk or
    /// for others, or work for seconds, and must not hold up signatures.
    pub const fn is_management(&self) -> bool {
        matches!(self.audit, Audit::Act)
            || matches!(self.requires, Requires::Role(Role::Admin | Role::Operator | Role::Auditor))
    }
}

/// While keys can be used.
const OPERATIONAL: &[ServiceState] = &[ServiceState::Operational];

/// However the service is.
const ALWAYS: &[ServiceState] = ServiceState::ALL;

/// While there is a seal to open or to close.
const UNSEALABLE: &[ServiceState] = &[ServiceState::Sealed, ServiceState::Operational];

/// While there are keys, whether they can be used or not.
const HAS_KEYS: &[ServiceState] =
    &[ServiceState::Sealed, ServiceState::Operational, ServiceState::Failed];

/// But not while it is sealed: what a sealed service records reaches the log when it is unsealed.
const NOT_SEALED: &[ServiceState] =
    &[ServiceState::Uninitialised, ServiceState::Operational, ServiceState::Failed];

table! {
    /// What a request asks the service to do. The code is the field number in `keyward.proto`.
    pub enum Operation: OperationRow {
        /// Opens a connection: versions and capabilities.
        Hello = 10 => { name: "hello", requires: Requires::Connection,
            audit: Audit::Nothing, repeatable: true, slow: false, states: ALWAYS, quorum: false },
        /// Health and identity of the service.
        Status = 11 => { name: "status", requires: Requires::Connection,
            audit: Audit::Nothing, repeatable: true, slow: false, states: ALWAYS, quorum: false },
        /// Finds one key by name or identifier.
        Find = 12 => { name: "find", requires: Requires::Key(Right::See),
            audit: Audit::Nothing, repeatable: true, slow: false, states: OPERATIONAL, quorum: false },
        /// Lists the keys that the caller may see.
        List = 13 => { name: "list", requires: Requires::Role(Role::User),
            audit: Audit::Nothing, repeatable: true, slow: false, states: OPERATIONAL, quorum: false },
        /// Signs.
        Sign = 14 => { name: "sign", requires: Requires::KeyByAlgorithm,
            audit: Audit::Use, repeatable: true, slow: false, states: OPERATIONAL, quorum: false },
        /// Verifies with a key's public half.
        Verify = 15 => { name: "verify", requires: Requires::Key(Right::See),
            audit: Audit::Use, repeatable: true, slow: false, states: OPERATIONAL, quorum: false },
        /// Encrypts to a key's public half.
        Encrypt = 16 => { name: "encrypt", requires: Requires::Key(Right::See),
            audit: Audit::Use, repeatable: true, slow: false, states: OPERATIONAL, quorum: false },
        /// Decrypts.
        Decrypt = 17 => { name: "decrypt", requires: Requires::KeyByAlgorithm,
            audit: Audit::Use, repeatable: true, slow: false, states: OPERATIONAL, quorum: false },
        /// Agrees on a shared secret.
        Derive = 18 => { name: "derive", requires: Requires::Key(Right::Derive),
            audit: Audit::Use, repeatable: true, slow: false, states: OPERATIONAL, quorum: false },
        /// Random bytes.
        Random = 19 => { name: "random", requires: Requires::Role(Role::User),
            audit: Audit::Nothing, repeatable: true, slow: false, states: OPERATIONAL, quorum: false },
        /// Makes a key.
        Generate = 20 => { name: "generate", requires: Requires::Role(Role::User),
            audit: Audit::Act, repeatable: false, slow: true, states: OPERATIONAL, quorum: true },
        /// Takes in a key that was made elsewhere.
        Import = 21 => { name: "import", requires: Requires::Role(Role::User),
            audit: Audit::Act, repeatable: false, slow: true, states: OPERATIONAL, quorum: true },
        /// Gives a key another name.
        Rename = 22 => { name: "rename", requires: Requires::Key(Right::Manage),
            audit: Audit::Act, repeatable: false, slow: false, states: OPERATIONAL, quorum: true },
        /// Deletes a key.
        Delete = 23 => { name: "delete", requires: Requires::Key(Right::Manage),
            audit: Audit::Act, repeatable: false, slow: false, states: OPERATIONAL, quorum: true },
        /// Replaces the certificate chain beside a key.
        SetChain = 24 => { name: "set-chain", requires: Requires::Key(Right::Manage),
            audit: Audit::Act, repeatable: true, slow: false, states: OPERATIONAL, quorum: true },
        /// Gives another user rights on a key, or takes them away.
        Share = 25 => { name: "share", requires: Requires::Key(Right::Manage),
            audit: Audit::Act, repeatable: true, slow: false, states: OPERATIONAL, quorum: true },
        /// Issues a client certificate.
        Enrol = 26 => { name: "enrol", requires: Requires::Role(Role::Admin),
            audit: Audit::Act, repeatable: false, slow: false, states: OPERATIONAL, quorum: true },
        /// Encrypts with a secret key.
        Encipher = 30 => { name: "encipher", requires: Requires::Key(Right::Encrypt),
            audit: Audit::Use, repeatable: true, slow: false, states: OPERATIONAL, quorum: false },
        /// Decrypts with a secret key.
        Decipher = 31 => { name: "decipher", requires: Requires::Key(Right::Decrypt),
            audit: Audit::Use, repeatable: true, slow: false, states: OPERATIONAL, quorum: false },
        /// Makes a message authentication code.
        Mac = 32 => { name: "mac", requires: Requires::Key(Right::Sign),
            audit: Audit::Use, repeatable: true, slow: false, states: OPERATIONAL, quorum: false },
        /// Verifies a message authentication code.
        VerifyMac = 33 => { name: "verify-mac", requires: Requires::Key(Right::Verify),
            audit: Audit::Use, repeatable: true, slow: false, states: OPERATIONAL, quorum: false },
        /// Gives a key out, encrypted with another.
        Wrap = 34 => { name: "wrap", requires: Requires::Key(Right::Manage),
            audit: Audit::Act, repeatable: true, slow: false, states: OPERATIONAL, quorum: true },
        /// Takes in a key that is encrypted with one in the service.
        Unwrap = 35 => { name: "unwrap", requires: Requires::Key(Right::Unwrap),
            audit: Audit::Act, repeatable: false, slow: true, states: OPERATIONAL, quorum: true },
        /// Makes a key from another one.
        DeriveKey = 36 => { name: "derive-key", requires: Requires::Key(Right::Derive),
            audit: Audit::Act, repeatable: false, slow: true, states: OPERATIONAL, quorum: true },
        /// Keeps a certificate without a key, or gives one another name.
        PutCertificate = 37 => { name: "put-certificate", requires: Requires::Role(Role::User),
            audit: Audit::Act, repeatable: false, slow: false, states: OPERATIONAL, quorum: true },
        /// Deletes a certificate that is kept without a key.
        DeleteCertificate = 38 => { name: "delete-certificate", requires: Requires::Role(Role::User),
            audit: Audit::Act, repeatable: false, slow: false, states: OPERATIONAL, quorum: true },
        /// Lists the certificates that the caller keeps without a key, or shows one of them.
        ListCertificates = 39 => { name: "list-certificates", requires: Requires::Role(Role::User),
            audit: Audit::Nothing, repeatable: true, slow: false, states: OPERATIONAL, quorum: false },
        /// Takes the secret out of a ciphertext that was made with the public half of an ML-KEM key.
        Decapsulate = 42 => { name: "decapsulate", requires: Requires::Key(Right::Derive),
            audit: Audit::Use, repeatable: true, slow: false, states: OPERATIONAL, quorum: false },
        /// Reads a page of the audit log.
        ReadAudit = 50 => { name: "read-audit", requires: Requires::Role(Role::Auditor),
            audit: Audit::Nothing, repeatable: true, slow: false, states: NOT_SEALED, quorum: false },
        /// Tells where the audit log ends.
        AuditHead = 51 => { name: "audit-head", requires: Requires::Role(Role::Auditor),
            audit: Audit::Nothing, repeatable: true, slow: false, states: NOT_SEALED, quorum: false },
        /// Lists the client certificates that were issued.
        ListClients = 52 => { name: "list-clients", requires: Requires::Role(Role::Admin),
            audit: Audit::Nothing, repeatable: true, slow: false, states: OPERATIONAL, quorum: false },
        /// Shuts out a client certificate, or all of a user.
        RevokeClient = 53 => { name: "revoke-client", requires: Requires::Role(Role::Admin),
            audit: Audit::Act, repeatable: true, slow: false, states: OPERATIONAL, quorum: true },
        /// Issues another certificate to the holder of one.
        RenewClient = 54 => { name: "renew-client", requires: Requires::User,
            audit: Audit::Act, repeatable: false, slow: false, states: OPERATIONAL, quorum: true },
        /// Lists the users that there are.
        ListUsers = 55 => { name: "list-users", requires: Requires::Role(Role::Admin),
            audit: Audit::Nothing, repeatable: true, slow: false, states: OPERATIONAL, quorum: false },
        /// Shows the certificate authority of the service and how far its replacement has come.
        ShowAuthority = 56 => { name: "show-authority", requires: Requires::Role(Role::Admin),
            audit: Audit::Nothing, repeatable: true, slow: false, states: OPERATIONAL, quorum: false },
        /// Takes a step in the replacement of the service's certificate authority.
        RotateAuthority = 57 => { name: "rotate-authority", requires: Requires::Role(Role::Admin),
            audit: Audit::Act, repeatable: false, slow: false, states: OPERATIONAL, quorum: true },
        /// Logs a user in with its PIN, for this connection.
        Login = 58 => { name: "login", requires: Requires::Connection,
            audit: Audit::Login, repeatable: true, slow: false, states: ALWAYS, quorum: false },
        /// Gives a user a PIN: an administrator anybody, whoever knows the old one himself.
        SetPin = 59 => { name: "set-pin", requires: Requires::User,
            audit: Audit::Act, repeatable: false, slow: false, states: OPERATIONAL, quorum: true },
        /// Takes a user's PIN away.
        ClearPin = 60 => { name: "clear-pin", requires: Requires::Role(Role::Admin),
            audit: Audit::Act, repeatable: true, slow: false, states: OPERATIONAL, quorum: true },
        /// Lets a user log in again after too many wrong PINs.
        UnlockUser = 61 => { name: "unlock-user", requires: Requires::Role(Role::Admin),
            audit: Audit::Act, repeatable: true, slow: false, states: OPERATIONAL, quorum: true },
        /// Lists acts that wait for others' approval, or one of them.
        ListApprovals = 64 => { name: "list-approvals", requires: Requires::User,
            audit: Audit::Nothing, repeatable: true, slow: false, states: OPERATIONAL, quorum: false },
        /// Approves what another user has asked for.
        Approve = 65 => { name: "approve", requires: Requires::User,
            audit: Audit::Act, repeatable: true, slow: false, states: OPERATIONAL, quorum: false },
        /// Denies it, for good.
        Deny = 66 => { name: "deny", requires: Requires::User,
            audit: Audit::Act, repeatable: true, slow: false, states: OPERATIONAL, quorum: false },
        /// Takes back what one has asked for oneself.
        CancelApproval = 67 => { name: "cancel-approval", requires: Requires::User,
            audit: Audit::Act, repeatable: true, slow: false, states: OPERATIONAL, quorum: false },
        /// Takes up an approval for uses of a key that is used with approvals alone.
        UseKey = 68 => { name: "use-key", requires: Requires::Key(Right::See),
            audit: Audit::Act, repeatable: true, slow: false, states: OPERATIONAL, quorum: true },
        /// Makes a backup.
        MakeBackup = 70 => { name: "make-backup", requires: Requires::Role(Role::Operator),
            audit: Audit::Act, repeatable: false, slow: true, states: OPERATIONAL, quorum: true },
        /// Lists the backups there are.
        ListBackups = 71 => { name: "list-backups", requires: Requires::Role(Role::Operator),
            audit: Audit::Nothing, repeatable: true, slow: false, states: OPERATIONAL, quorum: false },
        /// Takes away some of what a key may do.
        Restrict = 72 => { name: "restrict", requires: Requires::Key(Right::Manage),
            audit: Audit::Act, repeatable: true, slow: false, states: OPERATIONAL, quorum: true },
        /// Brings a deleted key back.
        Undelete = 73 => { name: "undelete", requires: Requires::Key(Right::Manage),
            audit: Audit::Act, repeatable: false, slow: false, states: OPERATIONAL, quorum: true },
        /// Makes a key that is to take another's place.
        Rotate = 74 => { name: "rotate", requires: Requires::Key(Right::Manage),
            audit: Audit::Act, repeatable: false, slow: true, states: OPERATIONAL, quorum: true },
        /// Signs a statement about a key.
        Attest = 75 => { name: "attest", requires: Requires::Key(Right::See),
            audit: Audit::Act, repeatable: true, slow: false, states: OPERATIONAL, quorum: false },
        /// Lets a key wrap those that leave with trusted keys alone, or no more.
        Trust = 76 => { name: "trust", requires: Requires::Key(Right::Manage),
            audit: Audit::Act, repeatable: true, slow: false, states: OPERATIONAL, quorum: true },
        /// Runs the known-answer tests of the cryptographic library.
        SelfTest = 90 => { name: "self-test", requires: Requires::Role(Role::Operator),
            audit: Audit::Act, repeatable: true, slow: true, states: OPERATIONAL, quorum: false },
        /// Gives what opens the store, or a part of it.
        Unseal = 80 => { name: "unseal", requires: Requires::Role(Role::Admin),
            audit: Audit::Act, repeatable: true, slow: true, states: UNSEALABLE, quorum: false },
        /// Tells what seals the store.
        ShowSeal = 81 => { name: "show-seal", requires: Requires::Role(Role::Admin),
            audit: Audit::Nothing, repeatable: true, slow: false, states: ALWAYS, quorum: false },
        /// Puts another seal on the store.
        ChangeSeal = 82 => { name: "change-seal", requires: Requires::Role(Role::Admin),
            audit: Audit::Act, repeatable: false, slow: true, states: OPERATIONAL, quorum: true },
        /// Seals the running service.
        LockSeal = 83 => { name: "lock-seal", requires: Requires::Role(Role::Admin),
            audit: Audit::Act, repeatable: true, slow: false, states: UNSEALABLE, quorum: false },
        /// Destroys what opens the store.
        Zeroize = 84 => { name: "zeroize", requires: Requires::Role(Role::Admin),
            audit: Audit::Act, repeatable: false, slow: false, states: HAS_KEYS, quorum: true },
    }
}

impl Operation {
    /// Finds an operation by its word.
    pub fn from_name(name: &str) -> Option<Operation> {
        Operation::ALL.iter().copied().find(|operation| operation.row().name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_long_or_goes_to_the_disk_is_management_and_the_use_of_keys_is_not() {
        for operation in Operation::ALL {
            let row = operation.row();
            assert!(row.is_management() || !row.slow, "{}", row.name);
            assert!(!row.is_management() || row.audit != Audit::Use, "{}", row.name);
        }
    }
}
