//! The messages in `src/messages.rs` are what `keyward.proto` says. After a change of the schema,
//! `KEYWARD_UPDATE=1 cargo test -p keyward-protocol --test generated` writes them anew.

use std::{env, fs, path::Path};

#[test]
fn messages_are_those_of_the_schema() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let schema = protox::compile([root.join("keyward.proto")], [root]).unwrap();
    let folder = env::temp_dir().join(format!("keyward-messages-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    prost_build::Config::new()
        // These carry secrets; `src/messages.rs` is followed by their own `Debug`.
        .skip_debug([
            "Import",
            "Login",
            "SetPin",
            "Response",
            "Response.result",
            "Unseal",
            "ChangeSeal",
            "NewSeal",
            "Front",
        ])
        // Messages pass over the small stacks of OpenSSL's jobs, so none of them is much larger than
        // the others.
        .boxed("Response.result.hello")
        .boxed("Response.result.status")
        .boxed("Response.result.key")
        .boxed("Response.result.seal")
        .boxed("Response.result.authority")
        .boxed("Request.operation.import")
        .boxed("Request.operation.unwrap")
        .boxed("Request.operation.derive_key")
        .boxed("Request.operation.rotate")
        .boxed("Request.operation.change_seal")
        .out_dir(&folder)
        .compile_fds(schema)
        .unwrap();
    let fresh = fs::read_to_string(folder.join("keyward.v1.rs")).unwrap();
    fs::remove_dir_all(&folder).unwrap();

    let file = root.join("src/messages/generated.rs");
    if env::var_os("KEYWARD_UPDATE").is_some() {
        fs::write(&file, &fresh).unwrap();
    }
    assert!(
        fs::read_to_string(&file).unwrap_or_default() == fresh,
        "src/messages/generated.rs is not what keyward.proto says; run this test with KEYWARD_UPDATE=1"
    );
}
