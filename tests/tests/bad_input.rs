//! What goes wrong in other people's hands: each case has an error that says what is the matter,
//! nothing crashes, and nobody else notices.

use std::{
    fs,
    io::{Read, Write},
    os::unix::{net::UnixStream, process::CommandExt as _},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use keyward_tests::{Authority, CommandExt, Identity, OpenSsl, Scratch, Service, ServiceBuilder};

struct World {
    service: Service,
    openssl: OpenSsl,
    scratch: Scratch,
}

impl World {
    fn new() -> World {
        let scratch = Scratch::new();
        let service = Service::dev(&scratch);
        let openssl = OpenSsl::new(&scratch, &service.address());
        World { service, openssl, scratch }
    }

    /// A signature with a key, by name or by file.
    fn sign(&self, key: &str) -> Command {
        let message = self.scratch.write("message", "hello");
        let mut command = self.openssl.command(&["dgst", "-sha256", "-sign", key]);
        command.arg(message);
        command
    }

    fn sign_with(&self, identity: &Identity) -> Command {
        self.sign(identity.reference.to_str().unwrap())
    }
}

#[track_caller]
fn assert_says(complaint: &str, words: &[&str]) {
    for word in words {
        assert!(complaint.contains(word), "{word:?} is not in\n{complaint}");
    }
}

#[test]
fn an_unknown_key_is_named_with_the_place_that_was_asked() {
    let world = World::new();
    let complaint = world.sign("keyward:nosuch").run().complaint();
    assert_says(&complaint, &["keyward", "nosuch", "not found", &world.service.address()]);
    for uri in ["keyward:a b", "keyward:web?type=secret", "keyward:id=12", "keyward:%zz"] {
        let complaint = world.sign(uri).run().complaint();
        assert_says(&complaint, &["keyward", "is no key"]);
    }
}

#[test]
fn a_deleted_key_and_another_under_its_name_are_not_found_by_reference() {
    let world = World::new();
    let identity = world.service.key("web", "p-256");
    world.sign_with(&identity).run().bytes();
    world.service.keyward(["key", "delete", "web", "--yes"]);
    let complaint = world.sign_with(&identity).run().complaint();
    assert_says(&complaint, &["keyward:", "web", "not found"]);
    world.service.keyward(["key", "generate", "web", "--type", "p-256"]);
    let complaint = world.sign_with(&identity).run().complaint();
    assert_says(&complaint, &["web", "not found"]);
}

#[test]
fn a_reference_for_another_service_is_not_found() {
    let world = World::new();
    let other = ServiceBuilder::new(&world.scratch).named("other").start();
    let theirs = other.key("web", "rsa-2048");
    world.service.key("web", "rsa-2048");
    let complaint = world.sign_with(&theirs).run().complaint();
    assert_says(&complaint, &["keyward", "web", "not found"]);
}

#[test]
fn a_service_that_is_down_is_named_within_the_time_for_retries() {
    let mut world = World::new();
    let identity = world.service.key("web", "p-256");
    let uri = identity.uri();
    world.service.stop();
    for key in [&uri, identity.reference.to_str().unwrap()] {
        let start = Instant::now();
        let complaint = world.sign(key).run().complaint();
        let took = start.elapsed();
        assert!((3..20).contains(&took.as_secs()), "{took:?}");
        assert_says(&complaint, &["keyward", &world.service.address()]);
    }
    let start = Instant::now();
    let complaint = world.sign(&uri).env("KEYWARD_RETRY_FOR", "0").run().complaint();
    assert!(start.elapsed() < Duration::from_secs(4));
    assert_says(&complaint, &["unavailable"]);
    // Reading the reference asks nobody.
    world.openssl.command(&["pkey", "-noout", "-in"]).arg(&identity.reference).run().bytes();
}

#[test]
fn a_key_that_was_not_granted_is_as_good_as_not_there() {
    assert!(rustix::process::geteuid().is_root(), "this test needs root to be another user");
    let scratch = Scratch::new();
    let web = "\n[[user]]\nname = \"web\"\nidentities = [\"uid:www-data\"]\n";
    let service = ServiceBuilder::new(&scratch).configured(web).start();
    let openssl = OpenSsl::new(&scratch, &service.address());
    let world = World { service, openssl, scratch };
    let identity = world.service.key("web", "p-256");
    let as_web = |key: &str| {
        let uid = id("-u", "www-data");
        world.sign(key).uid(uid).gid(id("-g", "www-data")).run()
    };
    let by_name = || as_web("keyward:tester/web");
    let by_reference = || as_web(identity.reference.to_str().unwrap());

    assert_says(&by_name().complaint(), &["not found"]);
    assert_says(&by_reference().complaint(), &["not found"]);
    world.service.keyward(["key", "share", "web", "web", "--rights", "see"]);
    assert_says(&by_name().complaint(), &["permission denied"]);
    assert_says(&by_reference().complaint(), &["permission denied"]);
    world.service.keyward(["key", "share", "web", "web"]);
    by_name().bytes();
    by_reference().bytes();
    world.service.keyward(["key", "unshare", "web", "web"]);
    assert_says(&by_reference().complaint(), &["not found"]);

    // Who is not named in the configuration at all is told so.
    let complaint = world.sign("keyward:web").uid(id("-u", "games")).run().complaint();
    assert_says(&complaint, &["keyward", "uid:"]);
}

/// The number of a local user or of its group.
fn id(flag: &str, user: &str) -> u32 {
    let number = Command::new("id").args([flag, user]).run().text();
    number.trim().parse().expect("id prints a number")
}

#[test]
fn a_client_certificate_of_somebody_else_is_refused() {
    let scratch = Scratch::new();
    let service = ServiceBuilder::new(&scratch).configured("").start();
    let openssl = OpenSsl::new(&scratch, &format!("tls://{}", service.tls_address()));
    let world = World { service, openssl, scratch };
    let state = world.service.state();
    let administrator = [
        ("KEYWARD_CA", state.join("ca.pem")),
        ("KEYWARD_CERT", state.join("admin/cert.pem")),
        ("KEYWARD_KEY", state.join("admin/key.pem")),
    ];
    let status = |environment: &[(&str, std::path::PathBuf)]| {
        let address = format!("tls://localhost:{}", world.service.tls_address().port());
        let mut command = world.service.command(["status"]);
        command.env("KEYWARD_ADDRESS", address).envs(environment.iter().cloned());
        command.run()
    };
    status(&administrator).bytes();

    // A certificate for the same name from another authority.
    let other = Authority::new(&world.scratch);
    let (key, crt) = (world.scratch.join("theirs.key"), world.scratch.join("theirs.crt"));
    let request = OpenSsl::plain(&["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
        .args(["-nodes", "-subj", "/CN=admin", "-config", "/etc/ssl/openssl.cnf", "-keyout"])
        .arg(&key)
        .run()
        .text();
    fs::write(&crt, other.certify(&request)).unwrap();
    let mut impostor = administrator.clone();
    impostor[1].1 = crt;
    impostor[2].1 = key;
    assert_says(&status(&impostor).complaint(), &["UnknownCA", "hint: check that ca, cert"]);

    // A service whose certificate is not from the authority that the client trusts.
    let mut suspicious = administrator;
    suspicious[0].1 = other.certificate();
    assert_says(&status(&suspicious).complaint(), &["certificate"]);
}

#[test]
fn a_reference_that_was_cut_short_or_edited_is_refused() {
    let world = World::new();
    let identity = world.service.key("web", "p-256");
    let pem = fs::read_to_string(&identity.reference).unwrap();
    let body = pem.find("-----BEGIN").unwrap();
    let end = pem.find("-----END").unwrap();
    let load = |pem: &[u8]| {
        let path = world.scratch.write("edited.pem", pem);
        world.openssl.command(&["pkey", "-pubout", "-in"]).arg(path).run()
    };
    load(pem.as_bytes()).bytes();
    for length in (body..end).step_by(7) {
        load(&pem.as_bytes()[..length]).complaint();
    }
    for position in (body + 40..end - 1).step_by(5) {
        let mut edited = pem.clone().into_bytes();
        if edited[position] == b'\n' {
            continue;
        }
        edited[position] = if edited[position] == b'A' { b'B' } else { b'A' };
        let outcome = load(&edited);
        if outcome.status.success() {
            // The edit hit the name, the identifier or the public half. Whatever the key is now,
            // using it ends in order; which of these the service notices is its own matter.
            let signature = world.sign(world.scratch.join("edited.pem").to_str().unwrap()).run();
            assert!(signature.status.code().is_some(), "{}", signature.all());
        } else {
            outcome.complaint();
        }
    }
    let complaint = load(&pem.as_bytes()[..end]).complaint();
    assert_says(&complaint, &["edited.pem"]);
    // A line that is missing from the middle.
    let lines: Vec<&str> = pem.lines().filter(|line| !line.starts_with("MFkw")).collect();
    load([&lines[..3], &lines[4..]].concat().join("\n").as_bytes()).complaint();
}

#[test]
fn references_are_refused_where_the_section_says_so() {
    let world = World::new();
    let identity = world.service.key("web", "p-256");
    let settings = "reference_pem = off";
    let off = OpenSsl::with_settings(&world.scratch, &world.service.address(), settings);
    off.command(&["pkey", "-in"]).arg(&identity.reference).run().complaint();
    off.command(&["pkey", "-pubout", "-in", &identity.uri()]).run().bytes();
}

#[test]
fn garbage_on_the_socket_harms_nobody() {
    let mut world = World::new();
    let identity = world.service.key("web", "p-256");
    let too_long = u32::MAX.to_be_bytes();
    let mut noise = vec![0; 100_000];
    fs::File::open("/dev/urandom").unwrap().read_exact(&mut noise).unwrap();
    let nonsense = [&32_u32.to_be_bytes()[..], &noise[..32]].concat();
    let cut_short = [&32_u32.to_be_bytes()[..], &noise[..16]].concat();
    let empty = 0_u32.to_be_bytes();
    for turn in 0..20 {
        for bytes in [&too_long[..], &noise, &noise[turn..], &nonsense, &cut_short, &empty] {
            let mut socket = UnixStream::connect(world.service.socket()).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
            // The service may hang up in the middle.
            let _ = socket.write_all(bytes);
            if turn % 2 == 0 {
                let _ = socket.shutdown(std::net::Shutdown::Write);
                let mut answer = Vec::new();
                let _ = socket.take(1 << 20).read_to_end(&mut answer);
            }
        }
        world.sign_with(&identity).run().bytes();
    }
    assert!(world.service.is_alive());
    assert!(!world.service.log().contains("panicked"), "{}", world.service.log());
}

#[test]
fn thousands_of_idle_connections_cost_others_nothing() {
    let world = World::new();
    let identity = world.service.key("web", "p-256");
    let sign = || world.sign_with(&identity).run().bytes();
    sign();
    let idle: Vec<UnixStream> = (0..5000)
        .map(|_| {
            let mut socket = UnixStream::connect(world.service.socket()).unwrap();
            // Every other one has begun a frame.
            socket.write_all(&[0, 0]).unwrap();
            socket
        })
        .collect();
    (0..10).for_each(|_| drop(sign()));
    drop(idle);
    sign();
}

#[test]
fn a_client_that_vanishes_with_requests_in_flight_leaves_nothing_behind() {
    let world = World::new();
    let identity = world.service.key("web", "rsa-4096");
    let open = || fs::read_dir(format!("/proc/{}/fd", world.service.pid())).unwrap().count();
    world.sign_with(&identity).run().bytes();
    let before = open();
    for _ in 0..30 {
        let mut child = world.sign_with(&identity).stdout(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(8));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    while open() > before + 2 {
        assert!(Instant::now() < deadline, "{before} descriptors became {}", open());
        std::thread::sleep(Duration::from_millis(50));
    }
    world.sign_with(&identity).run().bytes();
}
