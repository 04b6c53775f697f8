//! curl with a client certificate whose key is in the service.

use std::time::Duration;

use keyward_tests::{CommandExt, Identity, SServer, Site, patience};

use crate::is_at_least;

/// How long one page may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server that asks everybody for a certificate, and a way to fetch its page.
struct World {
    server: SServer,
    site: Site,
}

impl World {
    fn new() -> World {
        let site = Site::new(None);
        World { server: site.demanding_server(), site }
    }

    fn fetch(&self, caller: &Identity, key: &[&str], version: &[&str]) {
        let url = format!("https://localhost:{}/", self.server.address().port());
        let mut curl = self.site.command("curl", "curl");
        let seconds = patience(PATIENCE).as_secs().to_string();
        curl.args(["--silent", "--show-error", "--noproxy", "*", "--max-time", &seconds]);
        curl.arg("--cacert");
        curl.arg(self.site.authority.certificate()).arg("--cert").arg(&caller.certificate);
        let page = curl.arg("--key").args(key).args(version).arg(&url).run().text();
        assert!(page.contains("s_server"), "{key:?} {version:?}: {page}");
    }

    /// From 8.12 on curl takes the URI itself.
    fn takes_uris(&self) -> bool {
        let said = self.site.command("curl", "curl").arg("--version").run().text();
        is_at_least(&said, &[8, 12])
    }
}

#[test]
fn curl_proves_itself_to_a_server() {
    let mut world = World::new();
    for key_type in ["p-256", "rsa-2048"] {
        let caller = world.site.service.certified_key(key_type, key_type, &world.site.authority);
        let reference = caller.reference.to_str().unwrap();
        let uri = caller.uri();
        for version in [&["--tls-max", "1.2"][..], &["--tlsv1.3"]] {
            world.fetch(&caller, &[reference], version);
            if world.takes_uris() {
                world.fetch(&caller, &[&uri, "--engine", "keyward", "--key-type", "PROV"], version);
            }
        }
        world.site.service.kill();
        world.site.service.start();
        world.fetch(&caller, &[reference], &[]);
    }
}
