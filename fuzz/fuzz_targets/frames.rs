//! Bytes as they may arrive on a connection: however they are cut into pieces, the frames are the
//! same, none is over the limit, and none is lost.
#![no_main]

use keyward_protocol::{FrameReader, constants::MAX_FRAME_BYTES};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, Vec<u8>)| {
    let (piece, bytes) = input;
    let whole = frames(&bytes, bytes.len().max(1));
    let pieces = frames(&bytes, usize::from(piece) + 1);
    assert_eq!(whole, pieces);
});

/// All frames of a stream, up to the first error.
fn frames(stream: &[u8], piece_bytes: usize) -> (Vec<Vec<u8>>, bool) {
    let mut reader = FrameReader::new();
    let mut taken = Vec::new();
    let mut rest = stream;
    loop {
        loop {
            match reader.next_frame() {
                Ok(Some(frame)) => {
                    assert!(frame.len() <= MAX_FRAME_BYTES);
                    taken.push(frame.to_vec());
                }
                Ok(None) => break,
                Err(_) => return (taken, false),
            }
        }
        if rest.is_empty() {
            return (taken, true);
        }
        let filled = reader.fill(|room| {
            let count = room.len().min(piece_bytes).min(rest.len());
            room[..count].copy_from_slice(&rest[..count]);
            rest = &rest[count..];
            Ok::<_, ()>(count)
        });
        assert!(filled.is_ok_and(|count| count > 0));
    }
}
