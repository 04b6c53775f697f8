//! stunnel, which reads the key as root and signs as a user of its own, without a fork.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    thread,
};

use keyward_tests::{Client, CommandExt, Host, Signal, Site};

use crate::{existing_user, is_at_least};

/// What Debian calls its user, before and after a change of names.
const USERS: [&str; 2] = ["stunnel4", "stunnel"];

/// Starts stunnel as one of its users.
fn start(site: &Site, user: &str, backend: SocketAddr) -> Host {
    let configuration = site.configuration(
        "stunnel.conf",
        &[
            ("setuid = stunnel4", &format!("foreground = yes\npid =\nsetuid = {user}")),
            ("setgid = stunnel4", &format!("setgid = {user}")),
            ("127.0.0.1:443", &site.address.to_string()),
            ("127.0.0.1:80", &backend.to_string()),
        ],
    );
    let mut command = site.command("stunnel4", "stunnel4");
    // stunnel closes its port and opens it anew, with any key.
    Host::start(site, command.arg(configuration), Signal::HUP).dropping_on_reload()
}

#[test]
fn stunnel_serves_through_reloads_and_restarts_of_the_service() {
    let (user, backend) = (existing_user(&USERS), backend());
    Site::new(Some(user)).examine(Client::WEB, |site| start(site, user, backend));
}

/// From 5.75 on stunnel takes what the shipped file says of URIs.
#[test]
fn stunnel_that_takes_uris_serves_so_through_reloads_and_restarts_of_the_service() {
    let (user, backend) = (existing_user(&USERS), backend());
    let site = Site::new(Some(user)).by_uri("keyward:web?type=private");
    let said = site.command("stunnel4", "stunnel4").arg("-version").run().all();
    if is_at_least(&said, &[5, 75]) {
        { site }.examine(Client::WEB, |site| start(site, user, backend));
    }
}

#[test]
#[ignore = "long: for make matrix"]
fn ten_thousand_handshakes_leave_the_memory_of_stunnel_as_it_is() {
    let (user, backend) = (existing_user(&USERS), backend());
    let start = |site: &Site| start(site, user, backend);
    Site::new(Some(user)).assert_memory_stays(Client::WEB, start, Host::processes);
}

/// A web server without TLS that answers as long as the test runs.
fn backend() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let address = listener.local_addr().expect("a listener has an address");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                // A client that hangs up early is none of our business.
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nHello\n");
            });
        }
    });
    address
}
