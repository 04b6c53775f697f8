//! What the provider adds to TLS (provider-base(7)): signatures that libssl has no table of its own
//! for.
//!
//! OpenSSL's default provider tells the same of ML-DSA. libssl believes the provider whose key
//! management it finds for the name, which depends on the order of the providers, and ignores the
//! other: so both have to tell.

use std::ffi::CString;

use keyward_algorithms::{MlDsa, Signature};
use keyward_protocol::{Error, Result};

use crate::{
    ffi::{
        builder::{Callback, ParamList},
        names,
    },
    provider::Provider,
    store::type_name,
};

/// The name of the capability.
pub(crate) const TLS_SIGALG: &[u8] = b"TLS-SIGALG";

/// The `ProtocolVersion` of TLS 1.3 (RFC 8446, 4.2.1), the first that has ML-DSA.
const TLS_1_3: i32 = 0x0304;
/// No upper limit.
const ANY_LATER: i32 = 0;
/// Not in this protocol.
const NEVER: i32 = -1;

/// Tells of every signature that libssl can use; whether all were taken.
pub(crate) fn tell_tls_signatures(provider: &Provider, callback: Callback) -> Result<bool> {
    let known = if provider.knows_post_quantum() { MlDsa::ALL } else { &[] };
    for set in known {
        if !callback.call(&mut tls_signature(*set)?) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn tls_signature(set: MlDsa) -> Result<ParamList> {
    let row = set.row();
    let family = row.family.row();
    let code_point = family
        .schemes
        .first()
        .and_then(|scheme| Signature::find(*scheme, None))
        .and_then(|signature| signature.tls.first())
        .ok_or_else(|| Error::invalid(format!("{} has no number in TLS", family.name)))?;
    let text = |text: String| CString::new(text).map_err(|_| Error::invalid("a NUL in a name"));
    let mut list = ParamList::new();
    // The registry of TLS leaves the hyphens out.
    list.text(names::TLS_SIGALG_IANA_NAME, &text(family.name.replace('-', ""))?);
    list.text(names::TLS_SIGALG_NAME, type_name(row.family));
    list.text(names::TLS_SIGALG_OID, &text(family.oid.to_string())?);
    list.integer(names::TLS_SIGALG_CODE_POINT, i32::from(*code_point));
    list.integer(names::TLS_SIGALG_SECURITY_BITS, row.security_bits as i32);
    list.integer(names::TLS_SIGALG_MIN_TLS, TLS_1_3);
    list.integer(names::TLS_SIGALG_MAX_TLS, ANY_LATER);
    list.integer(names::TLS_SIGALG_MIN_DTLS, NEVER);
    list.integer(names::TLS_SIGALG_MAX_DTLS, NEVER);
    Ok(list)
}
