//! Deleting keys and bringing them back.

use clap::Args;
use keyward_algorithms::ErrorKind;
use keyward_client::Client;
use keyward_protocol::{Error, Key, KeySelector};
use serde_json::json;

use super::KeyArg;
use crate::cli::{
    arguments,
    context::{Context, full_uri},
    failure::Outcome,
    time,
};

/// Delete a key
///
/// The key is hidden and serves nobody any more. For the time that the service's configuration says (a
/// week if nothing is said), `keyward key undelete` brings it back with all that it was; then it is gone.
/// Its name is free at once.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  keyward key delete web --yes
  keyward key delete web --now                      # for ever, and at once
  keyward key delete id=7f33c1… --now               # one that was deleted before")]
pub(crate) struct DeleteArgs {
    #[command(flatten)]
    key: KeyArg,
    /// For ever and at once
    #[arg(long)]
    now: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Bring a deleted key back
///
/// It has the uses, restrictions, grants and certificates that it had. Where its name has been given to
/// another key meanwhile, --as gives it another one.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  keyward key list --deleted
  keyward key undelete web
  keyward key undelete web --as web-old")]
pub(crate) struct UndeleteArgs {
    #[command(flatten)]
    key: KeyArg,
    /// Another name for it
    #[arg(long = "as", value_name = "NEW_NAME", value_parser = arguments::new_key_name)]
    new_name: Option<String>,
}

pub(super) fn delete(args: &DeleteArgs, context: &Context) -> Outcome {
    let client = context.client()?;
    let key = match client.find(&args.key.name) {
        Err(error) if args.now && error.kind == ErrorKind::NotFound => {
            deleted(&client, &args.key.name)?
        }
        found => found?,
    };
    let consequence = match args.now {
        true => "It cannot be brought back.",
        false => "It can be brought back only as long as the service keeps it.",
    };
    let question = format!(
        "Delete {} ({}, {} {})? {consequence}",
        full_uri(&key),
        key.key_type,
        key.origin.word(),
        time::moment(key.created)
    );
    context.confirm(&question, args.yes)?;
    let until = match args.now {
        true => client.delete_now(&key.id).map(|()| 0),
        false => client.delete(&key.id),
    }?;
    let moment = time::optional_moment(until);
    let value = json!({
        "deleted": { "id": key.id.to_string(), "name": key.name },
        "undelete_until": moment,
    });
    context.output.result(&value, || match &moment {
        None => format!("deleted {} for ever\n", full_uri(&key)),
        Some(moment) => format!(
            "deleted {}; until {moment}: keyward key undelete id={}\n",
            full_uri(&key),
            key.id
        ),
    })
}

pub(super) fn undelete(args: &UndeleteArgs, context: &Context) -> Outcome {
    let client = context.client()?;
    let id = match &args.key.name {
        // Whoever may manage it can bring it back by its identifier, the owner by name too.
        KeySelector::Id(id) => *id,
        name => deleted(&client, name)?.id,
    };
    super::show(&client.undelete(&id, args.new_name.as_deref())?, context)
}

/// The caller's deleted key that is meant.
fn deleted(client: &Client, selector: &KeySelector) -> Result<Key, Error> {
    let is_meant = |key: &Key| match selector {
        KeySelector::Id(id) => key.id == *id,
        KeySelector::Name(name) => key.name == *name,
        KeySelector::Owned { owner, name } => key.owner == *owner && key.name == *name,
    };
    let mut found: Vec<Key> = client.list_deleted()?.into_iter().filter(is_meant).collect();
    match found.len() {
        0 => Err(Error::new(ErrorKind::NotFound, "you have no such deleted key")
            .hint("`keyward key list --deleted` shows those that can be brought back")),
        1 => Ok(found.swap_remove(0)),
        _ => {
            let ids: Vec<String> = found
                .iter()
                .map(|key| format!("id={} of {}", key.id, time::moment(key.attributes.deleted)))
                .collect();
            let message = "several deleted keys have this name";
            Err(Error::invalid(message).hint(format!("say which: {}", ids.join(", "))))
        }
    }
}
