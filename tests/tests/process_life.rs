//! What the life of a process does to a key that it has loaded: forks, threads, rights that are
//! dropped without a fork. The host is Python's `ssl` module, which
//! takes keys from PEM files alone.

use std::process::Command;

use keyward_tests::{
    Authority, CommandExt, Identity, OpenSsl, Outcome, Scratch, Service, ServiceBuilder,
    repository, require,
};

struct World {
    identity: Identity,
    authority: Authority,
    openssl: OpenSsl,
    service: Service,
    scratch: Scratch,
}

impl World {
    fn new(allowed: Option<&'static str>) -> World {
        let scratch = Scratch::new();
        let mut builder = ServiceBuilder::new(&scratch);
        if let Some(user) = allowed {
            builder = builder.allow(user);
        }
        let service = builder.start();
        let authority = Authority::new(&scratch);
        let identity = service.certified_key("web", "p-256", &authority);
        let openssl = OpenSsl::new(&scratch, &service.address());
        World { identity, authority, openssl, service, scratch }
    }

    fn host(&self, steps: &[&str]) -> Outcome {
        let program = repository().join("tests/tests/programs/tls_host.py");
        Command::new(require("python3", "python3"))
            .arg(program)
            .args([&self.identity.certificate, &self.identity.reference])
            .arg(self.authority.certificate())
            .args(steps)
            .envs(self.openssl.environment())
            .run()
    }
}

#[test]
fn a_program_signs_before_and_after_a_fork_on_both_sides() {
    let world = World::new(None);
    world.host(&["handshake", "fork", "fork", "handshake"]).bytes();
}

#[test]
fn a_program_that_forks_before_its_first_signature_signs_on_both_sides() {
    World::new(None).host(&["fork", "handshake"]).bytes();
}

#[test]
fn many_threads_sign_at_once_and_their_children_too() {
    World::new(None).host(&["threads", "fork", "threads"]).bytes();
}

#[test]
fn a_program_that_drops_its_rights_is_the_user_that_it_became() {
    assert!(rustix::process::geteuid().is_root(), "this test needs root to drop rights");
    let steps = ["handshake", "drop-rights", "handshake", "threads"];
    World::new(Some("www-data")).host(&steps).bytes();

    // Where that user may not use the key, the rights of root must not go on working.
    let complaint = World::new(None).host(&steps).complaint();
    assert!(complaint.contains("drop-rights well"), "{complaint}");
    assert!(!complaint.contains("threads well"), "{complaint}");
}

#[test]
fn a_program_that_gives_a_connections_number_to_its_own_file_keeps_the_file() {
    World::new(None).host(&["handshake", "take-descriptors", "handshake"]).bytes();
}

#[test]
fn a_program_that_loads_many_keys_over_and_over_keeps_none_open() {
    let world = World::new(None);
    let script = world.scratch.write(
        "reload.py",
        "import os, ssl, sys\n\
         for turn in range(300):\n\
         \x20   context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n\
         \x20   context.load_cert_chain(sys.argv[1], sys.argv[2])\n\
         print(len(os.listdir('/proc/self/fd')))\n",
    );
    let open = Command::new(require("python3", "python3"))
        .arg(script)
        .args([&world.identity.certificate, &world.identity.reference])
        .envs(world.openssl.environment())
        .run()
        .text();
    assert!(open.trim().parse::<u32>().unwrap() < 12, "{open} descriptors are open");
    assert!(world.service.log().is_empty() || !world.service.log().contains("panicked"));
}
