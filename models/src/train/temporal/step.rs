//! One step of training, and evaluation.

use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};

use super::TemporalRecipe;
use super::checkpoint::State;
use super::record::Sample;
use crate::prior::gaussian_bits;
use crate::prior::{
    GroupsConfig, MOTION_PLANES, TemporalPrior, lambda, marks, parity_mask, scale_of,
};
use crate::rounding::rounded_after;
use crate::standard::{LATENT_STRIDE, Noise, per_picture, quality_plane};
use crate::train::optimise::descend;
use crate::train::step::{Seen, running_mean};
use crate::train::{Point, TrainError};

/// Bits that a squared error of 1 is worth, in the quantiser's domain: what high-rate
/// theory gives, D = 1/12 and dD/dR = −2 ln 2 · D.
const BITS_OF_ERROR: f64 = 8.66;

/// Samples as tensors.
struct Batch<'a> {
    samples: Vec<&'a Sample>,
    device: &'a Device,
}

/// What a frame of a batch costs, and what it leaves.
struct Coded {
    /// `[b]`.
    bits: Tensor<1>,
    /// Squared error in the quantiser's domain, `[b]`.
    error: Tensor<1>,
    /// Residuals of each sample, `[m][h][w]`.
    residuals: Vec<Vec<i32>>,
}

impl<'a> Batch<'a> {
    /// `[b, c, h, w]` of what each sample has as `[h][w][c]`.
    fn tensor(&self, of: impl Fn(usize) -> Vec<f32>) -> Tensor<4> {
        let values: Vec<f32> = (0..self.samples.len()).flat_map(of).collect();
        let (b, first) = (self.samples.len(), self.samples[0]);
        let channels = values.len() / (b * first.h * first.w);
        let data = TensorData::new(values, [b, first.h, first.w, channels]);
        Tensor::<4>::from_data(data, self.device).permute([0, 3, 1, 2])
    }

    /// Codes frame `t`; `residuals` are those of each sample's frames before it, the intra
    /// frame's first.
    fn code(
        &self,
        prior: &TemporalPrior,
        groups: &GroupsConfig,
        t: usize,
        residuals: &[Vec<Vec<i32>>],
    ) -> Coded {
        let (b, h, w) = (self.samples.len(), self.samples[0].h, self.samples[0].w);
        let frames = self.samples.iter().map(|sample| &sample.frames[t]);
        let qualities: Vec<f64> = frames.clone().map(|f| f.quality.get().into()).collect();
        let gain: Vec<f32> = frames.flat_map(|frame| frame.gain.clone()).collect();
        let m = gain.len() / b;
        let gain = Tensor::<4>::from_data(TensorData::new(gain, [b, m, 1, 1]), self.device);
        let y = self.tensor(|i| self.samples[i].frames[t].y.clone());
        let y_ref = self.tensor(|i| self.samples[i].frames[t].y_ref.clone());
        let known = self.tensor(|i| {
            let frame = &self.samples[i].frames[t];
            let before = &residuals[i][frame.from];
            let marks = marks(before, frame.from == 0, &frame.blocks, h, w);
            marks.into_iter().map(f32::from).collect()
        });
        debug_assert_eq!(known.dims()[1], y.dims()[1] + MOTION_PLANES);
        let quality = quality_plane(&qualities, self.device).expand([b, 1, h, w]);
        let mut means = prior.mean.start(y_ref.clone(), quality);
        let mut shapes = prior.shape.start(known, &qualities);
        let mut bits = Tensor::<1>::zeros([b], self.device);
        let mut error = Tensor::<1>::zeros([b], self.device);
        let mut coded: Vec<Tensor<4>> = Vec::new();
        for (i, step) in groups.init().steps().iter().enumerate() {
            let part = |x: &Tensor<4>| x.clone().narrow(1, step.first, step.channels);
            let (y, before, gain) = (part(&y), part(&y_ref), part(&gain));
            let mask = parity_mask(step.pass, h, w, self.device);
            let mu = prior.mean.head(&means, i, before.clone()) * gain.clone();
            let index = prior.shape.head(&shapes, i);
            let residual = y.clone() - mu.clone();
            let r = chosen(&residual, &index);
            let sigma = scale_of(index);
            bits = bits + per_picture(gaussian_bits(r.clone(), sigma) * mask.clone());
            // Symbols are chosen for rate and distortion together: where they are best, what
            // a mean changes is the distortion that they leave.
            let off = (residual - r.clone()) * mask.clone();
            error = error + per_picture(off.square());
            let known = (mu + r.clone()) * mask.clone() / gain;
            means = prior
                .mean
                .update(means, step.group, known, before * mask.clone());
            let r = r * mask;
            shapes = shapes.update(step.group, r.clone());
            match coded.get_mut(step.group) {
                Some(other_half) => *other_half = other_half.clone() + r.detach(),
                None => coded.push(r.detach()),
            }
        }
        let all = host(Tensor::cat(coded, 1));
        let each = all.len() / b;
        let residuals = all
            .chunks_exact(each)
            .map(|r| r.iter().map(|v| v.round() as i32).collect())
            .collect();
        Coded {
            bits,
            error,
            residuals,
        }
    }
}

/// The symbols for residuals, as an encoder chooses them.
fn chosen(residual: &Tensor<4>, index: &Tensor<4>) -> Tensor<4> {
    let (values, indices) = (host(residual.clone()), host(index.clone()));
    let pairs = values.iter().zip(&indices);
    let symbols = pairs.map(|(&v, &index)| rounded_after(v, index.round() as u16) as f32);
    let data = TensorData::new(symbols.collect::<Vec<f32>>(), residual.dims());
    Tensor::from_data(data, &residual.device())
}

fn host(tensor: Tensor<4>) -> Vec<f32> {
    tensor
        .into_data()
        .try_to_vec()
        .expect("f32 by construction")
}

/// One step: a pure function of the state, the recipe and the samples.
pub fn step(
    state: State,
    recipe: &TemporalRecipe,
    groups: &GroupsConfig,
    samples: &[Sample],
    device: &Device,
) -> Result<(State, Seen), TrainError> {
    let State {
        prior,
        mean,
        mut optimiser,
        step,
    } = state;
    let mut noise = Noise::new(recipe.seed ^ (step + 1).wrapping_mul(0xd134_2543_de82_ef95));
    let drawn = (0..recipe.clips.batch)
        .map(|_| &samples[(noise.next_u64() % samples.len() as u64) as usize]);
    let batch = Batch {
        samples: drawn.collect(),
        device,
    };
    let frames = batch.samples.iter().map(|s| s.frames.len()).min();
    let frames = frames.unwrap_or_default().min(recipe.clips.frames);
    let (w, h) = recipe.clips.size;
    let per_pixel = 1.0 / (f64::from(w) * f64::from(h) * frames as f64);

    let count = batch.samples.len();
    let mut bits = Tensor::<1>::zeros([count], device);
    let mut error = Tensor::<1>::zeros([count], device);
    let first = batch.samples.iter().map(|s| vec![s.residuals.clone()]);
    let mut residuals: Vec<Vec<Vec<i32>>> = first.collect();
    for t in 0..frames {
        let coded = batch.code(&prior, groups, t, &residuals);
        bits = bits + coded.bits;
        error = error + coded.error;
        for (all, frame) in residuals.iter_mut().zip(coded.residuals) {
            all.push(frame);
        }
    }
    let (bpp, error) = (bits * per_pixel, error * per_pixel);
    // As for pictures: each quality's loss divided by √λ, so that none dominates.
    let qualities = batch.samples.iter().map(|s| f64::from(s.quality.get()));
    let weights: Vec<f32> = qualities.map(|q| lambda(q).sqrt().recip() as f32).collect();
    let weights = Tensor::<1>::from_data(TensorData::new(weights, [count]), device);
    let loss = ((bpp.clone() + error.clone() * BITS_OF_ERROR) * weights).mean();

    let grads = GradientsParams::from_grads(loss.backward(), &prior);
    let (prior, norm) = descend(&mut optimiser, &recipe.schedule, step, prior, grads)?;
    if !norm.is_finite() {
        return Err(TrainError::Diverged { step, norm });
    }
    let mean = running_mean(mean, &prior, &recipe.schedule, step + 1);
    // In the quantiser's domain; there are no pixels here.
    let distortion = f64::from(error.mean().into_scalar::<f32>());
    let seen = Seen {
        loss: f64::from(loss.into_scalar::<f32>()),
        bpp: f64::from(bpp.mean().into_scalar::<f32>()),
        mse: distortion,
        distortion,
        norm,
    };
    let state = State {
        prior,
        mean,
        optimiser,
        step: step + 1,
    };
    Ok((state, seen))
}

/// Rates of samples held aside, by bands of qualities, as they would be coded. The
/// distortion is given as a PSNR of latents against a step of the quantiser.
pub fn evaluate(
    prior: &TemporalPrior,
    groups: &GroupsConfig,
    samples: &[Sample],
    device: &Device,
) -> Vec<Point> {
    let bands = [(1, 35), (36, 65), (66, 100)];
    let point = |(low, high): (u8, u8)| {
        let (mut bits, mut error, mut pixels) = (0.0, 0.0, 0.0);
        for sample in samples {
            if !(f32::from(low)..=f32::from(high)).contains(&sample.quality.get()) {
                continue;
            }
            let batch = Batch {
                samples: vec![sample],
                device,
            };
            let mut residuals = vec![vec![sample.residuals.clone()]];
            for t in 0..sample.frames.len() {
                let coded = batch.code(prior, groups, t, &residuals);
                bits += f64::from(coded.bits.sum().into_scalar::<f32>());
                error += f64::from(coded.error.sum().into_scalar::<f32>());
                pixels += (sample.h * sample.w * LATENT_STRIDE * LATENT_STRIDE) as f64;
                residuals[0].extend(coded.residuals);
            }
        }
        Point {
            quality: low.midpoint(high),
            bpp: bits / f64::max(pixels, 1.0),
            bpp_z: 0.0,
            ms_ssim: 0.0,
            psnr: -10.0 * (error / f64::max(pixels, 1.0)).max(1e-9).log10(),
        }
    };
    bands.into_iter().map(point).collect()
}
