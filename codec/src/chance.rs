//! Bits with probabilities that adapt.

use std::num::NonZeroU16;

use lic_entropy::{BitDecoder, BitEncoder, DecodeError};

/// Codes a bit, in one direction or the other.
pub(crate) trait BitCoder {
    /// Whether what it codes is learned from; not so where it is only priced.
    const LEARNS: bool = true;

    /// Writes `bit` and returns it; or returns what it reads, whatever `bit` is.
    fn code(&mut self, zero: NonZeroU16, bit: bool) -> Result<bool, DecodeError>;
}

impl BitCoder for BitEncoder {
    #[inline(always)]
    fn code(&mut self, zero: NonZeroU16, bit: bool) -> Result<bool, DecodeError> {
        self.encode(zero, bit);
        Ok(bit)
    }
}

impl BitCoder for BitDecoder {
    #[inline(always)]
    fn code(&mut self, zero: NonZeroU16, _: bool) -> Result<bool, DecodeError> {
        self.decode(zero)
    }
}

/// Writes nothing and counts bits. For an encoder that chooses: a float, which nothing that
/// is decoded depends on.
#[derive(Debug, Default)]
pub(crate) struct Price {
    pub bits: f64,
}

impl BitCoder for Price {
    const LEARNS: bool = false;

    #[inline(always)]
    fn code(&mut self, zero: NonZeroU16, bit: bool) -> Result<bool, DecodeError> {
        let zero = f64::from(zero.get()) / 65_536.0;
        self.bits -= if bit { 1.0 - zero } else { zero }.log2();
        Ok(bit)
    }
}

/// Bits that are not worth a chance of their own.
pub(crate) const HALF: NonZeroU16 = NonZeroU16::new(1 << 15).unwrap();

/// How likely a 0 is, learned from the bits so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chance {
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
    pub const EVEN: Self = Self {
        zero: 1 << 21,
        seen: 0,
    };

    /// As if `seen` bits had been there, so many of 256 of them a 0.
    pub const fn after(zero: u32, seen: u32) -> Self {
        Self {
            zero: zero << 14,
            seen,
        }
    }

    #[inline(always)]
    pub fn code<C: BitCoder>(&mut self, coder: &mut C, bit: bool) -> Result<bool, DecodeError> {
        let mass = NonZeroU16::new((self.zero >> 6) as u16).unwrap_or(NonZeroU16::MIN);
        let bit = coder.code(mass, bit)?;
        if !C::LEARNS {
            return Ok(bit);
        }
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
