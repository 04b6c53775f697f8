//! Key URIs: `keyward:NAME`, and RFC 7512's `pkcs11:` for applications that hard-code it.

use std::{fmt, path::PathBuf, str::FromStr};

use percent_encoding::percent_decode_str;

use crate::{Error, KeyId, Result, check_name};

/// Which key a URI or a request means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySelector {
    /// The key with this identifier.
    Id(KeyId),
    /// The caller's own key of this name, else the one granted to the caller under it.
    Name(String),
    /// The key that another user, or the caller itself, owns under this name.
    Owned {
        /// The owner.
        owner: String,
        /// The name of the key.
        name: String,
    },
}

/// Which half of a key, or its certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectKind {
    /// The private key, as a reference.
    Private,
    /// The public key.
    Public,
    /// The certificate chain.
    Certificate,
}

/// A parsed key URI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyUri {
    /// The key; `None` means all that the caller may use.
    pub selector: Option<KeySelector>,
    /// What of it; `None` means the key with its certificates.
    pub kind: Option<ObjectKind>,
    /// A file with the caller's PIN (RFC 7512, 2.4).
    pub pin_source: Option<PathBuf>,
}

impl KeyUri {
    /// The scheme, without the colon.
    pub const SCHEME: &'static str = "keyward";

    /// The URI that names a key by its identifier.
    pub fn of_id(id: KeyId) -> KeyUri {
        KeyUri { selector: Some(KeySelector::Id(id)), kind: None, pin_source: None }
    }

    /// Reads `pkcs11:object=NAME;id=…;type=…?pin-source=…` (RFC 7512). Attributes of the token, of
    /// the module and of other vendors do not apply here and are passed over.
    pub fn from_pkcs11(uri: &str) -> Result<KeyUri> {
        let Some(rest) = strip_scheme(uri, "pkcs11") else {
            return Err(malformed(uri, "it does not begin with \"pkcs11:\""));
        };
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut parsed = KeyUri { selector: None, kind: None, pin_source: None };
        for attribute in path.split(';').filter(|attribute| !attribute.is_empty()) {
            let Some((key, value)) = attribute.split_once('=') else {
                return Err(malformed(uri, "an attribute has no value"));
            };
            match key {
                "object" if parsed.selector.is_none() => {
                    parsed.selector = Some(named(uri, &decode(uri, value)?)?);
                }
                "object" => {}
                "id" => {
                    let bytes: Vec<u8> = percent_decode_str(value).collect();
                    parsed.selector = Some(KeySelector::Id(KeyId::try_from(bytes.as_slice())?));
                }
                "type" => parsed.kind = Some(kind(uri, value)?),
                _ => {}
            }
        }
        for attribute in attributes(query) {
            read_attribute(uri, &mut parsed, attribute)?;
        }
        Ok(parsed)
    }
}

impl FromStr for KeyUri {
    type Err = Error;

    fn from_str(uri: &str) -> Result<KeyUri> {
        let Some(rest) = strip_scheme(uri, KeyUri::SCHEME) else {
            return Err(malformed(uri, "it does not begin with \"keyward:\""));
        };
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let path = decode(uri, path)?;
        let selector = match path.strip_prefix("id=") {
            _ if path.is_empty() => None,
            Some(digits) => Some(KeySelector::Id(digits.parse()?)),
            None => Some(named(uri, &path)?),
        };
        let mut parsed = KeyUri { selector, kind: None, pin_source: None };
        for attribute in attributes(query) {
            if !read_attribute(uri, &mut parsed, attribute)? {
                let shown: String = attribute.chars().take(40).collect();
                return Err(malformed(uri, &format!("attribute {shown:?} is not known")));
            }
        }
        Ok(parsed)
    }
}

/// Schemes are compared without regard to case (RFC 3986, 3.1).
fn strip_scheme<'a>(uri: &'a str, scheme: &str) -> Option<&'a str> {
    let (head, rest) = uri.split_once(':')?;
    head.eq_ignore_ascii_case(scheme).then_some(rest)
}

fn named(uri: &str, path: &str) -> Result<KeySelector> {
    match path.split_once('/') {
        Some((owner, name)) => {
            check_name("user", owner)
                .and(check_name("key", name))
                .map_err(|error| malformed(uri, &error.message))?;
            Ok(KeySelector::Owned { owner: owner.into(), name: name.into() })
        }
        None => {
            check_name("key", path).map_err(|error| malformed(uri, &error.message))?;
            Ok(KeySelector::Name(path.into()))
        }
    }
}

fn attributes(query: &str) -> impl Iterator<Item = &str> {
    query.split('&').filter(|attribute| !attribute.is_empty())
}

/// Takes in what an attribute of the query says; whether it is known.
fn read_attribute(uri: &str, parsed: &mut KeyUri, attribute: &str) -> Result<bool> {
    match attribute.split_once('=') {
        Some(("type", value)) => parsed.kind = Some(kind(uri, value)?),
        Some(("pin-source", value)) => {
            let decoded = decode(uri, value)?;
            let path = strip_scheme(&decoded, "file").unwrap_or(&decoded);
            parsed.pin_source = Some(path.strip_prefix("//").unwrap_or(path).into());
        }
        Some(("pin-value", _)) => {
            return Err(malformed(uri, "a PIN in a URI would be seen by others")
                .hint("put it into a file and say pin-source=file:PATH"));
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn kind(uri: &str, word: &str) -> Result<ObjectKind> {
    match word {
        "private" => Ok(ObjectKind::Private),
        "public" => Ok(ObjectKind::Public),
        "cert" => Ok(ObjectKind::Certificate),
        _ => Err(malformed(uri, "its type is none of private, public and cert")),
    }
}

fn decode(uri: &str, text: &str) -> Result<String> {
    let well_formed = text
        .split('%')
        .skip(1)
        .all(|rest| rest.len() >= 2 && rest.as_bytes()[..2].iter().all(u8::is_ascii_hexdigit));
    if !well_formed {
        return Err(malformed(uri, "a percent sign is not followed by two hexadecimal digits"));
    }
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(String::from).map_err(|_| malformed(uri, "it is not UTF-8"))
}

fn malformed(uri: &str, why: &str) -> Error {
    let shown: String = uri.chars().take(200).collect();
    Error::invalid(format!("{shown:?} is no key URI: {why}"))
        .hint("write keyward:NAME, keyward:OWNER/NAME or keyward:id=HEX")
}

impl fmt::Display for KeySelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeySelector::Id(id) => write!(f, "id={id}"),
            KeySelector::Name(name) => f.write_str(name),
            KeySelector::Owned { owner, name } => write!(f, "{owner}/{name}"),
        }
    }
}

/// Writes the URI without its PIN source, which is nobody else's concern. Names need no
/// percent-encoding: their characters are all unreserved (RFC 3986, 2.3).
impl fmt::Display for KeyUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", KeyUri::SCHEME)?;
        if let Some(selector) = &self.selector {
            write!(f, "{selector}")?;
        }
        match self.kind {
            Some(ObjectKind::Private) => f.write_str("?type=private"),
            Some(ObjectKind::Public) => f.write_str("?type=public"),
            Some(ObjectKind::Certificate) => f.write_str("?type=cert"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_the_contract_are_read() {
        let id = "000102030405060708090a0b0c0d0e0f";
        for (text, selector, kind) in [
            ("keyward:web", Some(KeySelector::Name("web".into())), None),
            ("KEYWARD:w%65b", Some(KeySelector::Name("web".into())), None),
            (
                "keyward:web?type=cert",
                Some(KeySelector::Name("web".into())),
                Some(ObjectKind::Certificate),
            ),
            (
                "keyward:ops/web?type=private",
                Some(KeySelector::Owned { owner: "ops".into(), name: "web".into() }),
                Some(ObjectKind::Private),
            ),
            (&format!("keyward:id={id}"), Some(KeySelector::Id(id.parse().unwrap())), None),
            ("keyward:", None, None),
            ("keyward:?type=public", None, Some(ObjectKind::Public)),
        ] {
            let uri: KeyUri = text.parse().unwrap();
            assert_eq!((uri.selector.clone(), uri.kind), (selector, kind), "{text}");
            assert_eq!(uri.to_string().parse::<KeyUri>().unwrap(), uri);
        }
        let uri: KeyUri = "keyward:web?pin-source=file:/etc/pin".parse().unwrap();
        assert_eq!(uri.pin_source, Some("/etc/pin".into()));
    }

    #[test]
    fn pkcs11_uris_name_the_same_keys() {
        let uri = KeyUri::from_pkcs11("pkcs11:token=any;object=web;type=private").unwrap();
        assert_eq!(uri.to_string(), "keyward:web?type=private");
        let id = "%00%01%02%03%04%05%06%07%08%09%0a%0b%0c%0d%0e%0f";
        let uri = KeyUri::from_pkcs11(&format!("pkcs11:object=web;id={id}")).unwrap();
        assert_eq!(uri.to_string(), "keyward:id=000102030405060708090a0b0c0d0e0f");
        // What names a module, and so belongs to every pkcs11-provider.
        let module = "module-path=/usr/lib/softhsm/libsofthsm2.so&x-vendor=1&pin-source=/etc/pin";
        let uri = KeyUri::from_pkcs11(&format!("pkcs11:object=web?{module}")).unwrap();
        assert_eq!(uri.pin_source, Some("/etc/pin".into()));
        assert!(KeyUri::from_pkcs11("pkcs11:object=web?pin-value=1234").is_err());
    }

    #[test]
    fn what_is_no_key_uri_says_why() {
        for (text, why) in [
            ("file:web", "does not begin"),
            ("keyward:a b", "no valid key name"),
            ("keyward:a/b/c", "no valid key name"),
            ("keyward:%zz", "percent sign"),
            ("keyward:web?type=secret", "none of private"),
            ("keyward:web?colour=red", "not known"),
            ("keyward:web?pin-value=1234", "seen by others"),
            ("keyward:id=12", "no key identifier"),
        ] {
            let error = text.parse::<KeyUri>().unwrap_err();
            assert!(error.message.contains(why), "{text}: {}", error.message);
        }
    }
}
