//! Apache httpd with mod_ssl and a key in the service.

use std::{net::SocketAddr, time::Duration};

use keyward_load::{Load, Target, TargetBuilder, TlsVersion};
use keyward_tests::{
    Apache, Authority, Client, Host, Identity, OpenSsl, Scratch, ServiceBuilder, Signal, Site,
    owner_of, patience,
};

const PATIENCE: Duration = Duration::from_secs(30);

/// The page at an address.
fn page(address: SocketAddr, authority: &Authority, version: TlsVersion) -> Target {
    TargetBuilder {
        version,
        trusted_pem: Some(authority.certificate_pem()),
        request: Some("/".into()),
        ..TargetBuilder::new(address, "localhost")
    }
    .build()
    .unwrap()
}

#[test]
fn apache_serves_through_reloads_and_restarts_of_the_service() {
    Site::new(Some("www-data")).examine(Client::WEB, |site| Apache::start_on(site).into_host());
}

#[test]
fn apache_starts_and_reloads_while_the_service_is_away() {
    let scratch = Scratch::new();
    let mut service = ServiceBuilder::new(&scratch).allow("www-data").start();
    let authority = Authority::new(&scratch);
    let openssl = OpenSsl::new(&scratch, &service.address());
    let identity = service.certified_key("web", "p-256", &authority);
    service.stop();
    let mut apache = Apache::start(&scratch, &openssl, &identity);
    apache.reload();
    service.start();
    let target = TargetBuilder {
        trusted_pem: Some(authority.certificate_pem()),
        request: Some("/".into()),
        ..TargetBuilder::new(apache.address(), "localhost")
    }
    .build()
    .unwrap();
    if let Err(error) = target.visit() {
        panic!("{error}\n{}", apache.log());
    }
    if rustix::process::geteuid().is_root() {
        let owners: Vec<_> = apache.processes().into_iter().filter_map(owner_of).collect();
        assert!(owners.iter().any(|uid| *uid != 0), "no child dropped its rights: {owners:?}");
    }
}

/// Apache 2.4.62 and later, with what the shipped file says of URIs. They may stand for the
/// certificate too.
#[test]
fn apache_serves_from_pkcs11_uris_through_reloads_and_restarts_of_the_service() {
    let scratch = Scratch::new();
    let mut service = ServiceBuilder::new(&scratch).allow("www-data").start();
    let authority = Authority::new(&scratch);
    let openssl = OpenSsl::with_settings(&scratch, &service.address(), "pkcs11_uri = yes");
    for key_type in ["rsa-2048", "p-256", "p-384"] {
        let files = service.certified_key(key_type, key_type, &authority);
        let uri = |kind| format!("pkcs11:object={key_type};type={kind}").into();
        let key_by_uri = Identity { reference: uri("private"), ..files.clone() };
        let both_by_uri = Identity { certificate: uri("cert"), ..key_by_uri.clone() };
        for identity in [&key_by_uri, &both_by_uri] {
            let mut apache = Apache::start(&scratch, &openssl, identity);
            let target = |version| page(apache.address(), &authority, version);
            for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
                let visit = target(version).visit().unwrap_or_else(|error| {
                    panic!("{key_type} {version:?}: {error}\n{}", apache.log())
                });
                assert_eq!(visit.chain[0], files.der());
            }
            let load = Load::start(&target(TlsVersion::V1_3), 3);
            assert!(load.wait_for(20, patience(PATIENCE)), "the load stalls:\n{}", apache.log());
            apache.reload();
            assert!(load.wait_for(20, patience(PATIENCE)), "the load stalls:\n{}", apache.log());
            service.end(Signal::KILL);
            service.start();
            assert!(load.wait_for(20, patience(PATIENCE)), "the load stalls:\n{}", apache.log());
            let report = load.stop();
            assert_eq!(report.failures, 0, "{report:#?}\n{}", apache.log());
        }
    }
}

#[test]
#[ignore = "long: for make matrix"]
fn ten_thousand_handshakes_leave_the_memory_of_apache_as_it_is() {
    Site::new(Some("www-data")).assert_memory_stays(
        Client::WEB,
        |site| Apache::start_on(site).into_host(),
        Host::processes,
    );
}
