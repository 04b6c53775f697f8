//! Whose environment a client's settings come from.

use std::{
    env,
    fs::{self, Permissions},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::Path,
    process::Command,
};

use keyward_client::Settings;
use rustix::fs::{XattrFlags, setxattr};

/// Set for the program that the test starts, which is the test again.
const STARTED: &str = "KEYWARD_TEST_STARTED";

const ADDRESS: &str = "/chosen/by/the/user.sock";

/// Neither root nor nobody.
const SOMEBODY: u32 = 65533;

/// CAP_NET_BIND_SERVICE, permitted and effective, as in `struct vfs_cap_data` (capabilities(7)).
const MAY_BIND: [u32; 5] = [0x0200_0001, 1 << 10, 0, 0, 0];

#[test]
fn a_program_with_capabilities_is_not_steered_by_the_user_who_starts_it() {
    if env::var_os(STARTED).is_some() {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        println!("{status}{:?}", Settings::load(&[]).unwrap().addresses);
        return;
    }
    if !rustix::process::geteuid().is_root() {
        println!("1 skipped: only root gives a file capabilities");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let program = folder.path().join("program");
    fs::copy(env::current_exe().unwrap(), &program).unwrap();
    assert!(said(&program).contains(ADDRESS), "an ordinary program");

    let capability: Vec<u8> = MAY_BIND.iter().flat_map(|word| word.to_le_bytes()).collect();
    if let Err(error) = setxattr(&program, "security.capability", &capability, XattrFlags::empty())
    {
        println!("1 skipped: no capabilities on files here: {error}");
        return;
    }
    let said = said(&program);
    if said.contains("CapPrm:\t0000000000000000") {
        println!("1 skipped: programs get no capabilities here");
        return;
    }
    assert!(!said.contains(ADDRESS), "{said}");
}

/// What the program prints when somebody starts it.
fn said(program: &Path) -> String {
    let ran = Command::new(program)
        .args(["--exact", "--nocapture"])
        .arg("a_program_with_capabilities_is_not_steered_by_the_user_who_starts_it")
        .env(STARTED, "yes")
        .env("KEYWARD_ADDRESS", format!("unix:{ADDRESS}"))
        .current_dir("/")
        .uid(SOMEBODY)
        .gid(SOMEBODY)
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap()
}
