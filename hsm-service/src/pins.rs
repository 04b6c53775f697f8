//! The PINs of users: what is kept of them, when one is right, and when a user is locked.
//!
//! The register is one sealed value of the store, as that of client certificates is. What costs
//! much, Argon2id, is done once for each PIN that comes: a PIN that was right or wrong before is
//! known again by a message authentication code under the store's data key. So a web server's
//! workers that all come with the same wrong PIN count once, and those with the right one cost the
//! work of one. Codes of right PINs are in memory alone.

mod hash;

pub(crate) use hash::check_size;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use keyward_algorithms::ErrorKind;
use keyward_protocol::messages::{PinRegister, PinState, UserPin};
use prost::Message;

use crate::{
    Error, Result,
    config::PeopleConfig,
    store::{Secret, Store},
};

/// The name of the register in the store.
const NAME: &str = "pins";

/// How long after a wrong PIN the next different one is looked at.
const PAUSE: Duration = Duration::from_secs(1);

/// The PINs of a service's users.
pub(crate) struct Pins {
    store: Arc<dyn Store>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    register: Register,
    /// The codes of PINs that were right since the service started.
    right: HashMap<String, Vec<u8>>,
    /// When a user last gave a wrong PIN that was not known.
    last_wrong: HashMap<String, Instant>,
    /// Held while a user's PIN is hashed, so that one user's are hashed one at a time.
    turns: HashMap<String, Arc<Mutex<()>>>,
}

#[derive(Clone, Default)]
struct Register {
    by_user: BTreeMap<String, UserPin>,
    offline_acts: Vec<String>,
}

/// What a login was good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) user: Arc<str>,
    /// When the PIN was last changed by an administrator, which ends earlier logins.
    changed: u64,
}

impl Pins {
    /// The register of a store that is sealed, in which nothing is known.
    pub(crate) fn new(store: Arc<dyn Store>) -> Pins {
        Pins { store, state: Mutex::default() }
    }

    /// Takes over the register that the open store keeps.
    pub(crate) fn load(&self) -> Result<()> {
        let register = match self.store.own_secret(NAME)? {
            Some(kept) => Register::decode(kept.expose())?,
            None => Register::default(),
        };
        self.lock().register = register;
        Ok(())
    }

    /// Whether a user has to log in although the configuration does not say so.
    pub(crate) fn asks(&self, user: &str) -> bool {
        self.lock().register.by_user.contains_key(user)
    }

    /// Whether a login still is good.
    pub(crate) fn admits(&self, login: &Login) -> bool {
        let state = self.lock();
        let record = state.register.by_user.get(&*login.user);
        record.is_some_and(|record| !record.hash.is_empty() && record.changed == login.changed)
    }

    /// What is known of a user's PIN: how it stands, different wrong ones, since when it is locked.
    pub(crate) fn standing(&self, user: &str) -> (PinState, u32, u64) {
        match self.lock().register.by_user.get(user) {
            None => (PinState::None, 0, 0),
            Some(record) => {
                let state = match record.hash.is_empty() {
                    true => PinState::Missing,
                    false => PinState::Set,
                };
                (state, record.wrong.len() as u32, record.locked)
            }
        }
    }

    /// How many users are locked.
    pub(crate) fn locked(&self) -> usize {
        let state = self.lock();
        state.register.by_user.values().filter(|record| record.locked != 0).count()
    }

    /// What is known of a PIN without hashing it; `None` where it must be.
    pub(crate) fn recognise(&self, user: &Arc<str>, pin: &[u8]) -> Result<Option<Login>> {
        let code = self.code(user, pin)?;
        self.lock().recognise(user, &code)
    }

    /// Whether a PIN is right. Takes a while; notes what the audit log is to say of it.
    pub(crate) fn verify(
        &self,
        user: &Arc<str>,
        pin: &[u8],
        rules: &PeopleConfig,
        note: &mut dyn FnMut(&str),
    ) -> Result<Login> {
        let code = self.code(user, pin)?;
        let turn = Arc::clone(self.lock().turns.entry(user.to_string()).or_default());
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        // Another connection may have come with the same one meanwhile.
        let record = {
            let state = self.lock();
            if let Some(login) = state.recognise(user, &code)? {
                return Ok(login);
            }
            state.register.by_user.get(&**user).cloned().ok_or_else(|| no_pin(user))?
        };
        let is_right = hash::matches(&record, pin)?;
        let mut state = self.lock();
        if state.register.by_user.get(&**user).is_none_or(|now| now.hash != record.hash) {
            return Err(too_soon(user));
        }
        if is_right {
            if !record.wrong.is_empty() {
                self.change_record(&mut state, user, |record| record.wrong.clear())?;
            }
            state.right.insert(user.to_string(), code);
            return Ok(Login { user: Arc::clone(user), changed: record.changed });
        }
        state.last_wrong.insert(user.to_string(), Instant::now());
        let count = record.wrong.len() + 1;
        let locks = rules.max_pin_failures != 0 && count >= rules.max_pin_failures;
        self.change_record(&mut state, user, |record| {
            record.wrong.push(code);
            if locks {
                record.locked = now().as_secs();
            }
        })?;
        note(&format!("wrong PIN {count}"));
        if locks {
            note("user locked");
            tracing::warn!(user = &**user, "locked after {count} different wrong PINs");
            return Err(locked(user));
        }
        Err(wrong(user))
    }

    /// Gives a user a PIN. One from an administrator ends the logins with the old one, and a lock.
    pub(crate) fn set(
        &self,
        user: &str,
        pin: &[u8],
        rules: &PeopleConfig,
        by_administrator: bool,
    ) -> Result<()> {
        hash::check(pin, rules.min_pin_length)?;
        let mut hashed = UserPin { user: user.into(), ..UserPin::default() };
        hash::set(&mut hashed, pin)?;
        let mut state = self.lock();
        let old = state.register.by_user.get(user);
        if !by_administrator && let Some(old) = old {
            hashed.changed = old.changed;
        } else {
            hashed.changed = now().as_micros() as u64;
        }
        state.forget(user);
        self.change(&mut state, |register| {
            register.by_user.insert(user.to_owned(), hashed);
        })
    }

    /// Has a user log in who did not: with the PIN that is set for it later.
    pub(crate) fn require(&self, user: &str) -> Result<()> {
        let mut state = self.lock();
        if state.register.by_user.contains_key(user) {
            return Ok(());
        }
        let record = UserPin { user: user.into(), ..UserPin::default() };
        self.change(&mut state, |register| {
            register.by_user.insert(user.to_owned(), record);
        })
    }

    /// Takes a user's PIN away.
    pub(crate) fn clear(&self, user: &str) -> Result<()> {
        let mut state = self.lock();
        if !state.register.by_user.contains_key(user) {
            return Err(none_known(user));
        }
        state.forget(user);
        self.change(&mut state, |register| {
            register.by_user.remove(user);
        })
    }

    /// Lets a user try again.
    pub(crate) fn unlock(&self, user: &str) -> Result<()> {
        let mut state = self.lock();
        if !state.register.by_user.contains_key(user) {
            return Err(none_known(user));
        }
        state.last_wrong.remove(user);
        self.change_record(&mut state, user, |record| {
            record.wrong.clear();
            record.locked = 0;
        })
    }

    /// Notes for the audit log what was done while the service is down.
    pub(crate) fn note_offline_act(&self, act: String) -> Result<()> {
        let mut state = self.lock();
        self.change(&mut state, |register| register.offline_acts.push(act))
    }

    /// What was done while the service was down.
    pub(crate) fn take_offline_acts(&self) -> Result<Vec<String>> {
        let mut state = self.lock();
        let acts = state.register.offline_acts.clone();
        if !acts.is_empty() {
            self.change(&mut state, |register| register.offline_acts.clear())?;
        }
        Ok(acts)
    }

    /// What a PIN is known by.
    fn code(&self, user: &str, pin: &[u8]) -> Result<Vec<u8>> {
        let message = zeroize::Zeroizing::new([user.as_bytes(), b"\0", pin].concat());
        self.store.authenticate("pin", &message)
    }

    fn change_record(
        &self,
        state: &mut State,
        user: &str,
        change: impl FnOnce(&mut UserPin),
    ) -> Result<()> {
        self.change(state, |register| {
            if let Some(record) = register.by_user.get_mut(user) {
                change(record);
            }
        })
    }

    /// Changes the register, on disk first.
    fn change(&self, state: &mut State, change: impl FnOnce(&mut Register)) -> Result<()> {
        let mut changed = state.register.clone();
        change(&mut changed);
        self.store.set_own_secrets(&[(NAME, Secret::copy_of(&changed.encode()))])?;
        state.register = changed;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The PINs for a restored store, whose backup does not know which were changed since, or of whom.
pub(crate) fn carried(present: &dyn Store) -> Result<Vec<(&'static str, Secret)>> {
    let Some(kept) = present.own_secret(NAME)? else { return Ok(Vec::new()) };
    Register::decode(kept.expose())?;
    Ok(vec![(NAME, kept)])
}

impl State {
    fn recognise(&self, user: &Arc<str>, code: &[u8]) -> Result<Option<Login>> {
        let record = self.register.by_user.get(&**user);
        let record = record.filter(|record| !record.hash.is_empty()).ok_or_else(|| no_pin(user))?;
        if record.locked != 0 {
            return Err(locked(user));
        }
        let same = |known: &Vec<u8>| verify_slices_are_equal(known, code).is_ok();
        if self.right.get(&**user).is_some_and(same) {
            return Ok(Some(Login { user: Arc::clone(user), changed: record.changed }));
        }
        if record.wrong.iter().any(same) {
            return Err(wrong(user));
        }
        match self.last_wrong.get(&**user) {
            Some(last) if last.elapsed() < PAUSE => Err(too_soon(user)),
            _ => Ok(None),
        }
    }

    fn forget(&mut self, user: &str) {
        self.right.remove(user);
        self.last_wrong.remove(user);
    }
}

impl Register {
    fn decode(bytes: &[u8]) -> Result<Register> {
        let kept = PinRegister::decode(bytes).map_err(|error| {
            Error::new(ErrorKind::Internal, format!("the register of PINs does not read: {error}"))
                .hint("restore the service's state from a backup")
        })?;
        let by_user = kept.users.into_iter().map(|record| (record.user.clone(), record)).collect();
        Ok(Register { by_user, offline_acts: kept.offline_acts })
    }

    fn encode(&self) -> Vec<u8> {
        let users = self.by_user.values().cloned().collect();
        PinRegister { users, offline_acts: self.offline_acts.clone() }.encode_to_vec()
    }
}

/// The error for a user who has to log in.
pub(crate) fn wanted(user: &str) -> Error {
    Error::new(ErrorKind::Unauthenticated, format!("user \"{user}\" has to log in with a PIN"))
        .hint("name the file that holds it: KEYWARD_PIN_FILE, or pin_file in client.toml")
}

fn wrong(user: &str) -> Error {
    Error::new(ErrorKind::Unauthenticated, format!("the PIN of user \"{user}\" is wrong"))
        .hint("put the right one into the file that KEYWARD_PIN_FILE or pin_file names")
}

fn locked(user: &str) -> Error {
    let message = format!("user \"{user}\" is locked after too many wrong PINs");
    Error::new(ErrorKind::Locked, message)
        .hint(format!("an administrator can unlock it: keyward user unlock {user}"))
}

fn too_soon(user: &str) -> Error {
    let message = format!("user \"{user}\" has just given a wrong PIN");
    Error::new(ErrorKind::Busy, message).hint("another one is looked at a second later")
}

fn no_pin(user: &str) -> Error {
    let message = format!("user \"{user}\" has to log in with a PIN, and none is set");
    Error::new(ErrorKind::Unauthenticated, message)
        .hint(format!("an administrator can set one: keyward user set-pin {user}"))
}

fn none_known(user: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("user \"{user}\" has no PIN"))
        .hint("`keyward user list` shows who has one")
}

fn now() -> Duration {
    SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default()
}
