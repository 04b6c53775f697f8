//! What the core may know of a key, and the exchange of public keys with other providers
//! (provider-keymgmt(7)).

use std::{
    ffi::{CStr, CString},
    sync::Arc,
};

use keyward_algorithms::{Curve, Digest, Family, KeyType, MlDsa, MlKem};
use keyward_crypto::PssRestriction;
use keyward_protocol::{Error, Result};

use crate::{
    failure::unsupported,
    ffi::{
        bindings::{
            OSSL_KEYMGMT_SELECT_DOMAIN_PARAMETERS, OSSL_KEYMGMT_SELECT_OTHER_PARAMETERS,
            OSSL_KEYMGMT_SELECT_PRIVATE_KEY, OSSL_KEYMGMT_SELECT_PUBLIC_KEY,
        },
        builder::ParamList,
        dispatch::{Descriptors, descriptors},
        names,
        params::{Answer, Params, Questions},
    },
    key::Key,
    public::{Material, Public},
};

/// Which parts of a key a call of the core's is about.
#[derive(Clone, Copy)]
pub(crate) struct Selection(pub(crate) i32);

impl Selection {
    pub(crate) fn private(self) -> bool {
        self.0 & OSSL_KEYMGMT_SELECT_PRIVATE_KEY != 0
    }

    pub(crate) fn public(self) -> bool {
        self.0 & OSSL_KEYMGMT_SELECT_PUBLIC_KEY != 0
    }

    fn domain_parameters(self) -> bool {
        self.0 & OSSL_KEYMGMT_SELECT_DOMAIN_PARAMETERS != 0
    }

    fn other_parameters(self) -> bool {
        self.0 & OSSL_KEYMGMT_SELECT_OTHER_PARAMETERS != 0
    }
}

static RSA: Descriptors = descriptors![
    BITS: Integer, SECURITY_BITS: Integer, MAX_SIZE: Integer, DEFAULT_DIGEST: Utf8,
    RSA_N: Unsigned, RSA_E: Unsigned,
];
static RSA_PSS: Descriptors = descriptors![
    BITS: Integer, SECURITY_BITS: Integer, MAX_SIZE: Integer, DEFAULT_DIGEST: Utf8,
    MANDATORY_DIGEST: Utf8, RSA_N: Unsigned, RSA_E: Unsigned, DIGEST: Utf8, MASKGENFUNC: Utf8,
    MGF1_DIGEST: Utf8, PSS_SALTLEN: Integer,
];
static EC: Descriptors = descriptors![
    BITS: Integer, SECURITY_BITS: Integer, MAX_SIZE: Integer, DEFAULT_DIGEST: Utf8,
    ENCODED_PUBLIC_KEY: Octets, PUB: Octets, EC_PUB_X: Unsigned, EC_PUB_Y: Unsigned, GROUP: Utf8,
    EC_ENCODING: Utf8, EC_POINT_FORMAT: Utf8, EC_FIELD_TYPE: Utf8,
    EC_DECODED_FROM_EXPLICIT: Integer, EC_USE_COFACTOR: Integer,
];
static ED25519: Descriptors = descriptors![
    BITS: Integer, SECURITY_BITS: Integer, MAX_SIZE: Integer, MANDATORY_DIGEST: Utf8, PUB: Octets,
    ENCODED_PUBLIC_KEY: Octets,
];
static X25519: Descriptors = descriptors![
    BITS: Integer, SECURITY_BITS: Integer, MAX_SIZE: Integer, PUB: Octets,
    ENCODED_PUBLIC_KEY: Octets,
];
static ML_DSA: Descriptors = descriptors![
    BITS: Integer, SECURITY_BITS: Integer, MAX_SIZE: Integer, SECURITY_CATEGORY: Integer,
    MANDATORY_DIGEST: Utf8, PUB: Octets,
];
static ML_KEM: Descriptors = descriptors![
    BITS: Integer, SECURITY_BITS: Integer, MAX_SIZE: Integer, SECURITY_CATEGORY: Integer,
    PUB: Octets, ENCODED_PUBLIC_KEY: Octets,
];

static RSA_PUBLIC: Descriptors = descriptors![RSA_N: Unsigned, RSA_E: Unsigned];
static RSA_PSS_PUBLIC: Descriptors = descriptors![
    RSA_N: Unsigned, RSA_E: Unsigned, DIGEST: Utf8, MASKGENFUNC: Utf8, MGF1_DIGEST: Utf8,
    PSS_SALTLEN: Integer,
];
static EC_PUBLIC: Descriptors =
    descriptors![GROUP: Utf8, EC_ENCODING: Utf8, EC_POINT_FORMAT: Utf8, PUB: Octets];
static RAW_PUBLIC: Descriptors = descriptors![PUB: Octets];

static ENCODED: Descriptors = descriptors![ENCODED_PUBLIC_KEY: Octets];
static NOTHING: Descriptors = descriptors![];

/// What can be asked of keys of a family.
pub(crate) fn gettable(family: Family) -> Descriptors {
    match family {
        Family::Rsa => RSA,
        Family::RsaPss => RSA_PSS,
        Family::Ec => EC,
        Family::Ed25519 => ED25519,
        Family::X25519 => X25519,
        Family::MlDsa44 | Family::MlDsa65 | Family::MlDsa87 => ML_DSA,
        Family::MlKem512 | Family::MlKem768 | Family::MlKem1024 => ML_KEM,
    }
}

/// What can be set in an empty key of a family: those have it that travel by themselves.
pub(crate) fn settable(family: Family) -> Descriptors {
    match family {
        Family::Ec
        | Family::Ed25519
        | Family::X25519
        | Family::MlKem512
        | Family::MlKem768
        | Family::MlKem1024 => ENCODED,
        Family::Rsa | Family::RsaPss | Family::MlDsa44 | Family::MlDsa65 | Family::MlDsa87 => {
            NOTHING
        }
    }
}

/// What is exchanged with other providers; nothing where a private half would have to be.
pub(crate) fn exchangeable(family: Family, selection: Selection) -> Option<Descriptors> {
    if selection.private() {
        return None;
    }
    Some(match family {
        Family::Rsa => RSA_PUBLIC,
        Family::RsaPss => RSA_PSS_PUBLIC,
        Family::Ec => EC_PUBLIC,
        _ => RAW_PUBLIC,
    })
}

/// What is said to those who want a new key of us.
pub(crate) fn makes_no_keys(family: Option<Family>) -> Error {
    let kind = family.map_or("an unknown type", |family| family.row().name);
    unsupported(format!("making a key of type {kind}")).hint(
        "list default before keyward in openssl.cnf for new keys of the program's own; \
         `keyward key generate` makes one inside the service",
    )
}

impl Key {
    /// Whether the key has all the parts.
    pub(crate) fn has(&self, selection: Selection) -> bool {
        let on_curve = self.family != Family::Ec || self.curve().is_some();
        (!selection.private() || self.has_private())
            && (!selection.public() || self.has_public())
            && (!selection.domain_parameters() || on_curve)
    }

    /// Checks the parts as far as that can be done here: the public half by all rules of its type,
    /// of the private one that there is one. The service checked that when it got it.
    pub(crate) fn validate(&self, selection: Selection) -> Result<()> {
        if selection.private() {
            self.remote()?;
        }
        if selection.private() || selection.public() {
            self.public()?.ready()?;
        }
        match self.has(selection) {
            true => Ok(()),
            false => Err(Error::invalid("the key is on no curve yet")),
        }
    }

    /// Whether both are the same key, or on the same curve where only that is asked.
    pub(crate) fn matches(&self, other: &Key, selection: Selection) -> bool {
        if !selection.public() && !selection.private() {
            return self.family == other.family && self.curve() == other.curve();
        }
        match (self.public(), other.public()) {
            (Ok(one), Ok(other)) => one.material == other.material,
            _ => false,
        }
    }

    /// A key with the selected parts. With all of them it is the same key, which never changes once it
    /// has a value.
    pub(crate) fn duplicate(self: &Arc<Self>, selection: Selection) -> Result<Arc<Key>> {
        if let Ok(public) = self.public() {
            if selection.private() || (selection.public() && !self.has_private()) {
                return Ok(self.clone());
            }
            if selection.public() {
                return Ok(Key::public_only(self.provider.clone(), public.spki.clone())?.into());
            }
        }
        let copy = Key::empty(self.provider.clone(), self.family);
        if let Some(curve) = self.curve().filter(|_| selection.domain_parameters()) {
            copy.put_on_curve(curve)?;
        }
        Ok(copy.into())
    }

    /// Gives an empty key its value in the form in which it travels in TLS and CMS.
    pub(crate) fn set_params(&self, params: Params<'_>) -> Result<()> {
        let Some(encoded) = params.get(names::ENCODED_PUBLIC_KEY) else { return Ok(()) };
        let encoded = encoded.octets()?;
        self.import(match (self.family, self.curve()) {
            (Family::Ec, Some(curve)) => Public::ec(curve, encoded)?,
            (Family::Ed25519 | Family::X25519, _) => Public::raw(self.family, encoded)?,
            (family, _) if MlKem::of(family).is_some() => Public::raw(family, encoded)?,
            (Family::Ec, None) => return Err(Error::invalid("the key is on no curve yet")),
            (family, _) => {
                let name = family.row().name;
                return Err(unsupported(format!(
                    "setting a key of type {name} by an encoded point"
                )));
            }
        })
    }

    pub(crate) fn get_params(&self, mut questions: Questions<'_>) -> Result<()> {
        let public = self.public().ok();
        let key_type = match (public, self.curve()) {
            (Some(public), _) => public.key_type(),
            (None, Some(curve)) => KeyType::Ec(curve),
            (None, None) => return Err(Error::invalid("the key is empty")),
        };
        questions.answer_each(|name, _| {
            Ok(match name {
                _ if name == names::BITS => Some(Answer::Integer(key_type.bits().into())),
                _ if name == names::SECURITY_BITS => {
                    Some(Answer::Integer(key_type.security_bits().into()))
                }
                _ if name == names::MAX_SIZE => {
                    let bytes =
                        public.map_or(key_type.max_output_bytes(), Public::max_output_bytes);
                    Some(Answer::Integer(bytes as i64))
                }
                _ if name == names::SECURITY_CATEGORY => {
                    security_category(self.family).map(|number| Answer::Integer(number.into()))
                }
                _ if name == names::DEFAULT_DIGEST => key_type.default_digest().map(Answer::from),
                _ if name == names::MANDATORY_DIGEST => public.and_then(mandatory_digest),
                _ => self
                    .curve()
                    .and_then(|curve| curve_answer(name, curve))
                    .or_else(|| public.and_then(|public| public_answer(name, public)))
                    .or_else(|| restriction_answer(name, public?.restriction()?)),
            })
        })
    }

    /// The key for another provider. Of a private half there is nothing to give; the core then
    /// comes to our own operations, and it tries again for each, so this is quick and quiet.
    pub(crate) fn export(&self, selection: Selection) -> Result<Option<ParamList>> {
        if selection.private() || (selection.public() && !self.has_public()) {
            return Ok(None);
        }
        let mut list = ParamList::new();
        if let Some(curve) = self.curve() {
            list.text(names::GROUP, &c_string(curve.row().openssl)?);
            list.text(names::EC_ENCODING, c"named_curve");
            list.text(names::EC_POINT_FORMAT, c"uncompressed");
        }
        let Ok(public) = self.public() else { return Ok(Some(list)) };
        match &public.material {
            _ if !selection.public() => {}
            Material::Rsa { n, e } => {
                list.big_unsigned(names::RSA_N, n);
                list.big_unsigned(names::RSA_E, e);
            }
            Material::Ec { point: bytes, .. } | Material::Raw(bytes) => {
                list.octets(names::PUB, bytes);
            }
        }
        if let Some(bound) = public.restriction().filter(|_| selection.other_parameters()) {
            list.text(names::DIGEST, &c_string(bound.digest.row().openssl[0])?);
            list.text(names::MASKGENFUNC, c"MGF1");
            list.text(names::MGF1_DIGEST, &c_string(bound.mgf1.row().openssl[0])?);
            list.integer(names::PSS_SALTLEN, bound.min_salt_bytes as i32);
        }
        Ok(Some(list))
    }

    /// Takes a public key from another provider. The core selects everything here, private half
    /// included, also where there is none: what counts is whether one comes.
    pub(crate) fn import_from(&self, params: Params<'_>) -> Result<()> {
        if [names::RSA_D, names::PRIV, names::SEED].iter().any(|name| params.get(name).is_some()) {
            return Err(unsupported("a private key from outside the service"));
        }
        let missing = || Error::invalid("the public key has no value");
        self.import(match self.family {
            Family::Rsa | Family::RsaPss => {
                let number = |name| params.get(name).ok_or_else(missing)?.big_unsigned();
                let (n, e) = (number(names::RSA_N)?, number(names::RSA_E)?);
                Public::rsa(self.family, &n, &e, restriction(params)?)?
            }
            Family::Ec => {
                let name = params.get(names::GROUP);
                let name = name.ok_or_else(|| unsupported("a curve without a name"))?.text()?;
                let curve = Curve::from_name(name)
                    .ok_or_else(|| unsupported(format!("the curve {name}")))?;
                let Some(point) = params.get(names::PUB) else { return self.put_on_curve(curve) };
                Public::ec(curve, point.octets()?)?
            }
            _ => Public::raw(self.family, params.get(names::PUB).ok_or_else(missing)?.octets()?)?,
        })
    }
}

fn c_string(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| Error::invalid("a name has a NUL in it"))
}

/// The category that NIST's post-quantum algorithms say their strength by.
fn security_category(family: Family) -> Option<u8> {
    let ml_dsa = MlDsa::of(family).map(|set| set.row().security_category);
    ml_dsa.or_else(|| MlKem::of(family).map(|set| set.row().security_category))
}

/// Empty text says that there must be no digest at all.
fn mandatory_digest(public: &Public) -> Option<Answer<'static>> {
    match public.family {
        Family::Ed25519 => Some(Answer::Text("".into())),
        family if MlDsa::of(family).is_some() => Some(Answer::Text("".into())),
        _ => public.restriction().map(|bound| bound.digest.into()),
    }
}

fn curve_answer(name: &CStr, curve: Curve) -> Option<Answer<'static>> {
    match name {
        _ if name == names::GROUP => Some(Answer::Text(curve.row().openssl.into())),
        _ if name == names::EC_ENCODING => Some(Answer::Text("named_curve".into())),
        _ if name == names::EC_POINT_FORMAT => Some(Answer::Text("uncompressed".into())),
        _ if name == names::EC_FIELD_TYPE => Some(Answer::Text("prime-field".into())),
        _ if name == names::EC_DECODED_FROM_EXPLICIT || name == names::EC_USE_COFACTOR => {
            Some(Answer::Integer(0))
        }
        _ => None,
    }
}

fn public_answer<'a>(name: &CStr, public: &'a Public) -> Option<Answer<'a>> {
    let encoded = name == names::PUB || name == names::ENCODED_PUBLIC_KEY;
    match &public.material {
        Material::Rsa { n, .. } if name == names::RSA_N => Some(Answer::BigUnsigned(n.into())),
        Material::Rsa { e, .. } if name == names::RSA_E => Some(Answer::BigUnsigned(e.into())),
        Material::Ec { point: bytes, .. } | Material::Raw(bytes) if encoded => {
            Some(Answer::Octets(bytes.into()))
        }
        Material::Ec { curve, point } => {
            let (x, y) = point.get(1..)?.split_at_checked(curve.field_bytes())?;
            match name {
                _ if name == names::EC_PUB_X => Some(Answer::BigUnsigned(x.into())),
                _ if name == names::EC_PUB_Y => Some(Answer::BigUnsigned(y.into())),
                _ => None,
            }
        }
        _ => None,
    }
}

/// What an RSA-PSS key is bound to.
fn restriction_answer(name: &CStr, bound: PssRestriction) -> Option<Answer<'static>> {
    match name {
        _ if name == names::DIGEST => Some(bound.digest.into()),
        _ if name == names::MASKGENFUNC => Some(Answer::Text("MGF1".into())),
        _ if name == names::MGF1_DIGEST => Some(bound.mgf1.into()),
        _ if name == names::PSS_SALTLEN => Some(Answer::Integer(bound.min_salt_bytes as i64)),
        _ => None,
    }
}

/// What an RSA-PSS key of another provider is bound to. The defaults are those of RFC 4055, 3.1.
fn restriction(params: Params<'_>) -> Result<Option<PssRestriction>> {
    let (hash, mgf1) = (params.digest(names::DIGEST)?, params.digest(names::MGF1_DIGEST)?);
    let salt = params.get(names::PSS_SALTLEN).map(|salt| salt.integer()).transpose()?;
    if hash.is_none() && mgf1.is_none() && salt.is_none() {
        return Ok(None);
    }
    Ok(Some(PssRestriction {
        digest: hash.unwrap_or(Digest::Sha1),
        mgf1: mgf1.unwrap_or(Digest::Sha1),
        min_salt_bytes: salt.and_then(|salt| usize::try_from(salt).ok()).unwrap_or(20),
    }))
}
