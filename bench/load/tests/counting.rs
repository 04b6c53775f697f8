//! The load tool against a server that is told what to do wrong.

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread,
    time::Duration,
};

use keyward_load::{CertificateFamily, Load, TargetBuilder, TlsVersion};
use rustls::{
    ServerConfig, ServerConnection,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

/// A server that hangs up on every `hang_up_on`th client before it says a word; it ends with the
/// test's process. Gives its address and its certificate.
fn server(hang_up_on: usize) -> (SocketAddr, Vec<u8>) {
    let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(identity.signing_key.serialize_der()));
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![identity.cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for (number, client) in listener.incoming().enumerate() {
            let mut client = client.unwrap();
            if (number + 1).is_multiple_of(hang_up_on) {
                continue;
            }
            let mut tls = ServerConnection::new(config.clone()).unwrap();
            // The client resets the connection as soon as it has what it wants.
            while tls.is_handshaking() && tls.complete_io(&mut client).is_ok() {}
        }
    });
    let ending = pem_rfc7468::LineEnding::LF;
    let pem = pem_rfc7468::encode_string("CERTIFICATE", ending, identity.cert.der()).unwrap();
    (address, pem.into_bytes())
}

#[test]
fn every_failed_handshake_is_counted() {
    let (address, _) = server(4);
    let target = TargetBuilder::new(address, "localhost").build().unwrap();
    let load = Load::start(&target, 1);
    assert!(load.wait_for(40, Duration::from_secs(20)));
    let report = load.stop();
    let visits = report.handshakes + report.failures;
    assert!(visits >= 40);
    assert_eq!(report.failures, visits / 4, "{:?}", report.reasons);
}

#[test]
fn a_certificate_of_somebody_else_is_a_failure() {
    let (address, ours) = server(usize::MAX);
    let (_, theirs) = server(usize::MAX);
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        let builder = TargetBuilder { version, ..TargetBuilder::new(address, "localhost") };
        let trusting = |pem: &[u8]| {
            TargetBuilder { trusted_pem: Some(pem.to_vec()), ..builder.clone() }.build().unwrap()
        };
        assert!(trusting(&ours).visit().is_ok());
        let error = trusting(&theirs).visit().unwrap_err();
        assert!(error.to_string().contains("invalid peer certificate"), "{error}");
    }
}

#[test]
fn a_client_that_wants_rsa_refuses_a_server_with_an_elliptic_curve() {
    let (address, _) = server(usize::MAX);
    let asking = |family| {
        let builder = TargetBuilder::new(address, "localhost");
        TargetBuilder { family: Some(family), ..builder }.build().unwrap()
    };
    assert!(asking(CertificateFamily::Ec).visit().is_ok());
    assert!(asking(CertificateFamily::Rsa).visit().is_err());
}
