//! One picture at one quality, and means over pictures.

use std::time::Instant;

use anyhow::{Context, Result};
use lic_codec::measure::{ms_ssim, ms_ssim_db, mse};
use lic_codec::{Decoder, EncodeOptions, Image, Limits, Model, Quality, encode};
use lic_models::Zoo;
use serde::Serialize;

use crate::report::bpp;

/// A picture at a quality.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The picture's file name.
    pub picture: String,
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Quality, 1 to 100.
    pub quality: f32,
    /// Length of the file.
    pub bytes: u64,
    /// Its bits for each pixel.
    pub bpp: f64,
    /// What the model predicted for its symbols, in bits.
    pub predicted_bits: f64,
    /// Mean squared error of the decoded 8-bit picture.
    pub mse: f64,
    /// PSNR in dB; null if nothing was lost.
    pub psnr: f64,
    /// MS-SSIM, 0 to 1; null if the picture is too small for it.
    pub ms_ssim: Option<f64>,
    /// Wall time from the picture in memory to the file in memory.
    pub encode_seconds: f64,
    /// Wall time back.
    pub decode_seconds: f64,
}

/// Means over the pictures at a quality.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// Quality, 1 to 100.
    pub quality: f32,
    /// Mean of the pictures' bits a pixel.
    pub bpp: f64,
    /// Mean of the pictures' PSNR in dB; null if a picture lost nothing.
    pub psnr: f64,
    /// PSNR of the mean of the pictures' squared errors; null if none lost
    /// anything.
    pub psnr_of_mean_mse: f64,
    /// Mean of the pictures' MS-SSIM; null if a picture is too small for it.
    pub ms_ssim: Option<f64>,
    /// That mean in dB.
    pub ms_ssim_db: Option<f64>,
    /// Length of the files over what the model predicted.
    pub file_over_predicted: f64,
    /// Megapixels a second, all pixels over all time.
    pub encode_mps: f64,
    /// Back.
    pub decode_mps: f64,
}

/// A model to encode with, and where the decoder finds it.
pub struct Pair<'a> {
    /// Where the decoder looks.
    pub zoo: &'a Zoo,
    /// What the encoder uses.
    pub model: &'a dyn Model,
}

impl Pair<'_> {
    /// Encodes `image`, decodes the bytes, and compares.
    pub fn measure(&self, name: &str, image: &Image, quality: Quality) -> Result<Row> {
        let began = Instant::now();
        let mut file = Vec::new();
        let report = encode(image, self.model, &EncodeOptions::new(quality), &mut file)?;
        let encode_seconds = began.elapsed().as_secs_f64();

        let began = Instant::now();
        // Our own file, a moment old: it may be as large as it likes.
        let decoder = Decoder::new(&file[..]).limits(Limits::none());
        let decoded = decoder.decode(self.zoo)?;
        let decode_seconds = began.elapsed().as_secs_f64();

        let mse = mse(image, &decoded).context("it decodes to another size")?;
        let (width, height) = (image.width(), image.height());
        Ok(Row {
            picture: name.to_owned(),
            width,
            height,
            quality: quality.get(),
            bytes: report.bytes,
            bpp: bpp(report.bytes, width, height),
            predicted_bits: report.predicted_bits,
            mse,
            psnr: psnr_of(mse),
            ms_ssim: ms_ssim(image, &decoded),
            encode_seconds,
            decode_seconds,
        })
    }
}

impl Row {
    /// Pixels of the picture.
    pub fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

impl Summary {
    /// Of the rows of one quality; there is one at least.
    pub fn of<'a>(rows: impl Iterator<Item = &'a Row>) -> Self {
        let rows: Vec<&Row> = rows.collect();
        let sum = |f: fn(&Row) -> f64| rows.iter().map(|row| f(row)).sum::<f64>();
        let mean = |f: fn(&Row) -> f64| sum(f) / rows.len() as f64;
        let megapixels = sum(|row| row.pixels() as f64) / 1e6;
        let known: Option<Vec<f64>> = rows.iter().map(|row| row.ms_ssim).collect();
        let ms_ssim = known.map(|known| known.iter().sum::<f64>() / known.len() as f64);
        Self {
            quality: rows.first().map_or(0.0, |row| row.quality),
            bpp: mean(|row| row.bpp),
            psnr: mean(|row| row.psnr),
            psnr_of_mean_mse: psnr_of(mean(|row| row.mse)),
            ms_ssim,
            ms_ssim_db: ms_ssim.map(ms_ssim_db),
            file_over_predicted: sum(|row| row.bytes as f64 * 8.0) / sum(|row| row.predicted_bits),
            encode_mps: megapixels / sum(|row| row.encode_seconds),
            decode_mps: megapixels / sum(|row| row.decode_seconds),
        }
    }
}

fn psnr_of(mse: f64) -> f64 {
    10.0 * (255.0 * 255.0 / mse).log10()
}

#[cfg(test)]
mod tests {
    use super::*;
    use lic_codec::{Channels, Null};
    use lic_models::Backend;

    #[test]
    fn means_are_of_pictures_and_speeds_of_pixels() {
        let zoo = Zoo::on(Backend::Cpu).unwrap();
        let pair = Pair {
            zoo: &zoo,
            model: &Null,
        };
        let noise = |i: u32| (i.wrapping_mul(2_654_435_761) >> 24) as u8;
        let picture = |n: u32| {
            let samples: Vec<u8> = (0..n * n).map(noise).collect();
            Image::new(n, n, Channels::Grey, samples).unwrap()
        };
        let quality = Quality::new(60).unwrap();
        let row = |n| pair.measure("a", &picture(n), quality).unwrap();
        let (small, large) = (row(40), row(200));
        assert!(small.ms_ssim.is_none() && large.ms_ssim.is_some());

        let summary = Summary::of([&small, &large].into_iter());
        assert!((summary.bpp - (small.bpp + large.bpp) / 2.0).abs() < 1e-12);
        assert!((summary.psnr - (small.psnr + large.psnr) / 2.0).abs() < 1e-12);
        // A mean of logarithms is above the logarithm of the mean here.
        assert!(summary.psnr >= summary.psnr_of_mean_mse);
        assert_eq!(summary.ms_ssim, None);
        let seconds = small.encode_seconds + large.encode_seconds;
        let speed = (small.pixels() + large.pixels()) as f64 / 1e6 / seconds;
        assert!((summary.encode_mps / speed - 1.0).abs() < 1e-9);
        assert!((1.0..1.1).contains(&summary.file_over_predicted));
        assert_eq!(Summary::of([&large].into_iter()).ms_ssim, large.ms_ssim);
    }
}
