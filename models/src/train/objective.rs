//! What training calls distortion.

use burn::tensor::activation::relu;
use burn::tensor::module::avg_pool2d;
use burn::tensor::ops::AvgPoolOptions;
use burn::tensor::{DType, Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::prior::lambda;

/// The distortion D of the loss R + λD.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Objective {
    /// Mean squared error of 0..=255 pixels: PSNR.
    #[default]
    Mse,
    /// 1 − MS-SSIM.
    MsSsim,
}

/// How many times greater λ is for 1 − MS-SSIM than for the squared error at the same
/// quality: the ratio of the two scales of λ that the field trains with, 2.40 / 0.0018 to
/// 60.5 / 0.0483 (CompressAI, *Model zoo*, "Training"), is 1,250 to 1,333.
const MS_SSIM_SCALE: f64 = 1290.0;

impl Objective {
    /// λ at `quality` in 1..=100.
    pub fn lambda(self, quality: f64) -> f64 {
        match self {
            Self::Mse => lambda(quality),
            Self::MsSsim => MS_SSIM_SCALE * lambda(quality),
        }
    }

    /// D of every picture: `x_hat` and `x` are `[b, 3, h, w]` in 0..=1 → `[b]`.
    pub fn distortion(self, x_hat: Tensor<4>, x: Tensor<4>) -> Tensor<1> {
        match self {
            Self::Mse => squared_error(x_hat, x),
            Self::MsSsim => -ms_ssim(x_hat, x) + 1.0,
        }
    }
}

/// Mean squared error of 0..=255 pixels of every picture, `[b]`.
pub fn squared_error(x_hat: Tensor<4>, x: Tensor<4>) -> Tensor<1> {
    let [b, ..] = x.dims();
    let error = ((x_hat - x) * 255.0).square().flatten::<2>(1, 3);
    error.mean_dim(1).reshape([b])
}

/// Exponents of the scales, the finest first (Wang, Simoncelli and Bovik 2003,
/// section 3.2).
const WEIGHTS: [f64; 5] = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];
/// Taps of the window.
const TAPS: usize = 11;
/// Standard deviation of the window, in samples.
const SIGMA: f64 = 1.5;
/// The shortest side of a picture for which the window fits the coarsest scale.
pub const SHORTEST: usize = TAPS << (WEIGHTS.len() - 1);

/// Multi-scale structural similarity of every picture, `[b]`, as
/// `lic_codec::measure::ms_ssim` defines it, with a gradient. `[b, c, h, w]` in 0..=1;
/// sides are multiples of 16 and at least [`SHORTEST`].
pub fn ms_ssim(a: Tensor<4>, b: Tensor<4>) -> Tensor<1> {
    let [pictures, channels, mut h, mut w] = a.dims();
    let count = pictures * channels;
    let (mut a, mut b) = (a.reshape([count, 1, h, w]), b.reshape([count, 1, h, w]));
    let mut product = Tensor::<1>::ones([count], &a.device());
    for (scale, weight) in WEIGHTS.into_iter().enumerate() {
        let last = scale + 1 == WEIGHTS.len();
        let (luminance, structure) = similarity(a.clone(), b.clone());
        let of = if last {
            luminance * structure
        } else {
            structure
        };
        let mean = of.flatten::<2>(1, 3).mean_dim(1).reshape([count]);
        // What is negative counts as nothing; a bit more than that keeps the power's
        // gradient finite.
        product = product * (relu(mean) + 1e-6).powf_scalar(weight);
        if !last {
            let halve = |x: Tensor<4>| avg_pool2d(x, AvgPoolOptions::new([2, 2]));
            (a, b) = (halve(a), halve(b));
            (h, w) = (h / 2, w / 2);
        }
    }
    debug_assert!(h >= TAPS && w >= TAPS);
    product
        .reshape([pictures, channels])
        .mean_dim(1)
        .reshape([pictures])
}

/// The luminance term and the contrast-structure term at every position.
fn similarity(a: Tensor<4>, b: Tensor<4>) -> (Tensor<4>, Tensor<4>) {
    const C1: f64 = 0.01 * 0.01;
    const C2: f64 = 0.03 * 0.03;
    let [count, ..] = a.dims();
    let products = vec![
        a.clone() * a.clone(),
        b.clone() * b.clone(),
        a.clone() * b.clone(),
    ];
    let all = Tensor::cat([vec![a, b], products].concat(), 0);
    let all = blurred(all);
    let part = |i: usize| all.clone().narrow(0, i * count, count);
    let (mean_a, mean_b) = (part(0), part(1));
    let (aa, bb) = (mean_a.clone().square(), mean_b.clone().square());
    let ab = mean_a * mean_b;
    let variances = part(2) - aa.clone() + part(3) - bb.clone();
    let covariance = part(4) - ab.clone();
    let luminance = (ab * 2.0 + C1) / (aa + bb + C1);
    let structure = (covariance * 2.0 + C2) / (variances + C2);
    (luminance, structure)
}

/// `[n, 1, h, w]` weighted by the window, where it fits. Products of matrices of doubles:
/// libtorch may be asked to compute single precision, convolutions or products, with
/// bfloat16 on the processors that have it, and variances as differences of such numbers
/// are noise.
fn blurred(x: Tensor<4>) -> Tensor<4> {
    let [count, _, h, w] = x.dims();
    let device = x.device();
    let (rows, columns) = (h - TAPS + 1, w - TAPS + 1);
    let x = x.cast(DType::F64);
    let x = x.reshape([count * h, w]).matmul(window(w, &device));
    let down = window(h, &device).transpose().reshape([1, rows, h]);
    let x = down.matmul(x.reshape([count, h, columns]));
    x.reshape([count, 1, rows, columns]).cast(DType::F32)
}

/// `[side, side − TAPS + 1]`: the window at every place where it fits, as columns.
fn window(side: usize, device: &Device) -> Tensor<2> {
    let at = |i: usize| {
        let d = i as f64 - (TAPS / 2) as f64;
        (-d * d / (2.0 * SIGMA * SIGMA)).exp()
    };
    let sum: f64 = (0..TAPS).map(at).sum();
    let places = side - TAPS + 1;
    let values: Vec<f32> = (0..side * places)
        .map(|i| match (i / places).checked_sub(i % places) {
            Some(tap) if tap < TAPS => (at(tap) / sum) as f32,
            _ => 0.0,
        })
        .collect();
    Tensor::<2>::from_data(TensorData::new(values, [side, places]), device).cast(DType::F64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lic_codec::{Channels, Image, Samples, measure};

    /// Two pictures of which the second is the first with errors of up to `noise`.
    fn pair(size: usize, noise: u32) -> [Vec<u8>; 2] {
        let mut state = 7u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 24
        };
        let clean: Vec<u8> = (0..size * size * 3)
            .map(|i| {
                let (x, y) = (i / 3 % size, i / 3 / size);
                ((x * x / 40 + y * 3 + i % 3 * 20) % 200 + 20) as u8
            })
            .collect();
        let noisy = clean.iter().map(|&v| {
            let error = random() % (2 * noise + 1);
            (u32::from(v) + error).saturating_sub(noise).min(255) as u8
        });
        let noisy = noisy.collect();
        [clean, noisy]
    }

    #[test]
    fn ms_ssim_is_the_codecs() {
        let size = 192;
        for noise in [1, 12, 60] {
            let bytes = pair(size, noise);
            let [a, b] = bytes.clone().map(|bytes| {
                Image::new(
                    size as u32,
                    size as u32,
                    Channels::Rgb,
                    Samples::Eight(bytes),
                )
                .unwrap()
            });
            let expected = measure::ms_ssim(&a, &b).unwrap();
            let [a, b] =
                bytes.map(|b| super::super::evaluate::pictures(&b, 1, size, &Device::flex()));
            let found = f64::from(ms_ssim(a, b).into_scalar::<f32>());
            // f32 against f64, five scales of windows of 121 products.
            assert!(
                (found - expected).abs() < 2e-5,
                "{noise}: {found} {expected}"
            );
        }
    }

    #[test]
    fn its_gradient_is_a_difference() {
        let size = SHORTEST;
        let device = Device::flex().autodiff();
        let [a, b] =
            pair(size, 20).map(|bytes| super::super::evaluate::pictures(&bytes, 1, size, &device));
        let b = b.require_grad();
        let grads = Objective::MsSsim
            .distortion(b.clone(), a.clone())
            .sum()
            .backward();
        let gradient = b.grad(&grads).unwrap();
        let squares: f32 = gradient.clone().square().sum().into_scalar();
        let step = 2e-3 / f64::from(squares).sqrt();
        let moved = b.inner() + gradient.clone() * step;
        let back = moved.clone() - gradient * (2.0 * step);
        let at = |x: Tensor<4>| -> f64 {
            let d: f32 = Objective::MsSsim
                .distortion(x, a.clone().inner())
                .into_scalar();
            f64::from(d)
        };
        let slope = (at(moved) - at(back)) / (2.0 * step);
        // Central differences of an f32 near 1e-2.
        assert!(
            (slope / f64::from(squares) - 1.0).abs() < 0.03,
            "{slope} {squares}"
        );
    }
}
