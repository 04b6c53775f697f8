//! `keyward key …`: keys.

mod certify;
mod deleted;
mod import;
mod lifecycle;
mod restrict;
mod rotate;
mod view;
mod wrapping;

pub(crate) use view::{CertificateView, KeyView};

use clap::{Args, Subcommand};
use keyward_algorithms::ErrorKind;
use keyward_client::Client;
use keyward_protocol::{Error, Key, KeySelector, reference::Reference};
use serde_json::json;

use self::{
    certify::{CsrArgs, SelfSignArgs},
    deleted::{DeleteArgs, UndeleteArgs},
    import::ImportArgs,
    lifecycle::{GenerateArgs, RenameArgs, ShareArgs, UnshareArgs},
    restrict::{DistrustArgs, RestrictArgs, TrustArgs},
    rotate::RotateArgs,
    wrapping::{DeriveArgs, UnwrapArgs, WrapArgs},
};
use super::{
    arguments,
    context::{Context, uri},
    failure::Outcome,
    files::pem,
    output::{OutArgs, table},
};

/// Make, import, list, share, restrict, rotate and delete keys
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  keyward key generate web --type p-256
  keyward key share web www-data
  keyward key csr web --subject CN=www.example --out web.csr
  keyward key pem web --out web.pem")]
pub(crate) enum KeyCommand {
    Generate(GenerateArgs),
    Import(ImportArgs),
    List(ListArgs),
    Show(ShowArgs),
    Rename(RenameArgs),
    Restrict(RestrictArgs),
    Trust(TrustArgs),
    Distrust(DistrustArgs),
    Rotate(RotateArgs),
    Delete(DeleteArgs),
    Undelete(UndeleteArgs),
    Share(ShareArgs),
    Unshare(UnshareArgs),
    Public(PublicArgs),
    Pem(PemArgs),
    Csr(CsrArgs),
    SelfSign(SelfSignArgs),
    Wrap(WrapArgs),
    Unwrap(UnwrapArgs),
    Derive(DeriveArgs),
}

/// List the keys that you may see
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  keyward key list --prefix web
  keyward key list --limit 100 --after web/alice")]
pub(crate) struct ListArgs {
    /// Only names that begin with this
    #[arg(long, default_value = "")]
    prefix: String,
    /// Your keys that were deleted and can be brought back
    #[arg(long, conflicts_with = "prefix")]
    deleted: bool,
    /// At most so many, by name and owner
    #[arg(long, value_name = "N", conflicts_with = "deleted")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Only those after this one, with which the last listing ended
    #[arg(long, value_name = "NAME/OWNER", conflicts_with = "deleted", requires = "limit")]
    after: Option<String>,
}

/// Show everything about one key that you may know
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  keyward key show web")]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    key: KeyArg,
}

/// Print the public key: PEM SubjectPublicKeyInfo
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  keyward key public web --out web.pub.pem")]
pub(crate) struct PublicArgs {
    #[command(flatten)]
    key: KeyArg,
    #[command(flatten)]
    to: OutArgs,
}

/// Print a reference to the key for applications that want a private key file
///
/// The file holds no secret. OpenSSL with the keyward provider takes it wherever it takes a private
/// key in PEM, and every use of it asks the service.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  keyward key pem web --out /etc/ssl/web.pem   # ssl_certificate_key /etc/ssl/web.pem;")]
pub(crate) struct PemArgs {
    #[command(flatten)]
    key: KeyArg,
    #[command(flatten)]
    to: OutArgs,
}

/// The key that a command is about.
#[derive(Args, Debug)]
pub(crate) struct KeyArg {
    /// The key: NAME, OWNER/NAME, id=HEX or a keyward: URI
    #[arg(value_name = "NAME", value_parser = arguments::key)]
    pub(crate) name: KeySelector,
}

/// Does what a `key` command says.
pub(crate) fn run(command: &KeyCommand, context: &Context) -> Outcome {
    match command {
        KeyCommand::Generate(args) => lifecycle::generate(args, context),
        KeyCommand::Import(args) => import::run(args, context),
        KeyCommand::List(args) => list(args, context),
        KeyCommand::Show(args) => {
            let key = context.client()?.find(&args.key.name)?;
            show(&key, context)
        }
        KeyCommand::Rename(args) => lifecycle::rename(args, context),
        KeyCommand::Restrict(args) => restrict::restrict(args, context),
        KeyCommand::Trust(args) => restrict::trust(args, context),
        KeyCommand::Distrust(args) => restrict::distrust(args, context),
        KeyCommand::Rotate(args) => rotate::rotate(args, context),
        KeyCommand::Delete(args) => deleted::delete(args, context),
        KeyCommand::Undelete(args) => deleted::undelete(args, context),
        KeyCommand::Share(args) => lifecycle::share(args, context),
        KeyCommand::Unshare(args) => lifecycle::unshare(args, context),
        KeyCommand::Public(args) => public(args, context),
        KeyCommand::Pem(args) => reference(args, context),
        KeyCommand::Csr(args) => certify::csr(args, context),
        KeyCommand::SelfSign(args) => certify::self_sign(args, context),
        KeyCommand::Wrap(args) => wrapping::wrap(args, context),
        KeyCommand::Unwrap(args) => wrapping::unwrap(args, context),
        KeyCommand::Derive(args) => wrapping::derive(args, context),
    }
}

/// Prints a key with all its attributes.
fn show(key: &Key, context: &Context) -> Outcome {
    let view = KeyView::new(key)?;
    context.output.result(&view, || view.text())?;
    key.warnings.iter().for_each(|warning| context.output.note(&format!("warning: {warning}")));
    Ok(())
}

fn list(args: &ListArgs, context: &Context) -> Outcome {
    let client = context.client()?;
    let mut keys = match (args.deleted, args.limit) {
        (true, _) => client.list_deleted()?,
        (false, None) => client.list(&args.prefix)?,
        (false, Some(limit)) => some(&client, args, limit as usize, context)?,
    };
    if args.limit.is_none() {
        keys.sort_by(|a, b| (&a.owner, &a.name).cmp(&(&b.owner, &b.name)));
    }
    let views: Vec<KeyView> = keys.iter().map(KeyView::new).collect::<Result<_, Error>>()?;
    context.output.result(&views, || {
        if views.is_empty() {
            context.output.note(match args.deleted {
                true => "no deleted keys",
                false => "no keys; `keyward key generate NAME --type TYPE` makes one",
            });
            return String::new();
        }
        if args.deleted {
            let rows: Vec<Vec<String>> = views.iter().map(KeyView::deleted_row).collect();
            return table(&KeyView::DELETED_HEADS, &rows);
        }
        let rows: Vec<Vec<String>> = views.iter().map(KeyView::row).collect();
        table(&KeyView::HEADS, &rows)
    })
}

/// Some of the keys; says after which one the listing goes on.
fn some(
    client: &Client,
    args: &ListArgs,
    limit: usize,
    context: &Context,
) -> Result<Vec<Key>, Error> {
    let mut keys = Vec::new();
    let mut after = args.after.clone().unwrap_or_default().into_bytes();
    loop {
        let left = limit - keys.len();
        let (page, next) = client.list_page(&args.prefix, after, left as u32)?;
        keys.extend(page);
        if next.is_empty() {
            return Ok(keys);
        }
        if keys.len() >= limit {
            context.output.note(&format!("more: --after {}", String::from_utf8_lossy(&next)));
            return Ok(keys);
        }
        after = next;
    }
}

/// The key of this name, which must have a public half.
fn pair(context: &Context, name: &KeySelector) -> Result<Key, Error> {
    let key = context.client()?.find(name)?;
    if key.spki.is_empty() {
        let message = format!("key \"{}\" is of type {}: a secret key", key.name, key.key_type);
        return Err(Error::new(ErrorKind::Unsupported, message)
            .hint("secret keys have neither a public half nor certificates"));
    }
    Ok(key)
}

fn public(args: &PublicArgs, context: &Context) -> Outcome {
    let key = pair(context, &args.key.name)?;
    let pem = pem::encode("PUBLIC KEY", &key.spki)?;
    let value = json!({ "id": key.id.to_string(), "public_key": pem });
    context.output.document_to(&args.to, &value, &pem)
}

fn reference(args: &PemArgs, context: &Context) -> Outcome {
    let key = pair(context, &args.key.name)?;
    let uri = uri(&args.key.name);
    let pem = Reference { uri: uri.clone(), id: key.id, spki: key.spki }.to_pem()?;
    let value = json!({ "id": key.id.to_string(), "uri": uri, "reference": pem });
    context.output.document_to(&args.to, &value, &pem)
}
