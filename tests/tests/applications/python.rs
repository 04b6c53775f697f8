//! Python's `ssl` module, as a server and as a client with a certificate.

use keyward_tests::{Client, CommandExt, Host, Site};

use crate::start_script;

fn start(site: &Site) -> Host {
    start_script(site, &mut site.command("python3", "python3"), "https.py")
}

#[test]
fn python_serves_through_reloads_and_restarts_of_the_service() {
    Site::new(None).examine(Client::WEB, start);
}

#[test]
#[ignore = "long: for make matrix"]
fn ten_thousand_handshakes_leave_the_memory_of_python_as_it_is() {
    Site::new(None).assert_memory_stays(Client::WEB, start, Host::processes);
}

/// A client that shows a certificate and says what the server answered.
const CLIENT: &str = "
import ssl, sys, urllib.request
ca, certificate, reference, url, version = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
context.maximum_version = context.minimum_version = getattr(ssl.TLSVersion, version)
context.load_cert_chain(certificate, reference)
print(urllib.request.urlopen(url, context=context).read().decode())
";

#[test]
fn python_proves_itself_to_a_server() {
    let site = Site::new(None);
    let (server, ca) = (site.demanding_server(), site.authority.certificate());
    let url = format!("https://localhost:{}/", server.address().port());
    for key_type in ["p-256", "rsa-2048"] {
        let caller = site.service.certified_key(key_type, key_type, &site.authority);
        for version in ["TLSv1_2", "TLSv1_3"] {
            let mut command = site.command("python3", "python3");
            command.args(["-c", CLIENT]).arg(&ca).arg(&caller.certificate).arg(&caller.reference);
            let page = command.args([&url, version]).run().text();
            assert!(page.contains("s_server"), "{key_type} {version}: {page}");
        }
    }
}
