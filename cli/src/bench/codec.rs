//! What a bench can measure: this program's codec and other programs alike.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use lic_codec::Image;
use lic_datasets::sha256;
use tempfile::TempDir;

use super::points::{Key, Point};
use crate::metrics::Likeness;
use crate::picture::{self, Format};
use crate::report::bpp;

/// What is said about a codec.
#[derive(Debug, Clone, PartialEq)]
pub struct About {
    /// Short name, unique in a bench.
    pub key: String,
    /// Its name for people.
    pub name: String,
    /// Which build.
    pub version: String,
    /// How it was run and timed.
    pub convention: String,
    /// What its setting is called.
    pub setting: &'static str,
}

/// A codec under measurement.
pub trait Codec: Sync {
    /// What is said about it.
    fn about(&self) -> &About;

    /// The settings to measure, by rising rate.
    fn settings(&self) -> &[f64];

    /// All settings that there are, by rising rate: where a size is searched.
    fn scale(&self) -> Vec<f64>;

    /// Encodes a picture and decodes the result.
    fn code(&self, source: &Source, setting: f64) -> Result<Coded>;
}

/// A file, and what came out of it.
#[derive(Debug)]
pub struct Coded {
    /// The file.
    pub file: Vec<u8>,
    /// The decoded picture.
    pub decoded: Image,
    /// Wall time of encoding.
    pub encode_seconds: f64,
    /// Wall time of decoding.
    pub decode_seconds: f64,
    /// What a model of ours predicted, in bits.
    pub predicted_bits: Option<f64>,
}

/// A picture to code, in memory and in files that other programs read.
#[derive(Debug)]
pub struct Source {
    /// File name of the picture.
    pub name: String,
    /// Its samples.
    pub image: Image,
    /// SHA-256 of them, in hex.
    pub samples_sha256: String,
    folder: TempDir,
}

impl Source {
    /// Reads a picture; writes it out when [`pnm`](Self::pnm) or [`png`](Self::png)
    /// is asked for.
    pub fn open(path: &Path) -> Result<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Self::new(&name, picture::read(path)?)
    }

    /// A picture in memory. Its colours are measured, in 8 bits: what all codecs have in
    /// common.
    pub fn new(name: &str, image: Image) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("lic-bench-").tempdir();
        let samples = image.samples().eight().into_owned();
        Ok(Self {
            name: name.to_owned(),
            samples_sha256: sha256(&samples),
            image: Image::new(image.width(), image.height(), image.channels(), samples)?,
            folder: folder.context("no folder for temporary files")?,
        })
    }

    /// The picture as binary PPM, or PGM if it is grey.
    pub fn pnm(&self) -> Result<PathBuf> {
        self.file("in.pnm", Format::Pnm)
    }

    /// The picture as PNG.
    pub fn png(&self) -> Result<PathBuf> {
        self.file("in.png", Format::Png)
    }

    /// A place for a temporary file.
    pub fn place(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str, format: Format) -> Result<PathBuf> {
        let path = self.place(name);
        if !path.exists() {
            let mut bytes = Vec::new();
            format.write(self.image.clone(), &mut bytes)?;
            let written = std::fs::write(&path, bytes);
            written.with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(path)
    }
}

/// How points are measured, apart from codec and picture.
#[derive(Debug, Clone, Copy)]
pub struct Conditions {
    /// Threads a codec may use.
    pub threads: usize,
    /// Pictures measured at the same time.
    pub jobs: u16,
}

/// The key of a point that may have been measured.
pub fn key(codec: &dyn Codec, source: &Source, setting: f64, conditions: Conditions) -> Key {
    Key {
        samples_sha256: source.samples_sha256.clone(),
        size: [source.image.width(), source.image.height()],
        codec: codec.about().key.clone(),
        version: codec.about().version.clone(),
        setting: setting.to_bits(),
        threads: conditions.threads,
    }
}

/// Codes a picture and compares.
pub fn measure(
    codec: &dyn Codec,
    source: &Source,
    setting: f64,
    conditions: Conditions,
) -> Result<Point> {
    let coded = codec.code(source, setting)?;
    point(codec.about(), source, setting, conditions, &coded)
}

/// The point that a coded picture is.
pub fn point(
    about: &About,
    source: &Source,
    setting: f64,
    conditions: Conditions,
    coded: &Coded,
) -> Result<Point> {
    let image = &source.image;
    let likeness = Likeness::of(image, &coded.decoded).context("what was decoded")?;
    let bytes = coded.file.len() as u64;
    Ok(Point {
        picture: source.name.clone(),
        samples_sha256: source.samples_sha256.clone(),
        width: image.width(),
        height: image.height(),
        codec: about.key.clone(),
        version: about.version.clone(),
        setting,
        threads: conditions.threads,
        jobs: conditions.jobs,
        bytes,
        bpp: bpp(bytes, image.width(), image.height()),
        predicted_bits: coded.predicted_bits,
        mse: likeness.mse,
        psnr: Some(likeness.psnr).filter(|psnr| psnr.is_finite()),
        ms_ssim: likeness.ms_ssim,
        ssimulacra2: likeness.ssimulacra2,
        encode_seconds: coded.encode_seconds,
        decode_seconds: coded.decode_seconds,
    })
}
