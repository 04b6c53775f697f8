//! A Keyward service of a test's own, and keys with certificates in it.

use std::{
    ffi::OsStr,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use rustix::process::Signal;

use crate::{
    Authority, CommandExt, OpenSsl, Running, Scratch, artifacts,
    commands::{require, text},
    free_port,
};

/// How long a service may take to start or to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running service; it may be stopped and started again over the same state.
pub struct Service {
    arguments: Vec<String>,
    cpu: Option<usize>,
    state: PathBuf,
    socket: PathBuf,
    tls_address: SocketAddr,
    log: PathBuf,
    tls: PathBuf,
    running: Option<Running>,
}

/// What a service is started with.
pub struct ServiceBuilder<'a> {
    scratch: &'a Scratch,
    allowed: Vec<&'a str>,
    /// For a service of `keyward init`: what is added to its configuration.
    configuration: Option<String>,
    name: &'a str,
    cpu: Option<usize>,
}

/// A key in the service, and the files that a web server wants for it.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The key's name.
    pub name: String,
    /// Its certificate, in PEM.
    pub certificate: PathBuf,
    /// The reference to it, in PEM.
    pub reference: PathBuf,
    /// Its public half, in PEM.
    pub public: PathBuf,
}

impl Identity {
    /// The key's URI.
    pub fn uri(&self) -> String {
        format!("keyward:{}", self.name)
    }

    /// Both ways to name the key to `openssl`.
    pub fn names(&self) -> [String; 2] {
        [self.uri(), text(&self.reference)]
    }

    /// The path of its public half.
    pub fn public(&self) -> String {
        text(&self.public)
    }

    /// Its own certificate in DER, by plain openssl.
    pub fn der(&self) -> Vec<u8> {
        let pem = fs::read(&self.certificate).expect("the key has a certificate");
        OpenSsl::plain(&["x509", "-outform", "DER"]).run_with(&pem).bytes()
    }
}

impl<'a> ServiceBuilder<'a> {
    /// A development service with its state in the folder.
    pub fn new(scratch: &'a Scratch) -> ServiceBuilder<'a> {
        ServiceBuilder {
            scratch,
            allowed: Vec::new(),
            configuration: None,
            name: "service",
            cpu: None,
        }
    }

    /// Another service beside one that is there already.
    pub fn named(mut self, name: &'a str) -> ServiceBuilder<'a> {
        self.name = name;
        self
    }

    /// Keeps it on one processor, for measurements.
    pub fn on_cpu(mut self, cpu: usize) -> ServiceBuilder<'a> {
        self.cpu = Some(cpu);
        self
    }

    /// Lets another local user use the keys of a development service.
    pub fn allow(mut self, user: &'a str) -> ServiceBuilder<'a> {
        self.allowed.push(user);
        self
    }

    /// A service as `keyward init` sets it up, with lines added to its configuration. The user
    /// who runs the tests is called `tester` there.
    pub fn configured(mut self, lines: &str) -> ServiceBuilder<'a> {
        let uid = rustix::process::geteuid().as_raw();
        let tester = format!("\n[[user]]\nname = \"tester\"\nidentities = [\"uid:{uid}\"]\n");
        self.configuration = Some(tester + lines);
        self
    }

    /// Starts it and waits until it can sign.
    pub fn start(self) -> Service {
        let state = self.scratch.join(self.name);
        let tls_address = free_port();
        let arguments = match self.configuration {
            Some(lines) => initialise(&state, tls_address, &lines),
            None => {
                let mut arguments = vec!["--dev".into(), "--state".into(), text(&state)];
                for user in self.allowed {
                    arguments.extend(["--allow-user".into(), user.into()]);
                }
                arguments
            }
        };
        let mut service = Service {
            arguments,
            cpu: self.cpu,
            socket: state.join("hsm.sock"),
            tls_address,
            log: self.scratch.join(&format!("{}.log", self.name)),
            tls: self.scratch.folder(&format!("{}-tls", self.name)),
            state,
            running: None,
        };
        service.start();
        service
    }
}

/// Sets up a service and gives the arguments to run it with.
fn initialise(state: &Path, tls: SocketAddr, lines: &str) -> Vec<String> {
    let address = tls.to_string();
    let mut init = Command::new(&artifacts().keyward);
    init.args(["init", "--tls", &address, "--state"]).arg(state).run().bytes();
    let file = state.join("keyward.toml");
    let made = fs::read_to_string(&file).expect("`keyward init` writes a configuration");
    fs::write(&file, made + lines).expect("our own file can be written");
    vec!["--config".into(), text(&file)]
}

impl Service {
    /// A development service with its state in the folder.
    pub fn dev(scratch: &Scratch) -> Service {
        ServiceBuilder::new(scratch).start()
    }

    /// The address for clients.
    pub fn address(&self) -> String {
        format!("unix:{}", self.socket.display())
    }

    /// The socket behind the address.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The folder with its state.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// Where a configured service listens for other machines.
    pub fn tls_address(&self) -> SocketAddr {
        self.tls_address
    }

    /// Starts the service over its state and waits until it can sign.
    pub fn start(&mut self) {
        self.launch();
        self.wait_until_ready();
    }

    /// Starts the service and does not wait.
    pub fn launch(&mut self) {
        assert!(self.running.is_none(), "the service runs already");
        let keyward = &artifacts().keyward;
        let mut command = match self.cpu {
            Some(cpu) => {
                let mut taskset = Command::new(require("taskset", "util-linux"));
                taskset.args(["-c", &cpu.to_string()]).arg(keyward);
                taskset
            }
            None => Command::new(keyward),
        };
        command.arg("serve").args(&self.arguments);
        self.running = Some(Running::start("keyward serve", &mut command, &self.log));
    }

    /// Waits until the service can sign.
    pub fn wait_until_ready(&self) {
        self.keyward(["status", "--wait", "20"]);
    }

    /// Ends the service with a signal; gives true when it said that it ended well.
    pub fn end(&mut self, signal: Signal) -> bool {
        let mut running = self.running.take().expect("the service runs");
        running.signal(signal);
        running.wait(PATIENCE).success()
    }

    /// Ends the service as an operator does.
    pub fn stop(&mut self) {
        assert!(self.end(Signal::TERM), "the service did not end well on SIGTERM");
    }

    /// Kills the service where it stands.
    pub fn kill(&mut self) {
        self.end(Signal::KILL);
    }

    /// The process of the service.
    pub fn pid(&self) -> u32 {
        self.running.as_ref().expect("the service runs").pid()
    }

    /// Whether the service's process is alive.
    pub fn is_alive(&mut self) -> bool {
        self.running.as_mut().is_some_and(Running::is_running)
    }

    /// What the service has logged.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// The program `keyward` as a client of this service.
    pub fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(&artifacts().keyward);
        command.args(arguments).env("KEYWARD_ADDRESS", self.address());
        command
    }

    /// Runs `keyward`, which must succeed, and gives what it printed.
    #[track_caller]
    pub fn keyward<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> String {
        self.command(arguments).run().text()
    }

    /// Makes a key and writes its reference and its public half.
    pub fn key(&self, name: &str, key_type: &str) -> Identity {
        self.keyward(["key", "generate", name, "--type", key_type]);
        self.files_of(name)
    }

    /// Makes a key for certain uses.
    pub fn key_for(&self, name: &str, key_type: &str, usage: &str) -> Identity {
        self.keyward(["key", "generate", name, "--type", key_type, "--usage", usage]);
        self.files_of(name)
    }

    /// Enrols a machine, as docs/applications.md says, into a folder that is made; clients there
    /// reach the service through the port.
    pub fn enrol(&self, user: &str, folder: &Path, port: u16) {
        let (address, state) =
            (format!("tls://localhost:{}", self.tls_address.port()), &self.state);
        let mut enrol = Command::new(&artifacts().keyward);
        enrol.args(["client", "enrol", user, "--service", &format!("tls://localhost:{port}")]);
        enrol.arg("--out").arg(folder).arg("--install-dir").arg(folder);
        enrol.env("KEYWARD_ADDRESS", address);
        enrol.env("KEYWARD_CA", state.join("ca.pem"));
        enrol.env("KEYWARD_CERT", state.join("admin/cert.pem"));
        enrol.env("KEYWARD_KEY", state.join("admin/key.pem"));
        enrol.run().bytes();
    }

    /// Imports a key from a file and writes its reference and its public half.
    pub fn import(&self, name: &str, file: &Path) -> Identity {
        self.keyward(["key", "import", name, "--in", &text(file)]);
        self.files_of(name)
    }

    fn files_of(&self, name: &str) -> Identity {
        let file = |ending: &str, content: Vec<u8>| {
            let path = self.tls.join(format!("{name}.{ending}"));
            fs::write(&path, content).expect("our own folder takes files");
            path
        };
        Identity {
            name: name.into(),
            certificate: self.tls.join(format!("{name}.crt")),
            reference: file("pem", self.keyward(["key", "pem", name]).into_bytes()),
            public: file("pub", self.keyward(["key", "public", name]).into_bytes()),
        }
    }

    /// Makes a key with a certificate for `localhost`.
    pub fn certified_key(&self, name: &str, key_type: &str, authority: &Authority) -> Identity {
        let identity = self.key(name, key_type);
        self.certify(&identity, authority);
        identity
    }

    /// Has the authority certify a key, and keeps the certificate beside it.
    pub fn certify(&self, identity: &Identity, authority: &Authority) {
        let request = self.keyward(["key", "csr", &identity.name, "--subject", "CN=localhost"]);
        fs::write(&identity.certificate, authority.certify(&request)).expect("a file is written");
        let file = text(&identity.certificate);
        self.keyward(["cert", "import", &identity.name, "--in", &file]);
    }

    /// The folder with the certificates and references.
    pub fn tls_folder(&self) -> &Path {
        &self.tls
    }
}
