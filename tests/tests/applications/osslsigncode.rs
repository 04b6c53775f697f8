//! osslsigncode: Authenticode signatures of Windows programs with a key in the service.

use std::{fs, path::Path, process::Command};

use keyward_tests::{CommandExt, OpenSsl, Site, require};

/// The smallest program that is one by its headers (PE32 without sections).
fn program() -> Vec<u8> {
    const HEADERS: usize = 64;
    const OPTIONAL: usize = HEADERS + 24;
    let mut file = vec![0; 1024];
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"MZ");
    put(0x3c, &(HEADERS as u32).to_le_bytes());
    put(HEADERS, b"PE\0\0");
    // For 80386; an optional header of 224 bytes; executable, 32 bits.
    put(HEADERS + 4, &0x14c_u16.to_le_bytes());
    put(HEADERS + 20, &224_u16.to_le_bytes());
    put(HEADERS + 22, &0x102_u16.to_le_bytes());
    // PE32; the headers' size; sixteen directories.
    put(OPTIONAL, &0x10b_u16.to_le_bytes());
    put(OPTIONAL + 60, &512_u32.to_le_bytes());
    put(OPTIONAL + 92, &16_u32.to_le_bytes());
    file
}

/// Whether osslsigncode, without us, finds a file rightly signed.
fn verifies(site: &Site, file: &Path) -> (bool, String) {
    let mut verify = Command::new(require("osslsigncode", "osslsigncode"));
    verify.args(["verify", "-CAfile"]).arg(site.authority.certificate()).arg("-in").arg(file);
    let outcome = verify.run();
    (outcome.status.success(), outcome.all())
}

/// Newer ones, 2.14 among them, take the URI itself; 2.9 does not.
fn takes_uris(site: &Site) -> bool {
    let help = site.command("osslsigncode", "osslsigncode").args(["sign", "--help"]).run().all();
    assert!(help.contains("-key"), "{help}");
    help.contains("from file or URI")
}

#[test]
#[ignore = "osslsigncode comes with make matrix"]
fn programs_are_signed_with_keys_in_the_service() {
    let site = Site::new(None);
    let unsigned = site.scratch.write("program.exe", program());
    for key_type in ["rsa-2048", "rsa-3072", "p-256", "p-384"] {
        let identity = site.service.key(key_type, key_type);
        let csr = ["key", "csr", key_type, "--subject", "CN=Publisher"];
        let purpose = "keyUsage = critical,digitalSignature\nextendedKeyUsage = codeSigning";
        let certificate = site.authority.certify_for(purpose, &site.service.keyward(csr));
        fs::write(&identity.certificate, certificate).unwrap();
        let mut keys = vec![identity.reference.display().to_string()];
        keys.extend(takes_uris(&site).then(|| identity.uri()));
        for (number, key) in keys.iter().enumerate() {
            let signed = site.scratch.join(&format!("{key_type}-{number}.exe"));
            let mut sign = site.command("osslsigncode", "osslsigncode");
            sign.args(["sign", "-h", "sha256", "-key", key, "-certs"]).arg(&identity.certificate);
            sign.arg("-in").arg(&unsigned).arg("-out").arg(&signed).run().bytes();

            let (good, said) = verifies(&site, &signed);
            assert!(good, "{key}: {said}");
            // The certificate inside is the key's own.
            let serial = OpenSsl::plain(&["x509", "-noout", "-serial", "-in"])
                .arg(&identity.certificate)
                .run()
                .text();
            let serial = serial.trim().trim_start_matches("serial=");
            assert!(said.to_uppercase().contains(serial), "{key}: {serial} {said}");

            let mut other = fs::read(&signed).unwrap();
            other[700] ^= 1;
            let other = site.scratch.write("other.exe", other);
            let (good, said) = verifies(&site, &other);
            assert!(!good, "{key}: a changed program verifies: {said}");
        }
    }
}
