//! The messages of `keyward.proto`.

use std::fmt;

include!("messages/generated.rs");

/// Says nothing of the key that it carries.
impl fmt::Debug for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Import").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Says nothing of the result, which may be a secret.
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").field("id", &self.id).finish_non_exhaustive()
    }
}

impl fmt::Debug for response::Result {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            response::Result::Failure(failure) => failure.fmt(f),
            _ => f.write_str("Result(..)"),
        }
    }
}
