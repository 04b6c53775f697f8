//! What a request asks for, in words for those who are to approve it.

use aws_lc_rs::digest;
use keyward_algorithms::{Derivation, Digest, Rights, Wrapping};
use keyward_protocol::{
    KeyId,
    messages::{self, request},
};

use crate::{
    Error, Result,
    issue::hex,
    restrictions,
    span::Span,
    store::{Record, SealKind},
};

/// The longest text of all facts together. Nothing is left out of what others approve, so what is
/// longer is not asked for.
const MAX_TEXT: usize = 4096;

/// The facts of a request about a key, each a word and what it says, in an order for people.
pub(super) fn facts(request: &request::Operation, key: Option<&Record>) -> Result<Vec<String>> {
    use request::Operation as Asked;
    let mut facts = Facts::default();
    match request {
        Asked::Generate(asked) => {
            facts.add("name", &asked.name);
            facts.add("type", &asked.key_type);
            facts.birth(asked.usage, asked.exportable, asked.restrictions.as_ref());
        }
        Asked::Import(asked) => {
            facts.add("name", &asked.name);
            facts.add("type", if asked.key_type.is_empty() { "PKCS#8" } else { &asked.key_type });
            facts.birth(asked.usage, asked.exportable, asked.restrictions.as_ref());
            facts.chain(&asked.chain);
        }
        Asked::Restrict(asked) => facts.add("restrict", &restrictions::describe_change(asked)),
        Asked::Trust(asked) => {
            facts.add("trusted", if asked.trusted { "yes" } else { "no" });
            if let Some(key) = key {
                facts.add("origin", key.origin.word());
                facts.rights("usage", key.usage.bits(), "none");
                facts.flag("exportable", key.exportable);
            }
        }
        Asked::UseKey(asked) => {
            facts.add("uses", &asked.uses.to_string());
            facts.add("for", &Span::of_seconds(asked.seconds).to_string());
        }
        Asked::Rotate(asked) => {
            let retire = asked.retire.as_ref().map(restrictions::describe_change);
            facts.add("then of the old key", &retire.unwrap_or_default());
            facts.flag("awaits its certificate", asked.awaits_certificate);
        }
        Asked::Delete(asked) => facts.flag("for ever", asked.now),
        Asked::Undelete(asked) => facts.add("as", &asked.name),
        Asked::SetPin(messages::SetPin { user, .. })
        | Asked::ClearPin(messages::ClearPin { user })
        | Asked::UnlockUser(messages::UnlockUser { user }) => facts.add("user", user),
        Asked::Rename(asked) => facts.add("to", &asked.name),
        Asked::SetChain(asked) => facts.chain(&asked.chain),
        Asked::PutCertificate(asked) => {
            facts.add("name", &asked.name);
            facts.add("so far", &asked.former_name);
            facts.bytes("certificate", &asked.der);
            facts.flag("in place of another", asked.replace);
        }
        Asked::DeleteCertificate(asked) => facts.add("name", &asked.name),
        Asked::Share(asked) => {
            facts.add("with", &asked.user);
            facts.rights("rights", asked.rights, "none");
        }
        Asked::Enrol(asked) => {
            facts.add("user", &asked.user);
            facts.add("roles", &or(asked.roles.join(","), "user"));
            facts.add("from", &or(asked.sources.join(","), "anywhere"));
            facts.days(asked.days);
            facts.flag("pin", asked.pin);
            facts.bytes("request", &asked.csr);
        }
        Asked::RenewClient(asked) => {
            facts.days(asked.days);
            facts.bytes("request", &asked.csr);
        }
        Asked::RevokeClient(asked) => {
            facts.add("user", &asked.user);
            facts.add("serial", &hex(&asked.serial));
            facts.flag("no other of its enrolment", asked.alone);
        }
        Asked::RotateAuthority(asked) => {
            let step = asked.step().as_str_name().trim_start_matches("ROTATION_STEP_");
            facts.add("step", &step.to_lowercase());
        }
        Asked::ChangeSeal(asked) => {
            let next = asked.next.as_ref();
            let kind = next.and_then(|next| SealKind::from_code(next.kind));
            facts.add("seal", kind.map_or("unknown", SealKind::word));
            if let Some(set) = next.and_then(|next| next.shares.as_ref()) {
                facts.add("shares", &format!("any {} of {}", set.threshold, set.digests.len()));
            }
            if let Some(next) = next {
                facts.add("token key", &next.token_key);
                let pcrs: Vec<String> = next.pcrs.iter().map(ToString::to_string).collect();
                facts.add("registers", &pcrs.join(","));
            }
        }
        Asked::Zeroize(asked) => facts.add("service", &asked.fingerprint),
        Asked::Wrap(asked) => {
            facts.wrapping(asked.wrapping.as_ref());
            facts.key("with", &asked.wrapping_key_id);
            facts.bytes("to", &asked.wrapping_spki);
        }
        Asked::Unwrap(asked) => {
            facts.wrapping(asked.wrapping.as_ref());
            facts.bytes("wrapped", &asked.wrapped);
            facts.add("name", &asked.name);
            facts.add("type", if asked.key_type.is_empty() { "PKCS#8" } else { &asked.key_type });
            facts.birth(asked.usage, asked.exportable, asked.restrictions.as_ref());
        }
        Asked::DeriveKey(asked) => {
            let choice = asked.derivation.clone().unwrap_or_default();
            let function = Derivation::from_code(choice.function);
            facts.add("function", function.map_or("unknown", |function| function.row().name));
            let digest = Digest::from_code(choice.digest);
            facts.add("digest", digest.map_or("unknown", |digest| digest.row().name));
            facts.bytes("salt", &choice.salt);
            facts.bytes("info", &choice.info);
            facts.bytes("peer", &asked.peer_spki);
            facts.add("name", &asked.name);
            facts.add("type", &asked.key_type);
            facts.birth(asked.usage, asked.exportable, asked.restrictions.as_ref());
        }
        _ => {}
    }
    facts.all()
}

/// The key that a request is about.
pub(super) fn key_of(request: &request::Operation) -> Option<&[u8]> {
    use request::Operation as Asked;
    match request {
        Asked::Rename(asked) => Some(&asked.key_id),
        Asked::UseKey(asked) => Some(&asked.key_id),
        Asked::Restrict(asked) => Some(&asked.key_id),
        Asked::Trust(asked) => Some(&asked.key_id),
        Asked::Delete(asked) => Some(&asked.key_id),
        Asked::Undelete(asked) => Some(&asked.key_id),
        Asked::Rotate(asked) => Some(&asked.key_id),
        Asked::SetChain(asked) => Some(&asked.key_id),
        Asked::Share(asked) => Some(&asked.key_id),
        Asked::Wrap(asked) => Some(&asked.key_id),
        Asked::Unwrap(asked) => Some(&asked.key_id),
        Asked::DeriveKey(asked) => Some(&asked.key_id),
        _ => None,
    }
}

#[derive(Default)]
struct Facts(Vec<String>);

impl Facts {
    /// All of them.
    fn all(self) -> Result<Vec<String>> {
        let length: usize = self.0.iter().map(String::len).sum();
        if length <= MAX_TEXT {
            return Ok(self.0);
        }
        let message = format!(
            "those who are to approve this could not read it: it takes {length} letters to say, the \
             limit is {MAX_TEXT}"
        );
        Err(Error::invalid(message).hint("ask for less at once"))
    }

    /// Adds what is not empty. Nothing of it can move the cursor of who reads it.
    fn add(&mut self, word: &str, text: &str) {
        if !text.is_empty() {
            self.0.push(format!("{word} {}", text.escape_default()));
        }
    }

    /// Adds the digest of bytes, by which they can be told from others.
    fn bytes(&mut self, word: &str, bytes: &[u8]) {
        if !bytes.is_empty() {
            let sum = digest::digest(&digest::SHA256, bytes);
            self.add(word, &format!("SHA-256 {}", hex(sum.as_ref())));
        }
    }

    fn key(&mut self, word: &str, id: &[u8]) {
        if let Ok(id) = KeyId::try_from(id) {
            self.add(word, &format!("key {id}"));
        }
    }

    fn rights(&mut self, word: &str, bits: u32, none: &str) {
        self.add(word, &or(Rights::from_bits(bits).to_string(), none));
    }

    fn birth(&mut self, usage: u32, exportable: bool, held: Option<&messages::Restrictions>) {
        self.rights("usage", usage, "default");
        self.add("restricted", &held.map(restrictions::describe).unwrap_or_default());
        self.flag("exportable", exportable);
    }

    fn flag(&mut self, word: &str, is_set: bool) {
        if is_set {
            self.0.push(word.into());
        }
    }

    fn chain(&mut self, chain: &[Vec<u8>]) {
        self.add("certificates", &chain.len().to_string());
        if let Some(own) = chain.first() {
            self.bytes("certificate", own);
        }
    }

    fn days(&mut self, days: u32) {
        let text = if days == 0 { "default".into() } else { days.to_string() };
        self.add("days", &text);
    }

    fn wrapping(&mut self, choice: Option<&messages::Wrapping>) {
        let wrapping = choice.and_then(|choice| Wrapping::from_code(choice.wrapping));
        self.add("wrapping", wrapping.map_or("unknown", |wrapping| wrapping.row().name));
    }
}

fn or(text: String, otherwise: &str) -> String {
    if text.is_empty() { otherwise.into() } else { text }
}
