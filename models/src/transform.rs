//! The transforms: `g_a` from pixels to latents, `g_s` back, and the lapped KLT
//! that both start from.
//!
//! Everything learned runs at 1/8 and 1/16 of the picture's resolution, where a
//! plain CPU is fastest; full resolution is touched only by a fixed orthogonal
//! filter.

mod analysis;
mod block;
mod klt;
mod lapped;
mod synthesis;

pub use analysis::{Analysis, AnalysisConfig};
pub use block::{Block, BlockConfig};
pub use klt::{Klt, KltError};
pub use lapped::Lapped;
pub use synthesis::{Synthesis, SynthesisConfig};

use burn::module::Param;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Initializer, PaddingConfig2d};
use burn::tensor::{Device, Tensor};

/// Moves each `s`×`s` square of positions into channels:
/// `[b, c, h·s, w·s]` → `[b, c·s·s, h, w]`, channel index `(c·s + dy)·s + dx`.
pub fn unshuffle(x: Tensor<4>, s: usize) -> Tensor<4> {
    let [b, c, h, w] = x.dims();
    x.reshape([b, c, h / s, s, w / s, s])
        .permute([0, 1, 3, 5, 2, 4])
        .reshape([b, c * s * s, h / s, w / s])
}

/// The inverse of [`unshuffle`].
pub fn shuffle(x: Tensor<4>, s: usize) -> Tensor<4> {
    let [b, c, h, w] = x.dims();
    x.reshape([b, c / (s * s), s, s, h, w])
        .permute([0, 1, 4, 2, 5, 3])
        .reshape([b, c / (s * s), h * s, w * s])
}

/// A convolution that keeps the size: odd `kernel`, zero padding.
pub(crate) fn conv(channels: [usize; 2], kernel: usize) -> Conv2dConfig {
    let pad = kernel / 2;
    Conv2dConfig::new(channels, [kernel, kernel])
        .with_padding(PaddingConfig2d::Explicit(pad, pad, pad, pad))
        .with_initializer(Initializer::KaimingUniform {
            // For ReLU; the variance that He et al. 2015 (arXiv 1502.01852) ask for.
            gain: std::f64::consts::SQRT_2,
            fan_out_only: false,
        })
}

/// What `layer` makes of `x` `[b, c, h, w]`. A 1x1 convolution is computed as the product of
/// matrices that it is: Burn's gradient of a convolution by its weights is a convolution with
/// kernels of the picture's size, seven times as slow as the product.
pub(crate) fn through(layer: &Conv2d, x: Tensor<4>) -> Tensor<4> {
    if layer.kernel_size != [1, 1] {
        return layer.forward(x);
    }
    let bias = layer.bias.as_ref().map(Param::val);
    pointwise(x, layer.weight.val(), bias)
}

/// The 1x1 convolution of `x` `[b, c, h, w]` with `weight` `[m, c, 1, 1]` and `bias` `[m]`:
/// `[b, m, h, w]`.
pub(crate) fn pointwise(x: Tensor<4>, weight: Tensor<4>, bias: Option<Tensor<1>>) -> Tensor<4> {
    let ([b, c, h, w], [m, ..]) = (x.dims(), weight.dims());
    let y = weight
        .reshape([1, m, c])
        .matmul(x.reshape([b, c, h * w]))
        .reshape([b, m, h, w]);
    match bias {
        Some(bias) => y + bias.reshape([1, m, 1, 1]),
        None => y,
    }
}

/// A convolution whose weights and bias start at zero, so that the branch it
/// ends adds nothing at first.
pub(crate) fn zero_conv(channels: [usize; 2], kernel: usize, device: &Device) -> Conv2d {
    conv(channels, kernel)
        .with_initializer(Initializer::Zeros)
        .init(device)
}

/// A convolution with the bias at zero.
pub(crate) fn unbiased_start(channels: [usize; 2], kernel: usize, device: &Device) -> Conv2d {
    let mut layer = conv(channels, kernel).init(device);
    layer.bias = Some(Initializer::Zeros.init([channels[1]], device));
    layer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::standard::Noise;

    #[test]
    fn pointwise_is_a_convolution() {
        let device = Device::flex();
        let layer = conv([6, 10], 1).init(&device);
        let x = Noise::new(1).tensor([2, 6, 5, 7], &device);
        let worst: f32 = (layer.forward(x.clone()) - through(&layer, x))
            .abs()
            .max()
            .into_scalar();
        // Sums of six products near one, in f32, in any order.
        assert!(worst < 1e-5, "{worst}");
    }

    #[test]
    fn shuffle_undoes_unshuffle() {
        let x = Noise::new(1).tensor([2, 3, 16, 24], &Device::flex());
        let back = shuffle(unshuffle(x.clone(), 8), 8);
        x.into_data().assert_eq(&back.into_data(), true);
    }
}
