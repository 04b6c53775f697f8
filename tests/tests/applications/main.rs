//! Host applications with keys in a service, each started with the configuration that the project
//! ships for it. `tests/matrix/applications` says on which releases which of them run; those that
//! are ignored here need packages that only `make matrix` installs.

mod bind;
mod curl;
mod dovecot;
mod lighttpd;
mod mariadb;
mod mosquitto;
mod node;
mod openvpn;
mod osslsigncode;
mod pgbouncer;
mod postfix;
mod postgresql;
mod python;
mod redis;
mod ruby;
mod stunnel;
mod unbound;

use std::process::Command;

use keyward_tests::{CommandExt, Host, Signal, Site, require};

/// Starts a shipped server that an interpreter runs and SIGHUP reloads.
fn start_script(site: &Site, interpreter: &mut Command, file: &str) -> Host {
    let places = [("\"127.0.0.1\", 443", &*format!("\"127.0.0.1\", {}", site.address.port()))];
    let program = site.configuration(file, &places);
    Host::start(site, interpreter.arg(program), Signal::HUP)
}

/// The first of the users that this release has: Debian has renamed some.
fn existing_user(names: &[&'static str]) -> &'static str {
    names
        .iter()
        .find(|name| Command::new(require("id", "coreutils")).arg(name).run().status.success())
        .unwrap_or_else(|| panic!("there is no user of the names {names:?}"))
}

/// Whether the version that a program has said it is, the first thing that looks like one, is this
/// one or later.
fn is_at_least(said: &str, least: &[u32]) -> bool {
    let words = said.split(|c: char| c.is_whitespace() || c == '/');
    let version: Vec<u32> = words
        .filter_map(|word| word.split('.').map(|number| number.parse().ok()).collect())
        .find(|numbers: &Vec<u32>| numbers.len() > 1)
        .unwrap_or_else(|| panic!("no version is told: {said}"));
    &version[..] >= least
}
