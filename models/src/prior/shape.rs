//! The shape half of the prior as training sees it: integer networks in float
//! clothes.
//!
//! Every value here is a whole number divided by a power of two, and every sum is
//! small enough that `f32` holds it exactly, so the forward pass computes what
//! [`IntShape`](super::IntShape) computes in integers; gradients pass through the
//! roundings (straight-through). Activations are u8 in steps of 1/32; weights are
//! i8 with a power of two for each output channel.

use burn::config::Config;
use burn::module::{Module, Param};
use burn::tensor::module::conv2d;
use burn::tensor::{Device, Tensor, TensorData};
use lic_entropy::SCALES;

use super::quantised::{
    ACTIVATION_MAX, INDEX_BITS, QuantConv, activate, exponents, he_uniform, quantise_bias,
    quantise_weight, same, straight_through,
};
use super::regroup::heads_of;
use super::{GroupsConfig, MixtureConfig, Residuals, TrellisConfig, lambda, mixture_bits};
use crate::transform::shuffle;

/// Shape of [`Shape`].
#[derive(Config, Debug)]
pub struct ShapeConfig {
    /// Channels of the hyper-latents.
    pub z: usize,
    /// Channels inside the hyper-decoder.
    pub hyper: usize,
    /// Channels of the stream that gathers what is known.
    pub stream: usize,
    /// Channels inside a head.
    pub head: usize,
    /// Mixtures instead of plain Gaussians.
    pub mixture: Option<MixtureConfig>,
}

/// The integer networks for the shapes: hyper-decoder, context and heads, laid
/// out like [`Mean`](super::Mean)'s.
#[derive(Module, Debug)]
pub struct Shape {
    pub(super) up_32: QuantConv,
    pub(super) up_16: QuantConv,
    /// Writes the stream; its bias is the stream's.
    pub(super) hyper: QuantConv,
    /// Add to the stream; share its weight scales.
    pub(super) context: Vec<Param<Tensor<4>>>,
    pub(super) heads: Vec<ShapeHead>,
    #[module(skip)]
    pub(super) mixture: Option<MixtureConfig>,
}

/// Two 1x1 layers; the second also sees the quality.
#[derive(Module, Debug)]
pub struct ShapeHead {
    pub(super) mix: QuantConv,
    pub(super) out: QuantConv,
    /// Beside `out`, for the parameters of mixtures.
    pub(super) more: Option<QuantConv>,
}

/// The stream, with the weights that write to it, quantised once a forward pass.
pub struct ShapeStream {
    sum: Tensor<4>,
    context: Vec<Tensor<4>>,
    quality: Tensor<4>,
}

impl ShapeConfig {
    /// Networks that, as initialised, give each channel the scale that follows
    /// from its standard deviation `std` (before gain) and the gain's start.
    pub fn init(&self, groups: &GroupsConfig, std: &[f64], device: &Device) -> Shape {
        let layout = groups.init();
        let heads = layout
            .steps()
            .iter()
            .map(|step| {
                let std = &std[step.first..step.first + step.channels];
                ShapeHead {
                    mix: QuantConv::new([self.stream, self.head], 1, 1.0, device),
                    out: first_guess(self.head, std, device),
                    more: self.first_mixture(step.channels, device),
                }
            })
            .collect();
        let context = groups.sizes.iter().enumerate().map(|(group, &channels)| {
            let k = groups.context_kernel(group);
            he_uniform([self.stream, channels, k, k], 0.3, device)
        });
        Shape {
            up_32: QuantConv::new([self.z + 1, 4 * self.hyper], 1, 0.5, device),
            up_16: QuantConv::new([self.hyper, 4 * self.hyper], 1, 1.0, device),
            hyper: QuantConv::new([self.hyper, self.stream], 3, 1.0, device),
            context: context.collect(),
            heads,
            mixture: self.mixture.clone(),
        }
    }

    /// The layer beside the last of a head, for mixtures: their start, with a little
    /// of everything known so that no two components stay alike.
    fn first_mixture(&self, channels: usize, device: &Device) -> Option<QuantConv> {
        let config = self.mixture.as_ref()?;
        let outputs = config.outputs(channels);
        let mut layer = QuantConv::new([self.head + 1, outputs], 1, 0.05, device);
        let unit: Vec<f64> = (0..config.components)
            .flat_map(|component| config.start(component))
            .collect();
        let bias: Vec<f32> = unit
            .iter()
            .cycle()
            .take(outputs)
            .map(|index| (index / f64::from(1 << INDEX_BITS)) as f32)
            .collect();
        layer.bias =
            Param::from_tensor(Tensor::from_data(TensorData::new(bias, [outputs]), device));
        Some(layer)
    }

    /// Networks that know the mixtures of this configuration, if it has any, and none
    /// before they have learnt; they say the same scales as `shape`.
    pub fn with_mixtures(&self, shape: Shape, groups: &GroupsConfig, device: &Device) -> Shape {
        let layout = groups.init();
        let heads = shape.heads.into_iter().zip(layout.steps());
        Shape {
            heads: heads
                .map(|(head, step)| ShapeHead {
                    more: self.first_mixture(step.channels, device),
                    ..head
                })
                .collect(),
            mixture: self.mixture.clone(),
            ..shape
        }
    }

    /// Multiply-accumulates a pixel, all steps, as our kernels compute them where no tile
    /// is nearly certain all over.
    pub fn macs(&self, groups: &GroupsConfig) -> f64 {
        let (z, hyper, stream, head) = (self.z + 1, self.hyper, self.stream, self.head);
        let mixtures = |n| self.mixture.as_ref().map_or(0, |m| m.outputs(n));
        // The passes of a group have heads of their own, each for its positions only.
        let heads = groups.sizes.iter();
        let heads: usize = heads
            .map(|&n| stream * head + (head + 1) * (n + mixtures(n)))
            .sum();
        let at_16 = 9 * hyper * stream + groups.context_macs(stream) + heads;
        (z * 4 * hyper) as f64 / 4096.0 + (hyper * 4 * hyper) as f64 / 1024.0 + at_16 as f64 / 256.0
    }
}

/// The last layer of a head: index = ln(std · gain(q) / 0.11) / step, linear in
/// `q` because the gain's logarithm starts linear in it.
fn first_guess(head: usize, std: &[f64], device: &Device) -> QuantConv {
    let step = (lic_entropy::scale(1) / lic_entropy::scale(0)).ln();
    let index = |sigma: f64| (sigma / lic_entropy::scale(0)).ln() / step;
    let orthonormal_gain = |q: f64| 255.0 / 44.0 * (lambda(q) / 0.013).sqrt();
    // Per unit of the quality's activation, q / 16, and in units of 1/8 index.
    let per_index = f64::from(1 << INDEX_BITS);
    let slope = (orthonormal_gain(100.0) / orthonormal_gain(1.0)).ln()
        / step
        / per_index
        / ((100.0 - 1.0) / 16.0);
    let mut layer = QuantConv::new([head + 1, std.len()], 1, 0.1, device);
    let zeros = Tensor::zeros([std.len(), head, 1, 1], device);
    let slopes = Tensor::full([std.len(), 1, 1, 1], slope, device);
    layer.weight = Param::from_tensor(Tensor::cat(vec![zeros, slopes], 1));
    // Latents are std² in orthonormal units: see `Klt`.
    let bias: Vec<f32> = std
        .iter()
        .map(|s| (index(s * s * orthonormal_gain(1.0)) / per_index - slope / 16.0) as f32)
        .collect();
    let count = bias.len();
    layer.bias = Param::from_tensor(Tensor::from_data(TensorData::new(bias, [count]), device));
    layer
}

impl Shape {
    /// The same with other steps: step `i` begins with the head of step `steps[i]`.
    pub fn with_heads_of(self, steps: &[usize]) -> Self {
        Self {
            heads: heads_of(&self.heads, steps),
            ..self
        }
    }

    /// The stream when only `z` is known. `z`: `[b, z, h, w]`, whole numbers;
    /// `qualities`: 1..=100 for each sample.
    pub fn start(&self, z: Tensor<4>, qualities: &[f64]) -> ShapeStream {
        let [b, _, h, w] = z.dims();
        let device = z.device();
        let quality = quality_activation(qualities, &device);
        // As u8: 4z + 128.
        let x = (z / 8.0 + 4.0).clamp(0.0, ACTIVATION_MAX);
        let x = Tensor::cat(vec![x, quality.clone().expand([b, 1, h, w])], 1);
        let x = activate(shuffle(self.up_32.forward(x), 2));
        let x = activate(shuffle(self.up_16.forward(x), 2));

        ShapeStream::start(&self.hyper, &self.context, x, quality)
    }

    /// Index of the scale, 0..=63, of every symbol of step `step`: whole numbers
    /// with a gradient, `[b, channels, h, w]`.
    pub fn head(&self, stream: &ShapeStream, step: usize) -> Tensor<4> {
        self.heads[step].index(stream)
    }

    /// The same with a configuration of mixtures that differs at most by a trellis.
    pub(crate) fn with_trellis_of(self, mixture: Option<MixtureConfig>) -> Self {
        Self { mixture, ..self }
    }

    /// How symbols can be on a trellis.
    pub fn trellis(&self) -> Option<&TrellisConfig> {
        self.mixture.as_ref()?.trellis.as_ref()
    }

    /// Bits of residuals of step `step`: `[b, channels, h, w]`, one value for each symbol, or for
    /// each pair of channels if they are coded in pairs.
    pub fn bits(
        &self,
        stream: &ShapeStream,
        step: usize,
        residuals: impl Into<Residuals>,
    ) -> Tensor<4> {
        let (index, parameters) = self.distributions(stream, step);
        self.bits_in(index, parameters, residuals.into())
    }

    /// The same of residuals as they are `coded`, with gradients for these networks; those for
    /// residuals are as if they were `soft`.
    pub fn bits_of_coded(
        &self,
        stream: &ShapeStream,
        step: usize,
        coded: Residuals,
        soft: Tensor<4>,
    ) -> Tensor<4> {
        let (index, parameters) = self.distributions(stream, step);
        let bits = self.bits_in(index.clone(), parameters.clone(), coded);
        if !bits.device().is_autodiff() {
            return bits;
        }
        let fixed = parameters.map(Tensor::detach);
        let soft = self.bits_in(index.detach(), fixed, soft.into());
        bits + soft.clone() - soft.detach()
    }

    /// Indices of scales and parameters of mixtures.
    fn distributions(&self, stream: &ShapeStream, step: usize) -> (Tensor<4>, Option<Tensor<4>>) {
        let hidden = self.heads[step].hidden(stream);
        let index = index_of(self.heads[step].out.forward(hidden.clone()));
        (index, self.parameters(hidden, step))
    }

    fn bits_in(
        &self,
        index: Tensor<4>,
        parameters: Option<Tensor<4>>,
        residuals: Residuals,
    ) -> Tensor<4> {
        // No plain symbol is on a trellis.
        let plain = gaussian_bits(residuals.values.clone(), scale_of(index.clone()));
        let (Some(config), Some(parameters)) = (&self.mixture, parameters) else {
            return plain;
        };
        let [b, channels, h, w] = residuals.values.dims();
        let (units, width) = (channels / config.width(), config.width());
        // Of a pair, both are plain or neither is.
        let pairs = [b * units, width, h, w];
        let together = [b, units, h, w];
        let plain = plain.reshape(pairs).sum_dim(1).reshape(together);
        let widest = index.clone().detach().reshape(pairs).max_dim(1);
        let is_plain = widest
            .reshape(together)
            .lower_elem(config.plain_below as f64);
        mixture_bits(config, residuals, index, parameters).mask_where(is_plain, plain)
    }

    /// Parameters of mixtures, 0..=63: whole numbers with a gradient, `[b, outputs, h, w]`;
    /// `None` for plain Gaussians. `hidden`: what the last layers of the head see.
    pub(super) fn parameters(&self, hidden: Tensor<4>, step: usize) -> Option<Tensor<4>> {
        let more = self.heads[step].more.as_ref()?;
        Some(index_of(more.forward(hidden)))
    }
}

impl ShapeHead {
    pub(super) fn index(&self, stream: &ShapeStream) -> Tensor<4> {
        index_of(self.out.forward(self.hidden(stream)))
    }

    /// Inputs of the last layers.
    pub(super) fn hidden(&self, stream: &ShapeStream) -> Tensor<4> {
        let x = activate(self.mix.forward(activate(stream.sum.clone())));
        let [b, _, h, w] = x.dims();
        let quality = stream.quality.clone().expand([b, 1, h, w]);
        Tensor::cat(vec![x, quality], 1)
    }
}

impl ShapeStream {
    /// What `hyper` makes of activations `x` `[b, c, h, w]`, with `quality` `[b, 1, 1, 1]`
    /// as activation; `context` adds to it later.
    pub(super) fn start(
        hyper: &QuantConv,
        context: &[Param<Tensor<4>>],
        x: Tensor<4>,
        quality: Tensor<4>,
    ) -> Self {
        let mut weights = vec![hyper.weight.val()];
        weights.extend(context.iter().map(Param::val));
        let bias = hyper.bias.val();
        let exponents = exponents(&weights, &bias);
        let mut weights = weights.into_iter().map(|w| quantise_weight(w, &exponents));
        let hyper = weights.next().expect("the hyper-decoder's own");
        let sum = conv2d(x, hyper, Some(quantise_bias(bias, &exponents)), same(1));
        Self {
            sum,
            context: weights.collect(),
            quality,
        }
    }

    /// Adds what a step has made known: residuals `r` of `group`, whole numbers,
    /// `[b, channels, h, w]`, zero where nothing is known.
    pub fn update(self, group: usize, r: Tensor<4>) -> Self {
        let weight = self.context[group].clone();
        let pad = weight.dims()[2] / 2;
        let sum = self.sum + conv2d(magnitude(r), weight, None, same(pad));
        Self { sum, ..self }
    }
}

/// What the last layer's sums say: whole numbers in 0..=63 with a gradient.
fn index_of(sum: Tensor<4>) -> Tensor<4> {
    let index = sum * f64::from(1 << INDEX_BITS);
    let hard = (index.clone().detach() + 0.5).floor();
    straight_through(index, hard).clamp(0.0, (SCALES - 1) as f64)
}

/// Code length in bits of residuals `v` under zero-mean Gaussians of scale
/// `sigma`, integrated over bins of width one.
pub(crate) fn gaussian_bits(v: Tensor<4>, sigma: Tensor<4>) -> Tensor<4> {
    let scaled = (sigma * std::f64::consts::SQRT_2).recip();
    let v = v.abs();
    // Both ends on the lower tail, where erf keeps its digits apart.
    let upper = ((-v.clone() + 0.5) * scaled.clone()).erf();
    let lower = ((-v.clone() - 0.5) * scaled.clone()).erf();
    // 2^-16 is the rarest a table can say. Far out, where the difference has no
    // digits left, it falls off as 1/v², which is what an escape costs and what
    // keeps a gradient there.
    let far = v * scaled / 4.0;
    let floor = (far.clone() * far + 1.0).recip() / 65536.0;
    ((upper - lower) * 0.5 + floor).log() * -std::f64::consts::LOG2_E
}

/// Qualities 1..=100 as activations, `[b, 1, 1, 1]`.
pub(super) fn quality_activation(qualities: &[f64], device: &Device) -> Tensor<4> {
    let values = qualities.iter().map(|&q| (q.round() / 16.0) as f32);
    let data = TensorData::new(values.collect::<Vec<f32>>(), [qualities.len(), 1, 1, 1]);
    Tensor::from_data(data, device)
}

/// Standard deviation of the scale with (fractional) index `index`.
pub fn scale_of(index: Tensor<4>) -> Tensor<4> {
    let first = lic_entropy::scale(0).ln();
    let step = lic_entropy::scale(1).ln() - first;
    (index * step + first).exp()
}

/// The networks see a residual's size on a logarithmic scale: as u8,
/// round(32·log2(1 + |r|)), at most 255.
fn magnitude(r: Tensor<4>) -> Tensor<4> {
    let log2 = (r.detach().abs() + 1.0).log() * std::f64::consts::LOG2_E;
    ((log2 * 32.0 + 0.5).floor() / 32.0).clamp(0.0, ACTIVATION_MAX)
}
