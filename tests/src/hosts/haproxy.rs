//! HAProxy with the shipped `haproxy.cfg`, in its chroot.

use std::{fs, net::SocketAddr, path::Path, process::Command};

use super::{shipped, text, wait_until_up};
use crate::{Identity, OpenSsl, Running, Scratch, commands::require, free_port};

/// A running HAProxy.
pub struct HaProxy {
    running: Running,
    address: SocketAddr,
}

impl HaProxy {
    /// Starts HAProxy with a folder as its chroot and waits until it listens.
    pub fn start(
        scratch: &Scratch,
        openssl: &OpenSsl,
        identity: &Identity,
        chroot: &Path,
    ) -> HaProxy {
        let program = require("haproxy", "haproxy");
        let address = free_port();
        // HAProxy looks for the key of a certificate beside it.
        let key = format!("{}.key", text(&identity.certificate));
        fs::copy(&identity.reference, key).expect("our own folder takes files");
        let conf = shipped(
            "haproxy.cfg",
            &[
                ("/etc/keyward/tls/web.crt", text(&identity.certificate)),
                ("chroot /var/lib/haproxy", &format!("chroot {}", text(chroot))),
                ("bind :443", &format!("bind {address}")),
            ],
        );
        let conf = scratch.write("haproxy.cfg", conf);

        let mut command = Command::new(program);
        command.args(["-db", "-f", text(&conf)]).envs(openssl.environment());
        let mut running = Running::start("haproxy", &mut command, &scratch.join("haproxy.log"));
        wait_until_up(&mut running, address);
        HaProxy { running, address }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process, which drops its rights without a fork.
    pub fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// What it has printed.
    pub fn log(&self) -> String {
        self.running.log()
    }
}
