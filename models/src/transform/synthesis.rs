use burn::config::Config;
use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::tensor::{Device, Tensor};

use super::{Block, BlockConfig, Klt, Lapped, conv, shuffle, through};

/// Shape of [`Synthesis`].
#[derive(Config, Debug)]
pub struct SynthesisConfig {
    /// Blocks at 1/16 resolution; their width is the number of latent channels.
    pub coarse: BlockConfig,
    /// How many of them.
    pub coarse_blocks: usize,
    /// Blocks at 1/8 resolution.
    pub fine: BlockConfig,
    /// How many of them.
    pub fine_blocks: usize,
}

/// `g_s`: latents to pixels, the mirror of [`Analysis`](super::Analysis).
///
/// ```text
/// y_hat ─ blocks ─ 1x1 ─ shuffle 2 ─ blocks ─ 1x1 ─ shuffle 8 ─ lappedᵀ ─ +½ ─ x_hat
/// ```
#[derive(Module, Debug)]
pub struct Synthesis {
    pub(crate) coarse: Vec<Block>,
    pub(crate) klt_up: Conv2d,
    pub(crate) fine: Vec<Block>,
    pub(crate) klt_pixels: Conv2d,
    #[module(skip)]
    pub(crate) lapped: Lapped,
}

impl SynthesisConfig {
    /// A transform with random projections; [`Synthesis::start_from`] puts the
    /// KLT's transpose there.
    pub fn init(&self, device: &Device) -> Synthesis {
        let (n, m) = (self.fine.width, self.coarse.width);
        Synthesis {
            coarse: (0..self.coarse_blocks)
                .map(|_| self.coarse.init(device))
                .collect(),
            klt_up: conv([m, 4 * n], 1).init(device),
            fine: (0..self.fine_blocks)
                .map(|_| self.fine.init(device))
                .collect(),
            klt_pixels: conv([n, 3 * 64], 1).init(device),
            lapped: Lapped::new(),
        }
    }

    /// Multiply-accumulates a pixel.
    pub fn macs(&self) -> f64 {
        let (n, m) = (self.fine.width, self.coarse.width);
        let fine = 3 * 64 * n + self.fine_blocks * self.fine.macs();
        let coarse = 4 * n * m + self.coarse_blocks * self.coarse.macs();
        fine as f64 / 64.0 + coarse as f64 / 256.0
    }
}

impl Synthesis {
    /// Puts the inverse KLT into the two projections.
    pub fn start_from(mut self, klt: &Klt, device: &Device) -> Self {
        klt.up(&mut self.klt_up, device);
        klt.pixels(&mut self.klt_pixels, device);
        self
    }

    /// The same with the blocks that `larger` has beyond its own: they come last at their
    /// resolution, and say nothing until they are trained.
    pub fn grown(mut self, larger: Self) -> Self {
        let (coarse, fine) = (self.coarse.len(), self.fine.len());
        self.coarse.extend(larger.coarse.into_iter().skip(coarse));
        self.fine.extend(larger.fine.into_iter().skip(fine));
        self
    }

    /// `y`: `[b, m, h/16, w/16]`, gain taken back → `x_hat`: `[b, 3, h, w]`,
    /// nominally 0..=1, not clamped.
    pub fn forward(&self, y: Tensor<4>) -> Tensor<4> {
        let x = self.coarse.iter().fold(y, |x, block| block.forward(x));
        let x = shuffle(through(&self.klt_up, x), 2);
        let x = self.fine.iter().fold(x, |x, block| block.forward(x));
        self.lapped.post(shuffle(through(&self.klt_pixels, x), 8)) + 0.5
    }
}
