//! `keyward authority …`: the service's certificate authority, and how it is replaced.

use aws_lc_rs::digest;
use clap::{Args, Subcommand};
use keyward_protocol::messages::{AuthorityState, RotationStep as Step};
use serde::Serialize;

use super::{
    context::Context,
    failure::{Failure, Outcome},
    output::facts,
    time,
};
use crate::issue::{end_of, hex};

/// Show or replace the certificate authority of the service
///
/// The authority has issued the service's own certificate and those of its clients. Replacing it
/// takes three steps, and drops no client that has renewed its certificate between the first and
/// the last. Only administrators may.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Example: another authority
  keyward authority begin
  keyward client renew         on every machine, and reload its servers
  keyward authority switch
  keyward authority show       names those who have not renewed yet
  keyward authority finish")]
pub(crate) enum AuthorityCommand {
    Show(ShowArgs),
    Begin(BeginArgs),
    Switch(SwitchArgs),
    Finish(FinishArgs),
}

/// Show the authority, how far its replacement is, and who has not renewed yet
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  keyward authority show")]
pub(crate) struct ShowArgs {}

/// Make another authority beside the present one
///
/// From then on the service trusts both, and client certificates that are issued or renewed are from
/// the new one and come with both authorities.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  keyward authority begin")]
pub(crate) struct BeginArgs {}

/// Have the service certified by the new authority
///
/// Clients that have not renewed yet go on: the service shows them that the old authority vouches
/// for the new one.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  keyward authority switch")]
pub(crate) struct SwitchArgs {}

/// Drop the old authority
///
/// Clients that have not renewed are shut out, at once and on connections that are open. Nothing
/// undoes it; `client enrol` lets them in again.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  keyward authority finish")]
pub(crate) struct FinishArgs {
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Does what an `authority` command says.
pub(crate) fn run(command: &AuthorityCommand, context: &Context) -> Outcome {
    let client = context.client()?;
    let state = match command {
        AuthorityCommand::Show(_) => client.authority()?,
        AuthorityCommand::Begin(_) => client.rotate_authority(Step::Begin)?,
        AuthorityCommand::Switch(_) => client.rotate_authority(Step::Switch)?,
        AuthorityCommand::Finish(args) => {
            let names = users(&client.authority()?);
            let question = match names.is_empty() {
                true => "Drop the old authority, for ever?".into(),
                false => format!("Drop the old authority and shut out {}?", names.join(", ")),
            };
            context.confirm(&question, args.yes)?;
            client.rotate_authority(Step::Finish)?
        }
    };
    let view = View::of(&state)?;
    context.output.result(&view, || view.text())
}

/// The users whose certificates end with the old authority.
fn users(state: &AuthorityState) -> Vec<String> {
    let mut names: Vec<String> = state.old_clients.iter().map(|one| one.user.clone()).collect();
    names.sort();
    names.dedup();
    names
}

#[derive(Serialize)]
struct View {
    service_id: String,
    stage: &'static str,
    authority: One,
    next: Option<One>,
    /// Users who have to renew before the last step.
    not_renewed: Vec<String>,
    next_step: &'static str,
}

/// An authority as it is shown.
#[derive(Serialize)]
struct One {
    sha256: String,
    ends: String,
}

impl One {
    fn of(certificate: &[u8]) -> Result<One, Failure> {
        let ends =
            end_of(certificate).and_then(|end| u64::try_from(end).ok()).ok_or_else(|| {
                Failure::from(keyward_protocol::Error::invalid(
                    "the authority's certificate is broken",
                ))
            })?;
        let sha256 = hex(digest::digest(&digest::SHA256, certificate).as_ref());
        Ok(One { sha256, ends: time::moment(ends) })
    }

    fn text(&self) -> String {
        format!("sha256 {}, until {}", self.sha256, self.ends)
    }
}

impl View {
    fn of(state: &AuthorityState) -> Result<View, Failure> {
        let (stage, next_step) = match state.reached() {
            Step::Begin => ("begun", "keyward authority switch"),
            Step::Switch => ("switched", "keyward authority finish"),
            Step::Unknown | Step::Finish => ("settled", "keyward authority begin"),
        };
        let next = match state.next_ca.is_empty() {
            true => None,
            false => Some(One::of(&state.next_ca)?),
        };
        Ok(View {
            service_id: state.service_id.clone(),
            stage,
            authority: One::of(&state.ca)?,
            next,
            not_renewed: users(state),
            next_step,
        })
    }

    fn text(&self) -> String {
        let mut lines = vec![
            ("service", self.service_id.clone()),
            ("stage", self.stage.into()),
            ("authority", self.authority.text()),
        ];
        if let Some(next) = &self.next {
            lines.push(("next", next.text()));
            let names = self.not_renewed.join(", ");
            lines.push(("not renewed", if names.is_empty() { "nobody".into() } else { names }));
            lines.push(("next step", self.next_step.into()));
        }
        facts(&lines)
    }
}
