//! A header is an error or has one spelling.

#![no_main]

use libfuzzer_sys::fuzz_target;
use lic_codec::Index;

#[path = "../../tests/mutations/reseal.rs"]
mod reseal;

fuzz_target!(|bytes: &[u8]| {
    let mut bytes = bytes.to_vec();
    for _ in 0..2 {
        let mut rest = &bytes[..];
        if let Ok(header) = Index::read(&mut rest, |_| Ok(())) {
            let length = bytes.len() - rest.len();
            assert_eq!(header.to_bytes(), bytes[..length]);
        }
        reseal::reseal(&mut bytes);
    }
});
