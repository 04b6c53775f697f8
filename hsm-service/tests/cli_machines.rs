//! `keyward init`, `serve --config` and `client enrol`: a service for other machines, from nothing.

mod cli_support;

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use cli_support::{KEYWARD, Ran, keyward, openssl, openssl_text};
use serde_json::Value;
use tempfile::TempDir;

/// A service with its own configuration, listening on TLS.
struct Installation {
    process: Child,
    folder: TempDir,
    issued: Value,
    address: String,
}

impl Installation {
    fn start() -> Installation {
        let folder = TempDir::new().unwrap();
        // Nobody else takes the port in the moment between.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let state = folder.path().join("state").display().to_string();
        let tls = format!("127.0.0.1:{port}");
        let init = ["init", "--state", &state, "--tls", &tls, "--host", "localhost,127.0.0.1"];
        let issued = json(keyward(&init));
        let process = Command::new(KEYWARD)
            .args(["serve", "--config", issued["config"].as_str().unwrap()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let address = format!("tls://localhost:{port}");
        let installation = Installation { process, folder, issued, address };
        assert_eq!(json(installation.administrator(&["status", "--wait", "30"]))["can_sign"], true);
        installation
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A `keyward` with the certificate that `init` issued.
    fn administrator(&self, arguments: &[&str]) -> Command {
        let mut command = keyward(arguments);
        let file = |value: &Value| value.as_str().unwrap().to_owned();
        command
            .env("KEYWARD_ADDRESS", &self.address)
            .env("KEYWARD_CA", file(&self.issued["ca"]))
            .env("KEYWARD_CERT", file(&self.issued["administrator"]["certificate"]))
            .env("KEYWARD_KEY", file(&self.issued["administrator"]["key"]));
        command
    }

    /// Enrols a machine whose files stay where they are written, and gives its folder.
    fn enrol(&self, name: &str) -> PathBuf {
        let folder = self.path(name);
        let out = folder.display().to_string();
        let enrol = ["client", "enrol", name, "--out", &out, "--install-dir", &out];
        let made = json(self.administrator(&enrol));
        assert_eq!(made["files"].as_array().unwrap().len(), 4);
        folder
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        // It may have ended by itself, which its test has seen then.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs a command with `--json`, which must succeed, and gives the value that it prints.
fn json(mut command: Command) -> Value {
    let ran = Ran::from(command.arg("--json").stdin(Stdio::null()).output().unwrap());
    assert_eq!(ran.status, 0, "{command:?}: {}", ran.stderr);
    serde_json::from_slice(&ran.stdout).unwrap()
}

/// A `keyward` that has nothing but the settings file of an enrolled machine.
fn on_machine(folder: &std::path::Path, arguments: &[&str]) -> Command {
    let mut command = keyward(arguments);
    command.env("KEYWARD_CONFIG", folder.join("client.toml"));
    command
}

#[test]
fn an_enrolled_machine_uses_keys_with_the_files_that_it_was_given() {
    let installation = Installation::start();
    let machine = installation.enrol("web2");

    let status = json(on_machine(&machine, &["status"]));
    assert_eq!((&status["user"], &status["identity"]), (&"web2".into(), &"cert:web2".into()));
    let key = json(on_machine(&machine, &["key", "generate", "web", "--type", "p-256"]));
    assert_eq!(key["owner"], "web2");

    let [key_file, certificate, ca] =
        ["client.key", "client.crt", "ca.crt"].map(|name| machine.join(name).display().to_string());
    let mode = fs::metadata(&key_file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    openssl(&["verify", "-purpose", "sslclient", "-CAfile", &ca, &certificate]);
    let of_certificate = openssl_text(&["x509", "-in", &certificate, "-noout", "-pubkey"]);
    assert_eq!(of_certificate, openssl_text(&["pkey", "-in", &key_file, "-pubout"]));
}

#[test]
fn a_machine_sees_neither_the_keys_nor_the_powers_of_others() {
    let installation = Installation::start();
    let [web, shop] = ["web", "shop"].map(|name| installation.enrol(name));
    json(on_machine(&web, &["key", "generate", "mine", "--type", "p-256"]));
    let see = on_machine(&shop, &["key", "show", "web/mine", "--json"]).output().unwrap();
    assert_eq!(see.status.code(), Some(1));
    let error: Value = serde_json::from_slice(&see.stderr).unwrap();
    assert_eq!(error["kind"], "not-found");

    json(on_machine(&web, &["key", "share", "mine", "shop", "--rights", "see"]));
    let seen = json(on_machine(&shop, &["key", "show", "mine"]));
    assert_eq!((&seen["owner"], &seen["rights"]), (&"web".into(), &serde_json::json!(["see"])));

    let out = installation.path("more").display().to_string();
    let enrol = ["client", "enrol", "more", "--out", &out, "--json"];
    let refused = on_machine(&web, &enrol).output().unwrap();
    let error: Value = serde_json::from_slice(&refused.stderr).unwrap();
    assert_eq!(error["kind"], "permission-denied");
}

#[test]
fn init_says_what_to_keep_safe_and_never_overwrites() {
    let folder = TempDir::new().unwrap();
    let state = folder.path().join("state").display().to_string();
    let run = || Ran::from(keyward(&["init", "--state", &state]).output().unwrap());
    let first = run();
    assert_eq!(first.status, 0, "{}", first.stderr);
    for expected in ["Keep safe", "master key", "administrator's private key"] {
        assert!(first.text().contains(expected), "{}", first.text());
    }
    let second = run();
    assert_eq!(second.status, 1);
    assert!(second.stderr.contains("exists already"), "{}", second.stderr);
}

#[test]
fn enrolling_over_the_unix_socket_needs_to_be_told_the_other_machines_way() {
    let service = cli_support::Service::start();
    let error = service.error(&["client", "enrol", "web2"], 2);
    assert!(error["hint"].as_str().unwrap().contains("--service tls://"), "{error}");
    let out = service.file("web2");
    let tls = ["--service", "tls://hsm.example:7433", "--out", &out];
    service.ok(&[&["client", "enrol", "web2"], &tls[..]].concat());
    let settings = fs::read_to_string(service.path("web2").join("client.toml")).unwrap();
    assert!(settings.contains("address = \"tls://hsm.example:7433\""), "{settings}");
    assert!(settings.contains("key = \"/etc/keyward/client.key\""), "{settings}");
    let again = service.error(&[&["client", "enrol", "web2"], &tls[..]].concat(), 1);
    assert_eq!(again["kind"], "already-exists");
}

#[test]
fn the_doctor_tells_who_is_not_known_and_what_one_may_not_do() {
    let installation = Installation::start();
    let check = |mut command: Command, name: &str| {
        let ran = Ran::from(command.output().unwrap());
        let report: Value = serde_json::from_slice(&ran.stdout).unwrap();
        let checks = report["checks"].as_array().unwrap();
        checks.iter().find(|check| check["check"] == name).cloned().unwrap()
    };
    // The new service knows no local user yet.
    let socket = format!("unix:{}", installation.path("state/hsm.sock").display());
    let stranger = check(keyward(&["doctor", "--json", "--address", &socket]), "identity");
    assert_eq!(stranger["state"], "problem");
    assert!(stranger["advice"].as_str().unwrap().contains("[[user]]"), "{stranger}");

    let [web, shop] = ["web", "shop"].map(|name| installation.enrol(name));
    json(on_machine(&web, &["key", "generate", "mine", "--type", "p-256"]));
    json(on_machine(&web, &["key", "share", "mine", "shop", "--rights", "see"]));
    let seen_only = check(on_machine(&shop, &["doctor", "mine", "--json"]), "key");
    assert_eq!(seen_only["state"], "problem");
    assert!(seen_only["finding"].as_str().unwrap().contains("you may not"), "{seen_only}");
    assert!(seen_only["advice"].as_str().unwrap().contains("key share"), "{seen_only}");
    json(on_machine(&web, &["key", "share", "mine", "shop"]));
    assert_eq!(check(on_machine(&shop, &["doctor", "mine", "--json"]), "key")["state"], "ok");
}
