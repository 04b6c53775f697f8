//! `keyward client …`: machines that reach the service over TLS.

use std::{
    fs,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use keyward_algorithms::{Curve, Digest, ErrorKind, KeyType, Role, Scheme, Signature};
use keyward_client::{Address, Client};
use keyward_crypto::PrivateKey;
use keyward_protocol::{
    Error,
    messages::{ClientCertificate, Enrol, Enrolment, RenewClient, RevokeClient},
};
use serde::Serialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::{
    algorithm::Choice,
    arguments::{self, SerialNumber},
    context::Context,
    failure::{Failure, Outcome, crypto_error, file_error},
    files::{chain, pem},
    output::{create_file, put_file, table},
    time,
    x509::{Signer, Subject, certificate_request, name},
};
use crate::{clients::enrolment_of, issue::hex, sources::SourceRange};

/// Let in machines that reach the service over TLS, and shut them out
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Example:
  keyward client enrol web2 --service tls://hsm.example:7433 --out web2
  keyward client list
  keyward client revoke web2")]
pub(crate) enum ClientCommand {
    Enrol(EnrolArgs),
    List(ListArgs),
    Renew(RenewArgs),
    Revoke(RevokeArgs),
}

/// List the client certificates that were issued
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  keyward client list")]
pub(crate) struct ListArgs {}

/// Renew the client certificate in use here
///
/// Has the service issue another certificate with the same user, roles and sources for the same key,
/// and puts it in the place of the old one, which stays valid until it ends or is revoked. While the
/// service replaces its authority, the new one is added to the file `ca` as well. Programs take the
/// new files when they next start or reload. With --out a new key is made too, and all is
/// written to another folder as `client enrol` does.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  keyward client renew
  keyward client renew --out new --days 30")]
pub(crate) struct RenewArgs {
    /// Folder for a new key and its certificate
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Validity in days, at most what the present one was issued for [default: as many, or the
    /// service's if those are fewer]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: Option<u32>,
}

/// Shut out a client, at once and on connections that are open
///
/// Revokes all certificates of the user NAME, or the one with a serial number and all that are from the
/// same enrolment: those that it was renewed from or that were renewed from it, since whoever had its
/// key may have renewed it. Nothing undoes it; `client enrol` lets a client in again.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  keyward client revoke web2
  keyward client revoke --serial 5a0c…
  keyward client revoke --serial 5a0c… --alone    once it is renewed with a new key")]
pub(crate) struct RevokeArgs {
    /// The user whose certificates are revoked
    #[arg(value_parser = arguments::user_name)]
    #[arg(required_unless_present = "serial", conflicts_with = "serial")]
    name: Option<String>,
    /// The serial number of one certificate, as `client list` shows it
    #[arg(long, value_name = "HEX", value_parser = arguments::serial_number)]
    serial: Option<SerialNumber>,
    /// Revoke no other certificate of its enrolment
    #[arg(long, requires = "serial")]
    alone: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Issue a client certificate and write all that another machine needs
///
/// Makes a key pair here, has the service certify it for the user NAME, and writes client.key,
/// client.crt, ca.crt and client.toml. Copied to /etc/keyward on the other machine, they are all it
/// needs. Only administrators may enrol.
#[derive(Args, Debug)]
#[command(after_help = "\
Example: two commands join a second machine
  keyward client enrol web2 --service tls://hsm.example:7433 --out web2
  scp web2/* root@web2:/etc/keyward/")]
pub(crate) struct EnrolArgs {
    /// The user that the certificate names
    #[arg(value_parser = arguments::user_name)]
    name: String,
    /// Folder for the files, made if it is not there [default: ./NAME]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Where the other machine reaches the service: tls://HOST:PORT, several with commas between
    /// [default: the address in use here, if it is one of those]
    #[arg(long, value_name = "LIST")]
    service: Option<String>,
    /// Where the files will be on the other machine
    #[arg(long, value_name = "DIR", default_value = "/etc/keyward")]
    install_dir: PathBuf,
    /// Validity in days [default: the service's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: Option<u32>,
    /// Where the client may come from: addresses or ranges, 10.0.0.0/8 [default: everywhere]
    #[arg(long = "source", value_name = "LIST", value_delimiter = ',')]
    #[arg(value_parser = arguments::source)]
    sources: Vec<SourceRange>,
    /// What the user may do at all: user (own and use keys), admin, auditor, operator
    #[arg(long = "role", value_name = "LIST", value_delimiter = ',', default_value = "user")]
    #[arg(value_parser = arguments::role)]
    roles: Vec<Role>,
    /// Make the user an administrator who may use keys too: the same as --role user,admin
    #[arg(long, conflicts_with = "roles")]
    admin: bool,
    /// Have the user log in with a PIN on top of the certificate: `keyward user set-pin NAME` sets it
    #[arg(long)]
    pin: bool,
}

/// Does what a `client` command says.
pub(crate) fn run(command: &ClientCommand, context: &Context) -> Outcome {
    match command {
        ClientCommand::Enrol(args) => enrol(args, context),
        ClientCommand::List(_) => list(context),
        ClientCommand::Renew(args) => renew(args, context),
        ClientCommand::Revoke(args) => revoke(args, context),
    }
}

fn list(context: &Context) -> Outcome {
    let now = time::now();
    let certificates: Vec<Line> = context
        .client()?
        .list_clients()?
        .into_iter()
        .map(|certificate| Line::of(certificate, now))
        .collect();
    context.output.result(&certificates, || {
        let rows: Vec<Vec<String>> = certificates
            .iter()
            .map(|line| {
                let sources =
                    if line.sources.is_empty() { "-".into() } else { line.sources.join(",") };
                let Line { user, serial, roles, state, ends, .. } = line;
                let (state, roles) = ((*state).into(), roles.join(","));
                vec![user.clone(), state, roles, sources, ends.clone(), serial.clone()]
            })
            .collect();
        table(&["USER", "STATE", "ROLES", "SOURCES", "ENDS", "SERIAL"], &rows)
    })
}

/// A certificate as it is shown.
#[derive(Serialize)]
struct Line {
    user: String,
    serial: String,
    state: &'static str,
    roles: Vec<String>,
    sources: Vec<String>,
    issued: String,
    issued_by: String,
    ends: String,
    revoked: Option<String>,
    /// The serial number of the certificate that its holder was enrolled with.
    enrolment: String,
}

impl Line {
    fn of(certificate: ClientCertificate, now: u64) -> Line {
        Line {
            serial: hex(&certificate.serial),
            enrolment: hex(enrolment_of(&certificate)),
            state: match certificate {
                ClientCertificate { revoked: 1.., .. } => "revoked",
                ClientCertificate { ends, .. } if ends < now => "ended",
                _ => "valid",
            },
            user: certificate.user,
            roles: certificate.roles,
            sources: certificate.sources,
            issued: time::moment(certificate.issued),
            issued_by: certificate.issued_by,
            ends: time::moment(certificate.ends),
            revoked: time::optional_moment(certificate.revoked),
        }
    }
}

fn revoke(args: &RevokeArgs, context: &Context) -> Outcome {
    let what = match (&args.name, &args.serial) {
        (Some(name), _) => format!("all certificates of \"{name}\""),
        (None, Some(serial)) if args.alone => format!("the certificate {}", hex(&serial.0)),
        (None, Some(serial)) => {
            format!("the certificate {} and all of the same enrolment", hex(&serial.0))
        }
        (None, None) => return Err(Failure::usage("nothing is named", "name a user")),
    };
    context.confirm(&format!("Revoke {what}, for ever?"), args.yes)?;
    let now = time::now();
    let revoked: Vec<Line> = context
        .client()?
        .revoke_client(RevokeClient {
            user: args.name.clone().unwrap_or_default(),
            serial: args.serial.as_ref().map(|serial| serial.0.clone()).unwrap_or_default(),
            alone: args.alone,
        })?
        .into_iter()
        .map(|certificate| Line::of(certificate, now))
        .collect();
    context.output.result(&revoked, || {
        revoked.iter().map(|line| format!("revoked {} {}\n", line.user, line.serial)).collect()
    })?;
    if revoked.is_empty() {
        context.output.note(&format!(
            "warning: {what} that the service knows were no longer valid, or there are none: see that the \
             name is right, `keyward client list`. One that it does not know is shut out, too."
        ));
    }
    Ok(())
}

fn renew(args: &RenewArgs, context: &Context) -> Outcome {
    let settings = context.settings()?;
    let (Some(ca), Some(certificate), Some(key)) =
        (settings.ca.clone(), settings.cert.clone(), settings.key.clone())
    else {
        return Err(Failure::usage(
            "no client certificate is in use here",
            "set KEYWARD_CERT and KEYWARD_KEY, or /etc/keyward/client.toml",
        ));
    };
    let client = context.consenting(Client::new(settings));
    let user = client.hello()?.identity;
    let user = user.strip_prefix("cert:").unwrap_or(&user);
    let days = args.days.unwrap_or(0);
    let Some(folder) = &args.out else {
        let own = own_key(&key)?;
        let issued = client.renew(RenewClient { csr: request(user, &own)?, days })?;
        // First the authorities: the old ones are among them, so that whoever reads the files
        // between the two steps has what goes together.
        let mut files = Vec::new();
        let authorities = authorities(&issued)?;
        if fs::read(&ca).ok().as_deref() != Some(authorities.as_bytes()) {
            put_file(&ca, authorities.as_bytes())?;
            files.push(ca.display().to_string());
        }
        put_file(&certificate, chain::to_pem(&issued.chain)?.as_bytes())?;
        files.push(certificate.display().to_string());
        let value = json!({ "user": user, "files": files });
        return context
            .output
            .result(&value, || files.iter().map(|file| format!("{file}\n")).collect());
    };
    let paths = ["client.key", "client.crt", "ca.crt"].map(|file| folder.join(file));
    prepare_folder(folder, &paths)?;
    let own = PrivateKey::generate(KeyType::Ec(Curve::P256)).map_err(crypto_error)?;
    let issued = client.renew(RenewClient { csr: request(user, &own)?, days })?;
    let [key_path, certificate_path, ca_path] = &paths;
    create_file(key_path, 0o600, private_pem(&own)?.as_bytes())?;
    create_file(certificate_path, 0o644, chain::to_pem(&issued.chain)?.as_bytes())?;
    create_file(ca_path, 0o644, authorities(&issued)?.as_bytes())?;
    let files: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    let value = json!({ "user": user, "files": files });
    context.output.result(&value, || files.iter().map(|file| format!("{file}\n")).collect())
}

/// The authorities to be trusted, as PEM.
fn authorities(issued: &Enrolment) -> Result<String, Error> {
    let both = [&issued.ca, &issued.next_ca].into_iter().filter(|one| !one.is_empty());
    chain::to_pem(&both.cloned().collect::<Vec<_>>())
}

/// The key of the client certificate in use.
fn own_key(path: &Path) -> Result<PrivateKey, Error> {
    let other = || {
        Error::invalid(format!("{} holds no P-256 key in PKCS#8", path.display()))
            .hint("have a new key made: keyward client renew --out DIR")
    };
    let text = fs::read(path).map(Zeroizing::new);
    let text = text.map_err(|error| file_error("read", path, &error))?;
    let blocks = pem::blocks(&text)?;
    let block = blocks.iter().find(|block| block.label == "PRIVATE KEY").ok_or_else(other)?;
    let key = PrivateKey::from_pkcs8(&block.der).map_err(crypto_error)?;
    if key.key_type() == KeyType::Ec(Curve::P256) { Ok(key) } else { Err(other()) }
}

/// Makes the folder, in which none of the files may be yet: nothing is issued that could not be
/// written down.
fn prepare_folder(folder: &Path, paths: &[PathBuf]) -> Outcome {
    if let Some(taken) = paths.iter().find(|path| path.exists()) {
        let message = format!("{} exists already", taken.display());
        return Err(Error::new(ErrorKind::AlreadyExists, message)
            .hint("name another folder with --out, or remove the old files")
            .into());
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| file_error("create the folder", folder, &error).into())
}

fn enrol(args: &EnrolArgs, context: &Context) -> Outcome {
    let client = context.client()?;
    let addresses = addresses(args, &client)?;
    let folder = args.out.clone().unwrap_or_else(|| args.name.clone().into());
    let paths = ["client.key", "client.crt", "ca.crt", "client.toml"].map(|file| folder.join(file));
    let [key_path, certificate_path, ca_path, settings_path] = &paths;
    let asked = folder.join("client.csr");
    let (key, csr) = match asked.exists() {
        // Others were asked to approve this very request.
        true => {
            let csr = fs::read(&asked).map_err(|error| file_error("read", &asked, &error))?;
            (own_key(key_path)?, csr)
        }
        false => {
            prepare_folder(&folder, &paths)?;
            let key = PrivateKey::generate(KeyType::Ec(Curve::P256)).map_err(crypto_error)?;
            let csr = request(&args.name, &key)?;
            (key, csr)
        }
    };
    let roles = if args.admin { &[Role::User, Role::Admin] } else { args.roles.as_slice() };
    let enrol = Enrol {
        user: args.name.clone(),
        csr: csr.clone(),
        days: args.days.unwrap_or(0),
        sources: args.sources.iter().map(ToString::to_string).collect(),
        roles: roles.iter().map(|role| role.word().into()).collect(),
        pin: args.pin,
    };
    let issued = client.enrol(enrol);
    let waits = issued.as_ref().is_err_and(|error| error.approval.is_some());
    if !asked.exists() && (issued.is_ok() || waits) {
        create_file(key_path, 0o600, private_pem(&key)?.as_bytes())?;
    }
    if !asked.exists() && waits {
        create_file(&asked, 0o600, &csr)?;
    }
    let issued = issued?;
    if asked.exists() {
        fs::remove_file(&asked).map_err(|error| file_error("remove", &asked, &error))?;
    }
    create_file(certificate_path, 0o644, chain::to_pem(&issued.chain)?.as_bytes())?;
    create_file(ca_path, 0o644, authorities(&issued)?.as_bytes())?;
    create_file(settings_path, 0o644, settings(args, &addresses).as_bytes())?;

    let files: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    let value = json!({ "user": args.name, "address": addresses, "files": files });
    context.output.result(&value, || files.iter().map(|file| format!("{file}\n")).collect())?;
    context.output.note(&format!(
        "enrolled \"{}\"; next: copy {}/* to {} on the other machine",
        args.name,
        folder.display(),
        args.install_dir.display()
    ));
    if args.pin {
        let name = &args.name;
        context.output.note(&format!(
            "before it is let in: keyward user set-pin {name}, and pin_file in its client.toml"
        ));
    }
    Ok(())
}

/// The addresses that go into the other machine's settings.
fn addresses(args: &EnrolArgs, client: &Client) -> Result<String, Failure> {
    let list = match &args.service {
        Some(list) => Address::parse_list(list)?,
        None => client.settings().addresses.clone(),
    };
    if list.iter().any(|address| matches!(address, Address::Unix(_))) {
        return Err(Failure::usage(
            "another machine cannot reach a UNIX socket here",
            "say where it reaches the service: --service tls://HOST:PORT",
        ));
    }
    let written: Vec<String> = list.iter().map(Address::to_string).collect();
    Ok(written.join(","))
}

fn request(user: &str, key: &PrivateKey) -> Result<Vec<u8>, Error> {
    let choice = Signature::find(Scheme::Ecdsa, Some(Digest::Sha256))
        .map(Choice::plain)
        .ok_or_else(|| Error::new(ErrorKind::Internal, "there is no ECDSA with SHA-256"))?;
    let spki = key.public_key_spki();
    let signer = Signer {
        spki: &spki,
        algorithm: &choice.identifier()?,
        sign: &|message| {
            let input = choice.digest_of(message)?;
            key.sign(choice.algorithm, None, &input).map_err(crypto_error)
        },
    };
    let subject = Subject { name: name::parse(&format!("CN={user}"))?, alternative_names: vec![] };
    certificate_request(&subject, &signer)
}

/// The key as PEM, in a buffer that is wiped.
fn private_pem(key: &PrivateKey) -> Result<Zeroizing<String>, Error> {
    let pkcs8 = key.to_pkcs8().map_err(crypto_error)?;
    pem::encode("PRIVATE KEY", &pkcs8).map(Zeroizing::new)
}

/// The other machine's client.toml.
fn settings(args: &EnrolArgs, addresses: &str) -> String {
    let path = |file: &str| args.install_dir.join(file).display().to_string();
    format!(
        "# Where this machine finds Keyward, and as whom. Read by the OpenSSL provider, the Java\n\
         # provider and `keyward`; `keyward doctor` checks it. This machine is \"{}\".\n\
         address = {:?}\nca = {:?}\ncert = {:?}\nkey = {:?}\n",
        args.name,
        addresses,
        path("ca.crt"),
        path("client.crt"),
        path("client.key"),
    )
}
