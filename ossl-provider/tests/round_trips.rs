//! What a handshake costs: the requests that reach the service, counted on its socket.

mod support;

use support::{
    Host, Service,
    proxy::Proxy,
    server::{Server, assert_verified, connect},
};

const KEYS: [(&str, &str); 5] = [
    ("rsa-2048", "sign,decrypt"),
    ("rsa-pss-2048", "sign"),
    ("p-256", "sign"),
    ("p-384", "sign"),
    ("ed25519", "sign"),
];

/// A service whose host reaches it through the proxy, with a certificate for every key.
fn watched_service() -> (Service, Proxy) {
    let mut service = Service::start();
    let proxy = Proxy::to(service.host.address());
    service.host = Host::at(&proxy.address());
    let service = service.with_keys(&KEYS);
    for (name, _) in KEYS {
        service.host.openssl(&format!("req -x509 -key keyward:{name} -subj /CN=x -out {name}.crt"));
    }
    (service, proxy)
}

#[test]
fn a_handshake_is_one_request_and_loading_a_reference_none() {
    let (service, proxy) = watched_service();
    let host = &service.host;
    for (name, _) in KEYS {
        proxy.requests();
        let server = Server::with_key(host, &format!("{name}.pem"), name, "");
        assert!(proxy.requests().is_empty(), "{name}");
        for version in ["-tls1_3", "-tls1_2", "-tls1_3", "-tls1_2"] {
            assert_verified(&connect(host, &server, name, version), name);
            assert_eq!(proxy.requests(), ["sign"], "{name} {version}");
        }
    }
}

#[test]
fn loading_by_uri_is_one_request_too() {
    let (service, proxy) = watched_service();
    let host = &service.host;
    proxy.requests();
    let server = Server::with_key(host, "keyward:p-256", "p-256", "");
    assert_eq!(proxy.requests(), ["find"]);
    assert_verified(&connect(host, &server, "p-256", "-tls1_3"), "by URI");
    assert_eq!(proxy.requests(), ["sign"]);
}

#[test]
fn the_rsa_key_exchange_is_one_request() {
    let (service, proxy) = watched_service();
    let host = &service.host;
    let server = Server::with_key(host, "rsa-2048.pem", "rsa-2048", "-cipher AES128-SHA256");
    proxy.requests();
    let output = connect(host, &server, "rsa-2048", "-tls1_2 -cipher AES128-SHA256");
    assert_verified(&output, "RSA key exchange");
    assert_eq!(proxy.requests().len(), 1);
}

#[test]
fn a_resumed_session_asks_nothing() {
    let (service, proxy) = watched_service();
    let host = &service.host;
    let server = Server::with_key(host, "p-256.pem", "p-256", "");
    proxy.requests();
    connect(host, &server, "p-256", "-tls1_2 -sess_out session.pem");
    assert_eq!(proxy.requests(), ["sign"]);
    let resumed = connect(host, &server, "p-256", "-tls1_2 -sess_in session.pem");
    assert!(resumed.contains("Reused, TLSv1.2"), "{resumed}");
    assert!(proxy.requests().is_empty());
}

#[test]
fn a_client_that_no_algorithm_is_common_with_costs_no_request() {
    let (service, proxy) = watched_service();
    let host = &service.host;
    let server = Server::with_key(host, "p-256.pem", "p-256", "");
    proxy.requests();
    let refused = connect(host, &server, "p-256", "-tls1_3 -sigalgs RSA-PSS+SHA256");
    assert!(refused.contains("Cipher is (NONE)"), "{refused}");
    assert!(proxy.requests().is_empty());
}
