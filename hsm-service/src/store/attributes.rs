//! A key's attributes as the store keeps them: one value with its layout's number before it.

use keyward_protocol::{KeyAttributes, KeyEvent, KeyEventKind, Origin, messages};
use prost::Message;

use crate::clock;

/// The number before an encoding of [`messages::KeyAttributes`].
const LAYOUT: u8 = 1;

/// The most events that are kept of a key: its birth, and the latest.
const MAX_EVENTS: usize = 32;

/// The longest detail of an event in bytes.
const MAX_DETAIL_BYTES: usize = 256;

pub(super) fn encode(attributes: &KeyAttributes) -> Vec<u8> {
    let message = messages::KeyAttributes::from(attributes.clone());
    let mut bytes = Vec::with_capacity(1 + message.encoded_len());
    bytes.push(LAYOUT);
    message.encode_raw(&mut bytes);
    bytes
}

/// Reads what [`encode`] wrote.
pub(super) fn decode(bytes: &[u8]) -> Option<KeyAttributes> {
    let (&LAYOUT, message) = bytes.split_first()? else { return None };
    messages::KeyAttributes::decode(message).ok().map(KeyAttributes::from)
}

/// What can be said of a key that was kept before there were attributes.
pub(super) fn of_old(origin: Origin, created: u64) -> KeyAttributes {
    let kind = match origin {
        Origin::Generated => KeyEventKind::Generated,
        Origin::Imported => KeyEventKind::Imported,
        Origin::Derived => KeyEventKind::Derived,
    };
    let birth = KeyEvent { kind: kind.into(), time: created, ..KeyEvent::default() };
    KeyAttributes { history: vec![birth], ..KeyAttributes::default() }
}

/// Adds to a key's history what a user does now.
pub(crate) fn note(history: &mut Vec<KeyEvent>, kind: KeyEventKind, by: &str, detail: &str) {
    if history.len() >= MAX_EVENTS {
        history.remove(1);
    }
    let mut end = detail.len().min(MAX_DETAIL_BYTES);
    while !detail.is_char_boundary(end) {
        end -= 1;
    }
    history.push(KeyEvent {
        kind: kind.into(),
        time: clock::now(),
        by: by.to_owned(),
        detail: detail[..end].to_owned(),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_and_later_layouts_are_refused() {
        let mut attributes = of_old(Origin::Imported, 7);
        attributes.restrictions.algorithms = vec!["ecdsa-sha256".into()];
        let mut bytes = encode(&attributes);
        assert_eq!(decode(&bytes), Some(attributes));
        bytes[0] += 1;
        assert_eq!(decode(&bytes), None);
        assert_eq!(decode(&[]), None);
    }

    #[test]
    fn a_long_history_keeps_the_birth_and_the_latest() {
        let mut history = of_old(Origin::Generated, 7).history;
        for count in 0..100 {
            note(&mut history, KeyEventKind::Renamed, "me", &format!("to {count}"));
        }
        assert_eq!(history.len(), MAX_EVENTS);
        assert_eq!(history[0].time, 7);
        assert_eq!(history.last().unwrap().detail, "to 99");
    }
}
