//! What private and public keys have in common: an aws-lc key, its type, and the binding of RSA
//! keys to PSS, which is kept here because aws-lc cannot write such keys.

use der::asn1::AnyRef;
use keyward_algorithms::{
    Digest, Family, KeyType, ML_DSA_MU_BYTES, MlKem, ObjectIdentifier, Scheme, Signature,
};

use crate::{
    CryptoError, PssParameters, PssRestriction,
    asn1::KeyInfo,
    aws_lc::{Pkey, RsaKey},
    error::Result,
    pss::{self, PssAlgorithm},
    rsa_decryption,
};

pub(crate) struct Material {
    pub(crate) pkey: Pkey,
    pub(crate) key_type: KeyType,
    /// The DER SubjectPublicKeyInfo.
    pub(crate) spki: Vec<u8>,
    /// The algorithm of a key of [`Family::RsaPss`].
    pss: Option<PssAlgorithm>,
}

impl Material {
    /// A key of the type that aws-lc says it is, or an RSA key that is bound to PSS.
    pub(crate) fn new(pkey: Pkey, pss: Option<PssAlgorithm>) -> Result<Material> {
        let (key_type, spki) = match (&pss, pkey.key_type()?) {
            (None, key_type) => (key_type, pkey.public_key_info()?),
            (Some(pss), KeyType::Rsa(bits)) => {
                pss.check_size(bits)?;
                let key = pkey.rsa()?.public_key_der()?;
                let info = KeyInfo { algorithm: pss.identifier()?, key: &key };
                (KeyType::RsaPss(bits), info.to_public_der()?)
            }
            (Some(_), _) => return Err(CryptoError::InvalidKey),
        };
        Ok(Material { spki: spki.to_vec(), pkey, key_type, pss })
    }

    pub(crate) fn from_spki(der: &[u8]) -> Result<Material> {
        let info = KeyInfo::public(der)?;
        if info.algorithm.oid == Family::RsaPss.row().oid {
            let pkey = Pkey::from_rsa_public_key(info.key).map_err(invalid_key)?;
            return Material::new(pkey, Some(PssAlgorithm::read(info.algorithm)?));
        }
        let family = Family::from_oid(info.algorithm.oid).ok_or(CryptoError::Unsupported)?;
        // RFC 5480, 2.1.1: a curve is named, never described. aws-lc would take a description of a
        // curve that it knows, also a broken one.
        let parameters = info.algorithm.parameters;
        let is_named = |any: AnyRef<'_>| any.decode_as::<ObjectIdentifier>().is_ok();
        if family == Family::Ec && !parameters.is_some_and(is_named) {
            return Err(CryptoError::InvalidKey);
        }
        let pkey = Pkey::from_public_key_info(der).map_err(invalid_key)?;
        if let Some(set) = MlKem::of(family) {
            pkey.check_ml_kem_public(set).map_err(invalid_key)?;
        }
        Material::new(pkey, None)
    }

    pub(crate) fn pss_algorithm(&self) -> Option<&PssAlgorithm> {
        self.pss.as_ref()
    }

    pub(crate) fn pss_restriction(&self) -> Option<PssRestriction> {
        self.pss.as_ref().and_then(|pss| pss.restriction)
    }

    /// The RSA key inside, unless it is bound to signatures.
    pub(crate) fn rsa_for_encryption(&self) -> Result<RsaKey<'_>> {
        match self.key_type {
            KeyType::Rsa(_) => self.pkey.rsa(),
            _ => Err(CryptoError::Unsupported),
        }
    }

    /// Checks that the algorithm suits the key and the input suits the algorithm.
    pub(crate) fn check_signature_input(&self, algorithm: &Signature, input: &[u8]) -> Result<()> {
        if !algorithm.suits(self.key_type.family()) {
            return Err(CryptoError::Unsupported);
        }
        let fits = match (algorithm.digest, algorithm.scheme, self.key_type) {
            (Some(digest), _, _) => input.len() == digest.size(),
            (None, Scheme::RsaRaw, key_type) => input.len() == key_type.max_output_bytes(),
            // Eleven bytes is what the padding needs (RFC 8017, 9.2).
            (None, Scheme::RsaPkcs1, key_type) => input.len() + 11 <= key_type.max_output_bytes(),
            (None, Scheme::Ecdsa, _) => !input.is_empty(),
            (None, Scheme::MlDsa44Mu | Scheme::MlDsa65Mu | Scheme::MlDsa87Mu, _) => {
                input.len() == ML_DSA_MU_BYTES
            }
            (None, _, _) => true,
        };
        if fits { Ok(()) } else { Err(CryptoError::input("the input has the wrong size")) }
    }

    /// Refuses what cannot be signed, as far as that is seen without the private half.
    pub(crate) fn check_signing(
        &self,
        algorithm: &Signature,
        pss: Option<PssParameters>,
        input: &[u8],
    ) -> Result<()> {
        self.check_signature_input(algorithm, input)?;
        match (algorithm.scheme, algorithm.digest) {
            (Scheme::RsaPss, Some(digest)) => self.pss_parameters(digest, pss).map(drop),
            (Scheme::RsaRaw, _) => rsa_decryption::check_block(self.pkey.rsa()?, input).map(drop),
            _ => Ok(()),
        }
    }

    /// Refuses an agreement with a key that is not on the same curve.
    pub(crate) fn check_agreement(&self, peer: &Material) -> Result<()> {
        if peer.key_type != self.key_type {
            return Err(CryptoError::input("the peer's key is of another type"));
        }
        match self.key_type {
            KeyType::Ec(_) | KeyType::X25519 => Ok(()),
            _ => Err(CryptoError::Unsupported),
        }
    }

    /// Refuses a ciphertext that no secret is taken out of.
    pub(crate) fn check_ciphertext(&self, ciphertext: &[u8]) -> Result<()> {
        let KeyType::MlKem(set) = self.key_type else { return Err(CryptoError::Unsupported) };
        if ciphertext.len() != set.row().ciphertext_bytes {
            return Err(CryptoError::input("the ciphertext has the wrong size"));
        }
        Ok(())
    }

    /// The parameters of an RSASSA-PSS signature, which the key must allow and have room for.
    pub(crate) fn pss_parameters(
        &self,
        digest: Digest,
        pss: Option<PssParameters>,
    ) -> Result<PssParameters> {
        let pss = pss::resolve(self.pss_restriction(), digest, pss)?;
        let max = pss::max_salt_bytes(self.pkey.rsa()?.bits(), digest);
        if max.is_none_or(|max| pss.salt_bytes > max) {
            return Err(CryptoError::input("the salt is too long for the key"));
        }
        Ok(pss)
    }
}

/// Says of a failed parse that the key is to blame.
pub(crate) fn invalid_key(error: CryptoError) -> CryptoError {
    match error {
        CryptoError::Failed => CryptoError::InvalidKey,
        other => other,
    }
}
