//! The index of a file and the streams that it lists.

use std::fmt;
use std::io::{self, Read, Write};

use super::{Fields, Header, MAX_STREAMS, put_varint};
use crate::error::{DecodeError, FormatErrorKind, LimitError};

/// What a piece beside the picture is: of metadata, but for one. The numbers are the
/// format's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MetadataKind {
    /// An ICC profile.
    Icc,
    /// EXIF, from its TIFF header on.
    Exif,
    /// An XMP packet.
    Xmp,
    /// The filters of the picture: no metadata, but a decoder that does not know them
    /// may pass over them as it does over those, and shows a picture that is almost as
    /// good.
    Filters,
    /// Another, by its number; a decoder passes over it.
    Other(u8),
}

impl MetadataKind {
    /// The number in the file.
    pub fn number(self) -> u8 {
        match self {
            Self::Icc => 1,
            Self::Exif => 2,
            Self::Xmp => 3,
            Self::Filters => 4,
            Self::Other(number) => number,
        }
    }

    /// What has this number.
    pub fn from_number(number: u8) -> Self {
        match number {
            1 => Self::Icc,
            2 => Self::Exif,
            3 => Self::Xmp,
            4 => Self::Filters,
            other => Self::Other(other),
        }
    }
}

/// Which of a file's streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StreamName {
    /// A piece of metadata, from 0.
    Metadata(usize),
    /// The alpha plane of a tile.
    Alpha {
        /// Number of the tile, by rows, from 0.
        tile: usize,
    },
    /// A section of a tile.
    Section {
        /// Number of the section, from 0.
        section: usize,
        /// Number of the tile, by rows, from 0.
        tile: usize,
    },
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Metadata(number) => write!(f, "metadata {number}"),
            Self::Alpha { tile } => write!(f, "alpha of tile {tile}"),
            Self::Section { section, tile } => write!(f, "section {section} of tile {tile}"),
        }
    }
}

/// A header and the length of every stream, in the order of the file: metadata, then
/// alpha of every tile, then section after section, each of every tile. So whatever
/// part of a file has arrived holds whole sections of the whole picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// What the file says of itself.
    pub header: Header,
    /// Bytes of every stream's payload.
    pub lengths: Vec<u32>,
}

impl Index {
    /// All bytes before the streams, the checksum included.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.header.put(&mut bytes);
        for &length in &self.lengths {
            put_varint(&mut bytes, length);
        }
        bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
        bytes
    }

    /// Reads what comes before the streams, and nothing after it. `check` is asked
    /// about the header before anything is allocated for it.
    ///
    /// # Errors
    /// If the input fails or ends, does not begin as a file of this version does, or
    /// `check` says so.
    pub fn read(
        reader: &mut impl Read,
        check: impl FnOnce(&Header) -> Result<(), LimitError>,
    ) -> Result<Self, DecodeError> {
        let mut fields = Fields::new(reader, "the header");
        let header = Header::read(&mut fields)?;
        check(&header)?;
        let streams = header.streams();
        if streams > MAX_STREAMS {
            return Err(FormatErrorKind::OutOfRange {
                field: "the number of streams",
                found: streams,
                min: 0,
                max: MAX_STREAMS,
            }
            .into());
        }
        // Grows with what arrives: a number of streams costs nothing by itself.
        let mut lengths = Vec::new();
        for _ in 0..streams {
            lengths.push(fields.varint("the length of a stream")?);
        }
        fields.checksum()?;
        Ok(Self { header, lengths })
    }

    /// The streams, in the order of the file.
    pub fn names(&self) -> impl Iterator<Item = StreamName> + use<> {
        let tiles = self.tiles();
        let (metadata, sections) = (self.header.metadata.len(), self.header.sections);
        let alpha = if self.header.alpha { tiles } else { 0 };
        let sections = (0..sections).flat_map(move |section| {
            (0..tiles).map(move |tile| StreamName::Section { section, tile })
        });
        (0..metadata)
            .map(StreamName::Metadata)
            .chain((0..alpha).map(|tile| StreamName::Alpha { tile }))
            .chain(sections)
    }

    /// Where in [`lengths`](Self::lengths) a stream is.
    pub fn position(&self, name: StreamName) -> usize {
        let (metadata, tiles) = (self.header.metadata.len(), self.tiles());
        let alpha = if self.header.alpha { tiles } else { 0 };
        match name {
            StreamName::Metadata(number) => number,
            StreamName::Alpha { tile } => metadata + tile,
            StreamName::Section { section, tile } => metadata + alpha + section * tiles + tile,
        }
    }

    /// Bytes of the whole file.
    pub fn file_bytes(&self) -> u64 {
        let stream = |&length: &u32| u64::from(length) + if length == 0 { 0 } else { 4 };
        self.to_bytes().len() as u64 + self.lengths.iter().map(stream).sum::<u64>()
    }

    fn tiles(&self) -> usize {
        // An index that was read has no more than MAX_STREAMS.
        self.header.grid().count() as usize
    }
}

/// Writes a stream: nothing if it is empty, else its checksum and its bytes.
///
/// # Errors
/// If the output fails.
pub fn write_stream(writer: &mut impl Write, payload: &[u8]) -> io::Result<()> {
    if payload.is_empty() {
        return Ok(());
    }
    writer.write_all(&crc32c::crc32c(payload).to_le_bytes())?;
    writer.write_all(payload)
}

/// Reads the stream `name` of `length` bytes.
///
/// # Errors
/// If the input fails or ends, or the checksum is wrong; in the last case the input
/// stands after the stream.
pub fn read_stream(
    reader: &mut impl Read,
    name: StreamName,
    length: u32,
) -> Result<Vec<u8>, DecodeError> {
    if length == 0 {
        return Ok(Vec::new());
    }
    let found = u32::from_le_bytes(Fields::new(reader, "a stream").bytes()?);
    // `read_to_end` grows with what arrives: a length costs nothing by itself.
    let mut payload = Vec::new();
    let length = u64::from(length);
    reader
        .take(length)
        .read_to_end(&mut payload)
        .map_err(DecodeError::Io)?;
    if (payload.len() as u64) < length {
        return Err(FormatErrorKind::Truncated { within: "a stream" }.into());
    }
    let computed = crc32c::crc32c(&payload);
    if computed == found {
        return Ok(payload);
    }
    Err(FormatErrorKind::StreamChecksum {
        stream: name,
        found,
        computed,
    }
    .into())
}

/// Checks that the input ends here.
///
/// # Errors
/// If it fails or goes on.
pub fn read_end(reader: &mut impl Read) -> Result<(), DecodeError> {
    let mut rest = Vec::new();
    reader
        .take(1)
        .read_to_end(&mut rest)
        .map_err(DecodeError::Io)?;
    if rest.is_empty() {
        Ok(())
    } else {
        Err(FormatErrorKind::TrailingBytes.into())
    }
}
