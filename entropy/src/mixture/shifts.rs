//! Scales that are all a little off: each channel of symbols can have its own shifted.
//!
//! What tells the scales of symbols knows pictures in general. Of the one that is coded an
//! encoder can say more: that this channel is quieter throughout than it seems, and that one
//! louder.

use rayon::prelude::*;

use super::Mixtures;
use super::coding::{Encode, Escapable, Pass, check_lengths};
use super::density::Density;
use crate::error::{EncodeError, MixtureError};
use crate::gaussian::SCALES;
use crate::halves::first_half;
use crate::interval::{Interval, Sink};
use crate::tables::{PRECISION, Table};

/// The scale `by` so many indices further, as far as there are.
#[inline(always)]
pub(super) fn shifted(scale: u8, by: i8) -> u8 {
    let moved = i16::from(scale) + i16::from(by);
    moved.clamp(0, SCALES as i16 - 1) as u8
}

impl Mixtures {
    /// With symbols of so many `channels` in turn, whose scales can be
    /// [`shifted`](Self::shifted).
    ///
    /// # Errors
    /// If the last turn is not whole, or a pair is of two turns.
    pub fn with_channels(self, channels: usize) -> Result<Self, MixtureError> {
        let (symbols, width) = (self.len(), self.width());
        if channels == 0 || !symbols.is_multiple_of(channels) || !channels.is_multiple_of(width) {
            return Err(MixtureError::Channels { channels, symbols });
        }
        Ok(Self { channels, ..self })
    }

    /// How many channels symbols are of in turn; 0 if nothing is known of channels.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// With `shifts`, one a channel, added to the indices of scales, within 0..=63. Plain
    /// symbols stay as they are; so does what is on a trellis, and on which grids.
    ///
    /// # Errors
    /// If there are not as many shifts as channels.
    pub fn shifted(self, shifts: Vec<i8>) -> Result<Self, MixtureError> {
        let (channels, found) = (self.channels, shifts.len());
        if found != channels {
            return Err(MixtureError::Shifts { found, channels });
        }
        Ok(Self { shifts, ..self })
    }

    /// What is added to the scales of channels in turn.
    pub(super) fn shifts(&self) -> &[i8] {
        match self.shifts.is_empty() {
            true => &[0; 2][..self.width()],
            false => &self.shifts,
        }
    }

    /// How many bits the symbols of each channel that are not plain would take with their
    /// scales shifted by `shifts`. Where there are more than a number of `turns` through all
    /// channels, only about so many, evenly from all, are looked at. A float, for encoders:
    /// see [`Intervals::bits`](super::Intervals::bits).
    ///
    /// # Errors
    /// If there are not as many symbols as distributions, or shifts as channels.
    pub fn bits_by_channel(
        &self,
        symbols: &[i32],
        shifts: &[i8],
        turns: usize,
    ) -> Result<Vec<f64>, EncodeError> {
        check_lengths(self, symbols)?;
        let channels = self.channels;
        if shifts.len() != channels {
            let (indices, symbols) = (channels, shifts.len());
            return Err(EncodeError::Lengths { indices, symbols });
        }
        if channels == 0 {
            return Ok(Vec::new());
        }
        let part = TURNS * channels;
        let (half, all) = (first_half(symbols.len()), symbols.len());
        let mut parts = self.states(0..half, symbols, part);
        let halfway = parts.len();
        parts.extend(self.states(half..all, symbols, part));
        let every = parts.len().div_ceil((turns / TURNS).max(1)).max(1);
        // One of `every` so many, any of them: every n-th would be of a few columns.
        let looked_at = (0..parts.len().div_ceil(every)).into_par_iter();
        let bits = looked_at.map(|run| {
            let any = (run as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
            let i = run * every + any as usize % every;
            let Some(&(start, trellis)) = parts.get(i) else {
                return Ok(vec![0.0; channels]);
            };
            let end = if i < halfway { half } else { all };
            let range = start..(start + part).min(end);
            let mut measure = Measure {
                symbols: symbols[range.clone()].iter(),
                bits: vec![0.0; channels],
                channel: start % channels,
            };
            self.pass(shifts, range, trellis, &mut measure)?;
            Ok(measure.bits)
        });
        let sum = |a: Vec<f64>, b: Vec<f64>| a.iter().zip(b).map(|(a, b)| a + b).collect();
        bits.try_reduce(|| vec![0.0; channels], |a, b| Ok(sum(a, b)))
    }
}

/// Turns through all channels that are looked at together.
const TURNS: usize = 4;

/// Counts bits, by channels.
struct Measure<'a> {
    symbols: std::slice::Iter<'a, i32>,
    bits: Vec<f64>,
    channel: usize,
}

impl Measure<'_> {
    /// The next symbol took so many `bits`.
    #[inline(always)]
    fn add(&mut self, bits: f64) {
        self.symbols.next();
        self.bits[self.channel] += bits;
        self.channel = (self.channel + 1) % self.bits.len();
    }
}

impl Pass for Measure<'_> {
    type Error = EncodeError;

    #[inline(always)]
    fn plain(&mut self, _: Table<'_>) -> Result<(), EncodeError> {
        self.add(0.0);
        Ok(())
    }

    #[inline(always)]
    fn mixed<const K: usize>(
        &mut self,
        density: &Density<'_, K>,
    ) -> Result<Escapable<K>, EncodeError> {
        let mut bits = Bits(0.0);
        let coded = Encode(&mut bits, self.symbols.clone()).mixed(density)?;
        self.add(bits.0);
        Ok(coded)
    }
}

/// What writing would take.
struct Bits(f64);

impl Sink for Bits {
    #[inline(always)]
    fn put(&mut self, interval: Interval) {
        self.0 += PRECISION as f64 - f64::from(interval.mass.get()).log2();
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::super::MAX_COMPONENTS;
    use super::super::tests::field;
    use super::*;
    use crate::trellis::TrellisScales;

    /// What is counted by channels is what is coded; here no symbol is plain.
    #[test]
    fn bits_by_channel_are_those_of_all() {
        let mut random = StdRng::seed_from_u64(31);
        for _ in 0..40 {
            let components = random.random_range(1..=MAX_COMPONENTS);
            let channels = 2 * random.random_range(1..5);
            let count = channels * random.random_range(1..200);
            let scales: Vec<u8> = (0..count).map(|_| random.random_range(0..50)).collect();
            let of_pair = components * Mixtures::fields(true);
            let parameters = (0..count / 2 * of_pair).map(|_| field(&mut random));
            let mixtures = Mixtures::new(components, true, 0, scales, parameters.collect());
            let mixtures = mixtures.unwrap().with_channels(channels).unwrap();
            let of = TrellisScales {
                from: 20,
                centred_below: 30,
            };
            let mixtures = mixtures.with_trellis(of);
            let symbols: Vec<i32> = (0..count).map(|_| random.random_range(-9..10)).collect();
            let shifts: Vec<i8> = (0..channels).map(|_| random.random_range(-9..10)).collect();
            let bits = mixtures.bits_by_channel(&symbols, &shifts, usize::MAX);
            let bits: f64 = bits.unwrap().iter().sum();
            let all = mixtures.shifted(shifts).unwrap().total_bits(&symbols);
            let all = all.unwrap();
            // Sums of doubles in another order.
            assert!((bits - all).abs() < 1e-6 * all, "{bits}, not {all}");
        }
    }

    #[test]
    fn without_channels_there_is_nothing_to_count() {
        let mixtures = Mixtures::new(1, false, 0, vec![20; 9], vec![32; 27]).unwrap();
        assert_eq!(mixtures.bits_by_channel(&[0; 9], &[], 4), Ok(Vec::new()));
        assert!(mixtures.bits_by_channel(&[0; 8], &[], 4).is_err());
        assert!(mixtures.bits_by_channel(&[0; 9], &[0], 4).is_err());
    }
}
