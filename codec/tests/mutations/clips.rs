//! Damaged clips.

use lic_codec::clip::ClipOptions;
use lic_codec::{
    Channels, ClipDecoder, ClipEncoder, ClipHeader, Coder, DecodeError, Image, Null, Quality,
};
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::guard::Guard;
use crate::reseal_clip::reseal;
use crate::{assert_of_the_file, limits, mutate, number};

/// Small clips of model 0: things that move, things that stay, cuts; with tiles or
/// without.
fn clips(random: &mut StdRng, count: usize) -> Vec<Vec<u8>> {
    let clip = |i: usize| {
        let channels = Channels::ALL[random.random_range(0..2)];
        let (width, height) = (random.random_range(1..=40), random.random_range(1..=30));
        let mut options =
            ClipOptions::new(Quality::from_halves(random.random_range(2..=200)).unwrap());
        options.coder = Coder::ALL[i % 2];
        options.channels = channels;
        options.gop = random.random_range(0..4);
        options.between = random.random_range(0..4);
        let (noise, speed) = (random.random_range(1..20), random.random_range(0..5));
        let mut file = Vec::new();
        let mut encoder = ClipEncoder::new(&Null, &options, width, height, &mut file).unwrap();
        for t in 0..random.random_range(1..8u32) {
            let sample = |i: u32| {
                let (x, y) = (i % width, i / width);
                let inside = x.wrapping_sub(3 + speed * t) < 9 && y > 4;
                if inside {
                    200
                } else {
                    (x * 5 + y * 3) as u8 % 90
                }
            };
            let pixels = (0..width * height).flat_map(|i| vec![sample(i); channels.count()]);
            let samples: Vec<u8> = pixels.map(|v| v + random.random_range(0..noise)).collect();
            let image = Image::new(width, height, channels, samples).unwrap();
            encoder.push(&image).unwrap();
        }
        encoder.finish().unwrap();
        file
    };
    (0..count).map(clip).collect()
}

/// A header of which some fields are anything.
fn lie(random: &mut StdRng, header: &mut ClipHeader) {
    for _ in 0..random.random_range(1..=2) {
        match random.random_range(0..9) {
            0 => header.width = number(random),
            1 => header.height = number(random),
            2 => header.model.0 = number(random) as u16,
            3 => header.digest.0[random.random_range(0..4)] = random.random(),
            4 => header.temporal.0[random.random_range(0..4)] = random.random(),
            5 => header.channels = Channels::ALL[random.random_range(0..2)],
            6 => header.tile = Some((number(random), number(random))),
            7 => header.source.bits = random.random(),
            _ => header.coder = Coder::ALL[random.random_range(0..2)],
        }
    }
}

/// Decodes all frames that there are; returns how many, and why there are not more.
fn decode(guard: &Guard, file: &[u8]) -> (u32, Option<DecodeError>) {
    let limits = limits();
    let most = limits.max_memory + 4 * file.len() as u64 + (1 << 14);
    guard.run(file, most, || {
        let mut count = 0;
        let mut frames = match ClipDecoder::new(file).limits(limits.clone()).start(&Null) {
            Ok(frames) => frames,
            Err(error) => return (0, Some(error)),
        };
        let size = (frames.header().width, frames.header().height);
        loop {
            match frames.next_frame() {
                Ok(Some(shown)) => {
                    assert_eq!((shown.image.width(), shown.image.height()), size);
                    count += 1;
                }
                Ok(None) => return (count, None),
                Err(error) => return (count, Some(error)),
            }
        }
    })
}

#[test]
fn thirty_thousand_clips() {
    // The guard watches this thread: it does the work itself.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1);
    let _pool = pool.use_current_thread().build().unwrap();
    let mut random = StdRng::seed_from_u64(54);
    let seeds = clips(&mut random, 80);
    let guard = Guard::new("clip");
    let (mut shown, mut streams, mut others) = (0, 0, 0);
    let runs = 30_000;
    for run in 0..runs {
        let seed = &seeds[random.random_range(0..seeds.len())];
        let other = &seeds[random.random_range(0..seeds.len())];
        let mut file = seed.clone();
        let mut rest = &seed[..];
        let mut header = ClipHeader::read(&mut rest).unwrap();
        let start = seed.len() - rest.len();
        match run % 4 {
            // The frames alone.
            0 | 1 => {
                let mut frames = file.split_off(start);
                mutate(&mut random, &mut frames, other);
                file.extend(frames);
            }
            2 => {
                lie(&mut random, &mut header);
                file.splice(..start, header.to_bytes());
            }
            _ => mutate(&mut random, &mut file, other),
        }
        if run % 3 > 0 {
            reseal(&mut file);
        }
        let (count, error) = decode(&guard, &file);
        shown += count;
        match error {
            Some(error) => {
                assert_of_the_file(&error);
                assert!(file != *seed, "{error}");
                let broken = error.to_string().contains("does not decode");
                *if broken { &mut streams } else { &mut others } += 1;
            }
            // What was damaged within a frame must not pass; a lie about colour may.
            None => assert!(file == *seed || run % 4 == 2 || run % 3 > 0),
        }
    }
    println!("{runs} clips: {shown} frames, {streams} broken streams, {others} other errors");
    // Or the mutations do not get deep enough.
    assert!(streams > runs / 20 && shown > runs / 3, "{streams} {shown}");
}
