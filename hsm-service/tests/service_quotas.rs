//! What one user may take of the service, over all of its connections.

mod service_support;

use std::{
    thread,
    time::{Duration, Instant},
};

use keyward_algorithms::{ErrorKind, KeyType};
use keyward_protocol::{Error, Key};
use service_support::{ME, State, generate, named, sign};

fn kind<T>(result: Result<T, Error>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind)
}

#[test]
fn a_user_owns_as_many_keys_as_its_quota_says_however_many_are_made_at_once() {
    let state = State::with(&format!("{ME}max_keys = 5\n[limits]\nmax_keys = 2\n"));
    let service = state.start();
    let client = service.client();
    let p256 = KeyType::from_name("p-256").unwrap();
    let made: Vec<Option<ErrorKind>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..10)
            .map(|number| {
                let client = &client;
                scope.spawn(move || kind(client.generate(p256, &named(&format!("key{number}")))))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(made.iter().filter(|outcome| outcome.is_none()).count(), 5, "{made:?}");
    let refused = made.into_iter().flatten();
    assert!(refused.into_iter().all(|kind| kind == ErrorKind::LimitExceeded));
    let key = client.list("").unwrap().remove(0);
    client.delete(&key.id).unwrap();
    generate(&client, "again", "p-256");
    // Others have what holds for all; a key that is shared with them is not theirs.
    let other = service.enrol("other", &[]);
    client
        .share(&client.list("").unwrap()[0].id, "other", keyward_algorithms::Rights::ALL)
        .unwrap();
    generate(&other, "a", "p-256");
    generate(&other, "b", "p-256");
    assert_eq!(kind(other.generate(p256, &named("c"))), Some(ErrorKind::LimitExceeded));
    let users = service.administrator().list_users().unwrap();
    let of = |name: &str| users.iter().find(|user| user.name == name).unwrap();
    assert_eq!((of("me").keys, of("me").max_keys), (5, 5));
    assert_eq!((of("other").keys, of("other").max_keys), (2, 2));
}

#[test]
fn deleted_keys_come_back_within_the_quota_and_do_not_pile_up() {
    let state = State::with(&format!("{ME}max_keys = 3\n"));
    let service = state.start();
    let client = service.client();
    let p256 = KeyType::from_name("p-256").unwrap();
    let deleted: Vec<Key> = (0..3)
        .map(|_| {
            let key = generate(&client, "again", "p-256");
            client.delete(&key.id).unwrap();
            key
        })
        .collect();
    let error = client.generate(p256, &named("again")).unwrap_err();
    assert_eq!(error.kind, ErrorKind::LimitExceeded);
    assert!(error.message.contains("3 deleted keys"), "{error}");
    client.delete_now(&deleted[0].id).unwrap();
    for name in ["a", "b", "c"] {
        generate(&client, name, "p-256");
    }
    assert_eq!(kind(client.undelete(&deleted[1].id, None)), Some(ErrorKind::LimitExceeded));
    let c = client.list("c").unwrap().remove(0);
    client.delete_now(&c.id).unwrap();
    client.undelete(&deleted[1].id, None).unwrap();
    assert_eq!(client.list("").unwrap().len(), 3);
}

#[test]
fn requests_over_a_users_rate_are_busy_on_all_of_its_connections_and_others_go_on() {
    let state = State::with(&format!("{ME}max_requests_per_second = 20\n"));
    let service = state.start();
    let key = generate(&service.client(), "k", "p-256");
    let other = service.enrol("other", &[]);
    let others = generate(&other, "k", "p-256");
    // A client that does not try again hears of it; however slow this machine is, hundreds of requests
    // from several connections are not done at once.
    let begun = Instant::now();
    let outcomes: Vec<Option<ErrorKind>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let client = service.impatient_client();
                let key = &key;
                scope.spawn(move || (0..100).map(|_| kind(sign(&client, key))).collect::<Vec<_>>())
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let most = 20 + 20 * (begun.elapsed() + Duration::from_secs(1)).as_secs() as usize;
    let done = outcomes.iter().filter(|outcome| outcome.is_none()).count();
    assert!(done >= 1 && done <= most, "{done} of at most {most}");
    let refused = outcomes.into_iter().flatten();
    assert!(refused.into_iter().all(|kind| kind == ErrorKind::Busy));
    for _ in 0..100 {
        sign(&other, &others).unwrap();
    }
    // One that does is served in time.
    for _ in 0..30 {
        sign(&service.client(), &key).unwrap();
    }
}
