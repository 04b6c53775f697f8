//! Distinguished names as people write them: RFC 4514 (`CN=web,O=Example`) and OpenSSL's older
//! form (`/O=Example/CN=web`).

use std::str::FromStr;

use der::{
    Decode, Encode, Tag, Tagged,
    asn1::{Ia5StringRef, PrintableStringRef},
};
use keyward_protocol::Error;
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};

/// One attribute as written: its type, and its value without escapes.
type Attribute = (String, Value);

enum Value {
    Text(Vec<u8>),
    /// `#` and the hexadecimal DER of the value (RFC 4514, 2.4).
    Der(String),
}

/// Reads a distinguished name in either form. RFC 4514 writes the most specific part first,
/// OpenSSL's form last; an empty name is `/` or nothing.
pub(crate) fn parse(text: &str) -> Result<Name, Error> {
    let text = text.trim();
    let parts = match text.strip_prefix('/') {
        Some(rest) => split(rest, '/'),
        None => {
            let mut parts = split(text, ',');
            parts.reverse();
            parts
        }
    };
    let mut sequence = RdnSequence::default();
    for part in parts.iter().filter(|part| !part.trim().is_empty()) {
        let attributes: Result<Vec<Attribute>, Error> =
            split(part, '+').iter().map(|attribute| read(text, attribute)).collect();
        sequence.push(encode(text, &attributes?)?);
    }
    sequence
        .to_der()
        .and_then(|der| Name::from_der(&der))
        .map_err(|error| malformed(text, &error.to_string()))
}

/// Splits at a separator that is neither escaped nor quoted; escapes stay in the parts.
fn split(text: &str, separator: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let (mut escaped, mut quoted) = (false, false);
    for character in text.chars() {
        if character == separator && !escaped && !quoted {
            parts.push(String::new());
            continue;
        }
        quoted ^= character == '"' && !escaped;
        escaped = character == '\\' && !escaped;
        if let Some(part) = parts.last_mut() {
            part.push(character);
        }
    }
    parts
}

fn read(text: &str, attribute: &str) -> Result<Attribute, Error> {
    let (key, value) = attribute
        .split_once('=')
        .ok_or_else(|| malformed(text, &format!("{attribute:?} has no equals sign")))?;
    let key = key.trim();
    let trimmed = value.trim_start();
    if let Some(digits) = trimmed.strip_prefix('#') {
        return Ok((key.into(), Value::Der(digits.trim_end().into())));
    }
    Ok((key.into(), Value::Text(unescape(text, trimmed)?)))
}

/// Takes the escapes and quotes out of a value, and spaces off its end unless they are escaped.
fn unescape(text: &str, value: &str) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let mut kept = 0;
    let mut quoted = false;
    let mut rest = value.bytes().peekable();
    while let Some(byte) = rest.next() {
        match byte {
            b'"' => quoted = !quoted,
            b'\\' => {
                let next =
                    rest.next().ok_or_else(|| malformed(text, "it ends with a backslash"))?;
                let pair = (char::from(next).to_digit(16), rest.peek().copied());
                match pair {
                    (Some(high), Some(low)) if char::from(low).is_ascii_hexdigit() => {
                        let low = char::from(low).to_digit(16).unwrap_or_default();
                        rest.next();
                        bytes.push((high * 16 + low) as u8);
                    }
                    _ => bytes.push(next),
                }
                kept = bytes.len();
                continue;
            }
            _ => bytes.push(byte),
        }
        if quoted || byte != b' ' {
            kept = bytes.len();
        }
    }
    bytes.truncate(kept);
    if std::str::from_utf8(&bytes).is_err() {
        return Err(malformed(text, "a value is not UTF-8"));
    }
    Ok(bytes)
}

/// Writes one relative name in a canonical form, every special byte as `\XX`, and has it encoded.
fn encode(text: &str, attributes: &[Attribute]) -> Result<RelativeDistinguishedName, Error> {
    let written: Vec<String> = attributes
        .iter()
        .map(|(key, value)| match value {
            Value::Der(digits) => format!("{key}=#{digits}"),
            Value::Text(bytes) => {
                let value: String = bytes.iter().map(|byte| escape(*byte)).collect();
                format!("{key}={value}")
            }
        })
        .collect();
    let types: Vec<&str> = attributes.iter().map(|(key, _)| key.as_str()).collect();
    let name = RelativeDistinguishedName::from_str(&written.join("+")).map_err(|_| {
        let error =
            malformed(text, &format!("{} is no attribute type that is known", types.join("+")));
        let is_host = types.iter().any(|word| ["dns", "ip"].contains(&&*word.to_ascii_lowercase()));
        if is_host { error.hint("host names and addresses go into --san") } else { error }
    })?;
    for attribute in name.iter() {
        let fits = match attribute.value.tag() {
            Tag::PrintableString => PrintableStringRef::new(attribute.value.value()).is_ok(),
            Tag::Ia5String => Ia5StringRef::new(attribute.value.value()).is_ok(),
            _ => true,
        };
        if !fits || attribute.value.value().is_empty() {
            let message = format!("{} may not have that value", types.join("+"));
            return Err(malformed(text, &message));
        }
    }
    Ok(name)
}

fn escape(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'@' | b'*' | b':') {
        char::from(byte).to_string()
    } else {
        format!("\\{byte:02x}")
    }
}

fn malformed(text: &str, why: &str) -> Error {
    Error::invalid(format!("{text:?} is no distinguished name: {why}"))
        .hint("write CN=web.example,O=Example or /O=Example/CN=web.example")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_mean_the_same_name() {
        let expected = parse("CN=web.example,O=Example Ltd,C=DE").unwrap();
        for text in [
            "cn = web.example , o=Example Ltd, c=DE",
            "/C=DE/O=Example Ltd/CN=web.example",
            "CN=web.example,O=\"Example Ltd\",C=DE",
            "2.5.4.3=web.example,O=Example\\20Ltd,C=DE",
        ] {
            assert_eq!(parse(text).unwrap(), expected, "{text}");
        }
        assert_eq!(expected.to_string(), "CN=web.example,O=Example Ltd,C=DE");
    }

    #[test]
    fn separators_can_be_part_of_a_value() {
        for (text, written) in [
            ("CN=a\\,b,O=c", "CN=a\\,b,O=c"),
            ("CN=\"a,b\",O=c", "CN=a\\,b,O=c"),
            ("/O=c/CN=a\\/b", "CN=a/b,O=c"),
            ("CN=back\\\\,O=c", "CN=back\\\\,O=c"),
            ("CN=\u{fc}ml", "CN=\u{fc}ml"),
            ("CN=a+UID=7,O=c", "CN=a+UID=7,O=c"),
            ("", ""),
            ("/", ""),
        ] {
            assert_eq!(parse(text).unwrap().to_string(), written, "{text}");
        }
    }

    #[test]
    fn what_is_no_name_says_why() {
        for (text, why) in [
            ("web", "no equals sign"),
            ("purple=1", "no attribute type"),
            ("C=\u{fc}", "may not have"),
            ("CN=", "may not have"),
            ("CN=a\\", "backslash"),
            ("CN=\\ff", "not UTF-8"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.message.contains(why), "{text}: {}", error.message);
        }
    }
}
