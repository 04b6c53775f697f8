//! Logging in, and the PINs that it takes.

use std::{sync::Arc, time::Instant};

use keyward_algorithms::{ErrorKind, Operation};
use keyward_protocol::{
    check_name,
    messages::{ClearPin, Done, Login, SetPin, UnlockUser},
};
use zeroize::Zeroizing;

use super::people;
use crate::{
    Error, Result, Service,
    audit::Trail,
    backend::{guarded, late},
    execute::Reply,
    identity::{Caller, Role},
    lanes::Job,
    metrics::Queue,
    peer::Peer,
    pins,
    policy::{self, Target},
};

/// What is left to do where a PIN must be hashed.
type Rest = Box<dyn FnOnce(&mut Trail) -> Result<Reply> + Send>;

/// What was found out about a request without hashing a PIN: its outcome, or what is left to do.
pub(crate) type Found = Result<Option<Rest>>;

/// Logs the connection in.
pub(crate) fn log_in(
    service: &Arc<Service>,
    peer: &Arc<Peer>,
    caller: &Caller,
    request: Login,
) -> Found {
    let pin = Zeroizing::new(request.pin);
    pins::check_size(&pin)?;
    // A sealed service asks for none: PINs are sealed too. Once it is unsealed, it asks.
    if !service.store().is_open() {
        return Ok(None);
    }
    let name = Some(request.user.as_str()).filter(|name| !name.is_empty());
    let named = service.live.settings().users.caller(caller.identity.clone(), name);
    let Some(user) = named.user else {
        return Err(match (named.awaits_login, name) {
            (Some(undecided), _) => undecided,
            (None, Some(name)) => another(caller, name),
            (None, None) => policy::logged_in(caller).err().unwrap_or_else(|| pins::wanted("")),
        });
    };
    // Whoever needs no PIN has nothing to prove.
    if policy::logged_in(caller).is_ok_and(|present| *present == *user) && !service.pins.asks(&user)
    {
        return Ok(None);
    }
    if let Some(login) = service.pins.recognise(&user, &pin)? {
        peer.log_in(service, login);
        return Ok(None);
    }
    let (service, peer) = (Arc::clone(service), Arc::clone(peer));
    Ok(Some(Box::new(move |trail| {
        let rules = &service.live.settings().people;
        let login = service.pins.verify(&user, &pin, rules, &mut |more| trail.says(more))?;
        peer.log_in(&service, login);
        Ok(Reply::Done(Done {}))
    })))
}

fn another(caller: &Caller, name: &str) -> Error {
    let message = format!("{} is not the user \"{name}\"", caller.identity);
    Error::new(ErrorKind::Unauthenticated, message)
        .hint("leave out the setting `user`, or map the identity to that user in the service's configuration")
}

/// Gives a user a PIN.
pub(crate) fn set_pin(service: &Arc<Service>, caller: &Caller, request: SetPin) -> Found {
    let (pin, old) = (Zeroizing::new(request.pin), Zeroizing::new(request.old_pin));
    policy::authorise(caller, Operation::SetPin, Target::Service)?;
    check_name("user", &request.user)?;
    pins::check_size(&pin).and_then(|()| pins::check_size(&old))?;
    let user: Arc<str> = request.user.into();
    let is_own = caller.user.as_deref() == Some(&user);
    // An administrator gives the first one, and another where it was forgotten.
    let takes_old = is_own && service.pins.asks(&user);
    if !takes_old {
        policy::known(caller, Role::Admin)?;
        people::check_exists(service, &user)?;
    }
    if takes_old {
        service.pins.recognise(&user, &old)?;
    }
    let (service, by) = (Arc::clone(service), caller.identity.to_string());
    Ok(Some(Box::new(move |trail| {
        let rules = &service.live.settings().people;
        if takes_old {
            service.pins.verify(&user, &old, rules, &mut |more| trail.says(more))?;
        }
        service.pins.set(&user, &pin, rules, !takes_old)?;
        service.live.changed();
        tracing::info!(user = &*user, by, "PIN set");
        Ok(Reply::Done(Done {}))
    })))
}

/// Takes a user's PIN away.
pub(crate) fn clear_pin(service: &Service, caller: &Caller, request: &ClearPin) -> Result<Reply> {
    policy::authorise(caller, Operation::ClearPin, Target::Service)?;
    check_name("user", &request.user)?;
    service.pins.clear(&request.user)?;
    service.live.changed();
    tracing::info!(user = request.user, by = %caller.identity, "PIN cleared");
    Ok(Reply::Done(Done {}))
}

/// Lets a locked user try again.
pub(crate) fn unlock(service: &Service, caller: &Caller, request: &UnlockUser) -> Result<Reply> {
    policy::authorise(caller, Operation::UnlockUser, Target::Service)?;
    check_name("user", &request.user)?;
    service.pins.unlock(&request.user)?;
    tracing::info!(user = request.user, by = %caller.identity, "user unlocked");
    Ok(Reply::Done(Done {}))
}

/// Answers at once, or has the rest done in the lane for logins, where users take turns.
pub(crate) fn finish(
    service: &Service,
    peer: &Arc<Peer>,
    found: Found,
    deadline: Instant,
    trail: Trail,
    done: impl FnOnce(Result<Reply>) + Send + 'static,
) {
    match found {
        Ok(Some(rest)) => {
            let user = Arc::clone(&peer.caller().queue);
            let (peer, since) = (Arc::clone(peer), Instant::now());
            service
                .logins
                .push(&user, Box::new(Hashing { peer, rest, since, deadline, trail, done }));
        }
        Ok(None) => done(trail.finish(Ok(Reply::Done(Done {})))),
        Err(error) => done(trail.finish(Err(error))),
    }
}

/// Work with a PIN that waits for its turn.
struct Hashing<D> {
    peer: Arc<Peer>,
    rest: Rest,
    since: Instant,
    deadline: Instant,
    trail: Trail,
    done: D,
}

impl<D: FnOnce(Result<Reply>) + Send> Job for Hashing<D> {
    fn run(self: Box<Self>) {
        let Hashing { peer, rest, since, deadline, mut trail, done } = *self;
        if peer.has_left() {
            return;
        }
        let now = Instant::now();
        peer.meter.waited(Queue::Logins, now.duration_since(since));
        let result = match now < deadline {
            true => guarded(|| trail.may_still().and_then(|()| rest(&mut trail))),
            false => Err(late()),
        };
        done(trail.finish(result));
    }

    fn refuse(self: Box<Self>) {
        let busy = Error::new(ErrorKind::Busy, "too many logins are waiting");
        (self.done)(self.trail.finish(Err(busy)));
    }

    /// PINs are short.
    fn bytes(&self) -> usize {
        0
    }
}
