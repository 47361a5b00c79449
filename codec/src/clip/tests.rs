//! Tests of clips with the null model.

use std::io::Cursor;

use rand::{Rng, SeedableRng, rngs::StdRng};

use super::*;
use crate::{Channels, Coder, DecodeError, FormatErrorKind, Image, Limits, Null, Quality, Samples};

/// Frames in which a square moves over a picture with structure.
fn frames(count: u32, width: u32, height: u32, channels: Channels) -> Vec<Image> {
    let hash = |x: u32, y: u32| {
        ((x / 5).wrapping_mul(73_856_093) ^ (y / 3).wrapping_mul(19_349_663)) >> 24
    };
    let frame = |t: u32| {
        let mut samples = Vec::new();
        for y in 0..height {
            for x in 0..width {
                let inside = (x.wrapping_sub(4 + 3 * t) < 12) && (y.wrapping_sub(5) < 12);
                for c in 0..channels.count() as u32 {
                    let base = if inside { 220 } else { hash(x, y) / 2 };
                    samples.push((base + c * 7) as u8);
                }
            }
        }
        Image::new(width, height, channels, samples).unwrap()
    };
    (0..count).map(frame).collect()
}

fn clip_of(images: &[Image], options: &ClipOptions) -> (Vec<u8>, Vec<FrameInfo>) {
    let mut file = Vec::new();
    let mut options = options.clone();
    options.channels = images[0].channels();
    let (width, height) = (images[0].width(), images[0].height());
    let mut encoder = ClipEncoder::new(&Null, &options, width, height, &mut file).unwrap();
    let mut written = Vec::new();
    for image in images {
        written.extend(encoder.push(image).unwrap());
    }
    written.extend(encoder.flush().unwrap());
    let report = encoder.finish().unwrap();
    let mut infos: Vec<FrameInfo> = written.iter().map(|written| written.info).collect();
    infos.sort_by_key(|info| info.number);
    assert_eq!(report.bytes, file.len() as u64);
    (file, infos)
}

fn decoded(file: &[u8]) -> Result<Vec<Shown>, DecodeError> {
    let mut frames = ClipDecoder::new(file).start(&Null)?;
    let mut shown = Vec::new();
    while let Some(frame) = frames.next_frame()? {
        shown.push(frame);
    }
    Ok(shown)
}

fn eight(image: &Image) -> Vec<u8> {
    image.samples().eight().into_owned()
}

#[test]
fn at_the_best_quality_nothing_is_lost() {
    for (round, channels) in [(0, Channels::Rgb), (1, Channels::Grey)] {
        for (width, height, tile) in [(1, 1, 64), (50, 37, 1024), (130, 70, 64)] {
            let images = frames(7, width, height, channels);
            let mut options = ClipOptions::new(Quality::MAX);
            options.coder = Coder::ALL[round];
            options.tile = tile;
            options.gop = 4;
            let (file, infos) = clip_of(&images, &options);
            assert!(is_clip(&file[..TELLING]));
            let shown = decoded(&file).unwrap();
            assert_eq!(shown.len(), 7);
            for ((shown, image), info) in shown.iter().zip(&images).zip(&infos) {
                assert_eq!(eight(&shown.image), eight(image));
                assert_eq!(shown.info, *info);
            }
            let kinds: Vec<FrameKind> = infos.iter().map(|info| info.kind).collect();
            let intra = kinds.iter().filter(|k| **k == FrameKind::Intra).count();
            assert_eq!(kinds[0], FrameKind::Intra);
            assert!(intra >= 2, "{kinds:?}");
        }
    }
}

#[test]
fn what_the_encoder_saw_is_what_is_decoded() {
    let images = frames(6, 70, 50, Channels::Rgb);
    for quality in [5, 40, 80] {
        let mut options = ClipOptions::new(Quality::new(quality).unwrap());
        options.between = 3;
        let mut file = Vec::new();
        let mut encoder = ClipEncoder::new(&Null, &options, 70, 50, &mut file).unwrap();
        let mut seen = Vec::new();
        for image in &images {
            seen.extend(encoder.push(image).unwrap());
        }
        seen.extend(encoder.flush().unwrap());
        encoder.finish().unwrap();
        let kinds: Vec<FrameKind> = seen.iter().map(|written| written.info.kind).collect();
        use FrameKind::{Between, Intra, Predicted};
        // Four frames at a time, and what is left at the end.
        let expected = [Intra, Predicted, Between, Between, Between, Predicted];
        assert_eq!(kinds, expected);
        let numbers = seen.iter().map(|written| written.info.number);
        assert!(numbers.eq([0, 4, 2, 1, 3, 5]));
        seen.sort_by_key(|written| written.info.number);
        let shown = decoded(&file).unwrap();
        let pictures = seen.iter().map(|written| &written.picture);
        assert!(shown.iter().map(|s| &s.image).eq(pictures));
        // Deep samples, as a reference has them.
        assert!(matches!(shown[0].image.samples(), Samples::Sixteen(_)));
    }
}

#[test]
fn what_does_not_change_costs_nothing() {
    let images = vec![frames(1, 80, 60, Channels::Rgb).remove(0); 10];
    let (_, infos) = clip_of(&images, &ClipOptions::default());
    for info in &infos[1..] {
        assert_ne!(info.kind, FrameKind::Intra);
        assert_eq!(info.held_tiles, 1);
        assert!(info.bytes <= 9, "{info:?}");
    }
}

#[test]
fn a_cut_begins_an_intra_frame() {
    let mut random = StdRng::seed_from_u64(4);
    let mut scene = |_| {
        let samples: Vec<u8> = (0..24)
            .flat_map(|_| {
                let row: Vec<u8> = (0..16).map(|_| random.random()).collect();
                let row: Vec<u8> = row.iter().flat_map(|&v| [v; 18]).collect();
                row.repeat(4)
            })
            .collect();
        Image::new(96, 96, Channels::Rgb, samples).unwrap()
    };
    let (a, b) = (scene(0), scene(1));
    let images = [&a, &a, &a, &b, &b].map(Clone::clone);
    let (_, infos) = clip_of(&images, &ClipOptions::default());
    let kinds = infos.iter().map(|info| info.kind == FrameKind::Intra);
    let kinds: Vec<bool> = kinds.collect();
    assert_eq!(kinds, [true, false, false, true, false]);
}

/// Any distance of intra frames can be asked for.
#[test]
fn the_longest_distance_is_one() {
    let images = frames(6, 20, 16, Channels::Rgb);
    for gop in [0, 1, 2, u32::MAX] {
        let options = ClipOptions {
            gop,
            ..ClipOptions::default()
        };
        let (file, _) = clip_of(&images, &options);
        assert_eq!(decoded(&file).unwrap().len(), 6);
    }
}

#[test]
fn the_index_leads_to_every_frame() {
    let images = frames(9, 40, 30, Channels::Rgb);
    let mut options = ClipOptions::new(Quality::MAX);
    // Intra frames that have one before them follow them, too.
    (options.gop, options.between) = (4, 1);
    let (file, infos) = clip_of(&images, &options);
    let whole = ClipIndex::find(&mut Cursor::new(&file), &Limits::default()).unwrap();
    assert!(whole.1.complete);
    assert_eq!(whole.1.frames.len(), 9);
    // Without its end, and cut within a frame.
    let first = whole.1.frames[8].offset as usize;
    for (end, count) in [(file.len() - 1, 9), (first + 3, 8), (first, 8)] {
        let (_, index) =
            ClipIndex::find(&mut Cursor::new(&file[..end]), &Limits::default()).unwrap();
        assert!(!index.complete);
        assert_eq!(index.frames, whole.1.frames[..count]);
    }
    for (number, image) in images.iter().enumerate() {
        let mut decoder = ClipDecoder::new(Cursor::new(&file));
        let number = number as u64;
        let start = decoder.seek(&whole.1, number).unwrap().unwrap();
        assert_eq!(infos[start as usize].kind, FrameKind::Intra);
        let mut frames = decoder.start(&Null).unwrap();
        loop {
            let shown = frames.next_frame().unwrap().unwrap();
            if shown.info.number == number {
                assert_eq!(eight(&shown.image), eight(image));
                break;
            }
        }
    }
    let mut decoder = ClipDecoder::new(Cursor::new(&file));
    assert_eq!(decoder.seek(&whole.1, 9).unwrap(), None);
}

#[test]
fn a_clip_that_ends_too_soon_has_the_frames_before() {
    let images = frames(5, 33, 20, Channels::Rgb);
    let (file, _) = clip_of(&images, &ClipOptions::new(Quality::MAX));
    for cut in 0..file.len() {
        let mut decoder = ClipDecoder::new(&file[..cut]);
        if decoder.read_header().is_err() {
            continue;
        }
        let mut frames = decoder.start(&Null).unwrap();
        let mut count = 0;
        let error = loop {
            match frames.next_frame() {
                Ok(Some(_)) => count += 1,
                Ok(None) => panic!("cut at {cut} of {}", file.len()),
                Err(error) => break error,
            }
        };
        assert!(error.is_truncation(), "{error}");
        let (_, index) =
            ClipIndex::find(&mut Cursor::new(&file[..cut]), &Limits::default()).unwrap();
        assert_eq!(count, index.shown(), "cut at {cut}");
    }
}

#[test]
fn damage_is_noticed() {
    let images = frames(4, 33, 20, Channels::Rgb);
    let (file, _) = clip_of(&images, &ClipOptions::new(Quality::new(70).unwrap()));
    for at in 0..file.len() {
        for bit in [0, 3, 7] {
            let mut damaged = file.clone();
            damaged[at] ^= 1 << bit;
            assert!(decoded(&damaged).is_err(), "byte {at} bit {bit}");
        }
    }
    let longer = [&file[..], &[0]].concat();
    assert!(decoded(&longer).is_err());
}

#[test]
fn a_clip_and_a_picture_are_told_apart() {
    let images = frames(1, 20, 20, Channels::Rgb);
    let (clip, _) = clip_of(&images, &ClipOptions::default());
    let mut picture = Vec::new();
    crate::encode(&images[0], &Null, &Default::default(), &mut picture).unwrap();
    assert!(is_clip(&clip) && !is_clip(&picture) && !is_clip(&clip[..5]));
    let error = crate::Decoder::new(&clip[..]).decode(&Null).unwrap_err();
    assert!(error.to_string().contains("it is a clip"), "{error}");
    let error = decoded(&picture).unwrap_err();
    assert!(error.to_string().contains("it is a picture"), "{error}");
}

#[test]
fn a_predicted_frame_needs_one_before_it() {
    let images = frames(2, 20, 20, Channels::Rgb);
    let (file, infos) = clip_of(&images, &ClipOptions::default());
    let (header, index) = ClipIndex::find(&mut Cursor::new(&file), &Limits::default()).unwrap();
    assert_eq!(infos[1].kind, FrameKind::Predicted);
    let second = index.frames[1].offset as usize;
    let without = [&header.to_bytes(), &file[second..]].concat();
    let error = decoded(&without).unwrap_err();
    let DecodeError::Format(error) = &error else {
        panic!("{error}");
    };
    assert!(matches!(
        error.kind(),
        FormatErrorKind::NoReference { number: 0 }
    ));
}

#[test]
fn frames_of_another_kind_are_refused() {
    let mut encoder =
        ClipEncoder::new(&Null, &ClipOptions::default(), 20, 20, std::io::sink()).unwrap();
    for image in [
        frames(1, 20, 21, Channels::Rgb).remove(0),
        frames(1, 20, 20, Channels::Grey).remove(0),
    ] {
        assert!(encoder.push(&image).is_err());
    }
    let size = |w, h| ClipEncoder::new(&Null, &ClipOptions::default(), w, h, std::io::sink());
    assert!(size(0, 3).is_err() && size(1 << 31, 3).is_err());
}

#[test]
fn sizes_are_checked_before_anything_is_allocated() {
    let images = frames(1, 20, 20, Channels::Rgb);
    let (file, _) = clip_of(&images, &ClipOptions::default());
    let mut header = ClipHeader::read(&mut &file[..]).unwrap();
    for (width, height) in [(1 << 30, 1 << 30), (1 << 20, 1 << 20), (1 << 25, 1)] {
        (header.width, header.height) = (width, height);
        let bytes = header.to_bytes();
        let error = decoded(&bytes).unwrap_err();
        assert!(matches!(error, DecodeError::Limits(_)), "{error}");
    }
}
