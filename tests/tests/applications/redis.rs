//! Redis, which reads certificate and key again when it is told their places.

use keyward_tests::{Client, CommandExt, Host, Site};

fn start(site: &Site) -> Host {
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
}

#[test]
#[ignore = "its packages come with make matrix"]
fn redis_serves_through_reloads_and_restarts_of_the_service() {
    Site::new(None).examine(Client::SILENT, start);
}

#[test]
#[ignore = "long: for make matrix"]
fn ten_thousand_handshakes_leave_the_memory_of_redis_as_it_is() {
    Site::new(None).assert_memory_stays(Client::SILENT, start, Host::processes);
}
