//! PEM files (RFC 7468): every block in a file, whatever text stands between them.

use keyward_algorithms::ErrorKind;
use keyward_protocol::Error;
use pem_rfc7468::{Decoder, LineEnding};
use zeroize::{Zeroize, Zeroizing};

/// One block of a PEM file.
pub(crate) struct Block {
    /// What stands after `BEGIN`.
    pub(crate) label: String,
    /// The payload.
    pub(crate) der: Zeroizing<Vec<u8>>,
}

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// Whether the bytes look like a PEM file rather than DER.
pub(crate) fn is_pem(bytes: &[u8]) -> bool {
    bytes.windows(BEGIN.len()).any(|window| window == BEGIN.as_bytes())
}

/// Reads every block.
pub(crate) fn blocks(bytes: &[u8]) -> Result<Vec<Block>, Error> {
    // Comments need not be UTF-8, labels and payloads are ASCII.
    let text = Zeroizing::new(String::from_utf8_lossy(bytes).into_owned());
    let mut blocks = Vec::new();
    let mut rest = text.as_str();
    while let Some(start) = rest.find(BEGIN) {
        rest = &rest[start..];
        let label_end =
            rest[BEGIN.len()..].find(DASHES).ok_or_else(|| damaged("its first line"))?;
        let label = &rest[BEGIN.len()..BEGIN.len() + label_end];
        let end_line = format!("{END}{label}{DASHES}");
        let end = rest.find(&end_line).ok_or_else(|| damaged(label))? + end_line.len();
        blocks.push(Block { label: label.into(), der: decode(label, &rest[..end])? });
        rest = &rest[end..];
    }
    Ok(blocks)
}

fn decode(label: &str, block: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    if block.contains("Proc-Type:") {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "the private key is encrypted in the traditional PEM form, which protects it badly",
        )
        .hint("convert it first: openssl pkey -in OLD.pem -aes256 -out NEW.pem"));
    }
    // Lines are often indented or blank where a file was pasted together.
    let mut tidy = Zeroizing::new(String::with_capacity(block.len() + 1));
    for line in block.lines().map(str::trim).filter(|line| !line.is_empty()) {
        tidy.push_str(line);
        tidy.push('\n');
    }
    let mut decoder = Decoder::new_detect_wrap(tidy.as_bytes()).map_err(|_| damaged(label))?;
    let mut der = Zeroizing::new(vec![0; decoder.remaining_len()]);
    if decoder.decode(&mut der).is_err() || !decoder.is_finished() {
        der.zeroize();
        return Err(damaged(label));
    }
    Ok(der)
}

fn damaged(what: &str) -> Error {
    Error::invalid(format!("the PEM block \"{what}\" is damaged or cut short"))
}

/// Writes one block that holds nothing secret.
pub(crate) fn encode(label: &str, der: &[u8]) -> Result<String, Error> {
    pem_rfc7468::encode_string(label, LineEnding::LF, der)
        .map_err(|_| Error::new(ErrorKind::Internal, format!("the {label} is too long for PEM")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_between_other_text_and_whatever_their_line_width() {
        let short =
            "Bag Attributes\n  name: web\n-----BEGIN A B-----\nAAEC\nAwQF\n-----END A B-----\n";
        let indented = "  -----BEGIN C-----\r\n  AAECAwQF\r\n  -----END C-----\r\ntrailer";
        let found = blocks(format!("{short}\u{e9}{indented}").as_bytes()).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].label.as_str(), found[1].label.as_str()), ("A B", "C"));
        assert!(found.iter().all(|block| *block.der == [0, 1, 2, 3, 4, 5]));
    }

    #[test]
    fn damage_is_an_error_that_names_the_block() {
        for text in [
            "-----BEGIN A-----\nAAEC\n",
            "-----BEGIN A-----\nAA*C\n-----END A-----\n",
            "-----BEGIN A-----\nAAECA\n-----END A-----\n",
        ] {
            let error = blocks(text.as_bytes()).err().expect(text);
            assert!(error.message.contains("\"A\""), "{}", error.message);
        }
    }
}
