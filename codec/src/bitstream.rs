#![doc = include_str!("../BITSTREAM.md")]

mod fields;
mod streams;

use std::io::Read;

use lic_entropy::Coder;

use crate::error::{DecodeError, FormatErrorKind, UnsupportedError};
use crate::geometry::{Grid, TILE_UNIT};
use crate::image::{Channels, Depth};
use crate::model::{Digest, ModelId, Quality, Quantiser};

pub(crate) use fields::{Fields, put_varint};
pub use streams::{Index, MetadataKind, StreamName, read_end, read_stream, write_stream};

/// The first four bytes of every file. The first is not ASCII, nor the start of a
/// UTF-8 character, so no text is taken for a picture.
pub const MAGIC: [u8; 4] = [0x8b, b'L', b'I', b'C'];

/// The format version that this module reads and writes.
pub const VERSION: u8 = 1;

/// The longest side of a picture, in pixels.
pub const MAX_SIDE: u32 = 1 << 30;

/// The most sections a model may have.
pub const MAX_SECTIONS: usize = 256;

/// The most streams a file may have.
pub const MAX_STREAMS: u64 = 1 << 24;

/// The most pieces of metadata.
pub const MAX_METADATA: usize = 255;

/// What a file says of itself before its streams.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// The model that the file needs.
    pub model: ModelId,
    /// The weights that the file needs.
    pub digest: Digest,
    /// Grey or colour.
    pub channels: Channels,
    /// Bits of a sample.
    pub depth: Depth,
    /// Whether there is an alpha plane.
    pub alpha: bool,
    /// The entropy coder of all sections.
    pub coder: Coder,
    /// The quality that the model was asked for.
    pub quality: Quality,
    /// Whether symbols are on a trellis.
    pub trellis: bool,
    /// Pixels in a row, 1 to [`MAX_SIDE`].
    pub width: u32,
    /// Rows, 1 to [`MAX_SIDE`].
    pub height: u32,
    /// Pixels of a tile each way, multiples of [`TILE_UNIT`]; `None` if the picture
    /// is one tile.
    pub tile: Option<(u32, u32)>,
    /// How many sections a tile has, at most [`MAX_SECTIONS`].
    pub sections: usize,
    /// Kinds of the metadata, in the order of their streams.
    pub metadata: Vec<MetadataKind>,
}

// Bits of the byte `kinds`.
pub(crate) const COLOUR: u8 = 1;
const TRELLIS: u8 = 1 << 1;
const ALPHA: u8 = 1 << 2;
const SIXTEEN: u8 = 1 << 3;
pub(crate) const RANGE: u8 = 1 << 4;
const METADATA: u8 = 1 << 5;
pub(crate) const TILED: u8 = 1 << 6;
/// A clip, whose header goes on otherwise: see [`crate::clip`].
pub(crate) const CLIP: u8 = 1 << 7;

impl Header {
    /// How the picture is divided.
    pub fn grid(&self) -> Grid {
        match self.tile {
            Some((width, height)) => Grid::new(self.width, self.height, width, height),
            None => Grid::whole(self.width, self.height),
        }
    }

    /// What a model has to be told.
    pub fn quantiser(&self) -> Quantiser {
        Quantiser {
            quality: self.quality,
            trellis: self.trellis,
        }
    }

    /// How many streams follow.
    pub fn streams(&self) -> u64 {
        let tile = self.sections as u64 + u64::from(self.alpha);
        let tiles = self.grid().count().saturating_mul(tile);
        tiles.saturating_add(self.metadata.len() as u64)
    }

    /// Which piece of the metadata holds the filters, if any does.
    pub(crate) fn filters(&self) -> Option<usize> {
        let mut kinds = self.metadata.iter();
        kinds.position(|&kind| kind == MetadataKind::Filters)
    }

    fn kinds(&self) -> u8 {
        let flag = |is: bool, bit: u8| if is { bit } else { 0 };
        self.channels.number()
            | flag(self.trellis, TRELLIS)
            | flag(self.alpha, ALPHA)
            | flag(self.depth == Depth::Sixteen, SIXTEEN)
            | flag(self.coder == Coder::Range, RANGE)
            | flag(!self.metadata.is_empty(), METADATA)
            | flag(self.tile.is_some(), TILED)
    }

    /// The header's bytes, up to the lengths of the streams.
    fn put(&self, bytes: &mut Vec<u8>) {
        bytes.extend(MAGIC);
        bytes.push(VERSION);
        put_varint(bytes, self.model.0.into());
        bytes.extend(self.digest.0);
        bytes.push(self.kinds());
        bytes.push(self.quality.halves());
        put_varint(bytes, self.width);
        put_varint(bytes, self.height);
        if let Some((width, height)) = self.tile {
            put_varint(bytes, width / TILE_UNIT);
            put_varint(bytes, height / TILE_UNIT);
        }
        put_varint(bytes, self.sections as u32);
        if !self.metadata.is_empty() {
            bytes.push(self.metadata.len() as u8);
            bytes.extend(self.metadata.iter().map(|kind| kind.number()));
        }
    }

    /// Reads a header, up to the lengths of the streams. Nothing that was read is
    /// to be relied on before the checksum, which comes after those.
    fn read<R: Read>(fields: &mut Fields<'_, R>) -> Result<Self, DecodeError> {
        for expected in MAGIC {
            if fields.byte()? != expected {
                return Err(FormatErrorKind::NotLic.into());
            }
        }
        // Another version may have another layout, so nothing after it can be
        // read, the checksum included.
        let version = fields.byte()?;
        known(
            "format version",
            version,
            VERSION,
            (version == VERSION).then_some(()),
        )?;
        let model = fields.varint("the model id")?;
        let digest = Digest(fields.bytes()?);
        let kinds = fields.byte()?;
        let quality = fields.byte()?;
        let width = fields.varint("the width")?;
        let height = fields.varint("the height")?;
        let tile = if kinds & TILED == 0 {
            None
        } else {
            let width = fields.varint("the width of a tile")?;
            Some((width, fields.varint("the height of a tile")?))
        };
        let sections = fields.varint("the number of sections")?;
        let metadata = if kinds & METADATA == 0 {
            Vec::new()
        } else {
            let count = fields.byte()?;
            in_range(
                "the number of metadata",
                count.into(),
                1,
                MAX_METADATA as u32,
            )?;
            let kinds = (0..count).map(|_| fields.byte().map(MetadataKind::from_number));
            kinds.collect::<Result<_, _>>()?
        };

        if kinds & CLIP != 0 {
            return Err(FormatErrorKind::NotPicture.into());
        }
        let channels = channels_of(kinds);
        in_range("the model id", model, 0, u16::MAX.into())?;
        in_range("the quality", quality.into(), 2, 200)?;
        in_range("the width", width, 1, MAX_SIDE)?;
        in_range("the height", height, 1, MAX_SIDE)?;
        in_range("the number of sections", sections, 0, MAX_SECTIONS as u32)?;
        if let Some((width, height)) = tile {
            in_range("the width of a tile", width, 1, MAX_SIDE / TILE_UNIT)?;
            in_range("the height of a tile", height, 1, MAX_SIDE / TILE_UNIT)?;
        }
        let has = |bit: u8| kinds & bit != 0;
        Ok(Self {
            model: ModelId(model as u16),
            digest,
            channels,
            depth: if has(SIXTEEN) {
                Depth::Sixteen
            } else {
                Depth::Eight
            },
            alpha: has(ALPHA),
            coder: if has(RANGE) { Coder::Range } else { Coder::Ans },
            quality: Quality::from_halves(quality).unwrap_or(Quality::MAX),
            trellis: has(TRELLIS),
            width,
            height,
            tile: tile.map(|(width, height)| (width * TILE_UNIT, height * TILE_UNIT)),
            sections: sections as usize,
            metadata,
        })
    }
}

/// Grey or colour, by the byte `kinds`.
pub(crate) fn channels_of(kinds: u8) -> Channels {
    match kinds & COLOUR {
        0 => Channels::Grey,
        _ => Channels::Rgb,
    }
}

pub(crate) fn known<T>(
    what: &'static str,
    found: u8,
    known: u8,
    value: Option<T>,
) -> Result<T, DecodeError> {
    value.ok_or_else(|| UnsupportedError { what, found, known }.into())
}

pub(crate) fn in_range(
    field: &'static str,
    found: u32,
    min: u32,
    max: u32,
) -> Result<(), DecodeError> {
    if (min..=max).contains(&found) {
        return Ok(());
    }
    let (found, min, max) = (found.into(), min.into(), max.into());
    Err(FormatErrorKind::OutOfRange {
        field,
        found,
        min,
        max,
    }
    .into())
}
