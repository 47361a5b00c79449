//! Mixtures through the coders.

use super::Mixtures;
use super::density::{Components, Density, Found};
use super::numbers::{Numbers, numbers};
use crate::coder::{Decoder, Encoder, Reader, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::escape;
use crate::gaussian::gaussian;
use crate::interval::{Interval, Sink, Source};
use crate::tables::{PRECISION, TOTAL, Table, Tables};

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
        check_lengths(mixtures, symbols)?;
        match &mut self.0 {
            Writer::Ans(writer) => {
                writer.reserve(symbols.len());
                mixtures.pass(&mut Encode(writer, symbols.iter()))
            }
            Writer::Range(writer) => mixtures.pass(&mut Encode(writer, symbols.iter())),
        }
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
        out.reserve(mixtures.len());
        match &mut self.0 {
            Reader::Ans(reader) => mixtures.pass(&mut Decode(reader, out)),
            Reader::Range(reader) => mixtures.pass(&mut Decode(reader, out)),
        }
    }
}

impl Mixtures {
    /// How many bits `symbols` take together. A float, for reports and for encoders:
    /// never for anything a decoder has to reproduce.
    ///
    /// # Errors
    /// As [`Encoder::encode_mixtures`].
    pub fn total_bits(&self, symbols: &[i32]) -> Result<f64, EncodeError> {
        check_lengths(self, symbols)?;
        let mut count = Count {
            symbols: symbols.iter(),
            bits: 0.0,
        };
        self.pass(&mut count)?;
        Ok(count.bits)
    }

    /// Takes all symbols through `pass`, in coding order.
    fn pass<P: Pass>(&self, pass: &mut P) -> Result<(), P::Error> {
        match self.components {
            1 => self.pass_of::<1, P>(pass),
            2 => self.pass_of::<2, P>(pass),
            3 => self.pass_of::<3, P>(pass),
            _ => self.pass_of::<4, P>(pass),
        }
    }

    fn pass_of<const K: usize, P: Pass>(&self, pass: &mut P) -> Result<(), P::Error> {
        let (numbers, plain) = (numbers(), gaussian());
        let each = K * Self::fields(self.paired);
        let width = if self.paired { 2 } else { 1 };
        let units = self.scales.chunks_exact(width);
        for (scales, parameters) in units.zip(self.parameters.chunks_exact(each)) {
            if scales.iter().all(|&scale| scale < self.plain_below) {
                for &scale in scales {
                    pass.plain(table(plain, scale))?;
                }
            } else if let [first, second] = *scales {
                pair::<K, P>(pass, numbers, [first, second], parameters)?;
            } else if let [scale] = *scales {
                let fields = each_of(parameters, 3, [0, 1, 2]);
                let components = Components::<K>::new(numbers, scale, fields);
                pass.mixed(&Density::new(numbers, &components))?;
            }
        }
        Ok(())
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
) -> Result<(), P::Error> {
    let first = Components::<K>::new(numbers, scales[0], each_of(parameters, 6, [0, 1, 3]));
    let density = Density::new(numbers, &first);
    let (symbol, found) = pass.mixed(&density)?;
    // One that was escaped tells as much as the last that need not be.
    let symbol = symbol.clamp(density.min(), density.max());
    let edges = match found {
        Some(found) => density.edges(&found),
        None => density.edges(&density.interval((symbol - density.min()) as u32)),
    };
    let second = Components::<K>::new(numbers, scales[1], each_of(parameters, 6, [0, 2, 4]));
    let correlations = std::array::from_fn(|k| parameters[6 * k + 5]);
    let second = second.given(numbers, &first, symbol, edges, correlations);
    pass.mixed(&Density::new(numbers, &second))?;
    Ok(())
}

/// Three of every component's `fields` parameters.
#[inline(always)]
fn each_of<const K: usize>(parameters: &[u8], fields: usize, which: [usize; 3]) -> [[u8; 3]; K] {
    std::array::from_fn(|k| which.map(|field| parameters[fields * k + field]))
}

fn check_lengths(mixtures: &Mixtures, symbols: &[i32]) -> Result<(), EncodeError> {
    if mixtures.len() == symbols.len() {
        Ok(())
    } else {
        Err(EncodeError::Lengths {
            indices: mixtures.len(),
            symbols: symbols.len(),
        })
    }
}

/// What is done with symbols: they are written, read or counted.
trait Pass {
    type Error;

    /// The next symbol, by a table.
    fn plain(&mut self, table: Table<'_>) -> Result<(), Self::Error>;

    /// The next symbol, by a mixture; and where it was found, unless it was escaped.
    fn mixed<const K: usize>(
        &mut self,
        density: &Density<'_, K>,
    ) -> Result<(i32, Option<Found<K>>), Self::Error>;
}

/// Writes symbols. There are as many as distributions; a missing one would be a zero.
struct Encode<'a, S>(&'a mut S, std::slice::Iter<'a, i32>);

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
    ) -> Result<(i32, Option<Found<K>>), EncodeError> {
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
    ) -> Result<(i32, Option<Found<K>>), DecodeError> {
        let found = self.0.take(*density)?;
        let symbol = match &found {
            Some(found) => density.min() + found.slot as i32,
            None => escape::decode(self.0, density.min(), density.max())?,
        };
        self.1.push(symbol);
        Ok((symbol, found))
    }
}

/// Adds up bits.
struct Count<'a> {
    symbols: std::slice::Iter<'a, i32>,
    bits: f64,
}

impl Count<'_> {
    fn add(&mut self, interval: Interval, symbol: i32, escaped: Option<[i32; 2]>) {
        let extra = escaped.map_or(0, |[min, max]| escape::bits(symbol, min, max));
        let mass: f64 = interval.mass.get().into();
        self.bits += PRECISION as f64 - mass.log2() + f64::from(extra);
        debug_assert!(mass < TOTAL as f64);
    }
}

impl Pass for Count<'_> {
    type Error = EncodeError;

    fn plain(&mut self, table: Table<'_>) -> Result<(), EncodeError> {
        let symbol = self.symbols.next().copied().unwrap_or_default();
        let (slot, escaped) = match table.slot(symbol) {
            Some(slot) => (slot, None),
            None => (table.escape(), Some([table.min(), table.max()])),
        };
        self.add(table.interval(slot), symbol, escaped);
        Ok(())
    }

    fn mixed<const K: usize>(
        &mut self,
        density: &Density<'_, K>,
    ) -> Result<(i32, Option<Found<K>>), EncodeError> {
        let symbol = self.symbols.next().copied().unwrap_or_default();
        let found = density.slot(symbol).map(|slot| density.interval(slot));
        let (interval, escaped) = match &found {
            Some(found) => (found.interval, None),
            None => (density.escape(), Some([density.min(), density.max()])),
        };
        self.add(interval, symbol, escaped);
        Ok((symbol, found))
    }
}
