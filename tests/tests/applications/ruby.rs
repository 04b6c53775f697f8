//! Ruby's `openssl` library.

use keyward_tests::{Client, CommandExt, Host, OpenSsl, Site};

use crate::start_script;

fn start(site: &Site) -> Host {
    start_script(site, &mut site.command("ruby", "ruby"), "https.rb")
}

#[test]
#[ignore = "its packages come with make matrix"]
fn ruby_serves_through_reloads_and_restarts_of_the_service() {
    Site::new(None).examine(Client::WEB, start);
}

#[test]
#[ignore = "long: for make matrix"]
fn ten_thousand_handshakes_leave_the_memory_of_ruby_as_it_is() {
    Site::new(None).assert_memory_stays(Client::WEB, start, Host::processes);
}

/// Prints a request that it has signed.
const REQUEST: &str = "
require 'openssl'
key = OpenSSL::PKey.read(File.read(ARGV[0]))
def key.private? = true
request = OpenSSL::X509::Request.new
request.subject = OpenSSL::X509::Name.parse('/CN=ruby')
request.public_key = key
request.sign(key, OpenSSL::Digest.new('SHA256'))
puts request.to_pem
";

/// A client that shows a certificate and prints what the server answered.
const CLIENT: &str = "
require 'openssl'
require 'net/http'
ca, certificate, reference, port = ARGV
key = OpenSSL::PKey.read(File.read(reference))
def key.private? = true
certificate = OpenSSL::X509::Certificate.new(File.read(certificate))
http = Net::HTTP.new('localhost', port.to_i)
http.use_ssl = true
http.ca_file = ca
http.cert = certificate
http.key = key
puts http.get('/').body
";

#[test]
#[ignore = "its packages come with make matrix"]
fn ruby_signs_requests_and_proves_itself_to_a_server() {
    let site = Site::new(None);
    let (server, ca) = (site.demanding_server(), site.authority.certificate());
    let port = server.address().port().to_string();
    for key_type in ["p-256", "rsa-2048"] {
        let caller = site.service.certified_key(key_type, key_type, &site.authority);
        let mut ruby = site.command("ruby", "ruby");
        let request = ruby.args(["-e", REQUEST]).arg(&caller.reference).run().bytes();
        let verified = OpenSsl::plain(&["req", "-verify", "-noout"]).run_with(&request).all();
        assert!(verified.contains("OK"), "{key_type}: {verified}");

        let mut ruby = site.command("ruby", "ruby");
        ruby.args(["-e", CLIENT]).arg(&ca).arg(&caller.certificate).arg(&caller.reference);
        let page = ruby.arg(&port).run().text();
        assert!(page.contains("s_server"), "{key_type}: {page}");
    }
}
