//! A file is an error or a picture of the size in its header.

#![no_main]

use libfuzzer_sys::fuzz_target;
use lic_codec::{Decoder, Index, Limits, Null};

#[path = "../../tests/mutations/reseal.rs"]
mod reseal;

fuzz_target!(|bytes: &[u8]| {
    let Some((seal, file)) = bytes.split_first() else {
        return;
    };
    let mut file = file.to_vec();
    if seal % 2 == 1 {
        reseal::reseal(&mut file);
    }
    // Small, or the fuzzer spends its time on large pictures of nothing.
    let mut limits = Limits::default();
    limits.max_pixels = 1 << 12;
    limits.max_memory = 1 << 20;
    let decoder = Decoder::new(&file[..]).limits(limits);
    if let Ok(picture) = decoder.decode(&Null) {
        let index = Index::read(&mut &file[..], |_| Ok(())).expect("it has been decoded");
        let header = index.header;
        let size = (header.width, header.height, header.channels);
        assert_eq!(
            (picture.width(), picture.height(), picture.channels()),
            size
        );
    }
});
