//! One interface over the two coders.

use crate::ans::{AnsReader, AnsWriter};
use crate::error::{DecodeError, EncodeError, UnknownCoder};
use crate::escape;
use crate::interval::{Sink, Source};
use crate::range::{RangeReader, RangeWriter};
use crate::tables::{Tables, check_lengths};

/// Which entropy coder a stream was written with. The numbers are the format's
/// and are never used again for another coder.
///
/// Both come within about three bytes of the information in the symbols. ANS
/// decodes a little faster; its encoder holds all symbols of a stream (4 bytes
/// each) before it writes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Coder {
    /// Asymmetric numeral systems (Duda 2013), the streaming range variant.
    #[default]
    Ans = 0,
    /// Range coding (Martin 1979).
    Range = 1,
}

impl Coder {
    /// Every coder, in the order of their numbers.
    pub const ALL: [Self; 2] = [Self::Ans, Self::Range];

    /// The number in the file.
    pub fn number(self) -> u8 {
        self as u8
    }
}

impl TryFrom<u8> for Coder {
    type Error = UnknownCoder;

    fn try_from(number: u8) -> Result<Self, UnknownCoder> {
        Self::ALL
            .into_iter()
            .find(|coder| coder.number() == number)
            .ok_or(UnknownCoder(number))
    }
}

/// Writes one stream.
#[derive(Debug)]
pub struct Encoder(pub(crate) Writer);

#[derive(Debug)]
pub(crate) enum Writer {
    Ans(AnsWriter),
    Range(RangeWriter),
}

impl Encoder {
    /// An empty stream.
    pub fn new(coder: Coder) -> Self {
        Self(match coder {
            Coder::Ans => Writer::Ans(AnsWriter::default()),
            Coder::Range => Writer::Range(RangeWriter::default()),
        })
    }

    /// Appends `symbols` in decoding order, each coded by the table that its
    /// index names. Any `i32` can be coded.
    ///
    /// # Errors
    /// If there are not as many indices as symbols, or an index is beyond
    /// `tables`; what was appended before that index stays.
    pub fn encode(
        &mut self,
        tables: &Tables,
        indices: &[u16],
        symbols: &[i32],
    ) -> Result<(), EncodeError> {
        check_lengths(indices, symbols)?;
        match &mut self.0 {
            Writer::Ans(writer) => {
                writer.reserve(symbols.len());
                encode(writer, tables, indices, symbols)
            }
            Writer::Range(writer) => encode(writer, tables, indices, symbols),
        }
    }

    /// The stream: no bytes at all if nothing was encoded. Beyond the information
    /// in its symbols a stream takes about 2.5 bytes, a bit more than three at
    /// most; two of them let [`Decoder::finish`] notice that symbols are wrong.
    pub fn finish(self) -> Vec<u8> {
        match self.0 {
            Writer::Ans(writer) => writer.finish(),
            Writer::Range(writer) => writer.finish(),
        }
    }
}

fn encode(
    sink: &mut impl Sink,
    tables: &Tables,
    indices: &[u16],
    symbols: &[i32],
) -> Result<(), EncodeError> {
    for (position, (&index, &symbol)) in indices.iter().zip(symbols).enumerate() {
        let table = tables.require(position, index)?;
        match table.slot(symbol) {
            Some(slot) => sink.put(table.interval(slot)),
            None => {
                sink.put(table.interval(table.escape()));
                escape::encode(sink, symbol, table.min(), table.max());
            }
        }
    }
    Ok(())
}

/// Reads one stream.
#[derive(Debug)]
pub struct Decoder(pub(crate) Reader);

#[derive(Debug)]
pub(crate) enum Reader {
    Ans(AnsReader),
    Range(RangeReader),
}

impl Decoder {
    /// Begins to read a stream.
    ///
    /// # Errors
    /// If its last byte is zero and the coder is ANS, which never writes that.
    pub fn new(coder: Coder, bytes: &[u8]) -> Result<Self, DecodeError> {
        Ok(Self(match coder {
            Coder::Ans => Reader::Ans(AnsReader::new(bytes)?),
            Coder::Range => Reader::Range(RangeReader::new(bytes)),
        }))
    }

    /// Decodes as many symbols as there are indices and appends them to `out`.
    /// A stream says nothing of how many symbols it holds; one that is too short
    /// yields wrong symbols, which [`finish`](Self::finish) then reports.
    ///
    /// # Errors
    /// If an index is beyond `tables` or the stream is one that no encoder writes.
    pub fn decode(
        &mut self,
        tables: &Tables,
        indices: &[u16],
        out: &mut Vec<i32>,
    ) -> Result<(), DecodeError> {
        match &mut self.0 {
            Reader::Ans(reader) => decode(reader, tables, indices, out),
            Reader::Range(reader) => decode(reader, tables, indices, out),
        }
    }

    /// Checks that the stream ends with the symbols decoded so far: that its
    /// encoder had appended exactly these. A stream that was damaged, cut or
    /// decoded with other tables passes about once in 65,536 times, unless the
    /// damage is confined to symbols that take 16 bits or are escaped.
    ///
    /// # Errors
    /// If it does not.
    pub fn finish(self) -> Result<(), DecodeError> {
        match self.0 {
            Reader::Ans(reader) => reader.finish(),
            Reader::Range(reader) => reader.finish(),
        }
    }
}

fn decode(
    source: &mut impl Source,
    tables: &Tables,
    indices: &[u16],
    out: &mut Vec<i32>,
) -> Result<(), DecodeError> {
    out.reserve(indices.len());
    for (position, &index) in indices.iter().enumerate() {
        let table = tables.table(index).ok_or(DecodeError::NoSuchTable {
            position,
            index,
            tables: tables.len(),
        })?;
        let slot = source.take(table)?;
        out.push(if slot < table.escape() {
            table.min() + slot as i32
        } else {
            escape::decode(source, table.min(), table.max())?
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;
    use crate::{MAX_TABLES, SCALES, TableSpec, gaussian};

    fn encode_all(coder: Coder, tables: &Tables, indices: &[u16], symbols: &[i32]) -> Vec<u8> {
        let mut encoder = Encoder::new(coder);
        encoder.encode(tables, indices, symbols).unwrap();
        encoder.finish()
    }

    fn decode_all(
        coder: Coder,
        tables: &Tables,
        indices: &[u16],
        bytes: &[u8],
    ) -> Result<Vec<i32>, DecodeError> {
        let mut decoder = Decoder::new(coder, bytes)?;
        let mut symbols = Vec::new();
        decoder.decode(tables, indices, &mut symbols)?;
        decoder.finish()?;
        Ok(symbols)
    }

    /// Symbols that follow their Gaussian tables roughly, and some far outside.
    fn draw(random: &mut StdRng, count: usize) -> (Vec<u16>, Vec<i32>) {
        let one = |_| {
            let index = random.random_range(0..SCALES as u16);
            let sigma = crate::scale(index.into());
            let sum: f64 = (0..12).map(|_| random.random::<f64>() - 0.5).sum();
            let symbol = match random.random_range(0..200) {
                0 => random.random(),
                1 => random.random_range(-3000..3000),
                _ => (sum * sigma).round() as i32,
            };
            (index, symbol)
        };
        (0..count).map(one).unzip()
    }

    #[test]
    fn numbers_of_coders() {
        assert_eq!(Coder::ALL.map(Coder::number), [0, 1]);
        for coder in Coder::ALL {
            assert_eq!(Coder::try_from(coder.number()), Ok(coder));
        }
        assert_eq!(Coder::try_from(2), Err(UnknownCoder(2)));
    }

    #[test]
    fn round_trips_within_three_bytes_and_a_bit_of_the_information() {
        let mut random = StdRng::seed_from_u64(7);
        for coder in Coder::ALL {
            for round in 0..300 {
                let count = if round == 0 {
                    100_000
                } else {
                    random.random_range(0..40)
                };
                let (indices, symbols) = draw(&mut random, count);
                let bytes = encode_all(coder, gaussian(), &indices, &symbols);
                let decoded = decode_all(coder, gaussian(), &indices, &bytes);
                assert_eq!(decoded, Ok(symbols.clone()));
                let bits = gaussian().total_bits(&indices, &symbols).unwrap();
                let beyond = bytes.len() as f64 - bits / 8.0;
                assert!(
                    beyond <= 3.125,
                    "{coder:?}: {beyond} bytes beyond {bits} bits"
                );
            }
        }
    }

    #[test]
    fn nothing_takes_nothing() {
        for coder in Coder::ALL {
            assert_eq!(encode_all(coder, gaussian(), &[], &[]), []);
            assert_eq!(decode_all(coder, gaussian(), &[], &[]), Ok(vec![]));
            for stream in [&[1][..], &[0, 0, 1], &[1, 0]] {
                assert!(decode_all(coder, gaussian(), &[], stream).is_err());
            }
        }
    }

    #[test]
    fn every_i32_can_be_escaped() {
        let edges = [i32::MIN, i32::MIN + 1, -1, 0, 1, i32::MAX - 1, i32::MAX];
        let whole = |min| TableSpec {
            min,
            freqs: vec![65_535, 1],
        };
        let specs = edges.map(whole).to_vec();
        let tables = Tables::new(specs).unwrap();
        for coder in Coder::ALL {
            for index in 0..tables.len() as u16 {
                let indices = [index; 7];
                let bytes = encode_all(coder, &tables, &indices, &edges);
                let decoded = decode_all(coder, &tables, &indices, &bytes);
                assert_eq!(decoded, Ok(edges.to_vec()));
            }
        }
    }

    #[test]
    fn a_cut_or_changed_stream_never_panics_and_is_noticed() {
        let mut random = StdRng::seed_from_u64(3);
        let (indices, mut symbols) = draw(&mut random, 400);
        // A changed bit of an escaped symbol, or one among slots of the least mass,
        // changes that symbol and nothing else: no end tells. Leave them out.
        for (&index, symbol) in indices.iter().zip(&mut symbols) {
            if gaussian().bits(index, *symbol) > Some(15.0) {
                *symbol = 0;
            }
        }
        for coder in Coder::ALL {
            let bytes = encode_all(coder, gaussian(), &indices, &symbols);
            let (mut tried, mut missed) = (0, 0);
            let mut count = |stream: &[u8]| {
                tried += 1;
                missed += usize::from(decode_all(coder, gaussian(), &indices, stream).is_ok());
            };
            for kept in 0..bytes.len() {
                count(&bytes[..kept]);
            }
            for bit in 0..bytes.len() * 8 {
                let mut changed = bytes.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                count(&changed);
            }
            // Two bytes at its end are all the redundancy a stream has: the
            // container's checksum is what notices damage.
            assert!(missed * 250 < tried, "{coder:?}: {missed} of {tried}");
        }
    }

    #[test]
    fn any_bytes_end_soon() {
        let mut random = StdRng::seed_from_u64(5);
        let indices: Vec<u16> = (0..64).collect();
        for coder in Coder::ALL {
            for _ in 0..2000 {
                let mut bytes = vec![0; random.random_range(0..60)];
                random.fill(&mut bytes[..]);
                if random.random() {
                    bytes.fill(255);
                }
                let _ = decode_all(coder, gaussian(), &indices, &bytes);
            }
        }
    }

    #[test]
    fn callers_faults_are_told() {
        let mut encoder = Encoder::new(Coder::Ans);
        let lengths = encoder.encode(gaussian(), &[1], &[]);
        assert!(matches!(lengths, Err(EncodeError::Lengths { .. })));
        let table = encoder.encode(gaussian(), &[64], &[0]);
        assert!(matches!(
            table,
            Err(EncodeError::NoSuchTable { index: 64, .. })
        ));
        let table = decode_all(Coder::Range, gaussian(), &[64], &[]);
        assert!(matches!(
            table,
            Err(DecodeError::NoSuchTable { index: 64, .. })
        ));
    }

    #[test]
    fn the_largest_tables_work() {
        // 65,535 symbols of the least mass, and the escape slot.
        let tables = Tables::new(vec![TableSpec {
            min: -30_000,
            freqs: vec![1; MAX_TABLES],
        }])
        .unwrap();
        let symbols = [-30_000, 0, 35_534, 35_535, -30_001];
        for coder in Coder::ALL {
            let bytes = encode_all(coder, &tables, &[0; 5], &symbols);
            let decoded = decode_all(coder, &tables, &[0; 5], &bytes);
            assert_eq!(decoded, Ok(symbols.to_vec()));
        }
    }
}
