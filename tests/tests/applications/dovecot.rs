//! Dovecot, whose processes for clients have dropped their rights before they sign.

use std::fmt::Write;

use keyward_tests::{Client, CommandExt, Host, Signal, Site};

/// Whose processes speak with clients.
const USER: &str = "dovenull";

/// Starts Dovecot with more lines of configuration.
fn start(site: &Site, more: &str) -> Host {
    let configuration = configuration(site, more);
    let mut command = site.command("dovecot", "dovecot-imapd");
    command.arg("-F").arg("-c").arg(configuration);
    let host = Host::start(site, &mut command, Signal::HUP);
    // A new one hangs up on those who are about to log in when it reloads.
    if version(site) > vec![2, 4, 1] { host.dropping_on_reload() } else { host }
}

#[test]
#[ignore = "its packages come with make matrix"]
fn dovecot_serves_through_reloads_and_restarts_of_the_service() {
    Site::new(Some(USER)).examine(Client::SILENT, |site| start(site, ""));
}

/// With one process for all clients instead of one for each, which ends with its client.
#[test]
#[ignore = "long: for make matrix"]
fn ten_thousand_handshakes_leave_the_memory_of_dovecot_as_it_is() {
    let start = |site: &Site| start(site, &one_process(site));
    let processes = |host: &Host| host.processes_of("imap-login");
    Site::new(Some(USER)).assert_memory_stays(Client::SILENT, start, processes);
}

fn one_process(site: &Site) -> String {
    let never = if version(site) < vec![2, 4] {
        "service_count = 0"
    } else {
        "restart_request_count = unlimited"
    };
    format!("service imap-login {{\n  {never}\n  process_min_avail = 1\n  process_limit = 1\n}}\n")
}

/// The shipped lines, and what a Dovecot of the test's own has besides.
fn configuration(site: &Site, more: &str) -> std::path::PathBuf {
    let is_old = version(site) < vec![2, 4];
    let file = if is_old { "dovecot-2.3.conf" } else { "dovecot.conf" };
    let folder = site.scratch.folder("dovecot");
    let environment = site.openssl.environment();
    let conf = environment.iter().find(|(name, _)| *name == "OPENSSL_CONF");
    let (_, conf) = conf.expect("the environment names openssl.cnf");
    let places = [("/etc/keyward/openssl.cnf", conf.to_str().unwrap())];
    let shipped = site.configuration(file, &places);

    let mut own = format!(
        "base_dir = {0}/run\nstate_dir = {0}/state\nlog_path = /dev/stderr\nlisten = 127.0.0.1\n\
         protocols = imap\nservice imap-login {{\n  inet_listener imap {{\n    port = 0\n  }}\n  \
         inet_listener imaps {{\n    port = {1}\n  }}\n}}\n",
        folder.display(),
        site.address.port()
    );
    // A stranger to everybody who logs in: clients here leave before that.
    let passwords = if is_old {
        "passdb {\n  driver = static\n  args = password=none\n}\n"
    } else {
        "passdb static {\n  password = none\n}\n"
    };
    own += passwords;
    if !is_old {
        own = format!("dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n{own}");
    }
    writeln!(own, "!include {}\n{more}", shipped.display()).unwrap();
    // For a test the provider and the service are in places of its own.
    let others = environment.iter().filter(|(name, _)| *name != "OPENSSL_CONF");
    let others = others.map(|(name, path)| (name, path.display()));
    if is_old {
        let all: String = others.map(|(name, path)| format!(" {name}={path}")).collect();
        writeln!(own, "import_environment = $import_environment{all}").unwrap();
    } else {
        let all: String = others.map(|(name, path)| format!("  {name} = {path}\n")).collect();
        writeln!(own, "import_environment {{\n{all}}}").unwrap();
    }
    site.scratch.write("dovecot/dovecot.conf", own)
}

/// The numbers of Dovecot's version, which it gives as `2.4.1-4 (7d8c0e5759)`.
fn version(site: &Site) -> Vec<u32> {
    let said = site.command("dovecot", "dovecot-imapd").arg("--version").run().text();
    let numbers = said.split(['-', ' ']).next().unwrap_or_default();
    let numbers = numbers.split('.').map(|number| number.parse().expect("a version is numbers"));
    numbers.collect()
}
