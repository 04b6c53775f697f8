//! Keys whose uses are held to something, with the `openssl` program: the host passes nothing along
//! but the key's name, and its error says what to do.

use keyward_tests::{CommandExt, OpenSsl, ServiceBuilder, Workshop};

const QUORUM: &str = "\n[[quorum]]\noperations = [\"use-key\", \"enrol\"]\napprovals = 1\n\
                      approvers = [\"role:admin\"]\n";

/// Runs `keyward` as the administrator that `keyward init` has made.
fn administrator(workshop: &Workshop, arguments: &[&str]) -> String {
    let service = &workshop.service;
    let state = service.state();
    let address = format!("tls://localhost:{}", service.tls_address().port());
    service
        .command(arguments)
        .env("KEYWARD_ADDRESS", address)
        .env("KEYWARD_CA", state.join("ca.pem"))
        .env("KEYWARD_CERT", state.join("admin/cert.pem"))
        .env("KEYWARD_KEY", state.join("admin/key.pem"))
        .run()
        .text()
}

/// The approval that an error of OpenSSL's names.
fn named_in(complaint: &str) -> String {
    let (_, rest) = complaint.split_once("and approval ").expect("the error names the approval");
    let id = &rest[..16];
    let hint = format!("keyward approval approve {id}");
    assert!(complaint.contains(&hint), "the error does not say what to do: {complaint}");
    assert!(id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{complaint}");
    id.to_owned()
}

#[test]
fn openssl_signs_once_for_each_approval_and_its_error_names_what_is_missing() {
    let workshop =
        Workshop::with(|scratch| ServiceBuilder::new(scratch).configured(QUORUM).start());
    let service = &workshop.service;
    service.keyward(["key", "generate", "release", "--type", "p-256", "--needs-approval"]);
    let public = workshop.file("release.pub", service.keyward(["key", "public", "release"]));
    let reference = workshop.file("release.pem", service.keyward(["key", "pem", "release"]));
    let message = workshop.file("message", "ship it");
    let digest = workshop.file("digest", [7; 32]);
    let signature = workshop.path("signature");
    let dgst = ["dgst", "-sha256", "-sign", "keyward:release", "-out", &signature, &message];
    let pkeyutl = ["pkeyutl", "-sign", "-inkey", &reference, "-in", &digest, "-out", &signature];
    let check = ["dgst", "-sha256", "-verify", &public, "-signature", &signature, &message];

    let first = named_in(&workshop.refused(&dgst));
    // Tried again, it waits for the same approval, by whatever command.
    assert_eq!(named_in(&workshop.refused(&dgst)), first);
    assert_eq!(named_in(&workshop.refused(&pkeyutl)), first);
    let shown = administrator(&workshop, &["approval", "show", &first]);
    assert!(shown.contains("tester/release") && shown.contains("uses:       1"), "{shown}");
    administrator(&workshop, &["approval", "approve", &first]);
    workshop.ours(&dgst);
    OpenSsl::plain(&check).run().text();

    // It was good for one use: the next one asks anew.
    let second = named_in(&workshop.refused(&pkeyutl));
    assert_ne!(second, first);
    administrator(&workshop, &["approval", "approve", &second]);
    workshop.ours(&pkeyutl);
    let raw = ["pkeyutl", "-verify", "-pubin", "-inkey", &public, "-in", &digest];
    OpenSsl::plain(&[&raw[..], &["-sigfile", &signature]].concat()).run().text();

    // A denial is final for what it was asked for, and stands in the way of nothing else.
    let third = named_in(&workshop.refused(&dgst));
    administrator(&workshop, &["approval", "deny", &third]);
    assert_ne!(named_in(&workshop.refused(&dgst)), third);
    // Several at once, asked for beforehand.
    let asked = ["approval", "ask", "release", "--uses", "2", "--for", "1h"];
    let asked = service.command(asked).run().all();
    let is_id = |word: &&str| word.len() == 16 && word.bytes().all(|one| one.is_ascii_hexdigit());
    let id = asked.split_whitespace().find(is_id).unwrap_or_else(|| panic!("no approval: {asked}"));
    administrator(&workshop, &["approval", "approve", id]);
    workshop.ours(&dgst);
    workshop.ours(&dgst);
    named_in(&workshop.refused(&dgst));
}

#[test]
fn openssl_says_that_a_key_has_had_its_uses() {
    let workshop = Workshop::new();
    let service = &workshop.service;
    service.keyward(["key", "generate", "release", "--type", "p-256", "--max-uses", "2"]);
    let message = workshop.file("message", "ship it");
    let signature = workshop.path("signature");
    let dgst = ["dgst", "-sha256", "-sign", "keyward:release", "-out", &signature, &message];
    workshop.ours(&dgst);
    workshop.ours(&dgst);
    let complaint = workshop.refused(&dgst);
    for part in ["limit exceeded", "has had its 2 uses", "keyward key rotate"] {
        assert!(complaint.contains(part), "{part} is not in {complaint}");
    }
    let slow = ["key", "generate", "slow", "--type", "p-256", "--max-rate", "1/hour"];
    service.keyward(slow);
    let dgst = ["dgst", "-sha256", "-sign", "keyward:slow", "-out", &signature, &message];
    workshop.ours(&dgst);
    let complaint = workshop.refused(&dgst);
    for part in ["service is busy", "is used at most 1/hour", "it can be used again in"] {
        assert!(complaint.contains(part), "{part} is not in {complaint}");
    }
}
