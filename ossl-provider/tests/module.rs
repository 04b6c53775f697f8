//! The finished module as a file.

mod support;

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

fn symbols(which: &str) -> Vec<String> {
    let (success, output) =
        support::run(Command::new("nm").args(["-D", which]).arg(support::module()));
    assert!(success, "{output}");
    output.lines().filter_map(|line| line.split_whitespace().last()).map(String::from).collect()
}

#[test]
fn it_exports_its_entry_point_and_nothing_else() {
    assert_eq!(symbols("--defined-only"), ["OSSL_provider_init"]);
}

#[test]
fn it_imports_nothing_but_the_c_library_and_the_unwinder() {
    // Hooks that are called where the process has them: the dynamic linker's, and jemalloc's.
    let hooks = ["_ITM_", "__gmon_start__", "sdallocx", "OPENSSL_memory_"];
    for symbol in symbols("--undefined-only") {
        let version = symbol.split_once('@').map(|(_, version)| version);
        assert!(
            version
                .is_some_and(|version| version.starts_with("GLIBC_") || version.starts_with("GCC_"))
                || hooks.iter().any(|hook| symbol.starts_with(hook)),
            "{symbol} would have to come from the host"
        );
    }
}

#[test]
fn it_needs_no_library_of_openssl_and_stays_mapped() {
    let (success, output) =
        support::run(Command::new("readelf").args(["-d"]).arg(support::module()));
    assert!(success, "{output}");
    assert!(!output.contains("libcrypto") && !output.contains("libssl"), "{output}");
    // What it leaves behind in threads of the host may run after the host has unloaded it.
    assert!(output.contains("NODELETE"), "{output}");
}

#[test]
fn it_says_what_it_is() {
    let host = support::Host::without_service();
    let providers = host.openssl("list -providers -verbose");
    for line in [
        "name: Keyward\n",
        concat!("version: ", env!("CARGO_PKG_VERSION"), "\n"),
        "status: active\n",
        concat!("build info: ", env!("CARGO_PKG_VERSION"), ", AWS-LC "),
    ] {
        assert!(providers.contains(line), "{providers}");
    }
    host.configure("fips = perhaps", "");
    let providers = host.openssl("list -providers -verbose");
    assert!(providers.contains("status: inactive"), "{providers}");
}

#[test]
fn lists_of_openssl_show_every_algorithm_with_a_description() {
    let host = support::Host::without_service();
    let version = host.version();
    for (list, since, least) in [
        ("-key-managers", (3, 0), 5),
        ("-signature-algorithms", (3, 0), 3),
        ("-asymcipher-algorithms", (3, 0), 1),
        ("-key-exchange-algorithms", (3, 0), 2),
        ("-encoders", (3, 0), 20),
        ("-decoders", (3, 0), 6),
        ("-store-loaders", (3, 0), 1),
        ("-kem-algorithms", (3, 5), 3),
        ("-skey-managers", (3, 5), 2),
        ("-cipher-algorithms", (3, 5), 12),
        ("-mac-algorithms", (3, 5), 2),
    ] {
        if version < since {
            continue;
        }
        let listed = host.openssl(&format!("list {list} -verbose"));
        let ours = listed.matches("@ keyward").count();
        assert!(ours >= least, "{list}: {ours}\n{listed}");
        // Of loaders it tells the scheme alone.
        let described = listed.matches("Keyward").count() >= ours || list == "-store-loaders";
        assert!(described, "{list}: {ours}\n{listed}");
    }
}

#[test]
fn a_trace_tells_loads_requests_and_errors_but_not_what_was_signed() {
    let service = support::Service::start().with_keys(&[("p-256", "sign")]);
    let host = &service.host;
    let trace = host.path("trace");
    host.configure(&format!("trace = {}", trace.display()), "");
    fs::write(host.path("digest"), b"a digest with thirty-two letters").unwrap();
    host.openssl("pkeyutl -sign -inkey keyward:p-256 -in digest -out signature");
    host.openssl_fails("pkey -in keyward:nosuch -noout");
    let told = fs::read_to_string(&trace).unwrap();
    for part in [
        " in OpenSSL ",
        "store keyward:p-256: 1 objects",
        "request find: done in ",
        "request sign: done in ",
        "error: not-found: key \"nosuch\" not found (unix:",
    ] {
        assert!(told.contains(part), "{part}\n{told}");
    }
    assert!(!told.contains("thirty-two"), "{told}");
    assert_eq!(fs::metadata(&trace).unwrap().permissions().mode() & 0o777, 0o600);

    host.configure("trace = trace", "");
    let output = host.openssl_fails("pkey -in keyward:p-256 -noout");
    assert!(output.contains("the setting trace is"), "{output}");
}
