//! `keyward user …`: who there is, and the PINs that some log in with.

use std::{path::PathBuf, sync::Arc};

use clap::{Args, Subcommand};
use keyward_client::Pin;
use keyward_protocol::{
    Error,
    messages::{PinState, User},
};
use serde_json::json;

use super::{
    arguments,
    context::{Context, is_interactive, prompt_pin},
    failure::{Failure, Outcome},
    output::table,
    seal::AskingSeal,
    time,
};
use crate::{
    config::{self, Config},
    pins::Pins,
    store::{SqliteStore, Store},
};

/// See the users of the service, and look after their PINs
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Example:
  keyward user list
  keyward user set-pin web --new-pin-file web.pin
  keyward user unlock web")]
pub(crate) enum UserCommand {
    List(ListArgs),
    SetPin(SetPinArgs),
    ClearPin(ClearPinArgs),
    Unlock(UnlockArgs),
}

/// List the users: those of the configuration, and those that client certificates name
///
/// Only administrators may. A user comes and goes with its `user` section of the service's
/// configuration and `systemctl reload keyward`, or with `keyward client enrol` and `revoke`.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  keyward user list")]
pub(crate) struct ListArgs {}

/// Give a user a PIN or password to log in with
///
/// An administrator gives any user one, the first or another; that ends the logins with the old one,
/// and a lock. Users change their own with the old one, and what is logged in stays so. From then on
/// the user is asked for the PIN wherever it comes from. On a terminal PINs are asked for.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  keyward user set-pin web
  keyward user set-pin web --new-pin-file web.pin
  keyward user set-pin admin --offline             with the service stopped, as its local user")]
pub(crate) struct SetPinArgs {
    /// The user
    #[arg(value_parser = arguments::user_name)]
    name: String,
    /// File with the new PIN in its first line
    #[arg(long, value_name = "FILE")]
    new_pin_file: Option<PathBuf>,
    #[command(flatten)]
    offline: OfflineArgs,
}

/// Take a user's PIN away
///
/// It is not asked for one any more, unless its section of the configuration says that one is
/// required. Its logins end.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  keyward user clear-pin web")]
pub(crate) struct ClearPinArgs {
    /// The user
    #[arg(value_parser = arguments::user_name)]
    name: String,
}

/// Let a user log in again who was locked after too many wrong PINs
///
/// Administrators may. Where the only one is locked, whoever may read the service's state and master
/// key stops the service and says --offline.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  keyward user unlock web
  keyward user unlock admin --offline              with the service stopped, as its local user")]
pub(crate) struct UnlockArgs {
    /// The user
    #[arg(value_parser = arguments::user_name)]
    name: String,
    #[command(flatten)]
    offline: OfflineArgs,
}

#[derive(Args, Debug)]
struct OfflineArgs {
    /// Change the state of a service that is stopped, instead of asking one that runs
    #[arg(long)]
    offline: bool,
    /// The configuration of the service that is stopped
    #[arg(long, value_name = "FILE", default_value = config::DEFAULT_PATH, requires = "offline")]
    config: PathBuf,
}

/// Does what a `user` command says.
pub(crate) fn run(command: &UserCommand, context: &Context) -> Outcome {
    match command {
        UserCommand::List(_) => list(context),
        UserCommand::SetPin(args) => set_pin(args, context),
        UserCommand::ClearPin(args) => {
            context.client()?.clear_pin(&args.name)?;
            tell(context, &args.name, "its PIN is cleared")
        }
        UserCommand::Unlock(args) => {
            match args.offline.open()? {
                None => context.client()?.unlock_user(&args.name)?,
                Some((pins, _)) => {
                    pins.unlock(&args.name)?;
                    pins.note_offline_act(format!("unlock-user user {}", args.name))?;
                }
            }
            tell(context, &args.name, "it can log in again")
        }
    }
}

fn tell(context: &Context, name: &str, what: &str) -> Outcome {
    context.output.result(&json!({ "user": name, "result": what }), || format!("{name}: {what}\n"))
}

impl OfflineArgs {
    /// The PINs of the service that is stopped, where that is asked for.
    fn open(&self) -> Result<Option<(Pins, Config)>, Error> {
        if !self.offline {
            return Ok(None);
        }
        let config = Config::load(&self.config)?;
        let seal = AskingSeal::new(config.seal.clone(), None);
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&config.data(), &seal)?);
        let pins = Pins::new(store);
        pins.load()?;
        Ok(Some((pins, config)))
    }
}

fn set_pin(args: &SetPinArgs, context: &Context) -> Outcome {
    let name = &args.name;
    let new = |what: &str| new_pin(args, what);
    if let Some((pins, config)) = args.offline.open()? {
        pins.set(name, new("New PIN")?.expose(), &config.people, true)?;
        pins.note_offline_act(format!("set-pin user {name}"))?;
        return tell(context, name, "its PIN is set");
    }
    let client = context.client()?;
    let is_own = client.hello()?.user == *name;
    let settings = client.settings();
    // The user itself gives the old one too: the one that it logs in with, from its file or again.
    let old = match &settings.pin {
        _ if !is_own => None,
        Some(read) => Some(read.clone()?),
        None if is_interactive() => Some(Arc::new(prompt_pin("Old PIN, if there is one")?)),
        None => None,
    };
    client.set_pin(name, &*new("New PIN")?, old.as_deref())?;
    tell(context, name, "its PIN is set")
}

fn new_pin(args: &SetPinArgs, what: &str) -> Result<Arc<Pin>, Failure> {
    if let Some(path) = &args.new_pin_file {
        return Ok(Arc::new(Pin::read(path)?));
    }
    if !is_interactive() {
        let message = "nobody is there to ask for the new PIN";
        return Err(Failure::usage(message, "put it into a file and say --new-pin-file FILE"));
    }
    let pin = prompt_pin(what)?;
    if prompt_pin("Again")?.expose() != pin.expose() {
        return Err(Error::invalid("the two are not the same").into());
    }
    Ok(Arc::new(pin))
}

fn list(context: &Context) -> Outcome {
    let users = context.client()?.list_users()?;
    let values: Vec<_> = users
        .iter()
        .map(|user| {
            json!({
                "name": user.name,
                "roles": user.roles,
                "identities": user.identities,
                "sources": user.sources,
                "configured": user.configured,
                "pin": pin_word(user),
                "wrong_pins": user.wrong_pins,
                "locked": time::optional_moment(user.locked),
                "keys": user.keys,
                "max_keys": (user.max_keys != 0).then_some(user.max_keys),
                "max_requests_per_second":
                    (user.max_requests_per_second != 0).then_some(user.max_requests_per_second),
            })
        })
        .collect();
    context.output.result(&values, || {
        let or_none = |list: &[String]| if list.is_empty() { "-".into() } else { list.join(",") };
        let rows: Vec<Vec<String>> = users
            .iter()
            .map(|user| {
                let known = if user.configured { "configuration" } else { "certificate" };
                let identities = or_none(&user.identities);
                let sources = or_none(&user.sources);
                let pin = match (user.locked, pin_word(user)) {
                    (0, "none") => "-".into(),
                    (0, word) => word.into(),
                    (since, _) => format!("locked since {}", time::moment(since)),
                };
                let name = user.name.clone();
                let keys = match user.max_keys {
                    0 => user.keys.to_string(),
                    most => format!("{} of {most}", user.keys),
                };
                let rate = match user.max_requests_per_second {
                    0 => "-".into(),
                    most => format!("{most}/s"),
                };
                let roles = or_none(&user.roles);
                vec![name, roles, known.into(), pin, keys, rate, identities, sources]
            })
            .collect();
        let heads =
            ["USER", "ROLES", "KNOWN BY", "PIN", "KEYS", "REQUESTS", "IDENTITIES", "SOURCES"];
        table(&heads, &rows)
    })
}

fn pin_word(user: &User) -> &'static str {
    match user.pin() {
        PinState::None => "none",
        PinState::Missing => "missing",
        PinState::Set => "set",
    }
}
