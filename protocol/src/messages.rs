//! The messages of `keyward.proto`.

use std::fmt;

use zeroize::Zeroize as _;

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
        let secret = |asked: &Asked| {
            matches!(
                asked,
                Asked::Import(_)
                    | Asked::Login(_)
                    | Asked::SetPin(_)
                    | Asked::Unseal(_)
                    | Asked::ChangeSeal(_)
                    | Asked::Encipher(_)
                    | Asked::Encrypt(_)
            )
        };
        self.operation.as_ref().is_some_and(secret)
    }

    /// Overwrites the secrets that it carries.
    pub fn wipe(&mut self) {
        self.operation.iter_mut().for_each(request::Operation::wipe);
    }
}

impl request::Operation {
    /// Overwrites the secrets that it carries.
    pub fn wipe(&mut self) {
        use request::Operation as Asked;
        match self {
            Asked::Import(import) => {
                import.pkcs8.zeroize();
                import.secret.zeroize();
            }
            Asked::Login(login) => login.pin.zeroize(),
            Asked::SetPin(set) => {
                set.pin.zeroize();
                set.old_pin.zeroize();
            }
            Asked::Unseal(unseal) => unseal.secret.zeroize(),
            Asked::ChangeSeal(change) => change.wipe(),
            Asked::Encipher(encipher) => encipher.input.zeroize(),
            Asked::Encrypt(encrypt) => encrypt.input.zeroize(),
            _ => {}
        }
    }
}

impl ChangeSeal {
    /// Overwrites the secrets that it carries.
    pub fn wipe(&mut self) {
        self.present.iter_mut().for_each(zeroize::Zeroize::zeroize);
        if let Some(next) = &mut self.next {
            next.secret.zeroize();
            next.pin.zeroize();
        }
    }
}

/// Says nothing of the passphrase or share that it carries.
impl fmt::Debug for Unseal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unseal").field("forget", &self.forget).finish_non_exhaustive()
    }
}

impl fmt::Debug for ChangeSeal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChangeSeal").field("next", &self.next).finish_non_exhaustive()
    }
}

impl fmt::Debug for NewSeal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewSeal").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// Says nothing of the private key.
impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Front(..)")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_is_wiped_holds_its_secrets_no_more() {
        use request::Operation as Asked;
        let secret = || b"a key of somebody's own".to_vec();
        for asked in [
            Asked::Encipher(Encipher { input: secret(), ..Encipher::default() }),
            Asked::Encrypt(Encrypt { input: secret(), ..Encrypt::default() }),
            Asked::Import(Box::new(Import {
                pkcs8: secret(),
                secret: secret(),
                ..Import::default()
            })),
            Asked::Login(Login { pin: secret(), ..Login::default() }),
            Asked::SetPin(SetPin { pin: secret(), old_pin: secret(), ..SetPin::default() }),
            Asked::Unseal(Unseal { secret: secret(), ..Unseal::default() }),
        ] {
            let mut request = Request { operation: Some(asked), ..Request::default() };
            assert!(request.carries_secret());
            request.wipe();
            let bytes = prost::Message::encode_to_vec(&request);
            let is_secret = |part: &[u8]| part == secret().as_slice();
            assert!(!bytes.windows(secret().len()).any(is_secret), "{request:?}");
        }
    }
}
