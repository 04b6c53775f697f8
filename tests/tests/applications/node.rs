//! Node.js: Debian's, which loads the machine's OpenSSL.

use keyward_tests::{Client, Host, Signal, Site};

use crate::address_of;

#[test]
#[ignore = "its packages come with make matrix"]
fn node_serves_through_reloads_and_restarts_of_the_service() {
    Site::new(None).examine(Client::WEB, |site| {
        let (_, port) = address_of(site);
        let places = [("\"127.0.0.1\", 443", &*format!("\"127.0.0.1\", {port}"))];
        let program = site.configuration("https.mjs", &places);
        Host::start(site, site.command("node", "nodejs").arg(program), Signal::HUP)
    });
}
