//! The reference PEM: what an application gets that insists on a private key file.
//!
//! ```text
//! KeywardPrivateKeyReference ::= SEQUENCE {
//!     version  INTEGER (1),
//!     uri      UTF8String,
//!     id       OCTET STRING (SIZE (16)),
//!     spki     SubjectPublicKeyInfo }
//! ```
//!
//! Nothing in it is secret: it only says which key of the service is meant, and carries the public
//! half so that an application can load and match it while the service is away.

use der::{
    Decode, Encode, Sequence,
    asn1::{AnyRef, OctetStringRef, Utf8StringRef},
};

use crate::{Error, KeyId, Result};

/// The label between `-----BEGIN` and `-----`.
pub const PEM_LABEL: &str = "KEYWARD PRIVATE KEY";

/// The version of the structure that this code writes and reads.
const VERSION: u8 = 1;

/// A reference to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The URI that the key was named by, for people.
    pub uri: String,
    /// The identifier that the key is used by.
    pub id: KeyId,
    /// DER SubjectPublicKeyInfo of the key.
    pub spki: Vec<u8>,
}

#[derive(Sequence)]
struct ReferenceDer<'a> {
    version: u8,
    uri: Utf8StringRef<'a>,
    id: &'a OctetStringRef,
    spki: AnyRef<'a>,
}

impl Reference {
    /// Writes the DER structure.
    pub fn to_der(&self) -> Result<Vec<u8>> {
        let failed = |_| Error::invalid("the key's public part is no SubjectPublicKeyInfo");
        let structure = ReferenceDer {
            version: VERSION,
            uri: Utf8StringRef::new(&self.uri).map_err(failed)?,
            id: OctetStringRef::new(self.id.as_bytes()).map_err(failed)?,
            spki: AnyRef::from_der(&self.spki).map_err(failed)?,
        };
        structure.to_der().map_err(failed)
    }

    /// Reads the DER structure, to its last byte.
    pub fn from_der(der: &[u8]) -> Result<Reference> {
        if let Some(version) = version_of(der)
            && version != VERSION
        {
            return Err(Error::new(
                keyward_algorithms::ErrorKind::Unsupported,
                format!("the key reference is of version {version}, this software reads {VERSION}"),
            )
            .hint("write it anew with `keyward key pem`, or upgrade Keyward here"));
        }
        let damaged = |_| {
            Error::invalid("the key reference is damaged")
                .hint("write it anew with `keyward key pem`")
        };
        let structure = ReferenceDer::from_der(der).map_err(damaged)?;
        Ok(Reference {
            uri: structure.uri.as_str().into(),
            id: KeyId::try_from(structure.id.as_bytes())?,
            spki: structure.spki.to_der().map_err(damaged)?,
        })
    }

    /// Writes the PEM file, with the line of plain text that tells a reader what it is.
    pub fn to_pem(&self) -> Result<String> {
        let body =
            pem_rfc7468::encode_string(PEM_LABEL, pem_rfc7468::LineEnding::LF, &self.to_der()?)
                .map_err(|_| Error::invalid("the key's public part is too long for a PEM file"))?;
        Ok(format!(
            "This is not a private key, only a reference to {}, which is kept in Keyward.\n{body}",
            self.uri
        ))
    }

    /// Reads the first reference in a PEM file, whatever else stands in it.
    pub fn from_pem(pem: &str) -> Result<Reference> {
        let begin = format!("-----BEGIN {PEM_LABEL}-----");
        let Some(start) = pem.find(&begin) else {
            return Err(Error::invalid(format!("the file has no \"{PEM_LABEL}\" in it")));
        };
        let damaged = || {
            Error::invalid("the key reference is damaged or cut short")
                .hint("write it anew with `keyward key pem`")
        };
        let end_line = format!("-----END {PEM_LABEL}-----");
        let end = pem[start..].find(&end_line).ok_or_else(damaged)? + start + end_line.len();
        let (_, der) =
            pem_rfc7468::decode_vec(&pem.as_bytes()[start..end]).map_err(|_| damaged())?;
        Reference::from_der(&der)
    }
}

/// The version number at the head of the structure, so that a newer one is told from a damaged one.
fn version_of(der: &[u8]) -> Option<u8> {
    let mut reader = der::SliceReader::new(der).ok()?;
    let header = der::Header::decode(&mut reader).ok()?;
    (header.tag() == der::Tag::Sequence).then_some(())?;
    u8::decode(&mut reader).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference() -> Reference {
        // An Ed25519 SubjectPublicKeyInfo.
        let mut spki = vec![0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
        spki.extend([7; 32]);
        Reference { uri: "keyward:web".into(), id: KeyId::new([9; 16]), spki }
    }

    #[test]
    fn a_reference_reads_back_from_among_other_things() {
        let pem = reference().to_pem().unwrap();
        assert!(pem.starts_with("This is not a private key"));
        let file = format!("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n{pem}");
        assert_eq!(Reference::from_pem(&file).unwrap(), reference());
    }

    #[test]
    fn damage_is_told_from_a_newer_version() {
        let mut der = reference().to_der().unwrap();
        assert_eq!(der[..5], [0x30, der.len() as u8 - 2, 0x02, 0x01, VERSION]);
        for length in 0..der.len() {
            assert!(Reference::from_der(&der[..length]).is_err());
        }
        der.push(0);
        assert!(Reference::from_der(&der).unwrap_err().message.contains("damaged"));
        der.pop();
        der[4] = 2;
        assert!(Reference::from_der(&der).unwrap_err().message.contains("version 2"));
    }
}
