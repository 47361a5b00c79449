//! Layers whose weights and activations are whole numbers in float clothes: what training
//! sees of [`IntShape`](super::IntShape)'s arithmetic.

use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::activation::relu;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor};

use crate::transform::pointwise;

/// Activations are multiples of `2^-ACTIVATION_BITS`.
pub(super) const ACTIVATION_BITS: u32 = 5;
/// The last layer's sum is an index times `2^-INDEX_BITS`.
pub(super) const INDEX_BITS: u32 = 3;
/// Largest power of two of a weight's scale.
pub(super) const MAX_EXPONENT: u32 = 14;
/// Sums stay below this, so that they are exact in `f32` as well as in `i32`.
pub(super) const SUM_LIMIT: u32 = 1 << 24;
/// Greatest u8 activation.
pub(super) const ACTIVATION_MAX: f64 = 255.0 / 32.0;

/// A convolution whose weights are used as integers.
#[derive(Module, Debug)]
pub struct QuantConv {
    pub(super) weight: Param<Tensor<4>>,
    pub(super) bias: Param<Tensor<1>>,
}

impl QuantConv {
    pub(super) fn new([from, to]: [usize; 2], kernel: usize, gain: f64, device: &Device) -> Self {
        Self {
            weight: he_uniform([to, from, kernel, kernel], gain, device),
            bias: Initializer::Zeros.init([to], device),
        }
    }

    pub(super) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let (weight, bias) = (self.weight.val(), self.bias.val());
        let exponents = exponents(std::slice::from_ref(&weight), &bias);
        let weight = quantise_weight(weight, &exponents);
        let bias = Some(quantise_bias(bias, &exponents));
        match weight.dims()[2] {
            1 => pointwise(x, weight, bias),
            kernel => conv2d(x, weight, bias, same(kernel / 2)),
        }
    }
}

/// Uniform with the variance of He et al. 2015 (arXiv 1502.01852), times `gain²`.
/// Nothing is computed until it is used, so a model whose shapes run in integers
/// pays nothing for it.
pub(super) fn he_uniform(shape: [usize; 4], gain: f64, device: &Device) -> Param<Tensor<4>> {
    let gain = gain * std::f64::consts::SQRT_2;
    let fan_in = shape[1] * shape[2] * shape[3];
    Initializer::KaimingUniform {
        gain,
        fan_out_only: false,
    }
    .init_with(shape, Some(fan_in), None, device)
}

/// ReLU, rounded to a u8 in steps of 1/32.
pub(super) fn activate(sum: Tensor<4>) -> Tensor<4> {
    let x = relu(sum).clamp_max(ACTIVATION_MAX);
    let hard = (x.clone().detach() * 32.0 + 0.5).floor() / 32.0;
    straight_through(x, hard)
}

/// The value of `hard`, the gradient of `soft`. Without gradients it is `hard`
/// itself; with them, within a unit in the last place of it.
pub fn straight_through<const D: usize>(soft: Tensor<D>, hard: Tensor<D>) -> Tensor<D> {
    if !soft.device().is_autodiff() {
        return hard;
    }
    let offset = hard - soft.clone().detach();
    soft + offset
}

pub(super) fn same(pad: usize) -> ConvOptions<2> {
    ConvOptions::new([1, 1], [pad, pad], [1, 1], 1)
}

/// For each output channel the power of two by which its weights are multiplied:
/// the greatest for which they fit i8 and no sum of any input can pass
/// [`SUM_LIMIT`].
pub(super) fn exponents(weights: &[Tensor<4>], bias: &Tensor<1>) -> Tensor<1> {
    let outputs = bias.dims()[0];
    let flat: Vec<Tensor<2>> = weights
        .iter()
        .map(|w| w.clone().detach().abs().flatten(1, 3))
        .collect();
    let fan_in: usize = flat.iter().map(|w| w.dims()[1]).sum();
    let all = Tensor::cat(flat, 1);
    let largest = all.clone().max_dim(1).reshape([outputs]);
    let sum = all.sum_dim(1).reshape([outputs]);
    // Rounding a weight can add half a unit to each.
    let room = f64::from(SUM_LIMIT - 1) - 0.5 * 255.0 * fan_in as f64 - 1.0;
    let demand = sum * 255.0 + bias.clone().detach().abs() * f64::from(1 << ACTIVATION_BITS);
    let tiny = 1e-12; // keeps the quotient finite for a channel of zeros
    let fits_i8 = (largest + tiny).recip() * 127.0;
    let fits_sum = (demand + tiny).recip() * room;
    let log2 = fits_i8.min_pair(fits_sum).log() * std::f64::consts::LOG2_E;
    log2.floor().clamp(1.0, f64::from(MAX_EXPONENT))
}

fn power(exponents: &Tensor<1>, plus: u32) -> Tensor<1> {
    // exp(e·ln 2) can be a unit off in the last place; rounding makes it exact.
    ((exponents.clone() + f64::from(plus)) * std::f64::consts::LN_2)
        .exp()
        .round()
}

pub(super) fn quantise_weight(weight: Tensor<4>, exponents: &Tensor<1>) -> Tensor<4> {
    let outputs = weight.dims()[0];
    let scale = power(exponents, 0).reshape([outputs, 1, 1, 1]);
    let hard = (weight.clone().detach() * scale.clone())
        .round()
        .clamp(-127.0, 127.0)
        / scale;
    straight_through(weight, hard)
}

pub(super) fn quantise_bias(bias: Tensor<1>, exponents: &Tensor<1>) -> Tensor<1> {
    let scale = power(exponents, ACTIVATION_BITS);
    let hard = (bias.clone().detach() * scale.clone()).round() / scale;
    straight_through(bias, hard)
}
