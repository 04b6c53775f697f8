//! ML-DSA and ML-KEM keys in the service, for OpenSSL 3.5 and later, which has the other side of
//! everything; and older ones, which know nothing of such keys and must not be disturbed by them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use keyward_tests::{
    Authority, CommandExt, Identity, Nginx, OpenSsl, SServer, Scratch, Service, ServiceBuilder,
};

const SETS: [(&str, &str); 3] =
    [("ml-dsa-44", "mldsa44"), ("ml-dsa-65", "mldsa65"), ("ml-dsa-87", "mldsa87")];

const KEMS: [&str; 3] = ["ml-kem-512", "ml-kem-768", "ml-kem-1024"];

struct World {
    service: Service,
    authority: Authority,
    openssl: OpenSsl,
    scratch: Scratch,
}

impl World {
    fn new() -> World {
        let scratch = Scratch::new();
        // As root, nginx signs as this user.
        let service = ServiceBuilder::new(&scratch).allow("www-data").start();
        let authority = Authority::new(&scratch);
        let openssl = OpenSsl::new(&scratch, &service.address());
        World { service, authority, openssl, scratch }
    }

    /// A world whose OpenSSL knows ML-DSA and ML-KEM. What the others do is in
    /// `older_openssl_goes_on_beside_such_keys_and_says_why_not`.
    fn that_is_new_enough() -> Option<World> {
        (OpenSsl::version() >= (3, 5)).then(World::new)
    }

    /// Runs `openssl` with the provider; it must succeed.
    #[track_caller]
    fn ours(&self, arguments: &[&str]) -> Vec<u8> {
        self.openssl.command(arguments).run().bytes()
    }

    #[track_caller]
    fn refused(&self, arguments: &[&str]) -> String {
        self.openssl.command(arguments).run().complaint()
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        text(self.scratch.write(name, content))
    }

    fn path(&self, name: &str) -> String {
        text(self.scratch.join(name))
    }
}

/// Runs `openssl` without the provider; it must succeed.
#[track_caller]
fn plain(arguments: &[&str]) -> Vec<u8> {
    OpenSsl::plain(arguments).run().bytes()
}

fn text(path: PathBuf) -> String {
    path.into_os_string().into_string().expect("the tests' paths are text")
}

/// Both ways to name a key.
fn names(identity: &Identity) -> [String; 2] {
    [identity.uri(), text(identity.reference.clone())]
}

fn public(identity: &Identity) -> String {
    text(identity.public.clone())
}

/// One verified visit of plain s_client; gives what it said of the connection.
fn visit(world: &World, address: &str, log: &str, more: &[&str]) -> String {
    let outcome = OpenSsl::plain(&["s_client", "-connect", address, "-verify_return_error"])
        .args(["-brief", "-verify_hostname", "localhost", "-servername", "localhost", "-CAfile"])
        .arg(world.authority.certificate())
        .args(more)
        .run_with(b"GET / HTTP/1.0\r\n\r\n");
    let all = outcome.all();
    assert!(outcome.status.success(), "{}\n{all}\nThe server said:\n{log}", outcome.command);
    assert!(all.contains("Verification: OK"), "{all}");
    all
}

#[test]
fn older_openssl_goes_on_beside_such_keys_and_says_why_not() {
    let world = World::new();
    let new = world.service.key("new", "ml-dsa-65");
    world.service.key("newer", "ml-kem-768");
    let web = world.service.certified_key("web", "p-256", &world.authority);
    let is_old = OpenSsl::version() < (3, 5);
    let listed = String::from_utf8(world.ours(&["storeutl", "-noout", "-keys", "keyward:"]));
    let count = if is_old { 1 } else { 3 };
    let listed = listed.unwrap();
    assert!(listed.contains(&format!("Total found: {count}")), "{listed}");
    if is_old {
        for key in names(&new) {
            let said = world.refused(&["pkey", "-in", &key, "-pubout"]);
            assert!(said.contains("keys of type ml-dsa-65 with OpenSSL"), "{said}");
        }
    }
    let nginx = Nginx::start(&world.scratch, &world.openssl, &[&web]);
    visit(&world, &nginx.address().to_string(), &nginx.log(), &[]);
    nginx.assert_no_crash();
}

#[test]
fn others_verify_what_is_signed_in_every_way() {
    let Some(world) = World::that_is_new_enough() else { return };
    // More than the service would take in one piece.
    let large = world.file("large", vec![7; 3 << 20]);
    let small = world.file("small", "a short message");
    let signature = world.path("signature");
    for (key_type, _) in SETS {
        let identity = world.service.key(key_type, key_type);
        for key in names(&identity) {
            for message in [&small, &large] {
                world.ours(&["dgst", "-sign", &key, "-out", &signature, message]);
                let check = ["-verify", &public(&identity), "-signature", &signature, message];
                assert_eq!(plain(&[&["dgst"][..], &check].concat()), b"Verified OK\n");
            }
            let in_context = ["-pkeyopt", "context-string:a context"];
            let encoded = ["-pkeyopt", "message-encoding:0"];
            for options in [&[][..], &in_context, &encoded] {
                let sign = ["pkeyutl", "-sign", "-rawin", "-inkey", &key, "-in", &small];
                world.ours(&[&sign[..], &["-out", &signature], options].concat());
                let verify =
                    ["pkeyutl", "-verify", "-rawin", "-in", &small, "-sigfile", &signature];
                let who = ["-pubin", "-inkey", &public(&identity)];
                plain(&[&verify[..], &who, options].concat());
                world.ours(&[&verify[..], &["-inkey", &key], options].concat());
            }
            let sign = ["pkeyutl", "-sign", "-rawin", "-inkey", &key, "-in", &small, "-pkeyopt"];
            let said = world.refused(&[&sign[..], &["deterministic:1"]].concat());
            assert!(said.contains("deterministic ML-DSA signatures"), "{said}");
        }
    }
}

#[test]
fn a_signature_of_another_message_or_context_is_refused() {
    let Some(world) = World::that_is_new_enough() else { return };
    let (yes, no) = (world.file("yes", "yes"), world.file("no", "no"));
    let signature = world.path("signature");
    let key = world.service.key("key", "ml-dsa-44").uri();
    world.ours(&["pkeyutl", "-sign", "-rawin", "-inkey", &key, "-in", &yes, "-out", &signature]);
    let verify = |message: &str, options: &[&str]| {
        let verify = ["pkeyutl", "-verify", "-rawin", "-inkey", &key, "-sigfile", &signature];
        world.openssl.command(&[&verify[..], &["-in", message], options].concat()).run()
    };
    verify(&yes, &[]).bytes();
    verify(&no, &[]).complaint();
    verify(&yes, &["-pkeyopt", "context-string:other"]).complaint();
    let too_long = format!("context-string:{}", "c".repeat(256));
    verify(&yes, &["-pkeyopt", &too_long]).complaint();
}

#[test]
fn mu_that_the_caller_made_is_signed() {
    let Some(world) = World::that_is_new_enough() else { return };
    let mu = world.file("mu", [9; 64]);
    let short = world.file("short", [9; 63]);
    let signature = world.path("signature");
    let identity = world.service.key("key", "ml-dsa-87");
    let options = ["-pkeyopt", "mu:1"];
    for key in names(&identity) {
        let sign = ["pkeyutl", "-sign", "-rawin", "-inkey", &key, "-out", &signature, "-in"];
        world.ours(&[&sign[..], &[&mu], &options].concat());
        let verify = ["pkeyutl", "-verify", "-rawin", "-in", &mu, "-sigfile", &signature];
        let who = ["-pubin", "-inkey", &public(&identity)];
        plain(&[&verify[..], &who, &options].concat());
        world.refused(&[&sign[..], &[&short], &options].concat());
    }
}

#[test]
fn secrets_that_others_encapsulate_come_out_again() {
    let Some(world) = World::that_is_new_enough() else { return };
    let (ciphertext, secret) = (world.path("ciphertext"), world.path("secret"));
    let opened = world.path("opened");
    for key_type in KEMS {
        let identity = world.service.key(key_type, key_type);
        for key in names(&identity) {
            let encapsulate = ["pkeyutl", "-encap", "-out", &ciphertext, "-secret", &secret];
            let decapsulate = ["pkeyutl", "-decap", "-inkey", &key, "-in", &ciphertext];
            let decapsulate = [&decapsulate[..], &["-secret", &opened]].concat();
            plain(&[&encapsulate[..], &["-pubin", "-inkey", &public(&identity)]].concat());
            world.ours(&decapsulate);
            assert_eq!(fs::read(&opened).unwrap(), fs::read(&secret).unwrap(), "{key_type}");
            // With the public half of our own.
            world.ours(&[&encapsulate[..], &["-inkey", &key]].concat());
            world.ours(&decapsulate);
            assert_eq!(fs::read(&opened).unwrap(), fs::read(&secret).unwrap(), "{key_type}");

            let short = world.file("short", [1; 100]);
            let said = world.refused(&["pkeyutl", "-decap", "-inkey", &key, "-in", &short]);
            assert!(said.contains("the ciphertext has the wrong size"), "{said}");
        }
    }
}

#[test]
fn a_kem_key_that_openssl_made_is_imported_in_each_of_its_forms() {
    let Some(world) = World::that_is_new_enough() else { return };
    let (ciphertext, secret) = (world.path("ciphertext"), world.path("secret"));
    let opened = world.path("opened");
    for key_type in KEMS {
        for form in ["seed-only", "priv-only", "seed-priv"] {
            let (name, file) = (format!("{key_type}-{form}"), world.path("made.pem"));
            let option = format!("ml-kem.output_formats={form}");
            let make = ["genpkey", "-algorithm", key_type, "-provparam", &option, "-out", &file];
            plain(&make);
            let identity = world.service.import(&name, Path::new(&file));
            let theirs = plain(&["pkey", "-in", &file, "-pubout"]);
            assert_eq!(fs::read(&identity.public).unwrap(), theirs, "{name}");
            plain(&["pkeyutl", "-encap", "-inkey", &file, "-out", &ciphertext, "-secret", &secret]);
            let decapsulate = ["pkeyutl", "-decap", "-inkey", &identity.uri(), "-in", &ciphertext];
            world.ours(&[&decapsulate[..], &["-secret", &opened]].concat());
            assert_eq!(fs::read(&opened).unwrap(), fs::read(&secret).unwrap(), "{name}");
        }
    }
}

#[test]
fn pkey_shows_the_public_half_and_the_reference() {
    let Some(world) = World::that_is_new_enough() else { return };
    for key_type in SETS.map(|(key_type, _)| key_type).into_iter().chain(KEMS) {
        let identity = world.service.key(key_type, key_type);
        let expected = fs::read(&identity.public).unwrap();
        for key in names(&identity) {
            assert_eq!(world.ours(&["pkey", "-in", &key, "-pubout"]), expected);
            let shown = world.ours(&["pkey", "-in", &key, "-noout", "-text_pub"]);
            let theirs = plain(&["pkey", "-pubin", "-in", &public(&identity), "-noout", "-text"]);
            assert_eq!(String::from_utf8_lossy(&shown), String::from_utf8_lossy(&theirs));
            assert_eq!(world.ours(&["pkey", "-in", &key]), fs::read(&identity.reference).unwrap());
        }
    }
}

#[test]
fn requests_certificates_and_cms_are_made() {
    let Some(world) = World::that_is_new_enough() else { return };
    let message = world.file("message", "sincerely yours");
    let (request, certificate) = (world.path("request.pem"), world.path("certificate.pem"));
    let signed = world.path("signed.pem");
    for (key_type, _) in SETS {
        let identity = world.service.key(key_type, key_type);
        for key in names(&identity) {
            world.ours(&["req", "-new", "-key", &key, "-subj", "/CN=w", "-out", &request]);
            let check = OpenSsl::plain(&["req", "-in", &request, "-verify", "-noout"]).run();
            assert!(check.all().contains("OK"), "{key_type}: {}", check.all());

            let make = ["req", "-x509", "-new", "-key", &key, "-subj", "/CN=w", "-days", "2"];
            world.ours(&[&make[..], &["-out", &certificate]].concat());
            plain(&["verify", "-check_ss_sig", "-CAfile", &certificate, &certificate]);

            let sign = ["cms", "-sign", "-md", "sha512", "-binary", "-nodetach", "-in", &message];
            let who = ["-signer", &certificate, "-inkey", &key, "-outform", "PEM", "-out", &signed];
            world.ours(&[&sign[..], &who].concat());
            let verify = ["cms", "-verify", "-binary", "-in", &signed, "-inform", "PEM"];
            let trust = ["-CAfile", &certificate, "-purpose", "any"];
            assert_eq!(plain(&[&verify[..], &trust].concat()), b"sincerely yours");
        }
    }
}

#[test]
fn s_server_serves_certificates_of_every_set() {
    let Some(world) = World::that_is_new_enough() else { return };
    for (key_type, signature) in SETS {
        let identity = world.service.certified_key(key_type, key_type, &world.authority);
        for key in names(&identity) {
            let server = SServer::start(&world.scratch, &world.openssl, &identity, &key, &[]);
            let said = visit(&world, &server.address().to_string(), &server.log(), &["-tls1_3"]);
            assert!(said.contains(&format!("Signature type: {signature}")), "{said}");
        }
    }
}

#[test]
fn s_server_serves_them_also_where_our_algorithms_are_preferred() {
    let Some(world) = World::that_is_new_enough() else { return };
    world.openssl.prefer_ours();
    let identity = world.service.certified_key("web", "ml-dsa-65", &world.authority);
    let groups = ["X25519MLKEM768", "MLKEM768", "X25519"];
    let offered = groups.join(":");
    let key = identity.uri();
    let more = ["-groups", &offered];
    let server = SServer::start(&world.scratch, &world.openssl, &identity, &key, &more);
    for group in groups {
        // Ephemeral keys stay with OpenSSL's own provider.
        let options = ["-tls1_3", "-groups", group];
        let said = visit(&world, &server.address().to_string(), &server.log(), &options);
        assert!(said.contains("Signature type: mldsa65"), "{said}");
    }
}

#[test]
fn nginx_serves_ml_dsa_beside_ecdsa() {
    let Some(world) = World::that_is_new_enough() else { return };
    let new = world.service.certified_key("new", "ml-dsa-65", &world.authority);
    let web = world.service.certified_key("web", "p-256", &world.authority);
    let nginx = Nginx::start(&world.scratch, &world.openssl, &[&new, &web]);
    let (alone, both) = (nginx.address().to_string(), nginx.address_of_both().to_string());
    for (address, options, signature) in [
        (&alone, &["-tls1_3"][..], "mldsa65"),
        (&both, &["-tls1_3", "-sigalgs", "mldsa65:ecdsa_secp256r1_sha256"], "mldsa65"),
        (&both, &["-tls1_3", "-sigalgs", "ecdsa_secp256r1_sha256"], "ecdsa_secp256r1_sha256"),
        (&both, &["-tls1_2"], "ecdsa_secp256r1_sha256"),
    ] {
        let said = visit(&world, address, &nginx.log(), options);
        assert!(said.contains(&format!("Signature type: {signature}")), "{said}");
    }
    nginx.assert_no_crash();
}
