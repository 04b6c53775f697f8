//! Subject alternative names as people write them: `dns:web.example`, `ip:192.0.2.1`,
//! `email:a@b.example`, `uri:https://…`, or the bare value.

use std::net::IpAddr;

use der::asn1::Ia5String;
use keyward_protocol::Error;
use x509_cert::ext::pkix::name::GeneralName;

/// Reads one name. Without a prefix, an IP address, a URI and an e-mail address are told by their
/// looks, and anything else that could be one is a host name.
pub(crate) fn parse(text: &str) -> Result<GeneralName, Error> {
    let (kind, value) = match text.split_once(':') {
        Some((kind, value))
            if ["dns", "ip", "email", "uri"].iter().any(|k| kind.eq_ignore_ascii_case(k)) =>
        {
            (kind.to_ascii_lowercase(), value)
        }
        _ => (guess(text).into(), text),
    };
    let ia5 = |value: &str| {
        Ia5String::new(value).map_err(|_| malformed(text, "it has characters beyond ASCII"))
    };
    match kind.as_str() {
        "ip" => value
            .parse::<IpAddr>()
            .map(GeneralName::from)
            .map_err(|_| malformed(text, "it is no IP address")),
        "email" if value.contains('@') => Ok(GeneralName::Rfc822Name(ia5(value)?)),
        "email" => Err(malformed(text, "it has no @")),
        "uri" if value.contains(':') => Ok(GeneralName::UniformResourceIdentifier(ia5(value)?)),
        "uri" => Err(malformed(text, "it has no scheme")),
        _ if is_host_name(value) => Ok(GeneralName::DnsName(ia5(value)?)),
        _ => Err(malformed(text, "it is no host name")),
    }
}

fn guess(text: &str) -> &'static str {
    if text.parse::<IpAddr>().is_ok() {
        "ip"
    } else if text.contains("://") || text.starts_with("urn:") {
        "uri"
    } else if text.contains('@') {
        "email"
    } else {
        "dns"
    }
}

/// Whether a text is a host name (RFC 1123, 2.1), perhaps with a wildcard or underscores.
pub(crate) fn is_host_name(text: &str) -> bool {
    let labels = text.strip_prefix("*.").unwrap_or(text);
    text.len() <= 253
        && labels.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        })
}

fn malformed(text: &str, why: &str) -> Error {
    Error::invalid(format!("{text:?} is no subject alternative name: {why}"))
        .hint("write dns:web.example, ip:192.0.2.1, email:a@b.example or uri:https://b.example/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_values_are_guessed() {
        for (bare, explicit) in [
            ("web.example", "dns:web.example"),
            ("*.web.example", "DNS:*.web.example"),
            ("192.0.2.1", "ip:192.0.2.1"),
            ("2001:db8::1", "ip:2001:db8::1"),
            ("a@b.example", "email:a@b.example"),
            ("https://b.example/x", "uri:https://b.example/x"),
            ("urn:b:c", "uri:urn:b:c"),
        ] {
            assert_eq!(parse(bare).unwrap(), parse(explicit).unwrap(), "{bare}");
        }
    }

    #[test]
    fn what_fits_nothing_is_refused() {
        for text in
            ["ip:web", "dns:a b", "dns:", "-x.example", "email:a", "uri:a", "\u{fc}.example"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
