//! The standard model as the codec sees it: pictures to symbols and back.

mod steps;
mod tile;

use std::sync::OnceLock;

use burn::tensor::Device;
use lic_codec::temporal::Temporal;
use lic_codec::{
    Area, Asked, Digest, Field, Latents, Model, ModelError, ModelId, Pixels, Quality, Quantiser,
    Scale,
};
use lic_entropy::Tables;

use crate::device::Backend;
use crate::following::Following;
use crate::networks::Networks;
use crate::prior::{Groups, IntShape};
use crate::refine::{LazyRefiner, Tile, steps as steps_of};
use crate::standard::{LATENT_STRIDE, STRIDE};
use crate::temporal_weights::TemporalWeights;
use crate::train::Objective;
use steps::by_planes;
pub(crate) use steps::{reconstruct, residuals, scale};
use tile::{Coding, Source};

/// Bytes of memory for each pixel while a tile is coded. Burn was seen to take 61; our
/// own kernels take 12 for the pixels, 14 for `g_a` or 20 for `g_s`, 5 for the latents
/// and as much again for what the prior knows.
const BYTES_PER_PIXEL: u64 = 64;
/// Bytes that do not depend on the picture: the weights and what Burn keeps.
const BYTES_FIXED: u64 = 64 << 20;

/// A trained standard model: float networks wherever they run, shapes in integers.
#[derive(Debug)]
pub struct StandardModel {
    pub(crate) id: ModelId,
    pub(crate) key: &'static str,
    pub(crate) tuned_for: Objective,
    pub(crate) digest: Digest,
    pub(crate) networks: Box<dyn Networks>,
    pub(crate) shape: IntShape,
    /// Tables of the hyper-latents, `level · channels + channel`.
    pub(crate) z_tables: Tables,
    pub(crate) z_channels: usize,
    pub(crate) groups: Groups,
    /// Positions around a tile that its transforms see.
    pub(crate) margin: u32,
    /// For encoders with effort.
    pub(crate) refiner: LazyRefiner,
    /// Weights for predicted frames, if there are any; loaded when they are first asked
    /// for.
    pub(crate) temporal: Option<TemporalWeights<'static>>,
    pub(crate) following: OnceLock<Option<Following>>,
    pub(crate) backend: Backend,
    pub(crate) device: Device,
}

impl StandardModel {
    pub(crate) fn fault(&self, reason: impl Into<String>) -> ModelError {
        ModelError {
            key: self.key.to_owned(),
            reason: reason.into(),
        }
    }

    /// Latents of the positions `keep` of a window of pixels, gain on.
    pub(crate) fn latents(
        &self,
        window: &Pixels,
        keep: Area,
        gain: &[f32],
    ) -> Result<Vec<f32>, String> {
        let size = |side: u32| side as usize / LATENT_STRIDE;
        let (h, w) = (size(window.height), size(window.width));
        let mut y = self.networks.g_a(&window.samples, h, w, keep)?;
        scale(&mut y, gain);
        Ok(y)
    }
}

impl Model for StandardModel {
    fn id(&self) -> ModelId {
        self.id
    }

    fn key(&self) -> &str {
        self.key
    }

    fn digest(&self) -> Digest {
        self.digest
    }

    fn sections(&self) -> &[usize] {
        self.groups.sections()
    }

    fn temporal(&self) -> Option<&dyn Temporal> {
        self.temporal.is_some().then_some(self)
    }

    /// Of a model that was trained for another measure than filters are fitted for, they
    /// make encoding take twice as long for 0.4 % of rate (`ms-ssim` on Kodak).
    fn gains_from_filters(&self) -> bool {
        self.tuned_for == Objective::Mse
    }

    fn has_trellis(&self) -> bool {
        self.shape.trellis().is_some()
    }

    fn stride(&self) -> u32 {
        LATENT_STRIDE as u32
    }

    fn alignment(&self) -> u32 {
        STRIDE as u32
    }

    fn margin(&self) -> u32 {
        self.margin
    }

    fn channels(&self) -> usize {
        self.groups.channels()
    }

    /// What the channels of a group show is finer from group to group; the last
    /// ones are gone in the mean of a square.
    fn sections_at(&self, scale: Scale) -> usize {
        let all = self.groups.sections().last().map_or(0, |last| last + 1);
        let spared = match scale {
            Scale::Full | Scale::Half => 0,
            Scale::Quarter => 1,
            Scale::Eighth => 2,
            Scale::Sixteenth => 3,
        };
        all.saturating_sub(spared).max(1)
    }

    fn memory(&self, width: u32, height: u32) -> u64 {
        let padded = |side: u32| u64::from(side).next_multiple_of(STRIDE as u64);
        padded(width)
            .saturating_mul(padded(height))
            .saturating_mul(BYTES_PER_PIXEL)
            .saturating_add(BYTES_FIXED)
    }

    fn analyse(
        &self,
        window: &Pixels,
        area: Area,
        tile: (u32, u32),
        asked: &Asked<'_>,
    ) -> Result<Box<dyn Latents + '_>, ModelError> {
        let (h, w) = (area.height as usize, area.width as usize);
        let quality = asked.quantiser.quality.get();
        let mut coding = Coding::new(self, [h, w], asked.quantiser)?;
        coding.effort = asked.effort;
        let fault = |reason: String| self.fault(reason);
        let y = self.latents(window, area, &coding.gain).map_err(fault)?;
        let z = self.networks.h_a(&y, h, w, quality).map_err(fault)?;
        let z: Vec<f32> = z.into_iter().map(f32::round).collect();
        let y = match steps_of(asked.effort) {
            0 => y,
            steps => {
                let whole = Area::of(window.width, window.height).in_units(LATENT_STRIDE as u32);
                let tile = Tile {
                    window,
                    keep: area,
                    size: tile,
                    y: self.latents(window, whole, &coding.gain).map_err(fault)?,
                    z: &z,
                    quantiser: asked.quantiser,
                };
                let refiner = self.refiner.get().map_err(fault)?;
                refiner.refine(tile, steps, asked.watch).map_err(fault)?
            }
        };
        let z = by_planes(&z, self.z_channels);
        let z = z.into_iter().map(|v| v as i32).collect();
        coding.source = Some(Source { y, z });
        Ok(Box::new(coding))
    }

    fn prepare(
        &self,
        width: u32,
        height: u32,
        quantiser: Quantiser,
    ) -> Result<Box<dyn Latents + '_>, ModelError> {
        let latents = |side: u32| (side as usize).next_multiple_of(STRIDE) / LATENT_STRIDE;
        let size = [latents(height), latents(width)];
        Ok(Box::new(Coding::new(self, size, quantiser)?))
    }

    fn synthesise(
        &self,
        window: Field,
        area: Area,
        quality: Quality,
    ) -> Result<Pixels, ModelError> {
        let mut y = window.values;
        let inverse = self.networks.inverse(quality.get());
        let inverse = inverse.map_err(|reason| self.fault(reason))?;
        scale(&mut y, &inverse);
        let (h, w) = (window.height as usize, window.width as usize);
        let samples = self.networks.g_s(y, h, w, area);
        Ok(Pixels {
            width: area.width * LATENT_STRIDE as u32,
            height: area.height * LATENT_STRIDE as u32,
            samples: samples.map_err(|reason| self.fault(reason))?,
        })
    }
}
