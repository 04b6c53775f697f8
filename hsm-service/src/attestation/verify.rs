//! Checking a statement, far from the service: with its authority's certificate and the nonce.

use aws_lc_rs::{constant_time, digest};
use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use der::DateTime;
use keyward_algorithms::{Digest, Scheme, Signature};
use keyward_crypto::PublicKey;
use x509_parser::{
    certificate::X509Certificate, extensions::GeneralName, prelude::FromDer, time::ASN1Time,
};

use super::{ALGORITHM, Header, TYPE, algorithm, statement::STATEMENT, statement::Statement};
use crate::{
    Error, Result,
    issue::{ATTESTATION_URI, DOCUMENT_SIGNING, hex},
};

/// The largest statement that is read, in bytes.
pub const MAX_BYTES: usize = 256 << 10;

/// The statement in a file, if one of these authorities (DER certificates) vouches for who signed it
/// and it answers this nonce.
pub fn verify(jws: &str, authorities: &[Vec<u8>], nonce: &[u8]) -> Result<Statement> {
    let parts: Vec<&str> = jws.trim_end().split('.').collect();
    let [header, payload, signature] = parts.as_slice() else {
        return Err(refused("it is no JSON Web Signature in compact form"));
    };
    let decoded = |part: &str| {
        Base64UrlUnpadded::decode_vec(part)
            .map_err(|_| refused("it is not encoded as it should be"))
    };
    let head: Header = serde_json::from_slice(&decoded(header)?)
        .map_err(|_| refused("its header is not that of a statement"))?;
    if head.alg != ALGORITHM || head.typ != TYPE {
        return Err(refused("its header names another algorithm or type"));
    }
    let certificate = head.x5c.first().and_then(|first| Base64::decode_vec(first).ok());
    let certificate = certificate.ok_or_else(|| refused("it has no certificate"))?;
    let Ok(([], certificate)) = X509Certificate::from_der(&certificate) else {
        return Err(refused("its certificate does not read"));
    };

    let signed = format!("{header}.{payload}");
    let key = PublicKey::from_spki(certificate.public_key().raw)
        .map_err(|_| refused("its certificate's key does not read"))?;
    if !key.verify(algorithm()?, None, signed.as_bytes(), &decoded(signature)?) {
        return Err(refused("it was changed after it was signed"));
    }
    let statement: Statement = serde_json::from_slice(&decoded(payload)?)
        .map_err(|_| refused("what it says does not read; a later version may have made it"))?;
    if statement.statement != STATEMENT {
        return Err(refused("it is a statement of another kind"));
    }
    vouched_for(&certificate, authorities, &statement)?;
    let is_ours = constant_time::verify_slices_are_equal;
    is_ours(statement.nonce.as_bytes(), hex(nonce).as_bytes())
        .map_err(|_| refused("it answers another nonce, so it may be an old one"))?;
    Ok(statement)
}

/// Whether an authority has issued the certificate, for statements, and for the time when this one was
/// made.
fn vouched_for(
    certificate: &X509Certificate<'_>,
    authorities: &[Vec<u8>],
    statement: &Statement,
) -> Result<()> {
    let issued = authorities.iter().filter_map(|der| X509Certificate::from_der(der).ok()).find(
        |(_, authority)| {
            authority.is_ca()
                && authority.subject().as_raw() == certificate.issuer().as_raw()
                && signed_by(certificate, authority)
        },
    );
    let Some((_, authority)) = issued else {
        return Err(refused("none of these authorities has certified who signed it"));
    };
    let names = certificate.subject_alternative_name().ok().flatten();
    let is_for_this = names.is_some_and(|names| {
        let is_ours = |name: &GeneralName<'_>| matches!(name, GeneralName::URI(ATTESTATION_URI));
        names.value.general_names.iter().any(is_ours)
    });
    let purposes = certificate.extended_key_usage().ok().flatten();
    let signs_documents = purposes.is_some_and(|purposes| {
        purposes.value.other.iter().any(|oid| oid.to_id_string() == dotted(&DOCUMENT_SIGNING))
    });
    if !is_for_this || !signs_documents || certificate.is_ca() {
        return Err(refused("the certificate of who signed it is for another purpose"));
    }
    let time = statement.time.parse::<DateTime>().ok();
    let time = time.and_then(|time| i64::try_from(time.unix_duration().as_secs()).ok());
    let time = time.and_then(|seconds| ASN1Time::from_timestamp(seconds).ok());
    let was_valid =
        |one: &X509Certificate<'_>| time.is_some_and(|time| one.validity().is_valid_at(time));
    match was_valid(certificate) && was_valid(&authority) {
        true => Ok(()),
        false => Err(refused("its certificate was not valid when it was made")),
    }
}

fn signed_by(certificate: &X509Certificate<'_>, authority: &X509Certificate<'_>) -> bool {
    let algorithm = Signature::find(Scheme::Ecdsa, Some(Digest::Sha256));
    let named = certificate.signature_algorithm.algorithm.to_id_string();
    let digest = digest::digest(&digest::SHA256, certificate.tbs_certificate.as_ref());
    match (algorithm, PublicKey::from_spki(authority.public_key().raw)) {
        (Some(algorithm), Ok(key)) => {
            algorithm.oid.is_some_and(|oid| oid.to_string() == named)
                && key.verify(algorithm, None, digest.as_ref(), &certificate.signature_value.data)
        }
        _ => false,
    }
}

fn dotted(oid: &[u64]) -> String {
    let numbers: Vec<String> = oid.iter().map(u64::to_string).collect();
    numbers.join(".")
}

fn refused(why: &str) -> Error {
    Error::invalid(format!("the statement is refused: {why}"))
        .hint("do not rely on it; ask for another with a nonce that you have just drawn")
}
