//! From a file to a picture, within limits.

use std::io::{self, Read};

use crate::bitstream::{self, Header, Index, MetadataKind, StreamName};
use crate::error::{DecodeError, FormatErrorKind, LimitError};
use crate::image::{Image, Metadata};
use crate::limits::Limits;
use crate::model::{Digest, Model, ModelId};
use crate::options::DecodeOptions;
use crate::picture::Picture;
use crate::walk::{Digested, Reader, section_count, walk};
use crate::wiener::{FilterError, Filters};

/// A decoded picture, and what was missing of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decoded {
    /// The picture: the region at the scale that was asked for.
    pub image: Image,
    /// What the file says of itself.
    pub header: Header,
    /// Bytes of the file that were used.
    pub bytes_used: u64,
    /// Tiles of which not every section was there, where that was allowed: their
    /// number, and how many sections there were.
    pub incomplete: Vec<(usize, usize)>,
    /// Other streams that were passed over.
    pub lost: Vec<StreamName>,
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
/// last one of [`decode`](Self::decode), [`decode_with`](Self::decode_with),
/// [`symbols_digest`](Self::symbols_digest) and [`check`](Self::check).
#[derive(Debug)]
pub struct Decoder<R> {
    reader: Counted<R>,
    limits: Limits,
    index: Option<Index>,
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
            index: None,
        }
    }

    /// Decodes within `limits`. To be called before anything is read.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.reader.left = limits.max_file_bytes;
        self.limits = limits;
        self
    }

    /// What the file says of itself. Reads no further than to its first stream.
    ///
    /// # Errors
    /// If the input fails, does not begin as a file of this format, or asks for
    /// a picture beyond the limits.
    pub fn read_header(&mut self) -> Result<&Header, DecodeError> {
        self.read_index().map(|index| &index.header)
    }

    fn read_index(&mut self) -> Result<&Index, DecodeError> {
        if self.index.is_none() {
            let limits = &self.limits;
            let index = Index::read(&mut self.reader, |header| limits.check(header));
            let index = index.map_err(|error| self.reader.explain(error, &self.limits))?;
            for &length in &index.lengths {
                let limit = self.limits.max_stream_bytes;
                LimitError::check("the length of a stream", length.into(), limit)?;
            }
            let limit = self.limits.max_file_bytes;
            LimitError::check("the length of the file", index.file_bytes(), limit)?;
            self.index = Some(index);
        }
        match &self.index {
            Some(index) => Ok(index),
            None => unreachable!("the index has been read"),
        }
    }

    /// Decodes the picture. All checksums are checked before the model begins,
    /// and every stream has to end with its last symbol.
    ///
    /// # Errors
    /// See [`DecodeError`].
    pub fn decode(self, models: &dyn ModelSource) -> Result<Image, DecodeError> {
        let decoded = self.decode_with(models, &DecodeOptions::default())?;
        Ok(decoded.image)
    }

    /// Decodes a part of the picture, or a smaller one, or what can be had of a file
    /// that is not whole.
    ///
    /// # Errors
    /// See [`DecodeError`]. A region outside of the picture is one, and so is a file
    /// of which not even one tile's first section is there.
    pub fn decode_with(
        mut self,
        models: &dyn ModelSource,
        options: &DecodeOptions,
    ) -> Result<Decoded, DecodeError> {
        let model = self.find(models)?;
        let header = self.read_header()?.clone();
        let picture = Picture::new(&header, model, options)?;
        picture.check_memory(&self.limits)?;
        let streams = self.read_streams(options)?;
        picture.decode(streams)
    }

    /// The SHA-256 of all symbols, each as a little-endian `i32`, in coding order,
    /// tile after tile. Two machines that agree on it decode the same. Makes no
    /// picture.
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    pub fn symbols_digest(mut self, models: &dyn ModelSource) -> Result<[u8; 32], DecodeError> {
        let model = self.find(models)?;
        let header = self.read_header()?.clone();
        let picture = Picture::new(&header, model, &DecodeOptions::default())?;
        picture.check_memory(&self.limits)?;
        let mut streams = self.read_streams(&DecodeOptions::default())?;
        let grid = header.grid();
        let mut digested = Digested::new(Reader::new(header.coder, Vec::new()));
        for row in 0..grid.rows() {
            for column in 0..grid.columns() {
                let (area, tile) = (grid.tile(column, row), grid.number(column, row));
                let reader = Reader::new(header.coder, streams.take_sections(tile));
                let reader = reader.joined(picture.is_joined());
                let mut latents = model.prepare(area.width, area.height, header.quantiser())?;
                digested.replace(reader);
                walk(model, &mut *latents, &mut digested).map_err(|error| error.in_tile(tile))?;
                let finished = digested.replace(Reader::new(header.coder, Vec::new()));
                finished.finish().map_err(|error| error.in_tile(tile))?;
            }
        }
        Ok(digested.finish())
    }

    /// Reads the whole file and checks it as far as that goes without its model;
    /// returns what it says of itself and the lengths of its streams.
    ///
    /// # Errors
    /// See [`DecodeError`]; never `UnknownModel` or `Model`.
    pub fn check(mut self) -> Result<Index, DecodeError> {
        self.read_index()?;
        let streams = self.read_streams(&DecodeOptions::default())?;
        Ok(streams.index)
    }

    /// Finds the model and sees whether the file is one of its.
    fn find<'m>(&mut self, models: &'m dyn ModelSource) -> Result<&'m dyn Model, DecodeError> {
        let header = self.read_header()?;
        let (id, digest) = (header.model, header.digest);
        let model = models
            .find(id, digest)
            .ok_or(DecodeError::UnknownModel { id, digest })?;
        let (found, expected) = (header.sections, section_count(model)?);
        if found != expected && found != expected.min(1) {
            return Err(FormatErrorKind::SectionCount { found, expected }.into());
        }
        if header.trellis && !model.has_trellis() {
            return Err(FormatErrorKind::NoTrellis { id }.into());
        }
        Ok(model)
    }

    /// Reads all streams, as far as the options bear with what is missing.
    fn read_streams(&mut self, options: &DecodeOptions) -> Result<Streams, DecodeError> {
        let index = self.read_index()?.clone();
        let mut streams = Streams {
            bytes_used: index.to_bytes().len() as u64,
            read: Vec::new(),
            index,
        };
        for (name, &length) in streams.index.names().zip(&streams.index.lengths) {
            match bitstream::read_stream(&mut self.reader, name, length) {
                Ok(stream) => {
                    streams.bytes_used += u64::from(length) + if length == 0 { 0 } else { 4 };
                    streams.read.push(Some(stream));
                }
                Err(error) if options.conceal && error.is_checksum() => streams.read.push(None),
                Err(error) if options.partial && error.is_truncation() => break,
                Err(error) => return Err(self.reader.explain(error, &self.limits)),
            }
        }
        if streams.read.len() == streams.index.lengths.len() {
            let end = bitstream::read_end(&mut self.reader);
            end.map_err(|error| self.reader.explain(error, &self.limits))?;
        }
        streams.read.resize(streams.index.lengths.len(), None);
        Ok(streams)
    }
}

/// The streams of a file, as far as they are there.
pub(crate) struct Streams {
    pub index: Index,
    pub bytes_used: u64,
    read: Vec<Option<Vec<u8>>>,
}

impl Streams {
    pub fn take(&mut self, name: StreamName) -> Option<Vec<u8>> {
        let position = self.index.position(name);
        self.read.get_mut(position).and_then(Option::take)
    }

    /// The sections of a tile, up to the first that is missing.
    pub fn take_sections(&mut self, tile: usize) -> Vec<Vec<u8>> {
        (0..self.index.header.sections)
            .map_while(|section| self.take(StreamName::Section { section, tile }))
            .collect()
    }

    /// The filters that the stream `name` holds: none if it was lost.
    pub fn take_filters(&mut self, name: StreamName) -> Result<Option<Filters>, FilterError> {
        let (bytes, channels) = (self.take(name), self.index.header.channels);
        bytes
            .map(|bytes| Filters::from_bytes(&bytes, channels))
            .transpose()
    }

    /// Whether there is a tile of which every section is there.
    pub fn has_whole_tile(&self) -> bool {
        let header = &self.index.header;
        let there = |section: usize, tile: usize| {
            let position = self.index.position(StreamName::Section { section, tile });
            self.read.get(position).is_some_and(Option::is_some)
        };
        let tiles = header.grid().count() as usize;
        (0..tiles).any(|tile| (0..header.sections).all(|section| there(section, tile)))
    }

    /// The metadata that are there, and which are not.
    pub fn take_metadata(&mut self) -> (Metadata, Vec<StreamName>) {
        let (mut metadata, mut lost) = (Metadata::default(), Vec::new());
        for (number, kind) in self.index.header.metadata.clone().into_iter().enumerate() {
            if kind == MetadataKind::Filters {
                continue;
            }
            let name = StreamName::Metadata(number);
            let Some(bytes) = self.take(name) else {
                lost.push(name);
                continue;
            };
            match kind {
                MetadataKind::Icc => metadata.icc = Some(bytes),
                MetadataKind::Exif => metadata.exif = Some(bytes),
                MetadataKind::Xmp => metadata.xmp = Some(bytes),
                MetadataKind::Filters | MetadataKind::Other(_) => {}
            }
        }
        (metadata, lost)
    }
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
