//! The standard model: lapped KLT transforms, hyperprior, channel groups with
//! checkerboard passes, exact integer shapes.
//!
//! ```text
//! x ─ g_a ─ y ─ gain ─┬─────────────── − ─ round ─ r ─ + ─ y_hat ─ 1/gain ─ g_s ─ x_hat
//!                     │                │           │   │
//!                     └ h_a ─ round ─ z ┬ Mean ─── μ ──┼───┘
//!                                       └ Shape ─ σ ───┘ (integers in, index out)
//! ```

use burn::config::Config;
use burn::module::Module;
use burn::nn::PaddingConfig2d;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};

pub use crate::noise::Noise;
use crate::prior::{
    Factorized, Gain, GroupsConfig, LEVELS, Mean, MeanConfig, Shape, ShapeConfig, level_of,
    level_weights, parity_mask,
};
use crate::relaxed::Rounded;
pub use crate::relaxed::Rounding;
use crate::transform::{
    Analysis, AnalysisConfig, BlockConfig, Klt, Synthesis, SynthesisConfig, unbiased_start,
};

/// Latents are at 1/16 of the picture's resolution, hyper-latents at 1/64.
pub const LATENT_STRIDE: usize = 16;
/// Pictures are padded to a multiple of this.
pub const STRIDE: usize = 64;

/// Shape of a [`Standard`] model.
#[derive(Config, Debug)]
pub struct StandardConfig {
    /// `g_a`.
    pub analysis: AnalysisConfig,
    /// `g_s`.
    pub synthesis: SynthesisConfig,
    /// Channel groups.
    pub groups: GroupsConfig,
    /// Channels inside `h_a`.
    pub hyper_analysis: usize,
    /// Means.
    pub mean: MeanConfig,
    /// Shapes.
    pub shape: ShapeConfig,
}

impl Default for StandardConfig {
    fn default() -> Self {
        let fine = BlockConfig::new(128, 48, 256);
        let coarse = BlockConfig::new(320, 64, 160);
        Self {
            analysis: AnalysisConfig::new(fine.clone(), 3, coarse.clone(), 4),
            synthesis: SynthesisConfig::new(coarse, 4, fine, 3),
            groups: GroupsConfig::new(vec![16, 32, 48, 80, 144], 3),
            hyper_analysis: 96,
            mean: MeanConfig::new(64, 96, 128, 96),
            shape: ShapeConfig::new(64, 48, 64, 64),
        }
    }
}

/// The model's networks.
#[derive(Module, Debug)]
pub struct Standard {
    /// Pixels to latents.
    pub g_a: Analysis,
    /// Latents to pixels.
    pub g_s: Synthesis,
    /// Gain vectors.
    pub gain: Gain,
    /// Latents to hyper-latents.
    pub h_a: HyperAnalysis,
    /// Prior of the hyper-latents.
    pub factorized: Factorized,
    /// Means of the latents.
    pub mean: Mean,
    /// Shapes of the latents.
    pub shape: Shape,
    #[module(skip)]
    pub(crate) groups: GroupsConfig,
}

/// `h_a`: latents to hyper-latents, by 4 each way.
#[derive(Module, Debug)]
pub struct HyperAnalysis {
    pub(crate) at_16: Conv2d,
    pub(crate) to_32: Conv2d,
    pub(crate) to_64: Conv2d,
}

impl HyperAnalysis {
    fn new(m: usize, inside: usize, z: usize, device: &Device) -> Self {
        let halve = |from, to| {
            Conv2dConfig::new([from, to], [4, 4])
                .with_stride([2, 2])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .init(device)
        };
        Self {
            at_16: unbiased_start([m + 1, inside], 3, device),
            to_32: halve(inside, inside),
            to_64: halve(inside, z),
        }
    }

    /// `y`: `[b, m, h, w]` after gain; `quality`: `[b, 1, h, w]` in 0..=1 →
    /// `[b, z, h/4, w/4]`, not rounded.
    ///
    /// The input is taken logarithmically, sign(y)·ln(1 + |y|): its size varies by
    /// 30 over the qualities, and what `z` has to say is the logarithm of a scale.
    pub fn forward(&self, y: Tensor<4>, quality: Tensor<4>) -> Tensor<4> {
        let x = y.clone().sign() * y.abs().log1p();
        let x = relu(self.at_16.forward(Tensor::cat(vec![x, quality], 1)));
        self.to_64.forward(relu(self.to_32.forward(x)))
    }
}

/// What a forward pass says of each picture of a batch.
pub struct Estimate {
    /// `x_hat` `[b, 3, h, w]`, not clamped.
    pub x_hat: Tensor<4>,
    /// Bits of the latents, `[b]`.
    pub bits_y: Tensor<1>,
    /// Bits of the hyper-latents, `[b]`.
    pub bits_z: Tensor<1>,
}

/// What is known of a batch's latents once they are coded.
pub struct Coded {
    /// Latents with the gain taken back, `[b, m, h, w]`.
    pub y_hat: Tensor<4>,
    /// Bits of the latents, `[b]`.
    pub bits_y: Tensor<1>,
    /// Bits of the hyper-latents, `[b]`.
    pub bits_z: Tensor<1>,
}

impl StandardConfig {
    /// A model with random projections. Nothing random is computed before it is
    /// used, so this is cheap where weights are loaded next.
    pub fn init(&self, device: &Device) -> Standard {
        let m = self.groups.channels();
        let std = vec![1.0; m];
        Standard {
            g_a: self.analysis.init(device),
            g_s: self.synthesis.init(device),
            gain: Gain::new(&std, device),
            h_a: HyperAnalysis::new(m, self.hyper_analysis, self.mean.z, device),
            factorized: Factorized::new(self.mean.z, device),
            mean: self.mean.init(&self.groups, device),
            shape: self.shape.init(&self.groups, &std, device),
            groups: self.groups.clone(),
        }
    }

    /// A model that starts as the codec of `klt`.
    pub fn start_from(&self, klt: &Klt, device: &Device) -> Standard {
        let model = self.init(device);
        Standard {
            g_a: model.g_a.start_from(klt, device),
            g_s: model.g_s.start_from(klt, device),
            gain: Gain::new(klt.latent_scale(), device),
            shape: self.shape.init(&self.groups, klt.latent_scale(), device),
            ..model
        }
    }

    /// How many latents around a pixel's own its transforms see, at most: one for
    /// every block at 1/16, a half for every block at 1/8 and for the lapped filter.
    pub fn margin(&self) -> usize {
        let reach = |coarse: usize, fine: usize| coarse + (fine + 1).div_ceil(2);
        let (a, s) = (&self.analysis, &self.synthesis);
        reach(a.coarse_blocks, a.fine_blocks).max(reach(s.coarse_blocks, s.fine_blocks))
    }

    /// Multiply-accumulates a pixel: (encoder's transforms, decoder's transform,
    /// prior).
    pub fn macs(&self) -> (f64, f64, f64) {
        let (m, inside, z) = (self.groups.channels(), self.hyper_analysis, self.mean.z);
        let h_a = 9 * (m + 1) * inside * 16 + 16 * inside * inside * 4 + 16 * inside * z;
        (
            self.analysis.macs() + h_a as f64 / 4096.0,
            self.synthesis.macs(),
            self.mean.macs(&self.groups) + self.shape.macs(&self.groups),
        )
    }
}

impl Standard {
    /// Codes a batch without writing bits. `x`: `[b, 3, h, w]` in 0..=1, sides
    /// multiples of [`STRIDE`]; one quality in 1..=100 for each picture.
    pub fn forward(&self, x: Tensor<4>, qualities: &[f64], rounding: Rounding) -> Estimate {
        let (y, z) = self.analyse(x, qualities);
        let coded = self.code(y, z, qualities, rounding);
        Estimate {
            x_hat: self.g_s.forward(coded.y_hat),
            bits_y: coded.bits_y,
            bits_z: coded.bits_z,
        }
    }

    /// Latents `[b, m, h, w]`, gain on, and hyper-latents `[b, z, h/4, w/4]` of a
    /// batch; neither is rounded.
    pub fn analyse(&self, x: Tensor<4>, qualities: &[f64]) -> (Tensor<4>, Tensor<4>) {
        let device = x.device();
        let gain = self.gain.gain(&level_weights(qualities, &device));
        let y = self.g_a.forward(x) * gain;
        let [b, _, h, w] = y.dims();
        let quality = quality_plane(qualities, &device).expand([b, 1, h, w]);
        let z = self.h_a.forward(y.clone(), quality);
        (y, z)
    }

    /// Codes latents and hyper-latents, as [`analyse`](Self::analyse) gives them,
    /// without writing bits.
    pub fn code(
        &self,
        y: Tensor<4>,
        z: Tensor<4>,
        qualities: &[f64],
        mut rounding: Rounding,
    ) -> Coded {
        let device = y.device();
        let [b, _, h, w] = y.dims();
        let weights = level_weights(qualities, &device);
        let gain = self.gain.gain(&weights);
        let quality = quality_plane(qualities, &device);
        let nearest = nearest_levels(qualities, &device);
        let (z_hat, rate) = rounding.apply(z);
        let bits_z = self.factorized.bits(rate, &nearest);

        let z_plane = quality.expand([b, 1, h / 4, w / 4]);
        let mut means = self.mean.start(z_hat.clone(), z_plane);
        let mut shapes = self.shape.start(z_hat, qualities);
        let mut y_hat: Vec<Tensor<4>> = Vec::new();
        let mut bits_y = Tensor::<1>::zeros([b], &device);
        let layout = self.groups.init();
        for (i, step) in layout.steps().iter().enumerate() {
            let gain = gain.clone().narrow(1, step.first, step.channels);
            let y = y.clone().narrow(1, step.first, step.channels);
            let mask = parity_mask(step.pass, h, w, &device);
            let mu = self.mean.head(&means, i) * gain.clone();
            let scales = || self.shape.head(&shapes, i);
            let trellis = self.shape.trellis();
            let rounded = rounding.residuals(y - mu.clone(), scales, step.pass, trellis);
            let Rounded { r, rate, coded } = rounded;
            let bits = match coded {
                Some(coded) => self.shape.bits_of_coded(&shapes, i, coded, rate),
                None => self.shape.bits(&shapes, i, rate),
            };
            bits_y = bits_y + per_picture(bits * mask.clone());
            let known = (mu + r.clone()) * mask.clone();
            means = self.mean.update(means, step.group, known.clone() / gain);
            shapes = shapes.update(step.group, r * mask);
            match y_hat.get_mut(step.group) {
                Some(other_half) => *other_half = other_half.clone() + known,
                None => y_hat.push(known),
            }
        }
        Coded {
            y_hat: Tensor::cat(y_hat, 1) * self.gain.inverse(&weights),
            bits_y,
            bits_z: per_picture(bits_z),
        }
    }
}

/// Quality as the float networks see it: `[b, 1, 1, 1]` in 0..=1.
pub(crate) fn quality_plane(qualities: &[f64], device: &Device) -> Tensor<4> {
    let values: Vec<f32> = qualities.iter().map(|&q| (q / 100.0) as f32).collect();
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count, 1, 1, 1]), device)
}

/// One at each picture's level, `[b, LEVELS]`.
fn nearest_levels(qualities: &[f64], device: &Device) -> Tensor<2> {
    let mut values = vec![0.0f32; qualities.len() * LEVELS];
    for (row, &q) in values.chunks_exact_mut(LEVELS).zip(qualities) {
        row[level_of((2.0 * q).round() as u8)] = 1.0;
    }
    Tensor::from_data(TensorData::new(values, [qualities.len(), LEVELS]), device)
}

pub(crate) fn per_picture(bits: Tensor<4>) -> Tensor<1> {
    let [b, ..] = bits.dims();
    bits.flatten::<2>(1, 3).sum_dim(1).reshape([b])
}
