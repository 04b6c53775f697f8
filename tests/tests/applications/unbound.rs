//! unbound as a server of DNS over TLS, which drops its rights without a fork.

use keyward_tests::{Client, Host, Signal, Site};

#[test]
#[ignore = "its packages come with make matrix"]
fn unbound_serves_through_reloads_and_restarts_of_the_service() {
    Site::new(Some("unbound")).examine(Client::SILENT, |site| {
        let port = site.address.port();
        let configuration = site.configuration(
            "unbound.conf",
            &[
                ("127.0.0.1@853", &format!("127.0.0.1@{port}")),
                ("tls-port: 853", &format!("tls-port: {port}\n    pidfile: \"\"")),
            ],
        );
        let mut command = site.command("unbound", "unbound");
        // unbound leaves the clients of that moment behind, with any key.
        Host::start(site, command.arg("-d").arg("-c").arg(configuration), Signal::HUP)
            .dropping_on_reload()
    });
}
