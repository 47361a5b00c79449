//! Predicted frames of a standard model: the same transforms, the temporal prior.

use lic_codec::temporal::{Before, Past, Temporal};
use lic_codec::{Digest, Field, Latents, ModelError, Pixels, Plan, Quality};
use lic_entropy::gaussian;

use crate::coding::{StandardModel, reconstruct, residuals, scale};
use crate::networks::{FollowingNetworks, Means};
use crate::prior::{Groups, IntShape, IntStream, Step, marks, residuals_before};
use crate::rounding::rounded_after;
use crate::standard::LATENT_STRIDE;

/// Bytes of memory for each pixel of a predicted tile, beside those of a picture: the
/// frame before as pixels (12), its latents (5), and the streams of the prior (2).
const BYTES_PER_PIXEL: u64 = 24;

/// How much better than the frame the quality is by which predicted frames are
/// synthesised. `inverse` of a quality holds back what its quantiser makes uncertain;
/// that suits an intra frame, but what a predicted frame takes over from the one before
/// has been held back already, and would be again in each frame.
const SYNTHESIS_BOOST: f32 = 50.0;

/// A temporal prior, ready to run.
#[derive(Debug)]
pub struct Following {
    pub(crate) networks: Box<dyn FollowingNetworks>,
    pub(crate) shape: IntShape,
    pub(crate) groups: Groups,
}

/// A tile of a predicted frame, before its first step.
pub(crate) struct Start {
    /// Size of the latents.
    pub h: usize,
    pub w: usize,
    /// Latents of the frame before, moved, gain taken off: `[h][w][m]`.
    pub y_ref: Vec<f32>,
    /// Residuals of the frame before, `[m][h][w]`, not moved.
    pub residuals: Vec<i32>,
}

impl StandardModel {
    fn following(&self) -> Result<&Following, ModelError> {
        let found = self.following.get_or_init(|| {
            let weights = self.temporal.as_ref()?;
            // They are embedded, and a test loads them.
            weights.load(self.backend, &self.device).ok()
        });
        let fault = || self.fault("its temporal prior does not load");
        found.as_ref().ok_or_else(fault)
    }

    pub(crate) fn start_after(
        &self,
        groups: &Groups,
        before: &Before<'_>,
    ) -> Result<Start, ModelError> {
        let past = before.past;
        let (h, w) = (past.field.height as usize, past.field.width as usize);
        let m = self.groups.channels();
        if past.field.values.len() != h * w * m || before.blocks.len() != h * w {
            let (values, blocks) = (past.field.values.len(), before.blocks.len());
            let reason = format!("{values} values and {blocks} blocks for {h}×{w} positions");
            return Err(self.fault(reason));
        }
        let fault = |reason: String| self.fault(reason);
        let shown = self.shown(past.quality).map_err(fault)?;
        let gain = self.networks.gain(past.quality.get()).map_err(fault)?;
        let taken_off: Vec<f32> = shown
            .iter()
            .zip(&gain)
            .map(|(s, g)| 1.0 / (s * g))
            .collect();
        let mut y_ref = past.field.values.clone();
        scale(&mut y_ref, &taken_off);
        if let Some(moved) = before.moved {
            let size = |side: u32| side as usize / LATENT_STRIDE;
            let (window_h, window_w) = (size(moved.height), size(moved.width));
            let y = self
                .networks
                .g_a(&moved.samples, window_h, window_w, before.keep)
                .map_err(fault)?;
            // Where nothing moves, the latents themselves are better than those of the
            // picture that they made.
            let positions = y_ref.chunks_exact_mut(m).zip(y.chunks_exact(m));
            for ((to, from), block) in positions.zip(before.blocks) {
                if !block.still {
                    to.copy_from_slice(from);
                }
            }
        }
        let residuals = residuals_before(before, &self.groups, groups, h, w);
        Ok(Start {
            h,
            w,
            y_ref,
            residuals,
        })
    }

    /// By what the latents of a predicted frame are multiplied, so that their synthesis
    /// at `quality` is that of a better one.
    pub(crate) fn shown(&self, quality: Quality) -> Result<Vec<f32>, String> {
        let both = |quality: f32| -> Result<Vec<f32>, String> {
            let inverse = self.networks.inverse(quality)?;
            let gain = self.networks.gain(quality)?;
            Ok(inverse.iter().zip(&gain).map(|(i, g)| i * g).collect())
        };
        let own = both(quality.get())?;
        let better = both((quality.get() + SYNTHESIS_BOOST).min(Quality::MAX.get()))?;
        Ok(better.iter().zip(&own).map(|(b, o)| b / o).collect())
    }

    fn coding_after(
        &self,
        quality: Quality,
        before: &Before<'_>,
    ) -> Result<Coding<'_>, ModelError> {
        let following = self.following()?;
        let start = self.start_after(&following.groups, before)?;
        let fault = |reason: String| self.fault(reason);
        let Start {
            h,
            w,
            y_ref,
            residuals,
        } = start;
        let known = marks(&residuals, before.past.intra, before.blocks, h, w);
        let m = self.groups.channels();
        let shapes = following.shape.start_from(&known, h, w, quality.halves());
        let networks = &following.networks;
        Ok(Coding {
            model: self,
            following,
            h,
            w,
            gain: self.networks.gain(quality.get()).map_err(fault)?,
            shown: self.shown(quality).map_err(fault)?,
            source: None,
            means: networks.means(y_ref, h, w, quality.get()).map_err(fault)?,
            shapes,
            mu: None,
            planned: Vec::new(),
            y_hat: vec![0.0; h * w * m],
        })
    }
}

impl Temporal for StandardModel {
    fn digest(&self) -> Digest {
        let weights = self.temporal.as_ref();
        weights.map_or(Digest([0; 4]), |weights| weights.digest())
    }

    fn steps(&self) -> usize {
        self.following()
            .map_or(0, |following| following.groups.steps().len())
    }

    fn memory(&self, width: u32, height: u32) -> u64 {
        let pixels = u64::from(width).saturating_mul(height.into());
        pixels.saturating_mul(BYTES_PER_PIXEL)
    }

    fn analyse(
        &self,
        window: &Pixels,
        _: (u32, u32),
        quality: Quality,
        before: &Before<'_>,
    ) -> Result<Box<dyn Latents + '_>, ModelError> {
        let mut coding = self.coding_after(quality, before)?;
        let y = self.latents(window, before.keep, &coding.gain);
        coding.source = Some(y.map_err(|reason| self.fault(reason))?);
        Ok(Box::new(coding))
    }

    fn prepare(
        &self,
        _: (u32, u32),
        quality: Quality,
        before: &Before<'_>,
    ) -> Result<Box<dyn Latents + '_>, ModelError> {
        Ok(Box::new(self.coding_after(quality, before)?))
    }

    fn keep(&self, past: &mut Past, quality: Quality) -> Result<(), ModelError> {
        let fault = |reason: String| self.fault(reason);
        let from = self.networks.inverse(past.quality.get()).map_err(fault)?;
        let to = self.networks.inverse(quality.get()).map_err(fault)?;
        for position in past.field.values.chunks_exact_mut(from.len().max(1)) {
            for ((y, from), to) in position.iter_mut().zip(&from).zip(&to) {
                *y *= from / to;
            }
        }
        Ok(())
    }
}

/// A tile between its steps.
struct Coding<'a> {
    model: &'a StandardModel,
    following: &'a Following,
    h: usize,
    w: usize,
    gain: Vec<f32>,
    shown: Vec<f32>,
    /// Encoder only: latents with gain, `[h][w][m]`.
    source: Option<Vec<f32>>,
    means: Box<dyn Means + 'a>,
    shapes: IntStream,
    /// Means of the step that is being coded, gain on: `[covered][channel]`.
    mu: Option<Vec<f32>>,
    /// Encoder only: the tables of the step that is being coded.
    planned: Vec<u16>,
    /// `[h][w][m]`, gain on.
    y_hat: Vec<f32>,
}

impl Coding<'_> {
    fn step(&self, number: usize) -> Result<Step, ModelError> {
        let steps = self.following.groups.steps();
        let found = steps.get(number).copied();
        found.ok_or_else(|| {
            self.model
                .fault(format!("step {number} of {}", steps.len()))
        })
    }

    /// Means of a step, computed once.
    fn means(&mut self, number: usize, step: Step) -> Result<Vec<f32>, ModelError> {
        if let Some(mu) = self.mu.take() {
            return Ok(mu);
        }
        let model = self.model;
        let mu = self.means.head(number);
        let mut mu = mu.map_err(|reason| model.fault(reason))?;
        scale(&mut mu, &self.gain[step.first..][..step.channels]);
        Ok(mu)
    }
}

impl Latents for Coding<'_> {
    fn plan(&mut self, step: usize) -> Result<Plan, ModelError> {
        self.step(step)?;
        let indices = self.following.shape.indices(&self.shapes, step);
        if self.source.is_some() {
            self.planned.clone_from(&indices);
        }
        Ok(Plan::Tables {
            tables: gaussian().clone(),
            indices,
        })
    }

    fn symbols(&mut self, number: usize) -> Result<Vec<i32>, ModelError> {
        let step = self.step(number)?;
        let mu = self.means(number, step)?;
        let y = self.source.as_ref();
        let y = y.ok_or_else(|| self.model.fault("a decoder has no symbols"))?;
        let symbols = residuals(step, [self.h, self.w], y, &mu, |i, residual| {
            rounded_after(residual, self.planned.get(i).copied().unwrap_or_default())
        });
        self.mu = Some(mu);
        Ok(symbols)
    }

    fn meanwhile(&mut self, number: usize) -> Result<(), ModelError> {
        let step = self.step(number)?;
        self.mu = Some(self.means(number, step)?);
        Ok(())
    }

    fn accept(&mut self, number: usize, symbols: &[i32]) -> Result<(), ModelError> {
        let step = self.step(number)?;
        let mut known = self.means(number, step)?;
        let size = [self.h, self.w];
        let r = |i: usize| symbols[i] as f32;
        reconstruct(step, size, &self.gain, r, &mut known, &mut self.y_hat);
        // Nobody reads the streams after the last step.
        if number + 1 < self.following.groups.steps().len() {
            let model = self.model;
            let updated = self.means.update(number, &known);
            updated.map_err(|reason| model.fault(reason))?;
            self.following
                .shape
                .update(&mut self.shapes, number, symbols);
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Field, ModelError> {
        scale(&mut self.y_hat, &self.shown);
        Ok(Field {
            width: self.w as u32,
            height: self.h as u32,
            channels: self.gain.len(),
            values: self.y_hat,
        })
    }
}
