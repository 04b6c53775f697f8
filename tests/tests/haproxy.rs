//! HAProxy with a key in the service, in its chroot and with its rights dropped, which it does
//! without a fork; master and worker, as Debian runs it.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use keyward_load::{Load, Target, TargetBuilder, TlsVersion, delay, delay_tcp};
use keyward_tests::{
    Authority, HaProxy, Identity, OpenSsl, Scratch, Service, ServiceBuilder, Signal,
    assert_memory_stays, owner_of, patience,
};

/// Where the service listens within HAProxy's chroot.
const INSIDE: &str = "/run/keyward/hsm.sock";
/// How much longer round trips to a service take that is far away.
const DELAY: Duration = Duration::from_millis(4);
const PATIENCE: Duration = Duration::from_secs(30);

struct World {
    haproxy: HaProxy,
    identity: Identity,
    authority: Authority,
    service: Service,
    scratch: Scratch,
}

impl World {
    /// A service with a second socket inside the chroot, as the shipped README says, and HAProxy
    /// with a key that `haproxy` was granted.
    fn new(key_type: &str) -> World {
        World::reaching(key_type, &[], |_, scratch, _| {
            OpenSsl::new(scratch, &format!("unix:{INSIDE}"))
        })
    }

    /// HAProxy with async jobs, and a service that is far away.
    fn far(key_type: &str) -> World {
        World::reaching(key_type, &["ssl-mode-async"], |service, scratch, chroot| {
            let far = chroot.join("far.sock");
            delay(&far, service.socket().into(), DELAY).unwrap();
            fs::set_permissions(&far, fs::Permissions::from_mode(0o777)).unwrap();
            OpenSsl::new(scratch, "unix:/far.sock")
        })
    }

    /// The same with a service on another machine, which is reached by its name over mutual TLS,
    /// though the chroot has nothing to look names up with.
    fn remote(key_type: &str) -> World {
        World::reaching(key_type, &["ssl-mode-async"], |service, scratch, _| {
            let port = delay_tcp(service.tls_address(), DELAY).unwrap();
            let folder = scratch.join("enrolled");
            service.enrol("haproxy", &folder, port);
            let settings = fs::read_to_string(folder.join("client.toml")).unwrap();
            OpenSsl::with_settings(scratch, "", &settings.replace('"', ""))
        })
    }

    fn reaching(
        key_type: &str,
        global: &[&str],
        reach: impl FnOnce(&Service, &Scratch, &Path) -> OpenSsl,
    ) -> World {
        assert!(rustix::process::geteuid().is_root(), "this test needs root for the chroot");
        let scratch = Scratch::new();
        let chroot = scratch.folder("chroot");
        scratch.folder("chroot/run/keyward");
        let lines = format!(
            "\n[[listen]]\nunix = \"{}{INSIDE}\"\n\n\
             [[user]]\nname = \"haproxy\"\nidentities = [\"uid:haproxy\"]\n",
            chroot.display()
        );
        let service = ServiceBuilder::new(&scratch).configured(&lines).start();
        let authority = Authority::new(&scratch);
        let identity = service.certified_key("web", key_type, &authority);
        service.keyward(["key", "share", "web", "haproxy"]);
        // HAProxy wants to own nothing in there and to write nothing.
        fs::set_permissions(&chroot, fs::Permissions::from_mode(0o755)).unwrap();
        let openssl = reach(&service, &scratch, &chroot);
        let haproxy = HaProxy::start(&scratch, &openssl, &identity, &chroot, global);
        World { haproxy, identity, authority, service, scratch }
    }

    fn target(&self, version: TlsVersion) -> Target {
        TargetBuilder {
            version,
            trusted_pem: Some(self.authority.certificate_pem()),
            request: Some("/".into()),
            ..TargetBuilder::new(self.haproxy.address(), "localhost")
        }
        .build()
        .unwrap()
    }

    fn visit(&self) {
        for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
            let visit = self.target(version).visit();
            let visit = visit.unwrap_or_else(|e| panic!("{version:?}: {e}\n{}", self.log()));
            assert!(visit.response.ends_with(b"served by HAProxy\n"));
            assert_eq!(visit.chain[0], self.identity.der());
        }
    }

    /// A new key with a new certificate, and a reload.
    fn renew(&mut self, name: &str, key_type: &str) {
        self.identity = self.service.certified_key(name, key_type, &self.authority);
        self.service.keyward(["key", "share", name, "haproxy"]);
        self.haproxy.renew(&self.identity);
        self.haproxy.reload();
    }

    /// Restarts of the service and reloads with new keys, of which no client notices anything.
    fn disturb(&mut self, threads: usize, meanwhile: impl Fn()) {
        let load = Load::start(&self.target(TlsVersion::V1_3), threads);
        let goes_on = |load: &Load, world: &World| {
            meanwhile();
            assert!(load.wait_for(50, patience(PATIENCE)), "the load stalls:\n{}", world.log());
        };
        goes_on(&load, self);
        for (name, key_type) in [("second", "rsa-2048"), ("third", "p-256")] {
            self.renew(name, key_type);
            goes_on(&load, self);
            self.visit();
        }
        for signal in [Signal::TERM, Signal::KILL] {
            self.service.end(signal);
            self.service.start();
            goes_on(&load, self);
        }
        let report = load.stop();
        assert_eq!(report.failures, 0, "{report:#?}\n{}", self.log());
        self.haproxy.assert_well();
    }

    fn log(&self) -> String {
        self.haproxy.log()
    }
}

#[test]
fn haproxy_serves_from_its_chroot_with_rights_dropped() {
    for key_type in ["p-256", "rsa-2048"] {
        let world = World::new(key_type);
        world.visit();
        let workers = world.haproxy.workers();
        assert!(!workers.is_empty());
        for pid in workers {
            assert_ne!(owner_of(pid), Some(0));
            let root = fs::read_link(format!("/proc/{pid}/root")).unwrap();
            assert_eq!(root, world.scratch.join("chroot"));
        }
    }
}

#[test]
fn reloads_and_restarts_of_the_service_fail_no_handshake_of_haproxy() {
    World::new("p-256").disturb(3, || {});
}

#[test]
fn haproxy_pauses_jobs_through_reloads_restarts_and_clients_that_hang_up() {
    pause_jobs(World::far("p-256"));
}

#[test]
fn haproxy_pauses_jobs_over_tls_to_a_service_that_it_knows_by_name() {
    pause_jobs(World::remote("p-256"));
}

fn pause_jobs(mut world: World) {
    world.visit();
    let before = world.haproxy.workers();
    let target = world.target(TlsVersion::V1_3);
    // Half of the way to the answer, when the job is paused.
    let hang_ups = || (0..20).for_each(|_| target.hang_up(Duration::from_millis(2)).unwrap());
    hang_ups();
    world.visit();
    assert_eq!(world.haproxy.workers(), before, "the worker is another:\n{}", world.log());
    world.disturb(8, hang_ups);
}

#[test]
fn haproxy_signs_no_more_once_its_right_is_taken_away() {
    let world = World::new("p-256");
    let target = world.target(TlsVersion::V1_3);
    target.visit().unwrap();
    world.service.keyward(["key", "unshare", "web", "haproxy"]);
    target.visit().unwrap_err();
    world.service.keyward(["key", "share", "web", "haproxy"]);
    target.visit().unwrap();
}

#[test]
#[ignore = "long: for make matrix"]
fn ten_thousand_handshakes_leave_the_memory_of_haproxy_as_it_is() {
    for world in [World::new("p-256"), World::far("p-256")] {
        let workers = world.haproxy.workers();
        // Its cache of sessions fills first, with any key.
        assert_memory_stays(&world.target(TlsVersion::V1_3), &workers, 12);
        assert_eq!(world.haproxy.workers(), workers, "the worker is another:\n{}", world.log());
        world.haproxy.assert_well();
    }
}
