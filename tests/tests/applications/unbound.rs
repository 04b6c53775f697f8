//! unbound as a server of DNS over TLS, which drops its rights without a fork.

use std::{path::Path, process::Command, time::Duration};

use keyward_tests::{Client, CommandExt, Host, Running, Signal, Site, patience};

use crate::is_at_least;

fn start(site: &Site) -> Host {
    let port = site.address.port();
    let configuration = site.configuration(
        "unbound.conf",
        &[
            ("127.0.0.1@853", &format!("127.0.0.1@{port}")),
            ("tls-port: 853", &format!("tls-port: {port}\n    pidfile: \"\"")),
        ],
    );
    let mut command = unbound(site, &configuration);
    // Either way unbound leaves the clients of that moment behind, with any key.
    if reads_certificates_again(site) {
        Host::start(site, &mut command, Signal::HUP).dropping_on_reload()
    } else {
        let mut again = unbound(site, &configuration);
        let again = move |log: &Path| Running::start("unbound", &mut again, log);
        restarting(site, &mut command, again)
    }
}

#[test]
#[ignore = "its packages come with make matrix"]
fn unbound_serves_through_reloads_and_restarts_of_the_service() {
    Site::new(Some("unbound")).examine(Client::SILENT, start);
}

#[test]
#[ignore = "long: for make matrix"]
fn ten_thousand_handshakes_leave_the_memory_of_unbound_as_it_is() {
    Site::new(Some("unbound")).assert_memory_stays(Client::SILENT, start, Host::processes);
}

fn unbound(site: &Site, configuration: &Path) -> Command {
    let mut command = site.command("unbound", "unbound");
    command.arg("-d").arg("-c").arg(configuration);
    command
}

/// One that has to be restarted for a new certificate.
fn restarting(
    site: &Site,
    command: &mut Command,
    again: impl FnMut(&Path) -> Running + 'static,
) -> Host {
    let log = site.log();
    let again = std::cell::RefCell::new(again);
    Host::start_with(site, command, move |running| {
        running.signal(Signal::TERM);
        running.wait(patience(Duration::from_secs(20)));
        *running = (again.borrow_mut())(&log);
    })
    .dropping_on_reload()
}

/// The unbound of Debian 12 keeps the certificates that it started with.
fn reads_certificates_again(site: &Site) -> bool {
    let said = site.command("unbound", "unbound").arg("-V").run().text();
    is_at_least(&said, &[1, 18])
}
