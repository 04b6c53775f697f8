//! `src/ffi/bindings.rs` and `src/names.rs` say what OpenSSL's headers say.

use std::{fs, path::Path};

/// Makes the bindings anew and compares them with those that are checked in. With
/// `KEYWARD_WRITE_BINDINGS` set it writes them instead.
#[test]
#[ignore = "needs libclang; `make lint` runs it"]
fn bindings_are_those_of_the_current_core_headers() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let openssl = openssl_src::source_dir().join("include");
    let operations = "core|CRYPTO|OPENSSL|BIO|provider|keymgmt|keyexch|signature|asym_cipher|kem|encoder|decoder|store|skeymgmt|cipher|mac";
    let bindings = bindgen::builder()
        .header(package.join("bindgen/core.h").to_str().unwrap())
        .clang_arg(format!("-I{}", package.join("bindgen").display()))
        .clang_arg(format!("-I{}", openssl.display()))
        .allowlist_type(format!("OSSL_FUNC_({operations})_.*_fn"))
        .allowlist_type("OSSL_(DISPATCH|ALGORITHM|ITEM|PARAM|CALLBACK|PASSPHRASE_CALLBACK)")
        .allowlist_var(format!("OSSL_FUNC_({})_.*", operations.to_uppercase()))
        .allowlist_var("OSSL_OP_.*|OSSL_OBJECT_.*|OSSL_KEYMGMT_SELECT_.*|OSSL_PARAM_.*")
        .blocklist_function(".*")
        // Their va_list differs between platforms; `raise.c` deals with it.
        .blocklist_item("OSSL_FUNC_(core_vset_error|BIO_vprintf|BIO_vsnprintf)_fn")
        .blocklist_type("va_list|__builtin_va_list|__va_list_tag")
        .layout_tests(false)
        .default_macro_constant_type(bindgen::MacroTypeVariation::Signed)
        .generate_comments(false)
        .raw_line(
            "//! Generated from OpenSSL's core headers by `tests/bindings.rs`; not to be edited.",
        )
        .generate()
        .expect("bindgen reads OpenSSL's headers")
        .to_string();
    let checked_in = package.join("src/ffi/bindings.rs");
    if std::env::var_os("KEYWARD_WRITE_BINDINGS").is_some() {
        fs::write(checked_in, bindings).unwrap();
    } else {
        assert!(
            fs::read_to_string(checked_in).unwrap() == bindings,
            "src/ffi/bindings.rs is out of date: run this test with KEYWARD_WRITE_BINDINGS=1"
        );
    }
}
