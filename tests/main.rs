//! The one integration binary: the shipped models and the program, from outside.

mod bench;
mod clip_vectors;
mod clips;
mod command_line;
mod delivery;
mod exact;
mod hostile;
mod library;
mod manners;
mod many;
mod other_programs;
mod rate;
mod round_trip;
mod vectors;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use lic_codec::{Channels, Decoder, EncodeOptions, EncodeReport, Image, Quality, encode};
use lic_models::{Backend, Zoo};

/// The shipped models on our own kernels.
static ZOO: LazyLock<Zoo> = LazyLock::new(|| Zoo::on(Backend::Cpu).unwrap());

/// The repository's folder `path`.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// The photograph that ships with the repository: 768x512, RGB.
fn photograph() -> Image {
    open(&repository("tests/pictures/kodim23.png"))
}

fn open(path: &Path) -> Image {
    let picture = image::open(path).unwrap().into_rgb8();
    let (width, height) = picture.dimensions();
    Image::new(width, height, Channels::Rgb, picture.into_raw()).unwrap()
}

/// A part of a picture.
fn crop(image: &Image, [x, y]: [usize; 2], [width, height]: [usize; 2]) -> Image {
    let row = image.width() as usize * 3;
    let all = image.samples().eight();
    let samples: Vec<u8> = (y..y + height)
        .flat_map(|y| &all[y * row + x * 3..][..width * 3])
        .copied()
        .collect();
    Image::new(width as u32, height as u32, Channels::Rgb, samples).unwrap()
}

fn coded(image: &Image, key: &str, quality: u8) -> (Vec<u8>, EncodeReport) {
    let options = EncodeOptions::new(Quality::new(quality).unwrap());
    let mut file = Vec::new();
    let report = encode(image, ZOO.open(key).unwrap(), &options, &mut file).unwrap();
    (file, report)
}

fn decoded(file: &[u8]) -> Image {
    Decoder::new(file).decode(&*ZOO).unwrap()
}

/// Whether pixels are those of another machine or backend: one level off at most. Where a file
/// has filters, steps of a block that are about as great as those of another class can tip it from
/// one filter to the other: on AMD's processors, which multiply bfloat16, 2 samples of 10,000 were up
/// to 4 levels off, and of a small picture a block of 4 by 4 pixels.
fn nearly_equal(a: &Image, b: &Image) -> bool {
    const BLOCK_SAMPLES: usize = 4 * 4 * 3;
    let beyond = a
        .samples()
        .eight()
        .iter()
        .zip(&*b.samples().eight())
        .filter(|(a, b)| a.abs_diff(**b) > 1)
        .count();
    beyond <= BLOCK_SAMPLES.max(a.samples().eight().len() / 2000) && furthest(a, b) <= 8
}

/// The largest difference of any sample.
fn furthest(a: &Image, b: &Image) -> u8 {
    assert_eq!(
        (a.width(), a.height(), a.channels()),
        (b.width(), b.height(), b.channels())
    );
    let (a, b) = (a.samples().eight(), b.samples().eight());
    a.iter()
        .zip(&*b)
        .map(|(a, b)| a.abs_diff(*b))
        .max()
        .unwrap()
}

/// Kodak, or `None` with a message where it is not.
fn kodak() -> Option<Vec<PathBuf>> {
    let folder = repository("../shared/data/kodak");
    if !folder.is_dir() {
        eprintln!("skipped: no Kodak pictures beside the repository");
        return None;
    }
    Some(lic_datasets::Manifest::kodak().verify(&folder).unwrap())
}
