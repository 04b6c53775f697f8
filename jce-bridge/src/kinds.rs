//! What passes the border between Java and Rust, by kind: how it stands in Java's argument lists, and
//! how it is copied over.

use jni::{
    Env,
    objects::{JByteArray, JObjectArray, JString},
    refs::{Auto, Reference},
    sys::{jboolean, jint, jlong},
};
use zeroize::Zeroizing;

use crate::{attributes::NewKey, shell::Failure};

/// A kind. What can be an argument has `read`, what can be an answer `write`.
pub(crate) trait Kind {
    type Java<'local>;
}

/// A number of 32 bits.
pub(crate) struct Int;

/// A number of 64 bits.
pub(crate) struct Long;

/// Yes or no.
pub(crate) struct Flag;

/// No answer.
pub(crate) struct Nothing;

/// An array of bytes; null is an empty one.
pub(crate) struct Bytes;

/// The same, whose copy is wiped.
pub(crate) struct Secret;

/// Certificates: an array of such arrays.
pub(crate) struct Chain;

/// A string.
pub(crate) struct Text;

/// An array of strings.
pub(crate) struct Texts;

/// What a new key is to be, encoded.
pub(crate) struct Attributes;

/// A kind that is the same on both sides.
pub(crate) trait Plain {
    type Same: Copy;

    fn read(_: &Env<'_>, value: &Self::Same) -> Result<Self::Same, Failure> {
        Ok(*value)
    }

    fn write(_: &Env<'_>, value: Self::Same) -> Result<Self::Same, Failure> {
        Ok(value)
    }
}

impl<K: Plain> Kind for K {
    type Java<'local> = K::Same;
}

impl Plain for Int {
    type Same = jint;
}

impl Plain for Long {
    type Same = jlong;
}

impl Plain for Flag {
    type Same = jboolean;
}

impl Plain for Nothing {
    type Same = ();
}

impl Kind for Bytes {
    type Java<'local> = JByteArray<'local>;
}

impl Bytes {
    pub(crate) fn read(env: &Env<'_>, array: &JByteArray<'_>) -> Result<Vec<u8>, Failure> {
        if array.is_null() {
            return Ok(Vec::new());
        }
        Ok(env.convert_byte_array(array)?)
    }

    pub(crate) fn write<'local>(
        env: &mut Env<'local>,
        bytes: impl AsRef<[u8]>,
    ) -> Result<JByteArray<'local>, Failure> {
        Ok(env.byte_array_from_slice(bytes.as_ref())?)
    }
}

impl Kind for Secret {
    type Java<'local> = JByteArray<'local>;
}

impl Secret {
    pub(crate) fn read(
        env: &Env<'_>,
        array: &JByteArray<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, Failure> {
        Bytes::read(env, array).map(Zeroizing::new)
    }
}

impl Kind for Attributes {
    type Java<'local> = JByteArray<'local>;
}

impl Attributes {
    pub(crate) fn read(env: &Env<'_>, array: &JByteArray<'_>) -> Result<NewKey, Failure> {
        Ok(NewKey::read(&Bytes::read(env, array)?)?)
    }
}

impl Kind for Chain {
    type Java<'local> = JObjectArray<'local, JByteArray<'local>>;
}

impl Chain {
    pub(crate) fn read(
        env: &mut Env<'_>,
        arrays: &JObjectArray<'_, JByteArray<'_>>,
    ) -> Result<Vec<Vec<u8>>, Failure> {
        each(env, arrays, Bytes::read)
    }
}

impl Kind for Text {
    type Java<'local> = JString<'local>;
}

impl Text {
    pub(crate) fn read(env: &Env<'_>, string: &JString<'_>) -> Result<String, Failure> {
        Ok(string.try_to_string(env)?)
    }

    pub(crate) fn write<'local>(
        env: &mut Env<'local>,
        text: impl AsRef<str>,
    ) -> Result<JString<'local>, Failure> {
        Ok(env.new_string(text)?)
    }
}

impl Kind for Texts {
    type Java<'local> = JObjectArray<'local, JString<'local>>;
}

impl Texts {
    pub(crate) fn read(
        env: &mut Env<'_>,
        strings: &JObjectArray<'_, JString<'_>>,
    ) -> Result<Vec<String>, Failure> {
        each(env, strings, Text::read)
    }
}

/// What is read of each element of an array. Its reference is given back at once: a native method may
/// count on sixteen, and a chain may be longer.
fn each<'local, E: Reference, T>(
    env: &mut Env<'local>,
    array: &JObjectArray<'_, E>,
    read: impl Fn(&Env<'local>, &E::Kind<'local>) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    (0..array.len(env)?)
        .map(|index| {
            let element = Auto::new(array.get_element(env, index)?);
            read(env, &element)
        })
        .collect()
}
