//! lighttpd with mod_openssl.

use keyward_tests::{Client, CommandExt, Host, Signal, Site};

use crate::is_at_least;

fn start(site: &Site) -> Host {
    site.scratch.write("html/index.html", "Hello from lighttpd.\n");
    let port = site.address.port();
    let html = site.scratch.join("html");
    let configuration = site.configuration(
        "lighttpd.conf",
        &[("= 443", &format!("= {port}")), ("/var/www/html", html.to_str().unwrap())],
    );
    let mut command = site.command("lighttpd", "lighttpd lighttpd-mod-openssl");
    Host::start(site, command.arg("-D").arg("-f").arg(configuration), Signal::USR1)
}

#[test]
fn lighttpd_serves_through_reloads_and_restarts_of_the_service() {
    Site::new(Some("www-data")).examine(Client::WEB, start);
}

/// From 1.4.83 on lighttpd takes what the shipped file says of URIs.
#[test]
fn lighttpd_that_takes_uris_serves_so_through_reloads_and_restarts_of_the_service() {
    let site = Site::new(Some("www-data")).by_uri("keyward:web");
    let said = site.command("lighttpd", "lighttpd lighttpd-mod-openssl").arg("-v").run().text();
    if is_at_least(&said, &[1, 4, 83]) {
        { site }.examine(Client::WEB, start);
    }
}

#[test]
#[ignore = "long: for make matrix"]
fn ten_thousand_handshakes_leave_the_memory_of_lighttpd_as_it_is() {
    Site::new(Some("www-data")).assert_memory_stays(Client::WEB, start, Host::processes);
}
