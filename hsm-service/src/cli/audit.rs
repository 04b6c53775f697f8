//! `keyward audit …`: reading and verifying the audit log.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use clap::{Args, Subcommand};
use keyward_algorithms::ErrorKind;
use keyward_client::Client;
use keyward_protocol::{
    Error,
    messages::{
        AuditCheckpoint, AuditEntry, AuditHead, AuditPage, GetAuditHead, ReadAudit, request,
        response,
    },
};
use prost::Message;
use serde_json::{Value, json};

use super::{
    context::Context,
    failure::{Failure, Outcome, file_error},
    files::pem,
    output::{facts, table, write_stdout},
};
use crate::audit::{
    format::{self, Kind},
    list_files,
    show::{moment, outcome, value, what},
    verify::{KnownHead, Verifier},
};

/// Read and verify the audit log
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  keyward audit tail -n 50
  keyward audit verify")]
pub(crate) enum AuditCommand {
    Tail(TailArgs),
    Export(ExportArgs),
    Verify(VerifyArgs),
    Head(HeadArgs),
}

/// Show the newest entries
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  keyward audit tail -n 50
  keyward audit tail --follow --json | jq 'select(.outcome != \"done\")'")]
pub(crate) struct TailArgs {
    /// How many entries
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100_000))]
    lines: u32,
    /// Go on with each entry as it comes, a line each, also after a restart of the service
    #[arg(short, long)]
    follow: bool,
}

/// Print the whole log as JSON, one entry a line
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  keyward audit export > audit.jsonl")]
pub(crate) struct ExportArgs {}

/// Verify that every entry is there, in its place, and as it was written
///
/// Reads the log from the service, or, with --in, from a copy of its folder without a service.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  keyward audit verify --head 1234:9f86d0…
  keyward audit verify --in /mnt/copy/audit --audit-key audit.pem")]
pub(crate) struct VerifyArgs {
    /// The folder with the log's files
    #[arg(long = "in", value_name = "DIR")]
    folder: Option<PathBuf>,
    /// The audit key that must have signed, as `keyward audit head` prints it [default: the one
    /// that the log names]
    #[arg(long = "audit-key", value_name = "FILE")]
    audit_key: Option<PathBuf>,
    /// A head that `keyward audit head` printed before and that was kept elsewhere
    #[arg(long, value_name = "SEQUENCE:HASH", value_parser = known_head)]
    head: Option<KnownHead>,
}

/// Print where the log ends, to be kept elsewhere, and the audit key
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  keyward audit head")]
pub(crate) struct HeadArgs {}

/// Does what an `audit` command says.
pub(crate) fn run(command: &AuditCommand, context: &Context) -> Outcome {
    match command {
        AuditCommand::Tail(args) => tail(args, context),
        AuditCommand::Export(_) => export(context),
        AuditCommand::Verify(args) => verify(args, context),
        AuditCommand::Head(_) => head(context),
    }
}

/// Reads pages of the log until its end; where that was.
fn read(
    client: &Client,
    newest: u32,
    mut take: impl FnMut(&[u8]) -> Result<bool, Failure>,
) -> Result<Vec<u8>, Failure> {
    let mut after = Vec::new();
    loop {
        let page = page(client, after, newest)?;
        let goes_on = page.records.is_empty() || take(&page.records)?;
        if page.end || !goes_on {
            return Ok(page.next);
        }
        after = page.next;
    }
}

fn page(client: &Client, after: Vec<u8>, newest: u32) -> Result<AuditPage, Error> {
    match client.call(request::Operation::ReadAudit(ReadAudit { after, newest }))? {
        response::Result::AuditPage(page) => Ok(page),
        _ => Err(Error::new(ErrorKind::Internal, "the service sent no page")),
    }
}

fn entries(mut bytes: &[u8]) -> Vec<AuditEntry> {
    let mut found = Vec::new();
    while let Ok(record) = format::first(bytes) {
        if record.kind == Kind::Entry
            && let Ok(entry) = AuditEntry::decode(record.body)
        {
            found.push(entry);
        }
        bytes = &bytes[record.whole.len()..];
    }
    found
}

fn tail(args: &TailArgs, context: &Context) -> Outcome {
    let mut found = Vec::new();
    let client = context.client()?;
    let end = read(&client, args.lines, |bytes| {
        found.extend(entries(bytes));
        Ok(true)
    })?;
    if args.follow {
        let surplus = found.len().saturating_sub(args.lines as usize);
        found.drain(..surplus);
        return follow(&client, found, end, context);
    }
    let newest = &found[found.len().saturating_sub(args.lines as usize)..];
    let values: Vec<Value> = newest.iter().map(value).collect();
    context.output.result(&values, || {
        let heads = ["NUMBER", "TIME", "WHO", "WHAT", "KEY", "ALGORITHM", "OUTCOME", "DETAIL"];
        table(&heads, &newest.iter().map(row).collect::<Vec<_>>())
    })
}

/// How often it is asked for more, and, where the service is away, for the service.
const FOLLOWING: (Duration, Duration) = (Duration::from_millis(300), Duration::from_secs(1));

/// Prints entries as they come, until the reader of standard output leaves.
fn follow(
    client: &Client,
    mut found: Vec<AuditEntry>,
    mut after: Vec<u8>,
    context: &Context,
) -> Outcome {
    let mut away = false;
    loop {
        for entry in &found {
            let line = match context.output.json {
                true => value(entry).to_string(),
                false => row(entry).join("  ").trim_end().to_owned(),
            };
            let mut stdout = io::stdout().lock();
            match writeln!(stdout, "{line}").and_then(|()| stdout.flush()) {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                Err(error) => {
                    return Err(file_error("write to", Path::new("standard output"), &error).into());
                }
                Ok(()) => {}
            }
        }
        found.clear();
        match page(client, after.clone(), 0) {
            Ok(page) => {
                away = false;
                found = entries(&page.records);
                after = page.next;
                if page.end {
                    thread::sleep(FOLLOWING.0);
                }
            }
            Err(error) if error.kind.row().passing => {
                if !away {
                    context.output.note(&format!("waiting: {error}"));
                }
                away = true;
                thread::sleep(FOLLOWING.1);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn export(context: &Context) -> Outcome {
    read(&context.client()?, 0, |bytes| {
        let lines: String =
            entries(bytes).iter().map(|entry| format!("{}\n", value(entry))).collect();
        write_stdout(lines.as_bytes())?;
        Ok(true)
    })
    .map(drop)
}

fn verify(args: &VerifyArgs, context: &Context) -> Outcome {
    let spki = match &args.audit_key {
        Some(path) => {
            let bytes = fs::read(path).map_err(|error| file_error("read", path, &error))?;
            let block = pem::blocks(&bytes)?.into_iter().next();
            block.map(|block| block.der.to_vec())
        }
        None => None,
    };
    let mut verifier = Verifier::new(spki.as_deref(), args.head)?;
    match &args.folder {
        Some(folder) => {
            let failed = |error| file_error("read", folder, &error);
            let files = list_files(folder).map_err(failed)?;
            if files.is_empty() {
                let message = format!("there is no audit log in {}", folder.display());
                return Err(Error::new(ErrorKind::NotFound, message)
                    .hint("name the folder with the files audit-00000001.log and so on")
                    .into());
            }
            for (_, path) in files {
                let bytes = settled(&path).map_err(failed)?;
                if verifier.feed(&bytes) < bytes.len() {
                    verifier.torn();
                }
            }
            verifier.finish(None);
        }
        None => {
            // The log may grow faster than it is read: what is in it now is what counts.
            let client = context.client()?;
            let end = service_head(&client)?.1.sequence;
            read(&client, 0, |bytes| {
                if verifier.feed(bytes) < bytes.len() {
                    verifier.torn();
                }
                Ok(verifier.checkpointed < end)
            })?;
            verifier.finish(Some(end));
        }
    }
    let faults: Vec<String> = verifier.faults.iter().map(ToString::to_string).collect();
    let (first, last) = (verifier.first, verifier.last());
    // Of an intact log that is being written, what follows the last checkpoint is not counted yet.
    let (last, entries) = match faults.is_empty() {
        true => (verifier.confirmed, verifier.entries - (last - verifier.confirmed)),
        false => (last, verifier.entries),
    };
    let value = json!({ "intact": faults.is_empty(), "first": first, "last": last,
        "entries": entries, "faults": faults });
    context.output.result(&value, || match faults.is_empty() {
        true => format!("entries {first} to {last} are there and as they were written\n"),
        false => faults.iter().map(|fault| format!("{fault}\n")).collect(),
    })?;
    if faults.is_empty() { Ok(()) } else { Err(Failure::Reported) }
}

/// How often the file of a service that runs is looked at, and how long it may stand still with an
/// end that no checkpoint confirms before it is taken as it is: the service writes four batches a
/// second.
const SETTLING: (Duration, u32) = (Duration::from_millis(100), 10);

/// A file of the log with its last batch whole, if a service is writing that at this moment.
fn settled(path: &Path) -> io::Result<Vec<u8>> {
    let (interval, patience) = SETTLING;
    let mut bytes = fs::read(path)?;
    let mut still = 0;
    while still < patience && format::is_unfinished(&bytes) {
        thread::sleep(interval);
        let newer = fs::read(path)?;
        still = if newer.len() == bytes.len() { still + 1 } else { 0 };
        bytes = newer;
    }
    Ok(bytes)
}

/// Where the service's log ends, as the service states it.
fn service_head(client: &Client) -> Result<(AuditHead, AuditCheckpoint), Failure> {
    let asked = request::Operation::AuditHead(GetAuditHead {});
    let response::Result::AuditHead(head) = client.call(asked)? else {
        return Err(Error::new(ErrorKind::Internal, "the service sent no head").into());
    };
    let checkpoint = AuditCheckpoint::decode(head.checkpoint.as_slice())
        .map_err(|error| Error::new(ErrorKind::Internal, format!("the head: {error}")))?;
    Ok((head, checkpoint))
}

fn head(context: &Context) -> Outcome {
    let (head, checkpoint) = service_head(&context.client()?)?;
    let place = format!("{}:{}", checkpoint.sequence, crate::issue::hex(&checkpoint.chain));
    let key = pem::encode("PUBLIC KEY", &head.spki)?;
    let time = moment(checkpoint.time);
    context.output.result(&json!({ "head": place, "time": time, "audit_key": key }), || {
        facts(&[("head", place.clone()), ("time", time.clone())]) + &key
    })
}

fn known_head(text: &str) -> Result<KnownHead, String> {
    let wrong = || "write the head as `keyward audit head` prints it: SEQUENCE:HASH".to_owned();
    let (sequence, hash) = text.split_once(':').ok_or_else(wrong)?;
    let sequence = sequence.parse().map_err(|_| wrong())?;
    if hash.len() != 64 || !hash.is_ascii() {
        return Err(wrong());
    }
    let mut chain = [0; 32];
    for (byte, digits) in chain.iter_mut().zip(hash.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(digits).map_err(|_| wrong())?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
    }
    Ok(KnownHead { sequence, chain })
}

fn row(entry: &AuditEntry) -> Vec<String> {
    let who = match entry.user.is_empty() {
        true => entry.identity.clone(),
        false => format!("{} ({})", entry.user, entry.identity),
    };
    let key =
        if entry.key.is_empty() { crate::issue::hex(&entry.key_id) } else { entry.key.clone() };
    vec![
        entry.sequence.to_string(),
        moment(entry.time),
        who,
        what(entry),
        key,
        entry.algorithm.clone(),
        outcome(entry).into(),
        entry.detail.clone(),
    ]
}
