//! Requests (RFC 2986) and certificates (RFC 5280) from a public key and a way to sign.

use std::time::{Duration, SystemTime};

use aws_lc_rs::{digest, rand};
use der::{
    Decode, Encode, Sequence,
    asn1::{BitString, OctetString, SetOfVec},
};
use keyward_algorithms::{ErrorKind, Right, Rights};
use keyward_protocol::Error;
use x509_cert::{
    certificate::Version,
    ext::{
        Extension, Extensions, ToExtension,
        pkix::{
            AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages,
            SubjectAltName, SubjectKeyIdentifier, name::GeneralName,
        },
    },
    name::Name,
    request::{CertReqInfo, ExtensionReq},
    serial_number::SerialNumber,
    spki::{AlgorithmIdentifierOwned, ObjectIdentifier, SubjectPublicKeyInfoOwned},
    time::{Time, Validity},
};

/// Who a certificate is for.
pub(crate) struct Subject {
    /// The distinguished name.
    pub(crate) name: Name,
    /// Its other names.
    pub(crate) alternative_names: Vec<GeneralName>,
}

/// Signs a message.
type Sign<'a> = dyn Fn(&[u8]) -> Result<Vec<u8>, Error> + 'a;

/// The key that a certificate is for, and that signs.
pub(crate) struct Signer<'a> {
    /// DER SubjectPublicKeyInfo.
    pub(crate) spki: &'a [u8],
    /// DER AlgorithmIdentifier of the signature.
    pub(crate) algorithm: &'a [u8],
    /// Signs a message.
    pub(crate) sign: &'a Sign<'a>,
}

/// id-kp-serverAuth and id-kp-clientAuth (RFC 5280, 4.2.1.12).
const TLS_PURPOSES: [ObjectIdentifier; 2] = [
    ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1"),
    ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2"),
];

/// A serial number has at most 20 octets and is not guessable (RFC 5280, 4.1.2.2).
const SERIAL_BYTES: usize = 16;

/// How far back a certificate begins, for verifiers whose clocks are slow.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(300);

/// The part of a certificate that is signed. The same type of `x509-cert` cannot be made from
/// outside it but through a builder that wants the private key's own type.
#[derive(Sequence)]
struct TbsCertificate {
    #[asn1(context_specific = "0", default = "Default::default")]
    version: Version,
    serial_number: SerialNumber,
    signature: AlgorithmIdentifierOwned,
    issuer: Name,
    validity: Validity,
    subject: Name,
    subject_public_key_info: SubjectPublicKeyInfoOwned,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT", optional = "true")]
    extensions: Option<Extensions>,
}

/// What is signed, how, and the signature: the shape of certificates and requests.
#[derive(Sequence)]
struct Signed {
    to_be_signed: der::Any,
    algorithm: AlgorithmIdentifierOwned,
    signature: BitString,
}

/// Makes a DER certificate request.
pub(crate) fn certificate_request(
    subject: &Subject,
    signer: &Signer<'_>,
) -> Result<Vec<u8>, Error> {
    let mut attributes = SetOfVec::new();
    if let Some(names) = alternative_names(subject)? {
        let request = ExtensionReq(vec![names]);
        attributes.insert(request.try_into().map_err(unencodable)?).map_err(unencodable)?;
    }
    let info = CertReqInfo {
        version: Default::default(),
        subject: subject.name.clone(),
        public_key: SubjectPublicKeyInfoOwned::from_der(signer.spki).map_err(unencodable)?,
        attributes,
    };
    sign(&info.to_der().map_err(unencodable)?, signer)
}

/// Makes a DER certificate that the key issues to itself: not for an authority, for TLS servers
/// and clients, with the key usages (RFC 5280, 4.2.1.3) that go with the key's own.
pub(crate) fn self_signed_certificate(
    subject: &Subject,
    usage: Rights,
    days: u32,
    signer: &Signer<'_>,
) -> Result<Vec<u8>, Error> {
    let spki = SubjectPublicKeyInfoOwned::from_der(signer.spki).map_err(unencodable)?;
    let now = SystemTime::now();
    let moment = |time: SystemTime| Time::try_from(time).map_err(unencodable);
    let lasting = Duration::from_secs(u64::from(days) * 24 * 60 * 60);
    let certificate = TbsCertificate {
        version: Version::V3,
        serial_number: SerialNumber::new(&random_serial()?).map_err(unencodable)?,
        signature: AlgorithmIdentifierOwned::from_der(signer.algorithm).map_err(unencodable)?,
        issuer: subject.name.clone(),
        validity: Validity::new(moment(now - CLOCK_TOLERANCE)?, moment(now + lasting)?),
        subject: subject.name.clone(),
        extensions: Some(extensions(subject, usage, &spki)?),
        subject_public_key_info: spki,
    };
    sign(&certificate.to_der().map_err(unencodable)?, signer)
}

fn sign(to_be_signed: &[u8], signer: &Signer<'_>) -> Result<Vec<u8>, Error> {
    let signature = (signer.sign)(to_be_signed)?;
    let signed = Signed {
        to_be_signed: der::Any::from_der(to_be_signed).map_err(unencodable)?,
        algorithm: AlgorithmIdentifierOwned::from_der(signer.algorithm).map_err(unencodable)?,
        signature: BitString::from_bytes(&signature).map_err(unencodable)?,
    };
    signed.to_der().map_err(unencodable)
}

fn extensions(
    subject: &Subject,
    usage: Rights,
    spki: &SubjectPublicKeyInfoOwned,
) -> Result<Extensions, Error> {
    let identifier = key_identifier(spki)?;
    let mut key_usage = KeyUsages::DigitalSignature.into();
    if usage.has(Right::Decrypt) {
        key_usage |= KeyUsages::KeyEncipherment;
    }
    if usage.has(Right::Derive) {
        key_usage |= KeyUsages::KeyAgreement;
    }
    let constraints = BasicConstraints { ca: false, path_len_constraint: None };
    let authority =
        AuthorityKeyIdentifier { key_identifier: Some(identifier.clone()), ..Default::default() };
    let mut extensions: Extensions = alternative_names(subject)?.into_iter().collect();
    let others = [
        (true, &constraints).to_extension(&subject.name, &[]),
        (true, &KeyUsage(key_usage)).to_extension(&subject.name, &[]),
        (false, &ExtendedKeyUsage(TLS_PURPOSES.to_vec())).to_extension(&subject.name, &[]),
        (false, &SubjectKeyIdentifier(identifier)).to_extension(&subject.name, &[]),
        (false, &authority).to_extension(&subject.name, &[]),
    ];
    for extension in others {
        extensions.push(extension.map_err(unencodable)?);
    }
    Ok(extensions)
}

/// The extension with the other names; it is critical where they are the only ones (RFC 5280,
/// 4.2.1.6).
fn alternative_names(subject: &Subject) -> Result<Option<Extension>, Error> {
    if subject.alternative_names.is_empty() {
        return Ok(None);
    }
    let names = SubjectAltName(subject.alternative_names.clone());
    (subject.name.is_empty(), &names)
        .to_extension(&subject.name, &[])
        .map(Some)
        .map_err(unencodable)
}

/// The leftmost 160 bits of SHA-256 over the public key (RFC 7093, 2).
fn key_identifier(spki: &SubjectPublicKeyInfoOwned) -> Result<OctetString, Error> {
    let hash = digest::digest(&digest::SHA256, spki.subject_public_key.raw_bytes());
    OctetString::new(&hash.as_ref()[..20]).map_err(unencodable)
}

fn random_serial() -> Result<[u8; SERIAL_BYTES], Error> {
    let mut serial = [0; SERIAL_BYTES];
    rand::fill(&mut serial)
        .map_err(|_| Error::new(ErrorKind::Internal, "there are no random bytes"))?;
    // Positive, and of full length.
    serial[0] = serial[0] & 0x7f | 0x40;
    Ok(serial)
}

fn unencodable(error: der::Error) -> Error {
    Error::new(ErrorKind::Internal, format!("cannot encode the certificate or request: {error}"))
}
