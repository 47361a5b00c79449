//! Tests of files with filters: what is decoded of them, of parts, and of damaged ones.

use rand::{SeedableRng, rngs::StdRng};

use crate::tests::{index_of, picture};
use crate::*;

/// Coarse, so that there is something to mend.
fn options() -> EncodeOptions {
    EncodeOptions::new(Quality::new(30).unwrap())
        .tile(64)
        .progressive(true)
        .filters(true)
}

fn file_of(image: &Image, options: &EncodeOptions) -> Vec<u8> {
    let mut file = Vec::new();
    encode(image, &Null, options, &mut file).unwrap();
    file
}

fn decode_with(file: &[u8], options: &DecodeOptions) -> Result<Decoded, DecodeError> {
    Decoder::new(file).decode_with(&Null, options)
}

fn has_filters(file: &[u8]) -> bool {
    let kinds = index_of(file).header.metadata;
    kinds.contains(&MetadataKind::Filters)
}

/// The rows and columns of `area`.
fn part(image: &Image, area: &Area) -> Samples {
    let samples = image.samples().clone();
    samples.part(image.width(), area, image.channels())
}

#[test]
fn filters_mend_pictures_and_parts_are_parts_of_the_whole() {
    let mut random = StdRng::seed_from_u64(61);
    for round in 0..12 {
        let channels = Channels::ALL[round % 2];
        let (width, height) = (150 + 7 * round as u32, 110 + 3 * round as u32);
        let image = picture(&mut random, width, height, channels);
        let image = image.with_metadata(Metadata {
            exif: Some(vec![3; 9]),
            ..Metadata::default()
        });
        let file = file_of(&image, &options());
        assert!(has_filters(&file), "{width}x{height}");
        let whole = decode_with(&file, &DecodeOptions::default()).unwrap();
        assert!(whole.incomplete.is_empty() && whole.lost.is_empty());
        assert_eq!(whole.image.metadata(), image.metadata());
        let encoding = Encoding::new(&image, &Null, &options()).unwrap();
        assert_eq!(
            encoding.reconstruct().unwrap().samples(),
            whole.image.samples()
        );

        let fast = file_of(&image, &options().filters(false));
        assert!(!has_filters(&fast));
        let plain = decode_with(&fast, &DecodeOptions::default()).unwrap().image;
        let error = |of: &Image| measure::mse(of, &image).unwrap();
        assert!(error(&whole.image) < 0.98 * error(&plain));

        let regions = [
            (0, 0, 1, 1),
            (63, 61, 5, 9),
            (70, 3, 60, 100),
            (149, 109, 1, 1),
        ];
        for (x, y, width, height) in regions {
            let area = Area {
                x,
                y,
                width,
                height,
            };
            let options = DecodeOptions::default().region(area);
            let region = decode_with(&file, &options).unwrap().image;
            assert_eq!(*region.samples(), part(&whole.image, &area), "{area:?}");
        }
    }
}

#[test]
fn without_their_filters_pictures_are_as_they_were() {
    let mut random = StdRng::seed_from_u64(62);
    let image = picture(&mut random, 190, 130, Channels::Rgb);
    let file = file_of(&image, &options());
    let fast = file_of(&image, &options().filters(false));
    let plain = decode_with(&fast, &DecodeOptions::default()).unwrap().image;
    let small = DecodeOptions::default().scale(Scale::Half);
    assert_eq!(
        decode_with(&file, &small).unwrap().image,
        decode_with(&fast, &small).unwrap().image
    );
    // Filters are the first stream.
    let first = index_of(&file).to_bytes().len() + 4;
    let mut damaged = file.clone();
    damaged[first] ^= 1;
    let error = decode_with(&damaged, &DecodeOptions::default()).unwrap_err();
    assert!(matches!(error, DecodeError::Format(_)), "{error}");
    let conceal = DecodeOptions::default().conceal();
    let concealed = decode_with(&damaged, &conceal).unwrap();
    assert_eq!(concealed.image, plain);
    assert_eq!(concealed.lost, [StreamName::Metadata(0)]);
    // Filters are for what is whole, and not for the first sections of all tiles.
    let partial = DecodeOptions::default().partial();
    let arrived = |file: &[u8]| {
        let part = &file[..end_of_first_sections(file)];
        decode_with(part, &partial).unwrap().image
    };
    assert_eq!(arrived(&file), arrived(&fast));
}

/// Where the streams of section 0 end.
fn end_of_first_sections(file: &[u8]) -> usize {
    let index = index_of(file);
    let second = |name: &StreamName| matches!(name, StreamName::Section { section: 1, .. });
    let before = index.names().take_while(|name| !second(name));
    let bytes = index.lengths.iter().zip(before);
    let bytes = bytes.map(|(&length, _)| length as usize + 4);
    index.to_bytes().len() + bytes.sum::<usize>()
}

/// What is lost of one tile is no reason to show the others as they were not.
#[test]
fn other_tiles_than_a_lost_one_keep_their_filters() {
    let mut random = StdRng::seed_from_u64(64);
    let image = picture(&mut random, 190, 130, Channels::Rgb);
    let mut file = file_of(&image, &options());
    let whole = decode_with(&file, &DecodeOptions::default()).unwrap().image;
    *file.last_mut().unwrap() ^= 1;
    let conceal = DecodeOptions::default().conceal();
    let decoded = decode_with(&file, &conceal).unwrap();
    assert_eq!(decoded.incomplete.len(), 1);
    let first = Area::of(100, 50);
    assert_eq!(part(&decoded.image, &first), part(&whole, &first));
}

#[test]
fn bytes_that_are_no_filters_are_errors() {
    let mut random = StdRng::seed_from_u64(63);
    let image = picture(&mut random, 90, 70, Channels::Grey);
    let plain = file_of(&image, &options().filters(false));
    let index = index_of(&plain);
    let mut with = index.clone();
    with.header.metadata.push(MetadataKind::Filters);
    let payload = [0xff; 5];
    with.lengths.insert(0, payload.len() as u32);
    let mut file = with.to_bytes();
    bitstream::write_stream(&mut file, &payload).unwrap();
    file.extend(&plain[index.to_bytes().len()..]);
    let error = decode_with(&file, &DecodeOptions::default()).unwrap_err();
    assert!(error.to_string().contains("filters"), "{error}");
    let concealed = decode_with(&file, &DecodeOptions::default().conceal()).unwrap();
    assert_eq!(concealed.lost, [StreamName::Metadata(0)]);
}
