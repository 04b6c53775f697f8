//! `keyward bench`: how fast this service is from here.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use clap::Args;
use hdrhistogram::Histogram;
use keyward_algorithms::{Agreement, Digest, Encryption, ErrorKind, KeyType, Right};
use keyward_client::{Client, KeyTemplate};
use keyward_crypto::{PrivateKey, PublicKey};
use keyward_protocol::{CipherRequest, Error, Key, KeySelector, OaepParameters, SignRequest};
use serde::Serialize;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::{
    algorithm::AlgorithmArgs,
    arguments,
    context::Context,
    failure::{Outcome, crypto_error},
    output::table,
};

/// Measure operations per second and latencies of this service
///
/// Each operation is measured on its own, with that many threads asking at once, each waiting for
/// its answer. Without NAME, keys are made for the purpose and deleted afterwards.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  keyward bench
  keyward bench web --threads 16 --seconds 10
  keyward bench --type rsa-4096,p-521")]
pub(crate) struct BenchArgs {
    /// Measure with this key and make none
    #[arg(value_name = "NAME", value_parser = arguments::key)]
    name: Option<KeySelector>,
    /// Types of the keys to make
    #[arg(long = "type", value_name = "LIST", value_delimiter = ',', conflicts_with = "name")]
    #[arg(value_parser = arguments::key_type)]
    #[arg(default_value = "rsa-2048,rsa-3072,p-256,p-384,ed25519")]
    types: Vec<KeyType>,
    /// Threads that ask at once
    #[arg(long, value_name = "N", default_value_t = 4)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: u16,
    /// How long each operation is measured
    #[arg(long, value_name = "N", default_value_t = 3)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    #[command(flatten)]
    algorithm: AlgorithmArgs,
}

/// What was measured of one operation.
#[derive(Debug, Serialize)]
struct Figures {
    operation: String,
    threads: u16,
    seconds: f64,
    operations: u64,
    failures: u64,
    per_second: f64,
    latency_microseconds: Latency,
    /// Processor time of the thread that asks, for each operation; the service's is not in it.
    client_microseconds: f64,
}

#[derive(Debug, Serialize)]
struct Latency {
    mean: f64,
    p50: f64,
    p95: f64,
    p99: f64,
    p99_9: f64,
    max: f64,
}

/// One request that is sent over and over.
type Operation = Arc<dyn Fn() -> Result<(), Error> + Send + Sync>;

/// How long an operation runs before it is measured.
const WARM_UP: Duration = Duration::from_millis(300);

/// The longest latency that is told from longer ones, in nanoseconds.
const MAX_NANOSECONDS: u64 = 120_000_000_000;

/// Does what `keyward bench` says.
pub(crate) fn run(args: &BenchArgs, context: &Context) -> Outcome {
    let client = context.client()?;
    client.status()?;
    // An interrupted run still deletes the keys that it made.
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).map_err(|error| {
            Error::new(ErrorKind::Internal, format!("cannot wait for signals: {error}"))
        })?;
    }
    let bench = Bench { args, context, client: &client, stop: &stop };
    let figures = match &args.name {
        Some(selector) => bench.key(&client.find(selector)?)?,
        None => bench.made_keys()?,
    };
    context.output.result(&figures, || table(&HEADS, &figures.iter().map(row).collect::<Vec<_>>()))
}

struct Bench<'a> {
    args: &'a BenchArgs,
    context: &'a Context,
    client: &'a Client,
    stop: &'a Arc<AtomicBool>,
}

impl Bench<'_> {
    /// Measures an empty request, then keys of each type, which do not outlive this.
    fn made_keys(&self) -> Result<Vec<Figures>, Error> {
        let client = self.client.clone();
        let round_trip: Operation = Arc::new(move || client.status().map(|_| ()));
        let mut figures = vec![self.measure("round trip".into(), round_trip)?];
        for key_type in &self.args.types {
            if self.stop.load(Relaxed) {
                break;
            }
            let unique = std::process::id();
            let name = format!("bench-{unique}-{key_type}");
            let template = KeyTemplate::named(&name);
            let key = self.client.generate(*key_type, &template)?;
            let measured = self.key(&key);
            self.client.delete(&key.id)?;
            figures.extend(measured?);
        }
        Ok(figures)
    }

    /// Measures what the caller may do with a key.
    fn key(&self, key: &Key) -> Result<Vec<Figures>, Error> {
        let allowed = key.usage.intersection(key.rights);
        let mut operations = Vec::new();
        if allowed.has(Right::Sign) {
            operations.push(self.signing(key)?);
        }
        if allowed.has(Right::Decrypt) {
            operations.push(self.decryption(key)?);
        }
        if allowed.has(Right::Derive) {
            operations.push(match key.key_type {
                KeyType::MlKem(_) => self.decapsulation(key)?,
                _ => self.agreement(key)?,
            });
        }
        if operations.is_empty() {
            let message =
                format!("you may neither sign, decrypt nor derive with key \"{}\"", key.name);
            return Err(Error::new(ErrorKind::PermissionDenied, message)
                .hint("its owner grants rights with `keyward key share`"));
        }
        operations.into_iter().map(|(name, operation)| self.measure(name, operation)).collect()
    }

    fn signing(&self, key: &Key) -> Result<(String, Operation), Error> {
        let choice = self.args.algorithm.choose(key)?;
        let input = choice.digest_of(b"keyward bench")?;
        let SignRequest { algorithm, pss, deterministic, .. } = choice.request(&input);
        let name = choice.algorithm.name;
        let (client, id) = (self.client.clone(), key.id);
        let operation: Operation = Arc::new(move || {
            let request = SignRequest { algorithm, pss, deterministic, input: &input };
            client.sign(&id, &request).map(|_| ())
        });
        Ok((format!("{} sign {name}", key.key_type), operation))
    }

    fn decryption(&self, key: &Key) -> Result<(String, Operation), Error> {
        let ciphertext = self.client.encrypt(&key.id, &oaep(b"keyward bench"))?;
        let (client, id) = (self.client.clone(), key.id);
        let operation: Operation =
            Arc::new(move || client.decrypt(&id, &oaep(&ciphertext)).map(|_| ()));
        Ok((format!("{} decrypt {}", key.key_type, Encryption::RsaOaep.row().name), operation))
    }

    fn agreement(&self, key: &Key) -> Result<(String, Operation), Error> {
        let peer = PrivateKey::generate(key.key_type).map_err(crypto_error)?;
        let peer = peer.public_key_spki();
        let (client, id) = (self.client.clone(), key.id);
        let operation: Operation = Arc::new(move || client.derive(&id, &peer).map(|_| ()));
        let name = key.key_type.family().and_then(Agreement::of).map_or("", |kind| kind.row().name);
        Ok((format!("{} derive {name}", key.key_type), operation))
    }

    fn decapsulation(&self, key: &Key) -> Result<(String, Operation), Error> {
        let public = PublicKey::from_spki(&key.spki).map_err(crypto_error)?;
        let (ciphertext, _) = public.encapsulate().map_err(crypto_error)?;
        let (client, id) = (self.client.clone(), key.id);
        let operation: Operation =
            Arc::new(move || client.decapsulate(&id, &ciphertext).map(|_| ()));
        Ok((format!("{} decapsulate", key.key_type), operation))
    }

    fn measure(&self, name: String, operation: Operation) -> Result<Figures, Error> {
        // What never succeeds, with a key that has ended for instance, is not worth measuring.
        operation()?;
        if self.context.output.shows_progress() {
            self.context.output.note(&format!("measuring {name} …"));
        }
        let seconds = Duration::from_secs(self.args.seconds);
        let begin = Instant::now() + WARM_UP;
        let threads: Vec<_> = (0..self.args.threads)
            .map(|_| {
                let (operation, stop) = (Arc::clone(&operation), Arc::clone(self.stop));
                thread::spawn(move || ask(&operation, begin, begin + seconds, &stop))
            })
            .collect();
        let mut all = Measured::new();
        for thread in threads {
            if let Ok(measured) = thread.join() {
                // Both have the same bounds, so there is nothing that could not be added.
                all.latencies += measured.latencies;
                all.failures += measured.failures;
                all.processor_time += measured.processor_time;
            }
        }
        let elapsed = begin.elapsed().min(seconds).as_secs_f64();
        Ok(Figures::new(name, self.args.threads, elapsed, &all))
    }
}

fn oaep(input: &[u8]) -> CipherRequest<'_> {
    let oaep = OaepParameters { digest: Digest::Sha256, mgf1: Digest::Sha256, label: &[] };
    CipherRequest { scheme: Encryption::RsaOaep, oaep: Some(oaep), tls: None, input }
}

/// What a thread has measured.
struct Measured {
    /// Of what succeeded.
    latencies: Histogram<u64>,
    failures: u64,
    processor_time: Duration,
}

impl Measured {
    fn new() -> Measured {
        Measured { latencies: histogram(), failures: 0, processor_time: Duration::ZERO }
    }
}

/// Asks until the end and measures what begins after the beginning.
fn ask(operation: &Operation, begin: Instant, end: Instant, stop: &AtomicBool) -> Measured {
    let mut measured = Measured::new();
    let mut counted_from = None;
    let mut now = Instant::now();
    while now < end && !stop.load(Relaxed) {
        if now >= begin {
            counted_from.get_or_insert_with(processor_time);
        }
        let outcome = operation();
        let done = Instant::now();
        if now >= begin {
            match outcome {
                Ok(()) => measured.latencies.saturating_record((done - now).as_nanos() as u64),
                Err(_) => measured.failures += 1,
            }
        }
        now = done;
    }
    measured.processor_time = counted_from.map_or(Duration::ZERO, |from| processor_time() - from);
    measured
}

/// How long this thread has had a processor.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn histogram() -> Histogram<u64> {
    // Three digits are kept; the bounds are constants that the type accepts.
    Histogram::new_with_bounds(1, MAX_NANOSECONDS, 3).expect("the bounds are valid")
}

impl Figures {
    fn new(operation: String, threads: u16, seconds: f64, measured: &Measured) -> Figures {
        let Measured { latencies, failures, processor_time } = measured;
        let asked = latencies.len() + failures;
        let micro = |nanoseconds: u64| nanoseconds as f64 / 1000.0;
        Figures {
            operation,
            threads,
            seconds,
            operations: latencies.len(),
            failures: *failures,
            per_second: latencies.len() as f64 / seconds.max(f64::MIN_POSITIVE),
            latency_microseconds: Latency {
                mean: latencies.mean() / 1000.0,
                p50: micro(latencies.value_at_quantile(0.5)),
                p95: micro(latencies.value_at_quantile(0.95)),
                p99: micro(latencies.value_at_quantile(0.99)),
                p99_9: micro(latencies.value_at_quantile(0.999)),
                max: micro(latencies.max()),
            },
            client_microseconds: processor_time.as_secs_f64() * 1e6 / asked.max(1) as f64,
        }
    }
}

const HEADS: [&str; 8] =
    ["OPERATION", "PER SECOND", "MEAN µs", "P50", "P95", "P99", "P99.9", "FAILED"];

fn row(figures: &Figures) -> Vec<String> {
    let latency = &figures.latency_microseconds;
    let numbers = [latency.mean, latency.p50, latency.p95, latency.p99, latency.p99_9];
    [figures.operation.clone(), format!("{:.0}", figures.per_second)]
        .into_iter()
        .chain(numbers.map(|number| format!("{number:.0}")))
        .chain([figures.failures.to_string()])
        .collect()
}
