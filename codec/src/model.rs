//! The seam between the format and what is learned.
//!
//! A [`Model`] turns a picture into integer symbols and back. The
//! [walk](crate::walk) asks it, step by step, which integer table codes each
//! symbol; nothing but integers crosses this trait on the way to the entropy
//! coder, so two machines cannot disagree about a probability.

use std::fmt;

use lic_entropy::Tables;

use crate::image::Image;

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

/// Quality from 1 (smallest file) to 100 (best picture); always in range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Quality(u8);

impl Quality {
    /// The smallest file.
    pub const MIN: Self = Self(1);
    /// The best picture.
    pub const MAX: Self = Self(100);

    /// `None` unless `value` is in 1..=100.
    pub fn new(value: u8) -> Option<Self> {
        (1..=100).contains(&value).then_some(Self(value))
    }

    /// The number, 1..=100.
    pub fn get(self) -> u8 {
        self.0
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

/// One step of the walk: for every symbol of the step, in coding order, the
/// index of the table in `tables` that codes it.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The tables that `indices` point into.
    pub tables: &'a Tables,
    /// One table index a symbol; every index is below `tables.len()`.
    pub indices: Vec<u16>,
}

/// A transform with its prior.
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

    /// An upper bound of the bytes of memory that coding a picture of this size
    /// takes; checked against the limits before anything is allocated.
    fn memory(&self, width: u32, height: u32) -> u64;

    /// Encoder: transforms `image` and stands at step 0.
    fn analyse(&self, image: &Image, quality: Quality)
    -> Result<Box<dyn Latents + '_>, ModelError>;

    /// Decoder: stands at step 0 for a picture of this size.
    fn prepare(
        &self,
        width: u32,
        height: u32,
        quality: Quality,
    ) -> Result<Box<dyn Latents + '_>, ModelError>;
}

/// A picture on its way through the [walk](crate::walk).
///
/// Steps come in order. For each, both directions call [`plan`](Self::plan) and
/// then [`accept`](Self::accept); the encoder calls
/// [`symbols`](Self::symbols) between the two.
pub trait Latents {
    /// Which table codes each symbol of `step`. A function of the symbols
    /// accepted so far, in integer arithmetic alone.
    fn plan(&mut self, step: usize) -> Result<Plan<'_>, ModelError>;

    /// Encoder only: the symbols of `step`, as many as the plan has indices.
    fn symbols(&mut self, step: usize) -> Result<Vec<i32>, ModelError>;

    /// Takes note of the symbols of `step`, coded or decoded.
    fn accept(&mut self, step: usize, symbols: &[i32]) -> Result<(), ModelError>;

    /// The picture, after the last step.
    fn synthesise(self: Box<Self>) -> Result<Image, ModelError>;
}
