//! From a file to a picture, within limits.

use std::io::{self, Read};

use crate::bitstream::{self, Header};
use crate::encoder::fit;
use crate::error::{DecodeError, FormatErrorKind, LimitError};
use crate::image::Image;
use crate::model::{Digest, Latents, Model, ModelId};
use crate::walk::{Digested, Reader, SymbolCoder, section_count, walk};

/// What a file may ask for. On by default; a file that asks for more ends in
/// [`DecodeError::Limits`] before anything is allocated for it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Limits {
    /// Pixels in a row. Default: 2^20.
    pub max_width: u32,
    /// Rows. Default: 2^20.
    pub max_height: u32,
    /// Pixels in the picture. Default: 2^27, enough for 12000x9000.
    pub max_pixels: u64,
    /// Bytes of memory that the model takes, by its own account. Default: 8 GiB.
    pub max_memory: u64,
    /// Bytes of one section. Default: 512 MiB.
    pub max_section_bytes: u64,
    /// Bytes of the whole file. Default: 1 GiB.
    pub max_file_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_width: 1 << 20,
            max_height: 1 << 20,
            max_pixels: 1 << 27,
            max_memory: 8 << 30,
            max_section_bytes: 512 << 20,
            max_file_bytes: 1 << 30,
        }
    }
}

impl Limits {
    /// No limits but the format's own, for files that you made yourself.
    pub fn none() -> Self {
        Self {
            max_width: u32::MAX,
            max_height: u32::MAX,
            max_pixels: u64::MAX,
            max_memory: u64::MAX,
            max_section_bytes: u64::MAX,
            max_file_bytes: u64::MAX,
        }
    }

    fn check(&self, header: &Header) -> Result<(), LimitError> {
        let (width, height) = (header.width.into(), header.height.into());
        LimitError::check("the width", width, self.max_width.into())?;
        LimitError::check("the height", height, self.max_height.into())?;
        // Two sides of at most 2^30 each.
        LimitError::check("the number of pixels", width * height, self.max_pixels)
    }
}

/// Where a decoder finds the model that a file names.
pub trait ModelSource {
    /// The model with this number and these weights, if it is here.
    fn find(&self, id: ModelId, digest: Digest) -> Option<&dyn Model>;
}

/// A model is a source of itself.
impl<M: Model> ModelSource for M {
    fn find(&self, id: ModelId, digest: Digest) -> Option<&dyn Model> {
        (id == self.id() && digest == self.digest()).then_some(self)
    }
}

/// Reads a file: [`new`](Self::new), then [`limits`](Self::limits) if the defaults
/// do not suit, [`read_header`](Self::read_header) if you want to look first, and
/// last one of [`decode`](Self::decode), [`symbols_digest`](Self::symbols_digest)
/// and [`section_bytes`](Self::section_bytes).
#[derive(Debug)]
pub struct Decoder<R> {
    reader: Counted<R>,
    limits: Limits,
    header: Option<Header>,
}

impl<R: Read> Decoder<R> {
    /// Reads from `reader`, which should be buffered.
    pub fn new(reader: R) -> Self {
        let limits = Limits::default();
        Self {
            reader: Counted {
                reader,
                left: limits.max_file_bytes,
                exceeded: false,
            },
            limits,
            header: None,
        }
    }

    /// Decodes within `limits`. To be called before anything is read.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.reader.left = limits.max_file_bytes;
        self.limits = limits;
        self
    }

    /// What the file says of itself. Reads no further than that.
    ///
    /// # Errors
    /// If the input fails, does not begin as a file of this format, or asks for
    /// a picture beyond the limits.
    pub fn read_header(&mut self) -> Result<&Header, DecodeError> {
        if self.header.is_none() {
            let header = Header::read(&mut self.reader);
            let header = header.map_err(|error| self.reader.explain(error, &self.limits))?;
            self.limits.check(&header)?;
            self.header = Some(header);
        }
        match &self.header {
            Some(header) => Ok(header),
            None => unreachable!("the header has been read"),
        }
    }

    /// Decodes the picture. All checksums are checked before the model begins,
    /// and every stream has to end with its last symbol.
    ///
    /// # Errors
    /// See [`DecodeError`].
    pub fn decode(mut self, models: &dyn ModelSource) -> Result<Image, DecodeError> {
        let (model, header, reader) = self.open(models)?;
        let (latents, reader) = run(model, &header, reader)?;
        reader.finish()?;
        Ok(fit(latents.synthesise()?, &header, model)?)
    }

    /// The SHA-256 of all symbols, each as a little-endian `i32`, in coding order.
    /// Two machines that agree on it decode the same. Makes no picture.
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    pub fn symbols_digest(mut self, models: &dyn ModelSource) -> Result<[u8; 32], DecodeError> {
        let (model, header, reader) = self.open(models)?;
        let (_, digested) = run(model, &header, Digested::new(reader))?;
        let (reader, digest) = digested.finish();
        reader.finish()?;
        Ok(digest)
    }

    /// Reads the whole file and checks it as far as that goes without its model;
    /// returns the length of each section's payload.
    ///
    /// # Errors
    /// See [`DecodeError`]; never `UnknownModel` or `Model`.
    pub fn section_bytes(mut self) -> Result<Vec<u64>, DecodeError> {
        let sections = self.read_header()?.sections;
        let streams = self.read_sections(sections)?;
        Ok(streams.iter().map(|stream| stream.len() as u64).collect())
    }

    /// Finds the model, asks what it will take, reads all sections.
    fn open<'m>(
        &mut self,
        models: &'m dyn ModelSource,
    ) -> Result<(&'m dyn Model, Header, Reader), DecodeError> {
        let header = self.read_header()?.clone();
        let (id, digest) = (header.model, header.digest);
        let model = models
            .find(id, digest)
            .ok_or(DecodeError::UnknownModel { id, digest })?;
        let (found, expected) = (header.sections, section_count(model)?);
        if found != expected {
            return Err(FormatErrorKind::SectionCount { found, expected }.into());
        }
        let memory = model.memory(header.width, header.height);
        LimitError::check("the memory to decode it", memory, self.limits.max_memory)?;
        let streams = self.read_sections(header.sections)?;
        let reader = Reader::new(header.coder, streams);
        Ok((model, header, reader))
    }

    fn read_sections(&mut self, count: usize) -> Result<Vec<Vec<u8>>, DecodeError> {
        let limit = self.limits.max_section_bytes;
        let reader = &mut self.reader;
        let streams = (0..count)
            .map(|section| bitstream::read_section(reader, section, limit))
            .collect::<Result<_, _>>()
            .and_then(|streams| bitstream::read_end(reader).map(|()| streams));
        streams.map_err(|error| self.reader.explain(error, &self.limits))
    }
}

/// Walks through a file with whatever takes its symbols.
fn run<'m, C: SymbolCoder>(
    model: &'m dyn Model,
    header: &Header,
    mut coder: C,
) -> Result<(Box<dyn Latents + 'm>, C), DecodeError> {
    let mut latents = model.prepare(header.width, header.height, header.quality)?;
    walk(model, &mut *latents, &mut coder)?;
    Ok((latents, coder))
}

/// A reader that refuses to go beyond the limit of the whole file.
#[derive(Debug)]
struct Counted<R> {
    reader: R,
    left: u64,
    exceeded: bool,
}

impl<R> Counted<R> {
    /// The error of a read that this reader refused is the limit's.
    fn explain(&self, error: DecodeError, limits: &Limits) -> DecodeError {
        let limit = limits.max_file_bytes;
        if !self.exceeded {
            return error;
        }
        LimitError::check("the length of the file", limit.saturating_add(1), limit)
            .map_or_else(DecodeError::Limits, |()| error)
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        // At the limit, one byte more tells a file that ends there from a longer
        // one.
        let most = self.left.saturating_add(1).min(bytes.len() as u64);
        let read = self.reader.read(&mut bytes[..most as usize])?;
        match self.left.checked_sub(read as u64) {
            Some(left) => self.left = left,
            None => {
                self.exceeded = true;
                return Err(io::Error::other("the file is longer than its limit"));
            }
        }
        Ok(read)
    }
}
