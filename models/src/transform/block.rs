use burn::config::Config;
use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

use super::{through, unbiased_start, zero_conv};

/// Shape of a residual [`Block`].
#[derive(Config, Debug)]
pub struct BlockConfig {
    /// Channels of the residual stream.
    pub width: usize,
    /// Channels of the dense 3x3 convolution.
    pub bottleneck: usize,
    /// Channels after the gate.
    pub hidden: usize,
}

/// A residual block of two branches:
///
/// ```text
/// x ─┬─ 1x1 ─ 3x3 ─ ReLU ─ 1x1 ─ + ─┬─ 1x1 ─(u, v)─ ReLU(u)·v ─ 1x1 ─ + ─
///    └─────────────────────────────┘└──────────────────────────────────┘
/// ```
///
/// The spatial branch is a dense 3x3 convolution in a bottleneck, which costs
/// what a depthwise one between two full 1x1 would, and whose gradient Burn
/// computes at the speed of a matrix product (a depthwise gradient is 50 times
/// slower). ReLU instead of a smooth gate: it is exact on every machine and
/// survives quantisation.
#[derive(Module, Debug)]
pub struct Block {
    pub(crate) reduce: Conv2d,
    pub(crate) spatial: Conv2d,
    pub(crate) expand: Conv2d,
    pub(crate) gate: Conv2d,
    pub(crate) merge: Conv2d,
    hidden: usize,
}

impl BlockConfig {
    /// The block; as initialised it is the identity.
    pub fn init(&self, device: &Device) -> Block {
        Block {
            reduce: unbiased_start([self.width, self.bottleneck], 1, device),
            spatial: unbiased_start([self.bottleneck, self.bottleneck], 3, device),
            expand: zero_conv([self.bottleneck, self.width], 1, device),
            gate: unbiased_start([self.width, 2 * self.hidden], 1, device),
            merge: zero_conv([self.hidden, self.width], 1, device),
            hidden: self.hidden,
        }
    }

    /// Multiply-accumulates for one position.
    pub fn macs(&self) -> usize {
        let (w, b, h) = (self.width, self.bottleneck, self.hidden);
        2 * w * b + 9 * b * b + 3 * w * h
    }
}

impl Block {
    /// `[b, width, h, w]` → the same shape.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let branch = self.spatial.forward(through(&self.reduce, x.clone()));
        let x = x + through(&self.expand, relu(branch));
        let gate = through(&self.gate, x.clone());
        let u = gate.clone().narrow(1, 0, self.hidden);
        let v = gate.narrow(1, self.hidden, self.hidden);
        x + through(&self.merge, relu(u) * v)
    }
}
