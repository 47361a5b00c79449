//! Streams in two halves, which two threads code at once.
//!
//! Of every list of symbols the first half goes into one stream and the second into
//! another; the bytes are the length of the first as a varint (LEB128), the first and the
//! second. A decoder of one stream waits with each symbol for the one before it, however
//! many threads there are; two streams take half of the time, and five bytes more.

use crate::coder::{Coder, Decoder, Encoder};
use crate::error::{DecodeError, EncodeError};
use crate::mixture::{Intervals, Mixtures};
use crate::tables::{Tables, check_lengths};

/// Fewer symbols than this are not worth a second thread.
const WORTH: usize = 1 << 11;
/// Bytes of the longest varint.
const LONGEST: usize = 5;

/// How many of `count` symbols are in the first half; no pair is cut.
pub(crate) fn first_half(count: usize) -> usize {
    (count + 2) / 4 * 2
}

/// Does both: on two threads if there are `count` symbols or more to do it for.
fn both<A: Send, B: Send>(
    count: usize,
    a: impl FnOnce() -> A + Send,
    b: impl FnOnce() -> B + Send,
) -> (A, B) {
    if count < WORTH {
        (a(), b())
    } else {
        rayon::join(a, b)
    }
}

/// Writes a stream in two halves.
///
/// ```
/// use lic_entropy::{Coder, HalvesDecoder, HalvesEncoder, gaussian};
///
/// let (indices, symbols) = ([30; 6], [-3, 0, 5, 0, 1, 40]);
/// let mut encoder = HalvesEncoder::new(Coder::Ans);
/// encoder.encode(gaussian(), &indices, &symbols)?;
/// let bytes = encoder.finish();
///
/// let mut decoder = HalvesDecoder::new(Coder::Ans, &bytes)?;
/// assert_eq!(decoder.decode(gaussian(), &indices)?, symbols);
/// decoder.finish()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct HalvesEncoder {
    halves: [Encoder; 2],
    symbols: usize,
}

impl HalvesEncoder {
    /// An empty stream.
    pub fn new(coder: Coder) -> Self {
        Self {
            halves: [Encoder::new(coder), Encoder::new(coder)],
            symbols: 0,
        }
    }

    /// Appends `symbols`, see [`Encoder::encode`].
    ///
    /// # Errors
    /// As there.
    pub fn encode(
        &mut self,
        tables: &Tables,
        indices: &[u16],
        symbols: &[i32],
    ) -> Result<(), EncodeError> {
        check_lengths(indices, symbols)?;
        self.symbols += symbols.len();
        let half = first_half(symbols.len());
        let (indices, symbols) = (indices.split_at(half), symbols.split_at(half));
        let [first, second] = &mut self.halves;
        first.encode(tables, indices.0, symbols.0)?;
        let later = second.encode(tables, indices.1, symbols.1);
        later.map_err(|error| error.shifted(half))
    }

    /// Appends what [`Mixtures::halves`] made of symbols.
    pub fn append(&mut self, halves: &[Intervals; 2]) {
        for (encoder, intervals) in self.halves.iter_mut().zip(halves) {
            encoder.append(intervals);
            self.symbols += intervals.len();
        }
    }

    /// The stream.
    pub fn finish(self) -> Vec<u8> {
        let [first, second] = self.halves;
        let (first, second) = both(self.symbols, || first.finish(), || second.finish());
        let mut bytes = Vec::with_capacity(LONGEST + first.len() + second.len());
        // A stream of 2^32 bytes would need more symbols than fit into memory.
        let mut length = first.len() as u32;
        while length >= 0x80 {
            bytes.push(length as u8 | 0x80);
            length >>= 7;
        }
        bytes.push(length as u8);
        bytes.extend(first);
        bytes.extend(second);
        bytes
    }
}

/// Reads a stream in two halves.
#[derive(Debug)]
pub struct HalvesDecoder {
    halves: [Decoder; 2],
}

impl HalvesDecoder {
    /// Begins to read a stream.
    ///
    /// # Errors
    /// If it does not begin with the length of a half that it can hold, or a half is one
    /// that no encoder writes.
    pub fn new(coder: Coder, bytes: &[u8]) -> Result<Self, DecodeError> {
        let (length, rest) = length(bytes).ok_or(DecodeError::Halves)?;
        let (first, second) = rest.split_at_checked(length).ok_or(DecodeError::Halves)?;
        Ok(Self {
            halves: [Decoder::new(coder, first)?, Decoder::new(coder, second)?],
        })
    }

    /// Decodes a symbol for each of `indices`, see [`Decoder::decode`].
    ///
    /// # Errors
    /// As there.
    pub fn decode(&mut self, tables: &Tables, indices: &[u16]) -> Result<Vec<i32>, DecodeError> {
        let half = first_half(indices.len());
        let decode = |decoder: &mut Decoder, indices: &[u16], out: &mut Vec<i32>| {
            decoder.decode(tables, indices, out)
        };
        let (before, after) = indices.split_at(half);
        self.join(
            indices.len(),
            |decoder, out| decode(decoder, before, out),
            |decoder, out| decode(decoder, after, out).map_err(|error| error.shifted(half)),
        )
    }

    /// Decodes a symbol for each of `mixtures`, see [`Decoder::decode_mixtures`].
    ///
    /// # Errors
    /// As there.
    pub fn decode_mixtures(&mut self, mixtures: &Mixtures) -> Result<Vec<i32>, DecodeError> {
        let (half, all) = (first_half(mixtures.len()), mixtures.len());
        self.join(
            all,
            |decoder, out| decoder.decode_part(mixtures, 0..half, out),
            |decoder, out| decoder.decode_part(mixtures, half..all, out),
        )
    }

    /// The symbols of both halves, one after the other.
    fn join(
        &mut self,
        count: usize,
        first: impl FnOnce(&mut Decoder, &mut Vec<i32>) -> Result<(), DecodeError> + Send,
        second: impl FnOnce(&mut Decoder, &mut Vec<i32>) -> Result<(), DecodeError> + Send,
    ) -> Result<Vec<i32>, DecodeError> {
        let [one, other] = &mut self.halves;
        let (mut symbols, mut more) = (Vec::with_capacity(count), Vec::new());
        let (first, second) = both(
            count,
            || first(one, &mut symbols),
            || second(other, &mut more),
        );
        first?;
        second?;
        symbols.append(&mut more);
        Ok(symbols)
    }

    /// Checks that both halves end with the symbols decoded so far, see
    /// [`Decoder::finish`].
    ///
    /// # Errors
    /// If one does not.
    pub fn finish(self) -> Result<(), DecodeError> {
        self.halves.into_iter().try_for_each(Decoder::finish)
    }
}

/// The varint at the beginning, in its shortest form, and what follows it.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let last = bytes
        .iter()
        .take(LONGEST)
        .position(|byte| byte & 0x80 == 0)?;
    let (varint, rest) = bytes.split_at(last + 1);
    if last > 0 && varint[last] == 0 {
        return None;
    }
    let places = varint.iter().rev();
    let length = places.fold(0u64, |value, byte| value << 7 | u64::from(byte & 0x7f));
    Some((u32::try_from(length).ok()? as usize, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gaussian;

    /// Lists of all lengths up to what two threads share, through both coders.
    #[test]
    fn symbols_come_back() {
        for coder in Coder::ALL {
            let lists = (0..9).chain([WORTH - 1, WORTH, 3 * WORTH + 2]);
            let lists: Vec<(Vec<u16>, Vec<i32>)> = lists
                .map(|n| (0..n).map(|i| ((i * 7 % 64) as u16, (i * i % 23) as i32 - 11)))
                .map(Iterator::unzip)
                .collect();
            let mut encoder = HalvesEncoder::new(coder);
            for (indices, symbols) in &lists {
                encoder.encode(gaussian(), indices, symbols).unwrap();
            }
            let bytes = encoder.finish();
            let mut decoder = HalvesDecoder::new(coder, &bytes).unwrap();
            for (indices, symbols) in &lists {
                assert_eq!(decoder.decode(gaussian(), indices).unwrap(), *symbols);
            }
            decoder.finish().unwrap();
        }
    }

    #[test]
    fn pairs_of_mixtures_are_not_cut() {
        for units in 0..9 {
            let pair = [32, 40, 20, 30, 34, 50, 20, 32, 32, 32, 32, 32];
            let parameters = pair.repeat(units);
            let mixtures = Mixtures::new(2, true, 3, vec![24; 2 * units], parameters).unwrap();
            let symbols: Vec<i32> = (0..2 * units as i32).map(|i| i * 5 % 7 - 3).collect();
            let mut encoder = HalvesEncoder::new(Coder::Ans);
            encoder.append(&mixtures.halves(&symbols).unwrap());
            let bytes = encoder.finish();
            let mut decoder = HalvesDecoder::new(Coder::Ans, &bytes).unwrap();
            assert_eq!(decoder.decode_mixtures(&mixtures).unwrap(), symbols);
            decoder.finish().unwrap();
        }
    }

    #[test]
    fn a_half_that_cannot_be_is_refused() {
        // None; one that goes on; a longer form; more than 32 bits; beyond the stream.
        let wrong: [&[u8]; 5] = [
            &[],
            &[0x80],
            &[0x80, 0],
            &[0xff, 0xff, 0xff, 0xff, 0x10],
            &[3, 1, 1],
        ];
        for bytes in wrong {
            let error = HalvesDecoder::new(Coder::Ans, bytes).unwrap_err();
            assert_eq!(error, DecodeError::Halves, "{bytes:?}");
        }
    }

    #[test]
    fn a_table_that_is_not_there_has_the_place_of_its_symbol() {
        let mut encoder = HalvesEncoder::new(Coder::Ans);
        let wrong = encoder.encode(gaussian(), &[1, 1, 1, 64], &[0; 4]);
        assert!(matches!(
            wrong,
            Err(EncodeError::NoSuchTable { position: 3, .. })
        ));
        let mut decoder = HalvesDecoder::new(Coder::Ans, &[0]).unwrap();
        let wrong = decoder.decode(gaussian(), &[1, 1, 64, 1]);
        assert!(matches!(
            wrong,
            Err(DecodeError::NoSuchTable { position: 2, .. })
        ));
    }
}
