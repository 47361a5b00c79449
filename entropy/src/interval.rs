//! What passes between tables and coders: a slot's share of the unit interval,
//! and the two directions a coder runs in.

use std::borrow::Borrow;
use std::num::NonZeroU16;

use constriction::stream::model::{DecoderModel, EncoderModel, EntropyModel};

use crate::error::DecodeError;
use crate::tables::PRECISION;

/// A slot: `mass` out of 65,536, after `start` of the slots before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interval {
    pub(crate) start: u16,
    pub(crate) mass: NonZeroU16,
}

/// Half of the whole: one equiprobable bit.
const HALF: NonZeroU16 = NonZeroU16::new(1 << 15).unwrap();

impl Interval {
    /// The slot of an equiprobable bit; a 0 comes first.
    pub(crate) fn bit(bit: bool) -> Self {
        Self {
            start: if bit { HALF.get() } else { 0 },
            mass: HALF,
        }
    }
}

/// An interval is a model with one symbol: the coder asks for its bounds.
impl EntropyModel<PRECISION> for Interval {
    type Symbol = ();
    type Probability = u16;
}

impl EncoderModel<PRECISION> for Interval {
    #[inline(always)]
    fn left_cumulative_and_probability(&self, _: impl Borrow<()>) -> Option<(u16, NonZeroU16)> {
        Some((self.start, self.mass))
    }
}

/// An equiprobable bit, to decode.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bit;

impl EntropyModel<PRECISION> for Bit {
    type Symbol = bool;
    type Probability = u16;
}

impl DecoderModel<PRECISION> for Bit {
    #[inline(always)]
    fn quantile_function(&self, quantile: u16) -> (bool, u16, NonZeroU16) {
        let bit = quantile >= HALF.get();
        let Interval { start, mass } = Interval::bit(bit);
        (bit, start, mass)
    }
}

/// The encoding half of a coder. Intervals come in decoding order.
pub(crate) trait Sink {
    fn put(&mut self, interval: Interval);
}

/// The decoding half of a coder.
pub(crate) trait Source {
    fn take<M>(&mut self, model: M) -> Result<M::Symbol, DecodeError>
    where
        M: DecoderModel<PRECISION, Probability = u16>;
}
