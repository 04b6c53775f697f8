//! HAProxy with a key in the service, in its chroot and with its rights dropped, which it does
//! without a fork.

use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use keyward_load::{Load, TargetBuilder, TlsVersion};
use keyward_tests::{
    Authority, HaProxy, OpenSsl, Scratch, Service, ServiceBuilder, Signal, owner_of,
};

/// Where HAProxy looks for the service: within its chroot.
const INSIDE: &str = "/run/keyward/hsm.sock";

struct World {
    haproxy: HaProxy,
    authority: Authority,
    service: Service,
    scratch: Scratch,
}

impl World {
    /// A service with a second socket inside the chroot, as the shipped README says, and HAProxy
    /// with a key that `haproxy` was granted.
    fn new(key_type: &str) -> World {
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
        let openssl = OpenSsl::new(&scratch, &format!("unix:{INSIDE}"));
        let haproxy = HaProxy::start(&scratch, &openssl, &identity, &chroot);
        World { haproxy, authority, service, scratch }
    }

    fn target(&self, version: TlsVersion) -> keyward_load::Target {
        TargetBuilder {
            version,
            trusted_pem: Some(self.authority.certificate_pem()),
            request: Some("/".into()),
            ..TargetBuilder::new(self.haproxy.address(), "localhost")
        }
        .build()
        .unwrap()
    }
}

#[test]
fn haproxy_serves_from_its_chroot_with_rights_dropped() {
    for key_type in ["p-256", "rsa-2048"] {
        let world = World::new(key_type);
        for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
            let visit = world.target(version).visit().unwrap_or_else(|error| {
                panic!("{key_type} {version:?}: {error}\n{}", world.haproxy.log())
            });
            assert!(visit.response.ends_with(b"served by HAProxy\n"));
        }
        let pid = world.haproxy.pid();
        assert_ne!(owner_of(pid), Some(0));
        let root = fs::read_link(format!("/proc/{pid}/root")).unwrap();
        assert_eq!(root, world.scratch.join("chroot"));
    }
}

#[test]
fn restarts_of_the_service_fail_no_handshake_of_haproxy() {
    let mut world = World::new("p-256");
    let load = Load::start(&world.target(TlsVersion::V1_3), 3);
    for signal in [Signal::TERM, Signal::KILL] {
        assert!(load.wait_for(50, Duration::from_secs(20)));
        world.service.end(signal);
        world.service.start();
    }
    assert!(load.wait_for(50, Duration::from_secs(20)));
    let report = load.stop();
    assert_eq!(report.failures, 0, "{report:#?}\n{}", world.haproxy.log());
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
