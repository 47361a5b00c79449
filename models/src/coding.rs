//! The standard model as the codec sees it: pictures to symbols and back.

use std::borrow::Cow;
use std::sync::OnceLock;

use burn::tensor::Device;
use lic_codec::temporal::Temporal;
use lic_codec::{
    Area, Asked, Digest, Effort, Field, Latents, Model, ModelError, ModelId, Pixels, Plan, Quality,
    Scale,
};
use lic_entropy::{Tables, gaussian};

use crate::device::Backend;
use crate::following::Following;
use crate::networks::{Means, Networks};
use crate::prior::{Groups, IntShape, IntStream, Step, covered, level_of};
use crate::profile::{Other, Part, Work, timed};
use crate::refine::{LazyRefiner, Tile, steps};
use crate::rounding::rounded;
use crate::standard::{LATENT_STRIDE, STRIDE};
use crate::temporal_weights::TemporalWeights;

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

    /// A tile of `h` by `w` latents.
    fn coding(&self, h: usize, w: usize, quality: Quality) -> Result<Coding<'_>, ModelError> {
        let m = self.groups.channels();
        let gain = self.networks.gain(quality.get());
        Ok(Coding {
            model: self,
            h,
            w,
            quality,
            effort: Effort::default(),
            gain: gain.map_err(|reason| self.fault(reason))?,
            source: None,
            known: None,
            mu: None,
            planned: Vec::new(),
            y_hat: vec![0.0; h * w * m],
        })
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
        let quality = asked.quality.get();
        let mut coding = self.coding(h, w, asked.quality)?;
        coding.effort = asked.effort;
        let fault = |reason: String| self.fault(reason);
        let y = self.latents(window, area, &coding.gain).map_err(fault)?;
        let z = self.networks.h_a(&y, h, w, quality).map_err(fault)?;
        let z: Vec<f32> = z.into_iter().map(f32::round).collect();
        let y = match steps(asked.effort) {
            0 => y,
            steps => {
                let whole = Area::of(window.width, window.height).in_units(LATENT_STRIDE as u32);
                let tile = Tile {
                    window,
                    keep: area,
                    size: tile,
                    y: self.latents(window, whole, &coding.gain).map_err(fault)?,
                    z: &z,
                    quality: quality.into(),
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
        quality: Quality,
    ) -> Result<Box<dyn Latents + '_>, ModelError> {
        let latents = |side: u32| (side as usize).next_multiple_of(STRIDE) / LATENT_STRIDE;
        Ok(Box::new(self.coding(
            latents(height),
            latents(width),
            quality,
        )?))
    }

    fn synthesise(
        &self,
        window: &Field,
        area: Area,
        quality: Quality,
    ) -> Result<Pixels, ModelError> {
        let mut y = window.values.clone();
        let inverse = self.networks.inverse(quality.get());
        let inverse = inverse.map_err(|reason| self.fault(reason))?;
        scale(&mut y, &inverse);
        let (h, w) = (window.height as usize, window.width as usize);
        let samples = self.networks.g_s(&y, h, w, area);
        Ok(Pixels {
            width: area.width * LATENT_STRIDE as u32,
            height: area.height * LATENT_STRIDE as u32,
            samples: samples.map_err(|reason| self.fault(reason))?,
        })
    }
}

/// Positions whose symbols, which lie by channels, are taken together with latents and
/// means, which lie by positions: a cache line of symbols.
const RUN: usize = 16;

/// Multiplies each channel, which lie together, by its gain.
fn scale(values: &mut [f32], gain: &[f32]) {
    let bytes = 2 * size_of_val(values);
    let work = || Work::moved(bytes);
    timed(Part::Other(Other::Gain), work, || {
        for position in values.chunks_exact_mut(gain.len().max(1)) {
            for (value, gain) in position.iter_mut().zip(gain) {
                *value *= gain;
            }
        }
    });
}

/// `[position][channel]` as `[channel][position]`.
fn by_planes<T: Copy>(values: &[T], channels: usize) -> Vec<T> {
    (0..channels)
        .flat_map(|c| values.iter().skip(c).step_by(channels).copied())
        .collect()
}

/// A tile between its steps.
struct Coding<'a> {
    model: &'a StandardModel,
    /// Size of the latents.
    h: usize,
    w: usize,
    quality: Quality,
    effort: Effort,
    gain: Vec<f32>,
    /// Encoder only.
    source: Option<Source>,
    /// From step 1 on.
    known: Option<Known<'a>>,
    /// Means of the step that is being coded, gain on: `[covered][channel]`.
    mu: Option<Vec<f32>>,
    /// Encoder only: the scales of the step that is being coded, `[channel][covered]`.
    planned: Vec<u16>,
    /// `[h][w][m]`, gain on.
    y_hat: Vec<f32>,
}

/// What the encoder codes.
struct Source {
    /// Latents with gain, `[h][w][m]`.
    y: Vec<f32>,
    /// Hyper-latents, `[channel][h/4·w/4]`.
    z: Vec<i32>,
}

/// The two streams of what is known: floats for the means, integers for the
/// shapes.
struct Known<'a> {
    means: Box<dyn Means + 'a>,
    shapes: IntStream,
}

impl<'a> Coding<'a> {
    fn step(&self, number: usize) -> Result<Step, ModelError> {
        let steps = self.model.groups.steps();
        number
            .checked_sub(1)
            .and_then(|i| steps.get(i).copied())
            .ok_or_else(|| {
                self.model
                    .fault(format!("step {number} of {}", steps.len()))
            })
    }

    fn known(&mut self) -> Result<&mut Known<'a>, ModelError> {
        let model = self.model;
        let known = self.known.as_mut();
        known.ok_or_else(|| model.fault("steps came out of order"))
    }

    fn source(&self) -> Result<&Source, ModelError> {
        self.source
            .as_ref()
            .ok_or_else(|| self.model.fault("a decoder has no symbols"))
    }

    /// Means of step `number`, computed once.
    fn means(&mut self, number: usize, step: Step) -> Result<Vec<f32>, ModelError> {
        if let Some(mu) = self.mu.take() {
            return Ok(mu);
        }
        let model = self.model;
        let mut mu = self
            .known()?
            .means
            .head(number - 1)
            .map_err(|reason| model.fault(reason))?;
        let gain = &self.gain[step.first..][..step.channels];
        for position in mu.chunks_exact_mut(step.channels) {
            for (mu, gain) in position.iter_mut().zip(gain) {
                *mu *= gain;
            }
        }
        Ok(mu)
    }

    /// Latents `r + mu` of a step, noted; `known` are its means, and then the latents
    /// without gain, as the means' networks want them.
    fn reconstruct(&mut self, step: Step, r: impl Fn(usize) -> f32, known: &mut [f32]) {
        let m = self.gain.len();
        let count = known.len() / step.channels.max(1);
        let gain = &self.gain[step.first..][..step.channels];
        let inverse: Vec<f32> = gain.iter().map(|gain| 1.0 / gain).collect();
        let positions: Vec<usize> = covered(step.pass, self.h, self.w).collect();
        // By channels for the symbols, by positions for the latents.
        let mut run = vec![0.0; RUN * step.channels];
        for (first, positions) in (0..).step_by(RUN).zip(positions.chunks(RUN)) {
            for c in 0..step.channels {
                for i in 0..positions.len() {
                    run[i * step.channels + c] = r(c * count + first + i);
                }
            }
            let known = &mut known[first * step.channels..];
            let known = known.chunks_exact_mut(step.channels);
            let run = run.chunks_exact(step.channels);
            for ((position, known), run) in positions.iter().zip(known).zip(run) {
                let y_hat = &mut self.y_hat[position * m + step.first..][..step.channels];
                let known = known.iter_mut().zip(run).zip(&inverse);
                for (y_hat, ((known, r), inverse)) in y_hat.iter_mut().zip(known) {
                    *y_hat = r + *known;
                    *known = *y_hat * inverse;
                }
            }
        }
    }

    /// Rounded residuals of a step, `[channel][position covered]`.
    fn residuals(&self, step: Step, y: &[f32], mu: &[f32]) -> Vec<i32> {
        let m = self.gain.len();
        let count = mu.len() / step.channels.max(1);
        let positions: Vec<usize> = covered(step.pass, self.h, self.w).collect();
        let mut symbols = vec![0; mu.len()];
        for (first, positions) in (0..).step_by(RUN).zip(positions.chunks(RUN)) {
            for c in 0..step.channels {
                let run = c * count + first..c * count + first + positions.len();
                let planned = self.planned.get(run.clone()).unwrap_or(&[]);
                let mut planned = planned.iter();
                let out = symbols[run].iter_mut().zip(positions).enumerate();
                for (i, (symbol, position)) in out {
                    let mean = mu[(first + i) * step.channels + c];
                    let residual = y[position * m + step.first + c] - mean;
                    let index = planned.next().copied().unwrap_or_default();
                    *symbol = match self.effort.level() {
                        0 => residual.round() as i32,
                        _ => rounded(residual, index),
                    };
                }
            }
        }
        symbols
    }

    /// Step 0: the hyper-latents are known.
    fn accept_z(&mut self, z: &[i32]) -> Result<(), ModelError> {
        let model = self.model;
        let values: Vec<f32> = z.iter().map(|&v| v as f32).collect();
        let positions = self.h / 4 * (self.w / 4);
        let by_positions = by_planes(&values, positions);
        let means = model
            .networks
            .means(&by_positions, self.h, self.w, self.quality.get())
            .map_err(|reason| model.fault(reason))?;
        self.known = Some(Known {
            means,
            shapes: model.shape.start(z, self.h, self.w, self.quality.halves()),
        });
        Ok(())
    }

    /// Notes `r + mu` of a step; `r(i)` is the residual number `i` in coding order.
    fn note(
        &mut self,
        number: usize,
        step: Step,
        r: impl Fn(usize) -> f32,
    ) -> Result<(), ModelError> {
        let mut known = self.means(number, step)?;
        let bytes = known.len() * (size_of::<i32>() + 3 * size_of::<f32>());
        let work = || Work::moved(bytes);
        timed(Part::Other(Other::Note), work, || {
            self.reconstruct(step, r, &mut known);
        });
        // Nobody reads the streams after the last step.
        if number < self.model.groups.steps().len() {
            let model = self.model;
            let updated = self.known()?.means.update(number - 1, &known);
            updated.map_err(|reason| model.fault(reason))?;
        }
        Ok(())
    }
}

impl Latents for Coding<'_> {
    fn plan(&mut self, step: usize) -> Result<Plan, ModelError> {
        if step == 0 {
            let area = self.h / 4 * (self.w / 4);
            let channels = self.model.z_channels;
            let first = level_of(self.quality.halves()) * channels;
            let indices =
                (first..first + channels).flat_map(|i| std::iter::repeat_n(i as u16, area));
            return Ok(Plan::Tables {
                tables: self.model.z_tables.clone(),
                indices: indices.collect(),
            });
        }
        let model = self.model;
        let shapes = &self.known()?.shapes;
        if let Some(mixtures) = model.shape.mixtures(shapes, step - 1) {
            let mixtures = mixtures.map_err(|error| model.fault(error.to_string()))?;
            if self.source.is_some() {
                let scales = by_planes(mixtures.scales(), self.step(step)?.channels);
                self.planned = scales.into_iter().map(u16::from).collect();
            }
            return Ok(Plan::Mixtures(mixtures));
        }
        let indices = model.shape.indices(shapes, step - 1);
        if self.source.is_some() {
            self.planned.clone_from(&indices);
        }
        Ok(Plan::Tables {
            tables: gaussian().clone(),
            indices,
        })
    }

    fn symbols(&mut self, number: usize) -> Result<Vec<i32>, ModelError> {
        if number == 0 {
            return Ok(self.source()?.z.clone());
        }
        let step = self.step(number)?;
        let mu = self.means(number, step)?;
        let y = &self.source()?.y;
        let work = || Work::moved(2 * size_of_val(&mu[..]) + size_of::<i32>() * mu.len());
        let mut symbols = timed(Part::Other(Other::Symbols), work, || {
            self.residuals(step, y, &mu)
        });
        self.mu = Some(mu);
        if self.model.shape.has_mixtures() {
            // Their order has the channels of a position together.
            symbols = by_planes(&symbols, symbols.len() / step.channels.max(1));
        }
        Ok(symbols)
    }

    fn accept(&mut self, number: usize, symbols: &[i32]) -> Result<(), ModelError> {
        if number == 0 {
            return self.accept_z(symbols);
        }
        let (step, model) = (self.step(number)?, self.model);
        let mut symbols = Cow::Borrowed(symbols);
        if model.shape.has_mixtures() {
            symbols = by_planes(&symbols, step.channels).into();
        }
        self.note(number, step, |i| symbols[i] as f32)?;
        if number < model.groups.steps().len() {
            let shapes = &mut self.known()?.shapes;
            model.shape.update(shapes, number - 1, &symbols);
        }
        Ok(())
    }

    fn skip(&mut self, number: usize) -> Result<(), ModelError> {
        if number == 0 {
            let count = self.h / 4 * (self.w / 4) * self.model.z_channels;
            return self.accept_z(&vec![0; count]);
        }
        // Shapes are for coding; nothing is coded any more.
        let step = self.step(number)?;
        self.note(number, step, |_| 0.0)
    }

    fn finish(self: Box<Self>) -> Result<Field, ModelError> {
        Ok(Field {
            width: self.w as u32,
            height: self.h as u32,
            channels: self.gain.len(),
            values: self.y_hat,
        })
    }
}
