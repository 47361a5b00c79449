//! A clip is frames of the size in its header, and then perhaps an error.

#![no_main]

use libfuzzer_sys::fuzz_target;
use lic_codec::{ClipDecoder, Limits, Null};

#[path = "../../tests/mutations/reseal_clip.rs"]
mod reseal_clip;

fuzz_target!(|bytes: &[u8]| {
    let Some((seal, file)) = bytes.split_first() else {
        return;
    };
    let mut file = file.to_vec();
    if seal % 2 == 1 {
        reseal_clip::reseal(&mut file);
    }
    let mut limits = Limits::default();
    limits.max_pixels = 1 << 12;
    limits.max_memory = 1 << 20;
    let Ok(mut frames) = ClipDecoder::new(&file[..]).limits(limits).start(&Null) else {
        return;
    };
    let size = (frames.header().width, frames.header().height);
    while let Ok(Some(shown)) = frames.next_frame() {
        assert_eq!((shown.image.width(), shown.image.height()), size);
    }
});
