//! Checks of the way to the service, of the caller's identity, of one key and its certificate.

use std::{fs, path::Path};

use aws_lc_rs::rand;
use keyward_algorithms::Right;
use keyward_client::{Client, Settings};
use keyward_crypto::{PssVerification, PublicKey};
use keyward_protocol::{Error, Key, KeySelector};

use super::{Check, DoctorArgs, state};
use crate::cli::{
    algorithm::AlgorithmArgs,
    context::{Context, full_uri},
    failure::crypto_error,
    files::chain,
    time,
};

/// A certificate that runs out sooner than this is worth a note, in seconds.
const SOON_SECONDS: u64 = 14 * 24 * 60 * 60;

/// The checks, and a client where the service can be reached.
pub(super) fn checks(args: &DoctorArgs, context: &Context) -> (Vec<Check>, Option<Client>) {
    // A service that is away is a finding, not something to wait for.
    let settings = match context.settings_with(&[("retry_for", "0")]) {
        Ok(settings) => settings,
        Err(error) => return (vec![Check::error("settings", error)], None),
    };
    let mut checks = vec![settings_check(&settings)];
    let client = Client::new(settings);
    match service_checks(&client) {
        Ok(found) => checks.extend(found),
        Err(error) => {
            checks.push(Check::error("service", error));
            return (checks, None);
        }
    }
    if let Some(selector) = &args.name {
        checks.extend(key_checks(&client, selector, args.server_cert.as_deref()));
    }
    (checks, Some(client))
}

fn settings_check(settings: &Settings) -> Check {
    let addresses: Vec<String> = settings.addresses.iter().map(ToString::to_string).collect();
    let file =
        std::env::var("KEYWARD_CONFIG").unwrap_or_else(|_| "/etc/keyward/client.toml".into());
    let from = match fs::exists(&file) {
        Ok(true) => format!("{file} is read"),
        _ => format!("there is no {file}, so environment, flags and defaults count"),
    };
    Check::ok("settings", format!("address {}; {from}", addresses.join(",")))
}

fn service_checks(client: &Client) -> Result<Vec<Check>, Error> {
    let status = client.status()?;
    let hello = client.hello()?;
    let mut checks = vec![if status.can_sign {
        Check::ok("service", format!("{} at {}", hello.service, client.place()))
    } else {
        Check::problem(
            "service",
            format!(
                "{} at {} is up, but cannot sign: it is {}",
                hello.service,
                client.place(),
                status.seal
            ),
            match status.state.as_str() {
                "sealed" => "an administrator opens it: `keyward unseal`",
                _ => "see `keyward status` and the service's log",
            },
        )
    }];
    checks.extend(status.warnings.iter().map(|warning| Check::note("service", warning)));
    checks.push(if hello.wants_pin {
        let who = if hello.user.is_empty() { &hello.identity } else { &hello.user };
        Check::problem(
            "identity",
            format!("the service takes you for \"{who}\", who has to log in with a PIN"),
            "put the PIN into a file that only this user can read, and name it: KEYWARD_PIN_FILE, or\n\
             pin_file in client.toml (several users of one identity: KEYWARD_USER or user too)",
        )
    } else if hello.user.is_empty() {
        Check::problem(
            "identity",
            format!("the service sees {} and knows no such user", hello.identity),
            format!(
                "add this to the service's configuration, then `systemctl reload keyward`:\n\
                 [[user]]\nname = \"NAME\"\nidentities = [\"{}\"]",
                hello.identity
            ),
        )
    } else {
        let roles = if status.roles.is_empty() { "none".into() } else { status.roles.join(", ") };
        let finding = format!(
            "the service takes you for \"{}\" ({}), roles: {roles}",
            hello.user, hello.identity
        );
        Check::ok("identity", finding)
    });
    if status.can_sign && !hello.wants_pin {
        checks.extend(state::checks(client, &status));
    }
    Ok(checks)
}

fn key_checks(client: &Client, selector: &KeySelector, server_cert: Option<&Path>) -> Vec<Check> {
    let key = match client.find(selector) {
        Ok(key) => key,
        Err(error) => {
            let advice = "its owner sees it with `keyward key list`, and lets you use it with\n\
                          `keyward key share NAME YOU`";
            let error = if error.hint.is_none() { error.hint(advice) } else { error };
            return vec![Check::error("key", error)];
        }
    };
    let mut checks = vec![use_check(client, &key)];
    checks.push(kept_chain_check(&key));
    if let Some(path) = server_cert {
        checks.push(server_certificate_check(path, &key));
    }
    checks
}

/// Whether the key does for the caller what it was made for: a signature is made and verified.
fn use_check(client: &Client, key: &Key) -> Check {
    const NAME: &str = "key";
    let usable = key.usage.intersection(key.rights);
    let about = format!("{} ({}, yours to {})", full_uri(key), key.key_type, key.rights);
    if !key.rights.contains(key.usage) {
        return Check::problem(
            NAME,
            format!("{about}: the key can {}, but you may not", key.usage),
            format!("its owner says `keyward key share {} YOU`", key.name),
        );
    }
    if !usable.has(Right::Sign) {
        return Check::ok(NAME, about);
    }
    let held = &key.attributes.restrictions;
    if held.max_uses != 0 || held.needs_approval {
        let finding = "no trial signature is made, since its uses are counted";
        return Check::ok(NAME, format!("{about}; {finding}"));
    }
    match try_signature(client, key) {
        Ok(algorithm) => {
            Check::ok(NAME, format!("{about}; a trial signature ({algorithm}) is valid"))
        }
        Err(error) => Check::error(NAME, error),
    }
}

fn try_signature(client: &Client, key: &Key) -> Result<&'static str, Error> {
    let choice = AlgorithmArgs::default().choose(key)?;
    let mut message = [0; 32];
    rand::fill(&mut message).map_err(|_| Error::invalid("there are no random bytes"))?;
    let input = choice.digest_of(&message)?;
    let signature = client.sign(&key.id, &choice.request(&input))?;
    let pss = choice.pss.map(|pss| PssVerification { mgf1: pss.mgf1, salt_bytes: pss.salt_bytes });
    let public = PublicKey::from_spki(&key.spki).map_err(crypto_error)?;
    match public.verify(choice.algorithm, pss, &input, &signature) {
        true => Ok(choice.algorithm.name),
        false => Err(Error::invalid("a trial signature does not match the public key")),
    }
}

fn kept_chain_check(key: &Key) -> Check {
    match key.chain.first() {
        None => Check::note("certificate", "none is kept beside the key (`keyward cert import`)"),
        Some(leaf) => certificate_check("certificate", "the one kept beside the key", leaf, key),
    }
}

fn server_certificate_check(path: &Path, key: &Key) -> Check {
    const NAME: &str = "server certificate";
    match chain::read(path) {
        Ok(certificates) => {
            certificate_check(NAME, &path.display().to_string(), &certificates[0], key)
        }
        Err(error) => Check::error(NAME, error),
    }
}

/// Whether a certificate is for the key and valid now.
fn certificate_check(name: &'static str, place: &str, der: &[u8], key: &Key) -> Check {
    let certificate = match chain::parse(der) {
        Ok(certificate) => certificate,
        Err(error) => return Check::error(name, error),
    };
    let subject = chain::subject(&certificate);
    let (from, until) = chain::validity(&certificate);
    let now = time::now();
    if chain::public_key(&certificate) != key.spki {
        return Check::problem(
            name,
            format!("{place} is for another key than {}: {subject}", full_uri(key)),
            "a server wants the key's own certificate first: `keyward cert export NAME` prints\n\
             it, `keyward key csr NAME` makes a request for a new one",
        );
    }
    if until < now || from > now {
        return Check::problem(
            name,
            format!(
                "{place} ({subject}) is valid from {} to {} only",
                time::moment(from),
                time::moment(until)
            ),
            format!("have a new one issued: `keyward key csr {}`", key.name),
        );
    }
    let finding = format!("{place} matches the key: {subject}, until {}", time::moment(until));
    if until < now + SOON_SECONDS {
        return Check::note(name, format!("{finding}, which is soon"));
    }
    Check::ok(name, finding)
}
