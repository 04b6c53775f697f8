//! Turns the TOML reader's complaints into errors that a person can act on.

use crate::Error;

/// The error for a configuration that does not read.
pub(super) fn explain(error: &toml::de::Error, text: &str) -> Error {
    let line = error.span().map_or(String::new(), |span| {
        let before = text.get(..span.start).unwrap_or(text);
        format!("line {}: ", before.matches('\n').count() + 1)
    });
    let explained = Error::invalid(format!("{line}{}", error.message().replace('\n', ", ")));
    match nearest(error.message()) {
        Some(name) => explained.hint(format!("did you mean `{name}`?")),
        None => explained,
    }
}

/// Of serde's "unknown field `a`, expected one of `b`, `c`" the known name that is nearest.
fn nearest(message: &str) -> Option<&str> {
    if !message.starts_with("unknown ") {
        return None;
    }
    let mut names = message.split('`').skip(1).step_by(2);
    let unknown = names.next()?;
    names
        .map(|known| (known, strsim::jaro_winkler(unknown, known)))
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .filter(|(_, likeness)| *likeness > 0.7)
        .map(|(known, _)| known)
}
