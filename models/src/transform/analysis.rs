use burn::config::Config;
use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::tensor::{Device, Tensor};

use super::{Block, BlockConfig, Klt, Lapped, conv, through, unshuffle};

/// Shape of [`Analysis`].
#[derive(Config, Debug)]
pub struct AnalysisConfig {
    /// Blocks at 1/8 resolution; their width is the number of channels kept of
    /// an 8x8 patch.
    pub fine: BlockConfig,
    /// How many of them.
    pub fine_blocks: usize,
    /// Blocks at 1/16 resolution; their width is the number of latent channels.
    pub coarse: BlockConfig,
    /// How many of them.
    pub coarse_blocks: usize,
}

/// `g_a`: pixels to latents.
///
/// ```text
/// x ─ −½ ─ lapped ─ unshuffle 8 ─ 1x1 ─ blocks ─ unshuffle 2 ─ 1x1 ─ blocks ─ y
/// ```
///
/// The two 1x1 convolutions start as the KLT of 8x8 patches and of 2x2 groups of
/// those; their learning rate is a tenth of the rest (`klt_` in their names tells
/// the optimiser).
#[derive(Module, Debug)]
pub struct Analysis {
    pub(crate) klt_embed: Conv2d,
    pub(crate) fine: Vec<Block>,
    pub(crate) klt_down: Conv2d,
    pub(crate) coarse: Vec<Block>,
    #[module(skip)]
    pub(crate) lapped: Lapped,
}

impl AnalysisConfig {
    /// A transform with random projections; [`Analysis::start_from`] puts the
    /// KLT there.
    pub fn init(&self, device: &Device) -> Analysis {
        let (n, m) = (self.fine.width, self.coarse.width);
        Analysis {
            klt_embed: conv([3 * 64, n], 1).init(device),
            fine: (0..self.fine_blocks)
                .map(|_| self.fine.init(device))
                .collect(),
            klt_down: conv([4 * n, m], 1).init(device),
            coarse: (0..self.coarse_blocks)
                .map(|_| self.coarse.init(device))
                .collect(),
            lapped: Lapped::new(),
        }
    }

    /// Multiply-accumulates a pixel, by part.
    pub fn macs(&self) -> f64 {
        let (n, m) = (self.fine.width, self.coarse.width);
        let fine = 3 * 64 * n + self.fine_blocks * self.fine.macs();
        let coarse = 4 * n * m + self.coarse_blocks * self.coarse.macs();
        fine as f64 / 64.0 + coarse as f64 / 256.0
    }
}

impl Analysis {
    /// Puts the KLT into the two projections.
    pub fn start_from(mut self, klt: &Klt, device: &Device) -> Self {
        klt.embed(&mut self.klt_embed, device);
        klt.down(&mut self.klt_down, device);
        self
    }

    /// The same with the blocks that `larger` has beyond its own: they come last at their
    /// resolution, and say nothing until they are trained.
    pub fn grown(mut self, larger: Self) -> Self {
        let (fine, coarse) = (self.fine.len(), self.coarse.len());
        self.fine.extend(larger.fine.into_iter().skip(fine));
        self.coarse.extend(larger.coarse.into_iter().skip(coarse));
        self
    }

    /// `x`: `[b, 3, h, w]` in 0..=1, `h` and `w` multiples of 16 → `y`:
    /// `[b, m, h/16, w/16]`, not yet scaled by a gain.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = unshuffle(self.lapped.pre(x - 0.5), 8);
        let x = through(&self.klt_embed, x);
        let x = self.fine.iter().fold(x, |x, block| block.forward(x));
        let x = through(&self.klt_down, unshuffle(x, 2));
        self.coarse.iter().fold(x, |x, block| block.forward(x))
    }
}
