//! What reads the symbols of a walk from streams.

use lic_entropy::{Coder, Decoder, HalvesDecoder};

use super::{Step, SymbolCoder, WalkError};
use crate::model::{ModelError, Plan};

/// Reads the streams of a tile's sections, as far as they are there.
#[derive(Debug)]
pub struct Reader {
    coder: Coder,
    /// Whether all sections are one stream.
    joined: bool,
    open: Option<(usize, Reading)>,
    streams: Vec<Vec<u8>>,
}

#[derive(Debug)]
enum Reading {
    Whole(Decoder),
    Halves(HalvesDecoder),
}

impl Reader {
    /// Stands before the first of `streams`: one a section, from the first. If
    /// there are fewer than sections, nothing is known of the others.
    pub fn new(coder: Coder, streams: Vec<Vec<u8>>) -> Self {
        Self {
            coder,
            joined: false,
            open: None,
            streams,
        }
    }

    /// All sections are in the first stream, if `joined` says so.
    pub fn joined(self, joined: bool) -> Self {
        Self { joined, ..self }
    }

    fn stream_of(&self, section: usize) -> usize {
        if self.joined { 0 } else { section }
    }

    /// Checks that the last stream was used up exactly; the others have been
    /// checked on the way.
    ///
    /// # Errors
    /// If it was not.
    pub fn finish(mut self) -> Result<(), WalkError> {
        self.close()
    }

    fn close(&mut self) -> Result<(), WalkError> {
        if let Some((section, decoder)) = self.open.take() {
            let finished = match decoder {
                Reading::Whole(decoder) => decoder.finish(),
                Reading::Halves(decoder) => decoder.finish(),
            };
            finished.map_err(|source| WalkError::Stream { section, source })?;
        }
        Ok(())
    }

    /// The decoder of `section`, opened when its first step comes; `None` if the
    /// section is empty.
    fn open(&mut self, section: usize) -> Result<Option<&mut Reading>, WalkError> {
        if self.open.as_ref().is_none_or(|open| open.0 != section) {
            self.close()?;
            // The stream is not needed again once its decoder has it.
            let stream = self.streams.get_mut(section).map(std::mem::take);
            let stream = stream.unwrap_or_default();
            if stream.is_empty() {
                return Ok(None);
            }
            let decoder = match self.joined {
                true => Decoder::new(self.coder, &stream).map(Reading::Whole),
                false => HalvesDecoder::new(self.coder, &stream).map(Reading::Halves),
            };
            let decoder = decoder.map_err(|source| WalkError::Stream { section, source })?;
            self.open = Some((section, decoder));
        }
        Ok(self.open.as_mut().map(|open| &mut open.1))
    }
}

impl SymbolCoder for Reader {
    fn code(
        &mut self,
        step: &Step<'_>,
        _: &mut dyn FnMut() -> Result<Vec<i32>, ModelError>,
    ) -> Result<Vec<i32>, WalkError> {
        let section = self.stream_of(step.section);
        let Some(decoder) = self.open(section)? else {
            return Ok(vec![0; step.plan.len()]);
        };
        let decoded = match decoder {
            Reading::Whole(decoder) => whole(decoder, step.plan),
            Reading::Halves(decoder) => match step.plan {
                Plan::Tables { tables, indices } => decoder.decode(tables, indices),
                Plan::Mixtures(mixtures) => decoder.decode_mixtures(mixtures),
            },
        };
        decoded.map_err(|source| WalkError::Stream { section, source })
    }

    fn reads(&self) -> bool {
        true
    }

    fn lacks(&self, section: usize) -> bool {
        self.stream_of(section) >= self.streams.len()
    }
}

fn whole(decoder: &mut Decoder, plan: &Plan) -> Result<Vec<i32>, lic_entropy::DecodeError> {
    let mut symbols = Vec::new();
    match plan {
        Plan::Tables { tables, indices } => decoder.decode(tables, indices, &mut symbols)?,
        Plan::Mixtures(mixtures) => decoder.decode_mixtures(mixtures, &mut symbols)?,
    }
    Ok(symbols)
}
