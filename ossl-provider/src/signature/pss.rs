//! Salt lengths of RSASSA-PSS as OpenSSL names them (EVP_PKEY_CTX_set_rsa_pss_saltlen(3)).

use keyward_algorithms::Digest;
use keyward_protocol::{Error, Result};

/// How long the salt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Salt {
    /// As long as the digest.
    Digest,
    /// As long as the modulus has room for; in a signature to verify, any.
    Auto,
    /// As long as the modulus has room for.
    Max,
    /// As long as the digest, or shorter where the modulus has no room; in a signature to verify,
    /// any.
    AutoDigestMax,
    /// That many bytes.
    Bytes(usize),
}

/// The words for lengths that depend on something.
const WORDS: [(&str, Salt); 4] = [
    ("digest", Salt::Digest),
    ("auto", Salt::Auto),
    ("max", Salt::Max),
    ("auto-digestmax", Salt::AutoDigestMax),
];

impl Salt {
    pub(crate) fn from_number(number: i64) -> Result<Salt> {
        if let Some((_, salt)) = WORDS.iter().find(|(_, salt)| salt.to_number() == number) {
            return Ok(*salt);
        }
        let bytes = usize::try_from(number)
            .map_err(|_| Error::invalid(format!("{number} is no PSS salt length")))?;
        Ok(Salt::Bytes(bytes))
    }

    pub(crate) fn from_text(text: &str) -> Result<Salt> {
        if let Some((_, salt)) = WORDS.iter().find(|(word, _)| *word == text) {
            return Ok(*salt);
        }
        let number = text
            .parse()
            .map_err(|_| Error::invalid(format!("\"{text}\" is no PSS salt length")))?;
        Salt::from_number(number)
    }

    pub(crate) fn to_number(self) -> i64 {
        match self {
            Salt::Digest => -1,
            Salt::Auto => -2,
            Salt::Max => -3,
            Salt::AutoDigestMax => -4,
            Salt::Bytes(bytes) => i64::try_from(bytes).unwrap_or(i64::MAX),
        }
    }

    pub(crate) fn to_text(self) -> String {
        match WORDS.iter().find(|(_, salt)| *salt == self) {
            Some((word, _)) => (*word).into(),
            None => self.to_number().to_string(),
        }
    }

    /// The length in bytes for a new signature.
    pub(crate) fn for_signing(self, modulus_bits: u32, digest: Digest) -> Result<usize> {
        let room = room(modulus_bits, digest)?;
        let bytes = match self {
            Salt::Digest => digest.size(),
            Salt::Auto | Salt::Max => room,
            Salt::AutoDigestMax => digest.size().min(room),
            Salt::Bytes(bytes) => bytes,
        };
        if bytes > room {
            return Err(Error::invalid(format!(
                "a PSS salt of {bytes} bytes is too long for a key of {modulus_bits} bits"
            )));
        }
        Ok(bytes)
    }

    /// The length that a signature to verify must have; `None` for any.
    pub(crate) fn for_verifying(self, modulus_bits: u32, digest: Digest) -> Result<Option<usize>> {
        match self {
            Salt::Auto | Salt::AutoDigestMax => Ok(None),
            Salt::Digest | Salt::Max | Salt::Bytes(_) => {
                self.for_signing(modulus_bits, digest).map(Some)
            }
        }
    }
}

/// The longest salt that fits (RFC 8017, 9.1.1).
fn room(modulus_bits: u32, digest: Digest) -> Result<usize> {
    let encoded = modulus_bits.saturating_sub(1).div_ceil(8) as usize;
    encoded.checked_sub(digest.size() + 2).ok_or_else(|| {
        Error::invalid(format!(
            "a key of {modulus_bits} bits has no room for a PSS signature over {}",
            digest.row().name
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_numbers_say_the_same() {
        for (word, salt) in WORDS {
            assert_eq!(Salt::from_text(word), Ok(salt));
            assert_eq!(Salt::from_number(salt.to_number()), Ok(salt));
        }
        // RSA_PSS_SALTLEN_AUTO of rsa.h.
        assert_eq!(Salt::from_number(-2), Ok(Salt::Auto));
        assert_eq!(Salt::from_text("20"), Ok(Salt::Bytes(20)));
        assert_eq!(Salt::from_text("-1"), Ok(Salt::Digest));
        assert!(Salt::from_text("long").is_err() && Salt::from_number(-9).is_err());
    }

    #[test]
    fn lengths_are_those_of_openssl() {
        assert_eq!(Salt::Max.for_signing(2048, Digest::Sha256), Ok(222));
        assert_eq!(Salt::Digest.for_signing(2048, Digest::Sha256), Ok(32));
        assert_eq!(Salt::AutoDigestMax.for_verifying(2048, Digest::Sha256), Ok(None));
        assert!(Salt::Bytes(223).for_signing(2048, Digest::Sha256).is_err());
        // FIPS 186-4, 5.5: the odd case where a salt as long as the digest does not fit.
        assert_eq!(Salt::AutoDigestMax.for_signing(1024, Digest::Sha512), Ok(62));
    }
}
