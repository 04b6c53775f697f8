//! X25519 recipients and identities, as age writes them: `age1…` and `AGE-SECRET-KEY-1…`.

use std::{fmt, str::FromStr};

use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, X25519, agree};
use bech32::{Bech32, Hrp, primitives::decode::CheckedHrpstring};
use keyward_algorithms::ErrorKind;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::failed;
use crate::{Error, Result};

pub(super) const SHARE_BYTES: usize = 32;

const RECIPIENT: Hrp = Hrp::parse_unchecked("age");
const IDENTITY: Hrp = Hrp::parse_unchecked("age-secret-key-");

/// Who can open a backup.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Recipient([u8; SHARE_BYTES]);

/// What opens a backup.
#[derive(Clone)]
pub struct Identity(Zeroizing<[u8; SHARE_BYTES]>);

impl Recipient {
    pub(super) fn point(&self) -> &[u8; SHARE_BYTES] {
        &self.0
    }

    /// The public half of a new key pair, and the secret that it shares with the recipient.
    pub(super) fn agree(&self) -> Result<([u8; SHARE_BYTES], Zeroizing<Vec<u8>>)> {
        let private = Identity::generate()?;
        let shared = private.agree(&self.0).ok_or_else(|| {
            Error::invalid(format!("the recipient {self} is no key that can be encrypted to"))
        })?;
        Ok((private.recipient().0, shared))
    }
}

impl TryFrom<String> for Recipient {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Recipient, String> {
        let wrong = || {
            format!(
                "\"{text}\" is no recipient of backups: write age1…, as `keyward backup identity` \
                 or `age-keygen` prints it"
            )
        };
        decode(&text, RECIPIENT).map(|point| Recipient(*point)).ok_or_else(wrong)
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = bech32::encode::<Bech32>(RECIPIENT, &self.0).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Identity {
    /// A new identity.
    pub fn generate() -> Result<Identity> {
        let mut secret = Zeroizing::new([0; SHARE_BYTES]);
        super::fill(secret.as_mut_slice())?;
        Ok(Identity(secret))
    }

    /// The text that `age` and [`parse_file`](Identity::parse_file) read.
    pub fn to_text(&self) -> Result<Zeroizing<String>> {
        bech32::encode_upper::<Bech32>(IDENTITY, self.0.as_slice())
            .map(Zeroizing::new)
            .map_err(|_| failed("write an identity"))
    }

    /// The identities of a file: one a line, between comments that begin with `#`.
    pub fn parse_file(text: &str) -> Result<Vec<Identity>> {
        let lines = text.lines().map(str::trim);
        let identities = lines
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(str::parse)
            .collect::<Result<Vec<_>>>()?;
        match identities.is_empty() {
            true => Err(no_identity()),
            false => Ok(identities),
        }
    }

    /// Who can be written to so that this opens it.
    pub fn recipient(&self) -> Recipient {
        let public = private_key(&self.0).and_then(|key| key.compute_public_key().ok());
        let point = public.and_then(|public| public.as_ref().try_into().ok());
        // Every 32 bytes are a private key of X25519 (RFC 7748, 5), so there is always a public one.
        Recipient(point.unwrap_or_default())
    }

    pub(super) fn agree(&self, share: &[u8; SHARE_BYTES]) -> Option<Zeroizing<Vec<u8>>> {
        let key = private_key(&self.0)?;
        let share = UnparsedPublicKey::new(&X25519, share);
        agree(&key, share, (), |shared| Ok(Zeroizing::new(shared.to_vec()))).ok()
    }
}

impl FromStr for Identity {
    type Err = Error;

    fn from_str(text: &str) -> Result<Identity> {
        decode(text, IDENTITY).map(Identity).ok_or_else(no_identity)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(..)")
    }
}

fn private_key(secret: &[u8; SHARE_BYTES]) -> Option<PrivateKey> {
    PrivateKey::from_private_key(&X25519, secret).ok()
}

fn decode(text: &str, kind: Hrp) -> Option<Zeroizing<[u8; SHARE_BYTES]>> {
    let checked = CheckedHrpstring::new::<Bech32>(text).ok()?;
    if checked.hrp() != kind {
        return None;
    }
    let bytes: Zeroizing<Vec<u8>> = Zeroizing::new(checked.byte_iter().collect());
    Some(Zeroizing::new(bytes.as_slice().try_into().ok()?))
}

fn no_identity() -> Error {
    Error::new(ErrorKind::InvalidArgument, "there is no identity (AGE-SECRET-KEY-1…)")
        .hint("make one with `keyward backup identity` or `age-keygen`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back_from_their_text_and_nothing_else_does() {
        let identity = Identity::generate().unwrap();
        let text = identity.to_text().unwrap();
        assert!(text.starts_with("AGE-SECRET-KEY-1"));
        let file = format!("# a comment\n\n{}\n", *text);
        assert_eq!(Identity::parse_file(&file).unwrap()[0].recipient(), identity.recipient());
        let shown = identity.recipient().to_string();
        assert!(shown.starts_with("age1"));
        assert_eq!(Recipient::try_from(shown.clone()).unwrap(), identity.recipient());
        assert!(Recipient::try_from("age1nonsense".to_owned()).is_err());
        assert!(shown.parse::<Identity>().is_err(), "a recipient is no identity");
        assert!(Identity::parse_file("# nothing\n").is_err());
    }
}
