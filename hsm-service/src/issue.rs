//! The service's own certificate authority: it issues the service's certificate and those of its
//! clients, and reads who a client is.

use aws_lc_rs::{digest, rand};
use keyward_algorithms::{Curve, Digest, ErrorKind, KeyType, Scheme, Signature};
use keyward_crypto::PrivateKey;
use keyward_protocol::{check_name, messages::ClientCertificate};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PublicKeyData, SanType, SerialNumber, SignatureAlgorithm,
    SigningKey,
};
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer};
use time::{Duration, OffsetDateTime};
use x509_parser::{
    certificate::X509Certificate,
    extensions::{GeneralName, ParsedExtension},
    prelude::FromDer,
};
use zeroize::Zeroizing;

use crate::{
    Error, Result,
    backend::explain,
    identity::{Identity, Role},
    store::{Secret, Store},
};

/// The names of the authority's secrets in the store. The certificate is sealed with the key, so
/// that nobody can put another in its place.
pub(crate) const CERTIFICATE: &str = "authority-certificate";
pub(crate) const KEY: &str = "authority-key";

/// What a client certificate says in its subject alternative names (RFC 5280, 4.2.1.6), as URIs.
const USER_URI: &str = "urn:keyward:user:";
const ROLE_URI: &str = "urn:keyward:role:";

/// What the certificate of the key says that signs statements about keys, as a URI.
pub(crate) const ATTESTATION_URI: &str = "urn:keyward:attestation";

/// id-kp-documentSigning (RFC 9336).
pub(crate) const DOCUMENT_SIGNING: [u64; 9] = [1, 3, 6, 1, 5, 5, 7, 3, 36];

/// Validity of that certificate, which each statement gets anew, in days.
const ATTESTATION_DAYS: i64 = 1;

/// The longest validity of a client certificate in days.
pub(crate) const MAX_CLIENT_DAYS: u32 = 3650;

const AUTHORITY_DAYS: i64 = 20 * 365;

/// A certificate authority.
pub struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, AuthorityKey>,
    fingerprint: String,
    key_id: Vec<u8>,
}

impl Authority {
    /// Makes an authority.
    pub(crate) fn generate() -> Result<Authority> {
        let key = AuthorityKey::generate()?;
        // One certificate below it may be an authority's: that of its successor.
        let certificate = authority_params(&key, 1)
            .self_signed(&key)
            .map_err(|error| failed("issue the authority's certificate", &error))?;
        Authority::new(certificate.der().clone(), key)
    }

    /// Makes the authority of a new service and keeps it in the store.
    pub fn create(store: &dyn Store) -> Result<Authority> {
        let authority = Authority::generate()?;
        let [certificate, key] = authority.secrets()?;
        store.set_own_secrets(&[(CERTIFICATE, certificate), (KEY, key)])?;
        Ok(authority)
    }

    /// The authority that the store keeps.
    pub fn load(store: &dyn Store) -> Result<Authority> {
        Authority::kept(store, CERTIFICATE, KEY)?.ok_or_else(|| {
            Error::new(ErrorKind::Internal, "the store has no certificate authority")
                .hint("the state was made incompletely: make it again with `keyward init`")
        })
    }

    /// The authority that the store keeps under these names, if there is one.
    pub(crate) fn kept(
        store: &dyn Store,
        certificate: &str,
        key: &str,
    ) -> Result<Option<Authority>> {
        let (Some(certificate), Some(key)) =
            (store.own_secret(certificate)?, store.own_secret(key)?)
        else {
            return Ok(None);
        };
        if certificate.expose().is_empty() {
            return Ok(None);
        }
        let certificate = CertificateDer::from(certificate.expose().to_vec());
        Authority::new(certificate, AuthorityKey::read(&key)?).map(Some)
    }

    fn new(certificate: CertificateDer<'static>, key: AuthorityKey) -> Result<Authority> {
        let issuer = Issuer::from_ca_cert_der(&certificate, key)
            .map_err(|error| failed("read the authority's certificate", &error))?;
        let fingerprint = hex(digest::digest(&digest::SHA256, &certificate).as_ref());
        let key_id = key_id(&certificate).ok_or_else(|| {
            Error::new(ErrorKind::Internal, "the authority's certificate has no key identifier")
        })?;
        Ok(Authority { certificate, issuer, fingerprint, key_id })
    }

    /// Its certificate and its key, to be kept in the store.
    pub(crate) fn secrets(&self) -> Result<[Secret; 2]> {
        Ok([Secret::copy_of(&self.certificate), self.issuer.key().secret()?])
    }

    /// The authority's DER certificate.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The hexadecimal SHA-256 of the authority's certificate.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The identifier of its key (RFC 5280, 4.2.1.2), which the certificates that it issues name.
    pub(crate) fn key_id(&self) -> &[u8] {
        &self.key_id
    }

    /// A certificate for its successor, by which those who trust only this one trust that too.
    pub(crate) fn certify(&self, successor: &Authority) -> Result<CertificateDer<'static>> {
        let key = successor.issuer.key();
        let certificate = authority_params(key, 0).signed_by(key, &self.issuer);
        let certificate =
            certificate.map_err(|error| failed("certify the authority's successor", &error))?;
        Ok(certificate.der().clone())
    }

    /// Issues a certificate with a new key for the service itself.
    pub fn issue_server(
        &self,
        hosts: &[String],
        days: u32,
    ) -> Result<(CertificateDer<'static>, KeyPair)> {
        let key = KeyPair::generate().map_err(|error| failed("make the service's key", &error))?;
        let mut params = params("Keyward service");
        params.subject_alt_names = server_names(hosts)?;
        (params.not_before, params.not_after) = validity(days.into());
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let certificate = params
            .signed_by(&key, &self.issuer)
            .map_err(|error| failed("issue the service's certificate", &error))?;
        Ok((certificate.der().clone(), key))
    }

    /// Makes a key and a request for [`issue_client`](Authority::issue_client): DER PKCS#10 and
    /// PKCS#8.
    pub fn client_request() -> Result<(Vec<u8>, Zeroizing<Vec<u8>>)> {
        let key = KeyPair::generate().map_err(|error| failed("make a client's key", &error))?;
        let request = CertificateParams::default()
            .serialize_request(&key)
            .map_err(|error| failed("ask for a client's certificate", &error))?;
        Ok((request.der().to_vec(), Zeroizing::new(key.serialize_der())))
    }

    /// Issues a certificate for an Ed25519 key (DER SubjectPublicKeyInfo) that signs statements about
    /// keys, and is good for nothing else.
    pub(crate) fn issue_attester(&self, spki: &[u8]) -> Result<Vec<u8>> {
        // The key ends the SubjectPublicKeyInfo (RFC 8410, 4).
        let raw = &spki[spki.len().saturating_sub(32)..];
        let uri = ATTESTATION_URI.try_into().map(SanType::URI);
        let uri = uri.map_err(|error| failed("name the purpose", &error))?;
        let mut params = params("Keyward attestation");
        params.subject_alt_names = vec![uri];
        (params.not_before, params.not_after) = validity(ATTESTATION_DAYS);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::Other(DOCUMENT_SIGNING.to_vec())];
        params.use_authority_key_identifier_extension = true;
        let certificate = params
            .signed_by(&AttestationKey(raw), &self.issuer)
            .map_err(|error| failed("issue the certificate of a statement", &error))?;
        Ok(certificate.der().to_vec())
    }

    /// Issues a client certificate for the key of a PKCS#10 request. Of the request nothing but
    /// the key counts, whose possession its signature proves.
    pub fn issue_client(
        &self,
        request: &[u8],
        user: &str,
        roles: &[Role],
        days: u32,
    ) -> Result<Vec<u8>> {
        let request = CertificateSigningRequestDer::from(request);
        let mut request = CertificateSigningRequestParams::from_der(&request).map_err(|error| {
            Error::invalid(format!("the certificate request does not read: {error}"))
                .hint("make one with `keyward client enrol` or `openssl req -new`")
        })?;
        let uris = roles.iter().map(|role| format!("{ROLE_URI}{}", role.word()));
        let uris = std::iter::once(format!("{USER_URI}{user}")).chain(uris).map(|uri| {
            uri.try_into().map(SanType::URI).map_err(|error| failed("name the user", &error))
        });
        let mut params = params(user);
        params.subject_alt_names = uris.collect::<Result<_>>()?;
        (params.not_before, params.not_after) = validity(days.into());
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        request.params = params;
        let certificate = request
            .signed_by(&self.issuer)
            .map_err(|error| failed("issue the client's certificate", &error))?;
        Ok(certificate.der().to_vec())
    }
}

/// An Ed25519 key whose certificate is wanted: the raw public key.
struct AttestationKey<'a>(&'a [u8]);

impl PublicKeyData for AttestationKey<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ED25519
    }
}

/// What the certificate of an authority with this key says.
fn authority_params(key: &AuthorityKey, authorities_below: u8) -> CertificateParams {
    let mut params = params(&format!("Keyward authority {}", &hex(key.der_bytes())[2..10]));
    (params.not_before, params.not_after) = validity(AUTHORITY_DAYS);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(authorities_below));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = true;
    params
}

/// The authority's key, ECDSA on P-256, whose secret is in locked memory like those of all keys.
struct AuthorityKey {
    private: PrivateKey,
    /// The public key as an uncompressed point (SEC 1, 2.3.3).
    point: Vec<u8>,
}

impl AuthorityKey {
    fn generate() -> Result<AuthorityKey> {
        let key = PrivateKey::generate(KeyType::Ec(Curve::P256));
        AuthorityKey::new(key.map_err(|error| explain(error, "cannot make the authority's key"))?)
    }

    fn read(secret: &Secret) -> Result<AuthorityKey> {
        let key = PrivateKey::from_pkcs8(secret.expose());
        AuthorityKey::new(key.map_err(|error| explain(error, "cannot read the authority's key"))?)
    }

    fn new(private: PrivateKey) -> Result<AuthorityKey> {
        if private.key_type() != KeyType::Ec(Curve::P256) {
            return Err(Error::new(ErrorKind::Internal, "the authority's key is not on P-256"));
        }
        let spki = private.public_key_spki();
        // The point ends the SubjectPublicKeyInfo (RFC 5480, 2.2).
        let point = spki[spki.len() - Curve::P256.point_bytes()..].to_vec();
        Ok(AuthorityKey { private, point })
    }

    fn secret(&self) -> Result<Secret> {
        let pkcs8 = self.private.to_pkcs8();
        let pkcs8 = pkcs8.map_err(|error| explain(error, "cannot write the authority's key"))?;
        Ok(Secret::copy_of(&pkcs8))
    }
}

impl PublicKeyData for AuthorityKey {
    fn der_bytes(&self) -> &[u8] {
        &self.point
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl SigningKey for AuthorityKey {
    fn sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, rcgen::Error> {
        let algorithm = Signature::find(Scheme::Ecdsa, Some(Digest::Sha256));
        let digest = digest::digest(&digest::SHA256, message);
        let signature = algorithm.map(|row| self.private.sign(row, None, digest.as_ref()));
        signature.and_then(std::result::Result::ok).ok_or(rcgen::Error::RemoteKeyError)
    }
}

/// The names and addresses of a service, as its certificate has them.
pub(crate) fn server_names(hosts: &[String]) -> Result<Vec<SanType>> {
    let is_name =
        |host: &String| !host.is_empty() && host.chars().all(|letter| letter.is_ascii_graphic());
    let wrong = |host: &String| {
        Error::invalid(format!("`hosts` of [certificates] has {host:?}, which is no host name"))
    };
    if let Some(host) = hosts.iter().find(|host| !is_name(host)) {
        return Err(wrong(host));
    }
    CertificateParams::new(hosts)
        .map(|params| params.subject_alt_names)
        .map_err(|_| Error::invalid("`hosts` of [certificates] has a name that is no host name"))
}

/// Who the holder of a client certificate is, which the authority has been found to have issued.
pub fn identity_of(certificate: &[u8]) -> Option<Identity> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let names = certificate.subject_alternative_name().ok()??;
    let uris = || {
        names.value.general_names.iter().filter_map(|name| match name {
            GeneralName::URI(uri) => Some(*uri),
            _ => None,
        })
    };
    let mut users = uris().filter_map(|uri| uri.strip_prefix(USER_URI));
    let (user, None) = (users.next()?, users.next()) else { return None };
    check_name("user", user).ok()?;
    let roles =
        uris().filter_map(|uri| uri.strip_prefix(ROLE_URI)).filter_map(Role::from_word).collect();
    let serial = certificate.raw_serial().to_vec();
    let authority = certificate.extensions().iter().find_map(|extension| {
        let ParsedExtension::AuthorityKeyIdentifier(found) = extension.parsed_extension() else {
            return None;
        };
        found.key_identifier.as_ref().map(|id| id.0.to_vec())
    });
    let authority = authority.unwrap_or_default();
    Some(Identity::Certificate { user: user.to_owned(), roles, serial, authority })
}

/// The identifier of the key in an authority's certificate.
fn key_id(certificate: &[u8]) -> Option<Vec<u8>> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    certificate.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0.to_vec()),
        _ => None,
    })
}

/// What is kept of a client certificate that was just issued.
pub(crate) fn describe(certificate: &[u8]) -> Result<ClientCertificate> {
    let parsed = X509Certificate::from_der(certificate).ok().map(|(_, parsed)| parsed);
    let (Some(parsed), Some(Identity::Certificate { user, roles, serial, authority })) =
        (parsed, identity_of(certificate))
    else {
        return Err(Error::new(ErrorKind::Internal, "the certificate just issued does not read"));
    };
    let seconds = |moment: i64| u64::try_from(moment).unwrap_or(0);
    Ok(ClientCertificate {
        serial,
        user,
        roles: roles.iter().map(|role| role.word().into()).collect(),
        issued: seconds(OffsetDateTime::now_utc().unix_timestamp()),
        ends: seconds(parsed.validity().not_after.timestamp()),
        authority,
        ..ClientCertificate::default()
    })
}

/// When a certificate ends, in seconds since 1970.
pub(crate) fn end_of(certificate: &[u8]) -> Option<i64> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    Some(certificate.validity().not_after.timestamp())
}

fn params(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.serial_number = serial_number();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}

/// A serial number that no other certificate has, although another may have the same key: random,
/// positive, and of the same length always. `None`, which makes it from the key, only where there is
/// no randomness.
fn serial_number() -> Option<SerialNumber> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).ok()?;
    bytes[0] = bytes[0] & 0x3f | 0x40;
    Some(SerialNumber::from(bytes.to_vec()))
}

/// From a little before now, for clocks that are behind, to so many days from now.
fn validity(days: i64) -> (OffsetDateTime, OffsetDateTime) {
    let now = OffsetDateTime::now_utc();
    (now - Duration::minutes(5), now + Duration::days(days))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn failed(what: &str, error: &rcgen::Error) -> Error {
    Error::new(ErrorKind::Internal, format!("cannot {what}: {error}"))
}
