//! What a key is held to: how it is set at a key's birth, how it becomes tighter, and what a key hands
//! down to those that it makes. Whether a use keeps to it is for `policy` to say.

use keyward_algorithms::{ErrorKind, KeyType, Right, Rights, algorithm_from_name, algorithms_of};
use keyward_protocol::{Restrictions, messages::Restrict};

use crate::{Error, Result, clock::moment};

/// What was asked for a new key of this type, if it makes sense.
pub(crate) fn at_birth(asked: &Restrictions, key_type: KeyType) -> Result<Restrictions> {
    tighter(&Restrictions::default(), asked, key_type)
}

/// What a key that comes of another is held to: all that its parent is, and what was asked besides.
/// Algorithms are left out, for parent and child do not have the same ones.
pub(crate) fn inherited(
    parent: &Restrictions,
    asked: &Restrictions,
    key_type: KeyType,
) -> Result<Restrictions> {
    let handed_down = Restrictions { algorithms: Vec::new(), ..parent.clone() };
    tighter(&handed_down, asked, key_type)
}

/// What holds both a key's present restrictions and those asked for. What would loosen is refused,
/// and not passed over: whoever asks for it would believe it done.
pub(crate) fn tighter(
    present: &Restrictions,
    asked: &Restrictions,
    key_type: KeyType,
) -> Result<Restrictions> {
    let algorithms = match asked.algorithms.as_slice() {
        [] => present.algorithms.clone(),
        names => algorithms(&present.algorithms, names, key_type)?,
    };
    let not_before = later("not before", present.not_before, asked.not_before)?;
    let not_after = match (present.not_after, asked.not_after) {
        (present, 0) => present,
        (present, asked) if present != 0 && asked > present => {
            let message = format!(
                "the key ends at {}, which cannot become later: {}",
                moment(present),
                moment(asked)
            );
            return Err(loosened(message));
        }
        (_, asked) => asked,
    };
    if not_after != 0 && not_after <= not_before {
        let (from, until) = (moment(not_before), moment(not_after));
        let message = format!("a key that is used from {from} until {until} is never used");
        return Err(Error::invalid(message));
    }
    let max_uses = match (present.max_uses, asked.max_uses) {
        (present, 0) => present,
        (present, asked) if present != 0 && asked > present => {
            let message = format!("the key has {present} uses, which cannot become more: {asked}");
            return Err(loosened(message));
        }
        (_, asked) => asked,
    };
    let max_rate = match (present.max_rate, asked.max_rate) {
        (present, None) => present,
        (present, Some(asked)) => {
            asked.check()?;
            if let Some(present) = present.filter(|present| !asked.is_within(*present)) {
                let message =
                    format!("the key has {present} uses, which {asked} are not always within");
                return Err(loosened(message));
            }
            Some(asked)
        }
    };
    let child_uses = child_uses(present.child_uses, asked.child_uses, key_type)?;
    Ok(Restrictions {
        algorithms,
        not_before,
        not_after,
        max_uses,
        max_rate,
        needs_approval: present.needs_approval || asked.needs_approval,
        wrap_with_trusted_only: present.wrap_with_trusted_only || asked.wrap_with_trusted_only,
        child_uses,
    })
}

/// The uses that the keys have at most which come of a key; none where it bounds nothing.
pub(crate) fn of_children(held: &Restrictions) -> Option<Rights> {
    (held.child_uses != 0).then(|| Rights::from_bits(held.child_uses))
}

/// In words what is taken from a key.
pub(crate) fn describe_change(asked: &Restrict) -> String {
    let mut words = Vec::new();
    let removed = Rights::from_bits(asked.remove_uses);
    if !removed.is_empty() {
        words.push(format!("uses taken away {removed}"));
    }
    if asked.forbid_export {
        words.push("not exportable".into());
    }
    words.extend(asked.restrictions.as_ref().map(describe).filter(|words| !words.is_empty()));
    words.join("; ")
}

/// In words what a key is held to.
pub(crate) fn describe(asked: &Restrictions) -> String {
    let mut words: Vec<String> = Vec::new();
    if !asked.algorithms.is_empty() {
        words.push(format!("algorithms {}", asked.algorithms.join(",")));
    }
    if asked.not_before != 0 {
        words.push(format!("not before {}", moment(asked.not_before)));
    }
    if asked.not_after != 0 {
        words.push(format!("not after {}", moment(asked.not_after)));
    }
    if asked.max_uses != 0 {
        words.push(format!("at most {} uses", asked.max_uses));
    }
    if let Some(rate) = asked.max_rate {
        words.push(format!("at most {rate}"));
    }
    if asked.needs_approval {
        words.push("needs approval".into());
    }
    if asked.wrap_with_trusted_only {
        words.push("wrapped with trusted keys only".into());
    }
    if let Some(uses) = of_children(asked) {
        words.push(format!("what comes of it is used for {uses} at most"));
    }
    words.join("; ")
}

fn later(what: &str, present: u64, asked: u64) -> Result<u64> {
    match asked {
        0 => Ok(present),
        asked if asked < present => {
            let (present, asked) = (moment(present), moment(asked));
            let message =
                format!("the key is used {what} {present}, which cannot become earlier: {asked}");
            Err(loosened(message))
        }
        asked => Ok(asked),
    }
}

/// The uses that keys have at most which come of a key of this type; 0 where nothing bounds them.
fn child_uses(present: u32, asked: u32, key_type: KeyType) -> Result<u32> {
    if asked == 0 {
        return Ok(present);
    }
    let uses = Rights::from_bits(asked);
    let known: Vec<Right> = Right::ALL.iter().copied().filter(|right| right.row().is_use).collect();
    if uses.bits() != asked || uses.is_empty() || !Rights::of(&known).contains(uses) {
        return Err(Error::invalid("what keys are to be used for that come of it are no uses")
            .hint(format!("uses are {}", Rights::of(&known))));
    }
    let makes_keys = key_type.uses().has(Right::Unwrap) || key_type.uses().has(Right::Derive);
    if !makes_keys {
        return Err(Error::invalid(format!("no key comes of a key of type {key_type}"))
            .hint("keys come of those that have the use unwrap or derive"));
    }
    if present != 0 && !Rights::from_bits(present).contains(uses) {
        let present = Rights::from_bits(present);
        let message =
            format!("what comes of the key is used for {present} at most, and not for {uses}");
        return Err(loosened(message));
    }
    Ok(asked)
}

/// The algorithms by the table's names, in its order, each once.
fn algorithms(present: &[String], asked: &[String], key_type: KeyType) -> Result<Vec<String>> {
    let possible = algorithms_of(key_type);
    let mut wanted = Vec::with_capacity(asked.len());
    for name in asked {
        let Some(known) = algorithm_from_name(name) else {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("there is no algorithm \"{name}\""),
            )
            .hint("docs/algorithms.md lists them"));
        };
        if !possible.contains(&known) {
            let message = format!("a key of type {key_type} has no algorithm {known}");
            return Err(Error::invalid(message).hint(format!("it has {}", possible.join(", "))));
        }
        if !present.is_empty() && !present.iter().any(|one| one == known) {
            let message = format!("the key is not permitted {known}, and cannot become so");
            return Err(loosened(message));
        }
        // A long list of the same could hide what comes after it in the audit log.
        if wanted.contains(&known) {
            return Err(Error::invalid(format!("the algorithm {known} is named twice")));
        }
        wanted.push(known);
    }
    let kept = possible.into_iter().filter(|name| wanted.contains(name));
    Ok(kept.map(str::to_owned).collect())
}

fn loosened(message: String) -> Error {
    Error::invalid(message).hint("restrictions only become tighter: make another key instead")
}

#[cfg(test)]
mod tests {
    use keyward_algorithms::{Curve, SecretKind};

    use super::*;

    const P256: KeyType = KeyType::Ec(Curve::P256);

    fn only(names: &[&str]) -> Restrictions {
        let algorithms = names.iter().map(|name| (*name).to_owned()).collect();
        Restrictions { algorithms, ..Restrictions::default() }
    }

    #[test]
    fn algorithms_are_narrowed_and_never_widened() {
        let two = at_birth(&only(&["SHA384withECDSA", "ecdsa-sha256"]), P256).unwrap();
        assert_eq!(two.algorithms, ["ecdsa-sha256", "ecdsa-sha384"]);
        let one = tighter(&two, &only(&["ecdsa-sha384"]), P256).unwrap();
        assert_eq!(one.algorithms, ["ecdsa-sha384"]);
        assert!(tighter(&one, &only(&["ecdsa-sha256"]), P256).is_err());
        assert_eq!(tighter(&one, &only(&[]), P256).unwrap(), one);
        assert!(at_birth(&only(&["ed25519"]), P256).is_err());
        assert!(at_birth(&only(&["rot13"]), P256).is_err());
    }

    #[test]
    fn validity_is_shortened_at_both_ends_and_stays_a_time() {
        let from = |not_before, not_after| Restrictions { not_before, not_after, ..only(&[]) };
        let born = at_birth(&from(100, 200), P256).unwrap();
        let shorter = tighter(&born, &from(110, 190), P256).unwrap();
        assert_eq!((shorter.not_before, shorter.not_after), (110, 190));
        for loose in [from(90, 0), from(0, 201), from(150, 140), from(200, 0)] {
            assert!(tighter(&born, &loose, P256).is_err(), "{loose:?}");
        }
        assert_eq!(tighter(&born, &from(0, 0), P256).unwrap(), born);
    }

    #[test]
    fn a_child_is_held_to_what_its_parent_is_but_for_algorithms() {
        let aes = KeyType::Secret(SecretKind::Aes, 256);
        let parent = Restrictions {
            algorithms: vec!["hkdf".into()],
            not_after: 200,
            needs_approval: true,
            wrap_with_trusted_only: true,
            max_uses: 100,
            ..only(&[])
        };
        let child = inherited(&parent, &only(&["aes-gcm"]), aes).unwrap();
        assert_eq!(child, Restrictions { algorithms: vec!["aes-gcm".into()], ..parent.clone() });
        for loose in [
            Restrictions { not_after: 300, ..only(&[]) },
            Restrictions { max_uses: 101, ..only(&[]) },
        ] {
            assert!(inherited(&parent, &loose, aes).is_err(), "{loose:?}");
        }
    }

    #[test]
    fn what_comes_of_a_key_is_bound_to_fewer_uses_and_never_to_more() {
        let aes = KeyType::Secret(SecretKind::Aes, 256);
        let children = |uses: &[Right]| Restrictions {
            child_uses: Rights::of(uses).bits(),
            ..Restrictions::default()
        };
        let born = at_birth(&children(&[Right::Sign, Right::Decrypt]), aes).unwrap();
        let less = tighter(&born, &children(&[Right::Sign]), aes).unwrap();
        assert_eq!(of_children(&less), Some(Rights::of(&[Right::Sign])));
        assert_eq!(tighter(&less, &only(&[]), aes).unwrap(), less);
        assert!(tighter(&less, &children(&[Right::Sign, Right::Decrypt]), aes).is_err());
        // What is no use would bound nothing.
        for wrong in [children(&[Right::See]), children(&[Right::Sign, Right::Manage])] {
            assert!(at_birth(&wrong, aes).is_err(), "{wrong:?}");
        }
        let unknown = Restrictions { child_uses: 1 << 31, ..Restrictions::default() };
        assert!(at_birth(&unknown, aes).is_err());
        // Nothing comes of a key that only signs; and it still hands down what it was handed.
        assert!(at_birth(&children(&[Right::Sign]), KeyType::Ed25519).is_err());
        assert_eq!(inherited(&less, &only(&[]), KeyType::Ed25519).unwrap(), less);
    }

    #[test]
    fn limits_of_use_become_smaller_and_never_larger() {
        let limits = |max_uses, rate: &str| {
            let max_rate = (!rate.is_empty()).then(|| rate.parse().unwrap());
            Restrictions { max_uses, max_rate, ..only(&[]) }
        };
        let born = at_birth(&limits(100, "10/second"), P256).unwrap();
        assert_eq!(born, limits(100, "10/second"));
        assert_eq!(tighter(&born, &limits(0, ""), P256).unwrap(), born);
        let fewer = tighter(&born, &limits(99, "10/minute"), P256).unwrap();
        assert_eq!(fewer, limits(99, "10/minute"));
        for loose in [limits(101, ""), limits(0, "11/second"), limits(0, "100/minute")] {
            assert!(tighter(&born, &loose, P256).is_err(), "{loose:?}");
        }
        let wrong = keyward_protocol::Rate { uses: 1, seconds: 7 };
        assert!(at_birth(&Restrictions { max_rate: Some(wrong), ..only(&[]) }, P256).is_err());
    }
}
