//! Verifies a log: that every entry is there, in its place, and as it was written.

use std::fmt;

use keyward_crypto::PublicKey;
use keyward_protocol::messages::{AuditCheckpoint, AuditEntry, AuditFileHead};
use prost::Message;

use super::{
    format::{self, Chain, Kind, Record, Unreadable},
    key::signature,
};
use crate::Result;

/// What is wrong with a log, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The file, where files are verified.
    pub(crate) file: Option<u64>,
    pub(crate) what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.file {
            Some(file) => write!(f, "file {file}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

/// A place in the log that was kept elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KnownHead {
    pub(crate) sequence: u64,
    pub(crate) chain: Chain,
}

/// Verifies records one after another.
pub(crate) struct Verifier {
    /// The key that must have signed; that of the first file's head where none was given.
    key: Option<(Vec<u8>, PublicKey)>,
    known: Option<KnownHead>,
    known_seen: bool,
    service_id: Option<String>,
    file: Option<u64>,
    chain: Option<Chain>,
    /// The sequence number that comes next.
    next: Option<u64>,
    /// The last entry before the last checkpoint, whether that is to be believed or not.
    pub(crate) checkpointed: u64,
    /// What the last checkpoint has confirmed.
    pub(crate) confirmed: u64,
    pub(crate) first: u64,
    pub(crate) entries: u64,
    pub(crate) faults: Vec<Fault>,
}

impl Verifier {
    /// A verifier that believes this key's checkpoints (DER SubjectPublicKeyInfo), or the one that
    /// the log itself names, and expects the log to hold a place that was kept elsewhere.
    pub(crate) fn new(spki: Option<&[u8]>, known: Option<KnownHead>) -> Result<Verifier> {
        let key = match spki {
            Some(spki) => Some((spki.to_vec(), read_key(spki)?)),
            None => None,
        };
        Ok(Verifier {
            key,
            known,
            known_seen: false,
            service_id: None,
            file: None,
            chain: None,
            next: None,
            checkpointed: 0,
            confirmed: 0,
            first: 0,
            entries: 0,
            faults: Vec::new(),
        })
    }

    /// Verifies bytes that begin with a record, and gives back how many were whole records.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        loop {
            match format::first(&bytes[taken..]) {
                Ok(record) => {
                    self.record(record);
                    taken += record.whole.len();
                }
                Err(Unreadable::Short) => return taken,
                Err(Unreadable::Broken) => {
                    self.fault(format!("what comes after entry {} is no record", self.last()));
                    self.chain = None;
                    return bytes.len();
                }
            }
        }
    }

    /// Notes bytes at the end of a file that make no whole record.
    pub(crate) fn torn(&mut self) {
        self.fault(format!("a record after entry {} was cut short", self.last()));
        self.chain = None;
    }

    fn record(&mut self, record: Record<'_>) {
        match record.kind {
            Kind::Head => self.head(record),
            Kind::Entry => self.entry(record),
            Kind::Checkpoint => self.checkpoint(record),
        }
        self.chain = self.chain.map(|chain| format::advance(&chain, record.whole));
    }

    fn head(&mut self, record: Record<'_>) {
        let Ok(head) = AuditFileHead::decode(record.body) else {
            return self.fault("the head of a file does not read".into());
        };
        let chain: Option<Chain> = head.chain.as_slice().try_into().ok();
        match (self.file, self.chain) {
            (None, _) if head.file == 1 && head.chain != [0; 32] => {
                self.fault("the first file does not begin the chain".into());
            }
            (Some(before), _) if head.file != before + 1 => {
                let missing = before + 1;
                self.file = Some(head.file);
                self.fault(format!("file {missing} of the log is missing before this one"));
            }
            (Some(_), Some(own)) if head.chain != own => {
                self.file = Some(head.file);
                self.fault("it does not continue the file before: what ended that is gone".into());
            }
            _ => {}
        }
        self.file = Some(head.file);
        if let Some(next) = self.next
            && head.first != next
        {
            self.fault(format!("entries {next} to {} are missing", head.first.saturating_sub(1)));
        }
        if self.first == 0 {
            self.first = head.first;
        }
        self.next = Some(head.first);
        self.chain = chain;
        match &self.service_id {
            Some(known) if *known != head.service_id => {
                self.fault("it is the log of another service".into());
            }
            _ => self.service_id = Some(head.service_id),
        }
        match &self.key {
            Some((spki, _)) if *spki != head.spki => {
                self.fault("it names another audit key than the one to be believed".into());
            }
            Some(_) => {}
            None => match read_key(&head.spki) {
                Ok(key) => self.key = Some((head.spki, key)),
                Err(_) => self.fault("its audit key does not read".into()),
            },
        }
    }

    fn entry(&mut self, record: Record<'_>) {
        let Ok(entry) = AuditEntry::decode(record.body) else {
            return self.fault(format!("the entry after {} does not read", self.last()));
        };
        self.entries += 1;
        let sequence = entry.sequence;
        if self.first == 0 {
            self.first = sequence;
        }
        match self.next {
            Some(next) if sequence > next => {
                self.fault(format!("entries {next} to {} are missing", sequence - 1));
            }
            Some(next) if sequence < next => {
                self.fault(format!("entry {sequence} comes again or out of its place"));
            }
            _ => {}
        }
        self.next = Some(sequence.saturating_add(1).max(self.next.unwrap_or(0)));
    }

    fn checkpoint(&mut self, record: Record<'_>) {
        let Some((signed, signed_by, checkpoint)) = format::split_checkpoint(record.body) else {
            return self.fault(format!("the checkpoint after {} does not read", self.last()));
        };
        let AuditCheckpoint { sequence, chain, .. } = checkpoint;
        self.checkpointed = sequence;
        let from = self.confirmed.max(self.first.saturating_sub(1)) + 1;
        let chain: Option<Chain> = chain.as_slice().try_into().ok();
        match (self.chain, chain) {
            (Some(own), Some(stated)) if own != stated => {
                self.fault(format!(
                    "what is written between entries {from} and {sequence} was changed"
                ));
                self.chain = chain;
            }
            (None, _) => self.chain = chain,
            _ => {}
        }
        if let Some(next) = self.next
            && next != sequence + 1
        {
            self.fault(format!("a checkpoint confirms {sequence} entries where {} are", next - 1));
        }
        self.next = Some(sequence + 1);
        let service = self.service_id.as_deref().unwrap_or_default();
        let message = format::to_be_signed(service, signed);
        let valid = match (&self.key, signature()) {
            (Some((_, key)), Ok(algorithm)) => key.verify(algorithm, None, &message, signed_by),
            _ => false,
        };
        match valid {
            true => self.confirmed = sequence,
            false => self.fault(format!(
                "the checkpoint after entry {sequence} is not signed by the audit key"
            )),
        }
        if let Some(known) = self.known
            && known.sequence == sequence
        {
            match chain == Some(known.chain) {
                true => self.known_seen = true,
                false => self.fault(format!(
                    "at entry {sequence} the log is another than the one whose head was kept"
                )),
            }
        }
    }

    /// Ends the verification: what the end itself shows. An entry after the last checkpoint can
    /// only be at the end of a log that was cut, or of one that is being written: whoever writes
    /// that has said up to which entry it is to be verified.
    pub(crate) fn finish(&mut self, writer_says: Option<u64>) {
        let last = writer_says.unwrap_or(self.last());
        if last > self.confirmed {
            let first = self.confirmed + 1;
            self.fault(format!("no checkpoint confirms entries {first} to {last}"));
        }
        if let Some(known) = self.known
            && !self.known_seen
        {
            let sequence = known.sequence;
            let last = self.last();
            if last < sequence {
                self.fault(format!(
                    "the log ends at entry {last}, but it was at {sequence} when its head was \
                     kept: its end was cut off"
                ));
            } else if sequence >= self.first && self.faults.is_empty() {
                self.fault(format!(
                    "the log has no checkpoint at entry {sequence}, which was kept"
                ));
            }
        }
    }

    /// The last entry that was seen.
    pub(crate) fn last(&self) -> u64 {
        self.next.map_or(0, |next| next - 1)
    }

    fn fault(&mut self, what: String) {
        self.faults.push(Fault { file: self.file, what });
    }
}

fn read_key(spki: &[u8]) -> Result<PublicKey> {
    PublicKey::from_spki(spki).map_err(|_| {
        crate::Error::invalid("the audit key does not read")
            .hint("give the file that `keyward audit head` printed")
    })
}
