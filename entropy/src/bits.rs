//! Single bits whose probability the caller adapts as it goes.
//!
//! A stream of bits is a stream of [`Coder::Range`](crate::Coder::Range): each bit
//! is a slot of a table of two. Tables are fixed, so those of [`Tables`](crate::Tables)
//! cannot learn from what was coded before; a caller that wants that keeps a
//! probability for each of its contexts and gives it here.

use std::num::NonZeroU16;

use constriction::stream::model::{DecoderModel, EntropyModel};

use crate::error::DecodeError;
use crate::interval::{Interval, Sink, Source};
use crate::range::{RangeReader, RangeWriter};
use crate::tables::PRECISION;

/// Two slots: 0 with `zero` of the 65,536, then 1 with the rest.
#[derive(Debug, Clone, Copy)]
struct Binary {
    zero: NonZeroU16,
}

impl Binary {
    #[inline(always)]
    fn interval(self, bit: bool) -> Interval {
        if bit {
            // 65,536 - zero is 1 to 65,535: never 0 modulo 2^16.
            let mass = NonZeroU16::new(self.zero.get().wrapping_neg());
            Interval {
                start: self.zero.get(),
                mass: mass.unwrap_or(NonZeroU16::MIN),
            }
        } else {
            Interval {
                start: 0,
                mass: self.zero,
            }
        }
    }
}

impl EntropyModel<PRECISION> for Binary {
    type Symbol = bool;
    type Probability = u16;
}

impl DecoderModel<PRECISION> for Binary {
    #[inline(always)]
    fn quantile_function(&self, quantile: u16) -> (bool, u16, NonZeroU16) {
        let bit = quantile >= self.zero.get();
        let Interval { start, mass } = self.interval(bit);
        (bit, start, mass)
    }
}

/// Writes a stream of bits.
#[derive(Debug, Default)]
pub struct BitEncoder(RangeWriter);

impl BitEncoder {
    /// An empty stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends `bit`, where a 0 has a probability of `zero` in 65,536.
    #[inline(always)]
    pub fn encode(&mut self, zero: NonZeroU16, bit: bool) {
        self.0.put(Binary { zero }.interval(bit));
    }

    /// The stream: no bytes at all if nothing was encoded.
    pub fn finish(self) -> Vec<u8> {
        self.0.finish()
    }
}

/// Reads a stream of bits.
#[derive(Debug)]
pub struct BitDecoder(RangeReader);

impl BitDecoder {
    /// Begins to read a stream.
    pub fn new(bytes: &[u8]) -> Self {
        Self(RangeReader::new(bytes))
    }

    /// The next bit, where a 0 has a probability of `zero` in 65,536: what the
    /// encoder was given. Past the end of the stream it reads on, and
    /// [`finish`](Self::finish) reports it.
    ///
    /// # Errors
    /// If the stream is one that no encoder writes.
    #[inline(always)]
    pub fn decode(&mut self, zero: NonZeroU16) -> Result<bool, DecodeError> {
        self.0.take(Binary { zero })
    }

    /// Checks that the stream ends with the bits decoded so far.
    ///
    /// # Errors
    /// If it does not.
    pub fn finish(self) -> Result<(), DecodeError> {
        self.0.finish()
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;
    use crate::{Coder, Encoder, TableSpec, Tables};

    /// A bit of any probability, 1 and 65,535 among them, more often the likely one.
    fn draw(random: &mut StdRng) -> (NonZeroU16, bool) {
        let zero = match random.random_range(0..4) {
            0 => 1,
            1 => u16::MAX,
            _ => random.random_range(1..=u16::MAX),
        };
        let bit = random.random::<u16>() >= zero;
        (NonZeroU16::new(zero).unwrap(), bit)
    }

    #[test]
    fn bits_come_back_and_nothing_is_left() {
        let mut random = StdRng::seed_from_u64(31);
        for _ in 0..300 {
            let count = random.random_range(0..200);
            let bits: Vec<_> = (0..count).map(|_| draw(&mut random)).collect();
            let mut encoder = BitEncoder::new();
            for &(zero, bit) in &bits {
                encoder.encode(zero, bit);
            }
            let bytes = encoder.finish();
            let mut decoder = BitDecoder::new(&bytes);
            for &(zero, bit) in &bits {
                assert_eq!(decoder.decode(zero), Ok(bit));
            }
            assert_eq!(decoder.finish(), Ok(()));

            let longer = [&bytes[..], &[0]].concat();
            let mut decoder = BitDecoder::new(&longer);
            for &(zero, bit) in &bits {
                assert_eq!(decoder.decode(zero), Ok(bit));
            }
            assert_eq!(decoder.finish(), Err(DecodeError::NotUsedUp));
        }
    }

    #[test]
    fn a_bit_is_a_slot_of_the_range_coder() {
        let mut random = StdRng::seed_from_u64(32);
        let bits: Vec<_> = (0..500).map(|_| draw(&mut random)).collect();
        // Tables of the symbol 0 and the escape slot, which a 1 takes.
        let specs = bits.iter().map(|(zero, _)| TableSpec {
            min: 0,
            freqs: vec![zero.get().into(), 65_536 - u32::from(zero.get())],
        });
        let tables = Tables::new(specs.collect()).unwrap();
        let mut encoder = BitEncoder::new();
        let mut by_table = Encoder::new(Coder::Range);
        for (index, &(zero, bit)) in bits.iter().enumerate() {
            encoder.encode(zero, bit);
            if bit {
                // Distance 1 beyond the table: a sign and a zero, half each.
                let half = NonZeroU16::new(1 << 15).unwrap();
                encoder.encode(half, false);
                encoder.encode(half, false);
            }
            let symbol = i32::from(bit);
            by_table
                .encode(&tables, &[index as u16], &[symbol])
                .unwrap();
        }
        assert_eq!(encoder.finish(), by_table.finish());
    }
}
