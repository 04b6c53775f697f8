//! Who may do what: the one check.

use keyward_algorithms::{ErrorKind, KeyType, Operation, Requires, Right, is_approved, permits};

use crate::{
    Error, Result,
    clock::{moment, now},
    identity::{Caller, Identity, Role, local_user_name},
    store::Record,
};

/// What an operation is applied to.
#[derive(Clone, Copy)]
pub enum Target<'a> {
    /// The service as a whole.
    Service,
    /// A key.
    Key(&'a Record),
    /// A key, through an algorithm that asks for this right, or as the second key of an operation
    /// that asks for this right on it.
    KeyThrough(&'a Record, Right),
}

/// Decides whether a caller may carry out an operation. What it takes is in the operation's row of
/// the table; for a key the caller needs the right, and where the right is a use of the key, the
/// key must have that use itself.
///
/// A key that the caller may not see is answered exactly as one that does not exist.
pub fn authorise(caller: &Caller, operation: Operation, target: Target<'_>) -> Result<()> {
    decide(caller, operation, target).map(drop)
}

/// Decides whether a caller may carry out an operation on a key with an algorithm, given by its name:
/// as [`authorise`] does, and where the operation is a use of the key, what the key is held to must
/// allow it too. Its public half is held to nothing. Whether the use wants an approval.
///
/// A service that keeps to what FIPS 140-3 approves refuses what is not; with a public half old
/// signatures may still be verified.
pub fn authorise_use(
    caller: &Caller,
    operation: Operation,
    target: Target<'_>,
    algorithm: &str,
    approved_only: bool,
) -> Result<bool> {
    let right = decide(caller, operation, target)?;
    let (Some(right), Target::Key(record) | Target::KeyThrough(record, _)) = (right, target) else {
        return Ok(false);
    };
    if approved_only && operation != Operation::Verify {
        approved_function(record.key_type, algorithm)?;
    }
    if !right.row().is_use {
        return Ok(false);
    }
    allowed(record, algorithm)?;
    Ok(record.attributes.restrictions.needs_approval)
}

/// Decides; the right on the key that was asked for.
fn decide(caller: &Caller, operation: Operation, target: Target<'_>) -> Result<Option<Right>> {
    let right = match (operation.row().requires, target) {
        (Requires::Connection, _) => return Ok(None),
        (Requires::User, _) => return logged_in(caller).map(|_| None),
        (Requires::Role(role), _) => return known(caller, role).map(|_| None),
        (Requires::Key(_) | Requires::KeyByAlgorithm, Target::KeyThrough(_, right)) => right,
        (Requires::Key(right), _) => right,
        (Requires::KeyByAlgorithm, _) => return Err(misused(operation)),
    };
    let (Target::Key(record) | Target::KeyThrough(record, _)) = target else {
        return Err(misused(operation));
    };
    let user = known(caller, Role::User)?;
    let rights = record.rights_of(user);
    // A deleted key is hidden from all but who may bring it back or remove it for ever.
    let is_for_deleted = matches!(operation, Operation::Undelete | Operation::Delete);
    let is_hidden = record.is_deleted() && !(is_for_deleted && rights.has(right));
    if is_hidden || !rights.has(Right::See) {
        return Err(not_found());
    }
    if !rights.has(right) {
        return Err(lacking(record, user, right));
    }
    if right.row().is_use && !record.usage.has(right) {
        let word = right.row().name;
        let message = format!(
            "key \"{}\" is not for {word}: its usage is {}, fixed at its birth",
            record.name, record.usage
        );
        return Err(Error::new(ErrorKind::PermissionDenied, message)
            .hint(format!("make a key with `--usage {word}`")));
    }
    Ok(Some(right))
}

/// Whether what a key is held to allows a use of it at this moment.
fn allowed(record: &Record, algorithm: &str) -> Result<()> {
    let held = &record.attributes.restrictions;
    let name = &record.name;
    if !held.algorithms.is_empty() && !held.algorithms.iter().any(|one| permits(one, algorithm)) {
        let permitted = held.algorithms.join(", ");
        let message =
            format!("key \"{name}\" is not permitted {algorithm}: it is restricted to {permitted}");
        return Err(Error::new(ErrorKind::PermissionDenied, message)
            .hint("use one of those, or a key that is permitted more"));
    }
    if held.not_before != 0 || held.not_after != 0 {
        let now = now();
        if now < held.not_before {
            let message = format!("key \"{name}\" is not used before {}", moment(held.not_before));
            return Err(Error::new(ErrorKind::PermissionDenied, message)
                .hint("wait until then, or use another key; check the service's clock"));
        }
        if held.not_after != 0 && now >= held.not_after {
            let message = format!("key \"{name}\" has expired at {}", moment(held.not_after));
            return Err(Error::new(ErrorKind::PermissionDenied, message)
                .hint("use another key; what it signed still verifies"));
        }
    }
    Ok(())
}

/// Whether FIPS 140-3 approves of a use of a key of this type with an algorithm, for a service that
/// keeps to that.
pub fn approved_function(key_type: KeyType, algorithm: &str) -> Result<()> {
    if is_approved(key_type, algorithm) {
        return Ok(());
    }
    let what = if key_type.is_approved() {
        format!("{algorithm} is")
    } else {
        format!("keys of type {key_type} are")
    };
    Err(Error::new(
        ErrorKind::PermissionDenied,
        format!("{what} not approved by FIPS 140-3, and this service keeps to what is"),
    )
    .hint(
        "docs/algorithms.md says what is approved; `approved_only` under [algorithms] in the \
         service's configuration says whether it counts",
    ))
}

/// The error for a key that does not exist or that the caller may not see.
pub fn not_found() -> Error {
    Error::new(ErrorKind::NotFound, "there is no such key, or none that you may see")
        .hint("`keyward key list` shows your keys; the owner of another's can share it")
}

/// Whether a caller may ask for an operation at all, whatever it is applied to.
pub fn admit(caller: &Caller, operation: Operation) -> Result<()> {
    match (operation.row().requires, operation.row().requires.role()) {
        (_, Some(role)) => known(caller, role).map(drop),
        (Requires::User, None) => logged_in(caller).map(drop),
        (_, None) => Ok(()),
    }
}

/// The name of the caller's user, who has logged in where that is asked.
pub fn logged_in(caller: &Caller) -> Result<&str> {
    match (&caller.awaits_login, caller.user.as_deref()) {
        (Some(error), _) => Err(error.clone()),
        (None, Some(user)) => Ok(user),
        (None, None) => Err(unknown(&caller.identity)),
    }
}

/// The name of the caller's user, who must have the role.
pub fn known(caller: &Caller, role: Role) -> Result<&str> {
    let user = logged_in(caller)?;
    if caller.has(role) {
        return Ok(user);
    }
    let message = format!("user \"{user}\" lacks the role \"{}\"", role.word());
    Err(Error::new(ErrorKind::PermissionDenied, message).hint(match caller.identity {
        Identity::Process { .. } => {
            format!("add it to `roles` of [[user]] \"{user}\" in the service's configuration")
        }
        Identity::Certificate { .. } => {
            let mut roles = caller.roles.clone();
            roles.push(role);
            let words: Vec<&str> = roles.iter().map(|role| role.word()).collect();
            let words = words.join(",");
            format!(
                "an administrator can enrol it again: keyward client enrol {user} --role {words}"
            )
        }
    }))
}

fn unknown(identity: &Identity) -> Error {
    let (who, pattern, name) = match identity {
        Identity::Process { uid, .. } => {
            let name = local_user_name(*uid);
            (format!("the local user {name} (uid {uid})"), format!("uid:{name}"), name)
        }
        Identity::Certificate { user, .. } => {
            (format!("the certificate of \"{user}\""), format!("cert:{user}"), user.clone())
        }
    };
    Error::new(ErrorKind::Unauthenticated, format!("{who} is no user of this service")).hint(
        format!(
            "add to the service's configuration: [[user]] name = \"{name}\", \
             identities = [\"{pattern}\"]"
        ),
    )
}

fn lacking(record: &Record, user: &str, right: Right) -> Error {
    let word = right.row().name;
    let message = format!(
        "user \"{user}\" may see key \"{}\" of \"{}\" and lacks the right \"{word}\"",
        record.name, record.owner
    );
    let rights = record.rights_of(user).union(keyward_algorithms::Rights::of(&[right]));
    Error::new(ErrorKind::PermissionDenied, message).hint(format!(
        "its owner can grant it: keyward key share {} {user} --rights {rights}",
        record.name
    ))
}

fn misused(operation: Operation) -> Error {
    let message = format!("{} was checked against the wrong target", operation.row().name);
    Error::new(ErrorKind::Internal, message)
}
