//! Opening a connection, and how the service is.

use std::{sync::PoisonError, thread};

use keyward_algorithms::{ErrorKind, Operation};
use keyward_protocol::{
    constants::{MAX_FRAME_BYTES, VERSION},
    messages::{Done, Hello, HelloReply, StatusReply},
};

use crate::{
    Error, Result, Service,
    clock::now,
    execute::Reply,
    identity::{Caller, Role},
    policy::{self, Target},
};

/// The program and its version.
const SERVICE: &str = concat!("keyward/", env!("CARGO_PKG_VERSION"));

/// The stack that the known-answer tests get.
const SELF_TEST_STACK_BYTES: usize = 8 << 20;

pub(crate) fn hello(service: &Service, caller: &Caller, request: &Hello) -> Result<Reply> {
    let (min, max) = (request.min_version, request.max_version);
    if !(min..=max).contains(&VERSION) {
        let message =
            format!("this service speaks version {VERSION} of the protocol, not {min} to {max}");
        return Err(Error::new(ErrorKind::Unsupported, message)
            .hint("bring client and service to versions of Keyward that are closer"));
    }
    Ok(Reply::Hello(Box::new(HelloReply {
        version: VERSION,
        service: SERVICE.into(),
        user: caller.user.as_deref().unwrap_or_default().into(),
        identity: caller.identity.to_string(),
        operations: Operation::ALL.iter().map(|operation| operation.code()).collect(),
        max_frame_bytes: MAX_FRAME_BYTES as u32,
        service_id: service.authority.service_id().into(),
        fips: keyward_crypto::is_fips_module(),
        wants_pin: caller.awaits_login.is_some(),
    })))
}

/// How many ends of one's own keys the status names.
const NAMED_ENDINGS: usize = 5;

/// What ends: each of the caller's own keys, and for who keeps the service running how many.
fn endings(service: &Service, caller: &Caller) -> Vec<String> {
    let endings = service.caretaker.endings().all();
    let mut warnings = Vec::new();
    if let Some(user) = caller.user.as_deref() {
        let mut own = endings.iter().filter(|ending| ending.owner == user);
        let time = now();
        warnings.extend(own.by_ref().take(NAMED_ENDINGS).map(|ending| ending.sentence(time)));
        let more = own.count();
        if more > 0 {
            warnings.push(format!("{more} more certificates and keys of yours end soon"));
        }
    }
    if caller.has(Role::Operator) || caller.has(Role::Admin) {
        warnings.extend(service.caretaker.endings().summary());
    }
    warnings
}

/// What is to be mended, for those whom the service knows: it tells of paths and keys.
fn warnings(service: &Service, caller: &Caller) -> Vec<String> {
    let mut warnings = service.warnings.clone();
    warnings.extend(crate::harden::unlocked_secrets());
    warnings.extend(service.audit.warnings());
    warnings.extend(service.sealing.warnings());
    warnings.extend(endings(service, caller));
    warnings.extend(service.authority.advice(&caller.identity));
    let failure = service.reload_failure.lock().unwrap_or_else(PoisonError::into_inner);
    warnings.extend(failure.clone());
    warnings
}

pub(crate) fn status(service: &Service, caller: &Caller) -> Result<Reply> {
    // Who may not see keys does not learn how many there are.
    let keys = match caller.user.as_deref().filter(|_| !caller.is_stranger()) {
        Some(_) if caller.has(Role::Admin) => service.store().count(None)?,
        Some(user) => service.store().count(Some(user))?,
        None => 0,
    };
    let warnings = if caller.is_stranger() { Vec::new() } else { warnings(service, caller) };
    Ok(Reply::Status(Box::new(StatusReply {
        can_sign: service.can_sign(),
        version: env!("CARGO_PKG_VERSION").into(),
        fips: keyward_crypto::is_fips_module(),
        module: keyward_crypto::module(),
        seal: service.sealing.word().into(),
        keys,
        uptime_seconds: service.started.elapsed().as_secs(),
        roles: caller.roles.iter().map(|role| role.word().into()).collect(),
        warnings,
        development: service.development,
        state: service.sealing.state().word().into(),
    })))
}

pub(crate) fn self_test(caller: &Caller) -> Result<Reply> {
    policy::authorise(caller, Operation::SelfTest, Target::Service)?;
    // The tests of ML-DSA take more stack than the thread of a connection has.
    let tests = thread::Builder::new()
        .name("self-test".into())
        .stack_size(SELF_TEST_STACK_BYTES)
        .spawn(keyward_crypto::self_test)
        .map_err(|error| {
            Error::new(ErrorKind::Internal, format!("cannot start a thread: {error}"))
        })?;
    if matches!(tests.join(), Ok(true)) {
        return Ok(Reply::Done(Done {}));
    }
    let message = format!("the self-test of {} failed", keyward_crypto::module());
    Err(Error::new(ErrorKind::Internal, message)
        .hint("trust nothing that this service makes: stop it, and look at the machine's memory and processor"))
}
