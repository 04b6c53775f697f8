//! Private keys.

use std::fmt;

use keyward_algorithms::{Encryption, Family, KeyType, MlDsa, MlKem, Scheme, Signature};
use zeroize::Zeroizing;

use crate::{
    CryptoError, Mu, OaepParameters, PssParameters, PssRestriction, PublicKey, TlsVersions,
    asn1::{self, AlgorithmIdentifier, KeyInfo},
    aws_lc::{Padding, Pkey},
    error::Result,
    locked_memory,
    material::{Material, invalid_key},
    ml_kem,
    pss::PssAlgorithm,
    rsa_decryption,
};

/// A private key with its public half.
///
/// It can be used by many threads at once. It cannot be cloned, and its `Debug` shows its type
/// alone. Its secret is in [locked memory](crate::locked_memory) as far as there is any.
pub struct PrivateKey {
    material: Material,
}

impl PrivateKey {
    /// Makes a new key. RSA keys have the public exponent 65537; keys of [`KeyType::RsaPss`] are
    /// bound to PSS, but to no digest or salt length.
    pub fn generate(key_type: KeyType) -> Result<PrivateKey> {
        let pss = match key_type {
            KeyType::RsaPss(_) => Some(PssAlgorithm::unrestricted()?),
            _ => None,
        };
        PrivateKey::make(pss, || match key_type {
            KeyType::Rsa(bits) | KeyType::RsaPss(bits) => Pkey::generate_rsa(bits),
            KeyType::Ec(curve) => Pkey::generate_ec(curve),
            KeyType::Ed25519 => Pkey::generate_ed25519(),
            KeyType::X25519 => Pkey::generate_x25519(),
            KeyType::MlDsa(set) => Pkey::generate_ml_dsa(set),
            KeyType::Secret(..) => Err(CryptoError::Unsupported),
            KeyType::MlKem(set) => Pkey::generate_ml_kem(set),
        })
    }

    /// Reads a DER PKCS#8 `PrivateKeyInfo` (RFC 5958). A key whose halves disagree is refused.
    pub fn from_pkcs8(der: &[u8]) -> Result<PrivateKey> {
        let info = KeyInfo::private(der)?;
        let family = Family::from_oid(info.algorithm.oid).ok_or(CryptoError::Unsupported)?;
        if let Some(set) = MlKem::of(family) {
            if info.algorithm.parameters.is_some() {
                return Err(CryptoError::InvalidKey);
            }
            return PrivateKey::make(None, || ml_kem::read_private(set, info.key));
        }
        match family {
            Family::RsaPss => {
                let pss = PssAlgorithm::read(info.algorithm)?;
                let parse = || Pkey::from_rsa_private_key(info.key).map_err(invalid_key);
                PrivateKey::make(Some(pss), parse)
            }
            _ => PrivateKey::make(None, || Pkey::from_private_key_info(der).map_err(invalid_key)),
        }
    }

    /// Reads a DER PKCS#8 `PrivateKeyInfo` that was wrapped. Some tokens, SoftHSM among them, fill it up
    /// with zeros to whole semiblocks before they wrap it.
    pub fn from_wrapped_pkcs8(plain: &[u8]) -> Result<PrivateKey> {
        PrivateKey::from_pkcs8(asn1::without_zeros(plain)?)
    }

    /// Reads a DER PKCS#1 `RSAPrivateKey` (RFC 8017, A.1.2).
    pub fn from_pkcs1_der(der: &[u8]) -> Result<PrivateKey> {
        PrivateKey::make(None, || Pkey::from_rsa_private_key(der).map_err(invalid_key))
    }

    /// Reads a DER `ECPrivateKey` (SEC 1, C.4; RFC 5915) that names its curve.
    pub fn from_sec1_der(der: &[u8]) -> Result<PrivateKey> {
        PrivateKey::make(None, || Pkey::from_ec_private_key(der).map_err(invalid_key))
    }

    /// Makes the key with everything secret about it in locked memory.
    fn make(pss: Option<PssAlgorithm>, make: impl FnOnce() -> Result<Pkey>) -> Result<PrivateKey> {
        let pkey = locked_memory::scope(|| {
            let pkey = make()?;
            if let KeyType::Rsa(_) = pkey.key_type()? {
                let rsa = pkey.rsa()?;
                if !rsa.is_complete() {
                    return Err(CryptoError::Unsupported);
                }
                // At its first use aws-lc derives and keeps the Montgomery forms of the primes.
                // Using the key here puts them in locked memory too, and takes the time off the
                // first signature. aws-lc checks the result with the public exponent.
                rsa.sign_raw(Padding::Pkcs1, &[]).map_err(invalid_key)?;
            }
            Ok(pkey)
        })?;
        Ok(PrivateKey { material: Material::new(pkey, pss)? })
    }

    /// The DER PKCS#8 `PrivateKeyInfo`, as OpenSSL writes it.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>> {
        match self.material.pss_algorithm() {
            Some(pss) => {
                let key = self.material.pkey.rsa()?.private_key_der()?;
                KeyInfo { algorithm: pss.identifier()?, key: &key }.to_private_der()
            }
            None => match self.key_type() {
                // aws-lc writes a key's seed, and fails where it has none.
                KeyType::MlDsa(set) => {
                    self.material.pkey.private_key_info().or_else(|_| self.expanded_pkcs8(set))
                }
                _ => self.material.pkey.private_key_info(),
            },
        }
    }

    /// The PKCS#8 of an ML-DSA key that came without its seed (RFC 9881, 6: `expandedKey`), which
    /// aws-lc reads but does not write.
    fn expanded_pkcs8(&self, set: MlDsa) -> Result<Zeroizing<Vec<u8>>> {
        let expanded = self.material.pkey.ml_dsa_expanded(set)?;
        let key = asn1::octet_string(&expanded)?;
        let algorithm = AlgorithmIdentifier { oid: set.row().family.row().oid, parameters: None };
        KeyInfo { algorithm, key: &key }.to_private_der()
    }

    /// The type of the key.
    pub fn key_type(&self) -> KeyType {
        self.material.key_type
    }

    /// What an RSA-PSS key binds its signatures to, if anything.
    pub fn pss_restriction(&self) -> Option<PssRestriction> {
        self.material.pss_restriction()
    }

    /// The DER SubjectPublicKeyInfo, as OpenSSL writes it.
    pub fn public_key_spki(&self) -> Vec<u8> {
        self.material.spki.clone()
    }

    /// The public half.
    pub fn public_key(&self) -> Result<PublicKey> {
        PublicKey::from_spki(&self.material.spki)
    }

    /// Signs. The input is the digest that the algorithm names, or, where it names none, what the
    /// scheme takes: a block to be padded, any digest, the whole message.
    ///
    /// Without parameters, RSASSA-PSS uses what the key is restricted to, or else the same digest
    /// in MGF1 and a salt of the digest's size. Other schemes ignore them.
    pub fn sign(
        &self,
        algorithm: &Signature,
        pss: Option<PssParameters>,
        input: &[u8],
    ) -> Result<Vec<u8>> {
        self.material.check_signature_input(algorithm, input)?;
        let pkey = &self.material.pkey;
        match (algorithm.scheme, algorithm.digest, self.key_type()) {
            (Scheme::RsaPkcs1, Some(digest), _) => pkey.rsa()?.sign_pkcs1(digest, input),
            (Scheme::RsaPkcs1, None, _) => {
                pkey.rsa()?.sign_raw(Padding::Pkcs1, input).map(|signature| signature.to_vec())
            }
            (Scheme::RsaPss, Some(digest), _) => {
                let pss = self.material.pss_parameters(digest, pss)?;
                pkey.rsa()?.sign_pss(digest, pss.mgf1, pss.salt_bytes, input)
            }
            (Scheme::RsaRaw, _, _) => {
                let block = rsa_decryption::private_operation(pkey.rsa()?, input)?;
                Ok(block.to_vec())
            }
            (Scheme::Ecdsa, _, KeyType::Ec(curve)) => pkey.sign_ecdsa(curve, input),
            (
                Scheme::Ed25519 | Scheme::MlDsa44 | Scheme::MlDsa65 | Scheme::MlDsa87,
                _,
                key_type,
            ) => pkey.sign_message(key_type.max_output_bytes(), input),
            (Scheme::Ed25519ph, _, _) => pkey.sign_ed25519ph(input),
            (Scheme::MlDsa44Mu | Scheme::MlDsa65Mu | Scheme::MlDsa87Mu, _, KeyType::MlDsa(set)) => {
                pkey.sign_mu(set, input)
            }
            _ => Err(CryptoError::Unsupported),
        }
    }

    /// Signs as [`PrivateKey::sign`] does, but without randomness, so that the same input gives the
    /// same signature. ML-DSA alone leaves the choice (FIPS 204, 3.4).
    pub fn sign_deterministic(&self, algorithm: &Signature, input: &[u8]) -> Result<Vec<u8>> {
        self.material.check_signature_input(algorithm, input)?;
        let KeyType::MlDsa(set) = self.key_type() else { return Err(CryptoError::Unsupported) };
        let pkey = &self.material.pkey;
        match algorithm.over_mu() {
            Some(_) => {
                let mut mu = Mu::new(&self.material.spki, b"")?;
                mu.update(input)?;
                pkey.sign_mu_deterministic(set, &mu.finish()?)
            }
            None => pkey.sign_mu_deterministic(set, input),
        }
    }

    /// Decrypts with an RSA key. `oaep` is for [`Encryption::RsaOaep`], which it defaults for as
    /// RFC 8017, A.2.1 does; `tls` is what [`Encryption::RsaTls`] needs.
    ///
    /// Padding that is wrong gives [`CryptoError::Failed`] with OAEP and a message that looks
    /// random with the other two.
    pub fn decrypt(
        &self,
        scheme: Encryption,
        oaep: Option<OaepParameters<'_>>,
        tls: Option<TlsVersions>,
        input: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>> {
        rsa_decryption::decrypt(self.material.rsa_for_encryption()?, scheme, oaep, tls, input)
    }

    /// Agrees on a shared secret with the holder of another key on the same curve (ECDH's x
    /// coordinate, X25519's output). A public key that is no point of the curve was refused when
    /// it was read; an all-zero X25519 secret fails here.
    pub fn derive(&self, peer: &PublicKey) -> Result<Zeroizing<Vec<u8>>> {
        let peer = peer.material();
        self.material.check_agreement(peer)?;
        match self.key_type() {
            KeyType::Ec(curve) => self.material.pkey.ecdh(curve, &peer.pkey),
            KeyType::X25519 => self.material.pkey.x25519(&peer.pkey),
            _ => Err(CryptoError::Unsupported),
        }
    }

    /// Takes the secret out of a ciphertext that [`PublicKey::encapsulate`] made, with a key of
    /// ML-KEM. A ciphertext that was made otherwise gives a secret that looks random; only one of
    /// another size is an error.
    pub fn decapsulate(&self, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        self.material.check_ciphertext(ciphertext)?;
        self.material.pkey.decapsulate(ciphertext)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", self.key_type())
    }
}
