//! Who may do what: the one check.

use keyward_algorithms::{ErrorKind, Operation, Requires, Right};

use crate::{
    Error, Result,
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
/// key must have been born with that use.
///
/// A key that the caller may not see is answered exactly as one that does not exist.
pub fn authorise(caller: &Caller, operation: Operation, target: Target<'_>) -> Result<()> {
    let right = match (operation.row().requires, target) {
        (Requires::Connection, _) => return Ok(()),
        (Requires::Role(role), _) => return known(caller, role).map(drop),
        (Requires::Key(_) | Requires::KeyByAlgorithm, Target::KeyThrough(_, right)) => right,
        (Requires::Key(right), _) => right,
        (Requires::KeyByAlgorithm, _) => return Err(misused(operation)),
    };
    let (Target::Key(record) | Target::KeyThrough(record, _)) = target else {
        return Err(misused(operation));
    };
    let user = known(caller, Role::User)?;
    let rights = record.rights_of(user);
    if !rights.has(Right::See) {
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
    Ok(())
}

/// The error for a key that does not exist or that the caller may not see.
pub fn not_found() -> Error {
    Error::new(ErrorKind::NotFound, "there is no such key, or none that you may see")
        .hint("`keyward key list` shows your keys; the owner of another's can share it")
}

/// The name of the caller's user, who must have the role.
pub fn known(caller: &Caller, role: Role) -> Result<&str> {
    let Some(user) = caller.user.as_deref() else { return Err(unknown(&caller.identity)) };
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
