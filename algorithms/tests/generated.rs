//! Files that are written from the table: the Java provider's copy of it and the documentation.
//! They are committed; this test compares, and rewrites them when `KEYWARD_UPDATE=1`.

mod render {
    pub(crate) mod java;
    pub(crate) mod markdown;
    pub(crate) mod roles;
}

use std::{env, fs, path::Path};

#[test]
fn the_java_table_is_current() {
    let package = "java/src/main/java/dev/keyward/jce";
    assert_current(&format!("{package}/AlgorithmTable.java"), &render::java::algorithm_table());
    assert_current(&format!("{package}/ErrorKind.java"), &render::java::error_kind());
    assert_current(&format!("{package}/KeyRight.java"), &render::java::key_right());
}

#[test]
fn the_documentation_is_current() {
    assert_current("docs/algorithms.md", &render::markdown::algorithms());
    assert_current("docs/roles.md", &render::roles::roles());
}

fn assert_current(path: &str, expected: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(path);
    if env::var_os("KEYWARD_UPDATE").is_some_and(|value| value == "1") {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, expected).unwrap();
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == expected,
        "{path} is not what the table says; write it anew: \
         KEYWARD_UPDATE=1 cargo test -p keyward-algorithms --test generated"
    );
}
