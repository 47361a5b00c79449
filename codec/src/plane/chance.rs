//! Bits with probabilities that adapt.

use std::num::NonZeroU16;

use lic_entropy::{BitDecoder, BitEncoder};

use super::PlaneError;

/// Codes a bit, in one direction or the other.
pub(super) trait BitCoder {
    /// Writes `bit` and returns it; or returns what it reads, whatever `bit` is.
    fn code(&mut self, zero: NonZeroU16, bit: bool) -> Result<bool, PlaneError>;
}

impl BitCoder for BitEncoder {
    #[inline(always)]
    fn code(&mut self, zero: NonZeroU16, bit: bool) -> Result<bool, PlaneError> {
        self.encode(zero, bit);
        Ok(bit)
    }
}

impl BitCoder for BitDecoder {
    #[inline(always)]
    fn code(&mut self, zero: NonZeroU16, _: bool) -> Result<bool, PlaneError> {
        Ok(self.decode(zero)?)
    }
}

/// Bits that are not worth a chance of their own.
pub(super) const HALF: NonZeroU16 = NonZeroU16::new(1 << 15).unwrap();

/// How likely a 0 is, learned from the bits so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chance {
    /// Of 2^22, 1 to 2^22 - 1: fine enough that a flat plane of any size costs
    /// next to nothing.
    zero: u32,
    /// Bits so far, at most [`MEMORY`].
    seen: u32,
}

/// After so many bits a chance forgets as fast as it learns. On test planes twice
/// as many or half as many make files 0.1 % longer.
const MEMORY: u32 = 255;

impl Chance {
    pub(super) const EVEN: Self = Self {
        zero: 1 << 21,
        seen: 0,
    };

    #[inline(always)]
    pub(super) fn code(
        &mut self,
        coder: &mut impl BitCoder,
        bit: bool,
    ) -> Result<bool, PlaneError> {
        let mass = NonZeroU16::new((self.zero >> 6) as u16).unwrap_or(NonZeroU16::MIN);
        let bit = coder.code(mass, bit)?;
        // The estimator of Krichevsky and Trofimov (1981): bit n + 1 moves the
        // chance by 1 / (n + 3/2) of the way.
        let rate = 2 * self.seen + 3;
        if bit {
            self.zero -= 2 * self.zero / rate;
        } else {
            self.zero += 2 * ((1 << 22) - self.zero) / rate;
        }
        self.seen = (self.seen + 1).min(MEMORY);
        Ok(bit)
    }
}
