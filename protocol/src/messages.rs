//! The messages of `keyward.proto`.

use std::fmt;

use zeroize::Zeroize;

include!("messages/generated.rs");

/// Says nothing of the key that it carries.
impl fmt::Debug for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Import").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Says nothing of the PIN.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Says nothing of the PINs.
impl fmt::Debug for SetPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetPin").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Request {
    /// Whether the frame that it came or goes in is to be wiped.
    pub fn carries_secret(&self) -> bool {
        use request::Operation as Asked;
        let secret =
            |asked: &Asked| matches!(asked, Asked::Import(_) | Asked::Login(_) | Asked::SetPin(_));
        self.operation.as_ref().is_some_and(secret)
    }

    /// Overwrites the secrets that it carries.
    pub fn wipe(&mut self) {
        match &mut self.operation {
            Some(request::Operation::Import(import)) => {
                import.pkcs8.zeroize();
                import.secret.zeroize();
            }
            Some(request::Operation::Login(login)) => login.pin.zeroize(),
            Some(request::Operation::SetPin(set)) => {
                set.pin.zeroize();
                set.old_pin.zeroize();
            }
            _ => {}
        }
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
