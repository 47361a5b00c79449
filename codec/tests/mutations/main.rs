//! Millions of damaged headers, files and planes, the same in every run: each must
//! end in an error or in a picture of the size that its header says, within the
//! memory that the limits allow, and soon. The stable stand-in for the fuzz targets
//! in `fuzz/`.
//!
//! Half of the damage is resealed, or else it would seldom get past a checksum.

mod clips;
mod guard;
mod reseal;
mod reseal_clip;

use lic_codec::{
    Channels, Coder, DecodeError, DecodeOptions, Decoder, Depth, EncodeOptions, Header, Image,
    Index, Limits, Metadata, MetadataKind, Model, Null, Quality, bitstream, decode_plane, encode,
    encode_plane,
};
use rand::{Rng, SeedableRng, rngs::StdRng};

use guard::Guard;
use reseal::reseal;

/// A small picture with flat parts, an edge and noise.
fn picture(random: &mut StdRng) -> Image {
    let channels = Channels::ALL[random.random_range(0..2)];
    let (width, height) = (random.random_range(1..=32), random.random_range(1..=24));
    let (edge, noise) = (random.random_range(0..24), random.random_range(1..40));
    let mut samples: Vec<u8> = Vec::new();
    for _ in 0..height {
        for x in 0..width {
            let base = if x < edge { 30 } else { 200 };
            let near = (0..channels.count()).map(|_| base + random.random_range(0..noise));
            samples.extend(near);
        }
    }
    let image = Image::new(width, height, channels, samples).unwrap();
    match random.random_range(0..4) {
        0 => {
            let alpha: Vec<u8> = (0..height)
                .flat_map(|_| 0..width)
                .map(|x| x as u8 * 8)
                .collect();
            image.with_alpha(alpha).unwrap()
        }
        1 => image.with_metadata(Metadata {
            icc: Some(vec![9; 20]),
            exif: None,
            xmp: Some(Vec::new()),
        }),
        _ => image,
    }
}

/// Files of model 0: grey and RGB, with both coders, of any quality.
fn files(random: &mut StdRng, count: usize) -> Vec<Vec<u8>> {
    let file = |number: usize| {
        let quality = Quality::from_halves(random.random_range(2..=200)).unwrap();
        let options = EncodeOptions::new(quality)
            .coder(Coder::ALL[number % 2])
            .progressive(!number.is_multiple_of(3));
        let mut file = Vec::new();
        encode(&picture(random), &Null, &options, &mut file).unwrap();
        if number.is_multiple_of(4) {
            file = with_filters(&file);
        }
        file
    };
    (0..count).map(file).collect()
}

/// Filters of a grey picture and of one in colour, as an encoder of this crate wrote them.
const FILTERS: [&[u8]; 2] = [
    &[
        21, 15, 84, 165, 41, 181, 168, 194, 57, 143, 39, 159, 209, 100, 158, 177, 206, 110, 107,
        22, 130, 29, 64, 175, 58, 123, 83, 34, 226, 149, 0, 211,
    ],
    &[
        21, 153, 54, 8, 97, 207, 86, 44, 12, 185, 229, 124, 13, 1, 217, 206, 207, 118, 146, 7, 99,
        4, 2, 248, 109, 229, 182, 211, 141, 251, 119, 78, 236, 57, 188, 186, 32, 249, 89, 114, 23,
        56, 67, 33, 12, 68, 184, 67, 172, 255, 175, 243, 174, 123, 254, 171, 85, 163, 42, 229, 182,
        171, 79, 172, 6, 9, 83, 128, 21, 112, 192, 14, 226, 178, 125, 223, 147, 249, 35, 123, 244,
        89, 137, 47, 156, 247, 218, 167, 163, 13, 73, 234,
    ],
];

/// The file with filters, which the null model does not ask for.
fn with_filters(file: &[u8]) -> Vec<u8> {
    let mut index = index_of(file);
    let mut rest = &file[index.to_bytes().len()..];
    let mut streams = Vec::new();
    for (name, length) in index.names().zip(&index.lengths) {
        streams.push(bitstream::read_stream(&mut rest, name, *length).unwrap());
    }
    let place = index.header.metadata.len();
    let filters = FILTERS[usize::from(index.header.channels.number())];
    index.header.metadata.push(MetadataKind::Filters);
    index.lengths.insert(place, filters.len() as u32);
    streams.insert(place, filters.to_vec());
    let mut file = index.to_bytes();
    for stream in &streams {
        bitstream::write_stream(&mut file, stream).unwrap();
    }
    file
}

/// One to four changes: bits, bytes, numbers at their bounds, parts removed, doubled,
/// or taken from `other`.
fn mutate(random: &mut StdRng, bytes: &mut Vec<u8>, other: &[u8]) {
    for _ in 0..random.random_range(1..=4) {
        let at = random.random_range(0..=bytes.len());
        let length = random.random_range(0..=8.min(bytes.len() - at));
        match random.random_range(0..8) {
            0 if length > 0 => bytes[at] ^= 1 << random.random_range(0..8),
            1 if length > 0 => bytes[at] = random.random(),
            2 if length > 0 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.random_range(0..5)],
            3 if length > 0 => bytes[at] = bytes[at].wrapping_add([1, 0xff][at % 2]),
            4 => drop(bytes.drain(at..at + length)),
            5 => {
                let part = bytes[at..at + length].to_vec();
                drop(bytes.splice(at..at, part));
            }
            6 => bytes.truncate(at),
            _ => {
                let from = random.random_range(0..=other.len());
                let to = (from + length).min(other.len());
                drop(bytes.splice(at..at + length, other[from..to].iter().copied()));
            }
        }
    }
}

/// A number that may be at a bound.
fn number(random: &mut StdRng) -> u32 {
    match random.random_range(0..4) {
        0 => random.random_range(0..20),
        1 => 1 << random.random_range(0..32),
        2 => (1u32 << random.random_range(0..32)).wrapping_sub(1),
        _ => random.random(),
    }
}

/// A header of which some fields are anything, within their types.
fn lie(random: &mut StdRng, index: &mut Index) {
    let header = &mut index.header;
    for _ in 0..random.random_range(1..=2) {
        match random.random_range(0..12) {
            0 => header.width = number(random),
            1 => header.height = number(random),
            2 => header.sections = number(random) as usize,
            3 => header.model.0 = number(random) as u16,
            4 => header.digest.0[random.random_range(0..4)] = random.random(),
            5 => header.channels = Channels::ALL[random.random_range(0..2)],
            6 => header.tile = Some((number(random), number(random))),
            7 => header.alpha = random.random(),
            8 => header.depth = [Depth::Eight, Depth::Sixteen][random.random_range(0..2)],
            9 => {
                let kinds = (0..random.random_range(0..5)).map(|_| random.random());
                header.metadata = kinds.map(MetadataKind::from_number).collect();
            }
            10 => index.lengths.push(number(random)),
            _ => header.coder = Coder::ALL[random.random_range(0..2)],
        }
    }
}

/// What the tables of an alpha plane take, whatever its size.
const ALPHA: u64 = 640 << 10;

/// Small, so that a lie costs no time.
fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_pixels = 1 << 12;
    limits.max_memory = 4 << 20;
    limits.max_file_bytes = 1 << 16;
    limits
}

#[test]
fn a_million_headers() {
    let mut random = StdRng::seed_from_u64(51);
    let seeds = files(&mut random, 40);
    let headers: Vec<Index> = seeds.iter().map(|file| index_of(file)).collect();
    let guard = Guard::new("header");
    let (mut runs, mut accepted) = (0u32, 0u32);
    while runs < 1_000_000 {
        let mut header = headers[random.random_range(0..headers.len())].clone();
        let (lied, mutated) = (random.random(), random.random());
        if lied {
            lie(&mut random, &mut header);
        }
        let mut bytes = header.to_bytes();
        if mutated || !lied {
            let other = &seeds[random.random_range(0..seeds.len())];
            mutate(&mut random, &mut bytes, other);
            if random.random() {
                reseal(&mut bytes);
            }
        }
        runs += 1;
        // A header is a few hundred bytes, and so is what it takes to read it.
        let read = guard.run(&bytes, 1 << 12, || {
            let mut rest = &bytes[..];
            Index::read(&mut rest, |_| Ok(())).map(|index| (index, bytes.len() - rest.len()))
        });
        match read {
            Ok((index, length)) => {
                accepted += 1;
                // A header has one spelling.
                assert_eq!(index.to_bytes(), bytes[..length]);
                let header = index.header;
                let sides = 1..=bitstream::MAX_SIDE;
                assert!(sides.contains(&header.width) && sides.contains(&header.height));
                assert!(header.sections <= bitstream::MAX_SECTIONS);
            }
            Err(error) => assert_of_the_file(&error),
        }
    }
    println!("{runs} headers, {accepted} accepted");
    // Or the mutations are of no use.
    assert!(accepted > runs / 20 && accepted < runs / 2, "{accepted}");
}

/// Damage is the file's fault, never the reader's or the model's.
fn assert_of_the_file(error: &DecodeError) {
    let other = matches!(error, DecodeError::Io(_) | DecodeError::Model(_));
    assert!(!other, "{error}");
}

#[test]
fn a_hundred_thousand_files() {
    // The guard watches this thread: it does the work itself.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1);
    let _pool = pool.use_current_thread().build().unwrap();
    let mut random = StdRng::seed_from_u64(52);
    let seeds = files(&mut random, 200);
    let guard = Guard::new("file");
    let mut counts = [0u32; 4];
    for run in 0..120_000 {
        let seed = &seeds[random.random_range(0..seeds.len())];
        let other = &seeds[random.random_range(0..seeds.len())];
        let mut file = seed.clone();
        let resealed = run % 4 > 0;
        match run % 4 {
            // The payloads alone, with sections of the right length.
            1 => file = with_other_payloads(&mut random, seed, other),
            2 => {
                let start = index_of(seed).to_bytes().len();
                let mut rest = file.split_off(start);
                mutate(&mut random, &mut rest, other);
                file.extend(rest);
            }
            _ => mutate(&mut random, &mut file, other),
        }
        if resealed {
            reseal(&mut file);
        }
        let decoded = decode(&guard, &file, run % 8 > 5);
        let unchanged = file == *seed;
        match decoded {
            Ok(picture) => {
                let header = index_of(&file).header;
                let size = (header.width, header.height, header.channels);
                assert_eq!(
                    (picture.width(), picture.height(), picture.channels()),
                    size
                );
                assert!(
                    resealed || unchanged || run % 8 > 5,
                    "damage passes a checksum"
                );
                counts[1] += 1;
            }
            Err(error) => {
                assert_of_the_file(&error);
                assert!(!unchanged, "{error}");
                let streams = error.to_string().contains(" not decode");
                counts[if streams { 2 } else { 3 }] += 1;
            }
        }
        counts[0] += 1;
    }
    let [runs, pictures, streams, others] = counts;
    println!("{runs} files: {pictures} pictures, {streams} broken streams, {others} other errors");
    // Or the mutations do not get deep enough.
    assert!(streams > runs / 5 && pictures > 500, "{counts:?}");
}

fn index_of(file: &[u8]) -> Index {
    Index::read(&mut &file[..], |_| Ok(())).unwrap()
}

/// The header of a file, perhaps with lies, and its payloads changed.
fn with_other_payloads(random: &mut StdRng, seed: &[u8], other: &[u8]) -> Vec<u8> {
    let mut index = index_of(seed);
    let mut rest = &seed[index.to_bytes().len()..];
    let mut payloads = Vec::new();
    for (name, length) in index.names().zip(&mut index.lengths) {
        let mut payload = bitstream::read_stream(&mut rest, name, *length).unwrap();
        if random.random() {
            mutate(random, &mut payload, other);
        }
        *length = payload.len() as u32;
        payloads.push(payload);
    }
    if random.random_range(0..4) == 0 {
        lie(random, &mut index);
    }
    let mut file = index.to_bytes();
    for payload in payloads {
        bitstream::write_stream(&mut file, &payload).unwrap();
    }
    file
}

/// Decodes within the limits and asserts that it takes no more memory than the
/// model says for the size in the header, and no more for the file than its
/// length three times (its streams, a copy to go back to, and their words in a
/// decoder).
fn decode(guard: &Guard, file: &[u8], conceal: bool) -> Result<Image, DecodeError> {
    let limits = limits();
    let pixels = |header: &Header| u64::from(header.width) * u64::from(header.height);
    let model = match Index::read(&mut &file[..], |_| Ok(())).map(|index| index.header) {
        Ok(header) if pixels(&header) <= limits.max_pixels => {
            let alpha = if header.alpha { ALPHA } else { 0 };
            Null.memory(header.width, header.height) + alpha
        }
        _ => 0,
    };
    assert!(model <= limits.max_memory);
    let most = model + 3 * file.len() as u64 + (1 << 12);
    guard.run(file, most, || {
        // Every other run bears with damage; what it shows must have the size.
        let mut options = DecodeOptions::default();
        options.conceal = conceal;
        let decoder = Decoder::new(file).limits(limits);
        decoder
            .decode_with(&Null, &options)
            .map(|decoded| decoded.image)
    })
}

/// Planes, such as alpha: a stream of their own that no checksum protects here.
#[test]
fn a_hundred_thousand_planes() {
    let mut random = StdRng::seed_from_u64(53);
    let guard = Guard::new("plane");
    let (mut other, mut accepted) = (vec![0u8; 9], 0);
    let runs = 120_000;
    for run in 0..runs {
        let depth = [Depth::Eight, Depth::Sixteen][run % 2];
        let (width, height) = (random.random_range(1..=24), random.random_range(1..=16u32));
        let edge = random.random_range(0..24);
        let sample = |x: u32| match x.cmp(&edge) {
            std::cmp::Ordering::Less => 0,
            std::cmp::Ordering::Equal => random.random_range(0..=depth.max()),
            std::cmp::Ordering::Greater => depth.max(),
        };
        let samples: Vec<u16> = (0..height).flat_map(|_| 0..width).map(sample).collect();
        let mut bytes = encode_plane(&samples, width, height, depth).unwrap();
        mutate(&mut random, &mut bytes, &other);
        // Two bytes a sample, twice where a plane is widened, the stream and its
        // words, the window, and the tables.
        let samples = u64::from(width * height);
        let most = 4 * samples + 2 * bytes.len() as u64 + 64 * u64::from(width) + (640 << 10);
        let decoded = guard.run(&bytes, most, || {
            decode_plane(&bytes, width, height, depth, 24 * 16)
        });
        if let Ok(decoded) = decoded {
            accepted += 1;
            assert_eq!(decoded.len() as u64, samples);
            assert!(decoded.iter().all(|sample| *sample <= depth.max()));
        }
        other = bytes;
    }
    println!("{runs} planes, {accepted} accepted");
    assert!(accepted > runs / 50, "{accepted}");
}
