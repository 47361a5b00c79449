//! The seam between the format and what is learned.
//!
//! A [`Model`] turns a picture into integer symbols and back. The
//! [walk](crate::walk) asks it, step by step, how each symbol is distributed, in
//! integers; nothing but integers crosses this trait on the way to the entropy
//! coder, so two machines cannot disagree about a probability.

use std::fmt;
use std::str::FromStr;

use lic_entropy::{Mixtures, Tables};

use crate::field::Field;
use crate::geometry::Area;
use crate::options::{Effort, Scale};
use crate::temporal::Temporal;

/// A model's number in the file. Numbers are explicit, listed in BITSTREAM.md
/// and never used again for another model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelId(pub u16);

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The first four bytes of the SHA-256 of a model's weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 4]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Quality from 1 (smallest file) to 100 (best picture) in steps of a half;
/// always in range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Quality(u8);

impl Quality {
    /// The smallest file.
    pub const MIN: Self = Self(2);
    /// The best picture.
    pub const MAX: Self = Self(200);

    /// A whole number; `None` unless `value` is in 1..=100.
    pub fn new(value: u8) -> Option<Self> {
        value.checked_mul(2).and_then(Self::from_halves)
    }

    /// So many halves; `None` unless `halves` is in 2..=200.
    pub fn from_halves(halves: u8) -> Option<Self> {
        (Self::MIN.0..=Self::MAX.0)
            .contains(&halves)
            .then_some(Self(halves))
    }

    /// Twice the number, 2..=200: what the file says.
    pub fn halves(self) -> u8 {
        self.0
    }

    /// The number, 1..=100.
    pub fn get(self) -> f32 {
        f32::from(self.0) / 2.0
    }
}

impl Default for Quality {
    /// 50.
    fn default() -> Self {
        Self(100)
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// Not a [`Quality`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("quality has to be from 1 to 100, in steps of 0.5")]
pub struct QualityError;

impl FromStr for Quality {
    type Err = QualityError;

    fn from_str(text: &str) -> Result<Self, QualityError> {
        let halves = text.parse::<f64>().map_err(|_| QualityError)? * 2.0;
        // Halves are exact in binary; a cast saturates.
        let whole = halves as u8;
        (f64::from(whole) == halves)
            .then(|| Self::from_halves(whole))
            .flatten()
            .ok_or(QualityError)
    }
}

/// Why a model could not do its part: a fault of the model or its backend, not
/// of the file.
#[derive(Debug, thiserror::Error)]
#[error("model {key}: {reason}")]
pub struct ModelError {
    /// The model's key.
    pub key: String,
    /// What went wrong, with the value and the limit.
    pub reason: String,
}

/// One step of the walk: how every symbol of the step is distributed, in coding order.
#[derive(Debug, Clone)]
pub enum Plan {
    /// By tables of a set.
    Tables {
        /// The tables that `indices` point into; a clone shares them.
        tables: Tables,
        /// One table index a symbol; every index is below `tables.len()`.
        indices: Vec<u16>,
    },
    /// By mixtures, alone or in pairs: in a pair, the second symbol's depends on the
    /// first.
    Mixtures(Mixtures),
}

impl Plan {
    /// How many symbols the step has.
    pub fn len(&self) -> usize {
        match self {
            Self::Tables { indices, .. } => indices.len(),
            Self::Mixtures(mixtures) => mixtures.len(),
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The pixels of a window of a picture, as a model sees them: RGB, interleaved, in
/// 0..=1.
#[derive(Debug, Clone, PartialEq)]
pub struct Pixels {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `width * height * 3` samples.
    pub samples: Vec<f32>,
}

/// How latents become symbols: what a file says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantiser {
    /// From the smallest file to the best picture.
    pub quality: Quality,
    /// Whether symbols are on a [trellis](lic_entropy::Trellis), as far as the model puts them
    /// there; only for one that [can](Model::has_trellis).
    pub trellis: bool,
}

impl Quantiser {
    /// Without a trellis.
    pub fn scalar(quality: Quality) -> Self {
        Self {
            quality,
            trellis: false,
        }
    }
}

/// What an encoder asks of a model.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// What the file will say of it.
    pub quantiser: Quantiser,
    /// Time to be spent for a smaller file.
    pub effort: Effort,
    /// Where [`analyse`](Model::analyse) takes long, it says now and then which part of
    /// a tile is done, 0 to 1.
    pub watch: &'a (dyn Fn(f64) + Sync),
}

impl Asked<'_> {
    /// The default effort, but no trellis; nobody watches.
    pub fn of(quality: Quality) -> Self {
        Self {
            quantiser: Quantiser::scalar(quality),
            effort: Effort::default(),
            watch: &|_| (),
        }
    }
}

/// A transform with its prior.
///
/// A picture comes in tiles. Of each, the model makes [`Latents`], which the
/// [walk](crate::walk) codes without a look at other tiles, and which end as a
/// [`Field`]. Transforms see more: [`analyse`](Self::analyse) gets a window with a
/// margin of pixels around the tile, [`synthesise`](Self::synthesise) one with a
/// margin of its neighbours' positions, so that joins do not show.
pub trait Model: Send + Sync {
    /// The number in the file.
    fn id(&self) -> ModelId;

    /// The name people type, such as `mse`.
    fn key(&self) -> &str;

    /// Digest of the weights; zero for a model without any.
    fn digest(&self) -> Digest;

    /// For every step of the walk, the section that holds its symbols: starts
    /// at 0, never falls, rises by at most one.
    fn sections(&self) -> &[usize];

    /// Pixels, each way, that a position of a field stands for.
    fn stride(&self) -> u32;

    /// Pixels that the sides of a tile are padded to a multiple of, itself a
    /// multiple of the stride, and a divisor of [`TILE_UNIT`](crate::TILE_UNIT).
    fn alignment(&self) -> u32;

    /// How many positions around a tile its transforms see.
    fn margin(&self) -> u32;

    /// Values that a field has at a position.
    fn channels(&self) -> usize;

    /// Its prior for frames that follow another, if it has one: without, a clip is a
    /// sequence of intra frames.
    fn temporal(&self) -> Option<&dyn Temporal> {
        None
    }

    /// Whether encoders should fit filters for least squared error to its pictures. They
    /// are worth what they take where a picture is wrong in the same way all over.
    fn gains_from_filters(&self) -> bool {
        false
    }

    /// Whether it can put symbols on a trellis.
    fn has_trellis(&self) -> bool {
        false
    }

    /// How many sections make a difference to a picture that is so much smaller.
    /// All of them, unless the model knows better.
    fn sections_at(&self, scale: Scale) -> usize {
        let _ = scale;
        self.sections().last().map_or(0, |last| last + 1)
    }

    /// An upper bound of the bytes of memory that a window of this size takes;
    /// checked against the limits before anything is allocated.
    fn memory(&self, width: u32, height: u32) -> u64;

    /// Encoder: transforms `window` and stands at step 0 for the tile that lies
    /// at `keep`, in positions of the window. The sides of the window are
    /// multiples of the stride; those of `keep` are the padded sides of a tile of
    /// `width` by `height` pixels.
    fn analyse(
        &self,
        window: &Pixels,
        keep: Area,
        tile: (u32, u32),
        asked: &Asked<'_>,
    ) -> Result<Box<dyn Latents + '_>, ModelError>;

    /// Decoder: stands at step 0 for a tile of this many pixels.
    fn prepare(
        &self,
        width: u32,
        height: u32,
        quantiser: Quantiser,
    ) -> Result<Box<dyn Latents + '_>, ModelError>;

    /// The pixels of the positions `keep` of `window`: RGB, nominally in 0..=1.
    fn synthesise(&self, window: Field, keep: Area, quality: Quality)
    -> Result<Pixels, ModelError>;
}

/// A tile on its way through the [walk](crate::walk).
///
/// Steps come in order. For each, both directions call [`plan`](Self::plan) and
/// then [`accept`](Self::accept); the encoder calls
/// [`symbols`](Self::symbols) between the two. From a step on, nothing may be
/// known any more: then a decoder calls [`skip`](Self::skip) for each that is left.
pub trait Latents: Send {
    /// How each symbol of `step` is distributed. A function of the symbols
    /// accepted so far, in integer arithmetic alone.
    fn plan(&mut self, step: usize) -> Result<Plan, ModelError>;

    /// Encoder only: the symbols of `step`, as many as the plan says.
    fn symbols(&mut self, step: usize) -> Result<Vec<i32>, ModelError>;

    /// Decoder only: work for `step` that does not need its symbols, done while they are
    /// being decoded. None, if it is not written.
    fn meanwhile(&mut self, step: usize) -> Result<(), ModelError> {
        let _ = step;
        Ok(())
    }

    /// Takes note of the symbols of `step`, coded or decoded.
    fn accept(&mut self, step: usize, symbols: &[i32]) -> Result<(), ModelError>;

    /// As [`accept`](Self::accept) with zeros, where no later step will be planned.
    fn skip(&mut self, step: usize) -> Result<(), ModelError> {
        let zeros = vec![0; self.plan(step)?.len()];
        self.accept(step, &zeros)
    }

    /// What was decoded, after the last step: a field of the tile's padded size.
    fn finish(self: Box<Self>) -> Result<Field, ModelError>;
}
