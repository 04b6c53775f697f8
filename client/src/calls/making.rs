//! Making keys, taking them in, and giving them out encrypted.

use keyward_algorithms::{ErrorKind, KeyType, Rights};
use keyward_protocol::{
    DerivationChoice, Error, Key, KeyId, Restrictions, Result, WrappingChoice,
    messages::{self, request::Operation},
};

use crate::Client;

/// What a new key is given besides its material.
#[derive(Clone, Debug)]
pub struct KeyTemplate<'a> {
    /// Its name, unique among the caller's keys.
    pub name: &'a str,
    /// Its uses; `None` means its type's default.
    pub usage: Option<Rights>,
    /// Whether its secret may leave the service in wrapped form.
    pub exportable: bool,
    /// What its uses are held to.
    pub restrictions: Restrictions,
}

impl<'a> KeyTemplate<'a> {
    /// A key of this name that is in all else what is usual for its type.
    pub fn named(name: &'a str) -> KeyTemplate<'a> {
        KeyTemplate { name, usage: None, exportable: false, restrictions: Restrictions::default() }
    }

    fn usage_bits(&self) -> u32 {
        self.usage.unwrap_or(Rights::NONE).bits()
    }

    /// Nothing where nothing is asked for, as older services know it.
    fn restrictions(&self) -> Option<Restrictions> {
        Some(self.restrictions.clone()).filter(|asked| *asked != Restrictions::default())
    }
}

/// What a key is encrypted with to leave the service.
#[derive(Clone, Copy, Debug)]
pub enum WrapWith<'a> {
    /// A key of the service with the use `wrap`.
    Key(&'a KeyId),
    /// An RSA key that is elsewhere: its DER SubjectPublicKeyInfo.
    PublicKey(&'a [u8]),
}

impl Client {
    /// Makes a key inside the service.
    pub fn generate(&self, key_type: KeyType, template: &KeyTemplate<'_>) -> Result<Key> {
        let request = messages::Generate {
            name: template.name.into(),
            key_type: key_type.to_string(),
            usage: template.usage_bits(),
            exportable: template.exportable,
            restrictions: template.restrictions(),
        };
        self.new_key(Operation::Generate(request), template)
    }

    /// Puts a key that was made elsewhere into the service: DER PKCS#8, and DER certificates with
    /// the key's own first, or none.
    pub fn import(
        &self,
        pkcs8: &[u8],
        chain: &[Vec<u8>],
        template: &KeyTemplate<'_>,
    ) -> Result<Key> {
        let request = messages::Import {
            name: template.name.into(),
            pkcs8: pkcs8.to_vec(),
            usage: template.usage_bits(),
            exportable: template.exportable,
            restrictions: template.restrictions(),
            chain: chain.to_vec(),
            ..Default::default()
        };
        self.new_key(Operation::Import(Box::new(request)), template)
    }

    /// Puts a secret key that was made elsewhere into the service.
    pub fn import_secret(
        &self,
        key_type: KeyType,
        secret: &[u8],
        template: &KeyTemplate<'_>,
    ) -> Result<Key> {
        let request = messages::Import {
            name: template.name.into(),
            secret: secret.to_vec(),
            key_type: key_type.to_string(),
            usage: template.usage_bits(),
            exportable: template.exportable,
            restrictions: template.restrictions(),
            ..Default::default()
        };
        self.new_key(Operation::Import(Box::new(request)), template)
    }

    /// Gives an exportable key out, encrypted: a secret key as its bytes, a pair as DER PKCS#8.
    pub fn wrap(
        &self,
        key: &KeyId,
        with: WrapWith<'_>,
        choice: &WrappingChoice<'_>,
    ) -> Result<Vec<u8>> {
        let (wrapping_key_id, wrapping_spki) = match with {
            WrapWith::Key(id) => (id.as_bytes().to_vec(), Vec::new()),
            WrapWith::PublicKey(spki) => (Vec::new(), spki.to_vec()),
        };
        self.output(Operation::Wrap(messages::Wrap {
            key_id: key.as_bytes().to_vec(),
            wrapping: Some(choice.into()),
            wrapping_key_id,
            wrapping_spki,
        }))
    }

    /// Takes in a key that was encrypted with one of the service: a secret key of a type, or of a
    /// kind and any size, or a pair as DER PKCS#8.
    pub fn unwrap(
        &self,
        with: &KeyId,
        choice: &WrappingChoice<'_>,
        wrapped: &[u8],
        key_type: Option<&str>,
        template: &KeyTemplate<'_>,
    ) -> Result<Key> {
        let request = messages::Unwrap {
            key_id: with.as_bytes().to_vec(),
            wrapping: Some(choice.into()),
            wrapped: wrapped.to_vec(),
            name: template.name.into(),
            key_type: key_type.unwrap_or_default().into(),
            usage: template.usage_bits(),
            exportable: template.exportable,
            restrictions: template.restrictions(),
        };
        self.new_key(Operation::Unwrap(Box::new(request)), template)
    }

    /// Makes a secret key from another one, or, with the other side's SubjectPublicKeyInfo, from a
    /// key agreement.
    pub fn derive_key(
        &self,
        from: &KeyId,
        peer_spki: Option<&[u8]>,
        choice: &DerivationChoice<'_>,
        key_type: KeyType,
        template: &KeyTemplate<'_>,
    ) -> Result<Key> {
        let request = messages::DeriveKey {
            key_id: from.as_bytes().to_vec(),
            derivation: Some(choice.into()),
            peer_spki: peer_spki.unwrap_or_default().to_vec(),
            name: template.name.into(),
            key_type: key_type.to_string(),
            usage: template.usage_bits(),
            exportable: template.exportable,
            restrictions: template.restrictions(),
        };
        self.new_key(Operation::DeriveKey(Box::new(request)), template)
    }

    /// Has a key made with what the template says.
    fn new_key(&self, operation: Operation, template: &KeyTemplate<'_>) -> Result<Key> {
        let key = self.key(operation)?;
        let (asked, held) = (&template.restrictions, &key.attributes.restrictions);
        let unheld = template.restrictions().is_some() && *held == Restrictions::default()
            || asked.max_uses != 0 && held.max_uses == 0
            || asked.max_rate.is_some() && held.max_rate.is_none()
            || asked.child_uses != 0 && held.child_uses == 0;
        if unheld {
            let message =
                format!("the service has made key \"{}\" without its restrictions", key.name);
            return Err(Error::new(ErrorKind::Unsupported, message)
                .hint("it does not know them: delete the key and upgrade the service"));
        }
        Ok(key)
    }
}
