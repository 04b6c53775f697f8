//! A certificate authority with plain `openssl ca`, `ocsp` and `ts`: an offline root with a key
//! file, and below it an authority whose key never leaves the service. Everything that it issues
//! is checked by an `openssl` that has no provider of ours.

use std::{
    fs,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use keyward_tests::{
    CommandExt, OpenSsl, Running, Scratch, Service, free_port, plain, text, wait_until_up,
};

/// The authority's book-keeping and what it puts into certificates, for `openssl ca` and `ts`.
const CONF: &str = "
[ca]
default_ca = issuing
[issuing]
dir = @FOLDER@
database = $dir/index.txt
serial = $dir/serial
crlnumber = $dir/crlnumber
new_certs_dir = $dir
certificate = $dir/issuing.crt
default_md = sha256
default_days = 5
default_crl_days = 5
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = supplied
[leaf]
basicConstraints = critical,CA:false
authorityKeyIdentifier = keyid
[authority]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[responder]
basicConstraints = critical,CA:false
extendedKeyUsage = OCSPSigning
[clock]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
[tsa]
default_tsa = stamps
[stamps]
serial = @FOLDER@/tsa-serial
default_policy = 1.2.3.4
digests = sha256, sha384
signer_digest = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
";

struct Authority {
    folder: PathBuf,
    conf: String,
    openssl: OpenSsl,
    service: Service,
    scratch: Scratch,
}

impl Authority {
    /// A root with its key in a file, and an intermediate with a key of a type in the service.
    fn new(key_type: &str) -> Authority {
        let scratch = Scratch::new();
        let service = Service::dev(&scratch);
        let openssl = OpenSsl::new(&scratch, &service.address());
        let folder = scratch.folder("ca");
        let (_, provider) = openssl.environment().swap_remove(0);
        let provider = fs::read_to_string(provider).unwrap();
        let own = CONF.replace("@FOLDER@", folder.to_str().unwrap());
        let conf = text(scratch.write("ca/ca.cnf", provider + &own));
        for (name, content) in
            [("index.txt", ""), ("serial", "1000\n"), ("crlnumber", "01\n"), ("tsa-serial", "01\n")]
        {
            scratch.write(&format!("ca/{name}"), content);
        }
        let authority = Authority { folder, conf, openssl, service, scratch };
        authority.make_root();
        authority.make_issuing("issuing", key_type);
        authority
    }

    fn make_root(&self) {
        let key = self.file("root.key");
        plain(&["genpkey", "-algorithm", "RSA", "-out", &key]);
        let conf = self.scratch.write(
            "ca/root.cnf",
            "[req]\ndistinguished_name = dn\nx509_extensions = ca\n[dn]\n[ca]\n\
             basicConstraints = critical,CA:true\nkeyUsage = critical,keyCertSign,cRLSign\n\
             subjectKeyIdentifier = hash\n",
        );
        let request = ["req", "-x509", "-new", "-key", &key, "-subj", "/CN=Root", "-days", "9"];
        let config = ["-config", &text(conf), "-out", &self.file("root.crt")];
        plain(&[&request[..], &config].concat());
    }

    /// The root certifies a key in the service as an authority: both see only the request.
    fn make_issuing(&self, name: &str, key_type: &str) {
        let key = self.service.key(name, key_type);
        let request = self.file(&format!("{name}.csr"));
        let subject = format!("/CN=Issuing {name}");
        self.ours(&["req", "-new", "-key", &key.uri(), "-subj", &subject, "-out", &request]);
        let issue = ["x509", "-req", "-in", &request, "-CA", &self.file("root.crt"), "-days", "8"];
        let with = ["-CAkey", &self.file("root.key"), "-CAcreateserial"];
        let extensions = ["-extfile", &self.conf, "-extensions", "authority"];
        let out = ["-out", &self.file(&format!("{name}.crt"))];
        plain(&[&issue[..], &with, &extensions, &out].concat());
    }

    /// Issues a certificate for a request with the key of that name.
    fn issue(&self, issuing: &str, request: &str, extensions: &str, out: &str) {
        let key = format!("keyward:{issuing}");
        let certificate = self.file(&format!("{issuing}.crt"));
        let issue = ["ca", "-batch", "-notext", "-config", &self.conf, "-keyfile", &key];
        let what = ["-cert", &certificate, "-in", request, "-extensions", extensions];
        self.ours(&[&issue[..], &what, &["-out", out]].concat());
    }

    /// A leaf with a key in a file of its own.
    fn leaf(&self, issuing: &str, name: &str) -> String {
        let key = self.file(&format!("{name}.key"));
        let request = self.file(&format!("{name}.csr"));
        let out = self.file(&format!("{name}.crt"));
        plain(&["genpkey", "-algorithm", "ED25519", "-out", &key]);
        self.ours(&["req", "-new", "-key", &key, "-subj", "/CN=leaf", "-out", &request]);
        self.issue(issuing, &request, "leaf", &out);
        out
    }

    /// A certificate with certain extensions for a key in the service; gives URI and file.
    fn officer(&self, name: &str, key_type: &str, extensions: &str) -> (String, String) {
        let key = self.service.key(name, key_type).uri();
        let request = self.file(&format!("{name}.csr"));
        let out = self.file(&format!("{name}.crt"));
        let subject = format!("/CN={name}");
        self.ours(&["req", "-new", "-key", &key, "-subj", &subject, "-out", &request]);
        self.issue("issuing", &request, extensions, &out);
        (key, out)
    }

    /// Publishes the list of what was revoked.
    fn publish(&self) -> String {
        let list = self.file("issuing.crl");
        let key = "keyward:issuing";
        let generate = ["ca", "-gencrl", "-config", &self.conf, "-keyfile", key, "-out", &list];
        self.ours(&generate);
        list
    }

    /// Whether plain openssl takes a certificate; with a list of the revoked, if there is one.
    fn accepts(&self, issuing: &str, leaf: &str, revoked: Option<&str>) -> bool {
        let (root, between) = (self.file("root.crt"), self.file(&format!("{issuing}.crt")));
        let mut arguments = vec!["verify", "-CAfile", &root, "-untrusted", &between];
        if let Some(list) = revoked {
            arguments.extend(["-crl_check", "-CRLfile", list]);
        }
        arguments.push(leaf);
        OpenSsl::plain(&arguments).run().status.success()
    }

    #[track_caller]
    fn ours(&self, arguments: &[&str]) -> Vec<u8> {
        self.openssl.command(arguments).run().bytes()
    }

    fn file(&self, name: &str) -> String {
        text(self.folder.join(name))
    }
}

#[test]
fn an_authority_issues_revokes_and_publishes_with_keys_of_every_family() {
    for key_type in ["rsa-2048", "p-384", "ed25519"] {
        let authority = Authority::new(key_type);
        let (good, bad) = (authority.leaf("issuing", "good"), authority.leaf("issuing", "bad"));
        assert!(authority.accepts("issuing", &good, None), "{key_type}");
        let key = "keyward:issuing";
        let revoke = ["ca", "-revoke", &bad, "-config", &authority.conf, "-keyfile", key];
        authority.ours(&revoke);
        let list = authority.publish();
        let issuing = authority.file("issuing.crt");
        let check = OpenSsl::plain(&["crl", "-in", &list, "-noout", "-CAfile", &issuing]).run();
        assert!(check.all().contains("verify OK"), "{key_type}: {}", check.all());
        assert!(authority.accepts("issuing", &good, Some(&list)), "{key_type}");
        assert!(!authority.accepts("issuing", &bad, Some(&list)), "{key_type}");
    }
}

#[test]
fn a_responder_answers_what_was_revoked_through_a_restart_of_the_service() {
    for key_type in ["rsa-2048", "p-256"] {
        let mut authority = Authority::new(key_type);
        let (good, bad) = (authority.leaf("issuing", "good"), authority.leaf("issuing", "bad"));
        let (key, certificate) = authority.officer("responder", key_type, "responder");
        let revoke = ["ca", "-revoke", &bad, "-config", &authority.conf];
        authority.ours(&[&revoke[..], &["-keyfile", "keyward:issuing"]].concat());

        let address = free_port();
        let (index, issuing) = (authority.file("index.txt"), authority.file("issuing.crt"));
        let port = address.port().to_string();
        let serve = ["ocsp", "-port", &port, "-index", &index, "-CA", &issuing, "-ndays", "1"];
        let signs = ["-rsigner", &certificate, "-rkey", &key];
        let mut command = authority.openssl.command(&[&serve[..], &signs].concat());
        let log = authority.scratch.join("ocsp.log");
        let responder = Running::start("openssl ocsp", &mut command, &log);
        // One that only connects, to see whether it is there, would keep it waiting for a request.
        let deadline = Instant::now() + Duration::from_secs(20);
        while !responder.log().contains("waiting for OCSP client connections") {
            assert!(Instant::now() < deadline, "no responder: {}", responder.log());
            thread::sleep(Duration::from_millis(10));
        }

        let url = format!("http://localhost:{port}");
        let root = authority.file("root.crt");
        let ask = |leaf: &str| {
            let ask = ["ocsp", "-timeout", "20", "-url", &url, "-issuer", &issuing, "-cert", leaf];
            OpenSsl::plain(&[&ask[..], &["-CAfile", &root]].concat()).run().all()
        };
        for restart in [false, true] {
            if restart {
                authority.service.kill();
                authority.service.start();
            }
            for (leaf, expected) in [(&good, ": good"), (&bad, ": revoked")] {
                let said = ask(leaf);
                let right = said.contains("Response verify OK") && said.contains(expected);
                assert!(right, "{key_type}: {said}\n{}", responder.log());
            }
        }
    }
}

#[test]
fn time_stamps_are_made_and_others_verify_them() {
    let authority = Authority::new("p-256");
    let data = text(authority.scratch.write("data", "seen today"));
    let (query, reply) = (authority.file("query"), authority.file("reply"));
    let (root, issuing) = (authority.file("root.crt"), authority.file("issuing.crt"));
    for key_type in ["rsa-2048", "p-384"] {
        let name = format!("clock-{key_type}");
        let (_, signer) = authority.officer(&name, key_type, "clock");
        // `ts` opens nothing but files.
        let reference = authority.service.keyward(["key", "pem", &name]);
        let key = text(authority.scratch.write(&format!("ca/{name}.pem"), reference));
        plain(&["ts", "-query", "-data", &data, "-sha256", "-cert", "-out", &query]);
        let answer = ["ts", "-reply", "-config", &authority.conf, "-queryfile", &query];
        let signs = ["-signer", &signer, "-inkey", &key, "-out", &reply];
        authority.ours(&[&answer[..], &["-section", "stamps"], &signs].concat());
        let verify = ["ts", "-verify", "-data", &data, "-in", &reply, "-CAfile", &root];
        let said = plain(&[&verify[..], &["-untrusted", &issuing]].concat());
        assert!(String::from_utf8_lossy(&said).contains("Verification: OK"), "{key_type}");
    }
}

/// The steps of docs/applications.md: a second authority beside the first, until nothing that the
/// first has issued is in use.
#[test]
fn an_authority_changes_its_key_while_old_certificates_stay_good() {
    let authority = Authority::new("p-256");
    let old = authority.leaf("issuing", "old");
    authority.make_issuing("issuing-2", "p-384");
    let new = authority.leaf("issuing-2", "new");
    assert!(authority.accepts("issuing", &old, None));
    assert!(authority.accepts("issuing-2", &new, None));
    assert!(!authority.accepts("issuing", &new, None));
    // The old key still signs its list of the revoked, then it goes.
    let list = authority.publish();
    assert!(authority.accepts("issuing", &old, Some(&list)));
    authority.service.keyward(["key", "delete", "issuing", "--yes"]);
    assert!(authority.accepts("issuing", &old, Some(&list)));
    let key = "keyward:issuing";
    let refused = ["ca", "-gencrl", "-config", &authority.conf, "-keyfile", key];
    authority.openssl.command(&refused).run().complaint();
}

#[test]
fn smime_signs_and_opens_mail() {
    let authority = Authority::new("p-256");
    let mail = text(authority.scratch.write("mail", "Dear all,\nyours.\n"));
    let (signed, sealed) = (authority.file("signed"), authority.file("sealed"));
    let (root, issuing) = (authority.file("root.crt"), authority.file("issuing.crt"));
    for key_type in ["rsa-2048", "p-256"] {
        let (key, certificate) = authority.officer(key_type, key_type, "leaf");
        let sign = ["smime", "-sign", "-in", &mail, "-signer", &certificate, "-inkey", &key];
        authority.ours(&[&sign[..], &["-certfile", &issuing, "-out", &signed]].concat());
        let verify = ["smime", "-verify", "-in", &signed, "-CAfile", &root, "-purpose", "any"];
        let said = String::from_utf8(plain(&verify)).unwrap();
        assert_eq!(said.replace('\r', "").lines().last(), Some("yours."), "{key_type}");
    }
    authority.service.keyward([
        "key",
        "generate",
        "mailbox",
        "--type",
        "rsa-2048",
        "--usage",
        "sign,decrypt",
    ]);
    let (request, certificate) = (authority.file("mailbox.csr"), authority.file("mailbox.crt"));
    let key = "keyward:mailbox";
    authority.ours(&["req", "-new", "-key", key, "-subj", "/CN=mailbox", "-out", &request]);
    authority.issue("issuing", &request, "leaf", &certificate);
    plain(&["smime", "-encrypt", "-aes256", "-in", &mail, "-out", &sealed, &certificate]);
    let open = ["smime", "-decrypt", "-in", &sealed, "-recip", &certificate, "-inkey", key];
    let opened = String::from_utf8(authority.ours(&open)).unwrap();
    assert!(opened.contains("yours."), "{opened}");
}

#[test]
fn s_time_counts_handshakes_with_a_client_certificate() {
    let authority = Authority::new("p-256");
    let server = authority.service.key("server", "p-256");
    let request = authority.file("server.csr");
    let certificate = authority.file("server.crt");
    let uri = server.uri();
    authority.ours(&["req", "-new", "-key", &uri, "-subj", "/CN=server", "-out", &request]);
    authority.issue("issuing", &request, "leaf", &certificate);
    let address = free_port();
    let accept = address.to_string();
    let serve = ["s_server", "-www", "-accept", &accept, "-key", &uri, "-cert", &certificate];
    let log = authority.scratch.join("s_server.log");
    let mut command = authority.openssl.command(&serve);
    let mut running = Running::start("openssl s_server", &mut command, &log);
    wait_until_up(&mut running, address);
    let reference = text(server.reference);
    let time = ["s_time", "-connect", &accept, "-new", "-time", "1", "-www", "/"];
    let own = ["-cert", &certificate, "-key", &reference];
    let said = authority.openssl.command(&[&time[..], &own].concat()).run().text();
    let counted = said.lines().find_map(|line| line.split_once(" connections in "));
    assert!(
        counted.is_some_and(|(count, _)| count.parse().is_ok_and(|count: u32| count > 0)),
        "{said}"
    );
}
