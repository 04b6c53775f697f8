//! Host applications, each with the configuration that the project ships for it.

pub(crate) mod apache;
pub(crate) mod haproxy;
pub(crate) mod nginx;
pub(crate) mod s_server;

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};

use crate::{Running, repository, wait_for_port, watch};

/// How long a server may take to start.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

/// A shipped configuration with its places moved. Each place must be in the file, so that a test
/// notices when the file changes.
pub fn shipped(file: &str, places: &[(&str, &str)]) -> String {
    let path = repository().join("nginx-conf").join(file);
    let mut text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    for (from, to) in places {
        assert!(text.contains(from), "{file} does not mention {from}");
        text = text.replace(from, to);
    }
    text
}

/// Waits until a server that was just started listens.
pub fn wait_until_up(running: &mut Running, address: SocketAddr) {
    let deadline = Instant::now() + watch::patience(PATIENCE);
    while !wait_for_port(address, Duration::from_millis(100)) {
        if !running.is_running() || Instant::now() > deadline {
            panic!("the server does not listen on {address}:\n{}", running.log());
        }
    }
}

/// A path as text.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("the tests' paths are text")
}
