//! The company of other providers: in every order, with default properties that favour us or ask
//! for FIPS, and in contexts that the host makes for others.

mod support;

use std::fs;

use keyward_protocol::messages::response;
use support::{
    Host, Service,
    proxy::Proxy,
    run,
    server::{Server, assert_verified, connect},
};

const KEYS: [(&str, &str); 3] = [("rsa-2048", "sign"), ("p-256", "sign"), ("ed25519", "sign")];

fn service() -> Service {
    let service = Service::start().with_keys(&KEYS);
    fs::write(service.host.path("message"), "signed somewhere else\n").unwrap();
    service
}

/// Every key signs a certificate that a stranger believes, by URI and by reference.
fn assert_all_sign(service: &Service, context: &str) {
    let host = &service.host;
    for (name, _) in KEYS {
        for key in [format!("keyward:{name}"), format!("{name}.pem")] {
            let request = format!("req -x509 -key {key} -subj /CN=x -out {name}.crt");
            let (success, output) = host.try_openssl(&request);
            assert!(success, "{context}, {key}\n{output}");
            host.stranger(&format!("verify -check_ss_sig -CAfile {name}.crt {name}.crt"));
        }
    }
}

/// The orders in which the providers may be listed.
fn orders() -> Vec<Vec<&'static str>> {
    let all = ["default", "keyward", "legacy", "base"];
    let mut orders = Vec::new();
    for first in 0..4 {
        for second in (0..4).filter(|second| *second != first) {
            let rest = (0..4).filter(|other| *other != first && *other != second);
            let rest: Vec<usize> = rest.collect();
            for (third, fourth) in [(rest[0], rest[1]), (rest[1], rest[0])] {
                orders.push([first, second, third, fourth].map(|at| all[at]).to_vec());
            }
        }
    }
    orders
}

#[test]
fn keys_sign_in_every_order_of_providers() {
    let service = service();
    let orders = orders();
    assert_eq!(orders.len(), 24);
    for order in orders {
        // The legacy and base providers take the default one's section: all that it says is that
        // they are active.
        let lines = order.iter().map(|name| match *name {
            "keyward" => "keyward = keyward_sect".to_owned(),
            other => format!("{other} = default_sect"),
        });
        service.host.configure_providers(&lines.collect::<Vec<_>>().join("\n"), "", "");
        let listed = service.host.openssl("list -providers");
        assert!(order.iter().all(|name| listed.contains(&format!("  {name}\n"))), "{listed}");
        let request = "req -x509 -key keyward:p-256 -subj /CN=x -out x.crt";
        let (success, output) = service.host.try_openssl(request);
        assert!(success, "{order:?}\n{output}");
        service.host.stranger("verify -check_ss_sig -CAfile x.crt x.crt");
    }
    assert_all_sign(&service, "the last of all orders");
}

/// What of a connection tells the group of its ephemeral keys.
fn group_of(output: &str) -> &str {
    let told = |line: &&str| line.contains(" Temp Key: ") || line.contains("group: ");
    output.lines().find(told).unwrap_or_default()
}

#[test]
fn tls_and_new_keys_need_the_default_provider_before_the_module() {
    let service = service();
    let host = &service.host;
    host.openssl("req -x509 -key keyward:p-256 -subj /CN=x -out p-256.crt");
    let genpkey = "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out new.key";
    for order in [
        ["default", "keyward", "base"],
        ["default", "base", "keyward"],
        ["base", "default", "keyward"],
        ["keyward", "default", "base"],
        ["keyward", "base", "default"],
        ["base", "keyward", "default"],
    ] {
        // OpenSSL sorts those that it has by their names when it adds another: the last stays last.
        let is_after = order[2] != "default";
        let lines = order.map(|name| match name {
            "keyward" => "keyward = keyward_sect".to_owned(),
            other => format!("{other} = default_sect"),
        });
        host.configure_providers(&lines.join("\n"), "", "");
        let server = Server::with_key(host, "keyward:p-256", "p-256", "");
        let [tls_1_2, tls_1_3] =
            ["-tls1_2", "-tls1_3"].map(|version| connect(host, &server, "p-256", version));
        if is_after {
            for output in [tls_1_2, tls_1_3] {
                assert_verified(&output, &format!("{order:?}"));
                assert!(group_of(&output).contains("X25519"), "{order:?}\n{output}");
            }
            host.openssl(genpkey);
            continue;
        }
        assert!(tls_1_2.contains("Cipher is (NONE)"), "{order:?}\n{tls_1_2}");
        if host.version() >= (3, 5) {
            assert!(tls_1_3.contains("Cipher is (NONE)"), "{order:?}\n{tls_1_3}");
        } else {
            assert_verified(&tls_1_3, &format!("{order:?}"));
            assert!(group_of(&tls_1_3).contains("X448"), "{order:?}\n{tls_1_3}");
        }
        for (command, kind) in [
            (genpkey, "ec"),
            ("genpkey -algorithm X25519 -out new.key", "x25519"),
            ("req -newkey rsa:2048 -noenc -keyout new.key -subj /CN=x", "rsa"),
        ] {
            let output = host.openssl_fails(command);
            let told = format!(
                ":not supported:keyward:0:keyward: making a key of type {kind} (list default \
                 before keyward in openssl.cnf"
            );
            assert_eq!(output.matches(&told).count(), 1, "{command}\n{output}");
        }
    }
}

#[test]
fn keys_sign_where_the_default_properties_favour_the_module() {
    let service = service();
    for order in [
        "default = default_sect\nkeyward = keyward_sect",
        "keyward = keyward_sect\ndefault = default_sect",
    ] {
        let favour = "default_properties = ?provider=keyward";
        service.host.configure_providers(order, "", favour);
        assert_all_sign(&service, order);
    }
}

#[test]
fn a_host_that_insists_on_fips_finds_the_module_where_the_section_says_so() {
    let service = service();
    let host = &service.host;
    let insist = "default_properties = fips=yes";
    host.configure("", insist);
    host.openssl_fails("pkey -in keyward:p-256 -noout");
    host.configure("fips = yes", insist);
    // What is not ours to do stays with the host's own FIPS provider, of which there is none here:
    // the digest of a signature is made by the module itself.
    host.openssl("pkeyutl -sign -rawin -inkey keyward:ed25519 -in message -out signature");
    host.stranger(
        "pkeyutl -verify -rawin -pubin -inkey ed25519.pub -in message -sigfile signature",
    );
    fs::write(host.path("digest"), [7; 32]).unwrap();
    for name in ["rsa-2048", "p-256"] {
        for key in [format!("keyward:{name}"), format!("{name}.pem")] {
            host.openssl(&format!("pkeyutl -sign -inkey {key} -in digest -out signature"));
            host.stranger(&format!(
                "pkeyutl -verify -pubin -inkey {name}.pub -in digest -sigfile signature"
            ));
        }
    }
}

#[test]
fn a_service_outside_a_fips_module_is_refused_where_the_section_requires_one() {
    let service = service();
    let host = &service.host;
    let (_, status) = service.try_keyward("status --json");
    assert!(status.contains("\"fips\": false") || status.contains("\"fips\":false"), "{status}");
    host.configure("fips = required", "");
    let refused = "does not run in a FIPS module";
    for command in
        ["pkey -in keyward:p-256 -noout", "dgst -sha256 -sign p-256.pem -out signature message"]
    {
        let output = host.openssl_fails(command);
        assert!(output.contains(refused), "{output}");
    }
    host.configure("fips = perhaps", "");
    let output = host.openssl_fails("pkey -in keyward:p-256 -noout");
    assert!(output.contains("the setting \"fips\" is \"perhaps\""), "{output}");
}

#[test]
fn a_service_that_says_that_it_runs_in_a_fips_module_is_taken_where_the_section_requires_one() {
    let mut service = service();
    // Its answers say what those of a service that is built so do.
    let proxy = Proxy::changing(service.host.address(), |answer| {
        if let Some(response::Result::Hello(hello)) = &mut answer.result {
            hello.fips = true;
        }
    });
    let public = fs::read_to_string(service.host.path("p-256.pub")).unwrap();
    let pem = fs::read_to_string(service.host.path("p-256.pem")).unwrap();
    service.host = Host::at(&proxy.address());
    let host = &service.host;
    fs::write(host.path("p-256.pub"), public).unwrap();
    fs::write(host.path("p-256.pem"), pem).unwrap();
    fs::write(host.path("digest"), [7; 32]).unwrap();
    host.configure("fips = required", "default_properties = fips=yes");
    for key in ["keyward:p-256", "p-256.pem"] {
        host.openssl(&format!("pkeyutl -sign -inkey {key} -in digest -out signature"));
        host.stranger("pkeyutl -verify -pubin -inkey p-256.pub -in digest -sigfile signature");
    }
}

#[test]
fn the_module_loads_into_a_context_that_a_provider_made_for_itself() {
    let service = service();
    let program = service.host.compile("child");
    let (success, output) = run(service.host.command(program).arg("keyward:p-256"));
    assert!(success, "{output}");
}
