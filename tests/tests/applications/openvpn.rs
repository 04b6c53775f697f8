//! OpenVPN with both ends' keys in the service.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use keyward_tests::{CommandExt, Host, Identity, Running, Signal, Site, patience};

#[test]
#[ignore = "its packages come with make matrix"]
fn openvpn_connects_before_and_after_a_restart_of_the_service() {
    connect_by(Site::new(None), |caller| caller.reference.display().to_string());
}

/// From 2.7 on OpenVPN takes what the shipped file says of URIs.
#[test]
#[ignore = "its packages come with make matrix"]
fn openvpn_that_takes_uris_connects_so_before_and_after_a_restart_of_the_service() {
    let site = Site::new(None).by_uri("keyward:web");
    let help = site.command("openvpn", "openvpn").arg("--help").run().all();
    assert!(help.contains("private key in .pem format"), "{help}");
    if help.contains("private key in .pem format or a URI") {
        connect_by(site, Identity::uri);
    }
}

/// Both ends with keys of either family, in either version of TLS.
fn connect_by(mut site: Site, name_of: impl Fn(&Identity) -> String) {
    for key_type in ["p-256", "rsa-2048"] {
        site.renew(&format!("{key_type}-server"), key_type);
        fs::copy(site.authority.certificate(), site.scratch.join("tls/ca.crt")).unwrap();
        let caller = site.service.certified_key(key_type, key_type, &site.authority);
        let configuration = site.configuration(
            "openvpn.conf",
            &[
                ("port 1194", &format!("port {}", site.address.port())),
                // No packet is to be carried, so none needs a device.
                ("dev tun", "dev null"),
            ],
        );
        for version in ["1.2", "1.3"] {
            let mut server = site.command("openvpn", "openvpn");
            server.arg("--config").arg(&configuration).args(["--tls-version-max", version]);
            let _host = Host::start(&site, &mut server, Signal::HUP);
            let mut client = site.command("openvpn", "openvpn");
            client.args(["--tls-client", "--dev", "null", "--proto", "tcp-client"]);
            client.args(["--remote", "127.0.0.1", &site.address.port().to_string()]);
            client.arg("--ca").arg(site.authority.certificate());
            client.arg("--cert").arg(&caller.certificate).arg("--key").arg(name_of(&caller));
            client.args(["--verb", "3", "--connect-retry", "1"]);
            let log = site.scratch.join(&format!("client-{key_type}-{version}.log"));
            connects(Running::start("openvpn client", &mut client, &log), version);
            site.service.kill();
            site.service.start();
            connects(Running::start("openvpn client", &mut client, &log), version);
        }
    }
}

/// Waits until a client has come through, and ends it.
fn connects(mut client: Running, version: &str) {
    let deadline = Instant::now() + patience(Duration::from_secs(30));
    while !client.log().contains("Initialization Sequence Completed") {
        let going = client.is_running() && Instant::now() < deadline;
        assert!(going, "no connection:\n{}", client.log());
        thread::sleep(Duration::from_millis(20));
    }
    let log = client.log();
    assert!(log.contains(&format!("Control Channel: TLSv{version}")), "{log}");
}
