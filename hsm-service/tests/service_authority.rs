//! Another certificate authority takes the place of the service's own while clients sign.

mod service_support;

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use keyward_algorithms::ErrorKind;
use keyward_client::Client;
use keyward_protocol::{Key, messages::RotationStep as Step};
use service_support::{Machine, Service, State, generate, sign};

const PATIENCE: Duration = Duration::from_secs(60);

/// A thread that signs until it is told to stop.
struct Signing {
    stop: Arc<AtomicBool>,
    signed: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

impl Signing {
    /// Signs with whatever client each signature is to be made with.
    fn start(key: Key, client: impl Fn() -> Client + Send + 'static) -> Signing {
        let stop = Arc::new(AtomicBool::new(false));
        let signed = Arc::new(AtomicU64::new(0));
        let (stopping, counting) = (Arc::clone(&stop), Arc::clone(&signed));
        let thread = thread::spawn(move || {
            while !stopping.load(Ordering::Relaxed) {
                sign(&client(), &key).unwrap();
                counting.fetch_add(1, Ordering::Relaxed);
            }
        });
        Signing { stop, signed, thread }
    }

    /// Waits until some more signatures were made from now on.
    fn go_on(&self) {
        let (from, end) = (self.signed.load(Ordering::Relaxed), Instant::now() + PATIENCE);
        while self.signed.load(Ordering::Relaxed) < from + 5 {
            assert!(!self.thread.is_finished(), "a signature failed");
            assert!(Instant::now() < end, "nothing is signed any more");
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn finish(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        self.signed.load(Ordering::Relaxed)
    }
}

fn run(machine: &Machine, service: &Service, arguments: &[&str]) -> String {
    let ran = machine.command(service, arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(ran.stdout).unwrap()
}

/// How many certificates are in a file.
fn certificates(path: &Path) -> usize {
    fs::read_to_string(path).unwrap().matches("BEGIN CERTIFICATE").count()
}

/// What plain openssl, which trusts this file alone, says of the service's certificate.
fn openssl_verdict(service: &Service, machine: &Machine, ca: &Path) -> String {
    let address = service.tls_address.strip_prefix("tls://").unwrap();
    let ran = Command::new("openssl")
        .args(["s_client", "-brief", "-verify_return_error", "-verify_hostname", "localhost"])
        .args(["-connect", address, "-CAfile"])
        .arg(ca)
        .arg("-cert")
        .arg(machine.path("client.crt"))
        .arg("-key")
        .arg(machine.path("client.key"))
        .env_remove("OPENSSL_CONF")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8_lossy(&ran.stderr).into_owned()
}

#[test]
fn an_authority_is_replaced_under_load_and_nobody_who_renews_in_time_is_dropped() {
    let state = State::new();
    let service = state.start();
    let administrator = service.machine("root", &["admin"], &[]);
    let [steady, reloading, lazy] =
        ["steady", "reloading", "lazy"].map(|name| Arc::new(service.machine(name, &[], &[])));
    let first_ca = fs::read(lazy.path("ca.crt")).unwrap();
    let lazy_open = lazy.impatient_client(&service);
    let lazy_key = generate(&lazy_open, "k", "p-256");
    sign(&lazy_open, &lazy_key).unwrap();
    let service_id = lazy_open.hello().unwrap().service_id;

    // One keeps its connection, as a web server does between its reloads; the other reads its files
    // anew and connects anew for each signature.
    let of_steady = steady.client(&service);
    let steady_key = generate(&of_steady, "k", "p-256");
    let steadily = Signing::start(steady_key.clone(), move || of_steady.clone());
    let key = generate(&reloading.client(&service), "k", "p-256");
    let address = service.tls_address.replace("127.0.0.1", "localhost");
    let machine = Arc::clone(&reloading);
    let anew = Signing::start(key, move || {
        let [ca, cert, key] = ["ca.crt", "client.crt", "client.key"].map(|file| machine.path(file));
        let [ca, cert, key] = [&ca, &cert, &key].map(|path| path.to_str().unwrap());
        let settings = [("address", address.as_str()), ("ca", ca), ("cert", cert), ("key", key)];
        Client::new(keyward_client::Settings::load(&settings).unwrap())
    });
    let all_go_on = || [&steadily, &anew].map(Signing::go_on);

    all_go_on();
    run(&administrator, &service, &["authority", "begin"]);
    all_go_on();
    // One renews early, one late, each once.
    run(&reloading, &service, &["client", "renew"]);
    assert_eq!(certificates(&reloading.path("ca.crt")), 2);
    all_go_on();
    let switched = run(&administrator, &service, &["authority", "switch"]);
    assert!(switched.contains("lazy, root, steady"), "{switched}");
    all_go_on();
    // The service is certified by the new authority, for which the old one vouches.
    fs::write(administrator.path("first.crt"), &first_ca).unwrap();
    let verdict = openssl_verdict(&service, &administrator, &administrator.path("first.crt"));
    assert!(verdict.contains("Verification: OK"), "{verdict}");
    sign(&lazy.impatient_client(&service), &lazy_key).unwrap();
    let warnings = lazy_open.status().unwrap().warnings;
    assert!(warnings.iter().any(|one| one.contains("keyward client renew")), "{warnings:?}");
    run(&steady, &service, &["client", "renew"]);
    // Nobody shuts himself out.
    let own = administrator.command(&service, &["authority", "finish", "--yes"]).output().unwrap();
    let said = String::from_utf8_lossy(&own.stderr).into_owned();
    assert!(!own.status.success() && said.contains("keyward client renew"), "{said}");
    run(&administrator, &service, &["client", "renew"]);
    all_go_on();
    let signed_by_steady = steadily.finish();
    let renewed = Signing::start(steady_key.clone(), {
        let client = steady.client(&service);
        move || client.clone()
    });
    renewed.go_on();
    let shown = run(&administrator, &service, &["authority", "show", "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["stage"], "switched");
    // The first administrator, of `init`, too has not renewed.
    assert_eq!(shown["not_renewed"], serde_json::json!(["admin", "lazy"]));
    run(&administrator, &service, &["authority", "finish", "--yes"]);
    anew.go_on();
    renewed.go_on();
    let counts = [signed_by_steady, renewed.finish(), anew.finish()];
    println!("{} signatures, 0 failed", counts.iter().sum::<u64>());

    // Who did not renew is refused, on the connection that was open and on a new one.
    let error = sign(&lazy_open, &lazy_key).unwrap_err();
    assert!(error.hint.as_deref().unwrap_or_default().contains("client enrol"), "{error}");
    let error = sign(&lazy.impatient_client(&service), &lazy_key).unwrap_err();
    assert!(error.hint.as_deref().unwrap_or_default().contains("client enrol"), "{error}");
    let verdict = openssl_verdict(&service, &administrator, &administrator.path("first.crt"));
    assert!(!verdict.contains("Verification: OK"), "{verdict}");
    // The next renewal forgets the old authority.
    run(&reloading, &service, &["client", "renew"]);
    assert_eq!(certificates(&reloading.path("ca.crt")), 1);
    assert_ne!(fs::read(reloading.path("ca.crt")).unwrap(), first_ca);

    // It is the same service, also after a start, and its log is whole.
    service.kill();
    let service = state.start();
    let client = reloading.client(&service);
    assert_eq!(client.hello().unwrap().service_id, service_id);
    assert!(sign(&lazy.impatient_client(&service), &lazy_key).is_err());
    let auditor = Machine::enrolled_by(&administrator, &service, "auditor", &["auditor"]);
    run(&auditor, &service, &["audit", "verify"]);
    let log = run(&auditor, &service, &["audit", "export"]);
    let steps = log.lines().filter(|line| line.contains("\"rotate-authority\"")).count();
    assert_eq!(steps, 4, "three steps and a refusal");
}

#[test]
fn a_replacement_goes_on_after_a_restart_and_its_steps_have_an_order() {
    let state = State::new();
    let service = state.start();
    let administrator = service.administrator();
    let kind = |service: &Service, step| {
        service.administrator().rotate_authority(step).err().map(|error| error.kind)
    };
    for early in [Step::Unknown, Step::Switch, Step::Finish] {
        assert_eq!(kind(&service, early), Some(ErrorKind::InvalidArgument));
    }
    let begun = administrator.rotate_authority(Step::Begin).unwrap();
    let web = service.enrol("web", &[]);
    let key = generate(&web, "k", "p-256");
    service.kill();

    let service = state.start();
    assert_eq!(kind(&service, Step::Begin), Some(ErrorKind::InvalidArgument));
    assert_eq!(kind(&service, Step::Finish), Some(ErrorKind::InvalidArgument));
    let administrator = service.administrator();
    let switched = administrator.rotate_authority(Step::Switch).unwrap();
    assert_eq!(switched.next_ca, begun.next_ca);
    assert_eq!(switched.reached(), Step::Switch);
    service.kill();

    let service = state.start();
    // The first administrator knows the first authority alone.
    assert_eq!(service.administrator().authority().unwrap().reached(), Step::Switch);
    let refused = service.enrol("web", &[]).rotate_authority(Step::Finish).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::PermissionDenied);
    sign(&service.enrol("web", &[]), &key).unwrap();
}
