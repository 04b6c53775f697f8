//! The unit file that is shipped, as systemd judges it.

use std::{fs, process::Command};

use tempfile::TempDir;

/// The exposure from 0 (none) to 10 that systemd works out for the unit.
fn exposure(unit: &str) -> f64 {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("keyward.service");
    fs::write(&path, unit).unwrap();
    let output = Command::new("systemd-analyze")
        .args(["security", "--offline=yes", "--no-pager"])
        .arg(&path)
        .output()
        .expect("systemd-analyze runs (Debian's package systemd)");
    let report = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    let line = report.lines().find(|line| line.contains("Overall exposure level"));
    let figure = line.and_then(|line| line.rsplit(": ").next()?.split(' ').next()?.parse().ok());
    figure.unwrap_or_else(|| panic!("systemd-analyze says\n{report}\n{complaint}"))
}

#[test]
fn systemd_finds_hardly_anything_exposed_in_the_unit() {
    let unit = include_str!("../../ops/keyward.service").replace("@PREFIX@", "/usr");
    let exposed = exposure(&unit);
    assert!(exposed <= 1.5, "{exposed}");
    // And the figure does depend on what the unit says.
    assert!(exposure(&unit.replace("SystemCallFilter=", "#")) > exposed);
}
