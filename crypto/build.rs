//! Tells the crate what aws-lc's names begin with: every version has a prefix of its own, so that two of
//! them can be in one program.

use std::env;

fn main() {
    // Cargo passes what the build of aws-lc tells on, under names that begin with that very prefix.
    let module = match env::var_os("CARGO_FEATURE_FIPS") {
        Some(_) => "DEP_AWS_LC_FIPS_",
        None => "DEP_AWS_LC_",
    };
    let prefix = env::vars().find_map(|(name, _)| {
        let prefix = name.strip_prefix("DEP_")?.strip_suffix("INCLUDE")?.to_ascii_lowercase();
        let is_version = |version: &str| version.starts_with(|first: char| first.is_ascii_digit());
        name.strip_prefix(module).is_some_and(is_version).then_some(prefix)
    });
    let prefix = prefix.expect("aws-lc-sys tells where its headers are");
    println!("cargo::rustc-env=AWS_LC_PREFIX={prefix}");
    println!("cargo::rerun-if-changed=build.rs");
}
