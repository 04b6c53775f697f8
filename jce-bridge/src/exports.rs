//! The functions that the Java class `Native` declares.

use jni::{
    EnvUnowned, jni_mangle,
    objects::{JByteArray, JClass, JObjectArray, JString},
    sys::{jboolean, jint, jlong},
};
use zeroize::Zeroizing;

use crate::{
    calls::{self, CipherCodes, DerivationCodes, SignatureCodes, SymmetricCodes, WrappingCodes},
    clients,
    new_key::NewKey,
    shell::{byte_arrays, bytes, run, string, strings, to_java},
};

/// An array of byte arrays.
type ByteArrays<'local> = JObjectArray<'local, JByteArray<'local>>;

/// Version of the library.
#[jni_mangle("dev.keyward.jce.Native")]
pub fn version<'local>(env: EnvUnowned<'local>, _: JClass<'local>) -> JString<'local> {
    run(env, |env| Ok(env.new_string(env!("CARGO_PKG_VERSION"))?))
}

/// Makes a client and gives its handle.
#[jni_mangle("dev.keyward.jce.Native")]
pub fn open<'local>(
    env: EnvUnowned<'local>,
    _: JClass<'local>,
    settings: JObjectArray<'local, JString<'local>>,
) -> jlong {
    run(env, |env| Ok(calls::open(&strings(env, &settings)?)?))
}

/// Drops a client.
#[jni_mangle("dev.keyward.jce.Native")]
pub fn close<'local>(env: EnvUnowned<'local>, _: JClass<'local>, client: jlong) {
    run(env, |_| {
        clients::remove(client);
        Ok(())
    })
}

/// The user that the service takes the caller for.
#[jni_mangle("dev.keyward.jce.Native")]
pub fn who_am_i<'local>(
    env: EnvUnowned<'local>,
    _: JClass<'local>,
    client: jlong,
) -> JString<'local> {
    run(env, |env| Ok(env.new_string(calls::who_am_i(client)?)?))
}

/// Whether the service asks for a PIN and the settings name none.
#[jni_mangle("dev.keyward.jce.Native")]
pub fn asks_for_pin<'local>(env: EnvUnowned<'local>, _: JClass<'local>, client: jlong) -> jboolean {
    run(env, |_| Ok(calls::asks_for_pin(client)?))
}

/// Logs in.
#[jni_mangle("dev.keyward.jce.Native")]
pub fn log_in<'local>(
    env: EnvUnowned<'local>,
    _: JClass<'local>,
    client: jlong,
    pin: JByteArray<'local>,
) {
    run(env, |env| {
        let pin = Zeroizing::new(bytes(env, &pin)?);
        Ok(calls::log_in(client, &pin)?)
    })
}

/// The key that a URI names.
#[jni_mangle("dev.keyward.jce.Native")]
pub fn find<'local>(
    env: EnvUnowned<'local>,
    _: JClass<'local>,
    client: jlong,
    uri: JString<'local>,
) -> JByteArray<'local> {
    run(env, |env| {
        let uri = string(env, &uri)?;
        to_java(env, calls::find(client, &uri)?)
    })
}

/// All keys that the caller may see.
#[jni_mangle("dev.keyward.jce.Native")]
pub fn list<'local>(
    env: EnvUnowned<'local>,
    _: JClass<'local>,
    client: jlong,
) -> JByteArray<'local> {
    run(env, |env| to_java(env, calls::list(client)?))
}

/// Signs.
#[jni_mangle("dev.keyward.jce.Native")]
pub fn sign<'local>(
    env: EnvUnowned<'local>,
    _: JClass<'local>,
    client: jlong,
    key: JByteArray<'local>,
    scheme: jint,
    digest: jint,
    mgf1: jint,
    salt_bytes: jint,
    input: JByteArray<'local>,
) -> JByteArray<'local> {
    run(env, |env| {
        let codes = SignatureCodes { scheme, digest, mgf1, salt_bytes };
        let (key, input) = (bytes(env, &key)?, bytes(env, &input)?);
        to_java(env, calls::sign(client, &key, &codes, &input)?)
    })
}

/// Decrypts.
#[jni_mangle("dev.keyward.jce.Native")]
pub fn decrypt<'local>(
    env: EnvUnowned<'local>,
    _: JClass<'local>,
    client: jlong,
    key: JByteArray<'local>,
    scheme: jint,
    digest: jint,
    mgf1: jint,
    label: JByteArray<'local>,
    input: JByteArray<'local>,
) -> JByteArray<'local> {
    run(env, |env| {
        let (key, label, input) = (bytes(env, &key)?, bytes(env, &label)?, bytes(env, &input)?);
        let codes = CipherCodes { scheme, digest, mgf1, label: &label };
        to_java(env, calls::decrypt(client, &key, &codes, &input)?)
    })
}

/// Agrees on a secret.
#[jni_mangle("dev.keyward.jce.Native")]
pub fn derive<'local>(
    env: EnvUnowned<'local>,
    _: JClass<'local>,
    client: jlong,
    key: JByteArray<'local>,
    peer: JByteArray<'local>,
) -> JByteArray<'local> {
    run(env, |env| {
        let (key, peer) = (bytes(env, &key)?, bytes(env, &peer)?);
        to_java(env, calls::derive(client, &key, &peer)?)
    })
}

/// Takes the secret out of a ciphertext of ML-KEM.
#[jni_mangle("dev.keyward.jce.Native")]
pub fn decapsulate<'local>(
    env: EnvUnowned<'local>,
    _: JClass<'local>,
    client: jlong,
    key: JByteArray<'local>,
    ciphertext: JByteArray<'local>,
) -> JByteArray<'local> {
    run(env, |env| {
        let (key, ciphertext) = (bytes(env, &key)?, bytes(env, &ciphertext)?);
        to_java(env, calls::decapsulate(client, &key, &ciphertext)?)
    })
}

/// Encrypts with a secret key.
#[jni_mangle("dev.keyward.jce.Native")]
#[allow(clippy::too_many_arguments)] // Java's argument list.
pub fn encipher<'local>(
    env: EnvUnowned<'local>,
    _: JClass<'local>,
    client: jlong,
    key: JByteArray<'local>,
    cipher: jint,
    iv: JByteArray<'local>,
    aad: JByteArray<'local>,
    tag_bytes: jint,
    input: JByteArray<'local>,
) -> JByteArray<'local> {
    run(env, |env| {
        let (key, iv, aad) = (bytes(env, &key)?, bytes(env, &iv)?, bytes(env, &aad)?);
        let input = Zeroizing::new(bytes(env, &input)?);
        let codes = SymmetricCodes { cipher, iv: &iv, aad: &aad, tag_bytes };
        to_java(env, calls::encipher(client, &key, &codes, &input)?)
    })
}

/// Decrypts with a secret key.
#[jni_mangle("dev.keyward.jce.Native")]
#[allow(clippy::too_many_arguments)] // Java's argument list.
pub fn decipher<'local>(
    env: EnvUnowned<'local>,
    _: JClass<'local>,
    client: jlong,
    key: JByteArray<'local>,
    cipher: jint,
    iv: JByteArray<'local>,
    aad: JByteArray<'local>,
    tag_bytes: jint,
    input: JByteArray<'local>,
) -> JByteArray<'local> {
    run(env, |env| {
        let (key, iv, aad) = (bytes(env, &key)?, bytes(env, &iv)?, bytes(env, &aad)?);
        let input = bytes(env, &input)?;
        let codes = SymmetricCodes { cipher, iv: &iv, aad: &aad, tag_bytes };
        to_java(env, calls::decipher(client, &key, &codes, &input)?)
    })
}

/// Makes a message authentication code.
#[jni_mangle("dev.keyward.jce.Native")]
pub fn mac<'local>(
    env: EnvUnowned<'local>,
    _: JClass<'local>,
    client: jlong,
    key: JByteArray<'local>,
    mac: jint,
    message: JByteArray<'local>,
) -> JByteArray<'local> {
    run(env, |env| {
        let (key, message) = (bytes(env, &key)?, bytes(env, &message)?);
        to_java(env, calls::mac(client, &key, mac, &message)?)
    })
}

/// Random bytes of the service's generator.
#[jni_mangle("dev.keyward.jce.Native")]
pub fn random<'local>(
    env: EnvUnowned<'local>,
    _: JClass<'local>,
    client: jlong,
    length: jint,
) -> JByteArray<'local> {
    run(env, |env| to_java(env, calls::random(client, length)?))
}

/// Makes a key.
#[jni_mangle("dev.keyward.jce.Native")]
pub fn generate<'local>(
    env: EnvUnowned<'local>,
    _: JClass<'local>,
    client: jlong,
    key_type: JString<'local>,
    attributes: JByteArray<'local>,
) -> JByteArray<'local> {
    run(env, |env| {
        let key_type = string(env, &key_type)?;
        let new = NewKey::read(&bytes(env, &attributes)?)?;
        to_java(env, calls::generate(client, &key_type, &new)?)
    })
}

/// Takes in a key that was made elsewhere.
#[jni_mangle("dev.keyward.jce.Native")]
pub fn import_key<'local>(
    env: EnvUnowned<'local>,
    _: JClass<'local>,
    client: jlong,
    attributes: JByteArray<'local>,
    pkcs8: JByteArray<'local>,
    chain: ByteArrays<'local>,
) -> JByteArray<'local> {
    run(env, |env| {
        let new = NewKey::read(&bytes(env, &attributes)?)?;
        let (pkcs8, chain) = (Zeroizing::new(bytes(env, &pkcs8)?), byte_arrays(env, &chain)?);
        to_java(env, calls::import_key(client, &new, &pkcs8, &chain)?)
    })
}

/// Takes in a secret key that was made elsewhere.
#[jni_mangle("dev.keyward.jce.Native")]
pub fn import_secret<'local>(
    env: EnvUnowned<'local>,
    _: JClass<'local>,
    client: jlong,
    key_type: JString<'local>,
    attributes: JByteArray<'local>,
    secret: JByteArray<'local>,
) -> JByteArray<'local> {
    run(env, |env| {
        let key_type = string(env, &key_type)?;
        let new = NewKey::read(&bytes(env, &attributes)?)?;
        let secret = Zeroizing::new(bytes(env, &secret)?);
        to_java(env, calls::import_secret(client, &key_type, &new, &secret)?)
    })
}

/// Gives a key out, encrypted.
#[jni_mangle("dev.keyward.jce.Native")]
#[allow(clippy::too_many_arguments)] // Java's argument list.
pub fn wrap<'local>(
    env: EnvUnowned<'local>,
    _: JClass<'local>,
    client: jlong,
    key: JByteArray<'local>,
    wrapping: jint,
    digest: jint,
    mgf1: jint,
    label: JByteArray<'local>,
    with: JByteArray<'local>,
    spki: JByteArray<'local>,
) -> JByteArray<'local> {
    run(env, |env| {
        let (key, label) = (bytes(env, &key)?, bytes(env, &label)?);
        let (with, spki) = (bytes(env, &with)?, bytes(env, &spki)?);
        let codes = WrappingCodes { wrapping, digest, mgf1, label: &label };
        to_java(env, calls::wrap(client, &key, &codes, &with, &spki)?)
    })
}

/// Takes in an encrypted key.
#[jni_mangle("dev.keyward.jce.Native")]
#[allow(clippy::too_many_arguments)] // Java's argument list.
pub fn unwrap<'local>(
    env: EnvUnowned<'local>,
    _: JClass<'local>,
    client: jlong,
    with: JByteArray<'local>,
    wrapping: jint,
    digest: jint,
    mgf1: jint,
    label: JByteArray<'local>,
    wrapped: JByteArray<'local>,
    key_type: JString<'local>,
    attributes: JByteArray<'local>,
) -> JByteArray<'local> {
    run(env, |env| {
        let (with, label) = (bytes(env, &with)?, bytes(env, &label)?);
        let wrapped = bytes(env, &wrapped)?;
        let key_type = string(env, &key_type)?;
        let codes = WrappingCodes { wrapping, digest, mgf1, label: &label };
        let new = NewKey::read(&bytes(env, &attributes)?)?;
        to_java(env, calls::unwrap(client, &with, &codes, &wrapped, &key_type, &new)?)
    })
}

/// Makes a secret key from another key.
#[jni_mangle("dev.keyward.jce.Native")]
#[allow(clippy::too_many_arguments)] // Java's argument list.
pub fn derive_key<'local>(
    env: EnvUnowned<'local>,
    _: JClass<'local>,
    client: jlong,
    from: JByteArray<'local>,
    function: jint,
    digest: jint,
    salt: JByteArray<'local>,
    info: JByteArray<'local>,
    peer: JByteArray<'local>,
    key_type: JString<'local>,
    attributes: JByteArray<'local>,
) -> JByteArray<'local> {
    run(env, |env| {
        let (from, peer) = (bytes(env, &from)?, bytes(env, &peer)?);
        let (salt, info) = (bytes(env, &salt)?, bytes(env, &info)?);
        let key_type = string(env, &key_type)?;
        let codes = DerivationCodes { function, digest, salt: &salt, info: &info };
        let new = NewKey::read(&bytes(env, &attributes)?)?;
        to_java(env, calls::derive_key(client, &from, &codes, &peer, &key_type, &new)?)
    })
}

/// Gives a key another name.
#[jni_mangle("dev.keyward.jce.Native")]
pub fn rename<'local>(
    env: EnvUnowned<'local>,
    _: JClass<'local>,
    client: jlong,
    key: JByteArray<'local>,
    name: JString<'local>,
) -> JByteArray<'local> {
    run(env, |env| {
        let (key, name) = (bytes(env, &key)?, string(env, &name)?);
        to_java(env, calls::rename(client, &key, &name)?)
    })
}

/// Replaces the certificates beside a key.
#[jni_mangle("dev.keyward.jce.Native")]
pub fn set_chain<'local>(
    env: EnvUnowned<'local>,
    _: JClass<'local>,
    client: jlong,
    key: JByteArray<'local>,
    chain: ByteArrays<'local>,
) -> JByteArray<'local> {
    run(env, |env| {
        let (key, chain) = (bytes(env, &key)?, byte_arrays(env, &chain)?);
        to_java(env, calls::set_chain(client, &key, &chain)?)
    })
}

/// Deletes a key.
#[jni_mangle("dev.keyward.jce.Native")]
pub fn delete<'local>(
    env: EnvUnowned<'local>,
    _: JClass<'local>,
    client: jlong,
    key: JByteArray<'local>,
    now: jboolean,
) {
    run(env, |env| Ok(calls::delete(client, &bytes(env, &key)?, now)?))
}

/// The certificates that are kept without a key.
#[jni_mangle("dev.keyward.jce.Native")]
pub fn certificates<'local>(
    env: EnvUnowned<'local>,
    _: JClass<'local>,
    client: jlong,
) -> JByteArray<'local> {
    run(env, |env| to_java(env, calls::certificates(client)?))
}

/// One of them.
#[jni_mangle("dev.keyward.jce.Native")]
pub fn certificate<'local>(
    env: EnvUnowned<'local>,
    _: JClass<'local>,
    client: jlong,
    name: JString<'local>,
) -> JByteArray<'local> {
    run(env, |env| {
        let name = string(env, &name)?;
        to_java(env, calls::certificate(client, &name)?)
    })
}

/// Keeps a certificate without a key.
#[jni_mangle("dev.keyward.jce.Native")]
pub fn put_certificate<'local>(
    env: EnvUnowned<'local>,
    _: JClass<'local>,
    client: jlong,
    name: JString<'local>,
    der: JByteArray<'local>,
) {
    run(env, |env| {
        let (name, der) = (string(env, &name)?, bytes(env, &der)?);
        Ok(calls::put_certificate(client, &name, &der)?)
    })
}

/// Deletes a certificate that is kept without a key.
#[jni_mangle("dev.keyward.jce.Native")]
pub fn delete_certificate<'local>(
    env: EnvUnowned<'local>,
    _: JClass<'local>,
    client: jlong,
    name: JString<'local>,
) {
    run(env, |env| {
        let name = string(env, &name)?;
        Ok(calls::delete_certificate(client, &name)?)
    })
}
