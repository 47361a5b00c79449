//! A tile of a picture on its way through the walk.

use std::borrow::Cow;

use lic_codec::{Effort, Field, Latents, ModelError, Plan, Quantiser};
use lic_entropy::{Mixtures, OnTrellis, gaussian};

use super::StandardModel;
use super::steps::{by_planes, errors, reconstruct, residuals, scale};
use crate::networks::Means;
use crate::prior::{IntStream, Step, level_of};
use crate::profile::{Other, Part, Work, timed};
use crate::rounding::rounded;
use crate::trellis;

/// A tile between its steps.
pub(super) struct Coding<'a> {
    model: &'a StandardModel,
    /// Size of the latents.
    h: usize,
    w: usize,
    quantiser: Quantiser,
    pub(super) effort: Effort,
    pub(super) gain: Vec<f32>,
    /// Encoder only.
    pub(super) source: Option<Source>,
    /// From step 1 on.
    known: Option<Known<'a>>,
    /// Means of the step that is being coded, gain on: `[covered][channel]`.
    mu: Option<Vec<f32>>,
    /// Encoder only: the scales of the step that is being coded, `[channel][covered]`, if there
    /// is no trellis,
    planned: Vec<u16>,
    /// and its distributions if there is one.
    mixtures: Option<Mixtures>,
    /// Which symbols of the step that is being coded are on a trellis, in coding order.
    on_trellis: Option<OnTrellis>,
    /// `[h][w][m]`, gain on.
    y_hat: Vec<f32>,
}

/// What the encoder codes.
pub(super) struct Source {
    /// Latents with gain, `[h][w][m]`.
    pub(super) y: Vec<f32>,
    /// Hyper-latents, `[channel][h/4·w/4]`.
    pub(super) z: Vec<i32>,
}

/// The two streams of what is known: floats for the means, integers for the
/// shapes.
struct Known<'a> {
    means: Box<dyn Means + 'a>,
    shapes: IntStream,
}

impl<'a> Coding<'a> {
    /// Before step 0 of a tile of `h` by `w` latents.
    pub(super) fn new(
        model: &'a StandardModel,
        [h, w]: [usize; 2],
        quantiser: Quantiser,
    ) -> Result<Self, ModelError> {
        let gain = model.networks.gain(quantiser.quality.get());
        Ok(Self {
            model,
            h,
            w,
            quantiser,
            effort: Effort::default(),
            gain: gain.map_err(|reason| model.fault(reason))?,
            source: None,
            known: None,
            mu: None,
            planned: Vec::new(),
            mixtures: None,
            on_trellis: None,
            y_hat: vec![0.0; h * w * model.groups.channels()],
        })
    }

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
        scale(&mut mu, &self.gain[step.first..][..step.channels]);
        Ok(mu)
    }

    /// Step 0: the hyper-latents are known.
    fn accept_z(&mut self, z: &[i32]) -> Result<(), ModelError> {
        let model = self.model;
        let values: Vec<f32> = z.iter().map(|&v| v as f32).collect();
        let positions = self.h / 4 * (self.w / 4);
        let by_positions = by_planes(&values, positions);
        let means = model
            .networks
            .means(&by_positions, self.h, self.w, self.quantiser.quality.get())
            .map_err(|reason| model.fault(reason))?;
        self.known = Some(Known {
            means,
            shapes: model
                .shape
                .start(z, self.h, self.w, self.quantiser.quality.halves()),
        });
        Ok(())
    }

    /// Notes `r + mu` of a step; `r(i)` is the residual number `i` in coding order.
    fn note(
        &mut self,
        number: usize,
        step: Step,
        r: impl Fn(usize) -> f32 + Sync,
    ) -> Result<(), ModelError> {
        let mut known = self.means(number, step)?;
        let bytes = known.len() * (size_of::<i32>() + 3 * size_of::<f32>());
        let work = || Work::moved(bytes);
        timed(Part::Other(Other::Note), work, || {
            let size = [self.h, self.w];
            reconstruct(step, size, &self.gain, r, &mut known, &mut self.y_hat);
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
            let first = level_of(self.quantiser.quality.halves()) * channels;
            let indices =
                (first..first + channels).flat_map(|i| std::iter::repeat_n(i as u16, area));
            return Ok(Plan::Tables {
                tables: self.model.z_tables.clone(),
                indices: indices.collect(),
            });
        }
        let (model, trellis) = (self.model, self.quantiser.trellis);
        let shapes = &self.known()?.shapes;
        if let Some(mixtures) = model.shape.mixtures(shapes, step - 1, trellis) {
            let mixtures = mixtures.map_err(|error| model.fault(error.to_string()))?;
            self.on_trellis = mixtures.on_trellis();
            if self.source.is_some() {
                if trellis {
                    self.mixtures = Some(mixtures.clone());
                } else {
                    let scales = by_planes(mixtures.scales(), self.step(step)?.channels);
                    self.planned = scales.into_iter().map(u16::from).collect();
                }
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
        let trellis = self.model.shape.trellis();
        if let (Some(on), Some(mixtures), Some(config)) =
            (&self.on_trellis, &self.mixtures, trellis)
        {
            let work = || Work::moved(4 * size_of_val(&mu[..]));
            let symbols = timed(Part::Other(Other::Symbols), work, || {
                let v = errors(step, [self.h, self.w], y, &mu);
                trellis::symbols(&v, mixtures, on, config)
            });
            self.mu = Some(mu);
            return Ok(symbols);
        }
        let work = || Work::moved(2 * size_of_val(&mu[..]) + size_of::<i32>() * mu.len());
        let mut symbols = timed(Part::Other(Other::Symbols), work, || {
            residuals(step, [self.h, self.w], y, &mu, |i, residual| {
                match self.effort.level() {
                    0 => residual.round() as i32,
                    _ => rounded(residual, self.planned.get(i).copied().unwrap_or_default()),
                }
            })
        });
        self.mu = Some(mu);
        if self.model.shape.has_mixtures() {
            // Their order has the channels of a position together.
            symbols = by_planes(&symbols, symbols.len() / step.channels.max(1));
        }
        Ok(symbols)
    }

    fn meanwhile(&mut self, number: usize) -> Result<(), ModelError> {
        if number > 0 {
            let step = self.step(number)?;
            self.mu = Some(self.means(number, step)?);
        }
        Ok(())
    }

    fn accept(&mut self, number: usize, symbols: &[i32]) -> Result<(), ModelError> {
        if number == 0 {
            return self.accept_z(symbols);
        }
        let (step, model) = (self.step(number)?, self.model);
        let last = number == model.groups.steps().len();
        if let Some(on) = self.on_trellis.take() {
            let doubled = by_planes(&on.doubled(symbols), step.channels);
            self.note(number, step, |i| 0.5 * doubled[i] as f32)?;
            if !last {
                let shapes = &mut self.known()?.shapes;
                model.shape.update_doubled(shapes, number - 1, &doubled);
            }
            return Ok(());
        }
        let mut symbols = Cow::Borrowed(symbols);
        if model.shape.has_mixtures() {
            symbols = by_planes(&symbols, step.channels).into();
        }
        self.note(number, step, |i| symbols[i] as f32)?;
        if !last {
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
