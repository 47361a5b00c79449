//! Tests of the whole path, with the null model: pictures of all sizes, damaged
//! files, limits.

use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::*;

/// A picture with an edge, a slope and noise.
pub(crate) fn picture(random: &mut StdRng, width: u32, height: u32, channels: Channels) -> Image {
    let (edge, slope) = (random.random_range(0..40), random.random_range(0..12));
    let noise = random.random_range(1..60);
    let mut samples = Vec::new();
    for y in 0..height {
        for x in 0..width {
            for channel in 0..channels.count() as u32 {
                let base = if x < edge { 40 } else { 170 } + slope * y + 9 * channel;
                samples.push((base + random.random_range(0..noise)) as u8);
            }
        }
    }
    Image::new(width, height, channels, samples).unwrap()
}

fn options(quality: u8, coder: Coder) -> EncodeOptions {
    EncodeOptions::new(Quality::new(quality).unwrap())
        .coder(coder)
        .progressive(true)
}

pub(crate) fn file_of(image: &Image, options: &EncodeOptions) -> Vec<u8> {
    let mut file = Vec::new();
    encode(image, &Null, options, &mut file).unwrap();
    file
}

pub(crate) fn decode(file: &[u8]) -> Result<Image, DecodeError> {
    Decoder::new(file).decode(&Null)
}

/// What an encoding has before its streams.
pub(crate) fn index_of(file: &[u8]) -> Index {
    Index::read(&mut &file[..], |_| Ok(())).unwrap()
}

/// The checksum of the header put right, after a change to the header.
fn resealed(mut file: Vec<u8>, length: usize) -> Vec<u8> {
    let sum = crc32c::crc32c(&file[..length - 4]);
    file[length - 4..length].copy_from_slice(&sum.to_le_bytes());
    file
}

#[test]
fn any_size_and_quality_decodes_to_what_the_encoder_saw() {
    let mut random = StdRng::seed_from_u64(11);
    for round in 0..200 {
        let channels = Channels::ALL[round % 2];
        let (width, height) = match round {
            0 | 1 => (1, 1),
            _ => (random.random_range(1..=40), random.random_range(1..=40)),
        };
        let image = picture(&mut random, width, height, channels);
        let quality = random.random_range(1..=100);
        let options = options(quality, Coder::ALL[round / 2 % 2]);

        let encoding = Encoding::new(&image, &Null, &options).unwrap();
        let mut file = Vec::new();
        let report = encoding.write(&mut file).unwrap();
        assert_eq!(report.bytes, file.len() as u64);
        assert_eq!(report.bytes, encoding.bytes());
        let predicted = report.predicted_bits;
        let index = Decoder::new(&file[..]).check().unwrap();
        let lengths: Vec<u64> = index.lengths.iter().map(|&l| l.into()).collect();
        assert_eq!(report.section_bytes, lengths);
        let payload: u64 = lengths.iter().sum();
        // Two sections of two halves, each with 3.1 bytes more at most and the length of
        // the first.
        assert!(payload as f64 <= predicted / 8.0 + 16.5);
        assert!(report.bytes - payload <= 31, "{report:?}");

        let decoded = decode(&file).unwrap();
        // As one stream it is another file of the same picture.
        let mut joined = Vec::new();
        let shorter = encode(
            &image,
            &Null,
            &options.clone().progressive(false),
            &mut joined,
        )
        .unwrap();
        assert_eq!(decode(&joined).unwrap(), decoded);
        assert_eq!(shorter.section_bytes.len(), 1);
        assert_eq!(decoded, encoding.reconstruct().unwrap());
        assert_eq!(decoded.channels(), channels);
        if quality >= 89 {
            assert_eq!(decoded, image);
        }
    }
}

#[test]
fn lossless_at_quality_100() {
    let mut random = StdRng::seed_from_u64(12);
    for channels in Channels::ALL {
        let count = 37 * 29 * channels.count();
        let samples: Vec<u8> = (0..count).map(|_| random.random()).collect();
        let image = Image::new(37, 29, channels, samples).unwrap();
        let file = file_of(&image, &options(100, Coder::Ans));
        assert_eq!(decode(&file).unwrap(), image);
    }
}

#[test]
fn a_cut_or_changed_or_longer_file_is_an_error() {
    let mut random = StdRng::seed_from_u64(13);
    let image = picture(&mut random, 19, 13, Channels::Rgb);
    for coder in Coder::ALL {
        let file = file_of(&image, &options(70, coder));
        for kept in 0..file.len() {
            let cut = decode(&file[..kept]);
            assert!(
                matches!(cut, Err(DecodeError::Format(_))),
                "{kept}: {cut:?}"
            );
        }
        for bit in 0..file.len() * 8 {
            let mut changed = file.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&changed).is_err(), "bit {bit}");
        }
        let longer = [&file[..], &[0]].concat();
        let Err(DecodeError::Format(error)) = decode(&longer) else {
            panic!("a longer file decodes")
        };
        assert!(matches!(error.kind(), FormatErrorKind::TrailingBytes));
    }
}

/// Checksums right, payload anything: what someone who means harm would send.
#[test]
fn any_payload_ends_in_an_error() {
    let mut random = StdRng::seed_from_u64(14);
    let image = picture(&mut random, 40, 21, Channels::Grey);
    for round in 0..300 {
        let coder = Coder::ALL[round % 2];
        let encoding = Encoding::new(&image, &Null, &options(60, coder)).unwrap();
        let payloads = [(); 2].map(|()| {
            let mut payload = vec![0; random.random_range(1..300)];
            random.fill(&mut payload[..]);
            payload
        });
        let index = Index {
            header: encoding.header().clone(),
            lengths: payloads.iter().map(|p| p.len() as u32).collect(),
        };
        let mut file = index.to_bytes();
        for payload in &payloads {
            bitstream::write_stream(&mut file, payload).unwrap();
        }
        let Err(DecodeError::Format(error)) = decode(&file) else {
            panic!("noise decodes")
        };
        assert!(matches!(error.kind(), FormatErrorKind::Stream { .. }));
    }
}

#[test]
fn any_bytes_after_the_magic_end_in_an_error() {
    let mut random = StdRng::seed_from_u64(15);
    for _ in 0..3000 {
        let mut file = bitstream::MAGIC.to_vec();
        file.push(bitstream::VERSION);
        file.extend((0..random.random_range(0..60)).map(|_| random.random_range(0..4u8)));
        assert!(decode(&file).is_err());
    }
    assert!(decode(b"").is_err());
    let Err(DecodeError::Format(error)) = decode(b"\x89PNG\r\n\x1a\n") else {
        panic!("a PNG decodes")
    };
    assert!(matches!(error.kind(), FormatErrorKind::NotLic));
}

#[test]
fn unknown_weights_versions_and_coders_are_named() {
    let image = Image::new(3, 3, Channels::Rgb, vec![9u8; 27]).unwrap();
    let encoding = Encoding::new(&image, &Null, &EncodeOptions::default()).unwrap();
    let mut file = Vec::new();
    encoding.write(&mut file).unwrap();
    let length = index_of(&file).to_bytes().len();

    let mut weights = file.clone();
    weights[6] = 0xab;
    let error = decode(&resealed(weights, length)).unwrap_err();
    let words = "the file needs model 0 with weights ab000000, which are not here";
    assert_eq!(error.to_string(), words);

    let mut version = file.clone();
    version[4] = 2;
    let error = decode(&version).unwrap_err();
    let words = "format version 2 is not known to this version, the largest known is 1";
    assert_eq!(error.to_string(), words);

    let mut kinds = file.clone();
    kinds[10] |= 0x80;
    let error = decode(&resealed(kinds, length)).unwrap_err();
    let words = "not a valid lic file: it is a clip, not a picture";
    assert_eq!(error.to_string(), words);
    let mut trellis = file.clone();
    trellis[10] |= 2;
    let error = decode(&resealed(trellis, length)).unwrap_err();
    let words = "not a valid lic file: its symbols are on a trellis, which model 0 does not have";
    assert_eq!(error.to_string(), words);
}

#[test]
fn limits_are_kept_before_anything_is_allocated() {
    let image = Image::new(30, 20, Channels::Grey, vec![77u8; 600]).unwrap();
    let encoding = Encoding::new(&image, &Null, &options(50, Coder::Ans)).unwrap();
    let mut file = Vec::new();
    encoding.write(&mut file).unwrap();
    let with = |change: &dyn Fn(&mut Limits)| {
        let mut limits = Limits::default();
        change(&mut limits);
        match Decoder::new(&file[..]).limits(limits).decode(&Null) {
            Ok(_) => None,
            Err(DecodeError::Limits(error)) => Some(error.what()),
            Err(error) => panic!("{error}"),
        }
    };
    let length = file.len() as u64;
    assert_eq!(with(&|l| l.max_width = 29), Some("the width"));
    assert_eq!(with(&|l| l.max_height = 19), Some("the height"));
    assert_eq!(with(&|l| l.max_pixels = 599), Some("the number of pixels"));
    let memory = Some("the memory to decode it, in bytes,");
    assert_eq!(with(&|l| l.max_memory = 9), memory);
    let stream = Some("the length of a stream");
    assert_eq!(with(&|l| l.max_stream_bytes = 1), stream);
    assert_eq!(with(&|l| l.max_streams = 1), Some("the number of streams"));
    assert_eq!(
        with(&|l| l.max_file_bytes = length - 1),
        Some("the length of the file")
    );
    assert_eq!(
        with(&|l| l.max_file_bytes = 7),
        Some("the length of the file")
    );
    assert_eq!(with(&|l| l.max_file_bytes = length), None);

    // The largest header there is, on a file that holds nothing else.
    let mut index = index_of(&file);
    (index.header.width, index.header.height) = (bitstream::MAX_SIDE, bitstream::MAX_SIDE);
    let error = decode(&index.to_bytes()).unwrap_err();
    assert!(matches!(error, DecodeError::Limits(_)));
    // As many tiles as can be, and no lengths of their streams.
    index.header.tile = Some((TILE_UNIT, TILE_UNIT));
    let head = index.to_bytes();
    let mut decoder = Decoder::new(&head[..]).limits(Limits::none());
    assert!(matches!(decoder.read_header(), Err(DecodeError::Format(_))));
    // A stream that says it is long and is not.
    let mut index = index_of(&file);
    index.lengths[0] = 200 << 20;
    let error = decode(&[&index.to_bytes()[..], &[1, 2, 3, 4, 5]].concat()).unwrap_err();
    assert!(matches!(error, DecodeError::Format(_)), "{error}");
}

#[test]
fn a_reader_that_gives_one_byte_a_time_changes_nothing() {
    struct Drip<'a>(&'a [u8]);
    impl std::io::Read for Drip<'_> {
        fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
            let most = bytes.len().min(1);
            std::io::Read::read(&mut self.0, &mut bytes[..most])
        }
    }
    let mut random = StdRng::seed_from_u64(16);
    let image = picture(&mut random, 33, 20, Channels::Rgb);
    let file = file_of(&image, &EncodeOptions::default());
    let slowly = Decoder::new(Drip(&file)).decode(&Null).unwrap();
    assert_eq!(slowly, decode(&file).unwrap());
}

#[test]
fn the_digest_of_the_symbols_does_not_depend_on_the_coder() {
    let mut random = StdRng::seed_from_u64(17);
    let image = picture(&mut random, 33, 20, Channels::Rgb);
    let digest = |quality, coder| {
        let file = file_of(&image, &options(quality, coder));
        Decoder::new(&file[..]).symbols_digest(&Null).unwrap()
    };
    assert_eq!(digest(50, Coder::Ans), digest(50, Coder::Range));
    assert_ne!(digest(50, Coder::Ans), digest(51, Coder::Ans));
}

#[test]
fn writing_stops_at_the_first_error() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let image = Image::new(3, 3, Channels::Rgb, vec![9u8; 27]).unwrap();
    let error = encode(&image, &Null, &EncodeOptions::default(), Full);
    assert!(matches!(error, Err(EncodeError::Io(_))));
}
