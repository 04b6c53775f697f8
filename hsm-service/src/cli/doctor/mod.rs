//! `keyward doctor`: what is wrong with a client's set-up, and what to do about it.

mod nginx;
mod openssl;
mod reach;
mod state;

use std::path::PathBuf;

use anstyle::{AnsiColor, Style};
use clap::Args;
use keyward_protocol::{Error, KeySelector};
use serde::Serialize;
use serde_json::json;

use super::{
    arguments,
    context::Context,
    failure::{Failure, Outcome},
};

/// Check this machine's set-up and say what to fix
///
/// Looks at OpenSSL, the provider module, the service, what your roles let you see of its keys, users
/// and backups, and with NAME at one key and its certificate. Run it as the user that the web server runs as, and with the web server's
/// environment, to see what it sees. Exit status 1 says that something needs fixing.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  keyward doctor
  keyward doctor web --server-cert /etc/ssl/web.pem
  sudo -u www-data keyward doctor web")]
pub(crate) struct DoctorArgs {
    /// The key that ought to be usable
    #[arg(value_name = "NAME", value_parser = arguments::key)]
    name: Option<KeySelector>,
    /// The certificate file that a server is configured with for this key
    #[arg(long, value_name = "FILE", requires = "name")]
    server_cert: Option<PathBuf>,
    /// The openssl program to look at
    #[arg(long, value_name = "FILE", default_value = "openssl")]
    openssl: PathBuf,
    /// nginx's main configuration file [default: what `nginx -V` says]
    #[arg(long, value_name = "FILE")]
    nginx_conf: Option<PathBuf>,
}

/// How one check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    /// As it should be.
    Ok,
    /// Worth knowing, nothing to mend.
    Note,
    /// To be mended.
    Problem,
}

/// One check.
#[derive(Debug, Serialize)]
struct Check {
    /// What was looked at.
    check: &'static str,
    state: State,
    /// What was seen.
    finding: String,
    /// What to do.
    advice: Option<String>,
}

impl Check {
    fn ok(check: &'static str, finding: impl Into<String>) -> Check {
        Check { check, state: State::Ok, finding: finding.into(), advice: None }
    }

    fn note(check: &'static str, finding: impl Into<String>) -> Check {
        Check { check, state: State::Note, finding: finding.into(), advice: None }
    }

    fn problem(
        check: &'static str,
        finding: impl Into<String>,
        advice: impl Into<String>,
    ) -> Check {
        let advice = Some(advice.into());
        Check { check, state: State::Problem, finding: finding.into(), advice }
    }

    /// A problem that an error tells.
    fn error(check: &'static str, error: Error) -> Check {
        Check { check, state: State::Problem, finding: error.message, advice: error.hint }
    }

    fn line(&self) -> String {
        let (word, colour) = match self.state {
            State::Ok => ("ok", AnsiColor::Green),
            State::Note => ("note", AnsiColor::Cyan),
            State::Problem => ("PROBLEM", AnsiColor::Red),
        };
        let style = Style::new().bold().fg_color(Some(colour.into()));
        let advice = self.advice.as_ref().map(|advice| indent(advice)).unwrap_or_default();
        format!("{style}{word:8}{style:#}{}: {}\n{advice}", self.check, self.finding)
    }
}

/// Advice stands below what it is about, each of its lines indented.
fn indent(advice: &str) -> String {
    let lines = advice.lines().enumerate();
    lines
        .map(|(number, line)| format!("        {} {line}\n", if number == 0 { "→" } else { " " }))
        .collect()
}

/// Does what `keyward doctor` says.
pub(crate) fn run(args: &DoctorArgs, context: &Context) -> Outcome {
    let mut checks = openssl::checks(&args.openssl);
    let (found, client) = reach::checks(args, context);
    checks.extend(found);
    checks.extend(nginx::checks(args.nginx_conf.as_deref(), client.as_ref()));
    let problems = checks.iter().filter(|check| check.state == State::Problem).count();
    context.output.result(&json!({ "problems": problems, "checks": checks }), || {
        let lines: String = checks.iter().map(Check::line).collect();
        let verdict = match problems {
            0 => "all is well".into(),
            1 => "1 problem".into(),
            many => format!("{many} problems"),
        };
        format!("{lines}{verdict}\n")
    })?;
    if problems == 0 { Ok(()) } else { Err(Failure::Reported) }
}
