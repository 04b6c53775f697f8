//! Keys that move between a token of SoftHSM and the service, both ways.

mod cli_support;
mod service_support;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use aws_lc_rs::{
    digest::{SHA256, digest},
    signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey},
};
use cli_support::{Service, openssl};
use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Pkcs11},
    mechanism::Mechanism,
    object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle},
    session::{Session, UserType},
    types::AuthPin,
};
use service_support::devices::{PIN, SOFTHSM, SoftToken};
use tempfile::TempDir;

/// Tells the part of the test that uses the token where its files are.
const FILES: &str = "KEYWARD_TEST_FILES";
const MESSAGE: &[u8] = b"signed by the token";
/// DER of P-256's object identifier.
const P256: [u8; 10] = [6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];

#[test]
fn keys_move_between_a_token_of_softhsm_and_the_service() {
    let files = TempDir::new().unwrap();
    let token = SoftToken::new(files.path());
    let path = |name: &str| files.path().join(name).to_str().unwrap().to_owned();
    let service = Service::start();
    fs::write(path("kek"), [0x5a; 32]).unwrap();
    let usage = ["--type", "aes-256", "--usage", "wrap,unwrap"];
    service.ok(&[&["key", "import", "kek", "--in", &path("kek")], &usage[..]].concat());

    at_the_token(&token, &files, "the_token_gives_a_key");
    let unwrap = ["key", "unwrap", "theirs", "--with", "kek", "--algorithm", "aes-kwp"];
    service.ok(&[&unwrap[..], &["--in", &path("theirs.wrapped")]].concat());
    assert!(public_point(&service, &path("theirs")).ends_with(&read(&files, "theirs.point")));

    service.ok(&["key", "generate", "ours", "--type", "p-256", "--exportable"]);
    let wrap = ["key", "wrap", "ours", "--with", "kek", "--algorithm", "aes-kwp"];
    service.ok(&[&wrap[..], &["--out", &path("ours.wrapped")]].concat());
    at_the_token(&token, &files, "the_token_takes_a_key");
    let point = public_point(&service, &path("ours"));
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
        .verify(MESSAGE, &read(&files, "signature"))
        .expect("the token signs with the key that it was given");
}

/// The point of a key of the service, as it stands in its public key.
fn public_point(service: &Service, file: &str) -> Vec<u8> {
    let name = Path::new(file).file_name().unwrap().to_str().unwrap();
    let pem = service.write("public.pem", service.ok(&["key", "public", name]));
    let der = openssl(&["pkey", "-pubin", "-in", &pem, "-outform", "DER"]);
    der[der.len() - 65..].to_vec()
}

fn read(files: &TempDir, name: &str) -> Vec<u8> {
    fs::read(files.path().join(name)).unwrap()
}

/// Runs one of the parts below in a process of its own: where a token is, SoftHSM's module reads from
/// the environment alone.
fn at_the_token(token: &SoftToken, files: &TempDir, part: &str) {
    let done = Command::new(env::current_exe().unwrap())
        .args(["--ignored", "--exact", part])
        .envs(token.environment())
        .env(FILES, files.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
#[ignore = "part of a test"]
fn the_token_gives_a_key() {
    let (files, session) = token();
    let kek = kek(&session, &files);
    let [public, private] = [
        vec![Attribute::EcParams(P256.into())],
        vec![Attribute::Extractable(true), Attribute::Sensitive(true), Attribute::Sign(true)],
    ];
    let (public, private) =
        session.generate_key_pair(&Mechanism::EccKeyPairGen, &public, &private).unwrap();
    let point = session.get_attributes(public, &[AttributeType::EcPoint]).unwrap();
    let [Attribute::EcPoint(point)] = &point[..] else { panic!("{point:?}") };
    // Without the octet string around it.
    fs::write(files.join("theirs.point"), &point[2..]).unwrap();
    let wrapped = session.wrap_key(&Mechanism::AesKeyWrapPad, kek, private).unwrap();
    fs::write(files.join("theirs.wrapped"), wrapped).unwrap();
}

#[test]
#[ignore = "part of a test"]
fn the_token_takes_a_key() {
    let (files, session) = token();
    let kek = kek(&session, &files);
    let wrapped = fs::read(files.join("ours.wrapped")).unwrap();
    let template = [
        Attribute::Class(ObjectClass::PRIVATE_KEY),
        Attribute::KeyType(KeyType::EC),
        Attribute::Sign(true),
    ];
    let key = session.unwrap_key(&Mechanism::AesKeyWrapPad, kek, &wrapped, &template).unwrap();
    let digest = digest(&SHA256, MESSAGE);
    let signature = session.sign(&Mechanism::Ecdsa, key, digest.as_ref()).unwrap();
    fs::write(files.join("signature"), signature).unwrap();
}

fn token() -> (PathBuf, Session) {
    let files = PathBuf::from(env::var_os(FILES).expect("a part of a test has its files"));
    let module = Pkcs11::new(SOFTHSM).unwrap();
    module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).unwrap();
    let slot = module.get_slots_with_initialized_token().unwrap()[0];
    let session = module.open_rw_session(slot).unwrap();
    session.login(UserType::User, Some(&AuthPin::new(PIN.into()))).unwrap();
    (files, session)
}

fn kek(session: &Session, files: &Path) -> ObjectHandle {
    let template = [
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::AES),
        Attribute::Value(fs::read(files.join("kek")).unwrap()),
        Attribute::Wrap(true),
        Attribute::Unwrap(true),
    ];
    session.create_object(&template).unwrap()
}
