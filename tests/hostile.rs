//! Damaged and lying files end in an error, within the limits, and never in a
//! panic.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

use lic_codec::bitstream::{read_stream, write_stream};
use lic_codec::{DecodeError, Decoder, Image, Index, Limits};

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
        let index = index_of(&file);
        let payloads = payloads(&file, &index);
        for round in 0..24usize {
            let mut damaged = index.to_bytes();
            for (i, payload) in payloads.iter().enumerate() {
                let mut payload = payload.clone();
                if i == round % 5 && !payload.is_empty() {
                    let at = (round * 7919) % payload.len();
                    payload[at] ^= 1 << (round % 8);
                }
                write_stream(&mut damaged, &payload).unwrap();
            }
            // Escapes carry raw bits that no decoder can check, so some damage
            // ends in a picture.
            let _ = decode(&damaged);
        }
    }
}

fn index_of(file: &[u8]) -> Index {
    Index::read(&mut &file[..], |_| Ok(())).unwrap()
}

/// The streams of a valid file.
fn payloads(file: &[u8], index: &Index) -> Vec<Vec<u8>> {
    let mut rest = &file[index.to_bytes().len()..];
    let streams = index.names().zip(&index.lengths);
    streams
        .map(|(name, &length)| read_stream(&mut rest, name, length).unwrap())
        .collect()
}

#[test]
fn unknown_weights_are_named() {
    let file = vectors().into_iter().find(|f| f[5] == 1).unwrap();
    let mut index = index_of(&file);
    index.header.digest.0[0] ^= 1;
    let error = decode(&index.to_bytes()).unwrap_err();
    let DecodeError::UnknownModel { id, digest } = error else {
        panic!("{error}")
    };
    assert_eq!((id, digest), (index.header.model, index.header.digest));
    assert!(error_text(&index.to_bytes()).contains(&digest.to_string()));
}

fn error_text(file: &[u8]) -> String {
    decode(file).unwrap_err().to_string()
}

/// A header alone may not make the decoder allocate: sizes beyond the limit are
/// refused before the sections are even looked for.
#[test]
fn lying_sizes_meet_the_limits() {
    let file = vectors().into_iter().find(|f| f[5] == 1).unwrap();
    let mut index = index_of(&file);
    for side in [1 << 30, 11_580] {
        (index.header.width, index.header.height) = (side, side);
        let error = Decoder::new(&index.to_bytes()[..])
            .decode(&*ZOO)
            .unwrap_err();
        assert!(matches!(error, DecodeError::Limits(_)), "{error}");
    }
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
