//! Damaged and lying files end in an error, within the limits, and never in a
//! panic.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

use lic_codec::{DecodeError, Decoder, Image, Limits};

use crate::{ZOO, repository};

/// Small, so that a lie about the size costs no time.
fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_pixels = 1 << 16;
    limits
}

fn decode(file: &[u8]) -> Result<Image, DecodeError> {
    catch_unwind(AssertUnwindSafe(|| {
        Decoder::new(file).limits(limits()).decode(&*ZOO)
    }))
    .unwrap_or_else(|_| panic!("a panic on {} bytes", file.len()))
}

fn vectors() -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(repository("tests/vectors/v1")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "lic") {
            files.push(fs::read(path).unwrap());
        }
    }
    assert!(!files.is_empty());
    files
}

#[test]
fn truncated_files_are_refused() {
    for file in vectors() {
        for length in (0..file.len()).step_by(37) {
            assert!(
                decode(&file[..length]).is_err(),
                "{length} of {} bytes",
                file.len()
            );
        }
        assert!(decode(&[&file[..], &[0]].concat()).is_err(), "a byte more");
    }
}

#[test]
fn flipped_bits_are_refused() {
    for file in vectors() {
        for position in (0..file.len()).step_by(13) {
            let mut damaged = file.clone();
            damaged[position] ^= 1 << (position % 8);
            assert!(
                decode(&damaged).is_err(),
                "byte {position} of {}",
                file.len()
            );
        }
    }
}

/// As an attacker would: the payload is changed and its checksum put right, so
/// that the damage reaches the networks.
#[test]
fn resealed_damage_is_refused_or_a_picture_but_never_a_panic() {
    for file in vectors() {
        let header_length = Decoder::new(&file[..])
            .read_header()
            .unwrap()
            .to_bytes()
            .len();
        for round in 0..24usize {
            let mut damaged = file[..header_length].to_vec();
            for (i, payload) in payloads(&file[header_length..]).into_iter().enumerate() {
                let mut payload = payload.to_vec();
                if i == round % 5 && !payload.is_empty() {
                    let at = (round * 7919) % payload.len();
                    payload[at] ^= 1 << (round % 8);
                }
                lic_codec::bitstream::write_section(&mut damaged, &payload).unwrap();
            }
            // Escapes carry raw bits that no decoder can check, so some damage
            // ends in a picture.
            let _ = decode(&damaged);
        }
    }
}

/// Splits the sections of a valid file; lengths of golden files fit two bytes.
fn payloads(mut rest: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while !rest.is_empty() {
        let wide = usize::from(rest[0] >> 7);
        let length = usize::from(rest[0] & 127) + ((wide * usize::from(rest[1])) << 7);
        let start = 1 + wide + 4;
        found.push(&rest[start..start + length]);
        rest = &rest[start + length..];
    }
    found
}

#[test]
fn unknown_weights_are_named() {
    let file = vectors().into_iter().find(|f| f[5] == 1).unwrap();
    let mut header = Decoder::new(&file[..]).read_header().unwrap().clone();
    header.digest.0[0] ^= 1;
    let error = decode(&header.to_bytes()).unwrap_err();
    let DecodeError::UnknownModel { id, digest } = error else {
        panic!("{error}")
    };
    assert_eq!((id, digest), (header.model, header.digest));
    assert!(error_text(&header.to_bytes()).contains(&digest.to_string()));
}

fn error_text(file: &[u8]) -> String {
    decode(file).unwrap_err().to_string()
}

/// A header alone may not make the decoder allocate: sizes beyond the limit are
/// refused before the sections are even looked for.
#[test]
fn lying_sizes_meet_the_limits() {
    let file = vectors().into_iter().find(|f| f[5] == 1).unwrap();
    let mut header = Decoder::new(&file[..]).read_header().unwrap().clone();
    (header.width, header.height) = (1 << 30, 1 << 30);
    let error = Decoder::new(&header.to_bytes()[..])
        .decode(&*ZOO)
        .unwrap_err();
    assert!(matches!(error, DecodeError::Limits(_)), "{error}");
    (header.width, header.height) = (11_000, 11_000);
    let error = Decoder::new(&header.to_bytes()[..])
        .decode(&*ZOO)
        .unwrap_err();
    assert!(matches!(error, DecodeError::Limits(_)), "{error}");
}

/// Every file that once made the decoder do what it should not.
#[test]
fn findings_are_refused() {
    for entry in fs::read_dir(repository("tests/findings")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "lic") {
            assert!(
                decode(&fs::read(&path).unwrap()).is_err(),
                "{}",
                path.display()
            );
        }
    }
}
