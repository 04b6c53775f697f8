//! What every server must bear: keys of both families, both versions of TLS, a new certificate
//! with a new key while clients come and go, and a killed service.

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use keyward_load::{Load, Opening, Target, TargetBuilder, TlsVersion};
use rustix::process::Signal;

use crate::{
    Authority, CommandExt, Identity, OpenSsl, Running, SServer, Scratch, Service, ServiceBuilder,
    commands::require, free_port, hosts, shipped, wait_until_up, watch,
};

/// How long a server may take for a handful of handshakes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// Handshakes between one disturbance and the next.
const PEACE: u64 = 15;
/// The reference in the shipped configurations.
const REFERENCE: &str = "/etc/keyward/tls/web.pem";

/// A service, and the two files of a server's site that are not secret.
pub struct Site {
    /// The folder of the test.
    pub scratch: Scratch,
    /// The service with the keys.
    pub service: Service,
    /// Who certifies them.
    pub authority: Authority,
    /// OpenSSL with the provider.
    pub openssl: OpenSsl,
    /// Where the server is to listen.
    pub address: SocketAddr,
    owner: Option<Owner>,
    /// How the server's configuration names the key, unless by the reference.
    uri: Option<&'static str>,
}

/// A local user.
struct Owner {
    uid: u32,
    gid: u32,
}

/// How a client speaks with the server.
#[derive(Clone, Copy)]
pub struct Client {
    /// What is said before TLS.
    pub opening: Opening,
    /// What is fetched after the handshake.
    pub path: Option<&'static str>,
}

impl Client {
    /// One that shakes hands and leaves.
    pub const SILENT: Client = Client { opening: Opening::None, path: None };
    /// One that fetches a page.
    pub const WEB: Client = Client { opening: Opening::None, path: Some("/") };
}

/// A server that runs.
pub struct Host {
    /// Its process.
    pub running: Running,
    /// Makes it read its certificate and its key again.
    reload: Box<dyn Fn(&mut Running)>,
    /// Whether the server itself lets connections fall while it does so, with any key.
    reload_drops: bool,
}

impl Host {
    /// Its living processes.
    pub fn processes(&self) -> Vec<u32> {
        self.running.members()
    }

    /// Those of them that run a program of this name.
    pub fn processes_of(&self, program: &str) -> Vec<u32> {
        let mut members = self.running.members();
        members.retain(|pid| {
            fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == program)
        });
        members
    }

    /// Starts a server, which prints into a log file, and waits until it listens.
    pub fn start(site: &Site, command: &mut Command, reload: Signal) -> Host {
        Host::start_with(site, command, move |running| running.signal(reload))
    }

    /// The same for one that a signal does not reload.
    pub fn start_with(
        site: &Site,
        command: &mut Command,
        reload: impl Fn(&mut Running) + 'static,
    ) -> Host {
        let name = command.get_program().to_string_lossy().into_owned();
        let running = Running::start(&name, command, &site.log());
        Host::listening(site, running, reload)
    }

    /// The same for one that becomes a daemon and writes its number to a file.
    pub fn start_daemon(
        site: &Site,
        command: &mut Command,
        pid_file: &Path,
        reload: Signal,
    ) -> Host {
        let name = command.get_program().to_string_lossy().into_owned();
        let running = Running::start_daemon(&name, command, &site.log(), pid_file);
        Host::listening(site, running, move |running| running.signal(reload))
    }

    fn listening(
        site: &Site,
        mut running: Running,
        reload: impl Fn(&mut Running) + 'static,
    ) -> Host {
        wait_until_up(&mut running, site.address);
        Host::of(running, reload)
    }

    /// A server that listens already.
    pub(crate) fn of(running: Running, reload: impl Fn(&mut Running) + 'static) -> Host {
        Host { running, reload: Box::new(reload), reload_drops: false }
    }

    /// For servers that close their port for a moment when they reload, whatever their keys: no
    /// client comes meanwhile.
    pub fn dropping_on_reload(self) -> Host {
        Host { reload_drops: true, ..self }
    }
}

impl Site {
    /// A site whose keys a local user may use beside the one who runs the test.
    pub fn new(user: Option<&str>) -> Site {
        let scratch = Scratch::new();
        let mut builder = ServiceBuilder::new(&scratch);
        if let Some(user) = user {
            builder = builder.allow(user);
        }
        Site::with(builder.start(), scratch)
    }

    /// A site with a service that was started otherwise.
    pub fn with(service: Service, scratch: Scratch) -> Site {
        let authority = Authority::new(&scratch);
        let openssl = OpenSsl::new(&scratch, &service.address());
        Site { scratch, service, authority, openssl, address: free_port(), owner: None, uri: None }
    }

    /// Puts a URI of the key `web` into configurations, where the reference stands.
    pub fn by_uri(self, uri: &'static str) -> Site {
        Site { uri: Some(uri), ..self }
    }

    /// Gives the reference to a user, for servers that want it to be theirs alone.
    pub fn owned_by(mut self, user: &str) -> Site {
        let id = |flag| {
            let said = Command::new(require("id", "coreutils")).args([flag, user]).run().text();
            said.trim().parse().expect("id prints a number")
        };
        self.owner = Some(Owner { uid: id("-u"), gid: id("-g") });
        self
    }

    /// The certificate that the server is to serve.
    pub fn certificate(&self) -> PathBuf {
        self.scratch.join("tls/web.crt")
    }

    /// The reference to its key.
    pub fn reference(&self) -> PathBuf {
        self.scratch.join("tls/web.pem")
    }

    /// What the server's configuration says of the key.
    pub(crate) fn key(&self) -> PathBuf {
        self.uri.map_or_else(|| self.reference(), PathBuf::from)
    }

    /// What the server prints.
    pub fn log(&self) -> PathBuf {
        self.scratch.join("host.log")
    }

    /// A shipped configuration with the places of this site, written down.
    pub fn configuration(&self, file: &str, places: &[(&str, &str)]) -> PathBuf {
        let mut text = shipped(file, places);
        if let Some(uri) = self.uri {
            assert!(text.contains(REFERENCE), "{file} does not mention {REFERENCE}");
            text = text.replace(REFERENCE, uri);
        }
        let text = text.replace("/etc/keyward/tls", hosts::text(&self.scratch.folder("tls")));
        self.scratch.write(&format!("conf/{file}"), text)
    }

    /// A server of OpenSSL's that lets in nobody without a certificate of the site's authority. Its
    /// page names `s_server`.
    pub fn demanding_server(&self) -> SServer {
        let own = self.service.certified_key("server", "p-256", &self.authority);
        let ca = self.authority.certificate();
        let demand = ["-Verify", "2", "-verify_return_error", "-CAfile", hosts::text(&ca)];
        SServer::start(&self.scratch, &self.openssl, &own, &own.uri(), &demand)
    }

    /// A program of the machine with the provider in its environment.
    pub fn command(&self, program: &str, package: &str) -> Command {
        self.command_at(&require(program, package))
    }

    /// The same for one that is not where programs are.
    pub fn command_at(&self, program: &Path) -> Command {
        let mut command = watch::host(program);
        command.envs(self.openssl.environment());
        command
    }

    /// Makes a key with a certificate, and puts both files in their places. Where the server knows its
    /// key by a URI, the key gets the name there, and the one before it another.
    pub fn renew(&self, name: &str, key_type: &str) -> Identity {
        let identity = self.service.certified_key(name, key_type, &self.authority);
        self.serve(&identity);
        if self.uri.is_some() {
            if self.service.command(["key", "show", "web"]).run().status.success() {
                self.service.keyward(["key", "rename", "web", &format!("before-{name}")]);
            }
            self.service.keyward(["key", "rename", name, "web"]);
        }
        identity
    }

    /// Puts both files of a key in their places.
    pub(crate) fn serve(&self, identity: &Identity) {
        self.put(&identity.certificate, &self.certificate());
        self.put(&identity.reference, &self.reference());
    }

    /// A certified key that both the service and a file have: as the one's, and as the other's.
    pub(crate) fn key_in_both(&self) -> (Identity, Identity) {
        let key = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
        // Whoever a server becomes may have to read it again.
        let reference = self.scratch.write("local.key", OpenSsl::plain(&key).run().bytes());
        let ours = self.service.import("in-both", &reference);
        self.service.certify(&ours, &self.authority);
        let in_file = Identity { reference, ..ours.clone() };
        (ours, in_file)
    }

    /// Puts a file in its place at once, as tools that renew certificates do.
    fn put(&self, from: &Path, to: &Path) {
        self.scratch.folder("tls");
        let fresh = to.with_extension("new");
        fs::copy(from, &fresh).expect("our own folder takes files");
        if let Some(Owner { uid, gid }) = self.owner {
            chown(&fresh, Some(uid), Some(gid)).expect("root may give files away");
            let private = fs::Permissions::from_mode(0o600);
            fs::set_permissions(&fresh, private).expect("our own file obeys us");
        }
        fs::rename(&fresh, to).expect("our own folder takes files");
    }

    /// A client that checks the certificate.
    pub fn target(&self, client: Client, version: TlsVersion) -> Target {
        let usual = TargetBuilder::new(self.address, "localhost");
        TargetBuilder {
            version,
            trusted_pem: Some(self.authority.certificate_pem()),
            opening: client.opening,
            request: client.path.map(String::from),
            patience: watch::patience(usual.patience),
            ..usual
        }
        .build()
        .expect("the settings of a target are right")
    }

    /// The whole of what a server must bear; `start` starts it over the files of the site.
    pub fn examine(&mut self, client: Client, start: impl Fn(&Site) -> Host) {
        let mut reload_drops = false;
        for key_type in ["p-256", "rsa-2048"] {
            let first = self.renew(&format!("{key_type}-first"), key_type);
            let mut host = start(self);
            for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
                let visit = self.target(client, version).visit();
                let visit = visit.unwrap_or_else(|e| panic!("{key_type} {version:?}: {e}"));
                let own = visit.chain[0] == first.der();
                assert!(own, "{key_type} {version:?}: another certificate is served");
            }
            let target = self.target(client, TlsVersion::V1_3);
            if host.reload_drops {
                self.renewal(key_type, &mut host, &target);
            } else {
                under_load(&target, || self.renewal(key_type, &mut host, &target));
            }
            under_load(&target, || {
                self.service.kill();
                self.service.start();
            });
            host.running.assert_well();
            reload_drops |= host.reload_drops;
        }
        if reload_drops {
            self.assert_drops_with_a_key_in_a_file(client, start);
        }
    }

    /// That a server lets connections fall while it reloads is its own doing: it is told to until it
    /// has done so with a key in a file, too.
    fn assert_drops_with_a_key_in_a_file(&mut self, client: Client, start: impl Fn(&Site) -> Host) {
        let (_, in_file) = self.key_in_both();
        self.uri = None;
        self.serve(&in_file);
        let mut host = start(self);
        let target = self.target(client, TlsVersion::V1_3);
        under_load(&target, || ());
        let patience = watch::patience(PATIENCE);
        let deadline = Instant::now() + 4 * patience;
        loop {
            let load = Load::start(&target, 2);
            assert!(load.wait_for(PEACE, patience), "no handshakes: {:#?}", load.stop());
            (host.reload)(&mut host.running);
            assert!(load.wait_for(PEACE, patience), "no more handshakes: {:#?}", load.stop());
            if load.stop().failures > 0 {
                return;
            }
            assert!(Instant::now() < deadline, "no client falls where the key is in a file");
        }
    }

    /// A new certificate with a new key, and a reload, after which it is the one that is served.
    fn renewal(&self, key_type: &str, host: &mut Host, target: &Target) {
        let second = self.renew(&format!("{key_type}-second"), key_type);
        (host.reload)(&mut host.running);
        let deadline = Instant::now() + watch::patience(PATIENCE);
        // While a server that closes its port is away, visits fail.
        while !target.visit().is_ok_and(|visit| visit.chain[0] == second.der()) {
            assert!(Instant::now() < deadline, "{key_type}: the new certificate is not served");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Does something while clients come and go, and demands that no handshake failed.
fn under_load(target: &Target, act: impl FnOnce()) {
    let (load, patience) = (Load::start(target, 2), watch::patience(PATIENCE));
    assert!(load.wait_for(PEACE, patience), "no handshakes: {:#?}", load.stop());
    act();
    assert!(load.wait_for(PEACE, patience), "no more handshakes: {:#?}", load.stop());
    let report = load.stop();
    assert_eq!(report.failures, 0, "{report:#?}");
}
