//! Checked sets of integer probability tables.

use std::num::NonZeroU16;
use std::sync::Arc;

use constriction::stream::model::{DecoderModel, EntropyModel};

use crate::error::{EncodeError, TableError};
use crate::escape;
use crate::interval::Interval;
use crate::spec::{TableSpec, check};

/// Bits of precision of every table: the masses of a table add up to 2^16.
pub const PRECISION: usize = 16;

/// What the masses of a table add up to.
pub(crate) const TOTAL: u64 = 1 << PRECISION;

/// The most tables a set may have: an index is a `u16`.
pub const MAX_TABLES: usize = 1 << 16;

/// The most slots the tables of one set may have between them.
pub const MAX_SLOTS: usize = 1 << 24;

/// Where a table lies in the arrays of its set.
#[derive(Debug, Clone, Copy)]
struct Entry {
    /// First of its slots + 1 cumulative masses.
    bounds: u32,
    /// First of its buckets + 1 look-up entries.
    starts: u32,
    /// The smallest symbol.
    min: i32,
    /// Number of the escape slot, which is the last; as many symbols precede it.
    escape: u16,
    /// A quantile shifted right by this is the number of its bucket.
    shift: u8,
    /// The slot of the greatest mass.
    likely: u16,
    /// Its interval.
    likely_start: u16,
    likely_mass: NonZeroU16,
}

#[derive(Debug)]
struct Arrays {
    entries: Vec<Entry>,
    /// Cumulative mass before each slot, and a final 65,536, which is 0 in a u16:
    /// differences modulo 2^16 are right all the same, as no mass is 65,536.
    bounds: Vec<u16>,
    /// The slot in which each bucket of quantiles begins.
    starts: Vec<u16>,
}

/// A checked set of up to 65,536 integer tables at 16-bit precision.
///
/// Table i covers the symbols min..=max of its own and, always last, one escape
/// slot for all others. A set is immutable; a clone shares it and costs nothing.
#[derive(Debug, Clone)]
pub struct Tables(Arc<Arrays>);

impl Tables {
    /// Checks `specs` and lays them out for coding.
    ///
    /// # Errors
    /// If there are more than [`MAX_TABLES`] or they have more than [`MAX_SLOTS`]
    /// slots; if a table has fewer than two slots, a slot without mass, masses
    /// that do not add up to 65,536, or a symbol beyond `i32`.
    pub fn new(specs: Vec<TableSpec>) -> Result<Self, TableError> {
        if specs.len() > MAX_TABLES {
            return Err(TableError::TooManyTables {
                found: specs.len(),
                limit: MAX_TABLES,
            });
        }
        let slots: usize = specs.iter().map(|spec| spec.freqs.len()).sum();
        if slots > MAX_SLOTS {
            return Err(TableError::TooManySlots { limit: MAX_SLOTS });
        }
        let mut arrays = Arrays {
            entries: Vec::new(),
            bounds: Vec::new(),
            starts: Vec::new(),
        };
        for (table, spec) in specs.iter().enumerate() {
            check(table, spec)?;
            arrays.add(spec);
        }
        Ok(Self(Arc::new(arrays)))
    }

    /// How many tables there are.
    pub fn len(&self) -> usize {
        self.0.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.entries.is_empty()
    }

    /// The symbols that a table codes without an escape; `None` beyond the set.
    pub fn symbols(&self, index: u16) -> Option<std::ops::RangeInclusive<i32>> {
        let table = self.table(index)?;
        Some(table.min()..=table.max())
    }

    /// The mass of `symbol` in a table, out of 65,536; that of the escape slot if
    /// the table does not cover it; `None` beyond the set.
    pub fn mass(&self, index: u16, symbol: i32) -> Option<u32> {
        let table = self.table(index)?;
        let slot = table.slot(symbol).unwrap_or(table.escape());
        Some(table.interval(slot).mass.get().into())
    }

    /// How many bits `symbol` takes, with its escape bits if it needs them;
    /// `None` beyond the set. A float, for reports and for encoders that weigh
    /// choices: never for anything a decoder has to reproduce.
    pub fn bits(&self, index: u16, symbol: i32) -> Option<f64> {
        let table = self.table(index)?;
        let (slot, extra) = table.cost(symbol);
        let mass: f64 = table.interval(slot).mass.get().into();
        Some(PRECISION as f64 - mass.log2() + f64::from(extra))
    }

    /// How many bits `symbols` take together, one table index each. A float, for
    /// reports and for encoders, like [`bits`](Self::bits).
    ///
    /// # Errors
    /// As [`Encoder::encode`](crate::Encoder::encode).
    pub fn total_bits(&self, indices: &[u16], symbols: &[i32]) -> Result<f64, EncodeError> {
        check_lengths(indices, symbols)?;
        // The logarithm of a product: 60 masses of at least 2^-16 stay clear of
        // the smallest f64, and one log2 for 60 symbols is cheap.
        const RUN: usize = 60;
        let mut bits = 0.0;
        let runs = indices.chunks(RUN).zip(symbols.chunks(RUN));
        for (run, (indices, symbols)) in runs.enumerate() {
            let mut product = 1.0;
            for (place, (&index, &symbol)) in indices.iter().zip(symbols).enumerate() {
                let table = self.require(run * RUN + place, index)?;
                let (slot, extra) = table.cost(symbol);
                product *= f64::from(table.interval(slot).mass.get()) / TOTAL as f64;
                bits += f64::from(extra);
            }
            bits -= product.log2();
        }
        Ok(bits)
    }

    /// A table to code with.
    #[inline(always)]
    pub(crate) fn table(&self, index: u16) -> Option<Table<'_>> {
        let arrays = &*self.0;
        let entry = arrays.entries.get(usize::from(index))?;
        Some(Table {
            bounds: &arrays.bounds[entry.bounds as usize..][..usize::from(entry.escape) + 2],
            starts: &arrays.starts[entry.starts as usize..][..(TOTAL as usize >> entry.shift) + 1],
            entry,
        })
    }

    /// As [`table`](Self::table), with the error that names the symbol.
    #[inline(always)]
    pub(crate) fn require(&self, position: usize, index: u16) -> Result<Table<'_>, EncodeError> {
        self.table(index).ok_or(EncodeError::NoSuchTable {
            position,
            index,
            tables: self.len(),
        })
    }
}

/// Every symbol needs a table.
pub(crate) fn check_lengths(indices: &[u16], symbols: &[i32]) -> Result<(), EncodeError> {
    if indices.len() == symbols.len() {
        Ok(())
    } else {
        Err(EncodeError::Lengths {
            indices: indices.len(),
            symbols: symbols.len(),
        })
    }
}

impl Arrays {
    /// Lays out a table that has passed [`check`].
    fn add(&mut self, spec: &TableSpec) {
        let slots = spec.freqs.len();
        // Two buckets a slot leave little to search; 1,024 buckets (2 KiB) are as
        // many as stay in the cache with 64 tables.
        let bucket_bits = (slots.next_power_of_two().ilog2() + 1).clamp(1, 10);
        let shift = PRECISION as u32 - bucket_bits;
        let (likely, likely_start, likely_mass) = likely(&spec.freqs);
        self.entries.push(Entry {
            bounds: self.bounds.len() as u32,
            starts: self.starts.len() as u32,
            min: spec.min,
            escape: (slots - 1) as u16,
            shift: shift as u8,
            likely,
            likely_start,
            likely_mass,
        });
        let mut before = 0u32;
        for (slot, mass) in spec.freqs.iter().enumerate() {
            // The buckets whose first quantile lies in this slot.
            let first = before.div_ceil(1 << shift);
            let end = (before + mass).div_ceil(1 << shift);
            self.starts.extend((first..end).map(|_| slot as u16));
            self.bounds.push(before as u16);
            before += mass;
        }
        self.bounds.push(before as u16);
        self.starts.push((slots - 1) as u16);
    }
}

/// The first slot of the greatest mass, and its interval.
fn likely(masses: &[u32]) -> (u16, u16, NonZeroU16) {
    let (mut best, mut start, mut before) = (0, 0, 0);
    for (slot, &mass) in masses.iter().enumerate() {
        if mass > masses[best] {
            (best, start) = (slot, before);
        }
        before += mass;
    }
    // A checked table has two slots at least, none without mass: all are below 2^16.
    let mass = NonZeroU16::new(masses[best] as u16).unwrap_or(NonZeroU16::MIN);
    (best as u16, start as u16, mass)
}

/// One table of a set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table<'a> {
    bounds: &'a [u16],
    starts: &'a [u16],
    entry: &'a Entry,
}

impl Table<'_> {
    /// The smallest symbol.
    #[inline(always)]
    pub(crate) fn min(&self) -> i32 {
        self.entry.min
    }

    /// The largest symbol.
    #[inline(always)]
    pub(crate) fn max(&self) -> i32 {
        self.entry.min + (i32::from(self.entry.escape) - 1)
    }

    /// The slot of `symbol`; `None` if it has to be escaped.
    #[inline(always)]
    pub(crate) fn slot(&self, symbol: i32) -> Option<usize> {
        let slot = symbol.wrapping_sub(self.entry.min) as u32;
        (slot < self.entry.escape.into()).then_some(slot as usize)
    }

    /// The escape slot, which is the last.
    #[inline(always)]
    pub(crate) fn escape(&self) -> usize {
        self.entry.escape.into()
    }

    /// The slot that `symbol` takes and the escape bits that follow it.
    fn cost(&self, symbol: i32) -> (usize, u32) {
        match self.slot(symbol) {
            Some(slot) => (slot, 0),
            None => (self.escape(), escape::bits(symbol, self.min(), self.max())),
        }
    }

    /// The share of a slot, which is at most the escape slot.
    #[inline(always)]
    pub(crate) fn interval(&self, slot: usize) -> Interval {
        let start = self.bounds[slot];
        let mass = self.bounds[slot + 1].wrapping_sub(start);
        // No slot is empty, so the alternative is never taken.
        let mass = NonZeroU16::new(mass).unwrap_or(NonZeroU16::MIN);
        Interval { start, mass }
    }

    /// The slot whose share holds `quantile`.
    #[inline(always)]
    fn find(&self, quantile: u16) -> usize {
        let bucket = usize::from(quantile >> self.entry.shift);
        let mut slot = usize::from(self.starts[bucket]);
        let mut last = usize::from(self.starts[bucket + 1]);
        // The buckets of a long tail hold many slots, the others a few.
        while last - slot > 8 {
            let middle = (slot + last).div_ceil(2);
            if self.bounds[middle] <= quantile {
                slot = middle;
            } else {
                last = middle - 1;
            }
        }
        while slot < last && self.bounds[slot + 1] <= quantile {
            slot += 1;
        }
        slot
    }
}

impl EntropyModel<PRECISION> for Table<'_> {
    type Symbol = usize;
    type Probability = u16;
}

impl DecoderModel<PRECISION> for Table<'_> {
    #[inline(always)]
    fn quantile_function(&self, quantile: u16) -> (usize, u16, NonZeroU16) {
        // Most symbols are the likeliest of their table. Its interval is known before the
        // quantile is, so that a branch that is foreseen takes the search, and its loads,
        // out of the chain from a symbol to the next.
        let Entry {
            likely,
            likely_start,
            likely_mass,
            ..
        } = *self.entry;
        if quantile.wrapping_sub(likely_start) < likely_mass.get() {
            return (likely.into(), likely_start, likely_mass);
        }
        let slot = self.find(quantile);
        let Interval { start, mass } = self.interval(slot);
        (slot, start, mass)
    }
}

#[cfg(test)]
mod tests;
