//! The ANS coder: 64-bit state, 32-bit words, first in, last out.

use constriction::stream::stack::AnsCoder;
use constriction::stream::{Decode, Encode, model::DecoderModel};

use crate::error::DecodeError;
use crate::interval::{Interval, Sink, Source};
use crate::tables::PRECISION;

/// The state that an encoder begins with and a decoder has to end with. Not 0,
/// as constriction has it: a decoder whose stream is spent sinks to 0 and stays
/// there, and a damaged stream would often end right by chance. A state of 2^16 or
/// more is never reached again from below. It costs less than a bit more wherever
/// the first symbols are likely ones.
const START: u64 = 1 << PRECISION;

/// Records what to encode: ANS decodes last what it encoded first, so nothing
/// can be written before the end.
#[derive(Debug, Default)]
pub(crate) struct AnsWriter {
    intervals: Vec<Interval>,
}

impl Sink for AnsWriter {
    #[inline(always)]
    fn put(&mut self, interval: Interval) {
        self.intervals.push(interval);
    }
}

impl AnsWriter {
    pub(crate) fn reserve(&mut self, symbols: usize) {
        self.intervals.reserve(symbols);
    }

    pub(crate) fn extend(&mut self, intervals: &[Interval]) {
        self.intervals.extend_from_slice(intervals);
    }

    /// The words are written little-endian, the oldest first, so the stream as a
    /// whole is one little-endian number whose top is the state; leading zeros
    /// of a number need not be written.
    pub(crate) fn finish(self) -> Vec<u8> {
        if self.intervals.is_empty() {
            return Vec::new();
        }
        let mut coder = AnsCoder::<u32, u64>::from_raw_parts(Vec::new(), START);
        for interval in self.intervals.iter().rev() {
            // An interval's mass is not zero and a Vec takes every word.
            let Ok(()) = coder.encode_symbol((), *interval) else {
                unreachable!("an interval can always be encoded")
            };
        }
        let Ok(words) = coder.into_compressed();
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let kept = bytes.iter().rposition(|byte| *byte != 0);
        bytes.truncate(kept.map_or(0, |last| last + 1));
        bytes
    }
}

/// Splits `bytes` into words, missing bytes at the end taken as zero.
pub(crate) fn words(bytes: &[u8], word: fn([u8; 4]) -> u32) -> Vec<u32> {
    let words = bytes.chunks(4).map(|chunk| {
        let mut padded = [0; 4];
        padded[..chunk.len()].copy_from_slice(chunk);
        word(padded)
    });
    words.collect()
}

#[derive(Debug)]
pub(crate) struct AnsReader {
    coder: AnsCoder<u32, u64>,
}

impl AnsReader {
    pub(crate) fn new(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.is_empty() {
            let coder = AnsCoder::from_raw_parts(Vec::new(), START);
            return Ok(Self { coder });
        }
        if bytes.ends_with(&[0]) {
            return Err(DecodeError::TrailingZero);
        }
        let words = words(bytes, u32::from_le_bytes);
        // Every symbol makes the state larger, and without symbols there is no
        // stream: the start in full is one that no encoder writes.
        if words == [START as u32] {
            return Err(DecodeError::NotUsedUp);
        }
        // The last byte is not zero, so neither is the last word, which is all
        // that constriction asks for.
        let coder = AnsCoder::from_compressed(words).map_err(|_| DecodeError::TrailingZero)?;
        Ok(Self { coder })
    }

    /// Where the encoder began, the decoder must end.
    pub(crate) fn finish(self) -> Result<(), DecodeError> {
        let (words, state) = self.coder.into_raw_parts();
        if words.is_empty() && state == START {
            Ok(())
        } else {
            Err(DecodeError::NotUsedUp)
        }
    }
}

impl Source for AnsReader {
    #[inline(always)]
    fn take<M>(&mut self, model: M) -> Result<M::Symbol, DecodeError>
    where
        M: DecoderModel<PRECISION, Probability = u16>,
    {
        // A stack of words in memory cannot fail, and ANS decodes any state.
        self.coder
            .decode_symbol(model)
            .map_err(|_| DecodeError::NotUsedUp)
    }
}
