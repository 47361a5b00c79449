//! The range coder: 64-bit state, 32-bit words, first in, first out.

use std::convert::Infallible;
use std::num::NonZeroU16;

use constriction::Queue;
use constriction::backends::ReadWords;
use constriction::stream::model::{DecoderModel, EntropyModel};
use constriction::stream::queue::{EncoderSituation, RangeCoderState, RangeDecoder, RangeEncoder};
use constriction::stream::{Code, Decode, Encode};

use crate::ans::words;
use crate::error::DecodeError;
use crate::interval::{Interval, Sink, Source};
use crate::tables::PRECISION;

/// Closes every stream that holds a symbol: 16 bits that a decoder which has lost
/// its way will hardly read. Without it nearly every string of bytes is a stream of
/// some symbols. (ANS has as much in the state it begins with.)
const CLOSE: Interval = Interval {
    start: 0x5a5a,
    mass: NonZeroU16::MIN,
};

#[derive(Debug, Default)]
pub(crate) struct RangeWriter {
    coder: RangeEncoder<u32, u64>,
}

impl Sink for RangeWriter {
    #[inline(always)]
    fn put(&mut self, interval: Interval) {
        // An interval's mass is not zero and a Vec takes every word.
        let Ok(()) = self.coder.encode_symbol((), interval) else {
            unreachable!("an interval can always be encoded")
        };
    }
}

/// The number in `lower..lower + range` (modulo 2^64) that takes the fewest bytes,
/// which come first in the pair: since the decoder reads zeros past the end, zero
/// bytes at the end need not be written. Of equally short ones the first from
/// `lower` on. constriction itself would close with one or two whole words.
fn shortest(lower: u64, range: u64) -> (usize, u64) {
    (0..8)
        .map(|bytes| {
            let mask = u64::MAX >> (8 * bytes);
            (bytes, lower.wrapping_add(mask) & !mask)
        })
        .find(|(_, point)| point.wrapping_sub(lower) < range)
        .unwrap_or((8, lower))
}

impl RangeWriter {
    /// The words are written big-endian, so the stream as a whole is one binary
    /// fraction.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        if self.coder.state() == RangeCoderState::default() {
            return Vec::new();
        }
        self.put(CLOSE);
        let (mut words, state, situation) = self.coder.into_raw_parts();
        let (kept, point) = shortest(state.lower(), state.range().get());
        if let EncoderSituation::Inverted(count, first) = situation {
            // Words held back for a carry, which the choice of `point` decides.
            let carry = point < state.lower();
            words.push(first.wrapping_add(carry.into()));
            let held = if carry { 0 } else { u32::MAX };
            words.extend(std::iter::repeat_n(held, count.get() - 1));
        }
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        bytes.extend(&point.to_be_bytes()[..kept]);
        bytes
    }
}

/// [`CLOSE`], to decode: true if it is there.
#[derive(Debug, Clone, Copy)]
struct Close;

impl EntropyModel<PRECISION> for Close {
    type Symbol = bool;
    type Probability = u16;
}

impl DecoderModel<PRECISION> for Close {
    fn quantile_function(&self, quantile: u16) -> (bool, u16, NonZeroU16) {
        (quantile == CLOSE.start, quantile, CLOSE.mass)
    }
}

/// Words of a stream and, past its end, zeros without end.
#[derive(Debug)]
struct Words {
    words: Vec<u32>,
    /// How many have been read, zeros included.
    read: usize,
}

impl ReadWords<u32, Queue> for Words {
    type ReadError = Infallible;

    #[inline(always)]
    fn read(&mut self) -> Result<Option<u32>, Infallible> {
        let word = self.words.get(self.read).copied().unwrap_or(0);
        self.read += 1;
        Ok(Some(word))
    }
}

#[derive(Debug)]
pub(crate) struct RangeReader {
    coder: RangeDecoder<u32, u64, Words>,
    /// Bytes in the stream.
    length: usize,
}

impl RangeReader {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let words = words(bytes, u32::from_be_bytes);
        let Ok(coder) = RangeDecoder::with_backend(Words { words, read: 0 });
        let length = bytes.len();
        Self { coder, length }
    }

    /// The decoder knows the interval that the encoder ended with, and so which
    /// number the encoder chose in it and how many bytes it wrote.
    pub(crate) fn finish(mut self) -> Result<(), DecodeError> {
        // Every symbol narrows the interval: none has been decoded.
        if self.coder.state() == RangeCoderState::default() {
            let empty = self.length == 0;
            return empty.then_some(()).ok_or(DecodeError::NotUsedUp);
        }
        if !self.take(Close)? {
            return Err(DecodeError::NotUsedUp);
        }
        let state = self.coder.state();
        let (words, _, point) = self.coder.into_raw_parts();
        let (kept, end) = shortest(state.lower(), state.range().get());
        // Two words are read ahead.
        let length = (words.read - 2) * 4 + kept;
        if self.length == length && point == end {
            Ok(())
        } else {
            Err(DecodeError::NotUsedUp)
        }
    }
}

impl Source for RangeReader {
    #[inline(always)]
    fn take<M>(&mut self, model: M) -> Result<M::Symbol, DecodeError>
    where
        M: DecoderModel<PRECISION, Probability = u16>,
    {
        self.coder
            .decode_symbol(model)
            .map_err(|_| DecodeError::OutsideInterval)
    }
}
