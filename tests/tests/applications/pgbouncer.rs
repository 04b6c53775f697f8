//! PgBouncer, which speaks TLS for PostgreSQL.

use keyward_load::Opening;
use keyward_tests::{Client, Host, Signal, Site};

const CLIENT: Client = Client { opening: Opening::PostgreSql, path: None };

fn start(site: &Site) -> Host {
    let port = format!("listen_port = {}\nunix_socket_dir =", site.address.port());
    let configuration = site.configuration("pgbouncer.ini", &[("listen_port = 6432", &port)]);
    let mut command = site.command("pgbouncer", "pgbouncer");
    Host::start(site, command.args(["-u", "postgres"]).arg(configuration), Signal::HUP)
}

#[test]
#[ignore = "its packages come with make matrix"]
fn pgbouncer_serves_through_reloads_and_restarts_of_the_service() {
    Site::new(Some("postgres")).examine(CLIENT, start);
}

#[test]
#[ignore = "long: for make matrix"]
fn ten_thousand_handshakes_leave_the_memory_of_pgbouncer_as_it_is() {
    Site::new(Some("postgres")).assert_memory_stays(CLIENT, start, Host::processes);
}
