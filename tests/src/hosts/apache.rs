//! Apache httpd with mod_ssl and the shipped `apache.conf`.

use std::{
    net::SocketAddr,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use super::{PATIENCE, shipped, text, wait_until_up};
use crate::{Host, Identity, OpenSsl, Running, Scratch, Site, commands::require, free_port, watch};

/// What stands around a site on Debian: modules, users, places.
const SURROUNDINGS: &str = "\
ServerRoot @FOLDER@
PidFile @FOLDER@/apache2.pid
ErrorLog @FOLDER@/error.log
LogLevel notice
DefaultRuntimeDir @FOLDER@
ServerName localhost
Listen @ADDRESS@
StartServers 2
";

/// Modules that a site over TLS needs, by Debian's names.
const MODULES: [(&str, &str); 4] = [
    ("mpm_event_module", "mod_mpm_event.so"),
    ("authz_core_module", "mod_authz_core.so"),
    ("dir_module", "mod_dir.so"),
    ("ssl_module", "mod_ssl.so"),
];

/// A running Apache.
pub struct Apache {
    running: Running,
    address: SocketAddr,
}

impl Apache {
    /// Starts Apache with the shipped site and waits until it listens.
    pub fn start(scratch: &Scratch, openssl: &OpenSsl, identity: &Identity) -> Apache {
        let (certificate, reference) = (&identity.certificate, &identity.reference);
        Apache::start_at(free_port(), scratch, openssl, certificate, reference)
    }

    /// The same with an address and the files of a site.
    pub fn start_on(site: &Site) -> Apache {
        let (certificate, reference) = (site.certificate(), site.key());
        Apache::start_at(site.address, &site.scratch, &site.openssl, &certificate, &reference)
    }

    fn start_at(
        address: SocketAddr,
        scratch: &Scratch,
        openssl: &OpenSsl,
        certificate: &Path,
        reference: &Path,
    ) -> Apache {
        let program = require("apache2", "apache2");
        let folder = scratch.folder("apache");
        scratch.write("apache/html/index.html", "Hello from Apache.\n");

        let mut conf = SURROUNDINGS
            .replace("@FOLDER@", text(&folder))
            .replace("@ADDRESS@", &address.to_string());
        for (name, file) in MODULES {
            conf += &format!("LoadModule {name} /usr/lib/apache2/modules/{file}\n");
        }
        if rustix::process::geteuid().is_root() {
            conf += "User www-data\nGroup www-data\n";
        }
        conf += &shipped(
            "apache.conf",
            &[
                ("/etc/keyward/tls/web.crt", text(certificate)),
                ("/etc/keyward/tls/web.pem", text(reference)),
                ("*:443", &address.to_string()),
                ("/var/www/html", text(&folder.join("html"))),
            ],
        );
        let conf = scratch.write("apache/httpd.conf", conf);

        let mut command = watch::host(program);
        command.arg("-f").arg(&conf).arg("-DFOREGROUND").envs(openssl.environment());
        let mut running = Running::start("apache2", &mut command, &folder.join("error.log"));
        wait_until_up(&mut running, address);
        let apache = Apache { running, address };
        apache.wait_for_generation(1);
        apache
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its living processes.
    pub fn processes(&self) -> Vec<u32> {
        self.running.members()
    }

    /// Loads the configuration anew, letting old children finish.
    pub fn reload(&mut self) {
        let generation = self.generation();
        self.running.signal(Signal::USR1);
        self.wait_for_generation(generation + 1);
    }

    /// How often it has begun to serve.
    fn generation(&self) -> usize {
        self.log().matches("resuming normal operations").count()
    }

    /// Apache listens before it takes signals.
    fn wait_for_generation(&self, generation: usize) {
        let deadline = Instant::now() + watch::patience(PATIENCE);
        while self.generation() < generation {
            assert!(Instant::now() < deadline, "Apache does not come up:\n{}", self.log());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// The same server as one of those that read their site again on a signal.
    pub fn into_host(self) -> Host {
        Host::of(self.running, |running| running.signal(Signal::USR1))
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.running.log()
    }
}
