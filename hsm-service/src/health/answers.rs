//! What is answered: one page per question.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    sync::{Arc, atomic::Ordering},
};

use keyward_algorithms::ServiceState;
use serde_json::json;

use super::request::{Answer, Request};
use crate::{Service, harden::unlocked_secrets, issue::end_of, metrics::Gauges};

/// What the answers are made from.
pub(super) struct Answers {
    service: Arc<Service>,
    /// Opened at the start, for later no file outside the service's folders can be.
    memory: Option<File>,
}

impl Answers {
    pub(super) fn new(service: Arc<Service>) -> Answers {
        Answers { service, memory: File::open("/proc/self/statm").ok() }
    }

    /// The answer to a request.
    pub(super) fn to(&self, request: &Request) -> Answer {
        let mut answer = match request.path.as_str() {
            "/live" => Answer::text("200 OK", "live"),
            "/ready" => self.ready(),
            "/state" => self.state(),
            "/metrics" => self.metrics(),
            _ => Answer::text("404 Not Found", "there are /live, /ready, /state and /metrics"),
        };
        answer.send_body = request.wants_body;
        answer
    }

    /// Whether requests to sign may be sent here: the service takes them and its store is readable.
    fn ready(&self) -> Answer {
        if !self.service.can_sign() {
            return Answer::text("503 Service Unavailable", self.service.state());
        }
        match self.service.store().count(None) {
            Ok(_) => Answer::text("200 OK", "ready"),
            Err(error) => {
                // The store's error may name files, which is the log's affair.
                tracing::warn!("not ready: {error}");
                Answer::text("503 Service Unavailable", "the store cannot be read")
            }
        }
    }

    fn state(&self) -> Answer {
        let service = &self.service;
        let metrics = &service.metrics;
        let state = json!({
            "state": service.state(),
            "can_sign": service.can_sign(),
            "seal": service.sealing.word(),
            "version": env!("CARGO_PKG_VERSION"),
            "development": service.development,
            "uptime_seconds": service.started.elapsed().as_secs(),
            "keys": service.store().count(None).ok(),
            "connections": metrics.connections.load(Ordering::Relaxed),
            "last_backup": match metrics.last_backup.load(Ordering::Relaxed) {
                0 => None,
                time => Some(time),
            },
            "warnings": service
                .warnings
                .iter()
                .cloned()
                .chain(unlocked_secrets())
                .chain(service.sealing.warnings())
                .chain(service.caretaker.endings().summary())
                .collect::<Vec<_>>(),
        });
        Answer {
            status: "200 OK",
            content_type: "application/json",
            body: format!("{state}\n"),
            send_body: true,
        }
    }

    fn metrics(&self) -> Answer {
        let service = &self.service;
        let (cached_keys, cached_keys_max) = service.keys.ready();
        let authority = service.authority.present().ok();
        let authority_ends = authority.and_then(|present| end_of(present.current.certificate()));
        let gauges = Gauges {
            can_sign: service.can_sign(),
            sealed: service.sealing.state() == ServiceState::Sealed,
            max_connections: service.live.settings().limits.connections,
            cached_keys,
            cached_keys_max,
            keys: service.store().count(None).ok(),
            authority_ends,
            audit: service.audit.load(),
            lanes: service.loads(),
            locked_users: service.pins.locked(),
            approvals: service.approvals.open_count(),
            endings: service.caretaker.endings().all(),
            resident_bytes: self.resident_bytes(),
            unlocked_secrets: unlocked_secrets().is_some(),
        };
        Answer {
            status: "200 OK",
            content_type: "text/plain; version=0.0.4; charset=utf-8",
            body: service.metrics.render(&gauges),
            send_body: true,
        }
    }

    /// The second number of `statm` is the resident pages (proc_pid_statm(5)).
    fn resident_bytes(&self) -> Option<u64> {
        let mut text = [0; 128];
        let count = self.memory.as_ref()?.read_at(&mut text, 0).ok()?;
        let pages = std::str::from_utf8(&text[..count]).ok()?.split(' ').nth(1)?;
        Some(pages.parse::<u64>().ok()? * rustix::param::page_size() as u64)
    }
}
