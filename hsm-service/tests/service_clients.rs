//! Client certificates live: listed, renewed, bound to addresses, and shut out at once.

mod service_support;

use std::path::Path;

use keyward_algorithms::ErrorKind;
use keyward_protocol::{
    Error,
    messages::{ClientCertificate, ClientRegister, Enrol, RenewClient, RevokeClient, RotationStep},
};
use keyward_service::{
    issue::Authority,
    store::{KeyFile, Secret, SqliteStore, Store},
};
use prost::Message;
use rustix::process::{Signal, kill_process};
use service_support::{ME, Machine, State, generate, sign};

fn kind<T>(result: Result<T, Error>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind)
}

fn user(name: &str) -> RevokeClient {
    RevokeClient { user: name.into(), ..RevokeClient::default() }
}

#[test]
fn a_revoked_client_is_shut_out_at_once_and_for_ever_and_no_other_is() {
    let state = State::new();
    let service = state.start();
    let administrator = service.administrator();
    let [lost, other] = ["lost", "other"].map(|name| service.machine(name, &[], &[]));
    let (open, unaffected) = (lost.client(&service), other.client(&service));
    let [key, kept] = [&open, &unaffected].map(|client| generate(client, "k", "p-256"));
    sign(&open, &key).unwrap();

    let revoked = administrator.revoke_client(user("lost")).unwrap();
    assert_eq!((revoked.len(), revoked[0].user.as_str()), (1, "lost"));
    // The connection that was open, and a new one.
    for client in [&open, &lost.client(&service)] {
        let error = sign(client, &key).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unauthenticated, "{error}");
        assert!(error.message.contains("revoked"), "{error}");
    }
    sign(&unaffected, &kept).unwrap();
    assert!(administrator.revoke_client(user("lost")).unwrap().is_empty());

    service.kill();
    let service = state.start();
    let error = sign(&lost.client(&service), &key).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthenticated, "{error}");
    sign(&other.client(&service), &kept).unwrap();
    // Whoever is enrolled again has the same keys.
    sign(&service.enrol("lost", &[]), &key).unwrap();
    let listed = service.administrator().list_clients().unwrap();
    let of_lost: Vec<bool> = listed
        .iter()
        .filter(|certificate| certificate.user == "lost")
        .map(|certificate| certificate.revoked != 0)
        .collect();
    assert_eq!(of_lost.len(), 2);
    assert!(of_lost.contains(&true) && of_lost.contains(&false));
}

#[test]
fn one_certificate_of_a_user_can_be_revoked_by_its_serial_number() {
    let state = State::new();
    let service = state.start();
    let administrator = service.administrator();
    let first = service.enrol("web", &[]);
    let serial = administrator.list_clients().unwrap();
    let serial = serial.into_iter().find(|one| one.user == "web").unwrap().serial;
    let second = service.enrol("web", &[]);
    administrator.revoke_client(RevokeClient { serial, ..RevokeClient::default() }).unwrap();
    assert_eq!(kind(first.list("")), Some(ErrorKind::Unauthenticated));
    second.list("").unwrap();
    let unknown = RevokeClient { serial: vec![1, 2, 3], ..RevokeClient::default() };
    assert_eq!(kind(administrator.revoke_client(unknown)), Some(ErrorKind::NotFound));
    assert_eq!(kind(second.revoke_client(user("web"))), Some(ErrorKind::PermissionDenied));
}

#[test]
fn who_revokes_a_certificate_shuts_out_whoever_renewed_it_too() {
    let state = State::new();
    let service = state.start();
    let administrator = service.machine("root", &["admin"], &[]);
    let machine = service.machine("web", &[], &[]);
    let other = service.enrol("web", &[]);
    let serials = || {
        let listed = service.administrator().list_clients().unwrap();
        let own = listed.into_iter().filter(|one| one.user == "web" && one.revoked == 0);
        own.map(|one| one.serial).collect::<Vec<_>>()
    };
    let before = serials();
    // A thief renews what was stolen with a key of his own, and the machine with the old one.
    let renew = |machine: &Machine, folder: &Path| {
        let arguments = ["client", "renew", "--out", folder.to_str().unwrap()];
        let ran = machine.command(&service, &arguments).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        let [ca, cert, key] = ["ca.crt", "client.crt", "client.key"].map(|file| folder.join(file));
        service.tls_client(&ca, &cert, &key)
    };
    let first = machine.client(&service);
    let stolen = renew(&machine, &machine.path("stolen"));
    let second = renew(&machine, &machine.path("second"));
    for client in [&first, &stolen, &second, &other] {
        client.list("").unwrap();
    }
    let renewed: Vec<_> = serials().into_iter().filter(|one| !before.contains(one)).collect();
    assert_eq!(renewed.len(), 2);

    let revoke = |serial: &[u8], more: &[&str]| {
        let serial: String = serial.iter().map(|byte| format!("{byte:02x}")).collect();
        let arguments = [&["client", "revoke", "--yes", "--serial", &serial], more].concat();
        let ran = administrator.command(&service, &arguments).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap().lines().count()
    };
    // Where no more is meant, no more is revoked.
    assert_eq!(revoke(&renewed[0], &["--alone"]), 1);
    first.list("").unwrap();
    assert_eq!([&stolen, &second].iter().filter(|client| client.list("").is_ok()).count(), 1);
    assert_eq!(revoke(&renewed[1], &[]), 2);
    for client in [&first, &stolen, &second] {
        assert_eq!(kind(client.list("")), Some(ErrorKind::Unauthenticated));
    }
    other.list("").unwrap();
}

#[test]
fn a_client_renews_its_own_certificate_and_gets_no_more_than_it_had() {
    let state = State::with(ME);
    let service = state.start();
    let machine = service.machine("web", &["user", "auditor"], &["127.0.0.0/8"]);
    let key = generate(&machine.client(&service), "k", "p-256");
    let before = std::fs::read(machine.path("client.crt")).unwrap();
    let ran = machine.command(&service, &["client", "renew", "--days", "7"]).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    assert_ne!(std::fs::read(machine.path("client.crt")).unwrap(), before);
    let renewed = machine.client(&service);
    sign(&renewed, &key).unwrap();
    assert_eq!(renewed.status().unwrap().roles, ["user", "auditor"]);
    let listed = service.administrator().list_clients().unwrap();
    let own: Vec<_> = listed.iter().filter(|certificate| certificate.user == "web").collect();
    assert_eq!(own.len(), 2);
    assert!(own.iter().all(|one| one.sources == ["127.0.0.0/8"] && one.serial.len() == 16));
    assert!(own[0].ends.abs_diff(own[1].ends) > 300 * 24 * 3600);
    // Nor does it get more time.
    let (csr, _) = Authority::client_request().unwrap();
    let longer = renewed.renew(RenewClient { csr: csr.clone(), days: 8 });
    assert_eq!(kind(longer), Some(ErrorKind::PermissionDenied));
    renewed.renew(RenewClient { csr, days: 0 }).unwrap();
    let listed = service.administrator().list_clients().unwrap();
    let ends = |days: u64| move |one: &&ClientCertificate| one.ends < one.issued + days * 24 * 3600;
    let own = || listed.iter().filter(|one| one.user == "web");
    assert_eq!((own().count(), own().filter(ends(8)).count()), (3, 2), "{listed:?}");

    let out = machine.path("new");
    let arguments = ["client", "renew", "--out", out.to_str().unwrap()];
    let ran = machine.command(&service, &arguments).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let [ca, cert, new_key] = ["ca.crt", "client.crt", "client.key"].map(|file| out.join(file));
    sign(&service.tls_client(&ca, &cert, &new_key), &key).unwrap();

    service.administrator().revoke_client(user("web")).unwrap();
    let (csr, _) = Authority::client_request().unwrap();
    let refused = renewed.renew(RenewClient { csr: csr.clone(), days: 0 });
    assert_eq!(kind(refused), Some(ErrorKind::Unauthenticated));
    // Over the UNIX socket there is no certificate.
    let local = service.client().renew(RenewClient { csr, days: 0 });
    assert_eq!(kind(local), Some(ErrorKind::Unsupported));
}

#[test]
fn a_certificate_is_good_only_from_the_addresses_that_it_is_bound_to() {
    let mut state = State::with("");
    let service = state.start();
    service.enrol_from("near", &[], &["192.0.2.0/24", "127.0.0.1"]).list("").unwrap();
    let far = service.enrol_from("far", &[], &["192.0.2.0/24", "2001:db8::/32"]);
    let error = far.list("").unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthenticated);
    assert!(error.message.contains("127.0.0.1"), "{error}");
    assert!(error.hint.unwrap().contains("192.0.2.0/24, 2001:db8::/32"));

    // The configuration can bind it too, on connections that are open.
    let web = service.enrol("web", &[]);
    web.list("").unwrap();
    state.more =
        "[[user]]\nname = \"web\"\nidentities = [\"cert:web\"]\nsources = [\"10.0.0.0/8\"]\n"
            .into();
    drop(state.serve_command());
    kill_process(service.pid(), Signal::HUP).unwrap();
    let end = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while web.list("").is_ok() {
        assert!(std::time::Instant::now() < end, "{}", service.log());
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let error = web.list("").unwrap_err();
    assert!(error.hint.unwrap().contains("10.0.0.0/8"));
    let users = service.administrator().list_users().unwrap();
    let web = users.iter().find(|user| user.name == "web").unwrap();
    assert!(web.configured && web.identities == ["cert:web"] && web.sources == ["10.0.0.0/8"]);
    let far = users.iter().find(|user| user.name == "far").unwrap();
    assert!(!far.configured && far.roles == ["user"]);
}

#[test]
fn the_command_line_lists_and_revokes() {
    let state = State::new();
    let service = state.start();
    let administrator = service.machine("root", &["admin"], &[]);
    let web = service.machine("web", &[], &["127.0.0.1"]);
    let run = |arguments: &[&str]| {
        let ran = administrator.command(&service, arguments).output().unwrap();
        let errors = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(ran.status.success(), "{arguments:?}: {errors}");
        String::from_utf8(ran.stdout).unwrap()
    };
    web.client(&service).list("").unwrap();
    let listed = run(&["client", "list"]);
    let line = listed.lines().find(|line| line.starts_with("web ")).unwrap();
    assert!(line.contains("valid") && line.contains("127.0.0.1"), "{listed}");
    assert!(run(&["user", "list"]).contains("cert:web"));
    let serial = line.split_whitespace().last().unwrap();
    let revoked = run(&["client", "revoke", "--serial", serial, "--yes"]);
    assert_eq!(revoked, format!("revoked web {serial}\n"));
    assert_eq!(kind(web.client(&service).list("")), Some(ErrorKind::Unauthenticated));
    assert!(run(&["client", "list"]).contains("revoked"));
    let unasked = administrator.command(&service, &["client", "revoke", "web"]).output().unwrap();
    assert_eq!(unasked.status.code(), Some(2));
}

#[test]
fn lists_of_thousands_of_clients_and_users_come_whole() {
    const MANY: usize = 5000;
    let state = State::new();
    assert!(state.start().terminate().success());
    // As if that many had been enrolled: half of them machines of one user.
    let store = SqliteStore::open(&state.data(), &KeyFile::new(state.master_key())).unwrap();
    let kept = store.own_secret("client-certificates").unwrap().unwrap();
    let mut register = ClientRegister::decode(kept.expose()).unwrap();
    let one = |number: usize, user: String| ClientCertificate {
        serial: [&[0x40; 8], number.to_be_bytes().as_slice()].concat(),
        user,
        roles: vec!["user".into()],
        sources: (0..4).map(|net| format!("2001:db8:{net:04x}:{number:04x}::/64")).collect(),
        ends: u64::MAX / 2,
        ..ClientCertificate::default()
    };
    register.certificates.extend((0..MANY).map(|number| one(number, format!("web{number:04}"))));
    register.certificates.extend((MANY..2 * MANY).map(|number| one(number, "fleet".into())));
    let all = register.certificates.len();
    let register = Secret::copy_of(&register.encode_to_vec());
    store.set_own_secrets(&[("client-certificates", register)]).unwrap();
    drop(store);

    let service = state.start();
    let administrator = service.administrator();
    assert_eq!(administrator.list_clients().unwrap().len(), all);
    let users = administrator.list_users().unwrap();
    assert!(users.is_sorted_by(|one, next| one.name < next.name));
    for number in 0..MANY {
        let name = format!("web{number:04}");
        assert!(users.binary_search_by(|user| user.name.cmp(&name)).is_ok(), "{name}");
    }
    let fleet = users.iter().find(|user| user.name == "fleet").unwrap();
    assert_eq!(fleet.sources.len(), 256, "what is shown of the certificates of one user");
    let begun = administrator.rotate_authority(RotationStep::Begin).unwrap();
    assert_eq!(begun.old_clients.len(), all);
    let revoked = administrator.revoke_client(user("fleet")).unwrap();
    assert_eq!(revoked.len(), MANY);
    assert!(revoked.iter().all(|one| one.user == "fleet" && one.revoked != 0));
    assert_eq!(administrator.authority().unwrap().old_clients.len(), all - MANY);
}

#[test]
fn the_list_of_clients_has_a_limit_that_says_how_to_raise_it() {
    // The first administrator's certificate is in it.
    let state = State::with("[limits]\nclient_certificates = 2\n");
    let service = state.start();
    let web = service.enrol("web", &[]);
    let (csr, _) = Authority::client_request().unwrap();
    let enrol = Enrol { user: "other".into(), csr: csr.clone(), ..Enrol::default() };
    let error = service.administrator().enrol(enrol).unwrap_err();
    assert_eq!(error.kind, ErrorKind::LimitExceeded);
    assert!(error.hint.unwrap().contains("client_certificates"));
    assert_eq!(kind(web.renew(RenewClient { csr, days: 0 })), Some(ErrorKind::LimitExceeded));
    web.list("").unwrap();
}
