//! What takes the symbols of a walk: writers, counters.

use lic_entropy::{Coder, Encoder, HalvesEncoder, Intervals};
use sha2::{Digest as _, Sha256};

use super::{Step, SymbolCoder, WalkError, unexpected};
use crate::model::{ModelError, Plan};

/// Adds up the bits that the tables predict, and writes nothing.
#[derive(Debug, Default)]
pub struct Counter {
    bits: f64,
    symbols: u64,
}

impl Counter {
    /// Nothing counted.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bits so far: the information in the symbols, without what a stream or a
    /// container adds.
    pub fn bits(&self) -> f64 {
        self.bits
    }

    /// Symbols so far, without what is said of steps aside.
    pub fn symbols(&self) -> u64 {
        self.symbols
    }
}

impl SymbolCoder for Counter {
    fn code(
        &mut self,
        step: &Step<'_>,
        symbols: &mut dyn FnMut() -> Result<Vec<i32>, ModelError>,
    ) -> Result<Vec<i32>, WalkError> {
        let symbols = symbols()?;
        let bits = match step.plan {
            Plan::Tables { tables, indices } => tables.total_bits(indices, &symbols),
            Plan::Mixtures(mixtures) => mixtures.total_bits(&symbols),
        };
        self.bits += bits.map_err(|error| unexpected(step.number, &error))?;
        if !step.aside {
            self.symbols += symbols.len() as u64;
        }
        Ok(symbols)
    }
}

/// Writes one stream a section, in halves, or one of all sections, which is not; and counts
/// what the tables predict.
#[derive(Debug)]
pub struct Writer {
    coder: Coder,
    /// Whether all sections are written as one.
    joined: bool,
    /// Whether sections of zeros only are written too.
    zeros: bool,
    open: Option<Open>,
    streams: Vec<Vec<u8>>,
    counter: Counter,
}

/// A section that is being written.
#[derive(Debug)]
struct Open {
    stream: Writing,
    /// Whether a symbol was not 0.
    says_something: bool,
}

#[derive(Debug)]
enum Writing {
    Whole(Encoder),
    Halves(HalvesEncoder),
}

impl Open {
    /// A section of zeros only is left empty.
    fn finish(self) -> Vec<u8> {
        match self.stream {
            _ if !self.says_something => Vec::new(),
            Writing::Whole(encoder) => encoder.finish(),
            Writing::Halves(encoder) => encoder.finish(),
        }
    }
}

impl Writer {
    /// Nothing written.
    pub fn new(coder: Coder) -> Self {
        Self {
            coder,
            joined: false,
            zeros: false,
            open: None,
            streams: Vec::new(),
            counter: Counter::new(),
        }
    }

    /// All sections as one stream.
    pub fn joined(self) -> Self {
        Self {
            joined: true,
            ..self
        }
    }

    /// With sections of zeros only, which are left empty otherwise.
    pub(crate) fn with_zeros(self) -> Self {
        Self {
            zeros: true,
            ..self
        }
    }

    /// The streams, one a section, and what the tables predicted.
    pub fn finish(mut self) -> (Vec<Vec<u8>>, Counter) {
        self.streams.extend(self.open.map(Open::finish));
        (self.streams, self.counter)
    }
}

impl SymbolCoder for Writer {
    fn code(
        &mut self,
        step: &Step<'_>,
        symbols: &mut dyn FnMut() -> Result<Vec<i32>, ModelError>,
    ) -> Result<Vec<i32>, WalkError> {
        let symbols = symbols()?;
        let mixed = mixed(step, &symbols)?;
        self.write(step, &symbols, mixed.as_ref())?;
        Ok(symbols)
    }
}

impl Writer {
    /// `mixed` are the symbols as intervals, if the plan is of mixtures.
    fn write(
        &mut self,
        step: &Step<'_>,
        symbols: &[i32],
        mixed: Option<&[Intervals; 2]>,
    ) -> Result<(), WalkError> {
        // Sections rise by at most one: a new one has begun when every stream
        // before it is complete but the open one.
        if step.section > self.streams.len() && !self.joined {
            self.streams.extend(self.open.take().map(Open::finish));
        }
        let open = self.open.get_or_insert_with(|| Open {
            stream: match self.joined {
                true => Writing::Whole(Encoder::new(self.coder)),
                false => Writing::Halves(HalvesEncoder::new(self.coder)),
            },
            says_something: self.zeros,
        });
        open.says_something |= symbols.iter().any(|&symbol| symbol != 0);
        if !step.aside {
            self.counter.symbols += symbols.len() as u64;
        }
        if let Some(halves) = mixed {
            match &mut open.stream {
                Writing::Whole(encoder) => halves.iter().for_each(|half| encoder.append(half)),
                Writing::Halves(encoder) => encoder.append(halves),
            }
            self.counter.bits += halves.iter().map(Intervals::bits).sum::<f64>();
        } else if let Plan::Tables { tables, indices } = step.plan {
            let encoded = match &mut open.stream {
                Writing::Whole(encoder) => encoder.encode(tables, indices, symbols),
                Writing::Halves(encoder) => encoder.encode(tables, indices, symbols),
            };
            encoded.map_err(|error| unexpected(step.number, &error))?;
            let bits = tables.total_bits(indices, symbols);
            self.counter.bits += bits.map_err(|error| unexpected(step.number, &error))?;
        }
        Ok(())
    }
}

/// Symbols as intervals, where distributions are mixtures: what takes an encoder's time.
fn mixed(step: &Step<'_>, symbols: &[i32]) -> Result<Option<[Intervals; 2]>, WalkError> {
    let Plan::Mixtures(mixtures) = step.plan else {
        return Ok(None);
    };
    let halves = mixtures.halves(symbols);
    Ok(Some(
        halves.map_err(|error| unexpected(step.number, &error))?,
    ))
}

/// Hands everything to two writers, and to the second no more once that has more than so
/// many bytes to write.
#[derive(Debug)]
pub(crate) struct Both {
    pub apart: Writer,
    pub joined: Option<Writer>,
    pub most: u64,
}

impl SymbolCoder for Both {
    fn code(
        &mut self,
        step: &Step<'_>,
        symbols: &mut dyn FnMut() -> Result<Vec<i32>, ModelError>,
    ) -> Result<Vec<i32>, WalkError> {
        let symbols = symbols()?;
        let mixed = mixed(step, &symbols)?;
        self.apart.write(step, &symbols, mixed.as_ref())?;
        // No coder writes less than what tables predict by as much as a byte.
        if self.apart.counter.bits() / 8.0 > self.most as f64 + 1.0 {
            self.joined = None;
        }
        if let Some(joined) = &mut self.joined {
            joined.write(step, &symbols, mixed.as_ref())?;
        }
        Ok(symbols)
    }
}

/// A coder that also keeps the symbols of every step.
#[derive(Debug)]
pub(crate) struct Kept<C> {
    pub coder: C,
    /// The symbols, one list a step.
    pub steps: Vec<Vec<i32>>,
}

impl<C> Kept<C> {
    /// Keeps what `coder` codes.
    pub fn new(coder: C) -> Self {
        Self {
            coder,
            steps: Vec::new(),
        }
    }
}

impl<C: SymbolCoder> SymbolCoder for Kept<C> {
    fn code(
        &mut self,
        step: &Step<'_>,
        symbols: &mut dyn FnMut() -> Result<Vec<i32>, ModelError>,
    ) -> Result<Vec<i32>, WalkError> {
        let symbols = self.coder.code(step, symbols)?;
        if !step.aside {
            self.steps.push(symbols.clone());
        }
        Ok(symbols)
    }

    fn reads(&self) -> bool {
        self.coder.reads()
    }
}

/// A coder that also takes the SHA-256 of all symbols that pass: each as a
/// little-endian `i32`, in coding order. Equal digests on two machines mean that
/// they decoded the same.
#[derive(Debug)]
pub struct Digested<C> {
    coder: C,
    hash: Sha256,
}

impl<C> Digested<C> {
    /// Takes the digest of what `coder` codes.
    pub fn new(coder: C) -> Self {
        Self {
            coder,
            hash: Sha256::new(),
        }
    }

    /// Puts another coder in the place of this one, and gives this one back.
    pub fn replace(&mut self, coder: C) -> C {
        std::mem::replace(&mut self.coder, coder)
    }

    /// The digest of all symbols.
    pub fn finish(self) -> [u8; 32] {
        self.hash.finalize().into()
    }
}

impl<C: SymbolCoder> SymbolCoder for Digested<C> {
    fn code(
        &mut self,
        step: &Step<'_>,
        symbols: &mut dyn FnMut() -> Result<Vec<i32>, ModelError>,
    ) -> Result<Vec<i32>, WalkError> {
        let symbols = self.coder.code(step, symbols)?;
        if step.aside {
            return Ok(symbols);
        }
        let mut bytes = [0; 4096];
        for part in symbols.chunks(bytes.len() / 4) {
            for (slot, symbol) in bytes.chunks_exact_mut(4).zip(part) {
                slot.copy_from_slice(&symbol.to_le_bytes());
            }
            self.hash.update(&bytes[..part.len() * 4]);
        }
        Ok(symbols)
    }

    fn reads(&self) -> bool {
        self.coder.reads()
    }

    fn lacks(&self, section: usize) -> bool {
        self.coder.lacks(section)
    }
}
