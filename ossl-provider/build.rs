//! Compiles the one C function and sets how the module is linked.

fn main() {
    println!("cargo:rerun-if-changed=src/ffi/raise.c");
    cc::Build::new().file("src/ffi/raise.c").warnings_into_errors(true).compile("keyward_raise");

    // A symbol that nothing here defines would have to come from the host: an error at build time,
    // not in a customer's web server.
    println!("cargo:rustc-cdylib-link-arg=-Wl,--no-undefined");
    // aws-lc leaves destructors of thread-local data behind, which a thread of the host may run
    // after the host has unloaded the module: the code has to stay mapped.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
}
