//! The fields of a certificate that searches go by (RFC 5280, 4.1).

use der::{Decode, Encode, Reader, SliceReader, Tag, TagNumber, asn1::AnyRef};

/// What a certificate says of itself.
pub(super) struct Certificate {
    pub(super) subject: Name,
    pub(super) issuer: Name,
    /// Big-endian, without leading zeros.
    pub(super) serial: Vec<u8>,
    /// DER SubjectPublicKeyInfo.
    pub(super) spki: Vec<u8>,
}

impl Certificate {
    pub(super) fn from_der(der: &[u8]) -> der::Result<Certificate> {
        let certificate = AnyRef::from_der(der)?;
        let to_be_signed = first(certificate.value())?;
        let mut fields = SliceReader::new(to_be_signed.value())?;
        let mut serial = AnyRef::decode(&mut fields)?;
        if matches!(serial.header().tag(), Tag::ContextSpecific { number: TagNumber(0), .. }) {
            serial = AnyRef::decode(&mut fields)?;
        }
        let _signature_algorithm = AnyRef::decode(&mut fields)?;
        let issuer = Name::read(AnyRef::decode(&mut fields)?)?;
        let _validity = AnyRef::decode(&mut fields)?;
        let subject = Name::read(AnyRef::decode(&mut fields)?)?;
        let spki = AnyRef::decode(&mut fields)?.to_der()?;
        let zeros = serial.value().iter().take_while(|byte| **byte == 0).count();
        Ok(Certificate { subject, issuer, serial: serial.value()[zeros..].to_vec(), spki })
    }
}

/// The public key in a SubjectPublicKeyInfo alone: what a subject key identifier is the digest of.
pub(super) fn key_bits(spki: &[u8]) -> der::Result<Vec<u8>> {
    let spki = AnyRef::from_der(spki)?;
    let mut fields = SliceReader::new(spki.value())?;
    let _algorithm = AnyRef::decode(&mut fields)?;
    // The first byte of a bit string counts its unused bits.
    Ok(AnyRef::decode(&mut fields)?.value().iter().skip(1).copied().collect())
}

fn first(content: &[u8]) -> der::Result<AnyRef<'_>> {
    AnyRef::decode(&mut SliceReader::new(content)?)
}

/// A distinguished name in the form in which OpenSSL's `X509_NAME_cmp` compares names: whichever
/// type of string it is written in, without regard to case and to the number of spaces.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Name(Vec<Vec<Attribute>>);

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Attribute {
    oid: Vec<u8>,
    value: Value,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Text(String),
    /// What is no text is compared as it is.
    Other(Vec<u8>),
}

impl Name {
    pub(super) fn from_der(der: &[u8]) -> der::Result<Name> {
        Name::read(AnyRef::from_der(der)?)
    }

    fn read(name: AnyRef<'_>) -> der::Result<Name> {
        let relative = |set: AnyRef<'_>| {
            let mut attributes = each(set.value(), attribute)?;
            attributes.sort();
            Ok(attributes)
        };
        each(name.value(), relative).map(Name)
    }
}

fn attribute(pair: AnyRef<'_>) -> der::Result<Attribute> {
    let mut fields = SliceReader::new(pair.value())?;
    let oid = AnyRef::decode(&mut fields)?.value().to_vec();
    let value = AnyRef::decode(&mut fields)?;
    let value = match text(value) {
        Some(text) => {
            let words: Vec<&str> = text.split_ascii_whitespace().collect();
            Value::Text(words.join(" ").to_ascii_lowercase())
        }
        None => Value::Other(value.to_der()?),
    };
    Ok(Attribute { oid, value })
}

fn text(value: AnyRef<'_>) -> Option<String> {
    let bytes = value.value();
    match value.header().tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::VisibleString => {
            String::from_utf8(bytes.to_vec()).ok()
        }
        Tag::TeletexString => Some(bytes.iter().copied().map(char::from).collect()),
        Tag::BmpString => {
            let units: Vec<u16> =
                bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
            String::from_utf16(&units).ok()
        }
        _ => None,
    }
}

/// What a function makes of each element of a SEQUENCE OF or SET OF.
fn each<T>(content: &[u8], read: impl Fn(AnyRef<'_>) -> der::Result<T>) -> der::Result<Vec<T>> {
    let mut reader = SliceReader::new(content)?;
    let mut all = Vec::new();
    while !reader.is_finished() {
        all.push(read(AnyRef::decode(&mut reader)?)?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name of one common name in a string of this tag.
    fn common_name(tag: u8, value: &[u8]) -> Vec<u8> {
        let wrap = |tag: u8, content: &[u8]| {
            [&[tag, u8::try_from(content.len()).unwrap()], content].concat()
        };
        let pair = [wrap(0x06, &[0x55, 0x04, 0x03]), wrap(tag, value)].concat();
        wrap(0x30, &wrap(0x31, &wrap(0x30, &pair)))
    }

    #[test]
    fn names_are_compared_without_regard_to_type_case_and_spaces() {
        let name = |tag, value: &[u8]| Name::from_der(&common_name(tag, value)).unwrap();
        let utf8 = name(0x0c, "M\u{fc}ller  & Co ".as_bytes());
        assert_eq!(utf8, name(0x14, b" m\xfcLLER & co"));
        assert_eq!(utf8, name(0x1e, b"\0m\0\xfc\0l\0l\0e\0r\0 \0&\0 \0c\0o"));
        assert_eq!(name(0x13, b"web"), name(0x16, b"WEB"));
        assert_ne!(name(0x13, b"web"), name(0x13, b"web2"));
        assert_ne!(name(0x04, b"web"), name(0x0c, b"web"));
    }

    #[test]
    fn what_is_no_certificate_or_name_is_told_so() {
        for der in [&[][..], &[0x30], &[0x30, 0], &[0x30, 2, 0x30, 0], &common_name(0x0c, b"x")] {
            assert!(Certificate::from_der(der).is_err());
        }
        assert!(Name::from_der(&[0x30, 3, 0x31, 5, 0]).is_err());
    }
}
