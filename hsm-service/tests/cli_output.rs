//! Files that commands write: whole or not at all, and with the permissions of those that they replace.

mod cli_support;

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::Path,
    process::Command,
};

use cli_support::{KEYWARD, Ran, Service};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

/// Runs `keyward` where no file can grow, as on a full disk.
fn on_a_full_disk(service: &Service, arguments: &[&str]) -> Ran {
    let mut shell = Command::new("bash");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "bash", KEYWARD]).args(arguments);
    Ran::from(shell.env("KEYWARD_ADDRESS", service.address()).output().unwrap())
}

/// All that is in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_reference_is_replaced_in_one_step_or_stays_as_it_was() {
    let service = Service::start();
    service.ok(&["key", "generate", "web", "--type", "p-256"]);
    service.ok(&["key", "generate", "next", "--type", "p-256"]);
    let (file, path) = (service.file("web.pem"), service.path("web.pem"));
    service.ok(&["key", "pem", "web", "--out", &file]);
    let web = service.ok(&["key", "pem", "web"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), web);
    assert_eq!(mode(&path), 0o644);

    // Some servers insist on 0600, and some find the file by a link.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let link = service.path("link.pem");
    symlink("web.pem", &link).unwrap();
    let link = link.display().to_string();
    let failed = service.error(&["key", "pem", "wed", "--out", &link], 1);
    assert_eq!(failed["kind"], "not-found");
    let full = on_a_full_disk(&service, &["key", "pem", "next", "--out", &link]);
    assert_eq!(full.status, 1);
    assert!(full.stderr.contains("cannot write") && full.stderr.contains(&link), "{}", full.stderr);
    assert_eq!(fs::read_to_string(&path).unwrap(), web);

    assert!(service.ok(&["key", "pem", "next", "--out", &link]).is_empty());
    assert_eq!(fs::read_to_string(&path).unwrap(), service.ok(&["key", "pem", "next"]));
    assert_eq!(mode(&path), 0o600);
    assert_eq!(names(path.parent().unwrap()), ["link.pem", "web.pem"]);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
}

#[test]
fn every_document_can_go_into_a_file() {
    let service = Service::start();
    service.ok(&["key", "generate", "web", "--type", "p-256"]);
    for (command, begin) in [
        ("key self-sign web --subject CN=localhost", "CERTIFICATE-----"),
        ("cert export web", "CERTIFICATE-----"),
        ("key public web", "PUBLIC KEY-----"),
        ("key csr web --subject CN=localhost", "CERTIFICATE REQUEST-----"),
        ("key rotate web", "CERTIFICATE REQUEST-----"),
    ] {
        let file = service.file("document");
        let arguments: Vec<&str> = command.split(' ').chain(["--out", &file]).collect();
        assert!(service.ok(&arguments).is_empty(), "{command}");
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with(&format!("-----BEGIN {begin}")), "{command}: {text}");
    }
    // What is no file is written to.
    let printed = service.ok(&["key", "public", "web", "--out", "/dev/stdout"]);
    assert_eq!(printed, service.ok(&["key", "public", "web"]));
}

#[test]
fn a_full_disk_leaves_no_broken_file_in_the_way_of_the_next_try() {
    let service = Service::start();
    let file = service.file("backup.key");
    let full = on_a_full_disk(&service, &["backup", "identity", "--out", &file]);
    assert_eq!(full.status, 1);
    assert!(full.stderr.contains(&file), "{}", full.stderr);
    assert!(!Path::new(&file).exists());
    service.ok(&["backup", "identity", "--out", &file]);
    assert_eq!(mode(Path::new(&file)), 0o600);
}
