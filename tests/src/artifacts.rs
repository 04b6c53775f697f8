//! What cargo builds: the program and the OpenSSL provider.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The files under test, built in the same profile as the test itself.
pub struct Artifacts {
    /// The program `keyward`.
    pub keyward: PathBuf,
    /// The provider's module, under cargo's name.
    pub provider: PathBuf,
}

/// The root of the source tree.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is a folder of the repository")
}

/// Set where there is no cargo: everything has been built.
const BUILT: &str = "KEYWARD_TESTS_BUILT";

/// Builds what is missing or out of date, once per process, and says where it is.
pub fn artifacts() -> &'static Artifacts {
    static ARTIFACTS: OnceLock<Artifacts> = OnceLock::new();
    ARTIFACTS.get_or_init(|| {
        let folder = profile_folder();
        if env::var_os(BUILT).is_none() {
            build(&folder);
        }
        Artifacts {
            keyward: folder.join("keyward"),
            provider: folder.join("libkeyward_ossl_provider.so"),
        }
    })
}

fn build(folder: &Path) {
    let target = folder.parent().expect("a profile's folder is within the target folder");
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    // The same packages as in ops/test: another set would choose other features of shared
    // dependencies and build them all again.
    let status = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()))
        .args(["build", "--quiet", "--profile", profile])
        .args(["-p", "keyward", "-p", "keyward-ossl-provider", "-p", "keyward-jce-bridge"])
        .arg("--target-dir")
        .arg(target)
        .current_dir(repository())
        .status()
        .expect("cargo can be run");
    assert!(status.success(), "the product does not build");
}

/// `target/debug` or its like: where this very program is, or the folder above for a test.
fn profile_folder() -> PathBuf {
    let program = env::current_exe().expect("a program knows where it is");
    let folder = program.parent().expect("a program is in a folder");
    match folder.file_name() {
        Some(name) if name == "deps" => folder.parent().expect("deps is in a folder").into(),
        _ => folder.into(),
    }
}
