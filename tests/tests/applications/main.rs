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

use keyward_tests::{CommandExt, require};

/// What stands in the shipped files for the address of the server, told apart in two.
fn address_of(site: &keyward_tests::Site) -> (String, String) {
    (site.address.ip().to_string(), site.address.port().to_string())
}

/// The first of the users that this release has: Debian has renamed some.
fn existing_user(names: &[&'static str]) -> &'static str {
    names
        .iter()
        .find(|name| Command::new(require("id", "coreutils")).arg(name).run().status.success())
        .unwrap_or_else(|| panic!("there is no user of the names {names:?}"))
}
