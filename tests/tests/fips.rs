//! Beside OpenSSL's own FIPS provider, in hosts that take nothing but what FIPS 140-3 approves.

use std::{os::unix::fs::symlink, path::PathBuf};

use keyward_tests::{CommandExt, OpenSsl, Workshop, shipped};

/// What the shipped file lists.
const PROVIDERS: [&str; 3] = ["fips = fips_sect", "base = base_sect", "keyward = keyward_sect"];
/// The orders of these lines, first those in which the FIPS provider stands before ours.
const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

/// The shipped setting, and the one that takes any service.
const REQUIRED: &str = "\nfips = required\n";
const MARKED: &str = "\nfips = yes\n";

/// A workshop whose OpenSSL is configured as the shipped file says.
struct World {
    workshop: Workshop,
    configuration: String,
}

impl World {
    fn new() -> World {
        let workshop = Workshop::new();
        let folder = OpenSsl::plain(&["version", "-m"]).run().text();
        let folder = folder.split('"').nth(1).expect("OpenSSL has a folder for modules");
        let module = PathBuf::from(folder).join("fips.so");
        assert!(module.exists(), "this test needs {}: openssl-provider-fips", module.display());
        // Where the configuration looks for both.
        symlink(&module, workshop.openssl.modules().join("fips.so")).unwrap();
        let installed = workshop.path("fipsmodule.cnf");
        let install = ["fipsinstall", "-module", module.to_str().unwrap(), "-out", &installed];
        OpenSsl::plain(&install).run().bytes();
        // The tests' service runs in no FIPS module, which the file would have it refused for.
        let places = [("/etc/ssl/fipsmodule.cnf", &*installed), (REQUIRED, MARKED)];
        let configuration = shipped("openssl-fips.cnf", &places);
        World { workshop, configuration }
    }

    fn configure(&mut self, configuration: &str) {
        let address = self.workshop.service.address();
        let scratch = &self.workshop.scratch;
        self.workshop.openssl =
            OpenSsl::with_configuration(scratch, &address, "openssl-fips.cnf", configuration);
    }

    /// Lists the providers in one of the orders.
    fn order(&mut self, order: [usize; 3]) {
        let listed = PROVIDERS.join("\n");
        assert!(self.configuration.contains(&listed), "the shipped file lists others");
        let reordered = order.map(|line| PROVIDERS[line]).join("\n");
        self.configure(&self.configuration.replace(&listed, &reordered));
    }
}

#[test]
#[ignore = "needs openssl-provider-fips: for make matrix"]
fn keys_sign_and_signatures_are_verified_in_every_order_of_the_providers() {
    let mut world = World::new();
    let mut keys = vec!["rsa-2048", "p-256", "rsa-pss-3072", "p-384", "ed25519"];
    if OpenSsl::version() >= (3, 5) {
        keys.push("ml-dsa-65");
    }
    let identities: Vec<_> =
        keys.iter().map(|key_type| world.workshop.service.key(key_type, key_type)).collect();
    let message = world.workshop.file("message", "sincerely yours");
    let signature = world.workshop.path("signature");
    for (number, order) in ORDERS.into_iter().enumerate() {
        world.order(order);
        let workshop = &world.workshop;
        let providers = String::from_utf8(workshop.ours(&["list", "-providers"])).unwrap();
        assert_eq!(providers.matches("status: active").count(), 3, "{providers}");
        // Each command waits for the FIPS provider's tests of itself.
        let keys = if number == 0 { &identities[..] } else { &identities[..2] };
        for identity in keys {
            let digest: &[&str] = match identity.name.as_str() {
                "ed25519" | "ml-dsa-65" => &[],
                _ => &["-digest", "sha256"],
            };
            let [uri, reference] = identity.names();
            let public = identity.public();
            for (key, who) in
                [(&uri, &["-pubin", "-inkey", &public][..]), (&reference, &["-inkey", &uri])]
            {
                let sign = ["pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", &message];
                workshop.ours(&[&sign[..], &["-out", &signature], digest].concat());
                let verify = ["pkeyutl", "-verify", "-rawin", "-in", &message];
                workshop.ours(&[&verify[..], &["-sigfile", &signature], digest, who].concat());
            }
        }
    }
}

#[test]
#[ignore = "needs openssl-provider-fips: for make matrix"]
fn keys_serve_tls_where_the_fips_provider_stands_first() {
    let mut world = World::new();
    for key_type in ["rsa-2048", "p-256", "p-384"] {
        let workshop = &world.workshop;
        let identity = workshop.service.certified_key(key_type, key_type, &workshop.authority);
        for order in &ORDERS[..3] {
            world.order(*order);
            for key in identity.names() {
                let server = world.workshop.serve(&identity, &key, &[]);
                for version in ["-tls1_2", "-tls1_3"] {
                    world.workshop.visit(server.address(), &server.log(), &[version]);
                }
            }
        }
    }
}

#[test]
#[ignore = "needs openssl-provider-fips: for make matrix"]
fn without_the_setting_a_host_that_insists_on_fips_refuses_the_key() {
    let mut world = World::new();
    let identity = world.workshop.service.key("web", "p-256");
    world.configure(&world.configuration.replace(MARKED, "\n"));
    for key in identity.names() {
        let said = world.workshop.refused(&["pkey", "-in", &key, "-noout"]);
        assert!(said.contains("unsupported"), "{said}");
    }
    // A service outside a FIPS module is refused where the section requires one.
    let required = world.configuration.replace(MARKED, REQUIRED);
    world.configure(&required);
    let said = world.workshop.refused(&["pkey", "-in", &identity.uri(), "-noout"]);
    assert!(said.contains("does not run in a FIPS module"), "{said}");
}
