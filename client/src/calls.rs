//! The calls that a program makes, each one request.

use keyward_algorithms::{ErrorKind, KeyType, Mac, Rights};
use keyward_protocol::{
    ApprovalId, CipherRequest, DerivationChoice, Error, Key, KeyId, KeySelector, Restrictions,
    Result, SignRequest, SymmetricRequest, WrappingChoice,
    messages::{self, request::Operation, response},
};
use zeroize::Zeroizing;

use crate::{Client, Pin, connection::hello};

/// What a new key is given besides its material.
#[derive(Clone, Debug)]
pub struct KeyTemplate<'a> {
    /// Its name, unique among the caller's keys.
    pub name: &'a str,
    /// Its uses; `None` means its type's default.
    pub usage: Option<Rights>,
    /// Whether its secret may leave the service in wrapped form.
    pub exportable: bool,
    /// What its uses are held to.
    pub restrictions: Restrictions,
}

impl<'a> KeyTemplate<'a> {
    /// A key of this name that is in all else what is usual for its type.
    pub fn named(name: &'a str) -> KeyTemplate<'a> {
        KeyTemplate { name, usage: None, exportable: false, restrictions: Restrictions::default() }
    }

    fn usage_bits(&self) -> u32 {
        self.usage.unwrap_or(Rights::NONE).bits()
    }

    /// Nothing where nothing is asked for, as older services know it.
    fn restrictions(&self) -> Option<Restrictions> {
        Some(self.restrictions.clone()).filter(|asked| *asked != Restrictions::default())
    }
}

/// What a key is encrypted with to leave the service.
#[derive(Clone, Copy, Debug)]
pub enum WrapWith<'a> {
    /// A key of the service with the use `wrap`.
    Key(&'a KeyId),
    /// An RSA key that is elsewhere: its DER SubjectPublicKeyInfo.
    PublicKey(&'a [u8]),
}

impl Client {
    /// Who the service takes the caller for, and what it can do.
    pub fn hello(&self) -> Result<messages::HelloReply> {
        match self.call(hello())? {
            response::Result::Hello(reply) => Ok(*reply),
            _ => Err(unexpected()),
        }
    }

    /// The health of the service.
    pub fn status(&self) -> Result<messages::StatusReply> {
        match self.call(Operation::Status(messages::GetStatus {}))? {
            response::Result::Status(reply) => Ok(*reply),
            _ => Err(unexpected()),
        }
    }

    /// Has the service run the known-answer tests of its cryptographic library.
    pub fn self_test(&self) -> Result<()> {
        match self.call(Operation::SelfTest(messages::SelfTest {}))? {
            response::Result::Done(_) => Ok(()),
            _ => Err(unexpected()),
        }
    }

    /// Finds one key.
    pub fn find(&self, selector: &KeySelector) -> Result<Key> {
        let selector = match selector {
            KeySelector::Id(id) => {
                messages::Selector { id: id.as_bytes().to_vec(), ..Default::default() }
            }
            KeySelector::Name(name) => {
                messages::Selector { name: name.clone(), ..Default::default() }
            }
            KeySelector::Owned { owner, name } => messages::Selector {
                owner: owner.clone(),
                name: name.clone(),
                ..Default::default()
            },
        };
        self.key(Operation::Find(messages::Find { key: Some(selector) }))
    }

    /// All keys whose names begin with a prefix and which the caller may see. Keys of types that
    /// this version does not know are left out.
    pub fn list(&self, prefix: &str) -> Result<Vec<Key>> {
        self.list_all(&messages::List { prefix: prefix.into(), ..messages::List::default() })
    }

    fn list_all(&self, list: &messages::List) -> Result<Vec<Key>> {
        let mut keys = Vec::new();
        let mut after = Vec::new();
        loop {
            let (page, next) = self.page(messages::List { after, ..list.clone() })?;
            keys.extend(page);
            if next.is_empty() {
                return Ok(keys);
            }
            after = next;
        }
    }

    /// One page of a listing: `after` is empty for the first, then what the last call gave back,
    /// until that is empty. A `limit` of 0 leaves the size to the service.
    pub fn list_page(
        &self,
        prefix: &str,
        after: Vec<u8>,
        limit: u32,
    ) -> Result<(Vec<Key>, Vec<u8>)> {
        let prefix = prefix.into();
        self.page(messages::List { prefix, after, limit, ..messages::List::default() })
    }

    fn page(&self, list: messages::List) -> Result<(Vec<Key>, Vec<u8>)> {
        match self.call(Operation::List(list))? {
            response::Result::Keys(page) => Ok((
                page.keys.into_iter().filter_map(|info| Key::try_from(info).ok()).collect(),
                page.next,
            )),
            _ => Err(unexpected()),
        }
    }

    /// Signs.
    pub fn sign(&self, key: &KeyId, request: &SignRequest<'_>) -> Result<Vec<u8>> {
        self.output(Operation::Sign(messages::Sign {
            key_id: key.as_bytes().to_vec(),
            algorithm: Some(request.into()),
            input: request.input.to_vec(),
        }))
    }

    /// Verifies with the public half of a key.
    pub fn verify(&self, key: &KeyId, request: &SignRequest<'_>, signature: &[u8]) -> Result<bool> {
        let verify = messages::Verify {
            key_id: key.as_bytes().to_vec(),
            algorithm: Some(request.into()),
            input: request.input.to_vec(),
            signature: signature.to_vec(),
        };
        match self.call(Operation::Verify(verify))? {
            response::Result::Valid(valid) => Ok(valid),
            _ => Err(unexpected()),
        }
    }

    /// Encrypts to the public half of a key.
    pub fn encrypt(&self, key: &KeyId, request: &CipherRequest<'_>) -> Result<Vec<u8>> {
        self.output(Operation::Encrypt(messages::Encrypt {
            key_id: key.as_bytes().to_vec(),
            cipher: Some(request.into()),
            input: request.input.to_vec(),
        }))
    }

    /// Decrypts.
    pub fn decrypt(&self, key: &KeyId, request: &CipherRequest<'_>) -> Result<Zeroizing<Vec<u8>>> {
        self.output(Operation::Decrypt(messages::Decrypt {
            key_id: key.as_bytes().to_vec(),
            cipher: Some(request.into()),
            input: request.input.to_vec(),
        }))
        .map(Zeroizing::new)
    }

    /// Agrees on a secret with the holder of another key, given by its SubjectPublicKeyInfo.
    pub fn derive(&self, key: &KeyId, peer_spki: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        self.output(Operation::Derive(messages::Derive {
            key_id: key.as_bytes().to_vec(),
            peer_spki: peer_spki.to_vec(),
        }))
        .map(Zeroizing::new)
    }

    /// Takes the secret out of a ciphertext that was made with the public half of an ML-KEM key.
    pub fn decapsulate(&self, key: &KeyId, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        self.output(Operation::Decapsulate(messages::Decapsulate {
            key_id: key.as_bytes().to_vec(),
            ciphertext: ciphertext.to_vec(),
        }))
        .map(Zeroizing::new)
    }

    /// Random bytes, at most [`keyward_protocol::constants::MAX_RANDOM_BYTES`].
    pub fn random(&self, length: usize) -> Result<Zeroizing<Vec<u8>>> {
        let length = u32::try_from(length)
            .map_err(|_| Error::invalid(format!("{length} random bytes are too many at once")))?;
        self.output(Operation::Random(messages::Random { length })).map(Zeroizing::new)
    }

    /// Makes a key inside the service.
    pub fn generate(&self, key_type: KeyType, template: &KeyTemplate<'_>) -> Result<Key> {
        let request = messages::Generate {
            name: template.name.into(),
            key_type: key_type.to_string(),
            usage: template.usage_bits(),
            exportable: template.exportable,
            restrictions: template.restrictions(),
        };
        self.new_key(Operation::Generate(request), template)
    }

    /// Puts a key that was made elsewhere into the service: DER PKCS#8, and DER certificates with
    /// the key's own first, or none.
    pub fn import(
        &self,
        pkcs8: &[u8],
        chain: &[Vec<u8>],
        template: &KeyTemplate<'_>,
    ) -> Result<Key> {
        let request = messages::Import {
            name: template.name.into(),
            pkcs8: pkcs8.to_vec(),
            usage: template.usage_bits(),
            exportable: template.exportable,
            restrictions: template.restrictions(),
            chain: chain.to_vec(),
            ..Default::default()
        };
        self.new_key(Operation::Import(Box::new(request)), template)
    }

    /// Puts a secret key that was made elsewhere into the service.
    pub fn import_secret(
        &self,
        key_type: KeyType,
        secret: &[u8],
        template: &KeyTemplate<'_>,
    ) -> Result<Key> {
        let request = messages::Import {
            name: template.name.into(),
            secret: secret.to_vec(),
            key_type: key_type.to_string(),
            usage: template.usage_bits(),
            exportable: template.exportable,
            restrictions: template.restrictions(),
            ..Default::default()
        };
        self.new_key(Operation::Import(Box::new(request)), template)
    }

    /// Encrypts with a secret key: the initialisation vector that was used, and the ciphertext with
    /// the tag behind it where there is one.
    pub fn encipher(
        &self,
        key: &KeyId,
        request: &SymmetricRequest<'_>,
    ) -> Result<messages::Enciphered> {
        let encipher = messages::Encipher {
            key_id: key.as_bytes().to_vec(),
            cipher: Some(request.into()),
            input: request.input.to_vec(),
        };
        match self.call(Operation::Encipher(encipher))? {
            response::Result::Enciphered(enciphered) => Ok(enciphered),
            _ => Err(unexpected()),
        }
    }

    /// Decrypts with a secret key.
    pub fn decipher(
        &self,
        key: &KeyId,
        request: &SymmetricRequest<'_>,
    ) -> Result<Zeroizing<Vec<u8>>> {
        self.output(Operation::Decipher(messages::Decipher {
            key_id: key.as_bytes().to_vec(),
            cipher: Some(request.into()),
            input: request.input.to_vec(),
        }))
        .map(Zeroizing::new)
    }

    /// Makes the message authentication code of a message.
    pub fn mac(&self, key: &KeyId, mac: Mac, message: &[u8]) -> Result<Vec<u8>> {
        self.output(Operation::Mac(messages::Mac {
            key_id: key.as_bytes().to_vec(),
            algorithm: mac.code(),
            input: message.to_vec(),
        }))
    }

    /// Whether a message authentication code is the one of a message.
    pub fn verify_mac(&self, key: &KeyId, mac: Mac, message: &[u8], code: &[u8]) -> Result<bool> {
        let verify = messages::VerifyMac {
            key_id: key.as_bytes().to_vec(),
            algorithm: mac.code(),
            input: message.to_vec(),
            mac: code.to_vec(),
        };
        match self.call(Operation::VerifyMac(verify))? {
            response::Result::Valid(valid) => Ok(valid),
            _ => Err(unexpected()),
        }
    }

    /// Gives an exportable key out, encrypted: a secret key as its bytes, a pair as DER PKCS#8.
    pub fn wrap(
        &self,
        key: &KeyId,
        with: WrapWith<'_>,
        choice: &WrappingChoice<'_>,
    ) -> Result<Vec<u8>> {
        let (wrapping_key_id, wrapping_spki) = match with {
            WrapWith::Key(id) => (id.as_bytes().to_vec(), Vec::new()),
            WrapWith::PublicKey(spki) => (Vec::new(), spki.to_vec()),
        };
        self.output(Operation::Wrap(messages::Wrap {
            key_id: key.as_bytes().to_vec(),
            wrapping: Some(choice.into()),
            wrapping_key_id,
            wrapping_spki,
        }))
    }

    /// Takes in a key that was encrypted with one of the service: a secret key of a type, or of a
    /// kind and any size, or a pair as DER PKCS#8.
    pub fn unwrap(
        &self,
        with: &KeyId,
        choice: &WrappingChoice<'_>,
        wrapped: &[u8],
        key_type: Option<&str>,
        template: &KeyTemplate<'_>,
    ) -> Result<Key> {
        let request = messages::Unwrap {
            key_id: with.as_bytes().to_vec(),
            wrapping: Some(choice.into()),
            wrapped: wrapped.to_vec(),
            name: template.name.into(),
            key_type: key_type.unwrap_or_default().into(),
            usage: template.usage_bits(),
            exportable: template.exportable,
            restrictions: template.restrictions(),
        };
        self.new_key(Operation::Unwrap(Box::new(request)), template)
    }

    /// Makes a secret key from another one, or, with the other side's SubjectPublicKeyInfo, from a
    /// key agreement.
    pub fn derive_key(
        &self,
        from: &KeyId,
        peer_spki: Option<&[u8]>,
        choice: &DerivationChoice<'_>,
        key_type: KeyType,
        template: &KeyTemplate<'_>,
    ) -> Result<Key> {
        let request = messages::DeriveKey {
            key_id: from.as_bytes().to_vec(),
            derivation: Some(choice.into()),
            peer_spki: peer_spki.unwrap_or_default().to_vec(),
            name: template.name.into(),
            key_type: key_type.to_string(),
            usage: template.usage_bits(),
            exportable: template.exportable,
            restrictions: template.restrictions(),
        };
        self.new_key(Operation::DeriveKey(Box::new(request)), template)
    }

    /// Gives a key another name.
    pub fn rename(&self, key: &KeyId, name: &str) -> Result<Key> {
        let rename = messages::Rename { key_id: key.as_bytes().to_vec(), name: name.into() };
        self.key(Operation::Rename(rename))
    }

    /// Takes away some of what a key may do, for ever.
    pub fn restrict(&self, key: &KeyId, less: messages::Restrict) -> Result<Key> {
        let less = messages::Restrict { key_id: key.as_bytes().to_vec(), ..less };
        self.key(Operation::Restrict(less))
    }

    /// Lets a key wrap those that leave with trusted keys alone, or no more.
    pub fn trust(&self, key: &KeyId, trusted: bool) -> Result<Key> {
        let trust = messages::Trust { key_id: key.as_bytes().to_vec(), trusted };
        self.key(Operation::Trust(trust))
    }

    /// Deletes a key; until when it can be brought back, in seconds since 1970, or 0.
    pub fn delete(&self, key: &KeyId) -> Result<u64> {
        self.delete_key(messages::Delete { key_id: key.as_bytes().to_vec(), now: false })
    }

    /// Deletes a key, or one that was deleted before, for ever and at once.
    pub fn delete_now(&self, key: &KeyId) -> Result<()> {
        let delete = messages::Delete { key_id: key.as_bytes().to_vec(), now: true };
        self.delete_key(delete).map(drop)
    }

    fn delete_key(&self, delete: messages::Delete) -> Result<u64> {
        match self.call(Operation::Delete(delete))? {
            response::Result::Deletion(left) => Ok(left.undelete_until),
            _ => Err(unexpected()),
        }
    }

    /// The caller's own keys that were deleted and can be brought back.
    pub fn list_deleted(&self) -> Result<Vec<Key>> {
        self.list_all(&messages::List { deleted: true, ..messages::List::default() })
    }

    /// Brings a deleted key back, under its own name or another.
    pub fn undelete(&self, key: &KeyId, name: Option<&str>) -> Result<Key> {
        let name = name.unwrap_or_default().into();
        self.key(Operation::Undelete(messages::Undelete { key_id: key.as_bytes().to_vec(), name }))
    }

    /// Has the service sign a statement about a key, with a nonce that whoever wants it has drawn.
    pub fn attest(&self, key: &KeyId, nonce: &[u8]) -> Result<String> {
        let (key_id, nonce) = (key.as_bytes().to_vec(), nonce.to_vec());
        let statement = self.output(Operation::Attest(messages::Attest { key_id, nonce }))?;
        String::from_utf8(statement).map_err(|_| unexpected())
    }

    /// Makes a key that is to take another's place; the new key.
    pub fn rotate(&self, key: &KeyId, rotate: messages::Rotate) -> Result<Key> {
        let rotate = messages::Rotate { key_id: key.as_bytes().to_vec(), ..rotate };
        self.key(Operation::Rotate(rotate))
    }

    /// Replaces the certificate chain beside a key: DER, the key's own first; none removes it.
    pub fn set_chain(&self, key: &KeyId, chain: &[Vec<u8>]) -> Result<Key> {
        self.key(Operation::SetChain(messages::SetChain {
            key_id: key.as_bytes().to_vec(),
            chain: chain.to_vec(),
        }))
    }

    /// Gives another user these rights on a key and no others; none takes all away.
    pub fn share(&self, key: &KeyId, user: &str, rights: Rights) -> Result<Key> {
        self.key(Operation::Share(messages::Share {
            key_id: key.as_bytes().to_vec(),
            user: user.into(),
            rights: rights.bits(),
        }))
    }

    /// Has the service issue a client certificate.
    pub fn enrol(&self, enrol: messages::Enrol) -> Result<messages::Enrolment> {
        match self.call(Operation::Enrol(enrol))? {
            response::Result::Enrolment(enrolment) => Ok(enrolment),
            _ => Err(unexpected()),
        }
    }

    /// Has the service issue another certificate in place of the caller's own.
    pub fn renew(&self, renew: messages::RenewClient) -> Result<messages::Enrolment> {
        match self.call(Operation::RenewClient(renew))? {
            response::Result::Enrolment(enrolment) => Ok(enrolment),
            _ => Err(unexpected()),
        }
    }

    /// The service's certificate authority.
    pub fn authority(&self) -> Result<messages::AuthorityState> {
        self.authority_by(Operation::ShowAuthority(messages::ShowAuthority {}))
    }

    /// Takes a step in the replacement of the service's certificate authority.
    pub fn rotate_authority(
        &self,
        step: messages::RotationStep,
    ) -> Result<messages::AuthorityState> {
        let step = step.into();
        self.authority_by(Operation::RotateAuthority(messages::RotateAuthority { step }))
    }

    fn authority_by(&self, operation: Operation) -> Result<messages::AuthorityState> {
        match self.call(operation)? {
            response::Result::Authority(state) => Ok(state),
            _ => Err(unexpected()),
        }
    }

    /// The client certificates that the service has issued.
    pub fn list_clients(&self) -> Result<Vec<messages::ClientCertificate>> {
        let mut all = Vec::new();
        let mut after = Vec::new();
        loop {
            let page = self.clients(Operation::ListClients(messages::ListClients { after }))?;
            all.extend(page.certificates);
            if page.next.is_empty() {
                return Ok(all);
            }
            after = page.next;
        }
    }

    /// Has the service shut out a certificate, or all of a user; those that were revoked by this.
    pub fn revoke_client(
        &self,
        revoke: messages::RevokeClient,
    ) -> Result<Vec<messages::ClientCertificate>> {
        Ok(self.clients(Operation::RevokeClient(revoke))?.certificates)
    }

    fn clients(&self, operation: Operation) -> Result<messages::Clients> {
        match self.call(operation)? {
            response::Result::Clients(clients) => Ok(clients),
            _ => Err(unexpected()),
        }
    }

    /// The users of the service.
    pub fn list_users(&self) -> Result<Vec<messages::User>> {
        match self.call(Operation::ListUsers(messages::ListUsers {}))? {
            response::Result::Users(users) => Ok(users.users),
            _ => Err(unexpected()),
        }
    }

    /// Gives a user a PIN. The user itself gives the old one too.
    pub fn set_pin(&self, user: &str, pin: &Pin, old: Option<&Pin>) -> Result<()> {
        self.done(Operation::SetPin(messages::SetPin {
            user: user.into(),
            pin: pin.expose().to_vec(),
            old_pin: old.map(|old| old.expose().to_vec()).unwrap_or_default(),
        }))
    }

    /// Takes a user's PIN away.
    pub fn clear_pin(&self, user: &str) -> Result<()> {
        self.done(Operation::ClearPin(messages::ClearPin { user: user.into() }))
    }

    /// Lets a user log in again after too many wrong PINs.
    pub fn unlock_user(&self, user: &str) -> Result<()> {
        self.done(Operation::UnlockUser(messages::UnlockUser { user: user.into() }))
    }

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

    /// Has the service make a backup.
    pub fn make_backup(&self) -> Result<messages::Backups> {
        self.backups(Operation::MakeBackup(messages::MakeBackup {}))
    }

    /// The backups that the service keeps.
    pub fn list_backups(&self) -> Result<messages::Backups> {
        self.backups(Operation::ListBackups(messages::ListBackups {}))
    }

    fn backups(&self, operation: Operation) -> Result<messages::Backups> {
        match self.call(operation)? {
            response::Result::Backups(backups) => Ok(backups),
            _ => Err(unexpected()),
        }
    }

    /// Gives the service what opens its store, or a part of it: the passphrase or one share;
    /// nothing where the seal opens by itself. Shares given before are forgotten where that is asked
    /// for.
    pub fn unseal(&self, secret: &[u8], forget: bool) -> Result<messages::SealReply> {
        self.seal(Operation::Unseal(messages::Unseal { secret: secret.to_vec(), forget }))
    }

    /// What seals the service's store, and how far it is open.
    pub fn show_seal(&self) -> Result<messages::SealReply> {
        self.seal(Operation::ShowSeal(messages::GetSeal {}))
    }

    /// Puts another seal on the service's store. `present` is what opens the present one, where
    /// people hold it.
    pub fn change_seal(
        &self,
        present: Vec<Vec<u8>>,
        next: messages::NewSeal,
    ) -> Result<messages::SealReply> {
        self.seal(Operation::ChangeSeal(messages::ChangeSeal { present, next: Some(next) }))
    }

    /// Seals the running service.
    pub fn lock_seal(&self) -> Result<messages::SealReply> {
        self.seal(Operation::LockSeal(messages::LockSeal {}))
    }

    /// Destroys what opens the store of the service with this fingerprint.
    pub fn zeroize(&self, fingerprint: &str) -> Result<messages::SealReply> {
        self.seal(Operation::Zeroize(messages::Zeroize { fingerprint: fingerprint.into() }))
    }

    fn seal(&self, operation: Operation) -> Result<messages::SealReply> {
        match self.call(operation)? {
            response::Result::Seal(seal) => Ok(*seal),
            _ => Err(unexpected()),
        }
    }

    /// Has a key made with what the template says.
    fn new_key(&self, operation: Operation, template: &KeyTemplate<'_>) -> Result<Key> {
        let key = self.key(operation)?;
        if template.restrictions().is_some()
            && key.attributes.restrictions == Restrictions::default()
        {
            let message =
                format!("the service has made key \"{}\" without its restrictions", key.name);
            return Err(Error::new(ErrorKind::Unsupported, message)
                .hint("it does not know them: delete the key and upgrade the service"));
        }
        Ok(key)
    }

    fn done(&self, operation: Operation) -> Result<()> {
        match self.call(operation)? {
            response::Result::Done(_) => Ok(()),
            _ => Err(unexpected()),
        }
    }

    fn key(&self, operation: Operation) -> Result<Key> {
        match self.call(operation)? {
            response::Result::Key(info) => Key::try_from(*info),
            _ => Err(unexpected()),
        }
    }

    fn output(&self, operation: Operation) -> Result<Vec<u8>> {
        match self.call(operation)? {
            response::Result::Output(output) => Ok(output),
            _ => Err(unexpected()),
        }
    }
}

fn unexpected() -> Error {
    Error::new(ErrorKind::Internal, "the service answered with something else than was asked for")
        .hint("check that client and service are of matching versions")
}
