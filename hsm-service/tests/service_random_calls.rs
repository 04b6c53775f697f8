//! Random calls that are well-formed, of every operation in the protocol's schema, in every role and
//! in none: whatever is asked, each call has one answer, no denied act is done, no planted key comes
//! out, and the audit log stays whole.
//!
//! `KEYWARD_RANDOM_CALLS` says how many in each role; `KEYWARD_RANDOM_SEED` repeats a run.

mod service_support;

use std::{
    collections::HashMap, env, io::Write, path::Path, process::Command, thread, time::SystemTime,
};

use keyward_algorithms::{ErrorKind, KeyType, Operation, Role};
use keyward_client::Client;
use keyward_protocol::{
    Key, decode_request, encode_request,
    messages::{request::Operation as Asked, response},
};
use prost::encoding::{WireType, encode_key, encode_varint};
use service_support::{KEYWARD, Service, State, named, raw::Raw};

/// How many connections call at the same time, and how many calls are under way on each.
const CONNECTIONS: u64 = 4;
const BATCH: usize = 64;

/// A stranger that sends much at a time is cut off.
const STRANGER_BYTES: usize = 4000;

/// Operations that take long by intention, and are asked for more rarely by so much.
const DEAR: [(Operation, u64); 7] = [
    (Operation::Login, 400),
    (Operation::SetPin, 400),
    (Operation::ClearPin, 20),
    (Operation::SelfTest, 2000),
    (Operation::Enrol, 20),
    (Operation::Generate, 5),
    (Operation::Import, 5),
];

/// What an administrator ends the service with, or all its keys. The other roles try it.
const ENDS: [Operation; 4] =
    [Operation::Unseal, Operation::ChangeSeal, Operation::LockSeal, Operation::Zeroize];

/// Numbers that look random and can be had again (xorshift64*).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 16) % bound
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn pick<T: Clone>(&mut self, list: &[T]) -> T {
        list[self.below(list.len() as u64) as usize].clone()
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }
}

/// A field of a message in the schema: its name, number, type as descriptors number them, the name
/// of its message, and whether it comes repeatedly.
struct Field {
    name: String,
    number: u32,
    of: i32,
    message: String,
    repeated: bool,
}

/// The messages of the schema by name.
struct Schema(HashMap<String, Vec<Field>>);

/// Types of fields (google/protobuf/descriptor.proto); all others here are numbers.
const FIXED64: i32 = 6;
const STRING: i32 = 9;
const MESSAGE: i32 = 11;
const BYTES: i32 = 12;
const REPEATED: i32 = 3;

impl Schema {
    fn read() -> Schema {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../protocol");
        let compiled = protox::compile([folder.join("keyward.proto")], [folder]).unwrap();
        let messages = compiled.file.into_iter().flat_map(|file| file.message_type);
        let fields = |message: &str, fields: Vec<Field>| (message.to_owned(), fields);
        Schema(
            messages
                .map(|message| {
                    let all = message.field.iter().map(|field| Field {
                        name: field.name().to_owned(),
                        number: field.number.unwrap_or(0) as u32,
                        of: field.r#type.unwrap_or(0),
                        message: field.type_name().rsplit('.').next().unwrap_or("").to_owned(),
                        repeated: field.label == Some(REPEATED),
                    });
                    fields(message.name(), all.collect())
                })
                .collect(),
        )
    }

    /// The message that an operation's request has.
    fn of(&self, operation: Operation) -> &str {
        let request = &self.0["Request"];
        let field = request.iter().find(|field| field.number == operation.code());
        &field.expect("the schema has every operation").message
    }
}

/// What values are taken from, so that many calls get past the first check.
struct Pools {
    ids: Vec<Vec<u8>>,
    spkis: Vec<Vec<u8>>,
}

const NAMES: [&str; 8] =
    ["a", "b", "c", "web", "", "no name", "..", "a-name-that-is-long.enough_1"];
const USERS: [&str; 6] = ["me", "victim", "nobody", "", "web", "admin"];
const TYPES: [&str; 9] =
    ["p-256", "p-256", "ed25519", "aes-256", "hmac-256", "x25519", "ml-dsa-44", "p-999", ""];

/// Writes a random message of this type.
fn message(schema: &Schema, name: &str, pools: &Pools, dice: &mut Dice, depth: u32) -> Vec<u8> {
    let mut out = Vec::new();
    for field in &schema.0[name] {
        let times = match field.repeated {
            true => dice.below(3),
            false => u64::from(!dice.one_in(6)),
        };
        for _ in 0..times {
            let bytes = match field.of {
                FIXED64 => {
                    encode_key(field.number, WireType::SixtyFourBit, &mut out);
                    out.extend(number(&field.name, dice).to_le_bytes());
                    continue;
                }
                MESSAGE if depth > 4 => continue,
                MESSAGE => message(schema, &field.message, pools, dice, depth + 1),
                STRING => text(&field.name, dice).into_bytes(),
                BYTES => bytes(&field.name, pools, dice),
                _ => {
                    encode_key(field.number, WireType::Varint, &mut out);
                    encode_varint(number(&field.name, dice), &mut out);
                    continue;
                }
            };
            encode_key(field.number, WireType::LengthDelimited, &mut out);
            encode_varint(bytes.len() as u64, &mut out);
            out.extend(bytes);
        }
    }
    out
}

fn text(field: &str, dice: &mut Dice) -> String {
    match field {
        "key_type" => dice.pick(&TYPES).into(),
        "user" | "owner" => dice.pick(&USERS).into(),
        "roles" => dice.pick(&["user", "admin", "auditor", "root"]).into(),
        "sources" => dice.pick(&["10.0.0.0/8", "::1", "everywhere"]).into(),
        _ => dice.pick(&NAMES).into(),
    }
}

fn bytes(field: &str, pools: &Pools, dice: &mut Dice) -> Vec<u8> {
    if field.ends_with("id") && !dice.one_in(10) {
        return dice.pick(&pools.ids);
    }
    if field.ends_with("spki") && !dice.one_in(4) {
        return dice.pick(&pools.spkis);
    }
    let length = dice.pick(&[0, 1, 12, 16, 32, 32, 48, 64, 256, 3000]);
    dice.bytes(length)
}

fn number(field: &str, dice: &mut Dice) -> u64 {
    match field {
        "length" | "limit" | "newest" => dice.below(300),
        "usage" | "rights" | "remove_uses" => dice.below(1 << 12),
        "not_before" | "not_after" => dice.below(1 << 33),
        _ if dice.one_in(50) => dice.next() >> 32,
        _ => dice.below(12),
    }
}

/// Secrets that no answer may hold, imported for this: pieces of each.
fn plant(client: &Client, name: &str) -> Vec<Vec<u8>> {
    let template = named(name);
    let private = keyward_crypto::PrivateKey::generate(KeyType::from_name("p-256").unwrap());
    let pkcs8 = private.unwrap().to_pkcs8().unwrap();
    client.import(&pkcs8, &[], &template).unwrap();
    // RFC 5958 and 5915: the secret number is in the first 32 bytes after the version.
    let start = pkcs8.windows(5).position(|window| window == [2, 1, 1, 4, 32]).unwrap() + 5;
    vec![pkcs8[start..start + 32].to_vec()]
}

struct Counts {
    done: u64,
    refused: u64,
}

/// Calls at random in a role, or as a stranger.
fn call_at_random(role: Option<Role>, calls: u64, seed: u64) -> Counts {
    let me = rustix::process::geteuid().as_raw();
    let everything = Role::ALL.iter().map(|role| format!("\"{}\"", role.word()));
    let everything = everything.collect::<Vec<_>>().join(", ");
    let section = |roles: &str| {
        format!("[[user]]\nname = \"me\"\nidentities = [\"uid:{me}\"]\nroles = [{roles}]\n")
    };
    let mut state = State::with(&section(&everything));
    let mut pools = Pools { ids: vec![vec![9; 16]], spkis: Vec::new() };
    let mut planted = Vec::new();
    // What another user has, and what the caller's own user has, before it loses its other roles.
    let service = state.start();
    let victim = service.enrol("victim", &[]);
    for (client, name) in [(&victim, "k"), (&service.client(), "web")] {
        planted.extend(plant(client, name));
        for key_type in ["ed25519", "aes-256", "hmac-256", "rsa-2048"] {
            service_support::generate(client, &format!("{name}-{key_type}"), key_type);
        }
    }
    let keys_of = |client: &Client| -> Vec<Key> { client.list("").unwrap() };
    let (before, own_before) = (keys_of(&victim), keys_of(&service.client()));
    for key in before.iter().chain(&own_before) {
        pools.ids.push(key.id.as_bytes().to_vec());
        if !key.spki.is_empty() {
            pools.spkis.push(key.spki.to_vec());
        }
    }
    service.kill();
    state.more = role.map(|role| section(&format!("\"{}\"", role.word()))).unwrap_or_default();
    let service = state.start();

    let counts = thread::scope(|scope| {
        let callers: Vec<_> = (0..CONNECTIONS)
            .map(|connection| {
                let calls = calls / CONNECTIONS + u64::from(connection < calls % CONNECTIONS);
                let seed = seed.wrapping_add(connection.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                let (service, pools, planted) = (&service, &pools, &planted);
                scope.spawn(move || run_calls(service, role, calls, seed, pools, planted))
            })
            .collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).fold(
            Counts { done: 0, refused: 0 },
            |sum, one| Counts { done: sum.done + one.done, refused: sum.refused + one.refused },
        )
    });
    assert!(!service.log().contains("panicked"), "{}", service.log());

    // Nothing was done to what the caller may not touch.
    service.kill();
    let keys_as = |state: &mut State, user: &str| {
        state.more = section("\"user\"").replace("\"me\"", &format!("\"{user}\""));
        let service = state.start();
        // The caller may have shared keys of its own with others.
        let mut keys = keys_of(&service.client());
        keys.retain(|key| key.owner == user);
        keys
    };
    assert_eq!(keys_as(&mut state, "victim"), before, "another's keys were changed");
    let own = keys_as(&mut state, "me");
    assert!(role == Some(Role::User) || own == own_before, "keys were changed without the role");
    let ran = Command::new(KEYWARD)
        .args(["audit", "verify", "--in"])
        .arg(state.path("hsm/audit"))
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
    counts
}

fn run_calls(
    service: &Service,
    role: Option<Role>,
    calls: u64,
    seed: u64,
    pools: &Pools,
    planted: &[Vec<u8>],
) -> Counts {
    let schema = Schema::read();
    let mut dice = Dice(seed | 1);
    let mut peer = Raw::connect(service.socket());
    let mut counts = Counts { done: 0, refused: 0 };
    let mut id = 0;
    while id < calls {
        let mut asked = HashMap::new();
        let mut frames = Vec::new();
        while asked.len() < BATCH && (role.is_some() || frames.len() < STRANGER_BYTES) {
            let operation = dice.pick(Operation::ALL);
            if role == Some(Role::Admin) && ENDS.contains(&operation) {
                continue;
            }
            let dear = DEAR.iter().find(|(one, _)| *one == operation);
            if dear.is_some_and(|(_, times)| !dice.one_in(*times)) {
                continue;
            }
            let body = message(&schema, schema.of(operation), pools, &mut dice, 0);
            let mut bytes = Vec::new();
            encode_key(1, WireType::Varint, &mut bytes);
            encode_varint(id + 1, &mut bytes);
            encode_key(operation.code(), WireType::LengthDelimited, &mut bytes);
            encode_varint(body.len() as u64, &mut bytes);
            bytes.extend(body);
            // Well-formed by the protocol's own word.
            let request = decode_request(&bytes).unwrap_or_else(|error| panic!("{error}"));
            // Who has a PIN is asked for it, and all other calls would be refused for that.
            let given = |user: &str| ["", "me", "victim"].contains(&user);
            match &request.operation {
                Some(Asked::SetPin(asked)) if given(&asked.user) => continue,
                Some(Asked::Enrol(asked)) if asked.pin && given(&asked.user) => continue,
                _ => {}
            }
            id += 1;
            encode_request(&request, &mut frames).unwrap();
            asked.insert(id, operation);
        }
        peer.stream.write_all(&frames).unwrap();
        while !asked.is_empty() {
            let (response, bytes) = peer.receive_with_bytes().expect("every call has an answer");
            let operation = asked.remove(&response.id);
            let said = match &response.result {
                Some(response::Result::Failure(failure)) => Some(failure),
                _ => None,
            };
            let failure = said.and_then(|said| ErrorKind::from_code(said.kind));
            let operation = operation.unwrap_or_else(|| panic!("no call has this: {said:?}"));
            match failure {
                Some(_) => counts.refused += 1,
                None => counts.done += 1,
            }
            let name = operation.row().name;
            let context = || format!("{name} as {role:?}, seed {seed}: {said:?}");
            let needed = operation.row().requires.role();
            match (needed, role) {
                (Some(_), None) => {
                    assert_eq!(failure, Some(ErrorKind::Unauthenticated), "{}", context());
                }
                (Some(needed), Some(role)) if needed != role => {
                    assert_eq!(failure, Some(ErrorKind::PermissionDenied), "{}", context());
                }
                _ => {}
            }
            assert_ne!(failure, Some(ErrorKind::Internal), "{}", context());
            for secret in planted {
                let leaked = bytes.windows(secret.len()).any(|window| window == secret);
                assert!(!leaked, "{name} as {role:?}, seed {seed} gave a key out");
            }
        }
    }
    counts
}

#[test]
fn random_calls_in_every_role_and_in_none_break_no_invariant() {
    let setting = |name: &str| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let calls = setting("KEYWARD_RANDOM_CALLS").unwrap_or(3000);
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    let seed = setting("KEYWARD_RANDOM_SEED").unwrap_or(now);
    let roles = Role::ALL.iter().copied().map(Some).chain([None]);
    let running: Vec<_> = roles
        .map(|role| (role, thread::spawn(move || call_at_random(role, calls, seed))))
        .collect();
    // All of them end before one fails the test, so that no service is left running.
    let ended: Vec<_> = running.into_iter().map(|(role, thread)| (role, thread.join())).collect();
    for (role, outcome) in ended {
        let Counts { done, refused } = outcome.unwrap();
        let name = role.map_or("no role", Role::word);
        println!("{name}: {} random calls, {done} done, {refused} refused", done + refused);
    }
}
