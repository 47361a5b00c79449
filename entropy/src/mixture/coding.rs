//! Mixtures through the coders.

use std::ops::Range;

use rayon::prelude::*;

use super::Mixtures;
use super::density::{Components, Density, Found};
use super::numbers::{Numbers, numbers};
use super::shifts::shifted;
use crate::coder::{Decoder, Encoder, Reader, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::escape;
use crate::gaussian::gaussian;
use crate::halves::first_half;
use crate::interval::{Interval, Sink, Source};
use crate::tables::{PRECISION, Table, Tables};
use crate::trellis::{Grid, Trellis};

/// Symbols that a thread takes at a time; no pair is cut.
const PART: usize = 1 << 12;

impl Encoder {
    /// Appends `symbols` in decoding order, one for each of `mixtures`. Any `i32` can
    /// be coded.
    ///
    /// # Errors
    /// If there are not as many symbols as distributions.
    pub fn encode_mixtures(
        &mut self,
        mixtures: &Mixtures,
        symbols: &[i32],
    ) -> Result<(), EncodeError> {
        self.append(&mixtures.intervals(symbols)?);
        Ok(())
    }

    /// Appends what [`Mixtures::intervals`] made of symbols.
    pub fn append(&mut self, intervals: &Intervals) {
        match &mut self.0 {
            Writer::Ans(writer) => {
                writer.reserve(intervals.len());
                intervals.0.iter().for_each(|part| writer.extend(&part.all));
            }
            Writer::Range(writer) => {
                let all = intervals.0.iter().flat_map(|part| &part.all);
                all.for_each(|&interval| writer.put(interval));
            }
        }
    }
}

/// Symbols as a coder takes them: each as a share of the unit interval.
#[derive(Debug, Clone, Default)]
pub struct Intervals(Vec<IntervalsPart>);

/// What a thread made of its share of the symbols.
#[derive(Debug, Clone, Default)]
struct IntervalsPart {
    all: Vec<Interval>,
    bits: f64,
}

impl Intervals {
    /// How many: one a symbol, and more for those that are escaped.
    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(|part| part.all.len()).sum()
    }

    /// How many bits they take together. A float, for reports and for encoders: never for
    /// anything a decoder has to reproduce.
    pub fn bits(&self) -> f64 {
        self.0.iter().map(|part| part.bits).sum()
    }
}

impl IntervalsPart {
    /// See [`Intervals::bits`].
    fn count_bits(&mut self) {
        // As many masses of 16 bits as a float holds the product of.
        const FACTORS: usize = 60;
        let bits = |part: &[Interval]| {
            let mass = |interval: &Interval| f64::from(interval.mass.get());
            let product: f64 = part.iter().map(mass).product();
            (PRECISION * part.len()) as f64 - product.log2()
        };
        self.bits = self.all.chunks(FACTORS).map(bits).sum();
    }
}

impl Sink for IntervalsPart {
    #[inline(always)]
    fn put(&mut self, interval: Interval) {
        self.all.push(interval);
    }
}

impl Decoder {
    /// Decodes a symbol for each of `mixtures` and appends them to `out`; otherwise as
    /// [`decode`](Self::decode).
    ///
    /// # Errors
    /// If the stream is one that no encoder writes.
    pub fn decode_mixtures(
        &mut self,
        mixtures: &Mixtures,
        out: &mut Vec<i32>,
    ) -> Result<(), DecodeError> {
        let (half, all) = (first_half(mixtures.len()), mixtures.len());
        self.decode_part(mixtures, 0..half, out)?;
        self.decode_part(mixtures, half..all, out)
    }

    /// The same for those of `range`, one of the two halves.
    pub(crate) fn decode_part(
        &mut self,
        mixtures: &Mixtures,
        range: Range<usize>,
        out: &mut Vec<i32>,
    ) -> Result<(), DecodeError> {
        out.reserve(range.len());
        match &mut self.0 {
            Reader::Ans(reader) => {
                let mut decode = Decode(reader, out);
                mixtures.pass(mixtures.shifts(), range, Trellis::default(), &mut decode)
            }
            Reader::Range(reader) => {
                let mut decode = Decode(reader, out);
                mixtures.pass(mixtures.shifts(), range, Trellis::default(), &mut decode)
            }
        }
    }
}

impl Mixtures {
    /// What a coder writes for `symbols`. An encoder knows them all, so that threads share
    /// them out.
    ///
    /// # Errors
    /// As [`Encoder::encode_mixtures`].
    pub fn intervals(&self, symbols: &[i32]) -> Result<Intervals, EncodeError> {
        let [mut first, second] = self.halves(symbols)?;
        first.0.extend(second.0);
        Ok(first)
    }

    /// The same in two halves, for a [`HalvesEncoder`](crate::HalvesEncoder).
    ///
    /// # Errors
    /// As there.
    pub fn halves(&self, symbols: &[i32]) -> Result<[Intervals; 2], EncodeError> {
        check_lengths(self, symbols)?;
        let (half, all) = (first_half(symbols.len()), symbols.len());
        Ok([
            self.intervals_of(0..half, symbols)?,
            self.intervals_of(half..all, symbols)?,
        ])
    }

    /// Those of `range`, one of the two halves.
    fn intervals_of(&self, range: Range<usize>, symbols: &[i32]) -> Result<Intervals, EncodeError> {
        let parts = self
            .states(range.clone(), symbols, PART)
            .into_par_iter()
            .map(|(start, trellis)| {
                let range = start..(start + PART).min(range.end);
                let mut part = IntervalsPart::default();
                part.all.reserve(range.len());
                let mut encode = Encode(&mut part, symbols[range.clone()].iter());
                self.pass(self.shifts(), range, trellis, &mut encode)?;
                part.count_bits();
                Ok(part)
            })
            .collect::<Result<_, EncodeError>>()?;
        Ok(Intervals(parts))
    }

    /// How many bits `symbols` take together, see [`Intervals::bits`].
    ///
    /// # Errors
    /// As [`Encoder::encode_mixtures`].
    pub fn total_bits(&self, symbols: &[i32]) -> Result<f64, EncodeError> {
        Ok(self.intervals(symbols)?.bits())
    }

    /// Takes the symbols of `range`, which cuts no pair, through `pass`, in coding order;
    /// before them, the trellis is at `trellis`. `shifts` are those of channels in turn.
    pub(super) fn pass<P: Pass>(
        &self,
        shifts: &[i8],
        range: Range<usize>,
        trellis: Trellis,
        pass: &mut P,
    ) -> Result<(), P::Error> {
        match self.components {
            1 => self.pass_of::<1, P>(shifts, range, trellis, pass),
            2 => self.pass_of::<2, P>(shifts, range, trellis, pass),
            3 => self.pass_of::<3, P>(shifts, range, trellis, pass),
            _ => self.pass_of::<4, P>(shifts, range, trellis, pass),
        }
    }

    fn pass_of<const K: usize, P: Pass>(
        &self,
        shifts: &[i8],
        range: Range<usize>,
        mut trellis: Trellis,
        pass: &mut P,
    ) -> Result<(), P::Error> {
        let (numbers, plain) = (numbers(), gaussian());
        let each = K * Self::fields(self.paired);
        let width = self.width();
        let parameters = &self.parameters[range.start / width * each..];
        let mut channel = range.start % shifts.len();
        let units = self.scales[range].chunks_exact(width);
        for (scales, parameters) in units.zip(parameters.chunks_exact(each)) {
            let shifts = &shifts[channel..];
            channel = if shifts.len() > width {
                channel + width
            } else {
                0
            };
            if scales.iter().all(|&scale| scale < self.plain_below) {
                for &scale in scales {
                    pass.plain(table(plain, scale))?;
                }
            } else if let [first, second] = *scales {
                let grids = [first, second].map(|scale| self.second_grid(scale));
                let scales = [shifted(first, shifts[0]), shifted(second, shifts[1])];
                pair::<K, P>(pass, numbers, scales, parameters, (&mut trellis, grids))?;
            } else if let [scale] = *scales {
                let fields = each_of(parameters, 3, [0, 1, 2]);
                let components = Components::<K>::new(numbers, shifted(scale, shifts[0]), fields);
                let second = self.second_grid(scale);
                let density = Density::new(numbers, &components, trellis.grid(second));
                let (symbol, _) = pass.mixed(&density)?;
                trellis = trellis.after_if(second, symbol);
            }
        }
        Ok(())
    }

    /// The second grid of a scale's symbols, if they are on the trellis.
    #[inline(always)]
    fn second_grid(&self, scale: u8) -> Option<Grid> {
        self.trellis.and_then(|of| of.second(scale))
    }
}

/// A scale's plain table.
#[inline(always)]
fn table(tables: &Tables, scale: u8) -> Table<'_> {
    let table = tables.table(scale.into());
    table.expect("scales are checked to be below the number of tables")
}

#[inline(always)]
fn pair<const K: usize, P: Pass>(
    pass: &mut P,
    numbers: &Numbers,
    scales: [u8; 2],
    parameters: &[u8],
    (trellis, grids): (&mut Trellis, [Option<Grid>; 2]),
) -> Result<(), P::Error> {
    let first = Components::<K>::new(numbers, scales[0], each_of(parameters, 6, [0, 1, 3]));
    let grid = trellis.grid(grids[0]);
    let density = Density::new(numbers, &first, grid);
    let (symbol, found) = pass.mixed(&density)?;
    *trellis = trellis.after_if(grids[0], symbol);
    // One that was escaped tells as much as the last that need not be.
    let symbol = symbol.clamp(density.min(), density.max());
    let edges = match found {
        Some(found) => density.edges(&found),
        None => density.edges(&density.interval((symbol - density.min()) as u32)),
    };
    let second = Components::<K>::new(numbers, scales[1], each_of(parameters, 6, [0, 2, 4]));
    let correlations = std::array::from_fn(|k| parameters[6 * k + 5]);
    let second = second.given(numbers, &first, grid.doubled(symbol), edges, correlations);
    let density = Density::new(numbers, &second, trellis.grid(grids[1]));
    let (symbol, _) = pass.mixed(&density)?;
    *trellis = trellis.after_if(grids[1], symbol);
    Ok(())
}

/// Three of every component's `fields` parameters.
#[inline(always)]
fn each_of<const K: usize>(parameters: &[u8], fields: usize, which: [usize; 3]) -> [[u8; 3]; K] {
    std::array::from_fn(|k| which.map(|field| parameters[fields * k + field]))
}

pub(super) fn check_lengths(mixtures: &Mixtures, symbols: &[i32]) -> Result<(), EncodeError> {
    if mixtures.len() == symbols.len() {
        Ok(())
    } else {
        Err(EncodeError::Lengths {
            indices: mixtures.len(),
            symbols: symbols.len(),
        })
    }
}

/// A symbol, and where it was found, unless it was escaped.
pub(super) type Escapable<const K: usize> = (i32, Option<Found<K>>);

/// What is done with symbols: they are written, read or counted.
pub(super) trait Pass {
    type Error;

    /// The next symbol, by a table.
    fn plain(&mut self, table: Table<'_>) -> Result<(), Self::Error>;

    /// The next symbol, by a mixture.
    fn mixed<const K: usize>(
        &mut self,
        density: &Density<'_, K>,
    ) -> Result<Escapable<K>, Self::Error>;
}

/// Writes symbols. There are as many as distributions; a missing one would be a zero.
pub(super) struct Encode<'a, S>(pub(super) &'a mut S, pub(super) std::slice::Iter<'a, i32>);

impl<S: Sink> Pass for Encode<'_, S> {
    type Error = EncodeError;

    #[inline(always)]
    fn plain(&mut self, table: Table<'_>) -> Result<(), EncodeError> {
        let symbol = self.1.next().copied().unwrap_or_default();
        match table.slot(symbol) {
            Some(slot) => self.0.put(table.interval(slot)),
            None => {
                self.0.put(table.interval(table.escape()));
                escape::encode(self.0, symbol, table.min(), table.max());
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn mixed<const K: usize>(
        &mut self,
        density: &Density<'_, K>,
    ) -> Result<Escapable<K>, EncodeError> {
        let symbol = self.1.next().copied().unwrap_or_default();
        let found = density.slot(symbol).map(|slot| density.interval(slot));
        match found {
            Some(found) => self.0.put(found.interval),
            None => {
                self.0.put(density.escape());
                escape::encode(self.0, symbol, density.min(), density.max());
            }
        }
        Ok((symbol, found))
    }
}

/// Reads symbols.
struct Decode<'a, S>(&'a mut S, &'a mut Vec<i32>);

impl<S: Source> Pass for Decode<'_, S> {
    type Error = DecodeError;

    #[inline(always)]
    fn plain(&mut self, table: Table<'_>) -> Result<(), DecodeError> {
        let slot = self.0.take(table)?;
        self.1.push(if slot < table.escape() {
            table.min() + slot as i32
        } else {
            escape::decode(self.0, table.min(), table.max())?
        });
        Ok(())
    }

    #[inline(always)]
    fn mixed<const K: usize>(
        &mut self,
        density: &Density<'_, K>,
    ) -> Result<Escapable<K>, DecodeError> {
        let found = self.0.take(*density)?;
        let symbol = match &found {
            Some(found) => density.min() + found.slot as i32,
            None => escape::decode(self.0, density.min(), density.max())?,
        };
        self.1.push(symbol);
        Ok((symbol, found))
    }
}
