//! What happens when the machine's clock is set while the service runs.

mod service_support;

use std::{
    fs,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use keyward_algorithms::{ErrorKind, KeyType};
use keyward_client::{Client, KeyTemplate};
use keyward_protocol::{
    Error, Key, KeySelector, Restrictions,
    messages::{ApprovalState, AuditEntry, Enrol, RevokeClient},
};
use keyward_service::issue::Authority;
use service_support::{
    KEYWARD, Machine, Service, State, audit_log, faults::Clock, generate, named, sign,
};

/// Uses keys, reads the log, makes backups and lets people in.
const ME: &str = "[[user]]\nname = \"me\"\nidentities = [\"uid:ME\"]\n\
                  roles = [\"user\", \"admin\", \"auditor\", \"operator\"]\n";
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

fn now() -> u64 {
    std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

fn wait_for(what: &str, look: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !look() {
        assert!(Instant::now() < end, "{what}: waited in vain");
        thread::sleep(Duration::from_millis(20));
    }
}

fn kind<T>(result: Result<T, Error>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind)
}

fn held(client: &Client, name: &str, restrictions: Restrictions) -> Key {
    let template = KeyTemplate { restrictions, ..named(name) };
    client.generate(KeyType::from_name("p-256").unwrap(), &template).unwrap()
}

/// A service with more configuration that goes by a clock of the test's.
fn served(more: &str, test: impl FnOnce(&State, &Clock, &Service, &Client)) {
    let state = State::with(&format!("{ME}{more}"));
    let clock = Clock::of(&state);
    let service = clock.start(&state);
    test(&state, &clock, &service, &service.client());
}

#[test]
fn dates_go_by_the_clock_as_it_is_and_rates_by_one_that_is_never_set() {
    served("", |_, clock, _, client| {
        let until = Restrictions { not_after: now() + 5 * DAY as u64, ..Restrictions::default() };
        let ends = held(client, "ends", until);
        let from = Restrictions { not_before: now() + DAY as u64, ..Restrictions::default() };
        let begins = held(client, "begins", from);
        let rate = Restrictions { max_rate: "2/hour".parse().ok(), ..Restrictions::default() };
        let slow = held(client, "slow", rate);
        sign(client, &slow).unwrap();
        for (set, ended, begun) in [
            (0, false, false),
            (-HOUR, false, false),
            (10 * YEAR, true, true),
            (2 * DAY, false, true),
        ] {
            clock.set(set);
            let refused = Some(ErrorKind::PermissionDenied);
            assert_eq!(kind(sign(client, &ends)), refused.filter(|_| ended), "{set}");
            assert_eq!(kind(sign(client, &begins)), refused.filter(|_| !begun), "{set}");
        }
        sign(client, &slow).unwrap();
        for set in [0, HOUR, -HOUR, 10 * YEAR] {
            clock.set(set);
            assert_eq!(kind(sign(client, &slow)), Some(ErrorKind::Busy), "{set}");
        }
    });
}

#[test]
fn the_log_says_when_the_clock_was_set_and_stays_whole() {
    served("", |state, clock, service, client| {
        let key = generate(client, "web", "p-256");
        let mut expected = Vec::new();
        for (set, word) in [
            (-HOUR, "back by 3600 s"),
            (10 * YEAR, "forward by 315363600 s"),
            (0, "back by 315360000 s"),
        ] {
            clock.set(set);
            expected.push(word);
            let noted = || {
                let entries = audit_log(client);
                let steps = entries.iter().filter(|entry| entry.event == "clock-set");
                steps.map(|entry| entry.detail.clone()).collect::<Vec<_>>()
            };
            // A second is lost where the true clock goes on meanwhile.
            wait_for(word, || noted().len() == expected.len());
            let close = |said: &str, wanted: &str| {
                let parts = |text: &str| {
                    let mut words = text.split(' ');
                    let direction = words.next().unwrap().to_owned();
                    (direction, words.nth(1).unwrap().parse::<u64>().unwrap())
                };
                let ((a, one), (b, other)) = (parts(said), parts(wanted));
                a == b && one.abs_diff(other) <= 2
            };
            let noted = noted();
            assert!(noted.iter().zip(&expected).all(|(a, b)| close(a, b)), "{noted:?}");
            sign(client, &key).unwrap();
        }
        let entries = audit_log(client);
        assert!(entries.windows(2).all(|two| two[0].sequence + 1 == two[1].sequence));
        let mut verify = Command::new(KEYWARD);
        let ran = verify.args(["audit", "verify", "--in"]).arg(state.path("hsm/audit"));
        assert!(ran.output().unwrap().status.success());
        assert!(service.log().contains("clock was set"));
    });
}

#[test]
fn an_approval_lives_no_longer_because_the_clock_was_set_back() {
    let rules = "[[quorum]]\noperations = [\"delete\", \"enrol\"]\napprovals = 1\n\
                 approvers = [\"role:admin\"]\nlifetime = \"1h\"\n";
    served(rules, |_, clock, service, client| {
        let key = generate(client, "web", "p-256");
        let ask = || client.delete(&key.id).unwrap_err().approval.unwrap();
        let state = |id| client.list_approvals(Some(id)).unwrap()[0].state();
        let id = ask();
        service.administrator().approve(id).unwrap();
        clock.set(-2 * HOUR);
        assert_eq!(state(id), ApprovalState::Approved);
        // An hour and some minutes after that.
        clock.set(-2 * HOUR + HOUR + 300);
        assert_eq!(state(id), ApprovalState::Expired);
        assert!(client.with_approval(id).delete(&key.id).is_err());

        clock.set(0);
        // A clock that runs ahead ends it for good, which costs nothing but asking again.
        let id = ask();
        service.administrator().approve(id).unwrap();
        clock.set(10 * YEAR);
        assert!(client.with_approval(id).delete(&key.id).is_err());
        clock.set(0);
        assert!(client.with_approval(id).delete(&key.id).is_err());
        client.find(&KeySelector::Id(key.id)).unwrap();
    });
}

#[test]
fn a_clock_that_runs_ahead_for_a_moment_removes_no_deleted_key() {
    served("[keys]\nundelete_for = \"8s\"\n", |_, clock, service, client| {
        let key = generate(client, "web", "p-256");
        client.delete(&key.id).unwrap();
        clock.set(10 * YEAR);
        wait_for("the caretaker", || service.log().contains("deleted keys are kept"));
        clock.set(0);
        client.undelete(&key.id, None).unwrap();
        sign(client, &key).unwrap();
        // With the clock right for as long as deleted keys are kept, they go.
        client.delete(&key.id).unwrap();
        wait_for("its removal", || client.list_deleted().unwrap().is_empty());
    });
}

#[test]
fn a_revoked_client_stays_out_whatever_the_clock_did() {
    served("", |_, clock, service, client| {
        let bob = service.machine("bob", &["user"], &[]);
        bob.client(service).status().unwrap();
        let serial = |user: &str| {
            let known = client.list_clients().unwrap();
            known.into_iter().find(|one| one.user == user).unwrap().serial
        };
        let revoke = RevokeClient { serial: serial("bob"), ..RevokeClient::default() };
        client.revoke_client(revoke).unwrap();
        let refused = |when: &str| {
            let listed = bob.impatient_client(service).list("");
            assert_eq!(kind(listed), Some(ErrorKind::Unauthenticated), "{when}");
        };
        refused("before");
        clock.set(5 * YEAR);
        // A change of the list, in which nothing is forgotten that may still count.
        let (csr, _) = Authority::client_request().unwrap();
        let carol = Enrol { user: "carol".into(), csr, ..Enrol::default() };
        client.enrol(carol).unwrap();
        clock.set(0);
        refused("afterwards");
        // Those who are let in are let in again.
        service.administrator().status().unwrap();
    });
}

#[test]
fn backups_go_on_after_the_clock_was_ahead() {
    let mut state = State::with(ME);
    let (identity, backup) = state.backup_identity();
    state.more += &format!("{backup}keep = 2\n");
    let clock = Clock::of(&state);
    let service = clock.start(&state);
    let client = service.client();
    let names = || {
        let files = client.list_backups().unwrap().files;
        files.into_iter().map(|file| file.name).collect::<Vec<_>>()
    };
    clock.set(10 * YEAR);
    for _ in 0..2 {
        client.make_backup().unwrap();
    }
    let ahead = names();
    clock.set(0);
    let first = client.make_backup().unwrap().files.remove(0).name;
    let second = client.make_backup().unwrap().files.remove(0).name;
    let kept = names();
    assert!(ahead.iter().all(|name| !kept.contains(name)), "{ahead:?} {kept:?}");
    assert!(kept.contains(&first) && kept.contains(&second), "{kept:?}");
    let mut verify = Command::new(KEYWARD);
    verify.args(["backup", "verify", "--identity"]).arg(&identity);
    verify.arg("--config").arg(state.path("keyward.toml"));
    let ran = verify.arg(state.path("hsm/backups").join(second)).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

#[test]
fn a_connection_ends_with_its_certificate_and_goes_on_where_that_was_renewed() {
    served("", |_, clock, service, client| {
        let issue = |user: &str, days| {
            Machine::issued(client, Enrol { user: user.into(), days, ..Enrol::default() })
        };
        let [late, renewing] = ["late", "renewing"].map(|user| issue(user, 1));
        let [of_late, of_renewing] = [&late, &renewing].map(|machine| machine.client(service));
        let [late_key, key] = [&of_late, &of_renewing].map(|client| {
            let key = generate(client, "k", "p-256");
            sign(client, &key).unwrap();
            key
        });
        clock.set(2 * DAY);
        for client in [&of_late, &late.client(service)] {
            let error = sign(client, &late_key).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Unauthenticated, "{error}");
            assert!(error.message.contains("ended"), "{error}");
            assert!(error.hint.as_deref().unwrap().contains("keyward client enrol"), "{error}");
        }
        // The service itself refused the request on the connection that was open.
        let refused = |entry: &AuditEntry| {
            entry.user == "late" && entry.outcome == ErrorKind::Unauthenticated.code()
        };
        assert!(audit_log(client).iter().any(refused));

        let renewed = issue("renewing", 30);
        for file in ["client.key", "client.crt"] {
            fs::copy(renewed.path(file), renewing.path(file)).unwrap();
        }
        sign(&of_renewing, &key).unwrap();
    });
}
