//! How alike two pictures are: what `lic compare` prints and `lic bench` records.

use anyhow::{Context, Result, ensure};
use lic_codec::measure::{ms_ssim, mse, psnr_of};
use lic_codec::{Channels, Image};
use serde::Serialize;
use ssimulacra2::{
    ColorPrimaries, Rgb, Ssimulacra2Error, TransferCharacteristic, compute_frame_ssimulacra2,
};

/// How alike two pictures of 8-bit samples are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Likeness {
    /// Mean squared error over all samples, 0 to 65,025.
    pub mse: f64,
    /// PSNR in dB; null if the pictures are equal.
    pub psnr: f64,
    /// MS-SSIM, 0 to 1; null if the shorter side is 160 pixels or less.
    pub ms_ssim: Option<f64>,
    /// SSIMULACRA2, 100 for equal pictures, about 90 where no difference is seen,
    /// below 0 for very bad ones; null if a side has less than 8 pixels.
    pub ssimulacra2: Option<f64>,
}

impl Likeness {
    /// Of two pictures of one size and the same channels.
    ///
    /// # Errors
    /// If they have not.
    pub fn of(original: &Image, other: &Image) -> Result<Self> {
        let shape = |image: &Image| {
            let kind = match image.channels() {
                Channels::Grey => "grey",
                Channels::Rgb => "colour",
            };
            format!("{}x{} pixels in {kind}", image.width(), image.height())
        };
        let mse = mse(original, other)
            .with_context(|| format!("{} against {}", shape(original), shape(other)))?;
        Ok(Self {
            mse,
            psnr: psnr_of(mse),
            ms_ssim: ms_ssim(original, other),
            ssimulacra2: ssimulacra2_of(original, other)?,
        })
    }
}

/// SSIMULACRA2 (J. Sneyers 2022), which takes samples as sRGB; grey as three equal
/// samples. Not symmetric: artefacts of `other` count otherwise than lost detail.
fn ssimulacra2_of(original: &Image, other: &Image) -> Result<Option<f64>> {
    match compute_frame_ssimulacra2(srgb(original)?, srgb(other)?) {
        Ok(score) => Ok(Some(score)),
        Err(Ssimulacra2Error::InvalidImageSize) => Ok(None),
        Err(error) => Err(error).context("SSIMULACRA2"),
    }
}

fn srgb(image: &Image) -> Result<Rgb> {
    let unit = |sample: u8| f32::from(sample) / 255.0;
    let samples = &*image.samples().eight();
    let pixels: Vec<[f32; 3]> = match image.channels() {
        Channels::Grey => samples.iter().map(|&grey| [unit(grey); 3]).collect(),
        Channels::Rgb => {
            let (pixels, rest) = samples.as_chunks::<3>();
            ensure!(rest.is_empty(), "a pixel is not whole");
            pixels.iter().map(|pixel| pixel.map(unit)).collect()
        }
    };
    let (width, height) = (image.width() as usize, image.height() as usize);
    let (transfer, primaries) = (TransferCharacteristic::SRGB, ColorPrimaries::BT709);
    Rgb::new(pixels, width, height, transfer, primaries).context("SSIMULACRA2")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture with edges and gradients, and what `change` makes of its samples.
    fn pair(size: u32, channels: Channels, change: impl Fn(usize, u8) -> u8) -> [Image; 2] {
        let wave = |i: usize| {
            let (pixel, channel) = (i / channels.count(), i % channels.count());
            let (x, y) = (pixel % size as usize, pixel / size as usize);
            ((x * (3 + channel)) ^ (y * 2)) as u8 / 2 + 60
        };
        let count = (size * size) as usize * channels.count();
        let samples: Vec<u8> = (0..count).map(wave).collect();
        let changed = samples.iter().enumerate().map(|(i, &s)| change(i, s));
        let changed = changed.collect();
        [samples, changed].map(|s| Image::new(size, size, channels, s).unwrap())
    }

    #[test]
    fn worse_pictures_score_less() {
        for channels in Channels::ALL {
            let score = |noise: usize| {
                let add = |i: usize, s: u8| s.wrapping_add((i.wrapping_mul(7919) % noise) as u8);
                let [a, b] = pair(96, channels, add);
                Likeness::of(&a, &b).unwrap().ssimulacra2.unwrap()
            };
            let scores = [1, 4, 16, 60].map(score);
            assert!((scores[0] - 100.0).abs() < 1e-9, "{scores:?}");
            assert!(scores.is_sorted_by(|a, b| a > b), "{scores:?}");
        }
    }

    #[test]
    fn what_a_small_picture_has_no_measure_for_is_none() {
        let likeness = |size| {
            let [a, b] = pair(size, Channels::Rgb, |_, s| s ^ 1);
            Likeness::of(&a, &b).unwrap()
        };
        let tiny = likeness(7);
        assert_eq!((tiny.ms_ssim, tiny.ssimulacra2), (None, None));
        assert_eq!(tiny.mse, 1.0);
        assert!(likeness(8).ssimulacra2.is_some());
        assert!(likeness(161).ms_ssim.is_some());
    }

    #[test]
    fn pictures_of_two_shapes_are_an_error() {
        let [a, _] = pair(16, Channels::Rgb, |_, s| s);
        let [b, _] = pair(16, Channels::Grey, |_, s| s);
        let text = Likeness::of(&a, &b).unwrap_err().to_string();
        assert_eq!(text, "16x16 pixels in colour against 16x16 pixels in grey");
    }
}
