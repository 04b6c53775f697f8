//! Mosquitto, which drops its rights without a fork.

use keyward_tests::{Client, Host, Signal, Site};

fn start(site: &Site) -> Host {
    let places = [("listener 8883", &*format!("listener {}", site.address.port()))];
    let configuration = site.configuration("mosquitto.conf", &places);
    let mut command = site.command("mosquitto", "mosquitto");
    Host::start(site, command.arg("-c").arg(configuration), Signal::HUP)
}

#[test]
#[ignore = "its packages come with make matrix"]
fn mosquitto_serves_through_reloads_and_restarts_of_the_service() {
    Site::new(Some("mosquitto")).examine(Client::SILENT, start);
}

/// Mosquitto keeps hundreds of clients that have hung up for a while, with any key, and its heap goes
/// up and down by more than what little leaks: only a leak of some kilobytes would show.
#[test]
#[ignore = "long: for make matrix"]
fn ten_thousand_handshakes_leave_the_memory_of_mosquitto_as_it_is() {
    Site::new(Some("mosquitto")).assert_memory_stays(Client::SILENT, start, Host::processes);
}
