//! The float half of the prior: means.

use burn::config::Config;
use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

use super::GroupsConfig;
use super::regroup::heads_of;
use crate::transform::{conv, shuffle, through, unbiased_start, zero_conv};

/// Shape of [`Mean`].
#[derive(Config, Debug)]
pub struct MeanConfig {
    /// Channels of the hyper-latents.
    pub z: usize,
    /// Channels inside the hyper-decoder.
    pub hyper: usize,
    /// Channels of the stream that gathers what is known.
    pub stream: usize,
    /// Channels inside a head.
    pub head: usize,
}

/// `h_s` and the context networks for the means.
///
/// What is known gathers in one residual stream at 1/16: the hyper-decoder
/// writes it first, every coded step adds a convolution of its `y_hat`, and the
/// head of each step reads it. So a step costs its own symbols only, where
/// separate networks over all earlier groups (Minnen and Singh 2020, arXiv
/// 2007.08739) cost the square of the number of groups.
///
/// It works on latents with the gain taken off, so its means are the same at
/// every quality.
#[derive(Module, Debug)]
pub struct Mean {
    pub(crate) up_32: Conv2d,
    pub(crate) up_16: Conv2d,
    pub(crate) hyper: Conv2d,
    pub(crate) context: Vec<Conv2d>,
    pub(crate) heads: Vec<Head>,
}

/// The network that reads the stream for a step.
#[derive(Module, Debug)]
pub(crate) struct Head {
    pub(crate) mix: Conv2d,
    pub(crate) out: Conv2d,
}

impl MeanConfig {
    /// Networks whose means are zero as initialised.
    pub fn init(&self, groups: &GroupsConfig, device: &Device) -> Mean {
        let steps = groups.init();
        Mean {
            up_32: unbiased_start([self.z + 1, 4 * self.hyper], 1, device),
            up_16: unbiased_start([self.hyper, 4 * self.hyper], 1, device),
            hyper: unbiased_start([self.hyper, self.stream], 3, device),
            context: groups
                .sizes
                .iter()
                .enumerate()
                .map(|(group, &channels)| {
                    conv([channels, self.stream], groups.context_kernel(group))
                        .with_bias(false)
                        .init(device)
                })
                .collect(),
            heads: steps
                .steps()
                .iter()
                .map(|step| Head {
                    mix: unbiased_start([self.stream, self.head], 1, device),
                    out: zero_conv([self.head, step.channels], 1, device),
                })
                .collect(),
        }
    }

    /// Multiply-accumulates a pixel, all steps, as our kernels compute them.
    pub fn macs(&self, groups: &GroupsConfig) -> f64 {
        let (z, hyper, stream, head) = (self.z + 1, self.hyper, self.stream, self.head);
        let at_64 = z * 4 * hyper;
        let at_32 = hyper * 4 * hyper;
        let context: usize = groups.context_macs(stream);
        // The passes of a group have heads of their own, each for its positions only.
        let heads = groups.sizes.iter();
        let heads: usize = heads.map(|n| stream * head + head * n).sum();
        let at_16 = 9 * hyper * stream + context + heads;
        at_64 as f64 / 4096.0 + at_32 as f64 / 1024.0 + at_16 as f64 / 256.0
    }
}

impl Mean {
    /// The same with other steps: step `i` begins with the head of step `steps[i]`.
    pub fn with_heads_of(self, steps: &[usize]) -> Self {
        Self {
            heads: heads_of(&self.heads, steps),
            ..self
        }
    }

    /// The stream when only `z_hat` is known. `z`: `[b, z, h, w]`; `quality`:
    /// `[b, 1, h, w]` in 0..=1 → `[b, stream, 4h, 4w]`.
    pub fn start(&self, z: Tensor<4>, quality: Tensor<4>) -> Tensor<4> {
        let x = Tensor::cat(vec![z, quality], 1);
        let x = relu(shuffle(through(&self.up_32, x), 2));
        let x = relu(shuffle(through(&self.up_16, x), 2));
        self.hyper.forward(x)
    }

    /// Adds what a step has made known: `y` `[b, channels, h, w]` of `group`, gain
    /// taken off, zero where nothing is known.
    pub fn update(&self, stream: Tensor<4>, group: usize, y: Tensor<4>) -> Tensor<4> {
        stream + self.context[group].forward(y)
    }

    /// Means of step `step`, gain taken off: `[b, channels, h, w]`.
    pub fn head(&self, stream: &Tensor<4>, step: usize) -> Tensor<4> {
        let head = &self.heads[step];
        through(&head.out, relu(through(&head.mix, relu(stream.clone()))))
    }
}
