//! What activations of the blocks are multiples of, where products are of bytes.
//!
//! A step for every channel of every tensor that a product reads, so that channels of
//! very different energy keep their digits; steps of inputs go into the weights, which
//! then have a step for every output (Jacob et al., *Quantization and Training of Neural
//! Networks*, CVPR 2018, section 2, with channels apart on both sides). The residual
//! stream stays in `f32`, as do the projections between the stages.

use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};
use lic_codec::Digest;

use crate::standard::{LATENT_STRIDE, Standard};
use crate::transform::{Block, shuffle, unshuffle};

use super::conv::host;
use super::exp_at;

/// First bytes of the file.
const MAGIC: [u8; 4] = *b"LICS";
/// The share of activations that is beyond the greatest byte.
const BEYOND: f64 = 0.0005;
/// The greatest activation of a channel, at the least.
const LEAST: f32 = 1e-4;
/// Qualities whose latents a synthesis is calibrated with.
const QUALITIES: [f32; 3] = [5.0, 50.0, 95.0];
/// Tensors of a block that products read.
const TENSORS: usize = 5;

/// Steps of the tensors of a block: what `reduce`, `spatial`, `expand`, `gate` and
/// `merge` read.
pub(super) type BlockSteps = [Vec<f32>; TENSORS];

/// Steps of all blocks of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Steps {
    /// `g_a` at 1/8 and 1/16, `g_s` at 1/16 and 1/8.
    pub(super) stages: [Vec<BlockSteps>; 4],
}

/// Channels of the tensors of a block.
fn channels(block: &Block) -> [usize; TENSORS] {
    let inputs = |layer: &burn::nn::conv::Conv2d| layer.weight.dims()[1];
    let layers = [
        &block.reduce,
        &block.spatial,
        &block.expand,
        &block.gate,
        &block.merge,
    ];
    layers.map(inputs)
}

fn stages(model: &Standard) -> [&[Block]; 4] {
    let (g_a, g_s) = (&model.g_a, &model.g_s);
    [&g_a.fine, &g_a.coarse, &g_s.coarse, &g_s.fine]
}

impl Steps {
    /// The file: magic, digest of the weights, little-endian `f32`.
    pub fn to_bytes(&self, weights: Digest) -> Vec<u8> {
        let steps = self.stages.iter().flatten().flatten().flatten();
        let steps = steps.flat_map(|step| step.to_le_bytes());
        MAGIC.into_iter().chain(weights.0).chain(steps).collect()
    }

    /// Those of `model`, whose weights have this digest; `None` if the file is of others.
    pub fn of(model: &Standard, weights: Digest, file: &[u8]) -> Option<Self> {
        let head: Vec<u8> = MAGIC.into_iter().chain(weights.0).collect();
        let (steps, []) = file.strip_prefix(&head[..])?.as_chunks::<4>() else {
            return None;
        };
        let mut steps = steps.iter().map(|bytes| f32::from_le_bytes(*bytes));
        let mut take = |count: usize| -> Option<Vec<f32>> {
            let some: Vec<f32> = steps.by_ref().take(count).collect();
            let sound = some.iter().all(|step| step.is_finite() && *step > 0.0);
            (some.len() == count && sound).then_some(some)
        };
        let mut read = |blocks: &[Block]| -> Option<Vec<BlockSteps>> {
            let of = |block: &Block| {
                let [a, b, c, d, e] = channels(block).map(&mut take);
                Some([a?, b?, c?, d?, e?])
            };
            blocks.iter().map(of).collect()
        };
        let [a, b, c, d] = stages(model).map(&mut read);
        let stages = [a?, b?, c?, d?];
        steps.next().is_none().then_some(Self { stages })
    }

    /// Watches `model` code pictures, each `[16 h][16 w][3]` in 0..=1 with `[h, w]`.
    ///
    /// # Errors
    /// If the backend fails, or a picture is not of its size.
    pub fn calibrate(
        model: &Standard,
        pictures: &[(Vec<f32>, [usize; 2])],
        device: &Device,
    ) -> Result<Self, String> {
        let empty = |blocks: &[Block]| -> Vec<[Vec<f32>; TENSORS]> {
            let zeros = |block| channels(block).map(|count| vec![0.0; count]);
            blocks.iter().map(zeros).collect()
        };
        let mut greatest = stages(model).map(empty);
        for (samples, [h, w]) in pictures {
            let size = [1, LATENT_STRIDE * h, LATENT_STRIDE * w, 3];
            super::expect_length("picture", samples.len(), size.iter().product())?;
            let data = TensorData::new(samples.clone(), size);
            let x = Tensor::<4>::from_data(data, device).permute([0, 3, 1, 2]);
            let [fine, coarse, from, to] = &mut greatest;
            let x = unshuffle(model.g_a.lapped.pre(x - 0.5), 8);
            let x = watched(&model.g_a.fine, model.g_a.klt_embed.forward(x), fine)?;
            let x = model.g_a.klt_down.forward(unshuffle(x, 2));
            let y = watched(&model.g_a.coarse, x, coarse)?;
            for quality in QUALITIES {
                let vector = |log: &[f32]| {
                    let gain = exp_at(log, quality);
                    let count = gain.len();
                    Tensor::<4>::from_data(TensorData::new(gain, [1, count, 1, 1]), device)
                };
                let gain = vector(&host(model.gain.log_gain.val())?);
                let inverse = vector(&host(model.gain.log_inverse.val())?);
                let y_hat = (y.clone() * gain).round() * inverse;
                let x = watched(&model.g_s.coarse, y_hat, from)?;
                let x = shuffle(model.g_s.klt_up.forward(x), 2);
                watched(&model.g_s.fine, x, to)?;
            }
        }
        // A channel that is always zero must not widen the steps of the weights that read
        // it, which belong to all channels together.
        let step = |most: f32| most.max(LEAST) / 127.0;
        let steps = |blocks: Vec<[Vec<f32>; TENSORS]>| {
            let of = |block: [Vec<f32>; TENSORS]| {
                block.map(|tensor| tensor.into_iter().map(step).collect())
            };
            blocks.into_iter().map(of).collect()
        };
        Ok(Self {
            stages: greatest.map(steps),
        })
    }
}

/// The blocks' output; what they read is noted.
fn watched(
    blocks: &[Block],
    mut x: Tensor<4>,
    greatest: &mut [[Vec<f32>; TENSORS]],
) -> Result<Tensor<4>, String> {
    for (block, greatest) in blocks.iter().zip(greatest) {
        let reduced = block.reduce.forward(x.clone());
        let branch = relu(block.spatial.forward(reduced.clone()));
        let between = x.clone() + block.expand.forward(branch.clone());
        let gate = block.gate.forward(between.clone());
        let hidden = gate.dims()[1] / 2;
        let u = gate.clone().narrow(1, 0, hidden);
        let hidden = relu(u) * gate.narrow(1, hidden, hidden);
        let read = [x.clone(), reduced, branch, between.clone(), hidden.clone()];
        for (tensor, greatest) in read.into_iter().zip(greatest) {
            note(tensor, greatest)?;
        }
        x = between + block.merge.forward(hidden);
    }
    Ok(x)
}

/// Raises `greatest`, channel by channel, to the size that [`BEYOND`] of the tensor
/// reaches.
fn note(tensor: Tensor<4>, greatest: &mut [f32]) -> Result<(), String> {
    let [_, channels, h, w] = tensor.dims();
    super::expect_length("channels", channels, greatest.len())?;
    let beyond = ((h * w) as f64 * BEYOND) as usize;
    for (plane, greatest) in host(tensor)?.chunks_exact(h * w).zip(greatest) {
        let mut sizes: Vec<f32> = plane.iter().map(|v| v.abs()).collect();
        sizes.sort_unstable_by(f32::total_cmp);
        *greatest = greatest.max(sizes[sizes.len() - 1 - beyond.min(sizes.len() - 1)]);
    }
    Ok(())
}
