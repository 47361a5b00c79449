//! Compares BITSTREAM.md with the code.

use crate::*;

const SPEC: &str = include_str!("../BITSTREAM.md");

/// The text under a heading, up to the next one.
fn section(heading: &str) -> &'static str {
    let (_, rest) = SPEC.split_once(heading).expect("the heading is there");
    rest.split("\n#").next().unwrap_or(rest)
}

#[test]
fn the_example_is_what_the_encoder_writes() {
    let hex = section("\n## Example\n").split("```").nth(1).unwrap();
    let lines = hex.lines().skip(1);
    // Bytes, then three spaces or more, then words.
    let columns = lines.map(|line| line.split("   ").next().unwrap_or(line));
    let bytes: Vec<u8> = columns
        .flat_map(str::split_whitespace)
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect();

    let samples: Vec<u8> = vec![10, 20, 30, 40, 50, 250];
    let image = Image::new(3, 2, Channels::Grey, samples).unwrap();
    let options = EncodeOptions::new(Quality::MAX).progressive(true);
    let mut file = Vec::new();
    encode(&image, &Null, &options, &mut file).unwrap();
    assert_eq!(file, bytes);
    assert_eq!(Decoder::new(&bytes[..]).decode(&Null).unwrap(), image);
}

#[test]
fn the_table_of_models_names_the_null_model() {
    let rows = section("### Models")
        .lines()
        .filter(|line| line.starts_with('|'));
    let rows: Vec<Vec<&str>> = rows
        .skip(2)
        .map(|row| row.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let ids: Vec<u16> = rows.iter().map(|row| row[0].parse().unwrap()).collect();
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    let sections = walk::section_count(&Null).unwrap();
    let null = [
        Null.id().to_string(),
        Null.key().to_owned(),
        sections.to_string(),
    ];
    assert_eq!(rows[0], null);
}

#[test]
fn the_file_of_gaussian_tables_is_the_one_described() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../entropy/tables/gaussian.bin"
    );
    let data = std::fs::read(path).unwrap();
    let text = section("### Gaussian tables");
    assert!(text.contains(&format!("0x{:08X}", crc32c::crc32c(&data))));
    assert_eq!(data.len(), 13_496);
    assert!(text.contains("13,496 bytes"));
}

#[test]
fn the_file_of_mixtures_is_the_one_described() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../entropy/tables/mixture.bin");
    let data = std::fs::read(path).unwrap();
    let text = section("### Mixtures");
    assert!(text.contains(&format!("0x{:08X}", crc32c::crc32c(&data))));
    assert_eq!(data.len(), 15_260);
    assert!(
        text.split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .contains("15,260 bytes")
    );
}

#[test]
fn constants() {
    let header = section("### Header");
    assert!(header.contains("`8B 4C 49 43`") && bitstream::MAGIC == *b"\x8bLIC");
    assert!(header.contains("must be 1;") && bitstream::VERSION == 1);
    assert!(header.contains("1 to 2^30") && bitstream::MAX_SIDE == 1 << 30);
    assert!(header.contains("0 to 256") && bitstream::MAX_SECTIONS == 256);
    assert!(header.contains("divided by 64") && TILE_UNIT == 64);
    assert!(header.contains("1 to 255") && bitstream::MAX_METADATA == 255);
    let streams = section("### Streams");
    assert!(streams.contains("2^24 of them") && bitstream::MAX_STREAMS == 1 << 24);
    let kinds = [MetadataKind::Icc, MetadataKind::Exif, MetadataKind::Xmp];
    assert!(header.contains("1 ICC profile, 2 EXIF") && header.contains("3 XMP"));
    assert_eq!(kinds.map(MetadataKind::number), [1, 2, 3]);
    assert!(header.contains("(0 grey, 1 RGB)"));
    assert_eq!(Channels::ALL.map(Channels::number), [0, 1]);
    assert!(header.contains("(0 ANS, 1 range coder)"));
    assert_eq!([Coder::Ans, Coder::Range].map(Coder::number), [0, 1]);
    assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
}
