//! `keyward key …` and `keyward status` against a real service: what scripts rely on.

mod cli_support;

use cli_support::{KEYWARD, Service, keyward, openssl_text};
use std::process::{Command, Stdio};

#[test]
fn a_key_lives_from_generate_to_delete() {
    let service = Service::start();
    let made = service.json(&["key", "generate", "web", "--type", "prime256v1"]);
    assert_eq!((made["type"].as_str(), made["name"].as_str()), (Some("p-256"), Some("web")));
    assert_eq!(made["origin"], "generated");
    assert_eq!(made["usage"], serde_json::json!(["sign"]));

    let listed = service.json(&["key", "list"]);
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(listed[0]["id"], made["id"]);

    let renamed = service.json(&["key", "rename", "web", "shop"]);
    assert_eq!((renamed["name"].as_str(), &renamed["id"]), (Some("shop"), &made["id"]));
    let by_id = format!("id={}", made["id"].as_str().unwrap());
    assert_eq!(service.json(&["key", "show", &by_id])["name"], "shop");

    service.ok(&["key", "delete", "shop", "--yes"]);
    assert_eq!(service.error(&["key", "show", "shop"], 1)["kind"], "not-found");
    assert_eq!(service.json(&["key", "list"]), serde_json::json!([]));
}

#[test]
fn a_long_listing_comes_in_pages_that_go_on_where_the_last_one_ended() {
    let service = Service::start();
    for name in ["a", "b", "c", "d", "e"] {
        service.ok(&["key", "generate", name, "--type", "ed25519"]);
    }
    let mut seen = Vec::new();
    let mut after: Vec<String> = Vec::new();
    loop {
        let mut arguments = vec!["key", "list", "--limit", "2", "--json"];
        arguments.extend(after.iter().map(String::as_str));
        let ran = service.run(&arguments);
        let page: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
        seen.extend(page.as_array().unwrap().iter().map(|key| key["name"].clone()));
        match ran.stderr.trim().strip_prefix("more: ") {
            Some(more) => after = more.split(' ').map(str::to_owned).collect(),
            None => break,
        }
    }
    assert_eq!(serde_json::json!(seen), serde_json::json!(["a", "b", "c", "d", "e"]));
}

#[test]
fn a_deleted_key_is_listed_and_brought_back_by_its_name() {
    let service = Service::start();
    service.ok(&["key", "generate", "web", "--type", "p-256"]);
    let deleted = service.json(&["key", "delete", "web", "--yes"]);
    assert!(deleted["undelete_until"].as_str().unwrap().starts_with("20"), "{deleted}");
    let listed = service.json(&["key", "list", "--deleted"]);
    assert_eq!(listed[0]["name"], "web");
    assert!(service.ok(&["key", "list", "--deleted"]).contains("UNTIL"));
    let back = service.json(&["key", "undelete", "web", "--as", "web-2"]);
    assert_eq!((&back["id"], back["name"].as_str()), (&listed[0]["id"], Some("web-2")));

    let by_id = format!("id={}", back["id"].as_str().unwrap());
    service.ok(&["key", "delete", "web-2", "--yes"]);
    service.ok(&["key", "delete", &by_id, "--now", "--yes"]);
    assert_eq!(service.json(&["key", "list", "--deleted"]), serde_json::json!([]));
    assert_eq!(service.error(&["key", "undelete", "web-2"], 1)["kind"], "not-found");
    // Of several with one name, one has to be said.
    for _ in 0..2 {
        service.ok(&["key", "generate", "twin", "--type", "ed25519"]);
        service.ok(&["key", "delete", "twin", "--yes"]);
    }
    let which = service.error(&["key", "undelete", "twin"], 1);
    assert!(which["hint"].as_str().unwrap().contains("id="), "{which}");
}

#[test]
fn a_key_is_held_to_what_was_said_at_its_birth_and_since() {
    let service = Service::start();
    let flags = ["--algorithms", "SHA256withECDSA,ecdsa-sha384", "--not-after", "2099-01-31"];
    let made = ["key", "generate", "web", "--type", "p-256", "--exportable"];
    let made = service.json(&[&made[..], &flags].concat());
    let held = &made["restrictions"];
    assert_eq!(held["algorithms"], serde_json::json!(["ecdsa-sha256", "ecdsa-sha384"]));
    assert_eq!(held["not_after"], "2099-01-31T00:00:00Z");
    assert_eq!(held["not_before"], serde_json::Value::Null);

    let message = service.write("message", "text");
    let sign = ["sign", "web", "--in", &message, "--algorithm"];
    service.ok(&[&sign[..], &["ecdsa-sha384"]].concat());
    let less = ["--algorithms", "ecdsa-sha256", "--forbid-export", "--not-after", "+90d"];
    let tight = service.json(&[&["key", "restrict", "web"][..], &less].concat());
    assert_eq!(tight["exportable"], false);
    assert_eq!(tight["history"][1]["event"], "restricted");
    let refused = service.error(&[&sign[..], &["ecdsa-sha384"]].concat(), 1);
    assert_eq!(refused["kind"], "permission-denied");
    let looser = service.error(&["key", "restrict", "web", "--not-after", "2099-01-31"], 1);
    assert_eq!(looser["kind"], "invalid-argument");

    let shown = service.ok(&["key", "show", "web"]);
    for fact in ["algorithms:  ecdsa-sha256\n", "not after:   20", "restricted by "] {
        assert!(shown.contains(fact), "{fact}: {shown}");
    }
    assert_eq!(service.error(&["key", "restrict", "web"], 2)["kind"], "invalid-argument");
    let wrong = service.error(&["key", "restrict", "web", "--algorithms", "ecdsa-sha265"], 2);
    assert!(wrong.to_string().contains("ecdsa-sha256"), "{wrong}");
}

#[test]
fn every_key_type_can_be_made_and_openssl_reads_its_public_key() {
    let service = Service::start();
    for (key_type, expected) in [
        ("rsa-2048", "Public-Key: (2048 bit)"),
        ("rsa-pss-2048", "No PSS parameter restrictions"),
        ("p-256", "ASN1 OID: prime256v1"),
        ("p-384", "ASN1 OID: secp384r1"),
        ("p-521", "ASN1 OID: secp521r1"),
        ("secp256k1", "ASN1 OID: secp256k1"),
        ("ed25519", "ED25519 Public-Key"),
        ("x25519", "X25519 Public-Key"),
    ] {
        service.ok(&["key", "generate", key_type, "--type", key_type]);
        let pem = service.write("public.pem", service.ok(&["key", "public", key_type]));
        let text = openssl_text(&["pkey", "-pubin", "-in", &pem, "-noout", "-text"]);
        assert!(text.contains(expected), "{key_type}: {text}");
    }
}

#[test]
fn names_are_unique_and_the_error_says_so() {
    let service = Service::start();
    service.ok(&["key", "generate", "web", "--type", "p-256"]);
    let error = service.error(&["key", "generate", "web", "--type", "p-256"], 1);
    assert_eq!(error["kind"], "already-exists");
    assert!(error["message"].as_str().unwrap().contains("web"), "{error}");
}

#[test]
fn a_wrong_usage_ends_with_status_2_and_names_the_nearest_word() {
    let service = Service::start();
    for (arguments, nearest) in [
        (&["key", "generate", "web", "--type", "rsa-2084"][..], "rsa-2048"),
        (&["key", "generate", "web", "--type", "p-256", "--usage", "sing"], "sign"),
        (&["kye", "list"], "key"),
        (&["key", "lsit"], "list"),
    ] {
        let ran = service.run(arguments);
        assert_eq!(ran.status, 2, "{arguments:?}");
        assert!(ran.stderr.contains(nearest), "{arguments:?}: {}", ran.stderr);
    }
    let error = service.error(&["key", "generate", "a b", "--type", "p-256"], 2);
    assert_eq!(error["kind"], "invalid-argument");
    assert!(error["message"].as_str().unwrap().contains("a b"), "{error}");
}

#[test]
fn deleting_needs_yes_where_nobody_can_be_asked() {
    let service = Service::start();
    service.ok(&["key", "generate", "web", "--type", "ed25519"]);
    let ran = service.run(&["key", "delete", "web"]);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("--yes"), "{}", ran.stderr);
    service.ok(&["key", "show", "web"]);
}

#[test]
fn on_a_terminal_deleting_asks_first() {
    let service = Service::start();
    service.ok(&["key", "generate", "web", "--type", "ed25519"]);
    // `script` gives the program a terminal and types the answer.
    let ask = |answer: &str| {
        let mut command = Command::new("script");
        command
            .args(["--quiet", "--return", "--echo", "never", "--command"])
            .arg(format!("{KEYWARD} --address {} key delete web", service.address()))
            .arg("/dev/null");
        cli_support::with_input(command, answer.as_bytes())
    };
    let refused = ask("n\n");
    assert!(refused.text().contains("only as long as the service keeps it"), "{}", refused.text());
    service.ok(&["key", "show", "web"]);
    assert_eq!(ask("y\n").status, 0);
    assert_eq!(service.error(&["key", "show", "web"], 1)["kind"], "not-found");
}

#[test]
fn rights_are_granted_and_taken_back() {
    let service = Service::start();
    service.ok(&["key", "generate", "web", "--type", "rsa-2048"]);
    let shared = service.json(&["key", "share", "web", "www-data", "--rights", "see,sign"]);
    assert_eq!(shared["grants"][0]["user"], "www-data");
    assert_eq!(shared["grants"][0]["rights"], serde_json::json!(["see", "sign"]));
    let taken = service.json(&["key", "unshare", "web", "www-data"]);
    assert_eq!(taken["grants"], serde_json::json!([]));
    let default = service.json(&["key", "share", "web", "www-data"]);
    assert_eq!(default["grants"][0]["rights"], serde_json::json!(["see", "sign", "decrypt"]));
}

#[test]
fn the_reference_holds_the_public_key_and_nothing_secret() {
    let service = Service::start();
    let id = service.json(&["key", "generate", "web", "--type", "p-256"])["id"].clone();
    let pem = service.ok(&["key", "pem", "web"]);
    assert!(pem.starts_with("This is not a private key"), "{pem}");
    let reference = keyward_protocol::reference::Reference::from_pem(&pem).unwrap();
    assert_eq!(reference.id.to_string(), id.as_str().unwrap());
    assert_eq!(reference.uri, "keyward:web");
    let public = service.write("public.pem", service.ok(&["key", "public", "web"]));
    let der = cli_support::openssl(&["pkey", "-pubin", "-in", &public, "-outform", "DER"]);
    assert_eq!(reference.spki, der);
}

#[test]
fn status_says_whether_the_service_can_sign_and_a_dead_one_is_an_error_with_a_hint() {
    let service = Service::start();
    let status = service.json(&["status"]);
    assert_eq!(status["can_sign"], true);
    assert_eq!(status["development"], true);
    assert_eq!(status["keys"], 0);
    assert!(status["user"].is_string(), "{status}");

    let dead = service.file("nobody.sock");
    let output = keyward(&["status", "--json", "--address", &format!("unix:{dead}")])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(error["kind"], "unavailable");
    assert!(error["message"].as_str().unwrap().contains(&dead), "{error}");
    assert!(error["hint"].is_string(), "{error}");
}
