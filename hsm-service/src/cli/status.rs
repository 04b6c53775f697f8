//! `keyward status`: is the service well.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use clap::Args;
use keyward_client::{Client, Settings};
use keyward_protocol::{Error, messages::StatusReply};
use serde::Serialize;

use super::{
    context::Context,
    failure::{Failure, Outcome},
    output::facts,
    time,
};

/// Show the health of the service; exit status 0 only when it can sign
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  keyward status
  keyward status --wait 30 && systemctl reload nginx
  keyward status --self-test")]
pub(crate) struct StatusArgs {
    /// Wait so long for the service to be able to sign
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(..=86400))]
    wait: Option<u64>,
    /// Have the service run the known-answer tests of its cryptographic library too, which only
    /// operators may
    #[arg(long)]
    self_test: bool,
}

#[derive(Debug, Serialize)]
struct StatusView {
    can_sign: bool,
    address: String,
    version: String,
    fips: bool,
    module: String,
    /// What a self-test on demand said.
    self_test: Option<&'static str>,
    seal: String,
    keys: u64,
    uptime_seconds: u64,
    development: bool,
    user: Option<String>,
    identity: String,
    roles: Vec<String>,
    /// Each node of a cluster by itself; empty where there is one address.
    peers: Vec<PeerView>,
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct PeerView {
    address: String,
    can_sign: bool,
    error: Option<String>,
}

/// How often the service is asked while waiting for it.
const PAUSE: Duration = Duration::from_millis(100);

/// Does what `keyward status` says.
pub(crate) fn run(args: &StatusArgs, context: &Context) -> Outcome {
    // Waiting is done here, so that a service that answers but cannot sign yet counts too.
    let settings = context.settings_with(&[("retry_for", "0")])?;
    let deadline = Instant::now() + Duration::from_secs(args.wait.unwrap_or(0));
    loop {
        let client = Client::new(settings.clone());
        let outcome = client.status();
        let ready = outcome.as_ref().is_ok_and(|status| status.can_sign);
        let passes = match &outcome {
            Ok(status) => !status.can_sign,
            Err(error) => error.kind.row().passing,
        };
        if passes && Instant::now() < deadline {
            sleep(PAUSE);
            continue;
        }
        let mut view = StatusView::new(&client, outcome?)?;
        if args.self_test {
            client.self_test()?;
            view.self_test = Some("passed");
        }
        context.output.result(&view, || view.text())?;
        return if ready { Ok(()) } else { Err(Failure::Reported) };
    }
}

impl StatusView {
    fn new(client: &Client, status: StatusReply) -> Result<StatusView, Error> {
        let hello = client.hello()?;
        Ok(StatusView {
            can_sign: status.can_sign,
            address: client.place(),
            version: status.version,
            fips: status.fips,
            module: status.module,
            self_test: None,
            seal: status.seal,
            keys: status.keys,
            uptime_seconds: status.uptime_seconds,
            development: status.development,
            user: Some(hello.user).filter(|user| !user.is_empty()),
            identity: hello.identity,
            roles: status.roles,
            peers: peers(client.settings()),
            warnings: status.warnings,
        })
    }

    fn text(&self) -> String {
        let health = if self.can_sign { "can sign" } else { "CANNOT SIGN" };
        let development = if self.development { ", development: not for production" } else { "" };
        let mut lines = vec![
            ("health", format!("{health}{development}")),
            ("address", self.address.clone()),
            ("version", self.version.clone()),
            ("cryptography", self.cryptography()),
            ("seal", self.seal.clone()),
            ("keys", self.keys.to_string()),
            ("up for", time::span(self.uptime_seconds)),
            ("you are", self.caller()),
        ];
        lines.extend(self.self_test.map(|outcome| ("self-test", outcome.to_owned())));
        lines.extend(self.peers.iter().map(|peer| ("peer", peer.line())));
        lines.extend(self.warnings.iter().map(|warning| ("warning", warning.clone())));
        facts(&lines)
    }

    /// No version of the FIPS module is said to be validated: that is for a certificate to say, which
    /// names the environments that it holds in too.
    fn cryptography(&self) -> String {
        let mode = if self.fips { "FIPS mode" } else { "not a FIPS module" };
        format!("{}, {mode}", self.module)
    }

    fn caller(&self) -> String {
        match &self.user {
            Some(user) if self.roles.is_empty() => format!("{user} ({})", self.identity),
            Some(user) => format!("{user} ({}), {}", self.identity, self.roles.join(", ")),
            None => format!("not known to the service ({})", self.identity),
        }
    }
}

/// Asks each address by itself, where there are several.
fn peers(settings: &Settings) -> Vec<PeerView> {
    if settings.addresses.len() < 2 {
        return Vec::new();
    }
    let ask = |address: &keyward_client::Address| {
        let mut alone = settings.clone();
        alone.addresses = vec![address.clone()];
        let outcome = Client::new(alone).status();
        PeerView {
            address: address.to_string(),
            can_sign: outcome.as_ref().is_ok_and(|status| status.can_sign),
            error: outcome.err().map(|error| error.message),
        }
    };
    settings.addresses.iter().map(ask).collect()
}

impl PeerView {
    fn line(&self) -> String {
        match (&self.error, self.can_sign) {
            (Some(error), _) => format!("{}: {error}", self.address),
            (None, true) => format!("{}: can sign", self.address),
            (None, false) => format!("{}: CANNOT SIGN", self.address),
        }
    }
}
