//! nginx with the shipped `nginx.conf`.

use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use super::{PATIENCE, shipped, text, wait_until_up};
use crate::{
    CommandExt, Host, Identity, OpenSsl, Running, Scratch, Site, commands::require, free_port,
    watch,
};

/// A running nginx. The first identity is served as the shipped file has it; with a second one
/// there is another server that holds both, as sites with RSA and ECDSA certificates do.
pub struct Nginx {
    running: Running,
    folder: PathBuf,
    address: SocketAddr,
    address_of_both: SocketAddr,
}

impl Nginx {
    /// Starts nginx with the provider and waits until it listens.
    pub fn start(scratch: &Scratch, openssl: &OpenSsl, identities: &[&Identity]) -> Nginx {
        Nginx::start_in(scratch, &openssl.environment(), identities)
    }

    /// Starts nginx in an environment and waits until it listens. In an empty one it is nginx as
    /// everybody runs it, which wants key files.
    pub fn start_in(
        scratch: &Scratch,
        environment: &[(&str, PathBuf)],
        identities: &[&Identity],
    ) -> Nginx {
        let pair = |identity: &&Identity| Pair {
            certificate: identity.certificate.clone(),
            key: identity.reference.clone(),
        };
        let pairs: Vec<Pair> = identities.iter().map(pair).collect();
        Nginx::start_at(free_port(), scratch, environment, &pairs)
    }

    /// The same with the address of a site, its certificate and the name that it has for its key.
    pub fn start_on(site: &Site) -> Nginx {
        let pair = Pair { certificate: site.certificate(), key: site.key() };
        Nginx::start_at(site.address, &site.scratch, &site.openssl.environment(), &[pair])
    }

    fn start_at(
        address: SocketAddr,
        scratch: &Scratch,
        environment: &[(&str, PathBuf)],
        pairs: &[Pair],
    ) -> Nginx {
        let program = require("nginx", "nginx");
        let address_of_both = free_port();
        let folder = write_configuration(scratch, address, address_of_both, pairs);

        let (log, pid_file) = (scratch.join("nginx.log"), folder.join("nginx.pid"));
        let directives = format!("pid {}; error_log {} notice;", text(&pid_file), text(&log));
        let mut command = watch::host(program);
        command
            .args(["-p", text(&folder), "-c", text(&folder.join("nginx.conf"))])
            .args(["-e", text(&log), "-g", &directives])
            .envs(environment.iter().cloned());
        // Only a daemon takes a new binary.
        let mut running = Running::start_daemon("nginx", &mut command, &log, &pid_file);
        wait_until_up(&mut running, address);
        Nginx { running, folder, address, address_of_both }
    }

    /// The version of the nginx on this machine: 1.22.
    pub fn version() -> (u32, u32) {
        let said = Command::new(require("nginx", "nginx")).arg("-v").run().all();
        let (_, version) = said.split_once("nginx/").expect("nginx says its version");
        let mut numbers = version.split('.').map(|number| number.trim().parse());
        match (numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => (major, minor),
            _ => panic!("nginx says its version in another way: {said}"),
        }
    }

    /// The server with the first identity.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The server with two identities.
    pub fn address_of_both(&self) -> SocketAddr {
        self.address_of_both
    }

    /// The process that the pid file names.
    pub fn master(&self) -> u32 {
        let path = self.folder.join("nginx.pid");
        let pid = fs::read_to_string(&path).expect("nginx has written its pid file");
        pid.trim().parse().expect("a pid file holds a number")
    }

    /// The living processes of nginx besides its masters.
    pub fn workers(&self) -> Vec<u32> {
        let mut members = self.running.members();
        if watch::is_on() {
            // No title tells a worker, and nobody upgrades.
            let master = self.master();
            members.retain(|pid| *pid != master);
        } else {
            members.retain(|pid| {
                fs::read_to_string(format!("/proc/{pid}/cmdline"))
                    .is_ok_and(|title| title.contains("worker process"))
            });
        }
        members
    }

    /// Sends a signal to the master that the pid file names.
    pub fn signal(&self, signal: Signal) {
        send(self.master(), signal);
    }

    /// Loads the configuration anew and waits until every old worker has gone.
    pub fn reload(&self) {
        let old = self.workers();
        self.signal(Signal::HUP);
        self.wait(|nginx| nginx.workers().iter().all(|pid| !old.contains(pid)));
    }

    /// Puts a new process in the place of the running one (`USR2`, then `QUIT` to the old).
    pub fn upgrade(&self) {
        let old = self.master();
        send(old, Signal::USR2);
        self.wait(|nginx| {
            fs::read_to_string(nginx.folder.join("nginx.pid"))
                .is_ok_and(|pid| pid.trim().parse().is_ok_and(|pid: u32| pid != old))
        });
        send(old, Signal::QUIT);
        self.wait(|nginx| !nginx.running.members().contains(&old));
    }

    /// The same server as one of those that read their site again on a signal.
    pub fn into_host(self) -> Host {
        Host::of(self.running, |running| running.signal(Signal::HUP))
    }

    /// Panics with the log when a worker has crashed or met somebody's error.
    pub fn assert_well(&self) {
        self.running.assert_well();
    }

    /// What nginx has logged.
    pub fn log(&self) -> String {
        self.running.log()
    }

    fn wait(&self, condition: impl Fn(&Nginx) -> bool) {
        let deadline = Instant::now() + watch::patience(PATIENCE);
        while !condition(self) {
            assert!(Instant::now() < deadline, "nginx does not follow:\n{}", self.log());
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// A certificate, and its key by a path or a URI.
struct Pair {
    certificate: PathBuf,
    key: PathBuf,
}

fn send(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid as i32).expect("a process has a number");
    kill_process(pid, signal).expect("our own nginx takes signals");
}

fn write_configuration(
    scratch: &Scratch,
    address: SocketAddr,
    address_of_both: SocketAddr,
    pairs: &[Pair],
) -> PathBuf {
    let folder = scratch.folder("nginx");
    let [first, rest @ ..] = pairs else { panic!("nginx needs a key") };
    let web = |ending: &str| format!("/etc/keyward/tls/web.{ending}");
    let conf = shipped(
        "nginx.conf",
        &[
            (&web("crt"), text(&first.certificate)),
            (&web("pem"), text(&first.key)),
            ("/etc/nginx/conf.d", text(&scratch.folder("nginx/conf.d"))),
            ("listen 443", &format!("listen {address} backlog=1024")),
            ("/var/www/html", text(&scratch.folder("nginx/html"))),
        ],
    );
    scratch.write("nginx/nginx.conf", conf);
    scratch.write("nginx/html/index.html", "Hello from nginx.\n");

    let mut own = String::from("access_log off;\n");
    for purpose in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        own += &format!("{purpose}_temp_path {};\n", scratch.join("nginx/temp").display());
    }
    if !rest.is_empty() {
        own += &format!("server {{\n    listen {address_of_both} ssl backlog=1024;\n");
        own += "    ssl_protocols TLSv1.2 TLSv1.3;\n";
        for Pair { certificate, key } in pairs {
            own += &format!("    ssl_certificate {};\n", certificate.display());
            own += &format!("    ssl_certificate_key {};\n", key.display());
        }
        own += &format!("    root {};\n}}\n", scratch.join("nginx/html").display());
    }
    scratch.write("nginx/conf.d/own.conf", own);
    folder
}
