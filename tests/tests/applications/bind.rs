//! BIND's tools sign a zone with keys that `dnssec-keyfromlabel` knows by their URIs.

use std::fs;

use keyward_tests::{CommandExt, Site, require};

#[test]
#[ignore = "its packages come with make matrix"]
fn bind_signs_a_zone_with_keys_in_the_service() {
    let site = Site::new(None);
    // Not Ed25519: 9.20 writes no file for such a key whose private half it cannot have.
    for (key_type, algorithm) in
        [("p-256", "ECDSAP256SHA256"), ("p-384", "ECDSAP384SHA384"), ("rsa-2048", "RSASHA256")]
    {
        let folder = site.scratch.folder(key_type);
        for (role, flags) in [("zsk", &[][..]), ("ksk", &["-f", "KSK"])] {
            let key = site.service.key(&format!("{key_type}-{role}"), key_type);
            let mut label = site.command("dnssec-keyfromlabel", "bind9-utils");
            label.arg("-K").arg(&folder).args(["-a", algorithm, "-l", &key.uri()]);
            label.args(flags).arg("example.test").run().bytes();
        }
        let zone = folder.join("zone");
        let records = "$TTL 300\n@ SOA ns hostmaster 1 3600 600 86400 300\n@ NS ns\n\
                       ns A 192.0.2.1\nwww A 192.0.2.2\n";
        fs::write(&zone, records).unwrap();
        let mut sign = site.command("dnssec-signzone", "bind9-utils");
        sign.arg("-K").arg(&folder).args(["-S", "-o", "example.test"]).arg(&zone);
        sign.current_dir(&folder).run().bytes();
        // Verified without the provider.
        let mut verify = std::process::Command::new(require("dnssec-verify", "bind9-utils"));
        verify.args(["-o", "example.test"]).arg(folder.join("zone.signed")).run().bytes();
    }
}
