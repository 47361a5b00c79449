//! The networks on a CPU, in our own code: what decoding costs is here.
//!
//! Everything is a product of activations, channels last, by weights that were
//! packed when the model was loaded (`lic_kernels`). A residual block runs as one
//! pass over the rows of a picture: for each tile of positions its five layers
//! follow each other while the intermediates are in cache, so that memory sees
//! the residual stream once a block and never the wide hidden layer. Rows are
//! shared out by rayon; a row's result does not depend on which thread computes
//! it.

mod analysis;
mod block;
mod conv;
mod following;
mod grid;
mod hyper;
mod lapped;
mod layer;
mod lazily;
mod means;
mod steps;
mod synthesis;
#[cfg(test)]
mod tests;

use lic_codec::Area;
use lic_kernels::Isa;

use crate::networks::{Means, Networks};
use crate::prior::{Gain, LEVELS, position};
use crate::standard::{LATENT_STRIDE, Standard};

use analysis::Analysis;
use conv::host;
pub use following::CpuFollowing;
use grid::Region;
use hyper::HyperAnalysis;
use lazily::Lazily;
use means::AnyMeans;
pub use steps::Steps;
use synthesis::Synthesis;

/// Positions that the layers of a block take at a time: 48 times 256 hidden
/// channels are 48 KiB, which the second-level cache holds beside the weights.
/// A multiple of the 12 rows that AVX-512 takes.
const TILE: usize = 48;

/// What the branches of the transforms' blocks compute with; and apart from them the
/// hyper-analysis and the means. Everything else is computed in `f32`: the residual
/// streams, the KLTs, which carry the whole picture, and the first layer of the means,
/// whose inputs are whole numbers.
///
/// Encoder and decoder add the same residuals to their means, so what a picture's latents
/// differ by is what the means do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// `f32`.
    Single,
    /// bfloat16 with sums in `f32`.
    Bf16,
    /// For the blocks, whole numbers of 8 bits with [`Steps`]; bfloat16 for the rest, and
    /// where there are no steps.
    Bytes,
}

impl Precision {
    /// The faster of the first two; what they cost is in `examples/precision.rs`. Bytes
    /// are for who asks: machines that differ in them show it.
    pub fn of(isa: Isa) -> Self {
        if isa.has_bf16() {
            Self::Bf16
        } else {
            Self::Single
        }
    }
}

/// A standard model's networks, packed for this machine's CPU.
#[derive(Debug)]
pub struct CpuNetworks {
    isa: Isa,
    analysis: Lazily<Analysis>,
    synthesis: Lazily<Synthesis>,
    hyper: Lazily<HyperAnalysis>,
    means: AnyMeans,
    /// `[LEVELS][m]`.
    log_gain: Vec<f32>,
    log_inverse: Vec<f32>,
}

impl CpuNetworks {
    /// Packs `model`'s weights, those of the transforms when they are first used. Fails
    /// if they are not on a device that can be read from, now or then.
    pub fn new(model: &Standard) -> Result<Self, String> {
        let isa = Isa::best();
        // Means in f32: in bfloat16 a pixel at quality 90 was two levels from the
        // reference, where decoders of one file are to be one level apart at most.
        let precisions = [Precision::of(isa), Precision::Single];
        Self::with(model, isa, precisions, None)
    }

    /// The same by certain instructions, and with certain precisions: of the transforms
    /// and hyper-analysis, and of the means.
    pub fn with(
        model: &Standard,
        isa: Isa,
        [precision, means]: [Precision; 2],
        steps: Option<&Steps>,
    ) -> Result<Self, String> {
        let Gain {
            log_gain,
            log_inverse,
        } = &model.gain;
        let (g_a, g_s, h_a) = (model.g_a.clone(), model.g_s.clone(), model.h_a.clone());
        let [of_g_a, of_g_s] = [steps.cloned(), steps.cloned()];
        Ok(Self {
            isa,
            analysis: Lazily::new(move || Analysis::new(&g_a, precision, of_g_a.as_ref())),
            synthesis: Lazily::new(move || Synthesis::new(&g_s, precision, of_g_s.as_ref())),
            hyper: Lazily::new(move || HyperAnalysis::new(&h_a, precision)),
            means: AnyMeans::new(&model.mean, &model.groups, means)?,
            log_gain: host(log_gain.val())?,
            log_inverse: host(log_inverse.val())?,
        })
    }

    /// Latent channels.
    fn channels(&self) -> usize {
        self.log_gain.len() / LEVELS
    }
}

/// Interpolates between levels as [`level_weights`](crate::prior::level_weights)
/// has it.
fn exp_at(log: &[f32], quality: f32) -> Vec<f32> {
    let at = position(f64::from(quality)).clamp(0.0, (LEVELS - 1) as f64);
    let low = (at.floor() as usize).min(LEVELS - 2);
    let high = (at - low as f64) as f32;
    let channels = log.len() / LEVELS;
    let (below, above) = log[low * channels..][..2 * channels].split_at(channels);
    below
        .iter()
        .zip(above)
        .map(|(below, above)| ((1.0 - high) * below + high * above).exp())
        .collect()
}

fn expect_length(what: &str, found: usize, expected: usize) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what}: {found} numbers, {expected} expected"))
}

/// `keep` as a region of a window of `h`×`w`.
fn kept(keep: Area, h: usize, w: usize) -> Result<Region, String> {
    let region = Region {
        y: keep.y as usize..keep.bottom() as usize,
        x: keep.x as usize..keep.right() as usize,
    };
    let inside = region.y.end <= h && region.x.end <= w && keep.count() > 0;
    inside
        .then_some(region)
        .ok_or_else(|| format!("{keep:?} is not a part of a window of {h}×{w}"))
}

impl Networks for CpuNetworks {
    fn gain(&self, quality: f32) -> Result<Vec<f32>, String> {
        Ok(exp_at(&self.log_gain, quality))
    }

    fn inverse(&self, quality: f32) -> Result<Vec<f32>, String> {
        Ok(exp_at(&self.log_inverse, quality))
    }

    fn g_a(&self, x: &[f32], h: usize, w: usize, keep: Area) -> Result<Vec<f32>, String> {
        expect_length(
            "picture",
            x.len(),
            3 * LATENT_STRIDE * LATENT_STRIDE * h * w,
        )?;
        let keep = kept(keep, h, w)?;
        Ok(self.analysis.get()?.run(self.isa, x, [h, w], &keep))
    }

    fn h_a(&self, y: &[f32], h: usize, w: usize, quality: f32) -> Result<Vec<f32>, String> {
        check_latents(h, w)?;
        expect_length("latents", y.len(), self.channels() * h * w)?;
        Ok(self.hyper.get()?.run(self.isa, y, [h, w], quality / 100.0))
    }

    fn means(
        &self,
        z: &[f32],
        h: usize,
        w: usize,
        quality: f32,
    ) -> Result<Box<dyn Means + '_>, String> {
        check_latents(h, w)?;
        expect_length("hyper-latents", z.len(), self.means.z() * h / 4 * w / 4)?;
        Ok(self.means.start(self.isa, z, [h, w], quality / 100.0))
    }

    fn g_s(&self, y: Vec<f32>, h: usize, w: usize, keep: Area) -> Result<Vec<f32>, String> {
        expect_length("latents", y.len(), self.channels() * h * w)?;
        let keep = kept(keep, h, w)?;
        Ok(self.synthesis.get()?.run(self.isa, y, [h, w], &keep))
    }
}

fn check_latents(h: usize, w: usize) -> Result<(), String> {
    if h > 0 && w > 0 && h.is_multiple_of(4) && w.is_multiple_of(4) {
        return Ok(());
    }
    Err(format!("latents of {h}×{w}; sides must be multiples of 4"))
}
