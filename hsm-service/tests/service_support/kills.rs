//! Kills in the midst of a change of the seal.

use std::{
    process::{Command, Stdio},
    thread,
    time::Instant,
};

use super::{KEYWARD, Service, State, generate, sign};

/// How often the service is killed while its seal is changed: 12 times, or what `KEYWARD_SEAL_KILLS`
/// says.
fn kills() -> u32 {
    std::env::var("KEYWARD_SEAL_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(12)
}

/// Has the seal changed by a command again and again, kills the service meanwhile, and wants it to
/// open by itself with its key after each.
pub fn kill_while_sealed_anew(state: &State, change: &[&str]) {
    let mut service = state.start();
    let key = generate(&service.client(), "k", "p-256");
    assert!(command(&service, change).status().unwrap().success());
    let begun = Instant::now();
    assert!(command(&service, change).status().unwrap().success());
    let usual = begun.elapsed();
    let count = kills();
    let (mut old, mut new) = (0, 0);
    for kill in 0..count {
        let before = row(state);
        let mut changing = command(&service, change).env("KEYWARD_RETRY_FOR", "0").spawn().unwrap();
        // Another moment in each round, up to somewhat after the usual end.
        thread::sleep(usual * (kill + 1) * 5 / (count * 4));
        service.kill();
        changing.wait().unwrap();
        service = state.start();
        let seal = service.client().show_seal().unwrap();
        assert_eq!(seal.state, "operational", "{}", seal.reason);
        sign(&service.client(), &key).unwrap();
        match row(state) == before {
            true => old += 1,
            false => new += 1,
        }
    }
    println!("{count} kills: {old} times the old seal opens, {new} times the new one");
}

fn command(service: &Service, arguments: &[&str]) -> Command {
    let mut command = Command::new(KEYWARD);
    command
        .args(arguments)
        .env("KEYWARD_ADDRESS", format!("unix:{}", service.socket().display()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// What the store keeps of the seal.
fn row(state: &State) -> Vec<u8> {
    let database = rusqlite::Connection::open(state.data().join("keys.db")).unwrap();
    let query = "SELECT value FROM own WHERE name = 'data-key'";
    database.query_row(query, [], |row| row.get(0)).unwrap()
}
