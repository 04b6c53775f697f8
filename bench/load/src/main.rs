//! `keyward-load`: full TLS handshakes per second against a server.

#![forbid(unsafe_code)]

use std::{
    error::Error,
    fs,
    net::{SocketAddr, ToSocketAddrs},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use clap::{Parser, Subcommand};
use keyward_load::{Load, Report, TargetBuilder, TlsVersion};

/// Full TLS handshakes against a server, counted and timed
///
/// Example: keyward-load handshakes --connect localhost:8443 --insecure --seconds 5
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// One handshake after another, without resumption, on several threads
    Handshakes(Handshakes),
}

#[derive(clap::Args)]
struct Handshakes {
    /// The server, as HOST:PORT
    #[arg(long)]
    connect: String,
    /// The name to ask for and to check the certificate against
    #[arg(long, default_value = "localhost")]
    server_name: String,
    /// PEM file of certificates to trust
    #[arg(long, required_unless_present = "insecure", conflicts_with = "insecure")]
    ca: Option<PathBuf>,
    /// Check neither certificate nor signature, which costs the least
    #[arg(long)]
    insecure: bool,
    /// How many clients at a time
    #[arg(long, default_value_t = 4)]
    threads: usize,
    /// For how long
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Version of TLS: 1.2 or 1.3
    #[arg(long, default_value = "1.3")]
    tls: TlsVersion,
    /// Fetch this path after each handshake
    #[arg(long)]
    request: Option<String>,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let Command::Handshakes(arguments) = Arguments::parse().command;
    match run(&arguments) {
        Ok(report) if report.failures == 0 && report.handshakes > 0 => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Handshakes) -> Result<Report, Box<dyn Error>> {
    let target = TargetBuilder {
        version: arguments.tls,
        trusted_pem: arguments.ca.as_ref().map(fs::read).transpose()?,
        request: arguments.request.clone(),
        ..TargetBuilder::new(resolve(&arguments.connect)?, &arguments.server_name)
    }
    .build()?;
    let report =
        Load::run(&target, arguments.threads, Duration::try_from_secs_f64(arguments.seconds)?);
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print(&report);
    }
    Ok(report)
}

fn resolve(address: &str) -> Result<SocketAddr, Box<dyn Error>> {
    let found = address.to_socket_addrs().map_err(|error| format!("{address}: {error}"))?.next();
    found.ok_or_else(|| format!("{address} has no address").into())
}

fn print(report: &Report) {
    println!(
        "{:.0} handshakes/s ({} in {:.1} s, {} failed)",
        report.rate, report.handshakes, report.seconds, report.failures
    );
    let latency = &report.latency;
    println!(
        "latency in microseconds: p50 {}, p90 {}, p99 {}, max {}",
        latency.p50, latency.p90, latency.p99, latency.max
    );
    for (reason, count) in &report.reasons {
        println!("{count} failed: {reason}");
    }
}
