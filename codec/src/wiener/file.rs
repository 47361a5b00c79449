//! Filters as bytes.

use lic_entropy::{BitDecoder, BitEncoder, DecodeError};

use super::{Bank, CLASSES, DIRECTIONS, Filter, Filters, LARGEST, MOST, OFFSETS, TAPS};
use crate::chance::{BitCoder, Chance, HALF};
use crate::image::Channels;

/// Why the filters of a file do not decode.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FilterError {
    /// Not a stream that an encoder writes.
    #[error(transparent)]
    Stream(#[from] DecodeError),
    /// A number is beyond what it may be.
    #[error("{what} is {found}, the limit is {limit}")]
    Limit {
        /// What it counts or is.
        what: &'static str,
        /// The number.
        found: u32,
        /// The most it may be.
        limit: u32,
    },
}

impl FilterError {
    fn check(what: &'static str, found: u32, limit: u32) -> Result<(), Self> {
        if found <= limit {
            return Ok(());
        }
        Err(Self::Limit { what, found, limit })
    }
}

impl Filters {
    /// What a file holds of them.
    pub fn to_bytes(&self, channels: Channels) -> Vec<u8> {
        let mut coder = BitEncoder::new();
        let written = self.code(&mut coder, channels);
        debug_assert_eq!(written.ok().as_ref(), Some(self), "what cannot be written");
        coder.finish()
    }

    /// # Errors
    /// If no encoder writes these bytes.
    pub fn from_bytes(bytes: &[u8], channels: Channels) -> Result<Self, FilterError> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let mut coder = BitDecoder::new(bytes);
        let filters = Self::default().code(&mut coder, channels)?;
        coder.finish()?;
        Ok(filters)
    }

    /// Writes them and returns them; or returns what it reads.
    fn code<C: BitCoder>(&self, coder: &mut C, channels: Channels) -> Result<Self, FilterError> {
        Ok(Self {
            luma: bank(coder, &self.luma)?,
            chroma: match channels {
                Channels::Grey => Bank::default(),
                Channels::Rgb => bank(coder, &self.chroma)?,
            },
        })
    }
}

/// A number of so many bits, the highest first.
fn bits<C: BitCoder>(coder: &mut C, value: u32, count: u32) -> Result<u32, DecodeError> {
    (0..count).rev().try_fold(0, |read, bit| {
        let bit = coder.code(HALF, value >> bit & 1 == 1)?;
        Ok(2 * read + u32::from(bit))
    })
}

fn bank<C: BitCoder>(coder: &mut C, known: &Bank) -> Result<Bank, FilterError> {
    let count = bits(coder, known.filters.len() as u32, 5)?;
    FilterError::check("the number of filters", count, CLASSES as u32)?;
    let mut bank = Bank::default();
    if count == 0 {
        return Ok(bank);
    }
    let width = u32::BITS - count.leading_zeros();
    let mut is_other = Chance::EVEN;
    for class in 0..CLASSES {
        // Mostly what the next lower activity of this direction has.
        let guess = match class.checked_sub(DIRECTIONS) {
            Some(lower) => bank.of_class[lower],
            None => class.checked_sub(1).map_or(0, |last| bank.of_class[last]),
        };
        let number = known.of_class[class];
        bank.of_class[class] = if is_other.code(coder, number != guess)? {
            let number = bits(coder, number.into(), width)?;
            FilterError::check("the filter of a class", number, count)?;
            number as u8
        } else {
            guess
        };
    }
    let mut chances = Weights::new();
    for number in 0..count as usize {
        let known = known.filters.get(number).copied().unwrap_or_default();
        bank.filters.push(chances.filter(coder, &known)?);
    }
    Ok(bank)
}

/// How likely weights are, by how far away their pixels lie.
struct Weights {
    is_other: [Chance; 3],
    longer: [[Chance; 7]; 3],
}

impl Weights {
    fn new() -> Self {
        Self {
            is_other: [Chance::EVEN; 3],
            longer: [[Chance::EVEN; 7]; 3],
        }
    }

    fn filter<C: BitCoder>(
        &mut self,
        coder: &mut C,
        known: &Filter,
    ) -> Result<Filter, FilterError> {
        let (mut filter, mut sum) = ([0; TAPS], 0);
        for ((weight, known), (dy, dx)) in filter.iter_mut().zip(known).zip(OFFSETS) {
            let ring = (dy.abs() + dx.abs() - 1) as usize;
            *weight = self.weight(coder, ring, *known)?;
            sum += u32::from(weight.unsigned_abs());
        }
        FilterError::check("the sum of a filter's weights", sum, MOST as u32)?;
        Ok(filter)
    }

    /// Whether it is not 0, its sign, and its size less 1 in an Exp-Golomb code.
    fn weight<C: BitCoder>(
        &mut self,
        coder: &mut C,
        ring: usize,
        known: i16,
    ) -> Result<i16, FilterError> {
        if !self.is_other[ring].code(coder, known != 0)? {
            return Ok(0);
        }
        let negative = coder.code(HALF, known < 0)?;
        let size = u32::from(known.unsigned_abs().max(1));
        let mut length = 0;
        for longer in &mut self.longer[ring] {
            if !longer.code(coder, length < size.ilog2())? {
                break;
            }
            length += 1;
        }
        let size = (1 << length) + bits(coder, size & ((1 << length) - 1), length)?;
        FilterError::check("the size of a weight", size, LARGEST as u32)?;
        let size = size as i16;
        Ok(if negative { -size } else { size })
    }
}
