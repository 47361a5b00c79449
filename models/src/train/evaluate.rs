//! Evaluation on crops held aside: the model's own estimate with everything
//! rounded as it would be coded.

use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;
use serde::Serialize;

use super::objective::{ms_ssim, squared_error};
use crate::standard::{Rounding, Standard};

/// One point of a rate-distortion curve, mean over crops.
#[derive(Debug, Clone, Serialize)]
pub struct Point {
    /// Quality 1..=100.
    pub quality: u8,
    /// Bits per pixel.
    pub bpp: f64,
    /// Of these, of the hyper-latents.
    pub bpp_z: f64,
    /// PSNR of the 8-bit picture in dB, mean of per-crop values.
    pub psnr: f64,
    /// MS-SSIM of the same in dB, −10·log10(1 − MS-SSIM), mean of per-crop values.
    pub ms_ssim: f64,
}

/// Qualities evaluated.
const QUALITIES: [u8; 5] = [10, 30, 50, 70, 90];

/// `crops`: pixels of RGB crops of side `size`, one after the other. On a trellis, if
/// `trellis` says so.
pub fn evaluate(
    model: &Standard,
    crops: &[u8],
    size: usize,
    trellis: bool,
    device: &Device,
) -> Vec<Point> {
    let each = size * size * 3;
    QUALITIES
        .iter()
        .map(|&quality| {
            let mut point = Point {
                quality,
                bpp: 0.0,
                bpp_z: 0.0,
                psnr: 0.0,
                ms_ssim: 0.0,
            };
            let count = (crops.len() / each) as f64;
            for crop in crops.chunks_exact(each) {
                let x = pictures(crop, 1, size, device);
                let rounding = match trellis {
                    true => Rounding::Trellis(None),
                    false => Rounding::Hard,
                };
                let pass = model.forward(x.clone(), &[f64::from(quality)], rounding);
                let x_hat = (pass.x_hat.clamp(0.0, 1.0) * 255.0).round() / 255.0;
                let mse: f32 = squared_error(x_hat.clone(), x.clone()).into_scalar();
                let similarity = f64::from(ms_ssim(x_hat, x).into_scalar::<f32>());
                let pixels = (size * size) as f64;
                let bits_z = f64::from(pass.bits_z.sum().into_scalar::<f32>());
                let bits_y = f64::from(pass.bits_y.sum().into_scalar::<f32>());
                point.bpp += (bits_y + bits_z) / pixels / count;
                point.bpp_z += bits_z / pixels / count;
                point.ms_ssim += -10.0 * (1.0 - similarity).max(1e-6).log10() / count;
                point.psnr += 10.0 * (255.0f64.powi(2) / f64::from(mse).max(1e-4)).log10() / count;
            }
            point
        })
        .collect()
}

/// Interleaved RGB bytes of `n` squares as a tensor `[n, 3, size, size]` in 0..=1.
pub fn pictures(bytes: &[u8], n: usize, size: usize, device: &Device) -> Tensor<4> {
    by_planes(samples(bytes, n, size), device)
}

/// The same as samples, `[n, size, size, 3]`.
pub fn samples(bytes: &[u8], n: usize, size: usize) -> TensorData {
    let values: Vec<f32> = bytes.par_iter().map(|&b| f32::from(b) / 255.0).collect();
    TensorData::new(values, [n, size, size, 3])
}

/// Those samples as a tensor `[n, 3, size, size]`.
pub fn by_planes(samples: TensorData, device: &Device) -> Tensor<4> {
    Tensor::<4>::from_data(samples, device).permute([0, 3, 1, 2])
}
