//! MariaDB, which reads certificate and key again on `FLUSH SSL`.

use std::process::Command;

use keyward_load::Opening;
use keyward_tests::{Client, CommandExt, Host, Site, require};

const USER: &str = "mysql";

#[test]
#[ignore = "its packages come with make matrix"]
fn mariadb_serves_through_reloads_and_restarts_of_the_service() {
    let client = Client { opening: Opening::MariaDb, path: None };
    Site::new(Some(USER)).examine(client, |site| {
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
    });
}
