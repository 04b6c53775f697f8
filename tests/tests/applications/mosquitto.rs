//! Mosquitto, which drops its rights without a fork.

use keyward_tests::{Client, Host, Signal, Site};

#[test]
#[ignore = "its packages come with make matrix"]
fn mosquitto_serves_through_reloads_and_restarts_of_the_service() {
    Site::new(Some("mosquitto")).examine(Client::SILENT, |site| {
        let places = [("listener 8883", &*format!("listener {}", site.address.port()))];
        let configuration = site.configuration("mosquitto.conf", &places);
        let mut command = site.command("mosquitto", "mosquitto");
        Host::start(site, command.arg("-c").arg(configuration), Signal::HUP)
    });
}
