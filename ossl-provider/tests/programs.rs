//! The C programs of the other tests, for machines that have no compiler.

mod support;

use std::{fs, path::Path};

#[test]
#[ignore = "`make matrix` runs it before it goes to such machines"]
fn every_program_compiles() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c");
    for entry in fs::read_dir(sources).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "c") {
            support::compile(path.file_stem().unwrap().to_str().unwrap());
        }
    }
    support::compile_static("manners");
}
