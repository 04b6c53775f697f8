//! Secrets that are planted in every way in which one comes in: none of them is in anything that
//! the service, the command line or the provider prints, logs or stores, even at the level `trace`
//! and when something fails.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use keyward_tests::{CommandExt, OpenSsl, Scratch, Service, ServiceBuilder, Signal};

const PASSPHRASE: &str = "correct-horse-battery-planted";
const WRONG_PASSPHRASE: &str = "wrong-horse-battery-planted";

/// What must not be found, by its first bytes: the rest of it, and a name for messages.
struct Secrets(HashMap<[u8; START], Vec<(Vec<u8>, String)>>);

/// No secret is shorter.
const START: usize = 8;

impl Secrets {
    /// Adds a secret as it is, and in the forms in which a careless program prints bytes.
    fn add(&mut self, name: &str, secret: &[u8]) {
        let decimal = |separator: &str| {
            let numbers: Vec<String> = secret.iter().take(12).map(u8::to_string).collect();
            numbers.join(separator).into_bytes()
        };
        let hexadecimal = |separator: &str| {
            let digits: Vec<String> = secret.iter().map(|byte| format!("{byte:02x}")).collect();
            digits[..secret.len().min(16)].join(separator)
        };
        self.add_form(name, "as it is", secret[..secret.len().min(16)].into());
        self.add_form(name, "in hexadecimal", hexadecimal("").into());
        self.add_form(name, "in hexadecimal", hexadecimal("").to_uppercase().into());
        self.add_form(name, "in hexadecimal", hexadecimal(":").into());
        self.add_form(name, "in decimal", decimal(", "));
        self.add_form(name, "in decimal", decimal(","));
        // Wherever it begins within a group of three bytes and a line ends: short pieces.
        for aligned in [secret, &secret[1..], &secret[2..]] {
            for piece in aligned.chunks_exact(9) {
                self.add_form(name, "in Base64", base64(piece).into());
            }
        }
    }

    fn add_form(&mut self, name: &str, form: &str, bytes: Vec<u8>) {
        let (start, rest) = bytes.split_first_chunk().expect("a secret is longer");
        self.0.entry(*start).or_default().push((rest.into(), format!("{name} {form}")));
    }

    /// The names of those that are in a text.
    fn found_in(&self, text: &[u8]) -> BTreeSet<&str> {
        let at = |place: usize| {
            let (start, rest) = text[place..].split_first_chunk::<START>()?;
            let candidates = self.0.get(start)?;
            let found = candidates.iter().filter(move |(end, _)| rest.starts_with(end));
            Some(found.map(|(_, name)| name.as_str()))
        };
        (0..text.len()).filter_map(at).flatten().collect()
    }
}

/// Base64 of whole groups of three bytes.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |value: u32| char::from(DIGITS[value as usize & 63]);
    bytes
        .chunks_exact(3)
        .flat_map(|group| {
            let group = u32::from_be_bytes([0, group[0], group[1], group[2]]);
            [18, 12, 6, 0].map(|shift| digit(group >> shift))
        })
        .collect()
}

/// The bytes of a block of `openssl pkey -text`.
fn block(text: &str, title: &str) -> Vec<u8> {
    let lines = text.lines().skip_while(|line| *line != title).skip(1);
    let digits: String = lines.take_while(|line| line.starts_with(' ')).map(str::trim).collect();
    let bytes = digits.split(':').map(|digits| u8::from_str_radix(digits, 16).unwrap());
    // A leading zero is of the notation.
    bytes.skip_while(|byte| *byte == 0).collect()
}

/// Everything that came out of anything, kept with where it came from.
struct Collected {
    address: String,
    outputs: Vec<(String, Vec<u8>)>,
}

impl Collected {
    /// Runs a command and keeps both its outputs; whether it succeeded.
    fn run(&mut self, command: &mut Command) -> bool {
        let outcome = command.env("KEYWARD_ADDRESS", &self.address).run();
        let output = [&outcome.stdout[..], outcome.stderr.as_bytes()].concat();
        self.outputs.push((outcome.command, output));
        outcome.status.success()
    }

    /// Keeps every file below a folder.
    fn files_below(&mut self, folder: &Path, but: &[PathBuf]) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if but.contains(&path) {
                continue;
            } else if path.is_dir() {
                self.files_below(&path, but);
            } else if path.is_file() {
                self.outputs.push((path.display().to_string(), fs::read(&path).unwrap()));
            }
        }
    }
}

/// Makes a private key with plain openssl, in PEM, plain and encrypted; the blocks of its text.
fn planted_key(scratch: &Scratch, name: &str, options: &[&str]) -> String {
    let file = scratch.join(&format!("{name}.pem"));
    let arguments = [&["genpkey", "-out", file.to_str().unwrap()], options].concat();
    OpenSsl::plain(&arguments).run().bytes();
    let encrypted = scratch.join(&format!("{name}.enc.pem"));
    let password = format!("pass:{PASSPHRASE}");
    let files = ["-in", file.to_str().unwrap(), "-out", encrypted.to_str().unwrap()];
    let seal = ["-topk8", "-v2", "aes-256-cbc", "-passout", &password];
    OpenSsl::plain(&[&["pkcs8"], &files[..], &seal[..]].concat()).run().bytes();
    OpenSsl::plain(&["pkey", "-noout", "-text", "-in", file.to_str().unwrap()]).run().text()
}

/// Puts every secret in, by commands that succeed and by ones that fail.
fn put_in(scratch: &Scratch, service: &Service, collected: &mut Collected) {
    let file = |name: &str| scratch.join(name).display().to_string();
    let (right, wrong) = (file("right"), file("wrong"));
    let (ec, rsa, aes) = (file("ec.enc.pem"), file("rsa.enc.pem"), file("aes.key"));
    let fine: &[&[&str]] = &[
        &["key", "import", "ec", "--in", &ec, "--passphrase-file", &right],
        &["key", "import", "rsa", "--in", &rsa, "--passphrase-file", &right, "--usage", "sign"],
        &["key", "import", "aes", "--in", &aes, "--type", "aes-256"],
        &["key", "show", "ec"],
        &["key", "list"],
        &["key", "pem", "rsa"],
        &["key", "csr", "rsa", "--subject", "CN=planted"],
        &["key", "self-sign", "ec", "--subject", "CN=planted"],
        &["sign", "rsa", "--in", &file("message")],
        &["encrypt", "aes", "--in", &file("message")],
        &["backup", "create"],
        &["audit", "tail"],
        &["audit", "export"],
        &["status"],
    ];
    for arguments in fine {
        assert!(collected.run(&mut service.command(*arguments)), "{arguments:?}");
        // Most have a second form; some then fail because it is done already, which says more.
        collected.run(service.command(*arguments).arg("--json"));
    }
    let failing: &[&[&str]] = &[
        &["key", "import", "x", "--in", &ec, "--passphrase-file", &wrong],
        &["key", "import", "ec", "--in", &ec, "--passphrase-file", &right],
        &["key", "import", "x", "--in", &file("broken.pem")],
        &["key", "import", "x", "--in", &file("broken.der")],
        &["key", "import", "x", "--in", &aes, "--type", "aes-128"],
        &["key", "import", "x", "--in", &right],
        // A secret where a name, an address or a configuration is expected.
        &["serve", "--config", &file("ec.pem")],
        &["cert", "import", "ec", "--in", &file("ec.pem")],
    ];
    for arguments in failing {
        assert!(!collected.run(&mut service.command(*arguments)), "{arguments:?} succeeded");
        collected.run(service.command(*arguments).arg("--json"));
    }
}

/// Uses the keys through the provider, well and badly.
fn use_by_provider(scratch: &Scratch, openssl: &OpenSsl, collected: &mut Collected) {
    let file = |name: &str| scratch.join(name).display().to_string();
    let (message, peer) = (file("message"), file("peer.pem"));
    let sign = ["dgst", "-sha256", "-sign"];
    assert!(collected.run(openssl.command(&sign).args(["keyward:ec", &message])));
    assert!(collected.run(openssl.command(&sign).args(["keyward:rsa", &message])));
    let derive = ["pkeyutl", "-derive", "-inkey", "keyward:ec", "-peerkey", &peer];
    assert!(!collected.run(&mut openssl.command(&derive)));
    // OpenSSL would print a private key if it were given one.
    collected.run(&mut openssl.command(&["pkey", "-text", "-noout", "-in", "keyward:ec"]));
    collected.run(&mut openssl.command(&["pkey", "-in", "keyward:rsa"]));
}

#[test]
fn no_planted_secret_is_in_anything_that_is_printed_logged_or_stored() {
    let scratch = Scratch::new();
    let mut secrets = Secrets(HashMap::new());
    let ec =
        planted_key(&scratch, "ec", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    let rsa = planted_key(&scratch, "rsa", &["-algorithm", "RSA"]);
    secrets.add("the private scalar", &block(&ec, "priv:"));
    secrets.add("the private exponent", &block(&rsa, "privateExponent:"));
    secrets.add("the first prime", &block(&rsa, "prime1:"));
    secrets.add("the second exponent", &block(&rsa, "exponent2:"));
    let aes: Vec<u8> = (0..32_u8).map(|byte| byte.wrapping_mul(73).wrapping_add(41)).collect();
    scratch.write("aes.key", &aes);
    secrets.add("the AES key", &aes);
    secrets.add("the passphrase", PASSPHRASE.as_bytes());
    secrets.add("the wrong passphrase", WRONG_PASSPHRASE.as_bytes());
    scratch.write("right", format!("{PASSPHRASE}\n"));
    scratch.write("wrong", format!("{WRONG_PASSPHRASE}\n"));
    scratch.write("message", "nothing secret");
    let plain = fs::read(scratch.join("ec.pem")).unwrap();
    scratch.write("broken.pem", plain.strip_suffix(b"-----END PRIVATE KEY-----\n").unwrap());
    let der = OpenSsl::plain(&["pkey", "-outform", "DER"]).run_with(&plain).bytes();
    scratch.write("broken.der", &der[..der.len() - 5]);
    scratch.write("peer.pem", OpenSsl::plain(&["pkey", "-pubout"]).run_with(&plain).bytes());
    // The search does find what is there.
    assert_eq!(secrets.found_in(&der), ["the private scalar as it is"].into());
    assert_eq!(secrets.found_in(&plain), ["the private scalar in Base64"].into());
    let printed = format!("{aes:?}");
    assert_eq!(secrets.found_in(printed.as_bytes()), ["the AES key in decimal"].into());

    let identity = scratch.join("backup.key");
    let made = ["backup", "identity", "--out", identity.to_str().unwrap()];
    let artifacts = keyward_tests::artifacts();
    let recipient = Command::new(&artifacts.keyward).args(made).run().text();
    let lines = format!(
        "[log]\nlevel = \"trace\"\n[audit]\njournal_mib = 1\n[backup]\nrecipients = [{:?}]\n[[user]]\nname = \"keeper\"\n\
         identities = [\"uid:12345\"]\nroles = [\"operator\"]\n",
        recipient.trim()
    );
    let mut service = ServiceBuilder::new(&scratch).configured(&lines).start();
    // The one who runs the test may do everything here.
    let config = service.state().join("keyward.toml");
    let text = fs::read_to_string(&config).unwrap();
    let roles = "name = \"tester\"\nroles = [\"user\", \"operator\", \"auditor\"]";
    fs::write(&config, text.replace("name = \"tester\"", roles)).unwrap();
    service.stop();
    service.start();
    // A PEM file, all of whose payload is secret.
    let master_key = fs::read_to_string(service.state().join("master.key")).unwrap();
    let payload = master_key.lines().find(|line| !line.starts_with('-')).unwrap();
    secrets.add("the master key", payload.as_bytes());

    let mut collected = Collected { address: service.address(), outputs: Vec::new() };
    put_in(&scratch, &service, &mut collected);
    use_by_provider(&scratch, &OpenSsl::new(&scratch, &service.address()), &mut collected);
    let log = service.log();
    assert!(service.end(Signal::TERM));
    collected.outputs.push(("the log".into(), log.into_bytes()));
    collected.outputs.push(("the log at the end".into(), service.log().into_bytes()));
    let master_key = service.state().join("master.key");
    let state = service.state().to_owned();
    collected.files_below(&state, &[master_key]);

    let bytes: usize = collected.outputs.iter().map(|(_, output)| output.len()).sum();
    println!("{} outputs and files, {bytes} bytes searched", collected.outputs.len());
    for (source, output) in &collected.outputs {
        let found = secrets.found_in(output);
        assert!(found.is_empty(), "{source} has {found:?}");
    }
}
