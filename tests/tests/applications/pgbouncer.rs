//! PgBouncer, which speaks TLS for PostgreSQL.

use keyward_load::Opening;
use keyward_tests::{Client, Host, Signal, Site};

#[test]
#[ignore = "its packages come with make matrix"]
fn pgbouncer_serves_through_reloads_and_restarts_of_the_service() {
    let client = Client { opening: Opening::PostgreSql, path: None };
    Site::new(Some("postgres")).examine(client, |site| {
        let port = format!("listen_port = {}\nunix_socket_dir =", site.address.port());
        let configuration = site.configuration("pgbouncer.ini", &[("listen_port = 6432", &port)]);
        let mut command = site.command("pgbouncer", "pgbouncer");
        Host::start(site, command.args(["-u", "postgres"]).arg(configuration), Signal::HUP)
    });
}
