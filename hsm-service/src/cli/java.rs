//! The JDK's own tools with the options that make Keyward known to them.

use std::{
    env,
    ffi::OsString,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
};

use clap::{Args, Subcommand};
use keyward_algorithms::ErrorKind;
use keyward_protocol::{Error, check_name};

use super::{
    context::Context,
    failure::{Outcome, file_error},
};

/// The jar's place beside the folder of this program: installed, and as `make dist` leaves it.
const JARS: [&str; 2] = ["../share/java/keyward-jce.jar", "../java/keyward-jce.jar"];

/// Java's keytool and jarsigner with keys in the service
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  keyward java keytool -list
  keyward java jarsigner app.jar web")]
pub(crate) enum JavaCommand {
    /// Run keytool on the keys in the service
    ///
    /// The options that choose the key store and the provider are added to yours. -genkeypair makes
    /// the key in the service; -importkeystore brings keys in from another key store.
    #[command(after_help = "\
Examples:
  keyward java keytool -genkeypair -alias web -keyalg EC -groupname secp256r1 -dname CN=web.example
  keyward java keytool -certreq -alias web -file web.csr
  keyward java keytool -importkeystore -srckeystore old.p12")]
    Keytool(ToolArgs),
    /// Run jarsigner with a key in the service
    #[command(after_help = "\
Examples:
  keyward java jarsigner app.jar web
  keyward java jarsigner -tsa http://tsa.example app.jar web")]
    Jarsigner(ToolArgs),
}

#[derive(Args, Debug)]
pub(crate) struct ToolArgs {
    /// The Java provider [default: keyward-jce.jar where it was installed with this program]
    #[arg(long, value_name = "FILE")]
    jar: Option<PathBuf>,
    /// What the tool is to do, in its own words
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    #[arg(value_name = "ARGUMENT")]
    arguments: Vec<OsString>,
}

/// Becomes the tool; returns only if that fails.
pub(crate) fn run(command: &JavaCommand, context: &Context) -> Outcome {
    let (tool, args) = match command {
        JavaCommand::Keytool(args) => ("keytool", args),
        JavaCommand::Jarsigner(args) => ("jarsigner", args),
    };
    let asked_for = |option: &str| args.arguments.iter().any(|argument| argument == option);
    if asked_for("-genkeypair") {
        check_alias(&args.arguments)?;
    }
    let options: &[&str] = match command {
        JavaCommand::Keytool(_) if asked_for("-importkeystore") => &[
            "-addprovider Keyward -providerarg import=yes",
            "-deststoretype Keyward -destkeystore NONE -deststorepass unused",
        ],
        JavaCommand::Keytool(_) if asked_for("-genkeypair") => &[
            "-addprovider Keyward -providername Keyward -keypass unused",
            "-storetype Keyward -keystore NONE -storepass unused",
        ],
        JavaCommand::Keytool(_) => {
            &["-addprovider Keyward -storetype Keyward -keystore NONE -storepass unused"]
        }
        JavaCommand::Jarsigner(_) if asked_for("-verify") => &[],
        JavaCommand::Jarsigner(_) => &[
            "-providerClass dev.keyward.jce.KeywardProvider",
            "-storetype Keyward -keystore NONE -storepass unused",
        ],
    };
    let mut class_path = OsString::from("-J");
    class_path.push(jar(args.jar.as_deref())?);
    let program = program(tool);
    let error = Command::new(&program)
        .args(["-J--enable-native-access=ALL-UNNAMED", "-J-cp"])
        .arg(class_path)
        .args(options.iter().flat_map(|group| group.split(' ')))
        .args(&args.arguments)
        .envs(context.environment())
        .exec();
    Err(file_error("run", &program, &error)
        .hint("install a JDK of version 17 or later, or say in JAVA_HOME where it is")
        .into())
}

/// keytool has the key made before it names it, so a name that cannot be is refused here.
fn check_alias(arguments: &[OsString]) -> Outcome {
    let mut values = arguments.iter().skip_while(|argument| *argument != "-alias").skip(1);
    let alias = values.next().map(|alias| alias.to_string_lossy());
    Ok(alias.map_or(Ok(()), |alias| check_name("key", &alias))?)
}

/// A program of the JDK: that of `JAVA_HOME`, if it is set, else the one on the `PATH`.
fn program(tool: &str) -> PathBuf {
    let home = env::var_os("JAVA_HOME").filter(|home| !home.is_empty());
    home.map_or_else(|| tool.into(), |home| Path::new(&home).join("bin").join(tool))
}

/// The Java provider. It is looked for here, since Java passes over what is not on its class path.
fn jar(given: Option<&Path>) -> Result<PathBuf, Error> {
    let beside = env::current_exe().ok().and_then(|exe| Some(exe.parent()?.to_owned()));
    let candidates: Vec<PathBuf> = match (given, beside) {
        (Some(given), _) => vec![given.to_owned()],
        (None, Some(folder)) => JARS.iter().map(|jar| folder.join(jar)).collect(),
        (None, None) => Vec::new(),
    };
    candidates.iter().find(|path| path.is_file()).cloned().ok_or_else(|| {
        let looked_at: Vec<_> = candidates.iter().map(|path| path.display().to_string()).collect();
        Error::new(
            ErrorKind::NotFound,
            format!("the Java provider is not at {}", looked_at.join(" or ")),
        )
        .hint("say where it is: --jar FILE")
    })
}
