//! A service, an authority, the machine's `openssl` with our provider, and a folder to work in.

use std::net::SocketAddr;

use crate::{Authority, CommandExt, Identity, OpenSsl, SServer, Scratch, Service, commands::text};

/// What a test of OpenSSL's programs works with.
pub struct Workshop {
    /// Has the keys.
    pub service: Service,
    /// Certifies them.
    pub authority: Authority,
    /// `openssl` with our provider.
    pub openssl: OpenSsl,
    /// For files.
    pub scratch: Scratch,
}

impl Workshop {
    /// A workshop with a development service.
    pub fn new() -> Workshop {
        Workshop::with(Service::dev)
    }

    /// A workshop with a service that is started in a folder.
    pub fn with(start: impl FnOnce(&Scratch) -> Service) -> Workshop {
        let scratch = Scratch::new();
        let service = start(&scratch);
        let authority = Authority::new(&scratch);
        let openssl = OpenSsl::new(&scratch, &service.address());
        Workshop { service, authority, openssl, scratch }
    }

    /// Runs `openssl` with the provider; it must succeed.
    #[track_caller]
    pub fn ours(&self, arguments: &[&str]) -> Vec<u8> {
        self.openssl.command(arguments).run().bytes()
    }

    /// Runs `openssl` with the provider; it must fail, and this is what it says.
    #[track_caller]
    pub fn refused(&self, arguments: &[&str]) -> String {
        self.openssl.command(arguments).run().complaint()
    }

    /// Writes a file and gives its path.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        text(self.scratch.write(name, content))
    }

    /// The path of a file to be.
    pub fn path(&self, name: &str) -> String {
        text(self.scratch.join(name))
    }

    /// An RSA-PSS key that is bound to SHA-256 and a salt of its length, from a file.
    pub fn bound_key(&self, name: &str) -> Identity {
        let mut make = OpenSsl::plain(&["genpkey", "-algorithm", "RSA-PSS"]);
        for option in [
            "rsa_keygen_bits:2048",
            "rsa_pss_keygen_md:sha256",
            "rsa_pss_keygen_mgf1_md:sha256",
            "rsa_pss_keygen_saltlen:32",
        ] {
            make.args(["-pkeyopt", option]);
        }
        let file = self.scratch.write(&format!("{name}.key"), make.run().bytes());
        self.service.import(name, &file)
    }

    /// Starts `openssl s_server` with a key, given as a URI or as the path of a reference.
    pub fn serve(&self, identity: &Identity, key: &str, more: &[&str]) -> SServer {
        SServer::start(&self.scratch, &self.openssl, identity, key, more)
    }

    /// One visit of plain `s_client` to a server, which must show a certificate of the authority's;
    /// what it says of the connection. The server's log is for when it fails.
    #[track_caller]
    pub fn visit(&self, address: SocketAddr, log: &str, more: &[&str]) -> String {
        let address = address.to_string();
        let outcome = OpenSsl::plain(&["s_client", "-connect", &address, "-verify_return_error"])
            .args(["-brief", "-verify_hostname", "localhost", "-servername", "localhost"])
            .arg("-CAfile")
            .arg(self.authority.certificate())
            .args(more)
            .run_with(b"GET / HTTP/1.0\r\n\r\n");
        let all = outcome.all();
        assert!(outcome.status.success(), "{}\n{all}\nThe server said:\n{log}", outcome.command);
        assert!(all.contains("Verification: OK"), "{all}");
        all
    }
}

impl Default for Workshop {
    fn default() -> Workshop {
        Workshop::new()
    }
}

/// Runs `openssl` without the provider; it must succeed.
#[track_caller]
pub fn plain(arguments: &[&str]) -> Vec<u8> {
    OpenSsl::plain(arguments).run().bytes()
}
