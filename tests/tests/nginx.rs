//! nginx with keys in the service, through everything that an operator does to it.

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, kill_process};

use keyward_load::{CertificateFamily, Load, Report, Target, TargetBuilder, TlsVersion};
use keyward_tests::{
    Authority, Client, CommandExt, Identity, Nginx, OpenSsl, Scratch, Service, ServiceBuilder,
    Signal, Site, assert_memory_stays, owner_of, patience,
};

const THREADS: usize = 4;
const PATIENCE: Duration = Duration::from_secs(20);

struct World {
    nginx: Nginx,
    identities: Vec<Identity>,
    authority: Authority,
    service: Service,
    _scratch: Scratch,
}

impl World {
    /// nginx with an ECDSA and an RSA key.
    fn new() -> World {
        World::with(|_| {})
    }

    /// The same after something was done to the service.
    fn with(before_nginx: impl FnOnce(&mut Service)) -> World {
        let scratch = Scratch::new();
        // As root, nginx signs as this user.
        let mut service = ServiceBuilder::new(&scratch).allow("www-data").start();
        let authority = Authority::new(&scratch);
        let identities = vec![
            service.certified_key("web", "p-256", &authority),
            service.certified_key("web-rsa", "rsa-2048", &authority),
        ];
        let openssl = OpenSsl::new(&scratch, &service.address());
        before_nginx(&mut service);
        let nginx = Nginx::start(&scratch, &openssl, &identities.iter().collect::<Vec<_>>());
        World { nginx, identities, authority, service, _scratch: scratch }
    }

    fn target(&self, address: SocketAddr, version: TlsVersion) -> TargetBuilder {
        TargetBuilder {
            version,
            trusted_pem: Some(self.authority.certificate_pem()),
            request: Some("/".into()),
            ..TargetBuilder::new(address, "localhost")
        }
    }

    fn plain_target(&self) -> Target {
        self.target(self.nginx.address(), TlsVersion::V1_3).build().unwrap()
    }

    /// Does something under load and demands that no handshake failed.
    fn under_load(&self, act: impl FnOnce(&Load)) -> Report {
        let load = Load::start(&self.plain_target(), THREADS);
        assert!(load.wait_for(100, patience(PATIENCE)), "no load comes about: {:?}", load.stop());
        act(&load);
        assert!(load.wait_for(100, patience(PATIENCE)), "the load stalls: {:?}", load.stop());
        let report = load.stop();
        self.assert_all_well(&report);
        report
    }

    fn assert_all_well(&self, report: &Report) {
        assert_eq!(report.failures, 0, "{report:#?}\n{}", self.nginx.log());
        self.nginx.assert_well();
    }
}

#[test]
fn rsa_and_ecdsa_keys_serve_tls_1_2_and_1_3_from_one_server() {
    let world = World::new();
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        for (family, identity) in [
            (CertificateFamily::Ec, &world.identities[0]),
            (CertificateFamily::Rsa, &world.identities[1]),
        ] {
            let builder = world.target(world.nginx.address_of_both(), version);
            let target = TargetBuilder { family: Some(family), ..builder }.build().unwrap();
            let visit = target.visit().unwrap_or_else(|error| {
                panic!("{version:?} {family:?}: {error}\n{}", world.nginx.log())
            });
            assert!(visit.response.ends_with(b"Hello from nginx.\n"));
            let pem = std::fs::read_to_string(&identity.certificate).unwrap();
            assert_eq!(visit.chain[0], der_of(&pem));
        }
    }
}

/// The first certificate of a PEM file, by plain openssl.
fn der_of(pem: &str) -> Vec<u8> {
    OpenSsl::plain(&["x509", "-outform", "DER"]).run_with(pem.as_bytes()).bytes()
}

#[test]
fn nginx_serves_through_reloads_and_restarts_of_the_service() {
    let start = |site: &Site| Nginx::start_on(site).into_host();
    Site::new(Some("www-data")).examine(Client::WEB, start);
}

/// From 1.29 on nginx takes the URI itself; before, what the shipped file says of `store:` is
/// not for it, and it refuses to start.
#[test]
fn nginx_that_takes_uris_serves_so_through_reloads_and_restarts_of_the_service() {
    let start = |site: &Site| Nginx::start_on(site).into_host();
    let mut site = Site::new(Some("www-data")).by_uri("store:keyward:web");
    if Nginx::version() >= (1, 29) {
        site.examine(Client::WEB, start);
        return;
    }
    site.renew("first", "p-256");
    assert!(catch_unwind(AssertUnwindSafe(|| start(&site))).is_err());
}

#[test]
fn nginx_refuses_the_certificate_of_another_key() {
    let scratch = Scratch::new();
    let service = ServiceBuilder::new(&scratch).allow("www-data").start();
    let authority = Authority::new(&scratch);
    let openssl = OpenSsl::new(&scratch, &service.address());
    for key_type in ["p-256", "rsa-2048"] {
        let key = service.key(&format!("own-{key_type}"), key_type);
        let other = service.certified_key(key_type, key_type, &authority);
        let mut names = vec![key.reference.clone()];
        if Nginx::version() >= (1, 29) {
            names.push(format!("store:{}", key.uri()).into());
        }
        for reference in names {
            let mixed = Identity { reference, ..other.clone() };
            let start = || Nginx::start(&scratch, &openssl, &[&mixed]);
            let said = catch_unwind(AssertUnwindSafe(start)).map(drop).unwrap_err();
            let said = said.downcast::<String>().unwrap();
            assert!(said.contains("key values mismatch"), "{mixed:?}: {said}");
            fs::remove_file(scratch.join("nginx.log")).unwrap();
        }
    }
}

/// OpenSSL keeps keys of different types apart, so nginx starts, with any keys, and has none that it
/// can use.
#[test]
fn nginx_with_a_key_of_another_type_than_its_certificate_serves_nobody_and_goes_on() {
    let scratch = Scratch::new();
    let service = ServiceBuilder::new(&scratch).allow("www-data").start();
    let authority = Authority::new(&scratch);
    let openssl = OpenSsl::new(&scratch, &service.address());
    let web = service.certified_key("web", "p-256", &authority);
    let other = service.certified_key("other", "rsa-2048", &authority);
    let mixed = Identity { reference: other.reference.clone(), ..web };
    let nginx = Nginx::start(&scratch, &openssl, &[&mixed]);
    let target = TargetBuilder::new(nginx.address(), "localhost").build().unwrap();
    for _ in 0..5 {
        let said = target.visit().unwrap_err().to_string();
        assert!(said.contains("HandshakeFailure"), "{said}");
    }
    nginx.assert_well();
}

#[test]
fn workers_that_dropped_their_rights_sign() {
    let world = World::new();
    let report = world.under_load(|_| {});
    assert!(report.handshakes >= 200);
    let root = rustix::process::geteuid().is_root();
    let workers = world.nginx.workers();
    assert!(!workers.is_empty());
    for worker in workers {
        let owner = owner_of(worker).expect("a worker lives");
        assert_eq!(owner != 0, root, "worker {worker} runs as user {owner}");
    }
}

#[test]
fn nginx_starts_while_the_service_is_away_and_serves_once_it_is_there() {
    let mut world = World::with(Service::stop);
    world.service.start();
    world.under_load(|_| {});
}

#[test]
fn a_reload_under_load_fails_no_handshake() {
    let world = World::new();
    world.under_load(|load| {
        for _ in 0..5 {
            world.nginx.reload();
            assert!(
                load.wait_for(50, patience(PATIENCE)),
                "the load stalls:\n{}",
                world.nginx.log()
            );
        }
    });
}

#[test]
fn a_reload_while_the_service_is_away_keeps_the_site() {
    let mut world = World::new();
    world.service.stop();
    world.nginx.reload();
    world.service.start();
    world.under_load(|_| {});
}

#[test]
fn a_binary_upgrade_under_load_fails_no_handshake() {
    let world = World::new();
    world.under_load(|load| {
        for _ in 0..2 {
            world.nginx.upgrade();
            assert!(
                load.wait_for(50, patience(PATIENCE)),
                "the load stalls:\n{}",
                world.nginx.log()
            );
        }
    });
}

#[test]
fn a_restart_of_the_service_under_load_fails_no_handshake() {
    restart_under_load(Signal::TERM);
}

#[test]
fn a_kill_of_the_service_with_immediate_restart_fails_no_handshake() {
    restart_under_load(Signal::KILL);
}

fn restart_under_load(signal: Signal) {
    let mut world = World::new();
    let load = Load::start(&world.plain_target(), THREADS);
    for _ in 0..5 {
        assert!(load.wait_for(100, patience(PATIENCE)), "the load stalls: {:?}", load.stop());
        world.service.end(signal);
        world.service.start();
    }
    assert!(load.wait_for(100, patience(PATIENCE)), "the load stalls: {:?}", load.stop());
    world.assert_all_well(&load.stop());
}

#[test]
fn a_pause_of_two_seconds_fails_no_handshake() {
    let mut world = World::new();
    let load = Load::start(&world.plain_target(), THREADS);
    assert!(load.wait_for(100, patience(PATIENCE)), "the load stalls: {:?}", load.stop());
    world.service.stop();
    thread::sleep(Duration::from_secs(2));
    world.service.start();
    assert!(load.wait_for(100, patience(PATIENCE)), "the load stalls: {:?}", load.stop());
    world.assert_all_well(&load.stop());
}

#[test]
fn in_a_long_outage_requests_fail_at_once_and_the_end_of_it_is_noticed() {
    endure_outage(Service::stop, Service::start);
}

#[test]
fn while_the_service_hangs_requests_fail_at_once_and_the_end_of_it_is_noticed() {
    let send = |service: &Service, signal| {
        let pid = Pid::from_raw(service.pid() as i32).expect("a process has a number");
        kill_process(pid, signal).expect("our own process takes signals");
    };
    endure_outage(|service| send(service, Signal::STOP), |service| send(service, Signal::CONT));
}

fn endure_outage(begin: impl Fn(&mut Service), end: impl Fn(&mut Service)) {
    let mut world = World::new();
    let target = world.plain_target();
    target.visit().unwrap();
    begin(&mut world.service);
    // The clock of the outage is the process's, so let every worker meet it: 5 s by default.
    let load = Load::start(&target, THREADS);
    thread::sleep(Duration::from_secs(12));
    assert!(load.stop().failures > 0);

    let start = Instant::now();
    let visits = 10;
    for _ in 0..visits {
        target.visit().unwrap_err();
    }
    let took = start.elapsed();
    assert!(took < Duration::from_secs(20), "{visits} visits took {took:?}");
    assert!(world.nginx.log().contains("keyward"), "{}", world.nginx.log());

    end(&mut world.service);
    let start = Instant::now();
    // Each of the workers notices by itself.
    let mut in_a_row = 0;
    while in_a_row < 20 {
        in_a_row = if target.visit().is_ok() { in_a_row + 1 } else { 0 };
        assert!(start.elapsed() < Duration::from_secs(30), "{}", world.nginx.log());
    }
    world.nginx.assert_well();
}

#[test]
fn many_reloads_leave_no_connection_behind() {
    let world = World::new();
    let target = world.plain_target();
    let open = || {
        let folder = format!("/proc/{}/fd", world.service.pid());
        std::fs::read_dir(folder).expect("the service lives").count()
    };
    target.visit().unwrap();
    let before = open();
    for _ in 0..10 {
        world.nginx.reload();
        target.visit().unwrap();
    }
    let deadline = Instant::now() + patience(PATIENCE);
    while open() > before + 4 {
        assert!(Instant::now() < deadline, "{before} descriptors became {}", open());
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
#[ignore = "long: for make matrix"]
fn ten_thousand_handshakes_leave_the_memory_of_nginx_as_it_is() {
    let world = World::new();
    // nginx listens before its workers are there.
    world.under_load(|_| {});
    for (family, address) in [
        (CertificateFamily::Ec, world.nginx.address()),
        (CertificateFamily::Rsa, world.nginx.address_of_both()),
    ] {
        let builder = world.target(address, TlsVersion::V1_3);
        let target = TargetBuilder { family: Some(family), ..builder }.build().unwrap();
        assert_memory_stays(&target, &world.nginx.workers(), 3);
    }
    world.nginx.assert_well();
}

/// The logins in the audit log that were refused, read as the user who runs the test.
fn refused_logins(service: &Service, pin: &Path) -> Vec<String> {
    let export = service.command(["audit", "export"]).env("KEYWARD_PIN_FILE", pin).run().text();
    let is_refused = |line: &&str| {
        line.contains("\"operation\":\"login\"") && line.contains("\"outcome\":\"unauthenticated\"")
    };
    export.lines().filter(is_refused).map(str::to_owned).collect()
}

#[test]
fn workers_with_an_old_pin_lock_nobody_and_with_the_right_one_they_serve() {
    let scratch = Scratch::new();
    let mut service = ServiceBuilder::new(&scratch).allow("www-data").start();
    let authority = Authority::new(&scratch);
    let identity = service.certified_key("web", "p-256", &authority);
    let me = Command::new("id").arg("-un").run().text();
    let right = scratch.write("right", "correct horse");
    let file = right.to_str().unwrap();
    service.keyward(["user", "set-pin", me.trim(), "--new-pin-file", file]);

    // Only the master can read it; its workers inherit what it has read.
    let pin = scratch.write("web.pin", "the PIN of last year");
    fs::set_permissions(&pin, fs::Permissions::from_mode(0o600)).unwrap();
    let setting = format!("pin_file = {}", pin.display());
    let openssl = OpenSsl::with_settings(&scratch, &service.address(), &setting);
    let target = |nginx: &Nginx| {
        let trusted_pem = Some(authority.certificate_pem());
        let builder = TargetBuilder::new(nginx.address(), "localhost");
        TargetBuilder { trusted_pem, request: Some("/".into()), ..builder }.build().unwrap()
    };
    let nginx = Nginx::start(&scratch, &openssl, &[&identity]);
    // More tries, and from more processes, than different wrong PINs lock a user.
    for _ in 0..6 {
        for _ in 0..5 {
            target(&nginx).visit().unwrap_err();
        }
        nginx.reload();
    }
    assert!(nginx.log().contains("is wrong"), "{}", nginx.log());
    let refused = refused_logins(&service, &right);
    assert!(refused.len() >= 30, "{refused:#?}");
    let counted = refused.iter().filter(|line| line.contains("wrong PIN")).count();
    assert_eq!(counted, 1, "{refused:#?}");
    drop(nginx);

    fs::write(&pin, "correct horse").unwrap();
    let nginx = Nginx::start(&scratch, &openssl, &[&identity]);
    let load = Load::start(&target(&nginx), THREADS);
    for _ in 0..2 {
        assert!(load.wait_for(100, patience(PATIENCE)), "the load stalls: {:?}", load.stop());
        service.kill();
        service.launch();
    }
    assert!(load.wait_for(100, patience(PATIENCE)), "the load stalls: {:?}", load.stop());
    let report = load.stop();
    assert_eq!(report.failures, 0, "{report:#?}\n{}", nginx.log());
    nginx.assert_well();
}

#[test]
fn a_rotated_key_is_served_after_a_reload_and_no_handshake_fails() {
    let world = World::new();
    let first = &world.identities[0];
    let before = first.der();
    assert_eq!(world.plain_target().visit().unwrap().chain[0], before);
    world.under_load(|load| {
        let request = world.service.keyward(["key", "rotate", "web"]);
        let certificate = world.authority.certify(&request);
        let file = world._scratch.write("rotated.crt", &certificate);
        world.service.keyward(["cert", "import", "web", "--in", file.to_str().unwrap()]);
        // The workers go on with the key that they have loaded.
        assert!(load.wait_for(50, patience(PATIENCE)), "the load stalls:\n{}", world.nginx.log());
        assert_eq!(world.plain_target().visit().unwrap().chain[0], before);

        fs::write(&first.certificate, world.service.keyward(["cert", "export", "web"])).unwrap();
        fs::write(&first.reference, world.service.keyward(["key", "pem", "web"])).unwrap();
        world.nginx.reload();
        let served = world.plain_target().visit().unwrap();
        assert_eq!(served.chain[0], der_of(&certificate));
        assert_ne!(served.chain[0], before);
    });
    // The old key is there under its former name.
    let former = world.service.keyward(["key", "public", "web.1"]);
    assert_eq!(former.as_bytes(), fs::read(&first.public).unwrap());
}
