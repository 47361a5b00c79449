//! A plane is an error or comes back when it is encoded again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use lic_codec::{Depth, decode_plane, encode_plane};

fuzz_target!(|bytes: &[u8]| {
    let [depth, width, height, stream @ ..] = bytes else {
        return;
    };
    let depth = [Depth::Eight, Depth::Sixteen][usize::from(depth % 2)];
    let (width, height) = (u32::from(width % 64), u32::from(height % 64));
    if let Ok(samples) = decode_plane(stream, width, height, depth, 1 << 12) {
        let again = encode_plane(&samples, width, height, depth).expect("it is a plane");
        let back = decode_plane(&again, width, height, depth, 1 << 12).expect("it is ours");
        assert!(back == samples);
    }
});
