//! MariaDB, which reads certificate and key again on `FLUSH SSL`.

use std::process::Command;

use keyward_load::Opening;
use keyward_tests::{Client, CommandExt, Host, Site, require};

const USER: &str = "mysql";

const CLIENT: Client = Client { opening: Opening::MariaDb, path: None };

fn start(site: &Site) -> Host {
    let configuration = site.configuration("mariadb.cnf", &[]);
    let data = site.scratch.join("database");
    if !data.exists() {
        let mut init = Command::new(require("mariadb-install-db", "mariadb-server"));
        init.args(["--no-defaults", "--skip-test-db", &format!("--user={USER}")]);
        init.arg(format!("--datadir={}", data.display())).run().bytes();
    }
    let socket = data.join("mariadb.sock");
    let mut command = site.command("mariadbd", "mariadb-server");
    command.arg(format!("--defaults-file={}", configuration.display()));
    command.arg(format!("--datadir={}", data.display()));
    command.arg(format!("--socket={}", socket.display()));
    command.args(["--user", USER, "--bind-address", "127.0.0.1", "--port"]);
    command.arg(site.address.port().to_string());
    Host::start_with(site, &mut command, move |_| {
        let mut client = Command::new(require("mariadb", "mariadb-client"));
        client.args(["--no-defaults", "--skip-ssl"]).arg("--socket").arg(&socket);
        client.args(["--user", "root", "--execute", "FLUSH SSL"]).run().bytes();
    })
}

#[test]
#[ignore = "its packages come with make matrix"]
fn mariadb_serves_through_reloads_and_restarts_of_the_service() {
    Site::new(Some(USER)).examine(CLIENT, start);
}

#[test]
#[ignore = "long: for make matrix"]
fn ten_thousand_handshakes_leave_the_memory_of_mariadb_as_it_is() {
    Site::new(Some(USER)).assert_memory_stays(CLIENT, start, Host::processes);
}
