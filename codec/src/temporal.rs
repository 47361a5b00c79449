//! The seam between clips and a model's temporal prior: what is known of a tile of a
//! predicted frame before any of it is decoded.

use crate::field::Field;
use crate::geometry::Area;
use crate::model::{Digest, Latents, ModelError, Pixels, Quality};

/// What a coded tile leaves to the same tile of the next frame.
#[derive(Debug, Clone)]
pub struct Past {
    /// What was decoded.
    pub field: Field,
    /// The quality that the field is of.
    pub quality: Quality,
    /// Whether the tile was coded by the model's own prior, without a past.
    pub intra: bool,
    /// The symbols of all steps: integers, which may choose probabilities.
    pub symbols: Vec<Vec<i32>>,
}

/// What a predicted tile knows of a block of 16x16 pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// Where it was, (x, y) from its place, in quarters of a pixel: the mean over its
    /// parts. Integers that were coded: they may choose probabilities.
    pub vector: [i16; 2],
    /// The furthest that a component of a part's vector is from that; an integer that may
    /// choose probabilities, too.
    pub spread: i32,
    /// Whether neither it nor any block around it moves.
    pub still: bool,
}

/// What is known of a tile of a predicted frame before any of it is decoded.
#[derive(Debug, Clone, Copy)]
pub struct Before<'a> {
    /// What the tile left the last time that it was coded.
    pub past: &'a Past,
    /// The picture before, moved, as a window around the tile; `None` if nothing moves.
    pub moved: Option<&'a Pixels>,
    /// Where in that window the tile lies, in positions; as in
    /// [`Model::analyse`](crate::Model::analyse).
    pub keep: Area,
    /// Its blocks, by rows; the first begins in the tile's corner.
    pub blocks: &'a [Block],
    /// Blocks in a row.
    pub columns: usize,
}

/// A model's prior for frames that follow another: the same transforms, other
/// expectations. Its steps are all in one section.
pub trait Temporal: Send + Sync {
    /// Digest of its weights; zero without any.
    fn digest(&self) -> Digest;

    /// How many steps its walk has.
    fn steps(&self) -> usize;

    /// An upper bound of the bytes of memory that a window of this size takes, beside
    /// what the model itself takes for it.
    fn memory(&self, width: u32, height: u32) -> u64;

    /// Encoder: transforms `window` and stands at step 0 for the tile that lies at
    /// `before.keep`.
    ///
    /// # Errors
    /// If the model or its backend fails.
    fn analyse(
        &self,
        window: &Pixels,
        tile: (u32, u32),
        quality: Quality,
        before: &Before<'_>,
    ) -> Result<Box<dyn Latents + '_>, ModelError>;

    /// Decoder: stands at step 0 for a tile of this many pixels.
    ///
    /// # Errors
    /// If the model or its backend fails.
    fn prepare(
        &self,
        tile: (u32, u32),
        quality: Quality,
        before: &Before<'_>,
    ) -> Result<Box<dyn Latents + '_>, ModelError>;

    /// Turns the field of a tile that stays as it is into one of another quality, with
    /// the same pixels.
    ///
    /// # Errors
    /// If the model or its backend fails.
    fn keep(&self, past: &mut Past, quality: Quality) -> Result<(), ModelError>;
}
