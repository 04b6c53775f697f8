//! What the tests of the built module share: a service of their own, an OpenSSL configuration that
//! loads the module, and the programs that use it.
#![allow(dead_code, unreachable_pub)] // Each test file uses its part.

pub mod proxy;
pub mod server;

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use keyward_load::free_port;
use tempfile::TempDir;

/// How long a request may take on a busy machine. The defaults are for people.
const REQUEST: &str = "60s";

/// The seconds after which `timeout` takes a program for one that hangs.
pub const HANGS_AFTER: &str = "600";

/// The folder that cargo builds into.
pub fn target() -> PathBuf {
    let executable = std::env::current_exe().expect("a test has a path");
    executable.parent().and_then(Path::parent).expect("deps has a parent").to_owned()
}

/// The folder of an OpenSSL to test with in the place of the machine's.
fn other_openssl() -> Option<PathBuf> {
    std::env::var_os("KEYWARD_TEST_OPENSSL").map(PathBuf::from)
}

/// Whether everything has been built before, for a machine that has no compiler.
fn is_built() -> bool {
    std::env::var_os("KEYWARD_TESTS_BUILT").is_some()
}

/// Builds the module and the service as they are now, once per process, and says where they are.
fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let target = target();
        if is_built() {
            return target;
        }
        // The same packages as in ops/test: another set would choose other features of shared
        // dependencies and build them all again.
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet"]);
        cargo.args(["-p", "keyward", "-p", "keyward-ossl-provider", "-p", "keyward-jce-bridge"]);
        if target.ends_with("release") {
            cargo.arg("--release");
        }
        assert!(cargo.status().expect("cargo runs").success(), "the product does not build");
        target
    })
}

/// The module as cargo builds it.
pub fn module() -> PathBuf {
    built().join("libkeyward_ossl_provider.so")
}

/// The service and command line.
fn keyward() -> PathBuf {
    built().join("keyward")
}

/// A folder with an OpenSSL configuration, and the means to run programs under it.
pub struct Host {
    folder: TempDir,
    address: String,
}

impl Host {
    /// A host whose service is nowhere.
    pub fn without_service() -> Host {
        Host::at("unix:/nonexistent/hsm.sock")
    }

    /// A host whose service listens at this address.
    pub fn at(address: &str) -> Host {
        let host = Host { folder: tempfile::tempdir().unwrap(), address: address.into() };
        host.configure("", "");
        host
    }

    /// Where its service listens.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Writes the configuration, with more lines for the provider's section and for the
    /// algorithms' (default properties).
    pub fn configure(&self, section: &str, algorithms: &str) {
        self.configure_providers(
            "default = default_sect\nkeyward = keyward_sect",
            section,
            algorithms,
        );
    }

    /// The same with the list of providers, whose order may matter.
    pub fn configure_providers(&self, providers: &str, section: &str, algorithms: &str) {
        let text = format!(
            "openssl_conf = init\n[init]\nproviders = providers\nalg_section = algorithms\n\
             [algorithms]\n{algorithms}\n[providers]\n{providers}\n[default_sect]\nactivate = 1\n\
             [keyward_sect]\nmodule = {}\nactivate = 1\naddress = {}\nretry_for = 1s\n\
             connect_timeout = {REQUEST}\nrequest_timeout = {REQUEST}\n{section}\n\
             [req]\ndistinguished_name = dn\n[dn]\n",
            module().display(),
            self.address
        );
        fs::write(self.path("openssl.cnf"), text).unwrap();
    }

    /// A file in the host's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A program that runs in the folder with the configuration.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder.path()).env("OPENSSL_CONF", self.path("openssl.cnf"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KEYWARD_")) {
            command.env_remove(name);
        }
        if let Some(folder) = other_openssl() {
            let path = std::env::var("PATH").expect("there is a PATH");
            command.env("PATH", format!("{}/bin:{path}", folder.display()));
        }
        command
    }

    /// Runs `openssl` with the module, arguments split at spaces; both outputs, and whether it
    /// succeeded.
    pub fn try_openssl(&self, arguments: &str) -> (bool, String) {
        run(self.command("openssl").args(arguments.split(' ')))
    }

    /// Runs `openssl` with the module; it has to succeed.
    pub fn openssl(&self, arguments: &str) -> String {
        let (success, output) = self.try_openssl(arguments);
        assert!(success, "openssl {arguments}\n{output}");
        output
    }

    /// Runs `openssl` with the module; it has to fail.
    pub fn openssl_fails(&self, arguments: &str) -> String {
        let (success, output) = self.try_openssl(arguments);
        assert!(!success, "openssl {arguments} should fail\n{output}");
        output
    }

    /// Runs `openssl` without the module: the stranger that checks what we made.
    pub fn stranger(&self, arguments: &str) -> String {
        let (success, output) = run(self
            .command("openssl")
            .env("OPENSSL_CONF", "/dev/null")
            .args(arguments.split(' ')));
        assert!(success, "openssl {arguments}\n{output}");
        output
    }

    /// The first two numbers of the version of the `openssl` program.
    pub fn version(&self) -> (u32, u32) {
        let text = self.stranger("version");
        let version = text.split(' ').nth(1).expect("OpenSSL tells its version");
        let mut numbers = version.split('.').map(|part| part.parse().expect("a number"));
        (numbers.next().expect("a number"), numbers.next().expect("another"))
    }

    /// Compiles one of the C programs beside the tests.
    pub fn compile(&self, name: &str) -> PathBuf {
        compile(name)
    }
}

/// Compiles one of the C programs beside the tests. They work with every OpenSSL 3, so they are
/// also kept for machines that have no compiler.
pub fn compile(name: &str) -> PathBuf {
    compile_as(name, name, &["-lssl", "-lcrypto"])
}

/// The same with a libcrypto of the program's own inside, as Node.js has it.
pub fn compile_static(name: &str) -> PathBuf {
    compile_as(name, &format!("{name}-static"), &["-l:libcrypto.a"])
}

/// The same with a race detector inside.
pub fn compile_with_detector(name: &str) -> PathBuf {
    compile_as(name, &format!("{name}-races"), &["-fsanitize=thread", "-lssl", "-lcrypto"])
}

fn compile_as(name: &str, program: &str, libraries: &[&str]) -> PathBuf {
    let openssl = other_openssl();
    let mut folder = target().join("host-programs");
    if let Some(version) = openssl.as_deref().and_then(Path::file_name) {
        folder.push(version);
    }
    let program = folder.join(program);
    if is_built() {
        return program;
    }
    fs::create_dir_all(&folder).unwrap();
    let mut searched = Vec::new();
    if let Some(openssl) = openssl {
        searched.push(format!("-I{}/include", openssl.display()));
        searched.push(format!("-L{}/lib", openssl.display()));
        searched.push(format!("-Wl,-rpath,{}/lib", openssl.display()));
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/c/{name}.c"));
    let fresh = tempfile::NamedTempFile::new_in(&folder).unwrap().into_temp_path();
    let (success, output) = run(Command::new("cc")
        .args(["-Wall", "-Wextra", "-Werror", "-O1", "-g", "-rdynamic"])
        .args(searched)
        .arg("-o")
        .args([&*fresh, &source])
        .args(libraries)
        .args(["-lpthread", "-ldl"]));
    assert!(success, "{output}");
    // Other tests may be running the one that is there.
    fs::rename(fresh, &program).unwrap();
    program
}

/// Runs a program to its end; whether it succeeded, and both its outputs.
pub fn run(command: &mut Command) -> (bool, String) {
    let output = command.stdin(Stdio::null()).output().expect("the program runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// A service of this test's own, with a host that knows it; both go with the value.
pub struct Service {
    process: Child,
    state: TempDir,
    pub host: Host,
}

impl Service {
    /// Starts a service and waits until it answers.
    pub fn start() -> Service {
        let state = tempfile::tempdir().unwrap();
        Service::over(state, |state, serve| _ = serve.args(["--dev", "--state"]).arg(state))
    }

    /// Starts one that listens for other machines too, and gives its port.
    pub fn start_for_others() -> (Service, SocketAddr) {
        let (state, tls) = (tempfile::tempdir().unwrap(), free_port());
        let service = Service::over(state, |state, serve| {
            let mut init = Command::new(keyward());
            let init = init.args(["init", "--tls", &tls.to_string(), "--state"]).arg(state);
            let (success, output) = run(init);
            assert!(success, "{output}");
            let file = state.join("keyward.toml");
            let user = "\n[[user]]\nname = \"web\"\nidentities = [\"uid:root\"]\n\
                        roles = [\"admin\", \"user\"]\n";
            fs::write(&file, fs::read_to_string(&file).unwrap() + user).unwrap();
            serve.arg("--config").arg(file);
        });
        (service, tls)
    }

    fn over(state: TempDir, prepare: impl FnOnce(&Path, &mut Command)) -> Service {
        let log = fs::File::create(state.path().join("log")).unwrap();
        let mut serve = Command::new(keyward());
        prepare(state.path(), serve.arg("serve"));
        let process = serve
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("the service starts");
        let address = format!("unix:{}", state.path().join("hsm.sock").display());
        let mut service = Service { process, state, host: Host::at(&address) };
        let deadline = Instant::now() + Duration::from_secs(20);
        while !service.try_keyward("status").0 {
            let ended = service.process.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < deadline, "{}", service.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        service
    }

    /// From now on each round trip between the host and the service takes so much longer.
    pub fn move_away(&mut self, delay: Duration) {
        let far = self.state.path().join("far.sock");
        keyward_load::delay(&far, self.state.path().join("hsm.sock"), delay).unwrap();
        self.host.address = format!("unix:{}", far.display());
        self.host.configure("", "");
    }

    /// From now on the host reaches the service over TLS, as the same user, and each round trip takes
    /// so much longer.
    pub fn move_to_another_machine(&mut self, tls: SocketAddr, delay: Duration) {
        let folder = self.host.path("enrolled");
        let folder = folder.display();
        self.keyward(&format!(
            "client enrol web --service tls://localhost:{0} --out {folder}",
            tls.port()
        ));
        let port = keyward_load::delay_tcp(tls, delay).unwrap();
        self.host.address = format!("tls://localhost:{port}");
        let files =
            format!("ca = {folder}/ca.crt\ncert = {folder}/client.crt\nkey = {folder}/client.key");
        self.host.configure(&files, "");
    }

    fn log(&self) -> String {
        fs::read_to_string(self.state.path().join("log")).unwrap_or_default()
    }

    /// Runs the command line against the service, arguments split at spaces.
    pub fn try_keyward(&self, arguments: &str) -> (bool, String) {
        run(self
            .host
            .command(keyward())
            .env("KEYWARD_ADDRESS", &self.host.address)
            .env("KEYWARD_CONNECT_TIMEOUT", REQUEST)
            .env("KEYWARD_REQUEST_TIMEOUT", REQUEST)
            .args(arguments.split(' ')))
    }

    /// The same; it has to succeed.
    pub fn keyward(&self, arguments: &str) -> String {
        let (success, output) = self.try_keyward(arguments);
        assert!(success, "keyward {arguments}\n{output}");
        output
    }

    /// Makes one key of each type, named after it, with every use that the type allows, and writes
    /// the public key and the reference PEM of each beside the configuration.
    pub fn with_keys(self, keys: &[(&str, &str)]) -> Service {
        for (kind, usage) in keys {
            self.keyward(&format!("key generate {kind} --type {kind} --usage {usage}"));
            let public = self.keyward(&format!("key public {kind}"));
            fs::write(self.host.path(&format!("{kind}.pub")), public).unwrap();
            let pem = self.keyward(&format!("key pem {kind}"));
            fs::write(self.host.path(&format!("{kind}.pem")), pem).unwrap();
        }
        self
    }
}

impl Service {
    /// Imports the RSA key of this size, made elsewhere, as `rsa-BITS`, with its public key beside the
    /// configuration and a certificate.
    pub fn import_rsa(&self, bits: &str) {
        let host = &self.host;
        let ready =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/keys/rsa-{bits}.key"));
        let file = host.path(&format!("rsa-{bits}.key"));
        match ready.exists() {
            true => _ = fs::copy(ready, &file).unwrap(),
            false => {
                _ = host.stranger(&format!(
                    "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:{bits} -out rsa-{bits}.key"
                ))
            }
        }
        host.stranger(&format!("pkey -in rsa-{bits}.key -pubout -out rsa-{bits}.pub"));
        host.stranger(&format!("req -x509 -key rsa-{bits}.key -subj /CN=x -out rsa-{bits}.crt"));
        let file = file.display();
        self.keyward(&format!("key import rsa-{bits} --usage sign,decrypt --in {file}"));
        let pem = self.keyward(&format!("key pem rsa-{bits}"));
        fs::write(host.path(&format!("rsa-{bits}.pem")), pem).unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}
