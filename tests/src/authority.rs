//! A certificate authority that is not ours: made and run by plain `openssl`.

use std::{fs, path::PathBuf};

use crate::{CommandExt, OpenSsl, Scratch};

/// Issues the certificates of the tests, so that every request of ours is read by others.
pub struct Authority {
    folder: PathBuf,
}

impl Authority {
    /// Makes the authority's key and certificate.
    pub fn new(scratch: &Scratch) -> Authority {
        let authority = Authority { folder: scratch.folder("authority") };
        let key = authority.file("ca.key");
        let ca = authority.certificate();
        OpenSsl::plain(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"])
            .arg("-out")
            .arg(&key)
            .run()
            .bytes();
        let conf = "[req]\ndistinguished_name = dn\nx509_extensions = ca\n[dn]\n[ca]\n\
                    basicConstraints = critical,CA:true\nkeyUsage = critical,keyCertSign\n\
                    subjectKeyIdentifier = hash\n";
        let conf_path = authority.file("ca.cnf");
        fs::write(&conf_path, conf).expect("our own folder takes files");
        OpenSsl::plain(&["req", "-x509", "-new", "-subj", "/CN=Test authority", "-days", "7"])
            .arg("-config")
            .arg(&conf_path)
            .arg("-key")
            .arg(&key)
            .arg("-out")
            .arg(&ca)
            .run()
            .bytes();
        authority
    }

    /// The authority's own certificate.
    pub fn certificate(&self) -> PathBuf {
        self.file("ca.crt")
    }

    /// The same as PEM text.
    pub fn certificate_pem(&self) -> Vec<u8> {
        fs::read(self.certificate()).expect("the authority has its certificate")
    }

    /// Certifies a PEM request for `localhost`, after checking the signature that proves its key.
    pub fn certify(&self, request: &str) -> String {
        self.certify_for("subjectAltName = DNS:localhost,IP:127.0.0.1", request)
    }

    /// Certifies a PEM request for something else, which lines of extensions say.
    pub fn certify_for(&self, purpose: &str, request: &str) -> String {
        let extensions = format!(
            "basicConstraints = critical,CA:false\n{purpose}\n\
             subjectKeyIdentifier = hash\nauthorityKeyIdentifier = keyid\n"
        );
        let extensions_path = self.file("leaf.ext");
        fs::write(&extensions_path, extensions).expect("our own folder takes files");
        let arguments = ["req", "-verify", "-noout"];
        let check = OpenSsl::plain(&arguments).run_with(request.as_bytes());
        assert!(check.status.success() && check.all().contains("OK"), "{}", check.all());
        OpenSsl::plain(&["x509", "-req", "-days", "5", "-sha256"])
            .arg("-CA")
            .arg(self.certificate())
            .arg("-CAkey")
            .arg(self.file("ca.key"))
            .arg("-extfile")
            .arg(extensions_path)
            .run_with(request.as_bytes())
            .text()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}
