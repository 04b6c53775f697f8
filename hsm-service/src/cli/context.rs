//! What every command gets: the connection to the service, and where to print.

use std::{
    io::{self, IsTerminal, Write},
    path::PathBuf,
};

use clap::Args;
use keyward_algorithms::ErrorKind;
use keyward_client::{Client, Pin, Settings};
use keyward_protocol::{Error, Key, KeySelector, KeyUri};

use super::{
    arguments::Consent,
    failure::{Failure, Outcome, file_error},
    output::Output,
    prompt,
};

/// The flags that say where the service is; they win over environment and settings file.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionArgs {
    /// Where the service is: unix:PATH, tls://HOST:PORT, several with commas between
    #[arg(long, global = true, value_name = "LIST")]
    pub(crate) address: Option<String>,
    /// Certificate of the service's authority, for tls://
    #[arg(long, global = true, value_name = "FILE")]
    ca: Option<String>,
    /// Client certificate, for tls://
    #[arg(long, global = true, value_name = "FILE")]
    cert: Option<String>,
    /// Private key of the client certificate, for tls://
    #[arg(long, global = true, value_name = "FILE")]
    key: Option<String>,
    /// User, where the service asks for a PIN
    #[arg(long, global = true, value_name = "NAME")]
    user: Option<String>,
    /// File with the user's PIN, where the service asks for one
    #[arg(long, global = true, value_name = "FILE")]
    pin_file: Option<String>,
}

impl ConnectionArgs {
    /// The settings that were given, by name.
    fn given(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("address", &self.address),
            ("ca", &self.ca),
            ("cert", &self.cert),
            ("key", &self.key),
            ("user", &self.user),
            ("pin_file", &self.pin_file),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_deref()?)))
    }
}

/// The surroundings of one command.
pub(crate) struct Context {
    connection: ConnectionArgs,
    /// What is done about the approval of others.
    pub(crate) consent: Option<Consent>,
    /// Where results go.
    pub(crate) output: Output,
}

impl Context {
    /// The surroundings that the arguments ask for.
    pub(crate) fn new(
        connection: ConnectionArgs,
        consent: Option<Consent>,
        output: Output,
    ) -> Context {
        Context { connection, consent, output }
    }

    /// The settings of the client: file, environment, flags.
    pub(crate) fn settings(&self) -> Result<Settings, Error> {
        self.settings_with(&[])
    }

    /// The same with some settings of the command's own.
    pub(crate) fn settings_with(&self, more: &[(&str, &str)]) -> Result<Settings, Error> {
        let mut overrides: Vec<(&str, &str)> = self.connection.given().collect();
        overrides.extend_from_slice(more);
        Settings::load(&overrides)
    }

    /// The file with the certificate of the service's authority, for who asks no service.
    pub(crate) fn authority(&self) -> Result<Option<PathBuf>, Error> {
        match &self.connection.ca {
            Some(path) => Ok(Some(path.into())),
            None => Ok(self.settings()?.ca),
        }
    }

    /// What the flags say, as variables for another program that is a client of the service.
    pub(crate) fn environment(&self) -> impl Iterator<Item = (String, &str)> {
        self.connection
            .given()
            .map(|(name, value)| (format!("KEYWARD_{}", name.to_ascii_uppercase()), value))
    }

    /// A client of the service, logged in where a PIN is asked for and a person is there to give it.
    pub(crate) fn client(&self) -> Result<Client, Error> {
        self.tell_waiting()?;
        let client = Client::new(self.settings()?);
        // Whatever else is wrong, the command itself will find and say.
        if is_interactive() && client.asks_for_pin().unwrap_or(false) {
            client.log_in(prompt_pin("PIN")?)?;
        }
        Ok(self.consenting(client))
    }

    /// Tells a person that the service is waited for, where it is away.
    fn tell_waiting(&self) -> Result<(), Error> {
        if !self.output.shows_progress() {
            return Ok(());
        }
        let impatient = Client::new(self.settings_with(&[("retry_for", "0")])?);
        if let Err(error) = impatient.hello()
            && error.kind == ErrorKind::Unavailable
        {
            self.output.note(&format!("waiting: {}", error.message));
        }
        Ok(())
    }

    /// The same client, which does about the approval of others what the flags say.
    pub(crate) fn consenting(&self, client: Client) -> Client {
        let output = self.output;
        match self.consent {
            None => client,
            Some(Consent::Given(approval)) => client.with_approval(approval),
            Some(Consent::Awaited) => client.awaiting_approval(move |error| {
                let approval = error.approval.map(|id| id.to_string()).unwrap_or_default();
                output.note(&format!(
                    "waiting: {}; others run: keyward approval approve {approval}",
                    error.message
                ));
            }),
        }
    }

    /// Asks a yes-or-no question on the terminal; elsewhere `--yes` must have been given.
    pub(crate) fn confirm(&self, question: &str, yes: bool) -> Outcome {
        if yes {
            return Ok(());
        }
        let answer = self.ask(&format!("{question} [y/N]"), "say --yes to do it all the same")?;
        match answer.to_ascii_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => {
                self.output.note("nothing was done");
                Err(Failure::Reported)
            }
        }
    }
}

/// Whether a person is there to ask.
pub(crate) fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks for a PIN on the terminal, without an echo.
pub(crate) fn prompt_pin(what: &str) -> Result<Pin, Error> {
    let answer = prompt::secret(what);
    let answer = answer.map_err(|error| file_error("ask on", "the terminal".as_ref(), &error))?;
    Ok(Pin::copy_of(answer.as_bytes()))
}

impl Context {
    /// Asks for a line on the terminal about something that cannot be undone; elsewhere the hint
    /// says how to do without.
    pub(crate) fn ask(&self, question: &str, hint: &str) -> Result<String, Failure> {
        if !is_interactive() {
            let message = "this cannot be undone and nobody is there to ask";
            return Err(Failure::usage(message, hint));
        }
        let failed = |error| file_error("ask on", "the terminal".as_ref(), &error);
        eprint!("{question} ");
        io::stderr().flush().map_err(failed)?;
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).map_err(failed)?;
        Ok(answer.trim().to_owned())
    }
}

/// The URI of a key as its user named it.
pub(crate) fn uri(selector: &KeySelector) -> String {
    KeyUri { selector: Some(selector.clone()), kind: None, pin_source: None }.to_string()
}

/// The URI that means a key to everybody who may see it.
pub(crate) fn full_uri(key: &Key) -> String {
    uri(&KeySelector::Owned { owner: key.owner.clone(), name: key.name.clone() })
}
