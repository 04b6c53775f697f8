//! `keyward client …`: machines that reach the service over TLS.

use std::{fs, os::unix::fs::DirBuilderExt, path::PathBuf};

use clap::{Args, Subcommand};
use keyward_algorithms::{Curve, Digest, ErrorKind, KeyType, Role, Scheme, Signature};
use keyward_client::{Address, Client};
use keyward_crypto::PrivateKey;
use keyward_protocol::{Error, messages::Enrol};
use serde_json::json;
use zeroize::Zeroizing;

use super::{
    algorithm::Choice,
    arguments,
    context::Context,
    failure::{Failure, Outcome, crypto_error, file_error},
    files::{chain, pem},
    output::create_file,
    x509::{Signer, Subject, certificate_request, name},
};

/// Enrol machines that reach the service over TLS
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Example:
  keyward client enrol web2 --service tls://hsm.example:7433 --out web2")]
pub(crate) enum ClientCommand {
    Enrol(EnrolArgs),
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
    /// What the user may do at all: user (own and use keys), admin, auditor, operator
    #[arg(long = "role", value_name = "LIST", value_delimiter = ',', default_value = "user")]
    #[arg(value_parser = arguments::role)]
    roles: Vec<Role>,
    /// Make the user an administrator who may use keys too: the same as --role user,admin
    #[arg(long, conflicts_with = "roles")]
    admin: bool,
}

/// Does what a `client` command says.
pub(crate) fn run(command: &ClientCommand, context: &Context) -> Outcome {
    match command {
        ClientCommand::Enrol(args) => enrol(args, context),
    }
}

fn enrol(args: &EnrolArgs, context: &Context) -> Outcome {
    let client = context.client()?;
    let addresses = addresses(args, &client)?;
    let folder = args.out.clone().unwrap_or_else(|| args.name.clone().into());
    let paths = ["client.key", "client.crt", "ca.crt", "client.toml"].map(|file| folder.join(file));
    // Nothing is issued that could not be written down.
    if let Some(taken) = paths.iter().find(|path| path.exists()) {
        let message = format!("{} exists already", taken.display());
        return Err(Error::new(ErrorKind::AlreadyExists, message)
            .hint("name another folder with --out, or remove the old files")
            .into());
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .map_err(|error| file_error("create the folder", &folder, &error))?;

    let key = PrivateKey::generate(KeyType::Ec(Curve::P256)).map_err(crypto_error)?;
    let roles = if args.admin { &[Role::User, Role::Admin] } else { args.roles.as_slice() };
    let issued = client.enrol(Enrol {
        user: args.name.clone(),
        csr: request(&args.name, &key)?,
        days: args.days.unwrap_or(0),
        roles: roles.iter().map(|role| role.word().into()).collect(),
    })?;

    let [key_path, certificate_path, ca_path, settings_path] = &paths;
    create_file(key_path, 0o600, private_pem(&key)?.as_bytes())?;
    create_file(certificate_path, 0o644, chain::to_pem(&issued.chain)?.as_bytes())?;
    create_file(ca_path, 0o644, pem::encode("CERTIFICATE", &issued.ca)?.as_bytes())?;
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
