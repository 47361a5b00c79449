//! What a clip says of itself before its frames.

use std::io::Read;

use lic_entropy::Coder;

use super::order::MOST_BETWEEN;
use crate::bitstream::{
    CLIP, COLOUR, Fields, MAGIC, MAX_SIDE, RANGE, TILED, VERSION, channels_of, in_range, known,
    put_varint,
};
use crate::error::{DecodeError, FormatErrorKind};
use crate::geometry::{Grid, TILE_UNIT};
use crate::image::Channels;
use crate::model::{Digest, ModelId, Quality};

/// How the chroma samples of a source lie; what a decoder should make again. The
/// numbers are the format's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum Chroma {
    /// There is none: the source was red, green and blue, or grey.
    #[default]
    None = 0,
    /// A chroma sample for each pixel.
    Yuv444 = 1,
    /// One for two pixels of a row, on the left one.
    Yuv422 = 2,
    /// One for four pixels, on the left edge, between two rows (MPEG-2, H.264).
    Yuv420Left = 3,
    /// One for four pixels, between them (JPEG, MPEG-1).
    Yuv420Centre = 4,
}

impl Chroma {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 5] = [
        Self::None,
        Self::Yuv444,
        Self::Yuv422,
        Self::Yuv420Left,
        Self::Yuv420Centre,
    ];

    /// The number in the file.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// How many pixels of a row, and how many rows, share a chroma sample.
    pub fn subsampling(self) -> (u32, u32) {
        match self {
            Self::None | Self::Yuv444 => (1, 1),
            Self::Yuv422 => (2, 1),
            Self::Yuv420Left | Self::Yuv420Centre => (2, 2),
        }
    }
}

/// What the samples of the source meant. The codec itself works on red, green and
/// blue; this is carried so that a decoder can make the same kind of frames again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Source {
    /// Where chroma samples lie.
    pub chroma: Chroma,
    /// Bits of a sample, 8 to 16.
    pub bits: u8,
    /// Whether samples use the full range, not the limited one of television.
    pub full_range: bool,
    /// Colour primaries, a code of ITU-T H.273 (2: not known).
    pub primaries: u8,
    /// Transfer characteristics, likewise.
    pub transfer: u8,
    /// Matrix coefficients, likewise: 1 BT.709, 6 BT.601, 9 BT.2020.
    pub matrix: u8,
}

impl Default for Source {
    /// Red, green and blue of 8 bits.
    fn default() -> Self {
        Self {
            chroma: Chroma::None,
            bits: 8,
            full_range: true,
            primaries: 2,
            transfer: 2,
            matrix: 2,
        }
    }
}

/// A ratio of two whole numbers; 0 by 0 if it is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Ratio {
    /// Above the line.
    pub numerator: u32,
    /// Below the line.
    pub denominator: u32,
}

impl Ratio {
    /// As a number, if it is one.
    pub fn value(self) -> Option<f64> {
        let value = f64::from(self.numerator) / f64::from(self.denominator);
        (self.numerator > 0 && self.denominator > 0).then_some(value)
    }
}

/// What a clip says of itself before its frames.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClipHeader {
    /// The model that the clip needs.
    pub model: ModelId,
    /// The weights that it needs.
    pub digest: Digest,
    /// The weights of the model's temporal prior; zero for a clip of intra frames
    /// only, or for a model without any.
    pub temporal: Digest,
    /// Grey or colour.
    pub channels: Channels,
    /// The entropy coder of all frames.
    pub coder: Coder,
    /// The quality that was asked for; each frame has its own.
    pub quality: Quality,
    /// Pixels in a row, 1 to [`MAX_SIDE`].
    pub width: u32,
    /// Rows, 1 to [`MAX_SIDE`].
    pub height: u32,
    /// Pixels of a tile each way, multiples of [`TILE_UNIT`]; `None` if a frame is one
    /// tile.
    pub tile: Option<(u32, u32)>,
    /// Frames a second.
    pub rate: Ratio,
    /// Width of a pixel by its height.
    pub aspect: Ratio,
    /// The most frames from an intra frame to the next; 0 if there may be any number.
    pub gop: u32,
    /// The most frames between two anchors that are made from both, 0 to
    /// [`MOST_BETWEEN`].
    pub between: u8,
    /// What the source was.
    pub source: Source,
}

impl ClipHeader {
    /// How a frame is divided.
    pub fn grid(&self) -> Grid {
        match self.tile {
            Some((width, height)) => Grid::new(self.width, self.height, width, height),
            None => Grid::whole(self.width, self.height),
        }
    }

    /// Pixels in a row, and rows.
    pub(super) fn size(&self) -> [u32; 2] {
        [self.width, self.height]
    }

    /// The header's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let flag = |is: bool, bit: u8| if is { bit } else { 0 };
        let mut bytes = MAGIC.to_vec();
        bytes.push(VERSION);
        put_varint(&mut bytes, self.model.0.into());
        bytes.extend(self.digest.0);
        bytes.push(
            CLIP | self.channels.number()
                | flag(self.coder == Coder::Range, RANGE)
                | flag(self.tile.is_some(), TILED),
        );
        bytes.push(self.quality.halves());
        put_varint(&mut bytes, self.width);
        put_varint(&mut bytes, self.height);
        if let Some((width, height)) = self.tile {
            put_varint(&mut bytes, width / TILE_UNIT);
            put_varint(&mut bytes, height / TILE_UNIT);
        }
        bytes.extend(self.temporal.0);
        for number in [
            self.rate.numerator,
            self.rate.denominator,
            self.aspect.numerator,
            self.aspect.denominator,
            self.gop,
            self.between.into(),
        ] {
            put_varint(&mut bytes, number);
        }
        let source = &self.source;
        bytes.extend([
            source.chroma.number(),
            source.bits,
            u8::from(source.full_range),
            source.primaries,
            source.transfer,
            source.matrix,
        ]);
        bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
        bytes
    }

    /// Reads a header, and nothing after it.
    ///
    /// # Errors
    /// If the input fails or ends, or does not begin as a clip of this version does.
    pub fn read(reader: &mut impl Read) -> Result<Self, DecodeError> {
        let mut fields = Fields::new(reader, "the header");
        for expected in MAGIC {
            if fields.byte()? != expected {
                return Err(FormatErrorKind::NotLic.into());
            }
        }
        let version = fields.byte()?;
        let is_known = (version == VERSION).then_some(());
        known("format version", version, VERSION, is_known)?;
        let model = fields.varint("the model id")?;
        let digest = Digest(fields.bytes()?);
        let kinds = fields.byte()?;
        if kinds & CLIP == 0 {
            return Err(FormatErrorKind::NotClip.into());
        }
        let quality = fields.byte()?;
        let (width, height) = (fields.varint("the width")?, fields.varint("the height")?);
        let tile = if kinds & TILED == 0 {
            None
        } else {
            let width = fields.varint("the width of a tile")?;
            Some((width, fields.varint("the height of a tile")?))
        };
        let temporal = Digest(fields.bytes()?);
        let rate = ratio(&mut fields, "the frame rate")?;
        let aspect = ratio(&mut fields, "the shape of a pixel")?;
        let gop = fields.varint("the distance of intra frames")?;
        let between = fields.varint("the frames between two")?;
        let source: [u8; 6] = fields.bytes()?;
        fields.checksum()?;

        let all = CLIP | COLOUR | RANGE | TILED;
        known("kind", kinds, all, (kinds & !all == 0).then_some(()))?;
        let channels = channels_of(kinds);
        in_range("the model id", model, 0, u16::MAX.into())?;
        in_range("the frames between two", between, 0, MOST_BETWEEN.into())?;
        let quality = quality_of(quality)?;
        in_range("the width", width, 1, MAX_SIDE)?;
        in_range("the height", height, 1, MAX_SIDE)?;
        if let Some((width, height)) = tile {
            in_range("the width of a tile", width, 1, MAX_SIDE / TILE_UNIT)?;
            in_range("the height of a tile", height, 1, MAX_SIDE / TILE_UNIT)?;
        }
        Ok(Self {
            model: ModelId(model as u16),
            digest,
            temporal,
            channels,
            coder: if kinds & RANGE == 0 {
                Coder::Ans
            } else {
                Coder::Range
            },
            quality,
            width,
            height,
            tile: tile.map(|(width, height)| (width * TILE_UNIT, height * TILE_UNIT)),
            rate,
            aspect,
            gop,
            between: between as u8,
            source: source_of(source)?,
        })
    }
}

/// The quality of so many halves.
pub(super) fn quality_of(halves: u8) -> Result<Quality, DecodeError> {
    in_range("the quality", halves.into(), 2, 200)?;
    Ok(Quality::from_halves(halves).unwrap_or(Quality::MAX))
}

fn ratio<R: Read>(fields: &mut Fields<'_, R>, name: &'static str) -> Result<Ratio, DecodeError> {
    Ok(Ratio {
        numerator: fields.varint(name)?,
        denominator: fields.varint(name)?,
    })
}

fn source_of(
    [chroma, bits, range, primaries, transfer, matrix]: [u8; 6],
) -> Result<Source, DecodeError> {
    let found = Chroma::ALL.into_iter().find(|c| c.number() == chroma);
    let most = Chroma::ALL.len() as u8 - 1;
    in_range("the bits of a sample", bits.into(), 8, 16)?;
    in_range("the range of samples", range.into(), 0, 1)?;
    Ok(Source {
        chroma: known("chroma", chroma, most, found)?,
        bits,
        full_range: range == 1,
        primaries,
        transfer,
        matrix,
    })
}
