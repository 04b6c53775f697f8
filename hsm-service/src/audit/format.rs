//! The log's files: records one after another, each a kind, a length and a body. `docs/audit.md`
//! describes them for those who write their own reader.

use aws_lc_rs::digest::{SHA256, digest};
use keyward_protocol::messages::AuditCheckpoint;
use prost::Message;

/// The chain's value: SHA-256 over the value before it and a whole record.
pub(crate) type Chain = [u8; 32];

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The first record of a file.
    Head,
    /// An act or a use.
    Entry,
    /// What was signed, with its signature.
    Checkpoint,
}

impl Kind {
    pub(super) const fn byte(self) -> u8 {
        match self {
            Kind::Head => b'H',
            Kind::Entry => b'E',
            Kind::Checkpoint => b'C',
        }
    }

    fn from_byte(byte: u8) -> Option<Kind> {
        [Kind::Head, Kind::Entry, Kind::Checkpoint].into_iter().find(|kind| kind.byte() == byte)
    }
}

/// Kind and length before each body.
pub(crate) const PREFIX_BYTES: usize = 5;

/// The longest body that a record can rightly have.
const MAX_RECORD_BYTES: usize = 1 << 16;

/// Appends a record and moves the chain on.
pub(crate) fn put(kind: Kind, body: &[&[u8]], chain: &mut Chain, out: &mut Vec<u8>) {
    let start = out.len();
    let length: usize = body.iter().map(|part| part.len()).sum();
    out.push(kind.byte());
    out.extend_from_slice(&(length as u32).to_be_bytes());
    body.iter().for_each(|part| out.extend_from_slice(part));
    *chain = advance(chain, &out[start..]);
}

/// The chain's value after a whole record.
pub(crate) fn advance(chain: &Chain, record: &[u8]) -> Chain {
    // In one call, which takes half of what a context takes that is fed in pieces.
    let mut joined = Vec::with_capacity(chain.len() + record.len());
    joined.extend_from_slice(chain);
    joined.extend_from_slice(record);
    let mut value = [0; 32];
    value.copy_from_slice(digest(&SHA256, &joined).as_ref());
    value
}

/// A record as it was found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    pub(crate) kind: Kind,
    pub(crate) body: &'a [u8],
    /// The record with its prefix.
    pub(crate) whole: &'a [u8],
}

/// Why no record begins here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// The bytes end before the record does.
    Short,
    /// This is no record.
    Broken,
}

/// The record at the beginning of some bytes.
pub(crate) fn first(bytes: &[u8]) -> Result<Record<'_>, Unreadable> {
    let Some((prefix, rest)) = bytes.split_first_chunk::<PREFIX_BYTES>() else {
        return Err(Unreadable::Short);
    };
    let [kind, length @ ..] = *prefix;
    let kind = Kind::from_byte(kind).ok_or(Unreadable::Broken)?;
    let length = u32::from_be_bytes(length) as usize;
    if length > MAX_RECORD_BYTES {
        return Err(Unreadable::Broken);
    }
    let body = rest.get(..length).ok_or(Unreadable::Short)?;
    Ok(Record { kind, body, whole: &bytes[..PREFIX_BYTES + length] })
}

/// Whether a file may be in the middle of a batch: its last record is short, or an entry that no
/// checkpoint follows.
pub(crate) fn is_unfinished(mut bytes: &[u8]) -> bool {
    let mut last = Kind::Head;
    while !bytes.is_empty() {
        match first(bytes) {
            Ok(record) => {
                last = record.kind;
                bytes = &bytes[record.whole.len()..];
            }
            Err(reason) => return reason == Unreadable::Short,
        }
    }
    last == Kind::Entry
}

/// What is signed before the bytes of a checkpoint, so that the audit key's signature can mean
/// nothing else.
const DOMAIN: &[u8] = b"keyward audit checkpoint 1\0";

/// The bytes that the signature of a checkpoint is over.
pub(crate) fn to_be_signed(service_id: &str, checkpoint: &[u8]) -> Vec<u8> {
    [DOMAIN, service_id.as_bytes(), b"\0", checkpoint].concat()
}

/// The parts of a checkpoint's body: its length in two bytes, what is signed, the signature.
pub(crate) fn split_checkpoint(body: &[u8]) -> Option<(&[u8], &[u8], AuditCheckpoint)> {
    let (length, rest) = body.split_first_chunk::<2>()?;
    let (signed, signature) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
    let checkpoint = AuditCheckpoint::decode(signed).ok()?;
    Some((signed, signature, checkpoint))
}

/// Appends a checkpoint.
pub(crate) fn put_checkpoint(
    signed: &[u8],
    signature: &[u8],
    chain: &mut Chain,
    out: &mut Vec<u8>,
) {
    let length = (signed.len() as u16).to_be_bytes();
    put(Kind::Checkpoint, &[&length, signed, signature], chain, out);
}
