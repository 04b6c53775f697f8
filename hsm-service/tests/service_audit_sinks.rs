//! The audit log goes to syslog and journald too: everything, whatever happens to the receiver, and
//! without anybody waiting for it, unless that is asked for.

mod service_support;

use std::{
    collections::BTreeSet,
    fs,
    io::{Read, Write},
    net::TcpStream,
    os::unix::net::{UnixDatagram, UnixStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use keyward_algorithms::ErrorKind;
use keyward_client::{Client, Pin};
use keyward_protocol::{
    Key,
    messages::{AuditCheckpoint, GetAuditHead, RevokeClient, request, response},
};
use prost::Message;
use serde_json::Value;
use service_support::{AUDITING, Service, State, generate, sign, wait_for, write_pem};
use tempfile::TempDir;

/// A real syslog daemon, which writes what it understood of each message on a line of a file.
struct Rsyslog {
    process: Child,
    folder: PathBuf,
    port: u16,
}

impl Rsyslog {
    /// Starts it with its files in a folder, on a port, or on a free one.
    fn start(folder: &Path, port: u16) -> Rsyslog {
        let certificate = folder.join("receiver.crt");
        if !certificate.exists() {
            let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
            write_pem(&certificate, "CERTIFICATE", made.cert.der());
            let key = made.signing_key.serialize_der();
            write_pem(&folder.join("receiver.key"), "PRIVATE KEY", &key);
        }
        let port_file = folder.join("port");
        let _ = fs::remove_file(&port_file);
        let path = |name: &str| folder.join(name).display().to_string();
        let configuration = format!(
            r#"global(workDirectory="{folder}" maxMessageSize="64k"
                DefaultNetstreamDriverCAFile="{crt}" DefaultNetstreamDriverCertFile="{crt}"
                DefaultNetstreamDriverKeyFile="{key}")
            module(load="imuxsock" SysSock.Use="off")
            input(type="imuxsock" Socket="{socket}" UseSpecialParser="off" ParseHostname="on")
            module(load="imtcp" StreamDriver.Name="ossl" StreamDriver.Mode="1"
                StreamDriver.AuthMode="anon")
            input(type="imtcp" address="127.0.0.1" port="{port}" listenPortFileName="{ports}")
            template(name="line" type="string" string="%inputname% %syslogfacility% %syslogseverity-text% %app-name% %msgid% %msg%\n")
            action(type="omfile" file="{out}" template="line")
            "#,
            folder = folder.display(),
            crt = path("receiver.crt"),
            key = path("receiver.key"),
            socket = path("log"),
            ports = path("port"),
            out = path("received"),
        );
        fs::write(folder.join("rsyslog.conf"), configuration).unwrap();
        let _ = fs::remove_file(folder.join("rsyslog.pid"));
        let process = Command::new("/usr/sbin/rsyslogd")
            .args(["-n", "-f", &path("rsyslog.conf"), "-i", &path("rsyslog.pid")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.join("rsyslog.errors")).unwrap())
            .spawn()
            .expect("rsyslogd is there: ops/prerequisites test");
        let port = wait_for("rsyslog", || match port {
            // It writes down a port that it has chosen itself.
            0 => fs::read_to_string(&port_file).ok()?.trim().parse().ok(),
            port => TcpStream::connect(("127.0.0.1", port)).ok().map(|_| port),
        });
        wait_for("rsyslog's socket", || {
            UnixDatagram::unbound().ok()?.connect(folder.join("log")).ok()
        });
        Rsyslog { process, folder: folder.into(), port }
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// What came in by one of its two ways: its heads, and what the messages say.
    fn received(&self, input: &str) -> Vec<(String, Value)> {
        let text = fs::read_to_string(self.folder.join("received")).unwrap_or_default();
        let lines = text.lines().filter(|line| line.starts_with(input));
        // A daemon that was killed may have left half a line.
        let parsed = lines.filter_map(|line| {
            let json = line.find('{')?;
            Some((line[..json].trim_end().to_owned(), serde_json::from_str(&line[json..]).ok()?))
        });
        parsed.collect()
    }
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn sequences(received: &[(String, Value)]) -> BTreeSet<u64> {
    received.iter().map(|(_, value)| value["sequence"].as_u64().unwrap()).collect()
}

/// The number of the last entry.
fn last_entry(service: &Service) -> u64 {
    let asked = request::Operation::AuditHead(GetAuditHead {});
    let response::Result::AuditHead(head) = service.client().call(asked).unwrap() else { panic!() };
    AuditCheckpoint::decode(head.checkpoint.as_slice()).unwrap().sequence
}

fn metrics(service: &Service) -> String {
    let socket = service.socket().with_file_name("health.sock");
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// The sum of a metric over all sinks.
fn metric(service: &Service, name: &str) -> f64 {
    let text = metrics(service);
    let samples = text.lines().filter(|line| line.starts_with(&format!("{name}{{")));
    samples.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).sum()
}

fn sign_often(service: &Service, key: &Key, times: usize) {
    let client = service.client();
    (0..times).for_each(|_| drop(sign(&client, key).unwrap()));
}

#[test]
fn syslog_over_tls_and_its_unix_socket_get_every_entry_though_the_daemon_is_killed_and_comes_back()
{
    let folder = TempDir::new().unwrap();
    let mut daemon = Rsyslog::start(folder.path(), 0);
    let state = State::with(&format!(
        "[[audit.sink]]\nsyslog = \"tls://localhost:{}\"\nca = {:?}\n\
         [[audit.sink]]\nsyslog = \"unix:{}\"\n{AUDITING}",
        daemon.port,
        folder.path().join("receiver.crt"),
        folder.path().join("log").display(),
    ));
    let service = state.start();
    let key = generate(&service.client(), "web", "p-256");
    sign_often(&service, &key, 30);
    for input in ["imtcp", "imuxsock"] {
        wait_for(input, || (daemon.received(input).len() >= 32).then_some(()));
    }
    // The daemon understands the heads.
    let (head, entry) = &daemon.received("imtcp")[1];
    assert_eq!(head, "imtcp 13 info keyward generate");
    assert_eq!((&entry["operation"], &entry["key"]), (&"generate".into(), &"me/web".into()));
    assert_eq!(entry["outcome"], "done");

    // It dies in the middle of the load, and comes back later.
    for round in 0..3 {
        std::thread::scope(|scope| {
            let load = scope.spawn(|| sign_often(&service, &key, 500));
            if round == 1 {
                daemon.kill();
            }
            load.join().unwrap();
        });
        if round == 1 {
            wait_for("a failure that is counted", || {
                (metric(&service, "keyward_audit_sink_failures_total") >= 2.0).then_some(())
            });
            daemon = Rsyslog::start(folder.path(), daemon.port);
        }
    }
    // So does the service.
    service.kill();
    let service = state.start();
    sign_often(&service, &key, 20);
    let all: BTreeSet<u64> = (1..=last_entry(&service)).collect();
    assert!(all.len() > 1550);
    for input in ["imtcp", "imuxsock"] {
        wait_for(input, || (sequences(&daemon.received(input)) == all).then_some(()));
    }
    assert_eq!(metric(&service, "keyward_audit_sink_dropped_total"), 0.0);
    wait_for("nothing waits", || {
        (metric(&service, "keyward_audit_sink_waiting_entries") == 0.0).then_some(())
    });
    println!("{} entries, 0 lost", all.len());
}

/// A service whose sink is required, and whose administrator `me` logs in with a PIN, when nobody reads
/// at the sink any more; its folder and the PIN administrator.
fn behind(folder: &Path, more: &str) -> (State, Service, Client) {
    let path = folder.join("log");
    let state = State::with(&format!(
        "[[audit.sink]]\nsyslog = \"unix:{}\"\nrequired = true\nmax_lag_seconds = 1\n\
         [[user]]\nname = \"me\"\nidentities = [\"uid:ME\"]\nroles = [\"admin\"]\n\
         pin = \"required\"\n{more}",
        path.display()
    ));
    let receiver = UnixDatagram::bind(&path).unwrap();
    let service = state.start();
    let other = service.administrator();
    other.set_pin("me", &Pin::copy_of(b"correct horse"), None).unwrap();
    drop(receiver);
    fs::remove_file(&path).unwrap();
    let nobody = || RevokeClient { user: "nobody".into(), ..RevokeClient::default() };
    let refused = wait_for("a refusal", || other.revoke_client(nobody()).err());
    assert_eq!(refused.kind, ErrorKind::LimitExceeded, "{refused}");
    let pin = folder.join("pin");
    fs::write(&pin, "correct horse\n").unwrap();
    // It logs in when it first asks for something.
    let client = service.client_with(&[("pin_file", pin.to_str().unwrap())]);
    (state, service, client)
}

/// What the sink gets of operations that were done, once it reads again, up to one of this name.
fn told(folder: &Path, last: &str) -> Vec<String> {
    let receiver = UnixDatagram::bind(folder.join("log")).unwrap();
    receiver.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let (mut datagram, mut all) = (vec![0; 1 << 16], vec![]);
    loop {
        let count = receiver.recv(&mut datagram).unwrap();
        let text = String::from_utf8_lossy(&datagram[..count]).into_owned();
        // Before it that may be announced, and approvals are asked for.
        if !text.contains("\"outcome\":\"done\"") || text.contains("\"request\":0,") {
            continue;
        }
        all.push(text);
        if all.last().unwrap().contains(&format!(" {last} ")) {
            return all;
        }
    }
}

/// What it gets of one operation says that it was behind.
fn says_so(told: &[String], operation: &str) {
    let one = told.iter().find(|text| text.contains(&format!(" {operation} "))).unwrap();
    assert!(one.contains("while the audit sink"), "{one}");
}

#[test]
fn keys_are_destroyed_though_a_sink_that_is_required_is_behind_and_it_gets_that_later() {
    let folder = TempDir::new().unwrap();
    let quorum = "[[quorum]]\noperations = [\"zeroize\", \"enrol\"]\napprovals = 1\n\
                  approvers = [\"role:admin\"]\n";
    let (state, service, client) = behind(folder.path(), quorum);
    // Either of the two, the one with a PIN too, can ask and approve.
    let (other, mut own) = (service.administrator(), None);
    for (asker, approver) in [(&other, &client), (&client, &other)] {
        let asked = asker.zeroize(&state.issued.service_id).unwrap_err();
        assert_eq!(asked.kind, ErrorKind::ApprovalRequired, "{asked}");
        approver.approve(asked.approval.unwrap()).unwrap();
        own = asked.approval;
    }
    let destroyed = client.with_approval(own.unwrap()).zeroize(&state.issued.service_id).unwrap();
    assert_eq!(destroyed.state, "uninitialised");
    let told = told(folder.path(), "zeroize");
    ["login", "approve", "zeroize"].iter().for_each(|operation| says_so(&told, operation));
}

#[test]
fn the_service_is_sealed_though_a_sink_that_is_required_is_behind_and_it_gets_that_later() {
    let folder = TempDir::new().unwrap();
    let (state, service, client) = behind(folder.path(), "");
    // Whoever has logged in uses no key either.
    let refused = client.set_pin("other", &Pin::copy_of(b"battery staple"), None).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::LimitExceeded, "{refused}");
    assert_eq!(client.lock_seal().unwrap().state, "sealed");
    assert!(service.terminate().success());
    // The file with the master key opens it again, and the log's own key signs the rest.
    let _service = state.start();
    let told = told(folder.path(), "lock-seal");
    ["login", "lock-seal"].iter().for_each(|operation| says_so(&told, operation));
}

/// The fields of a datagram for systemd's journal.
fn fields(mut bytes: &[u8]) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let end = bytes.iter().position(|byte| *byte == b'\n').unwrap();
        let line = std::str::from_utf8(&bytes[..end]).unwrap();
        bytes = &bytes[end + 1..];
        match line.split_once('=') {
            Some((name, value)) => fields.push((name.into(), value.into())),
            None => {
                let (length, rest) = bytes.split_first_chunk::<8>().unwrap();
                let (value, rest) = rest.split_at(u64::from_le_bytes(*length) as usize);
                fields.push((line.into(), String::from_utf8(value.into()).unwrap()));
                bytes = rest.strip_prefix(b"\n").unwrap();
            }
        }
    }
    fields
}

#[test]
fn a_journal_that_reads_nothing_holds_no_signature_up_and_gets_all_when_it_reads() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("journal");
    let journal = UnixDatagram::bind(&path).unwrap();
    let state = State::with(&format!(
        "[[audit.sink]]\njournald = \"{}\"\nmax_lag_seconds = 1\n{AUDITING}",
        path.display()
    ));
    let service = state.start();
    let key = generate(&service.client(), "web", "p-256");
    // Far more than the queue of the socket.
    sign_often(&service, &key, 3000);
    let last = last_entry(&service);
    let warned = || {
        let warnings = service.client().status().unwrap().warnings;
        warnings.into_iter().find(|one| one.contains("audit sink") && one.contains("behind"))
    };
    let warning = wait_for("a warning", warned);
    assert!(warning.contains(path.to_str().unwrap()), "{warning}");
    assert!(metric(&service, "keyward_audit_sink_waiting_entries") > 1000.0);
    assert!(metric(&service, "keyward_audit_sink_lag_seconds") > 1.0);
    sign_often(&service, &key, 1);

    let mut datagram = vec![0; 1 << 16];
    let mut seen = BTreeSet::new();
    journal.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    while seen.len() <= last as usize {
        let count = journal.recv(&mut datagram).unwrap();
        let fields = fields(&datagram[..count]);
        let value = |name: &str| fields.iter().find(|(known, _)| known == name).unwrap().1.clone();
        seen.insert(value("KEYWARD_SEQUENCE").parse::<u64>().unwrap());
        if value("KEYWARD_OPERATION") == "sign" {
            let me = rustix::process::geteuid().as_raw();
            assert_eq!(value("MESSAGE"), format!("sign me/web by uid:{me}: done"));
            assert_eq!((value("PRIORITY").as_str(), value("KEYWARD_USER").as_str()), ("6", "me"));
        }
    }
    assert_eq!(seen, (1..=last + 1).collect());
    wait_for("no warning", || warned().is_none().then_some(()));
}

#[test]
fn a_sink_that_is_required_stops_uses_and_acts_once_it_is_behind_and_says_so() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("log");
    let state = State::with(&format!(
        "[[audit.sink]]\nsyslog = \"unix:{}\"\nrequired = true\nmax_lag_seconds = 2\n{AUDITING}",
        path.display()
    ));
    let receiver = UnixDatagram::bind(&path).unwrap();
    let service = state.start();
    let client = service.client();
    let key = generate(&client, "web", "p-256");
    sign(&client, &key).unwrap();

    drop(receiver);
    fs::remove_file(&path).unwrap();
    let error = wait_for("a refusal", || sign(&client, &key).err());
    assert_eq!(error.kind, ErrorKind::LimitExceeded, "{error}");
    let expected = format!("the audit sink \"syslog unix:{}\", which is required", path.display());
    assert!(error.message.contains(&expected), "{error}");
    assert!(error.hint.as_deref().unwrap_or_default().contains("required = false"), "{error}");
    assert_eq!(client.rename(&key.id, "other").unwrap_err().kind, ErrorKind::LimitExceeded);
    // What the log does not hold goes on.
    assert!(client.status().unwrap().warnings.iter().any(|one| one.contains("audit sink")));
    client.list("").unwrap();

    let receiver = UnixDatagram::bind(&path).unwrap();
    let reading = std::thread::spawn(move || {
        let mut datagram = vec![0; 1 << 16];
        receiver.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut lines = Vec::new();
        loop {
            let count = receiver.recv(&mut datagram).unwrap();
            let text = String::from_utf8(datagram[..count].to_vec()).unwrap();
            let last = text.contains("\"delete\"");
            lines.push(text);
            if last {
                return lines;
            }
        }
    });
    wait_for("signatures again", || sign(&client, &key).ok());
    client.delete(&key.id).unwrap();
    // The refusals are in the log as well.
    let lines = reading.join().unwrap();
    let refused = lines.iter().find(|line| line.contains("limit-exceeded")).unwrap();
    assert!(refused.starts_with("<108>1 ") && refused.contains(" keyward "), "{refused}");
}
