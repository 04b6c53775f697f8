//! What goes wrong in other people's hands: each case has an error that says what is the matter,
//! nothing crashes, and nobody else notices.

use std::{
    fs,
    io::{Read, Write},
    os::unix::{net::UnixStream, process::CommandExt as _},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use keyward_tests::{Authority, CommandExt, Identity, OpenSsl, ServiceBuilder, Workshop};

/// A signature with a key, by name or by file.
fn sign(workshop: &Workshop, key: &str) -> Command {
    let message = workshop.scratch.write("message", "hello");
    let mut command = workshop.openssl.command(&["dgst", "-sha256", "-sign", key]);
    command.arg(message);
    command
}

fn sign_with(workshop: &Workshop, identity: &Identity) -> Command {
    sign(workshop, identity.reference.to_str().unwrap())
}

#[track_caller]
fn assert_says(complaint: &str, words: &[&str]) {
    for word in words {
        assert!(complaint.contains(word), "{word:?} is not in\n{complaint}");
    }
}

#[test]
fn an_unknown_key_is_named_with_the_place_that_was_asked() {
    let workshop = Workshop::new();
    let complaint = sign(&workshop, "keyward:nosuch").run().complaint();
    assert_says(&complaint, &["keyward", "nosuch", "not found", &workshop.service.address()]);
    for uri in ["keyward:a b", "keyward:web?type=secret", "keyward:id=12", "keyward:%zz"] {
        let complaint = sign(&workshop, uri).run().complaint();
        assert_says(&complaint, &["keyward", "is no key"]);
    }
}

#[test]
fn a_deleted_key_and_another_under_its_name_are_not_found_by_reference() {
    let workshop = Workshop::new();
    let identity = workshop.service.key("web", "p-256");
    sign_with(&workshop, &identity).run().bytes();
    workshop.service.keyward(["key", "delete", "web", "--yes"]);
    let complaint = sign_with(&workshop, &identity).run().complaint();
    assert_says(&complaint, &["keyward:", "web", "not found"]);
    workshop.service.keyward(["key", "generate", "web", "--type", "p-256"]);
    let complaint = sign_with(&workshop, &identity).run().complaint();
    assert_says(&complaint, &["web", "not found"]);
}

#[test]
fn a_reference_for_another_service_is_not_found() {
    let workshop = Workshop::new();
    let other = ServiceBuilder::new(&workshop.scratch).named("other").start();
    let theirs = other.key("web", "rsa-2048");
    workshop.service.key("web", "rsa-2048");
    let complaint = sign_with(&workshop, &theirs).run().complaint();
    assert_says(&complaint, &["keyward", "web", "not found"]);
}

#[test]
fn a_service_that_is_down_is_named_within_the_time_for_retries() {
    let mut workshop = Workshop::new();
    let identity = workshop.service.key("web", "p-256");
    let uri = identity.uri();
    workshop.service.stop();
    for key in [&uri, identity.reference.to_str().unwrap()] {
        let start = Instant::now();
        let complaint = sign(&workshop, key).run().complaint();
        let took = start.elapsed();
        assert!((3..20).contains(&took.as_secs()), "{took:?}");
        assert_says(&complaint, &["keyward", &workshop.service.address()]);
    }
    let start = Instant::now();
    let complaint = sign(&workshop, &uri).env("KEYWARD_RETRY_FOR", "0").run().complaint();
    assert!(start.elapsed() < Duration::from_secs(4));
    assert_says(&complaint, &["unavailable"]);
    // Reading the reference asks nobody.
    workshop.openssl.command(&["pkey", "-noout", "-in"]).arg(&identity.reference).run().bytes();
}

#[test]
fn a_key_that_was_not_granted_is_as_good_as_not_there() {
    assert!(rustix::process::geteuid().is_root(), "this test needs root to be another user");
    let web = "\n[[user]]\nname = \"web\"\nidentities = [\"uid:www-data\"]\n";
    let workshop = Workshop::with(|scratch| ServiceBuilder::new(scratch).configured(web).start());
    let identity = workshop.service.key("web", "p-256");
    let as_web = |key: &str| {
        let uid = id("-u", "www-data");
        sign(&workshop, key).uid(uid).gid(id("-g", "www-data")).run()
    };
    let by_name = || as_web("keyward:tester/web");
    let by_reference = || as_web(identity.reference.to_str().unwrap());

    assert_says(&by_name().complaint(), &["not found"]);
    assert_says(&by_reference().complaint(), &["not found"]);
    workshop.service.keyward(["key", "share", "web", "web", "--rights", "see"]);
    assert_says(&by_name().complaint(), &["permission denied"]);
    assert_says(&by_reference().complaint(), &["permission denied"]);
    workshop.service.keyward(["key", "share", "web", "web"]);
    by_name().bytes();
    by_reference().bytes();
    workshop.service.keyward(["key", "unshare", "web", "web"]);
    assert_says(&by_reference().complaint(), &["not found"]);

    // Who is not named in the configuration at all is told so.
    let complaint = sign(&workshop, "keyward:web").uid(id("-u", "games")).run().complaint();
    assert_says(&complaint, &["keyward", "uid:"]);
}

/// The number of a local user or of its group.
fn id(flag: &str, user: &str) -> u32 {
    let number = Command::new("id").args([flag, user]).run().text();
    number.trim().parse().expect("id prints a number")
}

#[test]
fn a_client_certificate_of_somebody_else_is_refused() {
    let mut workshop =
        Workshop::with(|scratch| ServiceBuilder::new(scratch).configured("").start());
    let address = format!("tls://{}", workshop.service.tls_address());
    workshop.openssl = OpenSsl::new(&workshop.scratch, &address);
    let state = workshop.service.state();
    let administrator = [
        ("KEYWARD_CA", state.join("ca.pem")),
        ("KEYWARD_CERT", state.join("admin/cert.pem")),
        ("KEYWARD_KEY", state.join("admin/key.pem")),
    ];
    let status = |environment: &[(&str, std::path::PathBuf)]| {
        let address = format!("tls://localhost:{}", workshop.service.tls_address().port());
        let mut command = workshop.service.command(["status"]);
        command.env("KEYWARD_ADDRESS", address).envs(environment.iter().cloned());
        command.run()
    };
    status(&administrator).bytes();

    // A certificate for the same name from another authority.
    let other = Authority::new(&workshop.scratch);
    let (key, crt) = (workshop.scratch.join("theirs.key"), workshop.scratch.join("theirs.crt"));
    let request = OpenSsl::plain(&["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
        .args(["-nodes", "-subj", "/CN=admin", "-config", "/etc/ssl/openssl.cnf", "-keyout"])
        .arg(&key)
        .run()
        .text();
    fs::write(&crt, other.certify(&request)).unwrap();
    let mut impostor = administrator.clone();
    impostor[1].1 = crt;
    impostor[2].1 = key;
    assert_says(
        &status(&impostor).complaint(),
        &["an authority that the service does not know", "hint: "],
    );

    // A service whose certificate is not from the authority that the client trusts.
    let mut suspicious = administrator;
    suspicious[0].1 = other.certificate();
    assert_says(&status(&suspicious).complaint(), &["certificate"]);
}

#[test]
fn a_reference_that_was_cut_short_or_edited_is_refused() {
    let workshop = Workshop::new();
    let identity = workshop.service.key("web", "p-256");
    let pem = fs::read_to_string(&identity.reference).unwrap();
    let body = pem.find("-----BEGIN").unwrap();
    let end = pem.find("-----END").unwrap();
    let load = |pem: &[u8]| {
        let path = workshop.scratch.write("edited.pem", pem);
        workshop.openssl.command(&["pkey", "-pubout", "-in"]).arg(path).run()
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
            let signature =
                sign(&workshop, workshop.scratch.join("edited.pem").to_str().unwrap()).run();
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
    let workshop = Workshop::new();
    let identity = workshop.service.key("web", "p-256");
    let settings = "reference_pem = off";
    let off = OpenSsl::with_settings(&workshop.scratch, &workshop.service.address(), settings);
    off.command(&["pkey", "-in"]).arg(&identity.reference).run().complaint();
    off.command(&["pkey", "-pubout", "-in", &identity.uri()]).run().bytes();
}

#[test]
fn garbage_on_the_socket_harms_nobody() {
    let mut workshop = Workshop::new();
    let identity = workshop.service.key("web", "p-256");
    let too_long = u32::MAX.to_be_bytes();
    let mut noise = vec![0; 100_000];
    fs::File::open("/dev/urandom").unwrap().read_exact(&mut noise).unwrap();
    let nonsense = [&32_u32.to_be_bytes()[..], &noise[..32]].concat();
    let cut_short = [&32_u32.to_be_bytes()[..], &noise[..16]].concat();
    let empty = 0_u32.to_be_bytes();
    for turn in 0..20 {
        for bytes in [&too_long[..], &noise, &noise[turn..], &nonsense, &cut_short, &empty] {
            let mut socket = UnixStream::connect(workshop.service.socket()).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
            // The service may hang up in the middle.
            let _ = socket.write_all(bytes);
            if turn % 2 == 0 {
                let _ = socket.shutdown(std::net::Shutdown::Write);
                let mut answer = Vec::new();
                let _ = socket.take(1 << 20).read_to_end(&mut answer);
            }
        }
        sign_with(&workshop, &identity).run().bytes();
    }
    assert!(workshop.service.is_alive());
    assert!(!workshop.service.log().contains("panicked"), "{}", workshop.service.log());
}

#[test]
fn thousands_of_idle_connections_cost_others_nothing() {
    let workshop = Workshop::new();
    let identity = workshop.service.key("web", "p-256");
    let sign = || sign_with(&workshop, &identity).run().bytes();
    sign();
    let idle: Vec<UnixStream> = (0..5000)
        .map(|_| {
            let mut socket = UnixStream::connect(workshop.service.socket()).unwrap();
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
    let workshop = Workshop::new();
    let identity = workshop.service.key("web", "rsa-4096");
    let open = || fs::read_dir(format!("/proc/{}/fd", workshop.service.pid())).unwrap().count();
    sign_with(&workshop, &identity).run().bytes();
    let before = open();
    for _ in 0..30 {
        let mut child = sign_with(&workshop, &identity).stdout(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(8));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    while open() > before + 2 {
        assert!(Instant::now() < deadline, "{before} descriptors became {}", open());
        std::thread::sleep(Duration::from_millis(50));
    }
    sign_with(&workshop, &identity).run().bytes();
}
