//! The functions that the Java class `Native` declares: a line for what Java passes and gets, and one
//! for the call.

use jni::{EnvUnowned, jni_mangle, objects::JClass};

use crate::{
    calls::{self, CipherCodes, DerivationCodes, SignatureCodes, SymmetricCodes, WrappingCodes},
    clients,
    kinds::{Attributes, Bytes, Chain, Flag, Int, Kind, Long, Nothing, Plain, Secret, Text, Texts},
    shell::run,
};

/// Each function copies its arguments out of Java as their kinds say, makes the call, and copies the
/// answer back.
macro_rules! exports {
    ($(
        $(#[$doc:meta])*
        fn $name:ident($($argument:ident: $kind:ident),*) -> $answer:ident { $call:expr }
    )*) => {$(
        $(#[$doc])*
        #[jni_mangle("dev.keyward.jce.Native")]
        // The list is Java's, and the attribute above wants `pub`.
        #[allow(clippy::too_many_arguments, unreachable_pub)]
        pub fn $name<'local>(
            env: EnvUnowned<'local>,
            _: JClass<'local>,
            $($argument: <$kind as Kind>::Java<'local>),*
        ) -> <$answer as Kind>::Java<'local> {
            run(env, |env| {
                $(let $argument = $kind::read(env, &$argument)?;)*
                $answer::write(env, $call)
            })
        }
    )*};
}

exports! {
    /// Version of the library.
    fn version() -> Text { env!("CARGO_PKG_VERSION") }

    /// Makes a client and gives its handle.
    fn open(settings: Texts) -> Long { calls::open(&settings)? }

    /// Drops a client.
    fn close(client: Long) -> Nothing { clients::remove(client) }

    /// The user that the service takes the caller for.
    fn who_am_i(client: Long) -> Text { calls::who_am_i(client)? }

    /// Whether the service asks for a PIN and the settings name none.
    fn asks_for_pin(client: Long) -> Flag { calls::asks_for_pin(client)? }

    /// Logs in.
    fn log_in(client: Long, pin: Secret) -> Nothing { calls::log_in(client, &pin)? }

    /// The key that a URI names.
    fn find(client: Long, uri: Text) -> Bytes { calls::find(client, &uri)? }

    /// All keys that the caller may see.
    fn list(client: Long) -> Bytes { calls::list(client)? }

    /// Signs.
    fn sign(
        client: Long, key: Bytes, scheme: Int, digest: Int, mgf1: Int, salt_bytes: Int,
        deterministic: Flag, input: Bytes
    ) -> Bytes {
        calls::sign(
            client, &key, &SignatureCodes { scheme, digest, mgf1, salt_bytes, deterministic }, &input,
        )?
    }

    /// Decrypts.
    fn decrypt(
        client: Long, key: Bytes, scheme: Int, digest: Int, mgf1: Int, label: Bytes, input: Bytes
    ) -> Bytes {
        calls::decrypt(
            client, &key, &CipherCodes { scheme, digest, mgf1, label: &label }, &input,
        )?
    }

    /// Agrees on a secret.
    fn derive(client: Long, key: Bytes, peer: Bytes) -> Bytes {
        calls::derive(client, &key, &peer)?
    }

    /// Takes the secret out of a ciphertext of ML-KEM.
    fn decapsulate(client: Long, key: Bytes, ciphertext: Bytes) -> Bytes {
        calls::decapsulate(client, &key, &ciphertext)?
    }

    /// Encrypts with a secret key.
    fn encipher(
        client: Long, key: Bytes, cipher: Int, iv: Bytes, aad: Bytes, tag_bytes: Int, input: Secret
    ) -> Bytes {
        calls::encipher(
            client, &key, &SymmetricCodes { cipher, iv: &iv, aad: &aad, tag_bytes }, &input,
        )?
    }

    /// Decrypts with a secret key.
    fn decipher(
        client: Long, key: Bytes, cipher: Int, iv: Bytes, aad: Bytes, tag_bytes: Int, input: Bytes
    ) -> Bytes {
        calls::decipher(
            client, &key, &SymmetricCodes { cipher, iv: &iv, aad: &aad, tag_bytes }, &input,
        )?
    }

    /// Makes a message authentication code.
    fn mac(client: Long, key: Bytes, mac: Int, message: Bytes) -> Bytes {
        calls::mac(client, &key, mac, &message)?
    }

    /// Random bytes of the service's generator.
    fn random(client: Long, length: Int) -> Bytes { calls::random(client, length)? }

    /// Makes a key.
    fn generate(client: Long, key_type: Text, new: Attributes) -> Bytes {
        calls::generate(client, &key_type, &new)?
    }

    /// Takes in a key that was made elsewhere.
    fn import_key(client: Long, new: Attributes, pkcs8: Secret, chain: Chain) -> Bytes {
        calls::import_key(client, &new, &pkcs8, &chain)?
    }

    /// Takes in a secret key that was made elsewhere.
    fn import_secret(client: Long, key_type: Text, new: Attributes, secret: Secret) -> Bytes {
        calls::import_secret(client, &key_type, &new, &secret)?
    }

    /// Gives a key out, encrypted.
    fn wrap(
        client: Long, key: Bytes, wrapping: Int, digest: Int, mgf1: Int, label: Bytes, with: Bytes,
        spki: Bytes
    ) -> Bytes {
        calls::wrap(
            client, &key, &WrappingCodes { wrapping, digest, mgf1, label: &label }, &with, &spki,
        )?
    }

    /// Takes in an encrypted key.
    fn unwrap(
        client: Long, with: Bytes, wrapping: Int, digest: Int, mgf1: Int, label: Bytes,
        wrapped: Bytes, key_type: Text, new: Attributes
    ) -> Bytes {
        calls::unwrap(
            client, &with, &WrappingCodes { wrapping, digest, mgf1, label: &label }, &wrapped,
            &key_type, &new,
        )?
    }

    /// Makes a secret key from another key.
    fn derive_key(
        client: Long, from: Bytes, function: Int, digest: Int, salt: Bytes, info: Bytes, peer: Bytes,
        key_type: Text, new: Attributes
    ) -> Bytes {
        calls::derive_key(
            client, &from, &DerivationCodes { function, digest, salt: &salt, info: &info }, &peer,
            &key_type, &new,
        )?
    }

    /// Gives a key another name.
    fn rename(client: Long, key: Bytes, name: Text) -> Bytes { calls::rename(client, &key, &name)? }

    /// Replaces the certificates beside a key.
    fn set_chain(client: Long, key: Bytes, chain: Chain) -> Bytes {
        calls::set_chain(client, &key, &chain)?
    }

    /// Deletes a key.
    fn delete(client: Long, key: Bytes, now: Flag) -> Nothing { calls::delete(client, &key, now)? }

    /// The certificates that are kept without a key.
    fn certificates(client: Long) -> Bytes { calls::certificates(client)? }

    /// One of them.
    fn certificate(client: Long, name: Text) -> Bytes { calls::certificate(client, &name)? }

    /// Keeps a certificate without a key.
    fn put_certificate(client: Long, name: Text, der: Bytes) -> Nothing {
        calls::put_certificate(client, &name, &der)?
    }

    /// Deletes a certificate that is kept without a key.
    fn delete_certificate(client: Long, name: Text) -> Nothing {
        calls::delete_certificate(client, &name)?
    }
}
