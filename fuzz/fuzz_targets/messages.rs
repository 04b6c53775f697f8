//! One frame as a request and as a response: what reads, writes back to what reads the same, and
//! the checked forms of its parts come about or are refused.
#![no_main]

use keyward_protocol::{
    FrameReader, Key, KeyId, Result, decode_request, decode_response, encode_request,
    encode_response,
    messages::{Request, Response, request::Operation, response},
    operation_of,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|frame: &[u8]| {
    if let Ok(request) = decode_request(frame) {
        round_trip(&request, encode_request, decode_request);
        check_request(&request);
    }
    if let Ok(response) = decode_response(frame) {
        round_trip(&response, encode_response, decode_response);
        check_response(response);
    }
});

fn round_trip<M: PartialEq + std::fmt::Debug>(
    message: &M,
    encode: fn(&M, &mut Vec<u8>) -> Result<()>,
    decode: fn(&[u8]) -> Result<M>,
) {
    let mut bytes = Vec::new();
    // What came in may grow over the limit when its fields are written out.
    if encode(message, &mut bytes).is_err() {
        return;
    }
    let mut reader = FrameReader::new();
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        let filled = reader.fill(|room| {
            let count = room.len().min(rest.len());
            room[..count].copy_from_slice(&rest[..count]);
            rest = &rest[count..];
            Ok::<_, ()>(count)
        });
        assert!(filled.is_ok());
    }
    let frame = reader.next_frame().expect("our own frame is in bounds").expect("it is whole");
    assert_eq!(&decode(frame).expect("our own message reads"), message);
}

fn check_request(request: &Request) {
    let Some(operation) = &request.operation else { return };
    assert!(!operation_of(operation).row().name.is_empty());
    match operation {
        Operation::Sign(sign) => {
            let _ = KeyId::try_from(sign.key_id.as_slice());
            let _ = sign.algorithm.unwrap_or_default().with_input(&sign.input);
        }
        Operation::Verify(verify) => {
            let _ = verify.algorithm.unwrap_or_default().with_input(&verify.input);
        }
        Operation::Decrypt(decrypt) => {
            if let Some(cipher) = &decrypt.cipher {
                let _ = cipher.with_input(&decrypt.input);
            }
        }
        _ => {}
    }
}

fn check_response(response: Response) {
    match response.result {
        Some(response::Result::Key(info)) => {
            let _ = Key::try_from(*info);
        }
        Some(response::Result::Keys(page)) => {
            for info in page.keys {
                let _ = Key::try_from(info);
            }
        }
        _ => {}
    }
}
