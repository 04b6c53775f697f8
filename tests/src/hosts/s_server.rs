//! `openssl s_server`.

use std::net::SocketAddr;

use super::wait_until_up;
use crate::{Identity, OpenSsl, Running, Scratch, free_port};

/// A running `openssl s_server`, which answers with a page about the connection.
pub struct SServer {
    running: Running,
    address: SocketAddr,
}

impl SServer {
    /// Starts it with a key, given as a URI or as the path of a reference.
    pub fn start(
        scratch: &Scratch,
        openssl: &OpenSsl,
        identity: &Identity,
        key: &str,
        more: &[&str],
    ) -> SServer {
        let address = free_port();
        let mut command = openssl.command(&["s_server", "-www", "-accept", &address.to_string()]);
        command.args(["-key", key]).arg("-cert").arg(&identity.certificate).args(more);
        let name = format!("s_server-{}.log", address.port());
        let mut running = Running::start("openssl s_server", &mut command, &scratch.join(&name));
        wait_until_up(&mut running, address);
        SServer { running, address }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has printed.
    pub fn log(&self) -> String {
        self.running.log()
    }
}
