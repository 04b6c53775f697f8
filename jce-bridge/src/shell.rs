//! What every exported function does around its call: it turns an error or a panic into the one
//! exception that is thrown from here.

use std::any::Any;

use jni::{
    Env, EnvUnowned,
    errors::{Error as JniError, ErrorPolicy},
    jni_sig, jni_str,
    objects::{JObject, JString, JThrowable, JValue},
};
use keyward_algorithms::ErrorKind;
use keyward_protocol::Error;

/// Why a call failed.
pub(crate) enum Failure {
    /// Keyward says why.
    Keyward(Error),
    /// Java's side of the call went wrong.
    Java(JniError),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Keyward(error)
    }
}

impl From<JniError> for Failure {
    fn from(error: JniError) -> Failure {
        Failure::Java(error)
    }
}

/// Runs the body of an exported function; a failure or a panic becomes an exception and the
/// returned value does not count.
pub(crate) fn run<'local, T: Default>(
    mut env: EnvUnowned<'local>,
    body: impl FnOnce(&mut Env<'local>) -> Result<T, Failure>,
) -> T {
    env.with_env(body).resolve::<ThrowKeywardException>()
}

struct ThrowKeywardException;

impl<T: Default> ErrorPolicy<T, Failure> for ThrowKeywardException {
    type Captures<'unowned: 'method, 'method> = ();

    fn on_error<'unowned: 'method, 'method>(
        env: &mut Env<'unowned>,
        (): &mut (),
        failure: Failure,
    ) -> jni::errors::Result<T> {
        // OutOfMemoryError, say: it is what the caller is to see.
        if !env.exception_check() {
            throw(env, &failure.into_error())?;
        }
        Ok(T::default())
    }

    fn on_panic<'unowned: 'method, 'method>(
        env: &mut Env<'unowned>,
        (): &mut (),
        payload: Box<dyn Any + Send + 'static>,
    ) -> jni::errors::Result<T> {
        let text = match payload.downcast_ref::<&str>() {
            Some(text) => (*text).to_owned(),
            None => payload.downcast_ref::<String>().cloned().unwrap_or_default(),
        };
        // Dropping what was thrown could panic again, and this is the last place to catch it.
        std::mem::forget(payload);
        let error = Error::new(ErrorKind::Internal, format!("the native library failed: {text}"))
            .hint("this is a fault in Keyward; please report it");
        throw(env, &error)?;
        Ok(T::default())
    }
}

impl Failure {
    fn into_error(self) -> Error {
        match self {
            Failure::Keyward(error) => error,
            Failure::Java(error) => {
                Error::new(ErrorKind::Internal, format!("the native library failed: {error}"))
            }
        }
    }
}

/// The one place that throws.
fn throw(env: &mut Env<'_>, error: &Error) -> jni::errors::Result<()> {
    let message = env.new_string(&error.message)?;
    let hint = match &error.hint {
        Some(hint) => env.new_string(hint)?,
        None => JString::null(),
    };
    let approval = match error.approval {
        Some(approval) => env.new_string(approval.to_string())?,
        None => JString::null(),
    };
    let [message, hint, approval]: [JObject<'_>; 3] =
        [message.into(), hint.into(), approval.into()];
    let exception = env.new_object(
        jni_str!("dev/keyward/jce/KeywardException"),
        jni_sig!((
            kind: jint,
            message: java.lang.String,
            hint: java.lang.String,
            approval: java.lang.String,
        ) -> void),
        &[
            JValue::Int(error.kind.code() as i32),
            JValue::Object(&message),
            JValue::Object(&hint),
            JValue::Object(&approval),
        ],
    )?;
    let exception = env.cast_local::<JThrowable<'_>>(exception)?;
    match env.throw(exception) {
        // The crate's way to say that it is now pending.
        Err(JniError::JavaException) => Ok(()),
        other => other,
    }
}
