//! Shares: a secret is split so that some number of its shares give it back, and fewer tell
//! nothing of it (Shamir's scheme over GF(2^8)).
//!
//! A share is text that can be read out and typed: Bech32m finds every mistake of up to four
//! letters. The store keeps a digest of each share, by which it recognises its own one by one; as
//! a share is 32 random bytes, its digest gives nothing away.

use std::{convert::Infallible, fmt};

use aws_lc_rs::{
    digest::{Context, SHA256},
    rand,
};
use bech32::{Bech32m, Hrp};
use keyward_algorithms::ErrorKind;
use keyward_crypto::locked_memory::LockedBytes;
use keyward_protocol::messages::{SealParameters, ShareSet};
use rand_core::{TryCryptoRng, TryRng};
use subtle::ConstantTimeEq;
use vsss_rs::Gf256;
use zeroize::{Zeroize, Zeroizing};

use super::{DataKey, Row, Seal, SealKind, other_kind};
use crate::{
    Error, Result,
    issue::hex,
    store::sealer::{KEY_BYTES, Sealer},
};

/// The most shares of one secret.
pub const MAX_SHARES: u8 = 64;

/// What the text of a share begins with.
const PREFIX: &str = "keyward-share";

/// The first byte of a share.
const VERSION: u8 = 1;

const SET_BYTES: usize = 8;

/// Version, set, threshold, number, value.
const SHARE_BYTES: usize = 1 + SET_BYTES + 1 + 1 + KEY_BYTES;

/// One share.
pub struct Share {
    set: [u8; SET_BYTES],
    threshold: u8,
    /// Its number, from 1.
    pub number: u8,
    value: LockedBytes,
}

impl Share {
    /// Reads a share from its text.
    pub fn read(text: &[u8]) -> Result<Share> {
        let unreadable = |why: &str| {
            Error::invalid(format!("this is no share: {why}"))
                .hint("a share is one line that begins with `keyward-share1`; compare it letter by letter")
        };
        let text = std::str::from_utf8(text).map_err(|_| unreadable("it is not text"))?;
        let checked = bech32::primitives::decode::CheckedHrpstring::new::<Bech32m>(text.trim())
            .map_err(|_| unreadable("it was mistyped, or is not complete"))?;
        if checked.hrp() != Hrp::parse_unchecked(PREFIX) {
            return Err(unreadable("it is something else"));
        }
        let bytes: Zeroizing<Vec<u8>> = Zeroizing::new(checked.byte_iter().collect());
        let (Some((head, value)), true) =
            (bytes.split_first_chunk::<{ SHARE_BYTES - KEY_BYTES }>(), bytes.len() == SHARE_BYTES)
        else {
            return Err(unreadable("it has another length"));
        };
        let [VERSION, set @ .., threshold, number] = *head else {
            return Err(unreadable("it was made by a newer version of Keyward"));
        };
        if threshold < 2 || number == 0 {
            return Err(unreadable("its numbers make no sense"));
        }
        Ok(Share { set, threshold, number, value: LockedBytes::copy_of(value) })
    }

    /// Its text.
    pub fn text(&self) -> Result<Zeroizing<String>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(SHARE_BYTES));
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.set);
        bytes.extend_from_slice(&[self.threshold, self.number]);
        bytes.extend_from_slice(&self.value);
        bech32::encode::<Bech32m>(Hrp::parse_unchecked(PREFIX), &bytes)
            .map(Zeroizing::new)
            .map_err(|error| failed(&format!("write a share: {error}")))
    }

    fn digest(&self) -> Vec<u8> {
        let mut hash = Context::new(&SHA256);
        for part in
            [&b"keyward share 1"[..], &self.set, &[self.threshold, self.number], &self.value]
        {
            hash.update(part);
        }
        hash.finish().as_ref().to_vec()
    }

    /// Checks that this is one of the shares of a set.
    pub fn check(&self, set: &ShareSet) -> Result<()> {
        if set.id != self.set {
            let message = format!(
                "share {} is of the set {}, the store is sealed by the set {}",
                self.number,
                hex(&self.set),
                hex(&set.id)
            );
            return Err(Error::invalid(message).hint(
                "it is another service's, or from before the seal was changed: look for the newer one",
            ));
        }
        let known = set.digests.get(usize::from(self.number) - 1);
        let known = known.is_some_and(|digest| bool::from(digest.ct_eq(&self.digest())));
        match known {
            true => Ok(()),
            false => Err(Error::invalid(format!(
                "share {} is not the one of this set",
                self.number
            ))
            .hint(
                "its letters were changed with care, for its checksum is right: ask who keeps it",
            )),
        }
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share {}", self.number)
    }
}

/// A new secret and its shares.
pub struct SplitSecret {
    /// The secret.
    pub secret: Zeroizing<[u8; KEY_BYTES]>,
    /// What the store keeps of the shares.
    pub set: ShareSet,
    /// The shares, by their numbers.
    pub shares: Vec<Share>,
}

impl SplitSecret {
    /// Draws a secret and splits it into so many shares, of which `threshold` give it back.
    pub fn draw(threshold: u8, count: u8) -> Result<SplitSecret> {
        if threshold < 2 || threshold > count || count > MAX_SHARES {
            let message = format!("{threshold} of {count} shares make no seal");
            return Err(Error::invalid(message).hint(format!(
                "take at least 2 as the threshold, and at most {MAX_SHARES} shares: `3/5` is usual"
            )));
        }
        let mut secret = Zeroizing::new([0; KEY_BYTES]);
        let mut set = [0; SET_BYTES];
        let drawn = rand::fill(secret.as_mut_slice()).and_then(|()| rand::fill(&mut set));
        drawn.map_err(|_| failed("draw a secret"))?;
        let mut random = Random { failed: false };
        let values =
            Gf256::split_array(threshold.into(), count.into(), secret.as_slice(), &mut random);
        let values = values.map_err(|error| failed(&format!("split a secret: {error}")))?;
        if random.failed {
            return Err(failed("draw shares"));
        }
        let shares: Vec<Share> = values
            .into_iter()
            .map(|mut value| {
                let share = Share {
                    set,
                    threshold,
                    number: value[0],
                    value: LockedBytes::copy_of(&value[1..]),
                };
                value.zeroize();
                share
            })
            .collect();
        let digests = shares.iter().map(Share::digest).collect();
        let set = ShareSet { id: set.to_vec(), threshold: threshold.into(), digests };
        Ok(SplitSecret { secret, set, shares })
    }
}

/// A seal with a secret that was split into shares.
pub struct Shares {
    key: Sealer,
    set: ShareSet,
}

impl Shares {
    /// The seal with the secret of a set.
    pub fn new(secret: &[u8; KEY_BYTES], set: ShareSet) -> Result<Shares> {
        let count = set.digests.len();
        let sane = set.id.len() == SET_BYTES
            && (2..=count).contains(&(set.threshold as usize))
            && count <= usize::from(MAX_SHARES);
        if !sane {
            return Err(Error::invalid("the description of the shares makes no sense"));
        }
        // The secret itself opens nothing, so that it means nothing elsewhere.
        let key = Zeroizing::new(Sealer::new(secret)?.authenticate("share seal 1", &set.id)?);
        let key = key.as_slice().try_into().map_err(|_| failed("make a key"))?;
        Ok(Shares { key: Sealer::new(key)?, set })
    }

    /// The seal that enough shares of a set give.
    pub fn of(set: &ShareSet, shares: &[Share]) -> Result<Shares> {
        shares.iter().try_for_each(|share| share.check(set))?;
        let mut values: Vec<Vec<u8>> =
            shares.iter().map(|share| [&[share.number][..], &share.value].concat()).collect();
        values.sort();
        values.dedup_by_key(|value| value[0]);
        let enough = values.len() >= set.threshold as usize;
        let secret = match enough {
            true => Gf256::combine_array(&values).ok(),
            false => None,
        };
        values.iter_mut().for_each(Zeroize::zeroize);
        if !enough {
            let message = format!(
                "{} of the {} shares that it takes were given",
                values.len(),
                set.threshold
            );
            return Err(Error::new(ErrorKind::Sealed, message));
        }
        let secret = Zeroizing::new(secret.ok_or_else(|| failed("put shares together"))?);
        let secret = secret.as_slice().try_into().map_err(|_| failed("put shares together"))?;
        Shares::new(secret, set.clone())
    }
}

impl Seal for Shares {
    fn describe(&self) -> String {
        format!("{} of {} shares", self.set.threshold, self.set.digests.len())
    }

    fn wrap(&self, data_key: &DataKey) -> Result<Vec<u8>> {
        let parameters =
            SealParameters { shares: Some(self.set.clone()), ..SealParameters::default() };
        Row::wrap(&self.key, data_key, SealKind::Shares, parameters)
    }

    fn unwrap(&self, row: &[u8]) -> Result<DataKey> {
        let row = Row::read(row)?;
        if row.kind() != Some(SealKind::Shares) {
            return Err(other_kind(&row));
        }
        row.open(&self.key).ok_or_else(|| {
            Error::new(ErrorKind::Sealed, "the shares fit together and do not open the store")
                .hint("somebody has changed the store: restore it from a backup")
        })
    }
}

/// aws-lc's random numbers for the code that splits. It cannot be told of a failure, so that is
/// looked at afterwards.
struct Random {
    failed: bool,
}

impl TryRng for Random {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> std::result::Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> std::result::Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> std::result::Result<(), Infallible> {
        self.failed |= rand::fill(bytes).is_err();
        Ok(())
    }
}

impl TryCryptoRng for Random {}

fn failed(what: &str) -> Error {
    Error::new(ErrorKind::Internal, format!("cannot {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(shares: &[&Share]) -> Vec<Share> {
        shares.iter().map(|share| Share::read(share.text().unwrap().as_bytes()).unwrap()).collect()
    }

    #[test]
    fn any_shares_that_are_enough_open_and_fewer_do_not() {
        let split = SplitSecret::draw(3, 5).unwrap();
        let data_key = DataKey::new([7; KEY_BYTES]);
        let seal = Shares::new(&split.secret, split.set.clone()).unwrap();
        let row = seal.wrap(&data_key).unwrap();
        let shares = &split.shares;
        let mut opened = 0;
        for a in 0..5 {
            for b in 0..5 {
                let two = again(&[&shares[a], &shares[b]]);
                assert!(Shares::of(&split.set, &two).is_err());
                for c in 0..5 {
                    let three = again(&[&shares[a], &shares[b], &shares[c]]);
                    let seal = Shares::of(&split.set, &three);
                    let different = a != b && b != c && a != c;
                    assert_eq!(seal.is_ok(), different, "{a} {b} {c}");
                    if let Ok(seal) = seal {
                        assert_eq!(seal.unwrap(&row).unwrap(), data_key);
                        opened += 1;
                    }
                }
            }
        }
        assert_eq!(opened, 60);
        let all: Vec<&Share> = shares.iter().collect();
        assert!(Shares::of(&split.set, &again(&all)).unwrap().unwrap(&row).is_ok());
    }

    #[test]
    fn a_mistyped_share_is_told_and_so_is_one_of_another_set() {
        let split = SplitSecret::draw(2, 3).unwrap();
        let text = split.shares[0].text().unwrap();
        assert!(text.starts_with("keyward-share1") && text.len() == 89, "{}", text.len());
        assert!(Share::read(text.to_uppercase().as_bytes()).is_ok());
        for place in 0..text.len() {
            let mut wrong = text.as_bytes().to_vec();
            wrong[place] = if wrong[place] == b'q' { b'p' } else { b'q' };
            assert!(Share::read(&wrong).is_err(), "letter {place}");
        }
        let other = SplitSecret::draw(2, 3).unwrap();
        let error = other.shares[0].check(&split.set).unwrap_err();
        assert!(error.message.contains("the set"), "{error}");
        let mut forged = Share::read(text.as_bytes()).unwrap();
        forged.value[0] ^= 1;
        let error = forged.check(&split.set).unwrap_err();
        assert!(error.message.contains("share 1 is not the one"), "{error}");
        assert!(SplitSecret::draw(1, 3).is_err() && SplitSecret::draw(4, 3).is_err());
    }
}
