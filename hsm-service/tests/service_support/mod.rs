//! A service of its own for each test, with as many users as the test wants.

// Each test file uses its own part of this.
#![allow(dead_code, unreachable_pub)]

pub mod devices;
pub mod faults;
pub mod kills;
pub mod quorum;
pub mod raw;

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use keyward_algorithms::Operation;
use keyward_client::{Client, KeyTemplate, Settings};
use keyward_protocol::{
    Error, Key, KeySelector, SignRequest,
    messages::{AuditEntry, Enrol, ReadAudit, request, response},
};
use keyward_service::{
    init::{self, InitOptions, Issued, SealChoice},
    issue::Authority,
};
use prost::Message;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// The program under test.
pub const KEYWARD: &str = env!("CARGO_BIN_EXE_keyward");

/// The state of a service, which a test starts, kills and starts again.
pub struct State {
    folder: TempDir,
    pub issued: Issued,
    /// What the configuration says of the seal.
    pub seal: String,
    /// Sections to add to the configuration.
    pub more: String,
    /// The host names of the service.
    pub hosts: Vec<String>,
    /// The environment of the service.
    pub environment: Vec<(&'static str, PathBuf)>,
}

impl State {
    /// Makes the state of a new service.
    pub fn new() -> State {
        State::sealed_by(SealChoice::KeyFile)
    }

    /// The same with another seal than a key file.
    pub fn sealed_by(seal: SealChoice) -> State {
        State::in_folder_sealed_by(TempDir::new().unwrap(), seal)
    }

    /// The same in a folder that the test has chosen.
    pub fn in_folder(folder: TempDir) -> State {
        State::in_folder_sealed_by(folder, SealChoice::KeyFile)
    }

    fn in_folder_sealed_by(folder: TempDir, seal: SealChoice) -> State {
        let mut options = InitOptions::new(folder.path().join("hsm"));
        options.seal = seal;
        options.hosts = vec!["localhost".into(), "127.0.0.1".into()];
        let issued = init::init(&options).unwrap();
        let seal = match &issued.master_key {
            Some(path) => format!("key_file = {path:?}"),
            None => String::new(),
        };
        State::of(folder, issued, seal)
    }

    fn of(folder: TempDir, issued: Issued, seal: String) -> State {
        let hosts = vec!["localhost".into()];
        State { folder, issued, seal, more: String::new(), hosts, environment: Vec::new() }
    }

    /// Makes the state in a folder by the command line, with these arguments besides.
    pub fn by_command(
        folder: TempDir,
        environment: Vec<(&'static str, PathBuf)>,
        arguments: &[&str],
    ) -> State {
        let made = Command::new(KEYWARD)
            .args(["init", "--json", "--host", "localhost,127.0.0.1", "--state"])
            .arg(folder.path().join("hsm"))
            .args(arguments)
            .envs(environment.clone())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let made: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
        let administrator = &made["administrator"];
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let issued = Issued {
            master_key: made["master_key"].as_str().map(PathBuf::from),
            shares: Arc::from([]),
            config: text(&made["config"]).into(),
            ca: text(&made["ca"]).into(),
            service_id: text(&made["service_id"]),
            administrator: text(&administrator["name"]),
            administrator_certificate: text(&administrator["certificate"]).into(),
            administrator_key: text(&administrator["key"]).into(),
            administrator_days: 365,
        };
        let config = fs::read_to_string(&issued.config).unwrap();
        let (_, seal) = config.split_once("[seal]\n").unwrap();
        let seal = seal.split_once("[[listen]]").unwrap().0.to_owned();
        State { environment, ..State::of(folder, issued, seal) }
    }

    /// The same with more configuration. `ME` stands for the user who runs the test.
    pub fn with(more: &str) -> State {
        let me = rustix::process::geteuid().as_raw().to_string();
        State { more: more.replace("uid:ME", &format!("uid:{me}")), ..State::new() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn data(&self) -> PathBuf {
        self.path("hsm/data")
    }

    pub fn master_key(&self) -> &Path {
        self.issued.master_key.as_deref().unwrap()
    }

    pub fn socket(&self) -> PathBuf {
        self.path("hsm/hsm.sock")
    }

    /// Makes an identity for backups: its file, and the section of a configuration that has backups
    /// encrypted to it, to which a test may add lines.
    pub fn backup_identity(&self) -> (PathBuf, String) {
        let identity = self.path("backup.key");
        let mut make = Command::new(KEYWARD);
        let made = make.args(["backup", "identity", "--out"]).arg(&identity).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let recipient = String::from_utf8(made.stdout).unwrap();
        (identity, format!("[backup]\nrecipients = [{:?}]\n", recipient.trim()))
    }

    /// Lets other local users reach the socket.
    pub fn open_to_other_users(&self) {
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.folder.path(), mode).unwrap();
    }

    /// Writes the configuration and gives the command that serves it.
    pub fn serve_command(&self) -> Command {
        let config = format!(
            "state = {state:?}\n[seal]\n{seal}\n[[listen]]\nunix = {socket:?}\n\
             [[listen]]\ntls = \"127.0.0.1:0\"\n[certificates]\nhosts = {hosts:?}\n{more}",
            state = self.path("hsm"),
            seal = self.seal,
            socket = self.socket(),
            hosts = self.hosts,
            more = self.more,
        );
        fs::write(self.path("keyward.toml"), config).unwrap();
        let mut command = Command::new(KEYWARD);
        command.arg("serve").arg("--config").arg(self.path("keyward.toml")).stdin(Stdio::null());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts the service and waits until it serves.
    pub fn start(&self) -> Service {
        self.start_command(self.serve_command())
    }

    /// Starts the service with another command.
    pub fn start_command(&self, command: Command) -> Service {
        Service::spawn(command, self)
    }
}

/// The configuration that makes the one who runs the test the user `me`.
pub const ME: &str = "[[user]]\nname = \"me\"\nidentities = [\"uid:ME\"]\n";

/// The same, who reads the log too.
pub const AUDITING: &str =
    "[[user]]\nname = \"me\"\nidentities = [\"uid:ME\"]\nroles = [\"user\", \"auditor\"]\n";

/// A running service. It is killed when dropped.
pub struct Service {
    process: Child,
    log: Arc<Mutex<String>>,
    pub tls_address: String,
    socket: PathBuf,
    issued: Issued,
}

impl Service {
    fn spawn(mut command: Command, state: &State) -> Service {
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let errors = BufReader::new(process.stderr.take().unwrap());
        let log = Arc::new(Mutex::new(String::new()));
        let (serving, served) = mpsc::channel();
        let kept = Arc::clone(&log);
        thread::spawn(move || {
            for line in errors.lines().map_while(Result::ok) {
                if let Some((_, rest)) = line.split_once("tls://") {
                    let address = rest.split(['"', ',']).next().unwrap_or_default();
                    let _ = serving.send(format!("tls://{address}"));
                }
                let mut log = kept.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        let tls_address = served
            .recv_timeout(Duration::from_secs(30))
            .unwrap_or_else(|_| panic!("the service did not start:\n{}", log.lock().unwrap()));
        Service { process, log, tls_address, socket: state.socket(), issued: state.issued.clone() }
    }

    /// A client on the UNIX socket.
    pub fn client(&self) -> Client {
        let address = format!("unix:{}", self.socket.display());
        Client::new(Settings::load(&[("address", &address)]).unwrap())
    }

    /// A client on the UNIX socket that waits for long for a service that is away or busy.
    pub fn patient_client(&self) -> Client {
        let address = format!("unix:{}", self.socket.display());
        let settings = [("address", address.as_str()), ("retry_for", "60")];
        let long = [("connect_timeout", "20"), ("request_timeout", "20")];
        Client::new(Settings::load(&[settings, long].concat()).unwrap())
    }

    /// A client on the UNIX socket that does not wait for a service that is away.
    pub fn impatient_client(&self) -> Client {
        let address = format!("unix:{}", self.socket.display());
        Client::new(Settings::load(&[("address", &address), ("retry_for", "0")]).unwrap())
    }

    /// A client on the UNIX socket with more settings.
    pub fn client_with(&self, more: &[(&str, &str)]) -> Client {
        let address = format!("unix:{}", self.socket.display());
        Client::new(Settings::load(&[&[("address", &*address)], more].concat()).unwrap())
    }

    /// A client with the first administrator's certificate.
    pub fn administrator(&self) -> Client {
        let certificate = &self.issued.administrator_certificate;
        self.tls_client(&self.issued.ca, certificate, &self.issued.administrator_key)
    }

    /// Enrols a user and gives a client with the certificate.
    pub fn enrol(&self, user: &str, roles: &[&str]) -> Client {
        self.enrol_from(user, roles, &[])
    }

    /// The same, bound to addresses.
    pub fn enrol_from(&self, user: &str, roles: &[&str], sources: &[&str]) -> Client {
        // The client reads its files at once.
        self.machine(user, roles, sources).client(self)
    }

    /// The same with a PIN to log in with.
    pub fn enrol_with_pin(&self, user: &str) -> Client {
        let enrol = Enrol { user: user.into(), pin: true, ..Enrol::default() };
        Machine::issued(&self.administrator(), enrol).client(self)
    }

    /// Enrols a user and keeps the files.
    pub fn machine(&self, user: &str, roles: &[&str], sources: &[&str]) -> Machine {
        Machine::enrolled(&self.administrator(), user, roles, sources)
    }

    /// A client on the TLS address with these files.
    pub fn tls_client(&self, ca: &Path, cert: &Path, key: &Path) -> Client {
        let [ca, cert, key] = [ca, cert, key].map(|path| path.to_str().unwrap());
        let address = self.tls_address.replace("127.0.0.1", "localhost");
        let settings = [("address", address.as_str()), ("ca", ca), ("cert", cert), ("key", key)];
        Client::new(Settings::load(&settings).unwrap())
    }

    pub fn socket(&self) -> &Path {
        &self.socket
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.process)
    }

    /// What the service has logged so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Kills it without a warning.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Ends it as systemd does.
    pub fn terminate(mut self) -> ExitStatus {
        kill_process(self.pid(), Signal::TERM).unwrap();
        self.process.wait().unwrap()
    }

    /// A number from its `/proc/PID/status`: `VmRSS`, in KiB, or `Threads`.
    pub fn status(&self, field: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(&format!("{field}:"))).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }
}

/// The files of an enrolled machine.
pub struct Machine(TempDir);

impl Machine {
    fn enrolled(administrator: &Client, user: &str, roles: &[&str], sources: &[&str]) -> Machine {
        let [roles, sources] =
            [roles, sources].map(|list| list.iter().map(|word| (*word).to_owned()).collect());
        let enrol = Enrol { user: user.into(), roles, sources, ..Enrol::default() };
        Machine::issued(administrator, enrol)
    }

    pub fn issued(administrator: &Client, enrol: Enrol) -> Machine {
        let (csr, key) = Authority::client_request().unwrap();
        let issued = administrator.enrol(Enrol { csr, ..enrol }).unwrap();
        let machine = Machine(TempDir::new().unwrap());
        let pem = |der: &[u8]| pem("CERTIFICATE", der);
        let next = if issued.next_ca.is_empty() { String::new() } else { pem(&issued.next_ca) };
        fs::write(machine.path("ca.crt"), pem(&issued.ca) + &next).unwrap();
        write_pem(&machine.path("client.crt"), "CERTIFICATE", &issued.chain[0]);
        write_pem(&machine.path("client.key"), "PRIVATE KEY", &key);
        machine
    }

    /// A machine that another administrator than the first lets in.
    pub fn enrolled_by(
        administrator: &Machine,
        service: &Service,
        user: &str,
        roles: &[&str],
    ) -> Machine {
        Machine::enrolled(&administrator.client(service), user, roles, &[])
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    /// A client with its certificate.
    pub fn client(&self, service: &Service) -> Client {
        let [ca, cert, key] = ["ca.crt", "client.crt", "client.key"].map(|file| self.path(file));
        service.tls_client(&ca, &cert, &key)
    }

    /// The same, but it does not wait for a service that is away.
    pub fn impatient_client(&self, service: &Service) -> Client {
        let [ca, cert, key] = ["ca.crt", "client.crt", "client.key"].map(|file| self.path(file));
        let [ca, cert, key] = [&ca, &cert, &key].map(|path| path.to_str().unwrap());
        let address = service.tls_address.replace("127.0.0.1", "localhost");
        let settings = [("address", address.as_str()), ("ca", ca), ("cert", cert), ("key", key)];
        let settings = [&settings[..], &[("retry_for", "0")]].concat();
        Client::new(Settings::load(&settings).unwrap())
    }

    /// A `keyward` that runs there.
    pub fn command(&self, service: &Service, arguments: &[&str]) -> Command {
        let mut command = Command::new(KEYWARD);
        command
            .args(arguments)
            .env("KEYWARD_ADDRESS", service.tls_address.replace("127.0.0.1", "localhost"))
            .env("KEYWARD_CA", self.path("ca.crt"))
            .env("KEYWARD_CERT", self.path("client.crt"))
            .env("KEYWARD_KEY", self.path("client.key"));
        command
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub fn write_pem(path: &Path, label: &str, der: &[u8]) {
    fs::write(path, pem(label, der)).unwrap();
}

fn pem(label: &str, der: &[u8]) -> String {
    pem_rfc7468::encode_string(label, pem_rfc7468::LineEnding::LF, der).unwrap()
}

/// Looks until there is something to be seen, for a minute.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "{what}: waited in vain");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A key with default attributes.
pub fn named(name: &str) -> KeyTemplate<'_> {
    KeyTemplate::named(name)
}

pub fn generate(client: &Client, name: &str, key_type: &str) -> Key {
    let key_type = keyward_algorithms::KeyType::from_name(key_type).unwrap();
    client.generate(key_type, &named(name)).unwrap()
}

/// Signs a fixed digest with the key's usual algorithm.
pub fn sign(client: &Client, key: &Key) -> Result<Vec<u8>, Error> {
    let algorithm = key.key_type.default_signature().unwrap();
    let input = [7; 32];
    client.sign(&key.id, &SignRequest { algorithm, pss: None, deterministic: false, input: &input })
}

/// Every key that was acknowledged is there and in the log, and the log is whole.
pub fn all_is_there(service: &Service, keys: &[Key], audit: &Path) {
    let client = service.client();
    let entries = audit_log(&client);
    let generated = Operation::Generate.code();
    for key in keys {
        assert_eq!(client.find(&KeySelector::Id(key.id)).unwrap().name, key.name);
        let recorded = entries.iter().any(|entry| {
            entry.operation == generated
                && entry.outcome == 0
                && entry.key_id == key.id.as_bytes().as_slice()
        });
        assert!(recorded, "{} is not in the log", key.name);
    }
    let mut verify = Command::new(KEYWARD);
    let ran = verify.args(["audit", "verify", "--in"]).arg(audit).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
}

/// The entries of the audit log, for an auditor.
pub fn audit_log(client: &Client) -> Vec<AuditEntry> {
    let mut found = Vec::new();
    let mut after = Vec::new();
    loop {
        let asked = request::Operation::ReadAudit(ReadAudit { after, newest: 0 });
        let response::Result::AuditPage(page) = client.call(asked).unwrap() else { panic!() };
        let mut bytes = page.records.as_slice();
        while let Some((kind, length)) = bytes.get(..5).map(|head| (head[0], &head[1..])) {
            let length = u32::from_be_bytes(length.try_into().unwrap()) as usize;
            if kind == b'E' {
                found.push(AuditEntry::decode(&bytes[5..5 + length]).unwrap());
            }
            bytes = &bytes[5 + length..];
        }
        if page.end {
            return found;
        }
        after = page.next;
    }
}
