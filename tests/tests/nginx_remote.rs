//! nginx on a machine of its own: an enrolled client that reaches the service over mutual TLS.

use std::{fs, process::Command, time::Duration};

use keyward_load::{Load, TargetBuilder, TlsVersion};
use keyward_tests::{
    Authority, CommandExt, Identity, Nginx, OpenSsl, Scratch, ServiceBuilder, Signal, artifacts,
};

const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn nginx_serves_over_tls_through_restarts_of_the_service() {
    let scratch = Scratch::new();
    let mut service = ServiceBuilder::new(&scratch).configured("").start();
    let folder = scratch.join("web1");
    service.enrol("web1", &folder, service.tls_address().port());
    let settings = folder.join("client.toml");
    let keyward = |arguments: &[&str]| {
        let mut command = Command::new(&artifacts().keyward);
        command.args(arguments).env("KEYWARD_CONFIG", &settings).run().text()
    };
    let authority = Authority::new(&scratch);
    let identities: Vec<Identity> = ["p-256", "rsa-2048"]
        .into_iter()
        .map(|name| {
            keyward(&["key", "generate", name, "--type", name]);
            let request = keyward(&["key", "csr", name, "--subject", "CN=localhost"]);
            let file = |ending: &str| format!("tls/{name}.{ending}");
            Identity {
                name: name.into(),
                certificate: scratch.write(&file("crt"), authority.certify(&request)),
                reference: scratch.write(&file("pem"), keyward(&["key", "pem", name])),
                public: scratch.write(&file("pub"), keyward(&["key", "public", name])),
            }
        })
        .collect();

    // Nothing but the enrolled client's settings says where the service is.
    let openssl = OpenSsl::new(&scratch, "");
    let mut environment = openssl.environment();
    environment.retain(|(name, _)| *name != "KEYWARD_ADDRESS");
    environment.push(("KEYWARD_CONFIG", settings.clone()));
    for identity in &identities {
        let nginx = Nginx::start_in(&scratch, &environment, &[identity]);
        let target = |version| {
            TargetBuilder {
                version,
                trusted_pem: Some(authority.certificate_pem()),
                request: Some("/".into()),
                ..TargetBuilder::new(nginx.address(), "localhost")
            }
            .build()
            .unwrap()
        };
        for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
            if let Err(error) = target(version).visit() {
                panic!("{} {version:?}: {error}\n{}", identity.name, nginx.log());
            }
        }
        let load = Load::start(&target(TlsVersion::V1_3), 3);
        for signal in [Signal::TERM, Signal::KILL] {
            assert!(load.wait_for(50, PATIENCE), "the load stalls: {:?}", load.stop());
            service.end(signal);
            service.start();
        }
        nginx.reload();
        assert!(load.wait_for(50, PATIENCE), "the load stalls: {:?}", load.stop());
        let report = load.stop();
        assert_eq!(report.failures, 0, "{report:#?}\n{}", nginx.log());
        nginx.assert_well();
    }
    // The key that proves the machine is nobody's but root's.
    let key = fs::metadata(settings.with_file_name("client.key")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&key.permissions()) & 0o077, 0);
}
