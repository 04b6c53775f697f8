//! Reading the values of arguments. Each function gives clap a message that names the nearest
//! known word, so that a typing error is a wrong usage (exit status 2) and never a request.

use keyward_algorithms::{
    Derivation, Digest, KeyType, Mac, Right, Rights, Role, SecretKind, Signature, SymmetricCipher,
    Wrapping, algorithm_from_name, algorithms_of,
};
use keyward_protocol::{ApprovalId, Error, KeySelector, KeyUri, check_name};

use crate::{sources::SourceRange, store::MAX_SHARES};

use super::symmetric::from_hex;

/// A key: `NAME`, `OWNER/NAME`, `id=HEX`, or the same after `keyward:`.
pub(crate) fn key(text: &str) -> Result<KeySelector, String> {
    let scheme = format!("{}:", KeyUri::SCHEME);
    let uri = if text.starts_with(&scheme) { text.to_owned() } else { format!("{scheme}{text}") };
    let parsed: KeyUri = uri.parse().map_err(|error: Error| {
        // People who write a bare name need not be told about URIs.
        match check_name("key", text) {
            Err(name_error) if !text.contains([':', '/', '=']) => sentence(&name_error),
            _ => sentence(&error),
        }
    })?;
    parsed.selector.ok_or_else(|| "a key must be named".into())
}

/// The name of a key to be made.
pub(crate) fn new_key_name(text: &str) -> Result<String, String> {
    check_name("key", text).map(|()| text.to_owned()).map_err(|error| sentence(&error))
}

/// The name of a certificate that is kept without a key.
pub(crate) fn certificate_name(text: &str) -> Result<String, String> {
    check_name("certificate", text).map(|()| text.to_owned()).map_err(|error| sentence(&error))
}

/// The name of a user.
pub(crate) fn user_name(text: &str) -> Result<String, String> {
    check_name("user", text).map(|()| text.to_owned()).map_err(|error| sentence(&error))
}

/// A serial number of a certificate.
#[derive(Clone, Debug)]
pub(crate) struct SerialNumber(pub(crate) Vec<u8>);

/// A serial number in hexadecimal digits, with or without colons between bytes.
pub(crate) fn serial_number(text: &str) -> Result<SerialNumber, String> {
    let digits: Vec<u32> = text
        .chars()
        .filter(|letter| *letter != ':')
        .map(|letter| letter.to_digit(16))
        .collect::<Option<_>>()
        .filter(|digits: &Vec<u32>| !digits.is_empty() && digits.len().is_multiple_of(2))
        .ok_or_else(|| format!("{text:?} is no serial number: write hexadecimal digits"))?;
    Ok(SerialNumber(digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()))
}

/// How many shares are enough, of how many: `3/5`.
pub(crate) fn shares(text: &str) -> Result<(u8, u8), String> {
    let numbers = text.split_once('/').and_then(|(threshold, count)| {
        Some((threshold.trim().parse().ok()?, count.trim().parse().ok()?))
    });
    match numbers {
        Some((threshold, count)) if (2..=count).contains(&threshold) && count <= MAX_SHARES => {
            Ok((threshold, count))
        }
        _ => Err(format!("{text:?} is no number of shares: write 3/5 for three of five")),
    }
}

/// What the command does about the approval of others.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Consent {
    /// It carries one that was asked for before.
    Given(ApprovalId),
    /// It waits for it.
    Awaited,
}

/// An approval by its name, or the word that says to wait for one.
pub(crate) fn consent(text: &str) -> Result<Consent, String> {
    match text {
        "wait" => Ok(Consent::Awaited),
        _ => text.parse().map(Consent::Given).map_err(|error| format!("{error}, or `wait`")),
    }
}

/// A range of addresses.
pub(crate) fn source(text: &str) -> Result<SourceRange, String> {
    SourceRange::try_from(text.to_owned())
}

/// A role by its word.
pub(crate) fn role(text: &str) -> Result<Role, String> {
    Role::from_word(text)
        .ok_or_else(|| unknown(text, Role::ALL.iter().map(|role| role.word()), &Role::words()))
}

/// A key type by any of its names.
pub(crate) fn key_type(text: &str) -> Result<KeyType, String> {
    KeyType::from_name(text).ok_or_else(|| {
        let names: Vec<String> = KeyType::all().map(|known| known.to_string()).collect();
        unknown(
            text,
            names.iter().map(String::as_str),
            "rsa-2048, rsa-3072, p-256, ed25519, aes-256, …",
        )
    })
}

/// A key type, or a kind of secret keys whatever their size, as the service wants it.
pub(crate) fn type_or_kind(text: &str) -> Result<String, String> {
    match SecretKind::from_name(text) {
        Some(kind) => Ok(kind.row().name.into()),
        None => key_type(text).map(|known| known.to_string()),
    }
}

/// A signature algorithm by Keyward's or Java's name.
pub(crate) fn signature(text: &str) -> Result<&'static Signature, String> {
    Signature::from_name(text).ok_or_else(|| {
        let names =
            Signature::all().iter().flat_map(|row| row.jca.iter().copied().chain([row.name]));
        unknown(text, names, "rsa-pkcs1-sha256, rsa-pss-sha256, ecdsa-sha384, ed25519, …")
    })
}

/// An algorithm of any kind, by Keyward's or Java's name.
pub(crate) fn algorithm(text: &str) -> Result<&'static str, String> {
    algorithm_from_name(text).ok_or_else(|| {
        let names = KeyType::all().flat_map(algorithms_of);
        unknown(text, names, "ecdsa-sha256, rsa-pss-sha256, rsa-oaep, aes-gcm, ecdh, hkdf, …")
    })
}

/// A digest by any of its names.
pub(crate) fn digest(text: &str) -> Result<Digest, String> {
    Digest::from_name(text).ok_or_else(|| {
        unknown(text, Digest::ALL.iter().map(|digest| digest.row().name), "sha256, sha384, …")
    })
}

/// A cipher by Keyward's or Java's name.
pub(crate) fn cipher(text: &str) -> Result<SymmetricCipher, String> {
    SymmetricCipher::from_name(text).ok_or_else(|| {
        let rows = SymmetricCipher::ALL.iter().map(|cipher| cipher.row());
        unknown(text, rows.flat_map(|row| [row.name, row.jca]), "aes-gcm, aes-cbc-pad, aes-ctr, …")
    })
}

/// A message authentication code by Keyward's or Java's name.
pub(crate) fn mac(text: &str) -> Result<Mac, String> {
    Mac::from_name(text).ok_or_else(|| {
        let rows = Mac::ALL.iter().map(|mac| mac.row());
        unknown(text, rows.flat_map(|row| [row.name, row.jca]), "hmac-sha256, aes-cmac, …")
    })
}

/// A wrapping by Keyward's or Java's name.
pub(crate) fn wrapping(text: &str) -> Result<Wrapping, String> {
    Wrapping::from_name(text).ok_or_else(|| {
        let rows = Wrapping::ALL.iter().map(|wrapping| wrapping.row());
        let names = rows.flat_map(|row| row.jca.iter().copied().chain([row.name]));
        unknown(text, names, "aes-kw, aes-kwp, aes-gcm, rsa-oaep, rsa-aes")
    })
}

/// A key derivation function by its name.
pub(crate) fn derivation(text: &str) -> Result<Derivation, String> {
    Derivation::from_name(text).ok_or_else(|| {
        let names = Derivation::ALL.iter().map(|function| function.row().name);
        unknown(text, names, "hkdf, kbkdf-hmac, x963")
    })
}

/// Bytes; clap takes a bare vector for a list of values.
#[derive(Clone, Debug)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

/// Bytes in hexadecimal.
pub(crate) fn hexadecimal(text: &str) -> Result<Bytes, String> {
    from_hex(text).map(Bytes).ok_or_else(|| "these are no bytes in hexadecimal".into())
}

/// The uses of a key: `sign,decrypt`.
pub(crate) fn usage(text: &str) -> Result<Rights, String> {
    rights_among(text, Right::ALL.iter().copied().filter(|right| right.row().is_use).collect())
}

/// Rights on a key: `see,sign`.
pub(crate) fn rights(text: &str) -> Result<Rights, String> {
    rights_among(text, Right::ALL.to_vec())
}

fn rights_among(text: &str, allowed: Vec<Right>) -> Result<Rights, String> {
    let names: Vec<&str> = allowed.iter().map(|right| right.row().name).collect();
    let parsed = Rights::parse(text)
        .map_err(|word| unknown(word, names.iter().copied(), &names.join(", ")))?;
    match parsed.iter().find(|right| !allowed.contains(right)) {
        Some(right) => Err(unknown(right.row().name, names.iter().copied(), &names.join(", "))),
        None if parsed.is_empty() => {
            Err(format!("the list is empty; known are {}", names.join(", ")))
        }
        None => Ok(parsed),
    }
}

/// Says that a word is not known, and which is nearest or, failing that, which there are.
fn unknown<'a>(word: &str, known: impl Iterator<Item = &'a str>, some: &str) -> String {
    let lower = word.to_ascii_lowercase();
    let nearest = known
        .map(|name| (strsim::damerau_levenshtein(&lower, &name.to_ascii_lowercase()), name))
        .min()
        .filter(|(distance, _)| *distance <= 1 + word.len() / 4);
    match nearest {
        Some((_, name)) => format!("{word:?} is not known; did you mean \"{name}\"?"),
        None => format!("{word:?} is not known; known are {some}"),
    }
}

/// An error and what to do, in one line.
pub(crate) fn sentence(error: &Error) -> String {
    match &error.hint {
        Some(hint) => format!("{}; {hint}", error.message),
        None => error.message.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_named_with_or_without_the_scheme() {
        for (text, same) in [
            ("web", "keyward:web"),
            ("ops/web", "keyward:ops/web"),
            ("id=000102030405060708090a0b0c0d0e0f", "keyward:id=000102030405060708090a0b0c0d0e0f"),
        ] {
            assert_eq!(key(text).unwrap(), key(same).unwrap());
        }
        assert!(key("a b").unwrap_err().contains("no valid key name"));
        assert!(key("").is_err());
    }

    #[test]
    fn a_typing_error_is_answered_with_the_nearest_word() {
        assert!(key_type("rsa-2084").unwrap_err().contains("\"rsa-2048\""));
        assert!(signature("edcsa-sha256").unwrap_err().contains("\"ecdsa-sha256\""));
        assert!(digest("sha265").unwrap_err().contains("\"sha256\""));
        assert!(usage("sing").unwrap_err().contains("\"sign\""));
        assert!(usage("manage").unwrap_err().contains("known are sign, decrypt"));
        assert!(rights("see,manage").is_ok());
    }
}
