//! What a request leaves in the log, gathered while it is carried out.

use std::sync::Arc;

use aws_lc_rs::digest;
use keyward_algorithms::{
    Derivation, Digest, Encryption, ErrorKind, Mac, Operation, Rights, Scheme, Signature,
    SymmetricCipher, Wrapping,
};
use keyward_protocol::{
    KeyId, Restrictions,
    messages::{
        self, Algorithm, Cipher, ClearPin, KeyInfo, Login, SetPin,
        SymmetricCipher as SymmetricCipherChoice, UnlockUser, request,
    },
    operation_of,
};

use super::entry::{Fields, Particulars, entry, key_fields, key_id_fields, key_name_fields};
use crate::{
    Error, Result, attestation::NONCE_BYTES, execute::Reply, identity::Caller, keys::Key,
    peer::Peer, restrictions, store::Record,
};

/// Gathers what is known of one request, and records it with its outcome.
pub(crate) struct Trail {
    peer: Arc<Peer>,
    caller: Arc<Caller>,
    request: u64,
    operation: Operation,
    subject: Subject,
    algorithm: &'static str,
    detail: String,
    /// The version that the key must have for its change.
    version: Option<u64>,
}

/// The key that a request is about, as far as it is known.
enum Subject {
    None,
    Id(KeyId),
    Ready(Arc<Key>),
    Fields(Fields),
}

impl Trail {
    /// Begins with what the request itself says.
    pub(crate) fn begin(
        peer: &Arc<Peer>,
        caller: &Arc<Caller>,
        request: u64,
        operation: &request::Operation,
    ) -> Trail {
        let mut trail = Trail {
            peer: Arc::clone(peer),
            caller: Arc::clone(caller),
            request,
            operation: operation_of(operation),
            subject: Subject::None,
            algorithm: "",
            detail: String::new(),
            version: None,
        };
        trail.read(operation);
        trail
    }

    fn read(&mut self, operation: &request::Operation) {
        use request::Operation as Asked;
        match operation {
            Asked::Sign(asked) => {
                self.key_id(&asked.key_id);
                self.algorithm = signature(asked.algorithm.as_ref());
            }
            Asked::Verify(asked) => {
                self.key_id(&asked.key_id);
                self.algorithm = signature(asked.algorithm.as_ref());
            }
            Asked::Encrypt(asked) => {
                self.key_id(&asked.key_id);
                self.algorithm = encryption(asked.cipher.as_ref());
            }
            Asked::Decrypt(asked) => {
                self.key_id(&asked.key_id);
                self.algorithm = encryption(asked.cipher.as_ref());
            }
            Asked::Derive(asked) => self.key_id(&asked.key_id),
            Asked::Encipher(asked) => {
                self.key_id(&asked.key_id);
                self.algorithm = symmetric(asked.cipher.as_ref());
            }
            Asked::Decipher(asked) => {
                self.key_id(&asked.key_id);
                self.algorithm = symmetric(asked.cipher.as_ref());
            }
            Asked::Mac(asked) => {
                self.key_id(&asked.key_id);
                self.algorithm = mac(asked.algorithm);
            }
            Asked::Wrap(asked) => {
                self.key_id(&asked.key_id);
                self.algorithm = wrapping(asked.wrapping.as_ref());
            }
            Asked::Unwrap(asked) => {
                self.key_name(&asked.name);
                self.algorithm = wrapping(asked.wrapping.as_ref());
                self.held(asked.restrictions.as_ref());
            }
            Asked::DeriveKey(asked) => {
                self.key_name(&asked.name);
                self.algorithm = derivation(asked.derivation.as_ref());
                self.held(asked.restrictions.as_ref());
            }
            Asked::VerifyMac(asked) => {
                self.key_id(&asked.key_id);
                self.algorithm = mac(asked.algorithm);
            }
            Asked::Decapsulate(asked) => self.key_id(&asked.key_id),
            Asked::Generate(asked) => {
                self.key_name(&asked.name);
                self.detail = format!("type {}", asked.key_type);
                self.held(asked.restrictions.as_ref());
            }
            Asked::Import(asked) => {
                self.key_name(&asked.name);
                self.held(asked.restrictions.as_ref());
            }
            Asked::Rename(asked) => {
                self.key_id(&asked.key_id);
                self.detail = format!("to {}", asked.name);
            }
            Asked::Delete(asked) => self.key_id(&asked.key_id),
            Asked::Attest(asked) => {
                self.key_id(&asked.key_id);
                let nonce = &asked.nonce[..asked.nonce.len().min(*NONCE_BYTES.end())];
                self.detail = format!("nonce {}", crate::issue::hex(nonce));
            }
            Asked::Undelete(asked) => {
                self.key_id(&asked.key_id);
                if !asked.name.is_empty() {
                    self.detail = format!("as {}", asked.name);
                }
            }
            Asked::Rotate(asked) => {
                self.key_id(&asked.key_id);
                let retire = asked.retire.as_ref().map(restrictions::describe_change);
                self.detail = retire.unwrap_or_default();
            }
            Asked::Restrict(asked) => {
                self.key_id(&asked.key_id);
                self.detail = restrictions::describe_change(asked);
            }
            Asked::Trust(asked) => {
                self.key_id(&asked.key_id);
                self.detail = if asked.trusted { "trusted" } else { "not trusted" }.into();
            }
            Asked::SetChain(asked) => {
                self.key_id(&asked.key_id);
                self.detail = format!("{} certificates", asked.chain.len());
            }
            Asked::PutCertificate(asked) if !asked.former_name.is_empty() => {
                self.key_name(&asked.name);
                self.detail = format!("from {}", asked.former_name);
            }
            Asked::PutCertificate(asked) => {
                self.key_name(&asked.name);
                let sum = digest::digest(&digest::SHA256, &asked.der);
                self.detail = format!("SHA-256 {}", crate::issue::hex(sum.as_ref()));
            }
            Asked::DeleteCertificate(asked) => self.key_name(&asked.name),
            Asked::Share(asked) => {
                self.key_id(&asked.key_id);
                let rights = Rights::from_bits(asked.rights).to_string();
                let rights = if rights.is_empty() { "nothing" } else { &rights };
                self.detail = format!("{} may {rights}", asked.user);
            }
            Asked::Enrol(asked) => {
                let roles = asked.roles.join(",");
                let from = asked.sources.join(",");
                let from = if from.is_empty() { from } else { format!(" from {from}") };
                let pin = if asked.pin { " with a PIN" } else { "" };
                self.detail =
                    format!("user {} roles {roles} days {}{pin}{from}", asked.user, asked.days);
            }
            Asked::RevokeClient(asked) if asked.serial.is_empty() => {
                self.detail = format!("user {}", asked.user);
            }
            Asked::RevokeClient(asked) => {
                let alone = if asked.alone { " alone" } else { "" };
                self.detail = format!("certificate {}{alone}", crate::issue::hex(&asked.serial));
            }
            Asked::RotateAuthority(asked) => {
                self.detail =
                    asked.step().as_str_name().trim_start_matches("ROTATION_STEP_").to_lowercase();
            }
            Asked::Login(Login { user, .. })
            | Asked::SetPin(SetPin { user, .. })
            | Asked::ClearPin(ClearPin { user })
            | Asked::UnlockUser(UnlockUser { user })
                if !user.is_empty() =>
            {
                self.detail = format!("user {user}");
            }
            Asked::Approve(messages::Approve { approval })
            | Asked::Deny(messages::Deny { approval })
            | Asked::CancelApproval(messages::CancelApproval { approval }) => {
                self.detail = format!("approval {approval:016x}");
            }
            Asked::RenewClient(asked) => self.detail = format!("days {}", asked.days),
            _ => {}
        }
    }

    fn key_id(&mut self, id: &[u8]) {
        if let Ok(id) = KeyId::try_from(id) {
            self.subject = Subject::Id(id);
        }
    }

    fn key_name(&mut self, name: &str) {
        let owner = self.caller.user.as_deref().unwrap_or_default();
        self.subject = Subject::Fields(key_name_fields(owner, name));
    }

    /// Refuses what could not be recorded.
    pub(crate) fn admit(&mut self) -> Result<()> {
        use keyward_algorithms::Audit as Kind;
        let kind = self.operation.row().audit;
        if kind == Kind::Nothing {
            return Ok(());
        }
        if let Err(behind) = self.peer.audit.admit_use() {
            if !self.depends_on_no_receiver() {
                return Err(behind);
            }
            self.says(&format!("while {}", behind.message));
        }
        match kind {
            Kind::Act => self.peer.audit.admit_here(),
            _ => Ok(()),
        }
    }

    /// Whether it is done though a receiver of the log that is required is behind: what takes keys away
    /// from everybody, and the approvals and PINs that it may need. It is on this disk, and the receiver
    /// gets it when it can.
    fn depends_on_no_receiver(&self) -> bool {
        matches!(
            self.operation,
            Operation::Zeroize | Operation::LockSeal | Operation::Approve | Operation::Login
        )
    }

    /// The name of the algorithm that the request names; empty where it names none.
    pub(crate) fn algorithm(&self) -> &'static str {
        self.algorithm
    }

    /// Notes the key that is used.
    pub(crate) fn uses(&mut self, key: &Arc<Key>) {
        if matches!(self.operation, Operation::Derive | Operation::Decapsulate) {
            self.algorithm = key.record.key_type.agreement().unwrap_or_default();
        }
        self.subject = Subject::Ready(Arc::clone(key));
    }

    /// Notes what a new key is to be held to.
    fn held(&mut self, restrictions: Option<&Restrictions>) {
        if let Some(words) = restrictions.map(restrictions::describe).filter(|one| !one.is_empty())
        {
            self.says(&words);
        }
    }

    /// Refuses what has waited for its turn where its caller may not ask for it any more.
    pub(crate) fn may_still(&self) -> Result<()> {
        self.peer.may_still(&self.caller, self.operation)
    }

    /// Adds to what the log says of the request.
    pub(crate) fn says(&mut self, more: &str) {
        let space = if self.detail.is_empty() { "" } else { " " };
        self.detail.push_str(space);
        self.detail.push_str(more);
    }

    /// Notes that a change was approved for this version of the key alone.
    pub(crate) fn expects_version(&mut self, version: u64) {
        self.version = Some(version);
    }

    /// Notes the key that is changed or removed, as it was, and refuses another version of it than
    /// was approved.
    pub(crate) fn changes(&mut self, record: &Record) -> Result<()> {
        let Record { id, owner, name, version, .. } = record;
        self.subject = Subject::Fields(key_fields(id, owner, name, *version));
        match self.version {
            Some(approved) if approved != *version => {
                let message = format!("key \"{name}\" has changed since this was approved");
                Err(Error::new(ErrorKind::Unsupported, message)
                    .hint("ask anew: repeat the request without the approval"))
            }
            _ => Ok(()),
        }
    }

    /// Records how the request came out; the answer, or an error where the log must have it and
    /// cannot.
    pub(crate) fn finish(self, result: Result<Reply>) -> Result<Reply> {
        use keyward_algorithms::Audit as Kind;
        let audit = &*self.peer.audit;
        match self.operation.row().audit {
            Kind::Nothing => return result,
            Kind::Use if !audit.config.uses => return result,
            _ => {}
        }
        if self.caller.is_stranger() && result.is_err() && !audit.admits_stranger() {
            return result;
        }
        let outcome = result.as_ref().err().map(|error: &Error| error.kind.code()).unwrap_or(0);
        let entry = self.entry(outcome, result.as_ref().ok());
        let recorded = match self.operation.row().audit {
            // What others are asked for is on disk before they hear of it.
            Kind::Act if outcome == 0 || outcome == ErrorKind::ApprovalRequired.code() => {
                audit.record_act(&entry)
            }
            _ => audit.record_use(&entry),
        };
        match recorded {
            Ok(()) => result,
            // What was refused anyway is answered with its own reason.
            Err(error) => result.and(Err(error)),
        }
    }

    fn entry(&self, outcome: u32, reply: Option<&Reply>) -> Fields {
        let of = Particulars {
            operation: self.operation.code(),
            request: self.request,
            algorithm: self.algorithm,
            outcome,
            detail: &self.detail,
            event: "",
        };
        let origin = &self.caller.audit;
        match (&self.subject, reply) {
            (Subject::Ready(key), _) => entry(origin, &key.audit, &of),
            (_, Some(Reply::Key(info))) => entry(origin, &of_info(info), &of),
            (Subject::Fields(key), _) => entry(origin, key, &of),
            (Subject::Id(id), _) => entry(origin, &key_id_fields(id.as_bytes()), &of),
            (Subject::None, _) => entry(origin, &Fields::default(), &of),
        }
    }
}

/// A key as an answer shows it: as it is after the act.
fn of_info(info: &KeyInfo) -> Fields {
    match KeyId::try_from(info.id.as_slice()) {
        Ok(id) => key_fields(&id, &info.owner, &info.name, info.version),
        Err(_) => Fields::default(),
    }
}

fn signature(algorithm: Option<&Algorithm>) -> &'static str {
    let find = |algorithm: &Algorithm| {
        Signature::find(Scheme::from_code(algorithm.scheme)?, Digest::from_code(algorithm.digest))
    };
    algorithm.and_then(find).map_or("unknown", |row| row.name)
}

fn encryption(cipher: Option<&Cipher>) -> &'static str {
    let scheme = cipher.and_then(|cipher| Encryption::from_code(cipher.scheme));
    scheme.map_or("unknown", |scheme| scheme.row().name)
}

fn symmetric(cipher: Option<&SymmetricCipherChoice>) -> &'static str {
    let cipher = cipher.and_then(|choice| SymmetricCipher::from_code(choice.cipher));
    cipher.map_or("unknown", |cipher| cipher.row().name)
}

fn mac(code: u32) -> &'static str {
    Mac::from_code(code).map_or("unknown", |mac| mac.row().name)
}

fn wrapping(choice: Option<&messages::Wrapping>) -> &'static str {
    let wrapping = choice.and_then(|choice| Wrapping::from_code(choice.wrapping));
    wrapping.map_or("unknown", |wrapping| wrapping.row().name)
}

fn derivation(choice: Option<&messages::Derivation>) -> &'static str {
    let function = choice.and_then(|choice| Derivation::from_code(choice.function));
    function.map_or("unknown", |function| function.row().name)
}
