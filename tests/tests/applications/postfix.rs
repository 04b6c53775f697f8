//! Postfix, whose `smtpd` drops its rights after it has read the key.

use std::process::Command;

use keyward_tests::{Client, CommandExt, Host, Signal, Site, require, shipped};

/// What every Postfix has beside SMTP over TLS.
const SERVICES: &str = "\
cleanup unix n - n - 0 cleanup
rewrite unix - - n - - trivial-rewrite
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
";

/// Starts Postfix with more lines of `main.cf`.
fn start(site: &Site, more: &str) -> Host {
    let folder = site.scratch.folder("postfix");
    let environment = site.openssl.environment();
    let conf = environment.iter().find(|(name, _)| *name == "OPENSSL_CONF");
    let (_, conf) = conf.expect("the environment names openssl.cnf");
    let others = environment.iter().map(|(name, _)| *name).filter(|name| *name != "OPENSSL_CONF");
    let tls = site.scratch.join("tls");
    let main = shipped(
        "postfix-main.cf",
        &[
            ("OPENSSL_MODULES KEYWARD_ADDRESS", &others.collect::<Vec<_>>().join(" ")),
            ("/etc/keyward/openssl.cnf", conf.to_str().unwrap()),
            ("/etc/keyward/tls", tls.to_str().unwrap()),
        ],
    );
    let folders = format!(
        "compatibility_level = 3.6\nqueue_directory = {0}/queue\ndata_directory = {0}/data\n\
         maillog_file = {1}\nmaillog_file_prefixes = {0}\nmyhostname = localhost\n\
         command_directory = /usr/sbin\ndaemon_directory = /usr/lib/postfix/sbin\n\
         inet_interfaces = 127.0.0.1\nalias_maps =\nalias_database =\n",
        folder.display(),
        folder.join("mail.log").display()
    );
    let own = site.scratch.folder("postfix/etc");
    site.scratch.write("postfix/etc/main.cf", folders + &main + more);
    let address = site.address.to_string();
    let master = shipped("postfix-master.cf", &[("127.0.0.1:465", &address)]);
    site.scratch.write("postfix/etc/master.cf", master + SERVICES);
    for name in ["postfix/queue", "postfix/data"] {
        site.scratch.folder(name);
    }
    Command::new("chown").arg("postfix").arg(folder.join("data")).run().bytes();
    // Makes what belongs into the queue's folder.
    let mut check = Command::new(require("postfix", "postfix"));
    check.arg("-c").arg(&own).arg("check").run().bytes();

    let mut command = site.command("postfix", "postfix");
    command.arg("-c").arg(&own).arg("start");
    let pid_file = folder.join("queue/pid/master.pid");
    Host::start_daemon(site, &mut command, &pid_file, Signal::HUP)
}

#[test]
#[ignore = "its packages come with make matrix"]
fn postfix_serves_through_reloads_and_restarts_of_the_service() {
    Site::new(Some("postfix")).examine(Client::SILENT, |site| start(site, ""));
}

/// With processes that do not end after a hundred clients.
#[test]
#[ignore = "long: for make matrix"]
fn ten_thousand_handshakes_leave_the_memory_of_postfix_as_it_is() {
    let start = |site: &Site| start(site, "max_use = 1000000\nmax_idle = 1h\n");
    let processes = |host: &Host| host.processes_of("smtpd");
    Site::new(Some("postfix")).assert_memory_stays(Client::SILENT, start, processes);
}
