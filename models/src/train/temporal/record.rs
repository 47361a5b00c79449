//! Samples: what a temporal prior sees of the frames of a clip, taken from the codec at
//! work.

use std::sync::{Mutex, PoisonError};

use lic_codec::clip::{ClipOptions, MOST_BETWEEN, Written};
use lic_codec::temporal::{Before, Block, Past, Temporal};
use lic_codec::{
    Area, Asked, Channels, ClipEncoder, Digest, Field, Image, Latents, Model, ModelError, ModelId,
    Pixels, Plan, Quality, Quantiser,
};
use lic_entropy::gaussian;

use super::moving::Size;
use crate::coding::{StandardModel, scale};
use crate::prior::Groups;
use crate::rounding::rounded_after;
use crate::standard::{LATENT_STRIDE, Noise};
use crate::train::TrainError;

/// Frames of a clip as the prior sees them.
#[derive(Debug)]
pub struct Sample {
    /// That the clip was asked for.
    pub quality: Quality,
    /// Positions.
    pub h: usize,
    pub w: usize,
    /// Residuals of the intra frame before the first, `[m][h][w]`.
    pub residuals: Vec<i32>,
    /// Predicted frames, in coding order.
    pub frames: Vec<Seen>,
}

/// A predicted frame.
#[derive(Debug)]
pub struct Seen {
    pub quality: Quality,
    /// Of each channel.
    pub gain: Vec<f32>,
    /// Whose residuals it sees: 0 is the intra frame, i + 1 is `frames[i]`.
    pub from: usize,
    /// Latents, gain on: `[h][w][m]`.
    pub y: Vec<f32>,
    /// Those of the frame before, moved, gain taken off.
    pub y_ref: Vec<f32>,
    /// Where it moved.
    pub blocks: Vec<Block>,
}

/// Encodes frames, RGB of 16 bits, and keeps what the prior sees; `None` if there is
/// nothing to see.
pub fn record(
    model: &StandardModel,
    frames: &[Vec<u16>],
    size: Size,
    noise: &mut Noise,
) -> Result<Option<Sample>, TrainError> {
    let fault = |error: &dyn std::error::Error| TrainError::Sample(error.to_string());
    let halves = 20 + (noise.next_u64() % 171) as u8;
    let quality = Quality::from_halves(halves).unwrap_or_default();
    let recorder = Recorder {
        model,
        seen: Mutex::default(),
    };
    let mut options = ClipOptions::new(quality);
    options.gop = 0;
    options.scene_cuts = false;
    options.hold = false;
    // Chains, and groups from both sides.
    options.between = if noise.next_u64().is_multiple_of(2) {
        0
    } else {
        (frames.len() - 2).min(MOST_BETWEEN.into()) as u8
    };
    let (width, height) = (size.width, size.height);
    let encoder = ClipEncoder::new(&recorder, &options, width, height, std::io::sink());
    let mut encoder = encoder.map_err(|error| fault(&error))?;
    let mut numbers = Vec::new();
    let mut note = |written: Vec<Written>| {
        numbers.extend(written.iter().map(|written| written.info.number));
    };
    for frame in frames {
        let image = Image::new(width, height, Channels::Rgb, frame.clone());
        let image = image.map_err(|error| fault(&error))?;
        note(encoder.push(&image).map_err(|error| fault(&error))?);
    }
    note(encoder.flush().map_err(|error| fault(&error))?);
    drop(encoder);
    let seen = recorder.seen.into_inner();
    let (residuals, mut frames) = seen.unwrap_or_else(PoisonError::into_inner);
    if frames.is_empty() {
        return Ok(None);
    }
    for (i, frame) in frames.iter_mut().enumerate() {
        frame.from = last_before(&numbers, i + 1);
    }
    Ok(Some(Sample {
        quality,
        h: height as usize / LATENT_STRIDE,
        w: width as usize / LATENT_STRIDE,
        residuals,
        frames,
    }))
}

/// Of the frames coded before `coded`, the one that is shown last before it: `numbers`
/// are those of the frames in coding order.
fn last_before(numbers: &[u64], coded: usize) -> usize {
    let known = numbers.iter().take(coded).enumerate();
    let own = numbers.get(coded).copied().unwrap_or(u64::MAX);
    let found = known
        .filter(|(_, number)| **number < own)
        .max_by_key(|(_, number)| **number);
    found.map_or(0, |(i, _)| i)
}

/// A model that keeps what its temporal prior sees. Predicted frames are coded by that if
/// there is one, so that what follows them sees what it will be given; otherwise as the
/// difference from `y_ref`, plainly.
struct Recorder<'m> {
    model: &'m StandardModel,
    seen: Mutex<(Vec<i32>, Vec<Seen>)>,
}

impl Model for Recorder<'_> {
    fn id(&self) -> ModelId {
        self.model.id()
    }

    fn key(&self) -> &str {
        self.model.key()
    }

    fn digest(&self) -> Digest {
        Model::digest(self.model)
    }

    fn temporal(&self) -> Option<&dyn Temporal> {
        Some(self)
    }

    fn sections(&self) -> &[usize] {
        self.model.sections()
    }

    fn stride(&self) -> u32 {
        self.model.stride()
    }

    fn alignment(&self) -> u32 {
        self.model.alignment()
    }

    fn margin(&self) -> u32 {
        self.model.margin()
    }

    fn channels(&self) -> usize {
        self.model.channels()
    }

    fn memory(&self, width: u32, height: u32) -> u64 {
        Model::memory(self.model, width, height)
    }

    fn analyse(
        &self,
        window: &Pixels,
        keep: Area,
        tile: (u32, u32),
        asked: &Asked<'_>,
    ) -> Result<Box<dyn Latents + '_>, ModelError> {
        Model::analyse(self.model, window, keep, tile, asked)
    }

    fn prepare(
        &self,
        width: u32,
        height: u32,
        quantiser: Quantiser,
    ) -> Result<Box<dyn Latents + '_>, ModelError> {
        Model::prepare(self.model, width, height, quantiser)
    }

    fn synthesise(
        &self,
        window: Field,
        keep: Area,
        quality: Quality,
    ) -> Result<Pixels, ModelError> {
        self.model.synthesise(window, keep, quality)
    }
}

impl Temporal for Recorder<'_> {
    fn digest(&self) -> Digest {
        Digest([0; 4])
    }

    fn steps(&self) -> usize {
        if self.model.temporal.is_some() {
            Temporal::steps(self.model)
        } else {
            1
        }
    }

    fn memory(&self, _: u32, _: u32) -> u64 {
        0
    }

    fn analyse(
        &self,
        window: &Pixels,
        tile: (u32, u32),
        quality: Quality,
        before: &Before<'_>,
    ) -> Result<Box<dyn Latents + '_>, ModelError> {
        let groups: &Groups = &self.model.groups;
        let start = self.model.start_after(groups, before)?;
        let gain = self.model.networks.gain(quality.get());
        let gain = gain.map_err(|reason| self.model.fault(reason))?;
        let y = self.model.latents(window, before.keep, &gain);
        let y = y.map_err(|reason| self.model.fault(reason))?;
        let mut y_ref = start.y_ref.clone();
        scale(&mut y_ref, &gain);
        let shown = self.model.shown(quality);
        let plain = Plain {
            shown: shown.map_err(|reason| self.model.fault(reason))?,
            h: start.h,
            w: start.w,
            y: y.clone(),
            y_ref,
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if before.past.intra {
            seen.0 = start.residuals;
        }
        seen.1.push(Seen {
            quality,
            gain,
            from: 0,
            y,
            y_ref: start.y_ref,
            blocks: before.blocks.to_vec(),
        });
        drop(seen);
        if self.model.temporal.is_some() {
            return Temporal::analyse(self.model, window, tile, quality, before);
        }
        Ok(Box::new(plain))
    }

    fn prepare(
        &self,
        _: (u32, u32),
        _: Quality,
        _: &Before<'_>,
    ) -> Result<Box<dyn Latents + '_>, ModelError> {
        Err(self.model.fault("samples are not decoded"))
    }

    fn keep(&self, _: &mut Past, _: Quality) -> Result<(), ModelError> {
        Ok(())
    }
}

/// The scale that symbols of a plain difference are rounded for: about a quarter.
const SCALE: u16 = 7;

/// A tile whose symbols are the difference from what was there before. Gain is on.
struct Plain {
    shown: Vec<f32>,
    h: usize,
    w: usize,
    y: Vec<f32>,
    y_ref: Vec<f32>,
}

impl Latents for Plain {
    fn plan(&mut self, _: usize) -> Result<Plan, ModelError> {
        Ok(Plan::Tables {
            tables: gaussian().clone(),
            indices: vec![SCALE; self.y.len()],
        })
    }

    fn symbols(&mut self, _: usize) -> Result<Vec<i32>, ModelError> {
        let pairs = self.y.iter().zip(&self.y_ref);
        Ok(pairs
            .map(|(y, before)| rounded_after(y - before, SCALE))
            .collect())
    }

    fn accept(&mut self, _: usize, symbols: &[i32]) -> Result<(), ModelError> {
        let pairs = self.y_ref.iter_mut().zip(symbols);
        pairs.for_each(|(y, &symbol)| *y += symbol as f32);
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Field, ModelError> {
        scale(&mut self.y_ref, &self.shown);
        Ok(Field {
            width: self.w as u32,
            height: self.h as u32,
            channels: self.y.len() / (self.h * self.w),
            values: self.y_ref,
        })
    }
}
