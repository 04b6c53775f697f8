//! Checks of what the service holds, as far as the caller's roles let it be seen: keys and their
//! certificates, users, backups.

use keyward_client::Client;
use keyward_protocol::{
    Error, Key,
    messages::{KeptCertificate, StatusReply},
};

use super::Check;
use crate::{
    cli::{context::full_uri, files::chain, time},
    identity::Role,
    store::{Counted, is_near},
};

/// The most keys that are looked at, and the most that are named.
const MOST_KEYS: u64 = 10_000;
const MOST_NAMED: usize = 20;

/// A certificate or key that ends sooner than this is worth a note, in seconds.
const SOON_SECONDS: u64 = 14 * 86_400;

/// A newest backup older than this is a problem, in seconds.
const OLD_BACKUP_SECONDS: u64 = 2 * 86_400;

/// The checks that a caller with these roles can make.
pub(super) fn checks(client: &Client, status: &StatusReply) -> Vec<Check> {
    let has = |role: Role| status.roles.iter().any(|word| word == role.word());
    let mut checks = Vec::new();
    if has(Role::User) {
        checks.extend(keys(client, status).unwrap_or_else(|error| failed("keys", error)));
    }
    if has(Role::Admin) {
        checks.extend(users(client).unwrap_or_else(|error| failed("users", error)));
    }
    if has(Role::Operator) {
        checks.push(backups(client, status.development));
    }
    checks
}

fn failed(check: &'static str, error: Error) -> Vec<Check> {
    vec![Check::error(check, error)]
}

fn keys(client: &Client, status: &StatusReply) -> Result<Vec<Check>, Error> {
    const NAME: &str = "keys";
    // An administrator's status counts everybody's.
    let is_own = !status.roles.iter().any(|word| word == Role::Admin.word());
    if is_own && status.keys > MOST_KEYS {
        let finding = format!("{} are too many to look at each", status.keys);
        return Ok(vec![Check::note(NAME, finding)]);
    }
    let (mut found, mut seen, mut after) = (Vec::new(), 0, Vec::new());
    loop {
        let (page, next) = client.list_page("", after, 0)?;
        seen += page.len() as u64;
        found.extend(page.iter().flat_map(key));
        if next.is_empty() || seen >= MOST_KEYS {
            break;
        }
        after = next;
    }
    found.extend(client.certificates()?.iter().filter_map(kept));
    if found.is_empty() {
        return Ok(vec![Check::ok(NAME, format!("{seen} looked at: none ends soon"))]);
    }
    let more = found.len().saturating_sub(MOST_NAMED);
    found.truncate(MOST_NAMED);
    if more > 0 {
        found.push(Check::note(NAME, format!("and {more} more like these")));
    }
    Ok(found)
}

/// What of a key has ended or ends soon.
fn key(key: &Key) -> Vec<Check> {
    const NAME: &str = "keys";
    let name = full_uri(key);
    let mut found = Vec::new();
    let rotate = format!("another in its place: `keyward key rotate {}`", key.name);
    if let Some(certificate) = key.chain.first().and_then(|own| chain::parse(own).ok()) {
        let (_, until) = chain::validity(&certificate);
        let advice =
            format!("a new one: `keyward key csr {0}`, then `keyward cert import {0}`", key.name);
        found.extend(end(&format!("the certificate of {name}"), until, &advice));
    }
    match key.attributes.restrictions.not_after {
        0 => {}
        until => found.extend(end(&name, until, &rotate)),
    }
    for of in Counted::ALL {
        let used = of.count(&key.attributes);
        let Some(most) = of.most(&key.attributes) else { continue };
        let finding = format!("{name} has had {used} of its {most} {}", of.words());
        if used >= most {
            found.push(Check::problem(NAME, finding, &*rotate));
        } else if is_near(used, most) {
            found.push(Check { advice: Some(rotate.clone()), ..Check::note(NAME, finding) });
        }
    }
    found
}

/// Whether a certificate that is kept without a key has ended or ends soon.
fn kept(certificate: &KeptCertificate) -> Option<Check> {
    let (_, until) = chain::validity(&chain::parse(&certificate.der).ok()?);
    let KeptCertificate { owner, name, .. } = certificate;
    let advice = format!(
        "a later one: `keyward cert add {name} --replace`; or `keyward cert delete {name}`"
    );
    end(&format!("the certificate {owner}/{name}, kept without a key,"), until, &advice)
}

/// What is to be said of something that ends then, if it has ended or ends soon.
fn end(what: &str, end: u64, advice: &str) -> Option<Check> {
    let now = time::now();
    if end <= now {
        let finding = format!("{what} has ended at {}", time::moment(end));
        return Some(Check::problem("keys", finding, advice));
    }
    let finding = format!("{what} ends at {}", time::moment(end));
    let note = || Check { advice: Some(advice.into()), ..Check::note("keys", finding) };
    (end < now + SOON_SECONDS).then(note)
}

fn users(client: &Client) -> Result<Vec<Check>, Error> {
    const NAME: &str = "users";
    let users = client.list_users()?;
    let locked = users.iter().filter(|user| user.locked != 0).map(|user| {
        let since = time::moment(user.locked);
        let finding = format!("\"{}\" is locked since {since}, after wrong PINs", user.name);
        let advice = format!(
            "find out who tried (`keyward audit tail`), then `keyward user unlock {}`",
            user.name
        );
        Check::problem(NAME, finding, advice)
    });
    let locked: Vec<Check> = locked.collect();
    Ok(match locked.is_empty() {
        true => vec![Check::ok(NAME, format!("{}, none of them locked", users.len()))],
        false => locked,
    })
}

fn backups(client: &Client, is_development: bool) -> Check {
    const NAME: &str = "backups";
    let backups = match client.list_backups() {
        Ok(backups) => backups,
        // Who tries things out does without.
        Err(error) if is_development => return Check::note(NAME, error.message),
        Err(error) => return Check::error(NAME, error),
    };
    let Some(newest) = backups.files.iter().max_by_key(|file| file.created) else {
        let finding = format!("there is none in {}", backups.folder);
        return Check::problem(NAME, finding, "make one: `keyward backup create`");
    };
    let age = time::now().saturating_sub(newest.created);
    let finding = format!("the newest, {}, is {} old", newest.name, time::span(age));
    match age > OLD_BACKUP_SECONDS {
        true => Check::problem(
            NAME,
            finding,
            "see `every_hours` under [backup] in the service's configuration, and its log for why\n\
             none was made",
        ),
        false => Check::ok(NAME, finding),
    }
}
