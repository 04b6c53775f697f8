//! Encrypting keys with keys, and making keys from keys.

use keyward_algorithms::{KeyType, SecretKind};
use keyward_crypto::{
    CryptoError, DerivationParameters, OaepParameters, PrivateKey, PublicKey, SecretKey,
};
use keyward_protocol::{WrappingChoice, messages};
use zeroize::Zeroizing;

use super::{WrappingKey, explain, import_secret};
use crate::{
    Error, Result,
    keys::{Key, Material},
};

/// The key, encrypted: the bytes of a secret key, the PKCS#8 of a pair.
pub(super) fn wrap(key: &Key, with: &WrappingKey, choice: &messages::Wrapping) -> Result<Vec<u8>> {
    let choice = choice.checked()?;
    let what = format!("key \"{}\" ({})", key.record.name, key.record.key_type);
    let doing = format!("cannot wrap {what} with {}", choice.wrapping.row().name);
    let failed = |error| explain(error, &doing);
    let plain = key.material().secret().map_err(failed)?;
    let wrapped = match with {
        WrappingKey::Elsewhere(spki) => PublicKey::from_spki(spki)
            .and_then(|public| public.wrap(choice.wrapping, oaep(&choice), plain.expose())),
        WrappingKey::Own(own) if choice.wrapping.row().by_rsa => {
            own.public()?.wrap(choice.wrapping, oaep(&choice), plain.expose())
        }
        WrappingKey::Own(own) => own.secret()?.wrap(choice.wrapping, plain.expose()),
    };
    wrapped.map_err(failed)
}

/// The key that came encrypted. Why it does not come out is told in one way.
pub(super) fn unwrap(
    with: &Key,
    secret: Option<(SecretKind, Option<u16>)>,
    request: &messages::Unwrap,
) -> Result<Material> {
    let asked = request.wrapping.clone().unwrap_or_default();
    let choice = asked.checked()?;
    let doing = format!(
        "cannot unwrap with key \"{}\" ({}) and {}",
        with.record.name,
        with.record.key_type,
        choice.wrapping.row().name
    );
    let failed = |error| match error {
        CryptoError::Unsupported => explain(error, &doing),
        _ => Error::invalid(format!("{doing}: it holds no such key"))
            .hint("check the wrapping, its digests, and the type of the key"),
    };
    let plain: Zeroizing<Vec<u8>> = if choice.wrapping.row().by_rsa {
        with.private()?.unwrap(choice.wrapping, oaep(&choice), &request.wrapped)
    } else {
        with.secret()?.unwrap(choice.wrapping, &request.wrapped)
    }
    .map_err(failed)?;
    match secret {
        Some((kind, None)) => SecretKey::from_bytes(kind, &plain).map(Material::Secret),
        Some((kind, Some(bits))) => {
            import_secret(KeyType::Secret(kind, bits), &plain).map(Material::Secret)
        }
        None => PrivateKey::from_wrapped_pkcs8(&plain).map(Material::Private),
    }
    .map_err(failed)
}

/// A secret key of a kind and size, made from another key or a key agreement with it.
pub(super) fn derive_key(
    from: &Key,
    (kind, bits): (SecretKind, u16),
    request: &messages::DeriveKey,
) -> Result<Material> {
    let asked = request.derivation.clone().unwrap_or_default();
    let choice = asked.checked()?;
    let name = choice.function.row().name;
    let doing = format!("cannot derive a key from \"{}\" with {name}", from.record.name);
    let failed = |error| explain(error, &doing);
    let parameters = DerivationParameters {
        function: choice.function,
        digest: choice.digest,
        salt: choice.salt,
        info: choice.info,
    };
    let derive = |secret: &[u8]| SecretKey::derive(kind, bits, &parameters, secret);
    let derived = match from.material() {
        Material::Private(private) => {
            let peer = PublicKey::from_spki(&request.peer_spki).map_err(failed)?;
            derive(&private.derive(&peer).map_err(failed)?)
        }
        Material::Secret(_) if !request.peer_spki.is_empty() => {
            return Err(Error::invalid(format!("{doing}: a secret key has no other side")));
        }
        Material::Secret(_) if choice.function.row().agreement_only => {
            return Err(Error::invalid(format!("{doing}: it takes a key agreement"))
                .hint("use hkdf or kbkdf-hmac"));
        }
        Material::Secret(secret) => derive(secret.expose()),
    };
    derived.map(Material::Secret).map_err(failed)
}

fn oaep<'a>(choice: &WrappingChoice<'a>) -> Option<OaepParameters<'a>> {
    choice.oaep.map(|oaep| OaepParameters {
        digest: oaep.digest,
        mgf1: oaep.mgf1,
        label: oaep.label,
    })
}
