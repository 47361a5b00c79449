//! Golden files: every file of `vectors/v1` decodes to its symbols and its
//! picture, for ever.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use image::ExtendedColorType;
use lic_codec::{
    Channels, Coder, Decoder, EncodeOptions, Image, Metadata, Quality, Samples, encode,
};
use lic_models::MODELS;

use crate::{ZOO, crop, decoded, nearly_equal, photograph, repository};

/// The golden files of a folder of the repository, in order.
pub fn golden(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(repository(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "lic"))
        .collect();
    files.sort();
    files
}

/// A digest as `.symbols` files have it.
pub fn hex(digest: [u8; 32]) -> String {
    digest.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Colours as 8 bits, and alpha as it is.
fn picture(path: &PathBuf) -> (Image, Option<Vec<u8>>) {
    let picture = image::open(path).unwrap();
    let (width, height) = (picture.width(), picture.height());
    let alpha = picture.color().has_alpha().then(|| {
        let pixels = picture.to_rgba8();
        pixels.pixels().map(|pixel| pixel.0[3]).collect()
    });
    let (channels, samples) = if picture.color().has_color() {
        (Channels::Rgb, picture.into_rgb8().into_raw())
    } else {
        (Channels::Grey, picture.into_luma8().into_raw())
    };
    (Image::new(width, height, channels, samples).unwrap(), alpha)
}

#[test]
fn golden_files_decode_as_they_did() {
    let files = golden("tests/vectors/v1");
    let of_model = |key: &str| {
        files
            .iter()
            .filter(|f| f.file_name().unwrap().to_string_lossy().starts_with(key))
            .count()
    };
    for key in MODELS.iter().map(|row| row.key).chain(["null"]) {
        assert!(of_model(key) >= 2, "model {key} has no golden files");
    }
    for path in files {
        let file = fs::read(&path).unwrap();
        let digest = Decoder::new(&file[..]).symbols_digest(&*ZOO).unwrap();
        let expected = fs::read_to_string(path.with_extension("symbols")).unwrap();
        assert_eq!(hex(digest), expected.trim(), "{}", path.display());
        // Symbols are exact; pixels of a learned model are floats, rounded.
        let back = decoded(&file);
        let (expected, alpha) = picture(&path.with_extension("png"));
        assert!(nearly_equal(&back, &expected), "{}", path.display());
        // What is not learned is exact.
        let found = back.alpha().map(|alpha| alpha.eight().into_owned());
        assert_eq!(found, alpha, "{}", path.display());
        let metadata = path.with_extension("icc");
        assert_eq!(back.metadata().icc, fs::read(metadata).ok());
    }
}

/// A picture and how it is encoded, for each golden file of a model.
fn cases() -> Vec<(&'static str, Image, EncodeOptions)> {
    let whole = photograph();
    let colour = crop(&whole, [300, 150], [100, 75]);
    let grey = crop(&whole, [120, 60], [67, 33]).into_channels(Channels::Grey);
    let tiles = crop(&whole, [250, 130], [150, 100]);
    // Large enough that filters are worth their bytes.
    let large = crop(&whole, [200, 100], [250, 180]);
    let slope: Vec<u8> = (0..75).flat_map(|y| (0..100).map(move |x| x + y)).collect();
    let alpha = colour.clone().with_alpha(slope).unwrap();
    let icc = Some((0..60).collect());
    let alpha = alpha.with_metadata(Metadata {
        icc,
        ..Metadata::default()
    });
    let deep: Vec<u16> = (0..40 * 30).map(|i| i * 53).collect();
    let deep = Image::new(40, 30, Channels::Grey, deep).unwrap();
    let at = |quality| EncodeOptions::new(Quality::new(quality).unwrap());
    let half = EncodeOptions::new(Quality::from_halves(101).unwrap());
    vec![
        ("colour-q20", colour.clone(), at(20)),
        ("colour-q80", colour.clone(), at(80).progressive(true)),
        ("colour-range", colour, half.coder(Coder::Range)),
        ("grey-q50", grey, at(50).progressive(true)),
        ("tiles-q60", tiles, at(60).tile(64)),
        ("alpha-q40", alpha, at(40)),
        ("deep-q90", deep, at(90)),
        ("large-q90", large, at(90).tile(128)),
    ]
}

/// Writes the golden files of the present weights. They may be regenerated until
/// 1.0.0, with a line in the CHANGELOG:
/// `cargo test --workspace regenerate -- --ignored`
#[test]
#[ignore = "writes files"]
fn regenerate() {
    for key in MODELS.iter().map(|row| row.key).chain(["null"]) {
        for (name, picture, options) in cases() {
            let path = repository("tests/vectors/v1").join(format!("{key}-{name}.lic"));
            let mut file = Vec::new();
            encode(&picture, ZOO.open(key).unwrap(), &options, &mut file).unwrap();
            let digest = Decoder::new(&file[..]).symbols_digest(&*ZOO).unwrap();
            fs::write(path.with_extension("symbols"), hex(digest) + "\n").unwrap();
            let back = decoded(&file);
            if let Some(icc) = &back.metadata().icc {
                fs::write(path.with_extension("icc"), icc).unwrap();
            }
            let (kind, bytes) = png_of(&back);
            let png = path.with_extension("png");
            image::save_buffer(png, &bytes, back.width(), back.height(), kind).unwrap();
            fs::write(path, file).unwrap();
        }
    }
}

/// The samples of a picture as `image` takes them.
fn png_of(image: &Image) -> (ExtendedColorType, Vec<u8>) {
    match (image.samples(), image.channels(), image.alpha()) {
        (Samples::Sixteen(samples), ..) => {
            let bytes = samples.iter().flat_map(|s| s.to_ne_bytes()).collect();
            (ExtendedColorType::L16, bytes)
        }
        (Samples::Eight(samples), Channels::Grey, _) => (ExtendedColorType::L8, samples.clone()),
        (Samples::Eight(samples), Channels::Rgb, None) => {
            (ExtendedColorType::Rgb8, samples.clone())
        }
        (Samples::Eight(samples), Channels::Rgb, Some(alpha)) => {
            let pixels = samples.chunks_exact(3).zip(alpha.eight().into_owned());
            let bytes = pixels.flat_map(|(p, a)| [p[0], p[1], p[2], a]).collect();
            (ExtendedColorType::Rgba8, bytes)
        }
    }
}
