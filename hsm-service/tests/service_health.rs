//! What operators are told: /live, /ready, /state and /metrics.

mod service_support;

use std::{
    collections::{HashMap, HashSet},
    io::{Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

use keyward_algorithms::ErrorKind;
use service_support::{ME, Service, State, generate, named, sign};

/// One answer.
struct Page {
    status: u16,
    body: String,
}

fn ask(mut stream: impl Read + Write, path: &str) -> Page {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
    assert_eq!(length.parse::<usize>().unwrap(), body.len());
    Page { status, body: body.to_owned() }
}

fn page(service: &Service, path: &str) -> Page {
    let socket = service.socket().with_file_name("health.sock");
    ask(UnixStream::connect(socket).unwrap(), path)
}

/// The samples of Prometheus' text format by name and labels, and the families with their types.
struct Metrics {
    samples: HashMap<String, f64>,
    families: HashMap<String, String>,
}

impl Metrics {
    /// Reads a page strictly: every sample under the head of its family, each once.
    fn parse(text: &str) -> Metrics {
        let mut metrics = Metrics { samples: HashMap::new(), families: HashMap::new() };
        let (mut family, mut kind) = (String::new(), String::new());
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                family = help.split(' ').next().unwrap().to_owned();
                continue;
            }
            if let Some(named) = line.strip_prefix("# TYPE ") {
                let (name, of_type) = named.split_once(' ').unwrap();
                assert_eq!(name, family, "TYPE follows HELP");
                kind = of_type.to_owned();
                let again = metrics.families.insert(family.clone(), kind.clone());
                assert!(again.is_none(), "{family} comes twice");
                continue;
            }
            let (series, value) = line.rsplit_once(' ').unwrap();
            let name = series.split('{').next().unwrap();
            let bare = match kind.as_str() {
                "histogram" => ["_bucket", "_sum", "_count"]
                    .iter()
                    .find_map(|suffix| name.strip_suffix(suffix))
                    .unwrap(),
                _ => name,
            };
            assert_eq!(bare, family, "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            let again = metrics.samples.insert(series.to_owned(), value.parse().unwrap());
            assert!(again.is_none(), "{series} comes twice");
        }
        metrics
    }

    fn of(service: &Service) -> Metrics {
        let page = page(service, "/metrics");
        assert_eq!(page.status, 200);
        Metrics::parse(&page.body)
    }

    fn get(&self, series: &str) -> f64 {
        *self.samples.get(series).unwrap_or_else(|| panic!("no {series}"))
    }

    fn requests(&self, operation: &str, algorithm: &str, outcome: &str) -> f64 {
        self.get(&format!(
            "keyward_requests_total{{operation=\"{operation}\",algorithm=\"{algorithm}\",\
             outcome=\"{outcome}\"}}"
        ))
    }
}

#[test]
fn requests_are_counted_by_operation_algorithm_and_outcome() {
    let state = State::with(ME);
    let service = state.start();
    let client = service.client();
    let key = generate(&client, "ec", "p-256");
    for _ in 0..5 {
        sign(&client, &key).unwrap();
    }
    client.delete(&key.id).unwrap();
    let gone = sign(&client, &key).unwrap_err();
    assert_eq!(gone.kind, ErrorKind::NotFound);

    let metrics = Metrics::of(&service);
    assert_eq!(metrics.requests("sign", "ecdsa-sha256", "ok"), 5.0);
    assert_eq!(metrics.requests("sign", "ecdsa-sha256", "not-found"), 1.0);
    assert_eq!(metrics.requests("generate", "", "ok"), 1.0);
    assert_eq!(metrics.requests("decrypt", "", "ok"), 0.0);
    let executed = "keyward_execution_seconds_count{operation=\"sign\",algorithm=\"ecdsa-sha256\"}";
    assert_eq!(metrics.get(executed), 5.0);
    assert_eq!(metrics.get("keyward_requests_in_flight"), 0.0);
    assert!(metrics.get("keyward_connections") >= 1.0);
    assert_eq!(metrics.get("keyward_can_sign"), 1.0);
    assert!(metrics.get("process_resident_memory_bytes") > 1e6);
}

#[test]
fn the_wait_for_a_lane_is_told_apart_from_the_work() {
    let state = State::with(ME);
    let service = state.start();
    let client = service.client();
    let key = generate(&client, "rsa", "rsa-4096");
    for _ in 0..3 {
        sign(&client, &key).unwrap();
    }
    let metrics = Metrics::of(&service);
    assert_eq!(metrics.get("keyward_queue_seconds_count{queue=\"slow\"}"), 3.0);
    assert_eq!(metrics.get("keyward_queue_seconds_count{queue=\"making\"}"), 1.0);
    let labels = "operation=\"sign\",algorithm=\"rsa-pkcs1-sha256\"";
    let sum = metrics.get(&format!("keyward_execution_seconds_sum{{{labels}}}"));
    assert!(sum > 0.001, "three RSA-4096 signatures took {sum} s");
    assert_eq!(
        metrics.get(&format!("keyward_execution_seconds_bucket{{{labels},le=\"+Inf\"}}")),
        3.0
    );
}

#[test]
fn a_service_that_ends_is_live_and_not_ready() {
    let state = State::with(ME);
    let service = state.start();
    assert_eq!(page(&service, "/live").status, 200);
    assert_eq!(page(&service, "/ready").status, 200);
    let state: serde_json::Value = serde_json::from_str(&page(&service, "/state").body).unwrap();
    assert_eq!(state["state"], "operational");
    assert_eq!(state["seal"], "unsealed");
    assert_eq!(page(&service, "/keys").status, 404);

    // Work that is in flight keeps the service up for a while after it is told to end.
    let client = service.client();
    let making = std::thread::spawn(move || {
        let key_type = keyward_algorithms::KeyType::Rsa(8192);
        let _ = client.generate(key_type, &named("large"));
    });
    let end = Instant::now() + Duration::from_secs(20);
    while Metrics::of(&service).get("keyward_queue_running{queue=\"making\"}") == 0.0 {
        assert!(Instant::now() < end, "the key is not being made");
        std::thread::sleep(Duration::from_millis(5));
    }
    rustix::process::kill_process(service.pid(), rustix::process::Signal::TERM).unwrap();
    let mut seen = false;
    while let Ok(stream) = UnixStream::connect(service.socket().with_file_name("health.sock")) {
        // It may end while it is asked.
        let answer = std::panic::catch_unwind(|| ask(stream, "/ready").status);
        seen |= matches!(answer, Ok(503));
        if seen {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(seen, "the service was never seen ending");
    service.kill();
    making.join().unwrap();
}

#[test]
fn health_can_be_asked_over_tcp_or_switched_off() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let state = State::with(&format!("[health]\nlisten = \"{port}\"\n"));
    let service = state.start();
    assert_eq!(ask(TcpStream::connect(port).unwrap(), "/live").status, 200);
    assert!(!service.socket().with_file_name("health.sock").exists());
    drop(service);
    let state = State::with("[health]\nlisten = \"off\"\n");
    let service = state.start();
    assert!(!service.socket().with_file_name("health.sock").exists());
}

#[test]
fn every_metric_of_the_dashboard_and_the_alerts_exists_and_all_are_documented() {
    let state = State::with(ME);
    let service = state.start();
    let client = service.client();
    let key = generate(&client, "ec", "p-256");
    sign(&client, &key).unwrap();
    let metrics = Metrics::of(&service);
    let mut known: HashSet<String> = HashSet::from(["keyward".into()]);
    for (name, kind) in &metrics.families {
        match kind.as_str() {
            "histogram" => {
                known.extend(["_bucket", "_sum", "_count"].map(|suffix| format!("{name}{suffix}")));
            }
            _ => drop(known.insert(name.clone())),
        }
    }
    for (file, text) in [
        ("alerts.yml", include_str!("../../ops/monitoring/alerts.yml")),
        ("dashboard", include_str!("../../ops/monitoring/grafana-dashboard.json")),
    ] {
        let named = metrics_in(text);
        assert!(named.len() > 10, "{file} names {named:?}");
        for name in named {
            assert!(known.contains(name), "{file} names {name}, which does not exist");
        }
    }
    let families: HashSet<&str> = metrics.families.keys().map(String::as_str).collect();
    let rows = include_str!("../../docs/operations.md").lines();
    let rows = rows.filter(|row| row.starts_with("| `keyward_") || row.starts_with("| `process_"));
    let documented = rows.filter_map(|row| Some(metrics_in(row.split(" | ").next()?))).flatten();
    assert_eq!(documented.collect::<HashSet<_>>(), families);
}

/// Every name of a metric in a text.
fn metrics_in(text: &str) -> HashSet<&str> {
    let words = text.split(|character: char| !(character.is_alphanumeric() || character == '_'));
    words.filter(|word| word.starts_with("keyward") || word.starts_with("process_")).collect()
}
