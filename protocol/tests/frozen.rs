//! What a field of version 1 of the protocol has meant once it means for ever: `frozen-1.txt` has all of
//! them, and a line there is never changed or removed. `KEYWARD_UPDATE=1 cargo test -p keyward-protocol
//! --test frozen` adds the fields that have come since.

use std::{collections::BTreeSet, env, fs, path::Path};

/// `Message.field = number type` of every field, and the numbers of every enumeration.
fn fields() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let schema = protox::compile([root.join("keyward.proto")], [root]).unwrap();
    let mut lines = BTreeSet::new();
    for file in &schema.file {
        for message in &file.message_type {
            for field in &message.field {
                let of = match field.type_name() {
                    "" => format!("{:?}", field.r#type()).to_lowercase(),
                    name => name.rsplit('.').next().unwrap_or_default().to_owned(),
                };
                let many =
                    if format!("{:?}", field.label()) == "Repeated" { " repeated" } else { "" };
                let (message, name) = (message.name(), field.name());
                lines.insert(format!("{message}.{name} = {}{many} {of}", field.number()));
            }
        }
        for values in &file.enum_type {
            for value in &values.value {
                lines.insert(format!("{}.{} = {}", values.name(), value.name(), value.number()));
            }
        }
    }
    lines
}

#[test]
fn every_field_that_there_has_been_is_still_there_and_means_the_same() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/frozen-1.txt");
    let present = fields();
    let mut frozen: BTreeSet<String> =
        fs::read_to_string(&file).unwrap_or_default().lines().map(str::to_owned).collect();
    let lost: Vec<&String> = frozen.difference(&present).collect();
    assert!(
        lost.is_empty(),
        "these were changed or removed, and older clients and services still use them; give what is \
         new another name and number: {lost:#?}"
    );
    if env::var_os("KEYWARD_UPDATE").is_some() {
        frozen.extend(present);
        let lines: Vec<String> = frozen.iter().map(|line| format!("{line}\n")).collect();
        fs::write(&file, lines.concat()).unwrap();
    }
    assert!(!frozen.is_empty(), "{} is missing", file.display());
}
