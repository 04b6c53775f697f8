//! Loading from a file (provider-decoder(7)): the reference PEM, in the two steps that OpenSSL's
//! loaders know, PEM to structure and structure to key. The service is not asked.

use std::{ffi::CStr, sync::Arc};

use keyward_algorithms::Family;
use keyward_protocol::{
    Result,
    reference::{PEM_LABEL, Reference},
};

use crate::{
    ffi::{
        bindings::OSSL_OBJECT_PKEY,
        bio::Bio,
        builder::{Callback, ParamList},
        core::Core,
        guard::Scope,
        names,
    },
    key::Key,
    provider::Provider,
    public::Public,
    store::{hand_over_key, type_name},
};

/// The name of the structure between the two steps.
pub(crate) const STRUCTURE: &CStr = c"keyward-reference";

/// The largest PEM block or structure that is read; a reference to an ML-DSA-87 key has 4 KiB.
const LARGEST_BYTES: usize = 16 * 1024;

/// A decoder at work.
pub(crate) struct DecoderContext {
    provider: Arc<Provider>,
}

impl Scope for DecoderContext {
    fn core(&self) -> &Core {
        self.provider.core()
    }
}

/// What came of a decoder's call. An input that is not ours is no failure: the core goes on to the
/// next decoder, which is why nothing may be said about it either.
pub(crate) enum Decoded {
    NotOurs,
    HandedOver(bool),
}

impl From<Arc<Provider>> for DecoderContext {
    fn from(provider: Arc<Provider>) -> DecoderContext {
        DecoderContext { provider }
    }
}

impl DecoderContext {
    /// Reads one PEM block and no further, so that what follows it in the file stays for others.
    pub(crate) fn decode_pem(&self, mut input: Bio<'_>, callback: Callback) -> Result<Decoded> {
        let Some(block) = read_block(&mut input) else { return Ok(Decoded::NotOurs) };
        let reference = Reference::from_pem(&block)?;
        let der = reference.to_der()?;
        let key = Key::in_file(self.provider.clone(), reference)?;
        self.provider.check_offers(key.family).map_err(|error| key.about(error))?;
        Ok(Decoded::HandedOver(hand_over_der(key.family, STRUCTURE, &der, callback)))
    }

    /// Reads the structure, if it is one and its key is of this family.
    pub(crate) fn decode_der(
        &self,
        mut input: Bio<'_>,
        family: Family,
        callback: Callback,
    ) -> Result<Decoded> {
        // Every DER key that the process loads passes here: look at its head first.
        let mut der = Vec::with_capacity(16);
        input.read_up_to(16, &mut der);
        if !looks_like_a_reference(&der) {
            return Ok(Decoded::NotOurs);
        }
        input.read_up_to(LARGEST_BYTES, &mut der);
        let reference = Reference::from_der(&der)?;
        if Public::family_of(&reference.spki)? != family {
            return Ok(Decoded::NotOurs);
        }
        let key = Key::in_file(self.provider.clone(), reference)?;
        Ok(Decoded::HandedOver(hand_over_key(&Arc::new(key), callback)))
    }
}

/// Hands a key to the core as DER, for which the core looks for a decoder.
pub(crate) fn hand_over_der(
    family: Family,
    structure: &CStr,
    der: &[u8],
    callback: Callback,
) -> bool {
    let mut list = ParamList::new();
    list.integer(names::OBJECT_TYPE, OSSL_OBJECT_PKEY);
    list.text(names::OBJECT_DATA_TYPE, type_name(family));
    list.text(names::OBJECT_DATA_STRUCTURE, structure);
    list.octets(names::OBJECT_DATA, der);
    callback.call(&mut list)
}

/// The lines of the next PEM block if it has our label. A block of others' is read to its end, as
/// OpenSSL's own decoder does.
fn read_block(input: &mut Bio<'_>) -> Option<String> {
    let begin = format!("-----BEGIN {PEM_LABEL}-----");
    let mut ours = None;
    let mut line = Vec::new();
    while input.read_line(&mut line) {
        // A line that is longer than one read arrives in parts; only its beginning counts.
        let complete = line.ends_with(b"\n");
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        let block: Option<&mut String> = match &mut ours {
            None if text == begin => Some(ours.insert(String::new())),
            None if text.starts_with("-----BEGIN ") => {
                skip_block(input);
                return None;
            }
            None => None,
            Some(block) => Some(block),
        };
        if let Some(block) = block {
            block.push_str(&text);
            block.push('\n');
            if text.starts_with("-----END ") {
                return ours;
            }
            if block.len() > LARGEST_BYTES {
                // What is left of it is no block, and would be told as one after another.
                skip_block(input);
                return ours;
            }
        }
        line.clear();
        if !complete {
            skip_rest_of_line(input);
        }
    }
    ours
}

fn skip_block(input: &mut Bio<'_>) {
    let mut line = Vec::new();
    while input.read_line(&mut line) && !line.starts_with(b"-----END ") {
        line.clear();
    }
}

fn skip_rest_of_line(input: &mut Bio<'_>) {
    let mut rest = Vec::new();
    while !rest.ends_with(b"\n") {
        rest.clear();
        if !input.read_line(&mut rest) {
            return;
        }
    }
}

/// Whether DER begins like a reference: a sequence of an integer of one byte and UTF-8 text.
/// PKCS#8, PKCS#1 and SEC 1 go on differently after their version.
fn looks_like_a_reference(head: &[u8]) -> bool {
    let content = match head {
        [0x30, 0x82, _, _, content @ ..] | [0x30, 0x81, _, content @ ..] => content,
        [0x30, length, content @ ..] if *length < 0x80 => content,
        _ => return false,
    };
    matches!(content, [0x02, 0x01, _, 0x0c, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_structures_do_not_look_like_references() {
        let pkcs8 = [0x30, 0x82, 0x04, 0xbd, 0x02, 0x01, 0x00, 0x30, 0x0d];
        let pkcs1 = [0x30, 0x82, 0x04, 0xa3, 0x02, 0x01, 0x00, 0x02, 0x82];
        let sec1 = [0x30, 0x77, 0x02, 0x01, 0x01, 0x04, 0x20];
        let ours = [0x30, 0x81, 0x90, 0x02, 0x01, 0x01, 0x0c, 0x0b];
        assert!(
            [&pkcs8[..], &pkcs1, &sec1, &[], &[0x30]]
                .iter()
                .all(|der| !looks_like_a_reference(der))
        );
        assert!(looks_like_a_reference(&ours));
    }
}
