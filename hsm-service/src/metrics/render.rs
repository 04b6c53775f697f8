//! The counts as text in Prometheus' exposition format, version 0.0.4.

use std::{fmt::Write, sync::atomic::Ordering::Relaxed};

use keyward_algorithms::ErrorKind;

use super::{
    ABANDONED, Metrics, OUTCOMES, Queue,
    histogram::{BOUNDS, Total},
    seconds_since_1970,
    series::Series,
};
use crate::{
    audit::{AuditLoad, SinkLoad},
    lanes::Load,
    store::{Ending, EndingOf},
};

/// What is not counted but looked up when somebody asks.
pub(crate) struct Gauges {
    /// Whether the service can sign.
    pub(crate) can_sign: bool,
    /// Whether its secrets are sealed.
    pub(crate) sealed: bool,
    /// The most connections that it takes.
    pub(crate) max_connections: usize,
    /// Keys that are held ready.
    pub(crate) cached_keys: usize,
    /// How many of those there can be.
    pub(crate) cached_keys_max: usize,
    /// Keys in the store, where it can be read.
    pub(crate) keys: Option<u64>,
    /// Approvals that wait, or were given and not used.
    pub(crate) approvals: usize,
    /// When the authority's certificate ends, in seconds since 1970, unless the service is sealed.
    pub(crate) authority_ends: Option<i64>,
    /// Users who are locked after wrong PINs.
    pub(crate) locked_users: usize,
    /// What ends soon or has ended, the earliest first.
    pub(crate) endings: Vec<Ending>,
    /// How much each lane has to do.
    pub(crate) lanes: Vec<(Queue, Load)>,
    /// How the audit log and its sinks are.
    pub(crate) audit: AuditLoad,
    /// Resident memory in bytes.
    pub(crate) resident_bytes: Option<u64>,
    /// Whether the limit of lockable memory is reached, so that secrets may reach the swap.
    pub(crate) unlocked_secrets: bool,
}

impl Metrics {
    /// Everything as text.
    pub(crate) fn render(&self, gauges: &Gauges) -> String {
        let mut text = Text(String::with_capacity(64 << 10));
        self.requests(&mut text);
        self.times(&mut text);
        text.lanes(&gauges.lanes);
        text.gauge("keyward_can_sign", "Whether the service can sign.", gauges.can_sign.into());
        text.gauge(
            "keyward_sealed",
            "Whether the store's secrets are sealed.",
            gauges.sealed.into(),
        );
        text.gauge(
            "keyward_connections",
            "Connections that are open.",
            self.connections.load(Relaxed),
        );
        text.gauge(
            "keyward_connections_max",
            "The most connections that the service takes.",
            gauges.max_connections as u64,
        );
        text.counter(
            "keyward_connections_refused_total",
            "Connections refused because of a limit.",
            self.connections_refused.load(Relaxed),
        );
        if let Some(keys) = gauges.keys {
            text.gauge("keyward_keys", "Keys in the store.", keys);
        }
        text.counter(
            "keyward_requests_over_quota_total",
            "Requests refused because their user made too many.",
            self.over_quota.load(Relaxed),
        );
        let name = "keyward_key_limit_refusals_total";
        text.head(name, "counter", "Uses of keys refused because of a limit of the key.");
        for (word, count) in ["uses", "aes-gcm", "rate"].iter().zip(&self.over_limit) {
            let _ = writeln!(text.0, "{name}{{limit=\"{word}\"}} {}", count.load(Relaxed));
        }
        text.gauge(
            "keyward_approvals_open",
            "Approvals that wait for decisions, or were given and not used.",
            gauges.approvals as u64,
        );
        text.gauge(
            "keyward_key_cache_keys",
            "Keys held ready in memory.",
            gauges.cached_keys as u64,
        );
        text.gauge(
            "keyward_key_cache_capacity_keys",
            "The most keys held ready in memory.",
            gauges.cached_keys_max as u64,
        );
        text.counter(
            "keyward_key_cache_misses_total",
            "Keys read from the store because they were not held ready.",
            self.key_cache_misses.load(Relaxed),
        );
        text.gauge(
            "keyward_locked_users",
            "Users who are locked after too many wrong PINs.",
            gauges.locked_users as u64,
        );
        self.ends(&mut text, gauges);
        text.endings(&gauges.endings);
        self.backups(&mut text);
        text.audit(&gauges.audit);
        self.process(&mut text, gauges);
        text.0
    }

    fn requests(&self, text: &mut Text) {
        text.head(
            "keyward_requests_total",
            "counter",
            "Requests by operation, algorithm and how they ended: `ok`, the kind of the error, or \
             `abandoned` by a client that left.",
        );
        for (index, names) in Series::all().iter().enumerate() {
            for outcome in 0..OUTCOMES {
                let count = self.ended(index, outcome);
                // Every operation shows from the start how often it succeeded, so that a rate can
                // be taken of the first one too.
                if count > 0 || (outcome == 0 && names.algorithm.is_empty()) {
                    let _ = writeln!(
                        text.0,
                        "keyward_requests_total{{operation=\"{}\",algorithm=\"{}\",outcome=\"{}\"}} \
                         {count}",
                        names.operation.row().name,
                        names.algorithm,
                        outcome_word(outcome),
                    );
                }
            }
        }
        text.gauge("keyward_requests_in_flight", "Requests not yet answered.", self.in_flight());
    }

    fn times(&self, text: &mut Text) {
        text.head(
            "keyward_queue_seconds",
            "histogram",
            "How long requests waited before they were carried out, by queue.",
        );
        for queue in Queue::ALL {
            let waits = self.shards.iter().map(|shard| &shard.waiting[queue as usize]);
            let labels = format!("queue=\"{}\"", queue.word());
            text.histogram("keyward_queue_seconds", &labels, &waits.collect());
        }
        text.head(
            "keyward_execution_seconds",
            "histogram",
            "How long requests took to be carried out, waiting not counted.",
        );
        for (index, names) in Series::all().iter().enumerate() {
            let total: Total = self.shards.iter().map(|shard| &shard.execution[index]).collect();
            if total.count() > 0 {
                let labels = format!(
                    "operation=\"{}\",algorithm=\"{}\"",
                    names.operation.row().name,
                    names.algorithm
                );
                text.histogram("keyward_execution_seconds", &labels, &total);
            }
        }
    }

    fn ends(&self, text: &mut Text, gauges: &Gauges) {
        let name = "keyward_certificate_expiry_timestamp_seconds";
        text.head(name, "gauge", "When a certificate of the service ends, in seconds since 1970.");
        if let Some(authority) = gauges.authority_ends {
            let _ = writeln!(text.0, "{name}{{certificate=\"authority\"}} {authority}");
        }
        let service = self.certificate_ends.load(Relaxed);
        if service != 0 {
            let _ = writeln!(text.0, "{name}{{certificate=\"service\"}} {service}");
        }
    }

    fn backups(&self, text: &mut Text) {
        text.gauge(
            "keyward_backup_last_success_timestamp_seconds",
            "When the last backup came about, in seconds since 1970; 0 where there is none.",
            self.last_backup.load(Relaxed),
        );
        text.counter(
            "keyward_backup_failures_total",
            "Backups that did not come about.",
            self.backups_failed.load(Relaxed),
        );
    }

    fn process(&self, text: &mut Text, gauges: &Gauges) {
        text.gauge(
            "keyward_unlocked_secrets",
            "Whether the limit of lockable memory is reached, so that secrets may reach the swap.",
            gauges.unlocked_secrets.into(),
        );
        text.gauge(
            "process_start_time_seconds",
            "When the service started, in seconds since 1970.",
            seconds_since_1970(self.started),
        );
        if let Some(bytes) = gauges.resident_bytes {
            text.gauge("process_resident_memory_bytes", "Resident memory.", bytes);
        }
        text.head("keyward_build_info", "gauge", "The version of the service, as a label.");
        let version = env!("CARGO_PKG_VERSION");
        let _ = writeln!(text.0, "keyward_build_info{{version=\"{version}\"}} 1");
    }
}

fn outcome_word(outcome: usize) -> &'static str {
    match outcome {
        0 => "ok",
        ABANDONED => "abandoned",
        code => ErrorKind::ALL[code - 1].word(),
    }
}

/// Text in the making.
struct Text(String);

impl Text {
    /// Ends of keys and of the certificates beside them, without their names.
    fn endings(&mut self, endings: &[Ending]) {
        let of = |what: EndingOf| endings.iter().filter(move |ending| ending.of == what);
        let name = "keyward_ending_keys";
        self.head(
            name,
            "gauge",
            "Keys that have ended or end soon, or whose certificate or uses do; certificates kept \
             without a key that do.",
        );
        for what in EndingOf::ALL {
            let _ = writeln!(self.0, "{name}{{what=\"{}\"}} {}", what.word(), of(what).count());
        }
        let name = "keyward_earliest_end_timestamp_seconds";
        self.head(name, "gauge", "The earliest of those ends, in seconds since 1970.");
        for what in EndingOf::ALL {
            if let Some(first) = of(what).next().filter(|first| first.time != 0) {
                let _ = writeln!(self.0, "{name}{{what=\"{}\"}} {}", what.word(), first.time);
            }
        }
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, "gauge", help);
        let _ = writeln!(self.0, "{name} {value}");
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, "counter", help);
        let _ = writeln!(self.0, "{name} {value}");
    }

    fn histogram(&mut self, name: &str, labels: &str, total: &Total) {
        for (bound, count) in BOUNDS.iter().zip(&total.cumulative) {
            let seconds = *bound as f64 / 1e9;
            let _ = writeln!(self.0, "{name}_bucket{{{labels},le=\"{seconds}\"}} {count}");
        }
        let (count, seconds) = (total.count(), total.seconds);
        let _ = writeln!(
            self.0,
            "{name}_bucket{{{labels},le=\"+Inf\"}} {count}\n\
             {name}_sum{{{labels}}} {seconds}\n\
             {name}_count{{{labels}}} {count}"
        );
    }

    fn audit(&mut self, load: &AuditLoad) {
        self.gauge(
            "keyward_audit_failing",
            "Whether the files of the audit log cannot be written.",
            load.failing.into(),
        );
        self.gauge(
            "keyward_audit_journal_used_bytes",
            "What waits in the journal of the audit log to be written to its files.",
            load.journal_used_bytes,
        );
        self.gauge(
            "keyward_audit_journal_bytes",
            "How much the journal of the audit log holds.",
            load.journal_bytes,
        );
        let mut family = |name: &str, kind: &str, help: &str, value: fn(&SinkLoad) -> f64| {
            self.head(name, kind, help);
            for sink in &load.sinks {
                let label = sink.name.replace('\\', "\\\\").replace('"', "\\\"");
                let _ = writeln!(self.0, "{name}{{sink=\"{label}\"}} {}", value(sink));
            }
        };
        family(
            "keyward_audit_sink_lag_seconds",
            "gauge",
            "The age of the oldest audit entry that a sink has not been sent.",
            |sink| sink.lag_seconds,
        );
        family(
            "keyward_audit_sink_waiting_entries",
            "gauge",
            "Audit entries that a sink has not been sent.",
            |sink| sink.waiting as f64,
        );
        family(
            "keyward_audit_sink_dropped_total",
            "counter",
            "Audit entries that were removed before a sink was sent them.",
            |sink| sink.dropped as f64,
        );
        family(
            "keyward_audit_sink_failures_total",
            "counter",
            "Failed attempts to send to a sink.",
            |sink| sink.failures as f64,
        );
    }

    fn lanes(&mut self, lanes: &[(Queue, Load)]) {
        let mut family = |name: &str, kind: &str, help: &str, value: fn(&Load) -> u64| {
            self.head(name, kind, help);
            for (queue, load) in lanes {
                let _ = writeln!(self.0, "{name}{{queue=\"{}\"}} {}", queue.word(), value(load));
            }
        };
        family("keyward_queue_waiting", "gauge", "Requests that wait in a queue.", |load| {
            load.waiting
        });
        family("keyward_queue_running", "gauge", "Requests of a queue in work.", |load| {
            load.running
        });
        family("keyward_queue_threads", "gauge", "The most requests of a queue in work.", |load| {
            load.threads
        });
        family("keyward_queue_refused_total", "counter", "Requests refused as `busy`.", |load| {
            load.refused
        });
    }
}
