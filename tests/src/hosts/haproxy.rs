//! HAProxy with the shipped `haproxy.cfg`, in its chroot, with a master that loads it anew.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use super::{PATIENCE, shipped, text, wait_until_up};
use crate::{Identity, OpenSsl, Running, Scratch, commands::require, free_port, watch};

/// A running HAProxy.
pub struct HaProxy {
    running: Running,
    address: SocketAddr,
    certificate: PathBuf,
}

impl HaProxy {
    /// Starts HAProxy with a folder as its chroot and with more settings of the section `global`,
    /// and waits until it listens.
    pub fn start(
        scratch: &Scratch,
        openssl: &OpenSsl,
        identity: &Identity,
        chroot: &Path,
        global: &[&str],
    ) -> HaProxy {
        let program = require("haproxy", "haproxy");
        let address = free_port();
        let certificate = scratch.join("haproxy.crt");
        put(identity, &certificate);
        let mut section = String::from("global\n");
        for line in global {
            section += &format!("    {line}\n");
        }
        let conf = shipped(
            "haproxy.cfg",
            &[
                ("global\n", &section),
                ("/etc/keyward/tls/web.crt", text(&certificate)),
                ("chroot /var/lib/haproxy", &format!("chroot {}", text(chroot))),
                ("bind :443", &format!("bind {address}")),
            ],
        );
        let conf = scratch.write("haproxy.cfg", conf);

        let mut command = watch::host(program);
        command.args(["-W", "-db", "-f", text(&conf)]).envs(openssl.environment());
        let mut running = Running::start("haproxy", &mut command, &scratch.join("haproxy.log"));
        wait_until_up(&mut running, address);
        HaProxy { running, address, certificate }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its workers, which drop their rights without a fork: one, and those that are to end.
    pub fn workers(&self) -> Vec<u32> {
        let mut members = self.running.members();
        members.retain(|pid| *pid != self.running.pid());
        members
    }

    /// Puts another certificate with its reference in the place of the old.
    pub fn renew(&self, identity: &Identity) {
        put(identity, &self.certificate);
    }

    /// Loads the configuration anew and waits until every old worker has gone.
    pub fn reload(&mut self) {
        let old = self.workers();
        self.running.signal(Signal::USR2);
        let deadline = Instant::now() + watch::patience(PATIENCE);
        loop {
            let workers = self.workers();
            if !workers.is_empty() && workers.iter().all(|pid| !old.contains(pid)) {
                return;
            }
            assert!(Instant::now() < deadline, "HAProxy does not reload:\n{}", self.log());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Panics with the log when a worker has crashed.
    pub fn assert_well(&self) {
        self.running.assert_well();
        let log = self.log();
        // What a shell says of a process that a signal has ended: 128 and the signal's number.
        for sign in ["exited with code 134", "exited with code 139"] {
            assert!(!log.contains(sign), "HAProxy crashed:\n{log}");
        }
    }

    /// What it has printed.
    pub fn log(&self) -> String {
        self.running.log()
    }
}

/// HAProxy looks for the key of a certificate beside it.
fn put(identity: &Identity, certificate: &Path) {
    let key = format!("{}.key", text(certificate));
    fs::copy(&identity.certificate, certificate).expect("our own folder takes files");
    fs::copy(&identity.reference, key).expect("our own folder takes files");
}
