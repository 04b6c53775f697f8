//! Public keys.

use std::fmt;

use keyward_algorithms::{Encryption, KeyType, Scheme, Signature};
use zeroize::Zeroizing;

use crate::{
    CryptoError, OaepParameters, PssParameters, PssRestriction, PssVerification, TlsVersions,
    aws_lc::{Padding, RsaKey},
    error::Result,
    material::Material,
    rsa_decryption,
};

/// A public key.
pub struct PublicKey {
    material: Material,
}

impl PublicKey {
    /// Reads a DER SubjectPublicKeyInfo. A point that is not on its curve is refused, and an ML-KEM
    /// key whose numbers are too large.
    pub fn from_spki(der: &[u8]) -> Result<PublicKey> {
        Material::from_spki(der).map(|material| PublicKey { material })
    }

    /// The DER SubjectPublicKeyInfo, as OpenSSL writes it.
    pub fn to_spki(&self) -> Vec<u8> {
        self.material.spki.clone()
    }

    /// The type of the key.
    pub fn key_type(&self) -> KeyType {
        self.material.key_type
    }

    /// What an RSA-PSS key binds its signatures to, if anything.
    pub fn pss_restriction(&self) -> Option<PssRestriction> {
        self.material.pss_restriction()
    }

    pub(crate) fn material(&self) -> &Material {
        &self.material
    }

    /// Whether the signature is the key's over this input, which is what [`PrivateKey::sign`]
    /// takes. An algorithm that does not suit the key or the input, and parameters that the key
    /// does not allow, make no good signature either.
    ///
    /// [`PrivateKey::sign`]: crate::PrivateKey::sign
    pub fn verify(
        &self,
        algorithm: &Signature,
        pss: Option<PssVerification>,
        input: &[u8],
        signature: &[u8],
    ) -> bool {
        self.check_signature(algorithm, pss, input, signature).is_ok()
    }

    fn check_signature(
        &self,
        algorithm: &Signature,
        pss: Option<PssVerification>,
        input: &[u8],
        signature: &[u8],
    ) -> Result<()> {
        self.material.check_signature_input(algorithm, input)?;
        let pkey = &self.material.pkey;
        match (algorithm.scheme, algorithm.digest) {
            (Scheme::RsaPkcs1, Some(digest)) => pkey.rsa()?.verify_pkcs1(digest, input, signature),
            (Scheme::RsaPkcs1, None) => recovers(pkey.rsa()?, Padding::Pkcs1, input, signature),
            (Scheme::RsaRaw, _) => recovers(pkey.rsa()?, Padding::None, input, signature),
            (Scheme::RsaPss, Some(_)) => self.check_pss(algorithm, pss, input, signature),
            (Scheme::RsaPss, None) => Err(CryptoError::Unsupported),
            (Scheme::Ecdsa, _) => pkey.verify_ecdsa(input, signature),
            (Scheme::Ed25519 | Scheme::MlDsa44 | Scheme::MlDsa65 | Scheme::MlDsa87, _) => {
                pkey.verify_message(input, signature)
            }
            (Scheme::Ed25519ph, _) => pkey.verify_ed25519ph(input, signature),
            (Scheme::MlDsa44Mu | Scheme::MlDsa65Mu | Scheme::MlDsa87Mu, _) => {
                pkey.verify_mu(input, signature)
            }
        }
    }

    fn check_pss(
        &self,
        algorithm: &Signature,
        pss: Option<PssVerification>,
        input: &[u8],
        signature: &[u8],
    ) -> Result<()> {
        let digest = algorithm.digest.ok_or(CryptoError::Unsupported)?;
        let rsa = self.material.pkey.rsa()?;
        let restriction = self.pss_restriction();
        let Some(PssVerification { mgf1, salt_bytes: None }) = pss else {
            // A length is named, or all is left to the key's defaults.
            let named = pss.and_then(|pss| {
                Some(PssParameters { mgf1: pss.mgf1, salt_bytes: pss.salt_bytes? })
            });
            let pss = self.material.pss_parameters(digest, named)?;
            return rsa.verify_pss(digest, pss.mgf1, Some(pss.salt_bytes), input, signature);
        };
        rsa.verify_pss(digest, mgf1, None, input, signature)?;
        let Some(restriction) = restriction else { return Ok(()) };
        if restriction.digest != digest || restriction.mgf1 != mgf1 {
            return Err(CryptoError::Failed);
        }
        // aws-lc does not say which length it found, so ask about each that is too short.
        let is_too_short = (0..restriction.min_salt_bytes)
            .any(|salt| rsa.verify_pss(digest, mgf1, Some(salt), input, signature).is_ok());
        if is_too_short { Err(CryptoError::Failed) } else { Ok(()) }
    }

    /// Refuses what [`PrivateKey::sign`] with the private half would, as far as it is seen without that.
    ///
    /// [`PrivateKey::sign`]: crate::PrivateKey::sign
    pub fn check_signing(
        &self,
        algorithm: &Signature,
        pss: Option<PssParameters>,
        input: &[u8],
    ) -> Result<()> {
        self.material.check_signing(algorithm, pss, input)
    }

    /// The same for [`PrivateKey::decrypt`].
    ///
    /// [`PrivateKey::decrypt`]: crate::PrivateKey::decrypt
    pub fn check_decryption(
        &self,
        scheme: Encryption,
        oaep: Option<OaepParameters<'_>>,
        tls: Option<TlsVersions>,
        input: &[u8],
    ) -> Result<()> {
        let rsa = self.material.rsa_for_encryption()?;
        rsa_decryption::check(rsa, scheme, oaep, tls, input).map(drop)
    }

    /// The same for [`PrivateKey::derive`].
    ///
    /// [`PrivateKey::derive`]: crate::PrivateKey::derive
    pub fn check_agreement(&self, peer: &PublicKey) -> Result<()> {
        self.material.check_agreement(&peer.material)
    }

    /// The same for [`PrivateKey::decapsulate`].
    ///
    /// [`PrivateKey::decapsulate`]: crate::PrivateKey::decapsulate
    pub fn check_ciphertext(&self, ciphertext: &[u8]) -> Result<()> {
        self.material.check_ciphertext(ciphertext)
    }

    /// What an RSA signature without salt was made of: with [`Scheme::RsaPkcs1`] what its padding
    /// of type 1 surrounds (a DigestInfo, or what else was signed), with [`Scheme::RsaRaw`] the
    /// whole block.
    pub fn recover(&self, scheme: Scheme, signature: &[u8]) -> Result<Vec<u8>> {
        let padding = match scheme {
            Scheme::RsaPkcs1 => Padding::Pkcs1,
            Scheme::RsaRaw => Padding::None,
            _ => return Err(CryptoError::Unsupported),
        };
        let rsa = self.material.rsa_for_encryption()?;
        rsa.recover(padding, signature).map(|recovered| recovered.to_vec())
    }

    /// Encrypts to an RSA key. `oaep` is for [`Encryption::RsaOaep`], which it defaults for as
    /// RFC 8017, A.2.1 does.
    pub fn encrypt(
        &self,
        scheme: Encryption,
        oaep: Option<OaepParameters<'_>>,
        input: &[u8],
    ) -> Result<Vec<u8>> {
        let rsa = self.material.rsa_for_encryption()?;
        let oaep = oaep.unwrap_or_default();
        let too_long = CryptoError::input("the input is too long for the key");
        let ciphertext = match scheme {
            Encryption::RsaPkcs1 if input.len() + 11 > rsa.size() => return Err(too_long),
            Encryption::RsaPkcs1 => rsa.encrypt(Padding::Pkcs1, input)?,
            Encryption::RsaOaep if input.len() > oaep.max_message_bytes(rsa.size())? => {
                return Err(too_long);
            }
            Encryption::RsaOaep => rsa.encrypt_oaep(oaep.digest, oaep.mgf1, oaep.label, input)?,
            Encryption::RsaRaw => {
                let modulus = rsa.modulus()?;
                if input.len() != modulus.len() || input >= modulus.as_slice() {
                    return Err(CryptoError::input(
                        "the input must be of the modulus' size and smaller",
                    ));
                }
                rsa.encrypt(Padding::None, input)?
            }
            // The padding is PKCS#1's; only taking it off is special.
            Encryption::RsaTls => return Err(CryptoError::Unsupported),
        };
        Ok(ciphertext.to_vec())
    }

    /// Makes a secret with a key of ML-KEM, and the ciphertext from which the holder of the private
    /// half gets it too.
    pub fn encapsulate(&self) -> Result<(Vec<u8>, Zeroizing<Vec<u8>>)> {
        match self.key_type() {
            KeyType::MlKem(set) => self.material.pkey.encapsulate(set),
            _ => Err(CryptoError::Unsupported),
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.key_type())
    }
}

/// Whether the public operation on the signature gives the input back.
fn recovers(rsa: RsaKey<'_>, padding: Padding, input: &[u8], signature: &[u8]) -> Result<()> {
    let recovered = rsa.recover(padding, signature)?;
    if recovered.as_slice() == input { Ok(()) } else { Err(CryptoError::Failed) }
}
