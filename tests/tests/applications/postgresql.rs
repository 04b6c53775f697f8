//! PostgreSQL: the server, whose every connection is a process that was forked after the key was
//! read, and `psql` with a client certificate.

use std::{fs, path::PathBuf, process::Command};

use keyward_load::Opening;
use keyward_tests::{Client, CommandExt, Host, Signal, Site, require};

const USER: &str = "postgres";
const CLIENT: Client = Client { opening: Opening::PostgreSql, path: None };

/// A database of the test's own, as Debian's `postgres` runs it.
fn start(site: &Site) -> Host {
    let data = site.scratch.join("database");
    if !data.exists() {
        fs::create_dir(&data).unwrap();
        Command::new("chown").arg(USER).arg(&data).run().bytes();
        let mut init = Command::new(installed("initdb"));
        init.args(["--auth=trust", "--no-sync", "--username=postgres", "-D"]).arg(&data);
        as_user(&init).run().bytes();
    }
    let configuration = site.configuration("postgresql.conf", &[]);
    let ca = site.authority.certificate();
    let text = format!(
        "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = ''\nfsync = off\n\
         ssl_ca_file = '{}'\ninclude '{}'\n",
        site.address.port(),
        ca.display(),
        configuration.display()
    );
    fs::write(data.join("postgresql.conf"), text).unwrap();
    let access = "hostssl all all 127.0.0.1/32 cert map=any\n";
    fs::write(data.join("pg_hba.conf"), access).unwrap();
    fs::write(data.join("pg_ident.conf"), "any localhost postgres\n").unwrap();
    let mut command = site.command_at(&installed("postgres"));
    Host::start(site, &mut as_user(command.arg("-D").arg(&data)), Signal::HUP)
}

/// The same command for the database's user.
fn as_user(command: &Command) -> Command {
    let mut setpriv = Command::new(require("setpriv", "util-linux"));
    setpriv.args(["--reuid", USER, "--regid", USER, "--init-groups"]);
    setpriv.arg(command.get_program()).args(command.get_args());
    setpriv.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    setpriv
}

/// Debian keeps the server's programs in a folder for each version.
fn installed(program: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed");
    let found = versions.flatten().map(|version| version.path().join("bin").join(program));
    found.filter(|path| path.exists()).max().expect("PostgreSQL's server is installed")
}

#[test]
#[ignore = "its packages come with make matrix"]
fn postgresql_serves_through_reloads_and_restarts_of_the_service() {
    Site::new(Some(USER)).owned_by(USER).examine(CLIENT, start);
}

/// The process that is forked for a connection ends with it; the one that stays is the first.
#[test]
#[ignore = "long: for make matrix"]
fn ten_thousand_handshakes_leave_the_memory_of_postgresql_as_it_is() {
    let first = |host: &Host| vec![host.running.pid()];
    Site::new(Some(USER)).owned_by(USER).assert_memory_stays(CLIENT, start, first);
}

#[test]
#[ignore = "its packages come with make matrix"]
fn psql_proves_itself_with_a_key_in_the_service() {
    let site = Site::new(Some(USER)).owned_by(USER);
    site.renew("server", "p-256");
    let _host = start(&site);
    for key_type in ["p-256", "rsa-2048"] {
        let caller = site.service.certified_key(key_type, key_type, &site.authority);
        // libpq takes the reference for a key, which others may not read.
        Command::new("chmod").arg("600").arg(&caller.reference).run().bytes();
        for version in ["TLSv1.2", "TLSv1.3"] {
            let connection = format!(
                "host=localhost port={} user=postgres dbname=postgres sslmode=verify-full \
                 sslrootcert={} sslcert={} sslkey={} ssl_max_protocol_version={version}",
                site.address.port(),
                site.authority.certificate().display(),
                caller.certificate.display(),
                caller.reference.display()
            );
            let question = "select version from pg_stat_ssl where pid = pg_backend_pid()";
            let mut command = site.command_at(&installed("psql"));
            command.args(["-Atc", question, &connection]);
            assert_eq!(command.run().text().trim(), version);
        }
    }
}
