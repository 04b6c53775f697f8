//! `keyward doctor` finds what is wrong and says what to do.

mod cli_support;

use std::{fs, os::unix::fs::PermissionsExt};

use cli_support::{Ran, Service, keyward};
use serde_json::Value;

/// Runs the doctor with these variables set and gives its exit status and its checks.
fn doctor(service: &Service, arguments: &[&str], variables: &[(&str, &str)]) -> (i32, Vec<Value>) {
    let mut command = service.command(&[&["doctor", "--json"], arguments].concat());
    let ran = Ran::from(command.envs(variables.iter().copied()).output().unwrap());
    let report: Value =
        serde_json::from_slice(&ran.stdout).unwrap_or_else(|_| panic!("{}", ran.stderr));
    (ran.status, report["checks"].as_array().unwrap().clone())
}

/// The one check of this name.
fn check<'a>(checks: &'a [Value], name: &str) -> &'a Value {
    let mut found = checks.iter().filter(|check| check["check"] == name);
    found.next().unwrap_or_else(|| panic!("no check \"{name}\" in {checks:?}"))
}

/// A program that answers as an OpenSSL with these providers does.
fn openssl_with_providers(service: &Service, providers: &[&str]) -> String {
    let listed: String = providers
        .iter()
        .map(|name| format!("  {name}\n    name: {name}\n    status: active\n"))
        .collect();
    let folder = service.path("").display().to_string();
    let program = service.write(
        "openssl",
        format!(
            "#!/bin/sh\nif [ $1 = version ]; then printf 'OpenSSL 3.0.22\\nOPENSSLDIR: \
             \"{folder}\"\\nMODULESDIR: \"{folder}\"\\n'; else printf 'Providers:\\n{}'; fi\n",
            listed.replace('\n', "\\n")
        ),
    );
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    service.write("openssl.cnf", "[keyward_sect]\nactivate = 1\n");
    service.write("keyward.so", "");
    program
}

#[test]
fn a_good_set_up_is_well() {
    let service = Service::start();
    service.ok(&["key", "generate", "web", "--type", "p-256"]);
    let certificate = service
        .write("web.crt", service.ok(&["key", "self-sign", "web", "--subject", "CN=localhost"]));
    let openssl = openssl_with_providers(&service, &["default", "keyward"]);
    let nginx = service.write("nginx.conf", "http {}\n");
    let flags = ["--openssl", &openssl, "--nginx-conf", &nginx, "--server-cert", &certificate];
    let (status, checks) = doctor(&service, &[&["web"], &flags[..]].concat(), &[]);
    assert_eq!(status, 0, "{checks:?}");
    assert!(check(&checks, "key")["finding"].as_str().unwrap().contains("trial signature"));
    for name in ["OpenSSL", "module", "provider", "service", "identity", "certificate"] {
        assert_eq!(check(&checks, name)["state"], "ok", "{checks:?}");
    }
    assert_eq!(check(&checks, "server certificate")["state"], "ok", "{checks:?}");
}

#[test]
fn each_thing_that_is_wrong_is_named_with_what_to_do() {
    let service = Service::start();
    service.ok(&["key", "generate", "web", "--type", "p-256"]);
    service.ok(&["key", "generate", "other", "--type", "p-256"]);
    let other = service
        .write("other.crt", service.ok(&["key", "self-sign", "other", "--subject", "CN=other"]));
    let reference = service.write("web.pem", service.ok(&["key", "pem", "other"]));
    service.ok(&["key", "delete", "other", "--yes"]);
    let openssl = openssl_with_providers(&service, &["keyward"]);
    service.write("openssl.cnf", "[providers]\nkeyward = keyward_sect\ndefault = default_sect\n");
    fs::remove_file(service.path("keyward.so")).unwrap();
    let nginx = service.write(
        "nginx.conf",
        format!("env OPENSSL_CONF;\nhttp {{ server {{ ssl_certificate_key {reference}; }} }}\n"),
    );
    let flags = ["--openssl", &openssl, "--nginx-conf", &nginx, "--server-cert", &other];
    let (status, checks) = doctor(&service, &[&["web"], &flags[..]].concat(), &[]);
    assert_eq!(status, 1);
    for (name, finding, advice) in [
        ("provider", "default provider is not", "[default_sect]"),
        ("order", "lists keyward before default", "ask keyward for new keys"),
        ("server certificate", "another key", "key csr"),
        ("nginx", "does not pass KEYWARD_ADDRESS", "env KEYWARD_ADDRESS;"),
        ("nginx key", "no such key", ""),
    ] {
        let found = check(&checks, name);
        assert_eq!(found["state"], "problem", "{found}");
        assert!(found["finding"].as_str().unwrap().contains(finding), "{found}");
        assert!(found["advice"].as_str().unwrap_or_default().contains(advice), "{found}");
    }
    let (_, checks) = doctor(&service, &["missing", "--openssl", &openssl], &[]);
    assert_eq!(check(&checks, "key")["state"], "problem");
}

#[test]
fn the_distributions_openssl_without_the_module_is_told_to_get_it() {
    let service = Service::start();
    let configuration = service.write("openssl.cnf", "");
    let folder = service.path("").display().to_string();
    let variables = [("OPENSSL_CONF", configuration.as_str()), ("OPENSSL_MODULES", &folder)];
    let (status, checks) = doctor(&service, &[], &variables);
    assert_eq!(status, 1);
    assert!(check(&checks, "OpenSSL")["finding"].as_str().unwrap().contains("OpenSSL 3"));
    for (name, advice) in [
        ("configuration", "OPENSSL_CONF"),
        ("module", "make install"),
        ("provider", "checks above"),
    ] {
        let found = check(&checks, name);
        assert_eq!(found["state"], "problem", "{found}");
        assert!(found["advice"].as_str().unwrap().contains(advice), "{found}");
    }
}

#[test]
fn a_reference_beside_the_certificate_of_another_key_is_found() {
    let service = Service::start();
    for name in ["web", "next"] {
        service.ok(&["key", "generate", name, "--type", "p-256"]);
        service.ok(&["key", "self-sign", name, "--subject", "CN=localhost"]);
    }
    let reference = service.file("web.pem");
    let certificate = service.file("web.crt");
    service.ok(&["key", "pem", "web", "--out", &reference]);
    let nginx = service.write(
        "nginx.conf",
        "env KEYWARD_ADDRESS;\nuser www-data;\n\
         http { server { ssl_certificate web.crt; ssl_certificate_key web.pem; } }\n",
    );
    for (name, state) in [("next", "problem"), ("web", "ok")] {
        service.ok(&["cert", "export", name, "--out", &certificate]);
        let (_, checks) = doctor(&service, &["--nginx-conf", &nginx], &[]);
        let found = check(&checks, "nginx key");
        assert_eq!(found["state"], state, "{found}");
        let is_told = found["finding"].as_str().unwrap().contains("web.crt is for another key");
        assert_eq!(is_told, state == "problem", "{found}");
        if rustix::process::geteuid().is_root() {
            let workers = |check: &&Value| {
                check["advice"].as_str().unwrap_or_default().contains("runuser -u www-data")
            };
            assert_eq!(checks.iter().filter(workers).count(), 1, "{checks:?}");
        }
    }
}

#[test]
fn a_service_that_is_away_is_reported_at_once_and_in_words() {
    let begun = std::time::Instant::now();
    let address = ["--address", "unix:/nonexistent/hsm.sock"];
    let output = keyward(&[&["doctor"], &address[..]].concat())
        .env("KEYWARD_RETRY_FOR", "60s")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("PROBLEM service: cannot reach"), "{text}");
    assert!(!text.contains('\u{1b}'), "colours in a pipe: {text}");
    assert!(begun.elapsed() < std::time::Duration::from_secs(30));
}

#[test]
fn a_module_that_openssl_cannot_load_is_reported_with_openssls_reason() {
    let service = Service::start();
    let module = service.write("keyward.so", "no module");
    let folder = service.path("").display().to_string();
    let (status, checks) = doctor(&service, &[], &[("OPENSSL_MODULES", &folder)]);
    assert_eq!(status, 1);
    let found = check(&checks, "provider")["finding"].as_str().unwrap();
    assert!(found.contains("could not load the shared library"), "{found}");
    assert!(found.contains(&module), "{found}");
}
