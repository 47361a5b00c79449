//! The prior of predicted frames, as training sees it.
//!
//! It is laid out like the prior of pictures, [`Mean`](super::Mean) and
//! [`Shape`](super::Shape), with something else at the start of each stream. There are no
//! hyper-latents: what they would say, the frame before says for nothing.
//!
//! - **Means** see `y_ref`, the latents of the frame before, moved, and after each step
//!   what was decoded and how far that is from `y_ref`. A head gives a mean and a gate:
//!   μ = v + σ(g) (y_ref − v), so that a channel that stays is passed through as it is,
//!   whatever the width of the stream.
//! - **Shapes** see integers: the residuals of the frame before, displaced by the motion
//!   that was coded, and that motion itself.
//!
//! The transforms are those of pictures, and are not touched in training.

use burn::config::Config;
use burn::module::{Module, Param};
use burn::nn::conv::Conv2d;
use burn::tensor::activation::{relu, sigmoid};
use burn::tensor::{Device, Tensor, TensorData};

use super::mean::Head;
use super::quantised::{QuantConv, he_uniform};
use super::shape::{ShapeHead, quality_activation};
use super::{GroupsConfig, Mean, Shape, ShapeStream};
use crate::transform::{conv, through, unbiased_start, zero_conv};

/// Planes that shapes see beside the residuals of the frame before: whether that was an
/// intra frame, whether nothing moves, how far it moves each way, and how far its parts
/// move apart.
pub const MOTION_PLANES: usize = 5;

/// Shape of a [`TemporalPrior`].
#[derive(Config, Debug)]
pub struct TemporalConfig {
    /// Digest of the model's weights that it was trained with: their latents are what it
    /// knows.
    pub trained_with: Option<String>,
    /// Channel groups of predicted frames.
    pub groups: GroupsConfig,
    /// Channels of the means' stream.
    pub stream: usize,
    /// Channels inside a head of the means.
    pub head: usize,
    /// Channels of the shapes' stream.
    pub shape_stream: usize,
    /// Channels inside a head of the shapes.
    pub shape_head: usize,
}

/// The networks of predicted frames.
#[derive(Module, Debug)]
pub struct TemporalPrior {
    pub(crate) mean: TemporalMean,
    pub(crate) shape: TemporalShape,
}

/// Means.
#[derive(Module, Debug)]
pub struct TemporalMean {
    /// Writes the stream, from `y_ref` and the quality.
    pub(crate) start: Conv2d,
    /// Add to the stream, one a group: `y_hat` and `y_hat − y_ref`.
    pub(crate) context: Vec<Conv2d>,
    /// One a step: means, then gates.
    pub(crate) heads: Vec<Head>,
}

/// Shapes.
#[derive(Module, Debug)]
pub struct TemporalShape {
    pub(super) start: QuantConv,
    pub(super) context: Vec<Param<Tensor<4>>>,
    pub(super) heads: Vec<ShapeHead>,
}

/// Where a gate begins: three quarters of `y_ref`.
const GATE_START: f32 = 1.1;

impl TemporalConfig {
    /// Networks that expect most of what was there before.
    pub fn init(&self, device: &Device) -> TemporalPrior {
        let layout = self.groups.init();
        let m = layout.channels();
        let head = |channels: usize| {
            let mut out = zero_conv([self.head, 2 * channels], 1, device);
            // Means at zero, gates where they begin.
            let mut start = vec![0.0; channels];
            start.resize(2 * channels, GATE_START);
            let start = Tensor::from_data(TensorData::new(start, [2 * channels]), device);
            out.bias = Some(Param::from_tensor(start));
            Head {
                mix: unbiased_start([self.stream, self.head], 1, device),
                out,
            }
        };
        let contexts = || self.groups.sizes.iter().enumerate();
        let mean = TemporalMean {
            start: unbiased_start([m + 1, self.stream], 3, device),
            context: contexts()
                .map(|(group, &channels)| {
                    conv(
                        [2 * channels, self.stream],
                        self.groups.context_kernel(group),
                    )
                    .with_bias(false)
                    .init(device)
                })
                .collect(),
            heads: layout.steps().iter().map(|s| head(s.channels)).collect(),
        };
        let shape = TemporalShape {
            start: QuantConv::new([m + MOTION_PLANES, self.shape_stream], 3, 0.7, device),
            context: contexts()
                .map(|(group, &channels)| {
                    let k = self.groups.context_kernel(group);
                    he_uniform([self.shape_stream, channels, k, k], 0.3, device)
                })
                .collect(),
            heads: layout
                .steps()
                .iter()
                .map(|step| {
                    let inside = self.shape_head;
                    ShapeHead {
                        mix: QuantConv::new([self.shape_stream, inside], 1, 1.0, device),
                        out: QuantConv::new([inside + 1, step.channels], 1, 0.3, device),
                        more: None,
                    }
                })
                .collect(),
        };
        TemporalPrior { mean, shape }
    }

    /// Networks that begin with what `mean` and `shape`, the prior of pictures, have
    /// learnt of a picture's own parts: contexts and heads, where their sizes are the
    /// same.
    pub fn start_from(&self, mean: &Mean, shape: &Shape, device: &Device) -> TemporalPrior {
        let mut prior = self.init(device);
        // Faint at first, so that the stream is what the heads know.
        let faint = |w: Tensor<4>| Tensor::from_data((w * 0.2).into_data(), device);
        prior.mean.start.weight = prior.mean.start.weight.map(faint);
        prior.shape.start.weight = prior.shape.start.weight.map(faint);
        let pairs = prior.mean.context.iter_mut().zip(&mean.context);
        for (to, from) in pairs {
            joined(&mut to.weight, &from.weight.val(), 1, device);
        }
        for (to, from) in prior.mean.heads.iter_mut().zip(&mean.heads) {
            joined(&mut to.mix.weight, &from.mix.weight.val(), 1, device);
            joined(&mut to.out.weight, &from.out.weight.val(), 0, device);
            for (to, from) in [
                (&mut to.mix.bias, &from.mix.bias),
                (&mut to.out.bias, &from.out.bias),
            ] {
                if let (Some(to), Some(from)) = (to, from) {
                    joined(to, &from.val(), 0, device);
                }
            }
        }
        let same = |to: &Tensor<4>, from: &Tensor<4>| to.dims() == from.dims();
        let (to, from) = (&mut prior.shape.context, &shape.context);
        for (to, from) in to.iter_mut().zip(from) {
            joined(to, &from.val(), 1, device);
        }
        let pairs = prior.shape.heads.iter_mut().zip(&shape.heads);
        for (to, from) in pairs {
            let out = (&to.out.weight.val(), &from.out.weight.val());
            if same(out.0, out.1) && same(&to.mix.weight.val(), &from.mix.weight.val()) {
                // Residuals of predicted frames are plain Gaussians.
                *to = ShapeHead {
                    more: None,
                    ..from.clone()
                };
            }
        }
        joined(
            &mut prior.shape.start.bias,
            &shape.hyper.bias.val(),
            0,
            device,
        );
        prior
    }

    /// Multiply-accumulates a pixel, all steps, as our kernels compute them.
    pub fn macs(&self) -> f64 {
        let m = self.groups.channels();
        let heads = |stream: usize, head: usize, outputs: usize, more: usize| -> usize {
            let sizes = self.groups.sizes.iter();
            sizes
                .map(|n| stream * head + (head + more) * outputs * n)
                .sum()
        };
        let means = 9 * (m + 1) * self.stream
            + 2 * self.groups.context_macs(self.stream)
            + heads(self.stream, self.head, 2, 0);
        let shapes = 9 * (m + MOTION_PLANES) * self.shape_stream
            + self.groups.context_macs(self.shape_stream)
            + heads(self.shape_stream, self.shape_head, 1, 1);
        (means + shapes) as f64 / 256.0
    }
}

/// Puts `from` into the first part of `to` along `axis`, where all other sides are the
/// same. New leaves, or training would look for how they came about.
fn joined<const D: usize>(
    to: &mut Param<Tensor<D>>,
    from: &Tensor<D>,
    axis: usize,
    device: &Device,
) {
    let (own, other) = (to.val().dims(), from.dims());
    let others = |dims: [usize; D]| (0..D).filter(move |&i| i != axis).map(move |i| dims[i]);
    if !others(own).eq(others(other)) || own[axis] < other[axis] {
        return;
    }
    let from = from.clone().detach();
    let value = if own[axis] == other[axis] {
        from
    } else {
        let rest = own[axis] - other[axis];
        let rest = to.val().detach().narrow(axis, other[axis], rest);
        Tensor::cat(vec![from, rest], axis)
    };
    *to = Param::from_tensor(Tensor::from_data(value.into_data(), device));
}

impl TemporalMean {
    /// The stream when only `y_ref` is known. `y_ref`: `[b, m, h, w]`, gain taken off;
    /// `quality`: `[b, 1, h, w]` in 0..=1.
    pub fn start(&self, y_ref: Tensor<4>, quality: Tensor<4>) -> Tensor<4> {
        self.start.forward(Tensor::cat(vec![y_ref, quality], 1))
    }

    /// Adds what a step of `group` has made known: `y_hat` and `y_ref` of its channels,
    /// gain taken off, zero where nothing is known.
    pub fn update(
        &self,
        stream: Tensor<4>,
        group: usize,
        y_hat: Tensor<4>,
        y_ref: Tensor<4>,
    ) -> Tensor<4> {
        let off = y_hat.clone() - y_ref;
        stream + self.context[group].forward(Tensor::cat(vec![y_hat, off], 1))
    }

    /// Means of step `step`, gain taken off; `y_ref` is that of its channels.
    pub fn head(&self, stream: &Tensor<4>, step: usize, y_ref: Tensor<4>) -> Tensor<4> {
        let head = &self.heads[step];
        let inside = relu(through(&head.mix, relu(stream.clone())));
        let both = through(&head.out, inside);
        let channels = both.dims()[1] / 2;
        let mean = both.clone().narrow(1, 0, channels);
        let gate = sigmoid(both.narrow(1, channels, channels));
        mean.clone() + gate * (y_ref - mean)
    }
}

impl TemporalShape {
    /// The stream at the beginning. `known`: `[b, m + MOTION_PLANES, h, w]`, whole
    /// numbers 0..=255; `qualities`: 1..=100 for each sample.
    pub fn start(&self, known: Tensor<4>, qualities: &[f64]) -> ShapeStream {
        let quality = quality_activation(qualities, &known.device());
        ShapeStream::start(&self.start, &self.context, known / 32.0, quality)
    }

    /// Index of the scale, 0..=63, of every symbol of step `step`.
    pub fn head(&self, stream: &ShapeStream, step: usize) -> Tensor<4> {
        self.heads[step].index(stream)
    }
}
