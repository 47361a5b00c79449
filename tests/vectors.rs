//! Golden files: every file of `vectors/v1` decodes to its symbols and its
//! picture, for ever.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use lic_codec::{Channels, Decoder, Image};
use lic_models::MODELS;

use crate::{ZOO, coded, crop, decoded, furthest, photograph, repository};

fn files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(repository("tests/vectors/v1"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "lic"))
        .collect();
    files.sort();
    files
}

fn hex(digest: [u8; 32]) -> String {
    digest.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn picture(path: &PathBuf) -> Image {
    let picture = image::open(path).unwrap();
    let (width, height) = (picture.width(), picture.height());
    let (channels, samples) = match picture.color().channel_count() {
        1 => (Channels::Grey, picture.into_luma8().into_raw()),
        _ => (Channels::Rgb, picture.into_rgb8().into_raw()),
    };
    Image::new(width, height, channels, samples).unwrap()
}

#[test]
fn golden_files_decode_as_they_did() {
    let files = files();
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
        let difference = furthest(&decoded(&file), &picture(&path.with_extension("png")));
        assert!(
            difference <= 1,
            "{} differs by {difference}",
            path.display()
        );
    }
}

/// Writes the golden files of the present weights. They may be regenerated until
/// 1.0.0, with a line in the CHANGELOG:
/// `cargo test -p lic --test integration regenerate -- --ignored`
#[test]
#[ignore = "writes files"]
fn regenerate() {
    let whole = photograph();
    for key in MODELS.iter().map(|row| row.key).chain(["null"]) {
        let colour = crop(&whole, [300, 150], [100, 75]);
        let grey = crop(&whole, [120, 60], [67, 33]).into_channels(Channels::Grey);
        for (name, picture, quality) in [
            ("colour", &colour, 20),
            ("colour", &colour, 80),
            ("grey", &grey, 50),
        ] {
            let path = repository("tests/vectors/v1").join(format!("{key}-{name}-q{quality}.lic"));
            let (file, _) = coded(picture, key, quality);
            let digest = Decoder::new(&file[..]).symbols_digest(&*ZOO).unwrap();
            fs::write(path.with_extension("symbols"), hex(digest) + "\n").unwrap();
            let back = decoded(&file);
            let kind = match back.channels() {
                Channels::Grey => image::ExtendedColorType::L8,
                Channels::Rgb => image::ExtendedColorType::Rgb8,
            };
            let png = path.with_extension("png");
            let samples = back.samples().eight();
            image::save_buffer(png, &samples, back.width(), back.height(), kind).unwrap();
            fs::write(path, file).unwrap();
        }
    }
}
