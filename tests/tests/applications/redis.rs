//! Redis, which reads certificate and key again when it is told their places.

use keyward_tests::{Client, CommandExt, Host, Site};

#[test]
#[ignore = "its packages come with make matrix"]
fn redis_serves_through_reloads_and_restarts_of_the_service() {
    Site::new(None).examine(Client::SILENT, |site| {
        let socket = site.scratch.join("redis.sock");
        let places = [("tls-port 6379", &*format!("tls-port {}", site.address.port()))];
        let configuration = site.configuration("redis.conf", &places);
        let (certificate, reference) = (site.certificate(), site.reference());
        let mut command = site.command("redis-server", "redis-server");
        command.arg(configuration).arg("--unixsocket").arg(&socket).args(["--save", ""]);
        Host::start_with(site, &mut command, move |_| {
            let mut cli = std::process::Command::new("redis-cli");
            cli.arg("-s").arg(&socket).args(["CONFIG", "SET", "tls-cert-file"]).arg(&certificate);
            let said = cli.arg("tls-key-file").arg(&reference).run().text();
            assert_eq!(said.trim(), "OK");
        })
    });
}
