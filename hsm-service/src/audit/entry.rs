//! Entries of the log: the message `AuditEntry`, written by hand into one buffer, since on the way
//! of every signature there is no time for a struct of owned strings.

use std::time::{SystemTime, UNIX_EPOCH};

use keyward_protocol::KeyId;

/// Field numbers of `AuditEntry` in `keyward.proto`.
mod field {
    pub(super) const SEQUENCE: u32 = 1;
    pub(super) const TIME: u32 = 2;
    pub(super) const OPERATION: u32 = 3;
    pub(super) const EVENT: u32 = 4;
    pub(super) const IDENTITY: u32 = 5;
    pub(super) const PROOF: u32 = 6;
    pub(super) const USER: u32 = 7;
    pub(super) const FROM: u32 = 8;
    pub(super) const CONNECTION: u32 = 9;
    pub(super) const REQUEST: u32 = 10;
    pub(super) const KEY_ID: u32 = 11;
    pub(super) const KEY: u32 = 12;
    pub(super) const KEY_VERSION: u32 = 13;
    pub(super) const ALGORITHM: u32 = 14;
    pub(super) const OUTCOME: u32 = 15;
    pub(super) const DETAIL: u32 = 16;
}

/// The longest detail in bytes: room for the 64 ranges of addresses that a certificate may be bound to,
/// and less than the journal takes with all other fields.
const MAX_DETAIL_BYTES: usize = 3072;

/// Fields of an entry, encoded. Pieces may be put one after another: that is how Protocol Buffers
/// are merged.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields(Vec<u8>);

impl Fields {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn number(&mut self, field: u32, value: u64) {
        if value != 0 {
            self.varint(u64::from(field << 3));
            self.varint(value);
        }
    }

    fn bytes(&mut self, field: u32, value: &[u8]) {
        if !value.is_empty() {
            self.varint(u64::from(field << 3 | 2));
            self.varint(value.len() as u64);
            self.0.extend_from_slice(value);
        }
    }
}

/// What the entries of one connection have in common.
pub(crate) struct Origin<'a> {
    pub(crate) identity: &'a str,
    pub(crate) proof: &'a str,
    pub(crate) user: &'a str,
    pub(crate) from: &'a str,
    pub(crate) connection: u64,
}

impl Origin<'_> {
    pub(crate) fn fields(&self) -> Fields {
        let mut fields = Fields::default();
        fields.bytes(field::IDENTITY, self.identity.as_bytes());
        fields.bytes(field::PROOF, self.proof.as_bytes());
        fields.bytes(field::USER, self.user.as_bytes());
        fields.bytes(field::FROM, self.from.as_bytes());
        fields.number(field::CONNECTION, self.connection);
        fields
    }
}

/// What the entries about one key have in common.
pub(crate) fn key_fields(id: &KeyId, owner: &str, name: &str, version: u64) -> Fields {
    let mut fields = key_id_fields(id.as_bytes());
    fields.bytes(field::KEY, format!("{owner}/{name}").as_bytes());
    fields.number(field::KEY_VERSION, version);
    fields
}

/// A key of which no more is known.
pub(crate) fn key_id_fields(id: &[u8]) -> Fields {
    let mut fields = Fields::default();
    fields.bytes(field::KEY_ID, &id[..id.len().min(KeyId::BYTES)]);
    fields
}

/// A key that is not there: the name that was asked for.
pub(crate) fn key_name_fields(owner: &str, name: &str) -> Fields {
    let mut fields = Fields::default();
    let name = format!("{owner}/{name}");
    fields.bytes(field::KEY, shortened(&name, 300).as_bytes());
    fields
}

/// What is particular to one entry.
#[derive(Default)]
pub(crate) struct Particulars<'a> {
    pub(crate) operation: u32,
    pub(crate) event: &'a str,
    pub(crate) request: u64,
    pub(crate) algorithm: &'a str,
    pub(crate) outcome: u32,
    pub(crate) detail: &'a str,
}

/// A whole entry but for its sequence number, at the present time.
pub(crate) fn entry(origin: &Fields, key: &Fields, of: &Particulars<'_>) -> Fields {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_micros());
    let mut fields = Fields(Vec::with_capacity(64 + origin.0.len() + key.0.len()));
    fields.number(field::TIME, now as u64);
    fields.number(field::OPERATION, of.operation.into());
    fields.bytes(field::EVENT, of.event.as_bytes());
    fields.0.extend_from_slice(&origin.0);
    fields.number(field::REQUEST, of.request);
    fields.0.extend_from_slice(&key.0);
    fields.bytes(field::ALGORITHM, of.algorithm.as_bytes());
    fields.number(field::OUTCOME, of.outcome.into());
    fields.bytes(field::DETAIL, shortened(of.detail, MAX_DETAIL_BYTES).as_bytes());
    fields
}

/// The field that goes before an entry when its place in the log is known.
pub(crate) fn sequence_field(sequence: u64) -> Fields {
    let mut fields = Fields::default();
    fields.number(field::SEQUENCE, sequence);
    fields
}

fn shortened(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use keyward_protocol::messages::AuditEntry;
    use prost::Message;

    use super::*;

    #[test]
    fn what_is_written_by_hand_reads_as_the_message_of_the_schema() {
        let origin = Origin {
            identity: "uid:33",
            proof: "kernel",
            user: "web",
            from: "process 77",
            connection: 300,
        };
        let key = key_fields(&KeyId::new([9; 16]), "web", "site", 5);
        let of = Particulars {
            operation: 14,
            event: "e",
            request: u64::MAX,
            algorithm: "ecdsa-sha256",
            outcome: 3,
            detail: "d",
        };
        let body = entry(&origin.fields(), &key, &of);
        let whole = [sequence_field(1 << 40).as_bytes(), body.as_bytes()].concat();
        let read = AuditEntry::decode(whole.as_slice()).unwrap();
        assert!(read.time > 1_700_000_000_000_000);
        let expected = AuditEntry {
            sequence: 1 << 40,
            time: read.time,
            operation: 14,
            event: "e".into(),
            identity: "uid:33".into(),
            proof: "kernel".into(),
            user: "web".into(),
            from: "process 77".into(),
            connection: 300,
            request: u64::MAX,
            key_id: vec![9; 16],
            key: "web/site".into(),
            key_version: 5,
            algorithm: "ecdsa-sha256".into(),
            outcome: 3,
            detail: "d".into(),
        };
        assert_eq!(read, expected);
        assert_eq!(whole, expected.encode_to_vec().as_slice(), "in the order of the schema");
    }
}
