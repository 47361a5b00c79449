//! A frame in a file: its head, its streams, its checksum.

use std::io::{self, Read, Write};

use super::header::quality_of;
use super::order::MOST_BETWEEN;
use crate::bitstream::{Fields, MAX_STREAMS, in_range, put_varint};
use crate::error::{DecodeError, FormatErrorKind, LimitError};
use crate::limits::Limits;
use crate::model::Quality;

/// What a frame is made from. The bytes are the format's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FrameKind {
    /// From itself alone.
    Intra = b'I',
    /// From a frame before it too.
    Predicted = b'P',
    /// From one before it and one after it.
    Between = b'B',
}

impl FrameKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Intra, Self::Predicted, Self::Between];

    /// The byte in the file.
    pub fn byte(self) -> u8 {
        self as u8
    }
}

/// What stands before the index, in the place of a frame's kind.
pub(super) const INDEX: u8 = b'X';

/// A frame as it is in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What it is made from.
    pub kind: FrameKind,
    /// How many frames lie between the last one that does not lie between others and
    /// this one; they follow it in the file. 0 for one that lies between others itself.
    pub gap: u8,
    /// Its quality.
    pub quality: Quality,
    /// Its motion; empty if nothing moves, and for an intra frame.
    pub motion: Vec<u8>,
    /// One stream a tile; empty if the tile is that of the frame before, or, in an intra
    /// frame, all zeros.
    pub tiles: Vec<Vec<u8>>,
}

/// What a frame says of itself before its streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub kind: FrameKind,
    pub gap: u8,
    pub quality: Quality,
    pub motion: u32,
    pub tiles: Vec<u32>,
}

impl Head {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.kind.byte(), self.quality.halves()];
        if self.kind != FrameKind::Between {
            bytes.push(self.gap);
        }
        if self.kind != FrameKind::Intra {
            put_varint(&mut bytes, self.motion);
        }
        for &length in &self.tiles {
            put_varint(&mut bytes, length);
        }
        bytes
    }

    /// Reads what follows a frame's first byte, `kind`.
    pub fn read(
        reader: &mut impl Read,
        kind: u8,
        tiles: u64,
        limits: &Limits,
    ) -> Result<Self, DecodeError> {
        let found = FrameKind::ALL.into_iter().find(|k| k.byte() == kind);
        let kind = found.ok_or(FormatErrorKind::FrameKind { found: kind })?;
        LimitError::check("the number of tiles", tiles, MAX_STREAMS)?;
        let mut fields = Fields::new(reader, "a frame");
        let quality = quality_of(fields.byte()?)?;
        let gap = match kind {
            FrameKind::Between => 0,
            _ => fields.byte()?,
        };
        in_range("the frames between two", gap.into(), 0, MOST_BETWEEN.into())?;
        let length = |fields: &mut Fields<'_, _>| -> Result<u32, DecodeError> {
            let length = fields.varint("the length of a stream")?;
            let limit = limits.max_stream_bytes;
            LimitError::check("the length of a stream", length.into(), limit)?;
            Ok(length)
        };
        let motion = match kind {
            FrameKind::Intra => 0,
            FrameKind::Predicted | FrameKind::Between => length(&mut fields)?,
        };
        // Grows with what arrives: a number of tiles costs nothing by itself.
        let mut lengths = Vec::new();
        for _ in 0..tiles {
            lengths.push(length(&mut fields)?);
        }
        Ok(Self {
            kind,
            gap,
            quality,
            motion,
            tiles: lengths,
        })
    }

    /// Bytes of the streams.
    pub fn payload(&self) -> u64 {
        u64::from(self.motion) + self.tiles.iter().map(|&l| u64::from(l)).sum::<u64>()
    }

    /// Bytes of the whole frame.
    pub fn frame_bytes(&self) -> u64 {
        self.to_bytes().len() as u64 + self.payload() + 4
    }
}

impl Frame {
    fn head(&self) -> Head {
        // A stream of 2^32 bytes would need more pixels than its memory allows.
        Head {
            kind: self.kind,
            gap: self.gap,
            quality: self.quality,
            motion: self.motion.len() as u32,
            tiles: self.tiles.iter().map(|tile| tile.len() as u32).collect(),
        }
    }

    /// Bytes that it takes in a file.
    pub fn bytes(&self) -> u64 {
        self.head().frame_bytes()
    }

    /// Writes it.
    ///
    /// # Errors
    /// If the output fails.
    pub fn write(&self, writer: &mut impl Write) -> io::Result<()> {
        let head = self.head().to_bytes();
        let mut sum = crc32c::crc32c(&head);
        writer.write_all(&head)?;
        for stream in std::iter::once(&self.motion).chain(&self.tiles) {
            sum = crc32c::crc32c_append(sum, stream);
            writer.write_all(stream)?;
        }
        writer.write_all(&sum.to_le_bytes())
    }

    /// Reads what follows `head`; `number` is for words only.
    pub(super) fn read(
        reader: &mut impl Read,
        head: &Head,
        number: u64,
    ) -> Result<Self, DecodeError> {
        let mut sum = crc32c::crc32c(&head.to_bytes());
        let mut stream = |length: u32| -> Result<Vec<u8>, DecodeError> {
            // Grows with what arrives: a length costs nothing by itself.
            let mut bytes = Vec::new();
            let length = u64::from(length);
            let read = reader.by_ref().take(length).read_to_end(&mut bytes);
            read.map_err(DecodeError::Io)?;
            if (bytes.len() as u64) < length {
                return Err(FormatErrorKind::Truncated { within: "a frame" }.into());
            }
            sum = crc32c::crc32c_append(sum, &bytes);
            Ok(bytes)
        };
        let motion = stream(head.motion)?;
        let tiles = head.tiles.iter().map(|&length| stream(length));
        let tiles = tiles.collect::<Result<_, _>>()?;
        let computed = sum;
        let found = u32::from_le_bytes(Fields::new(reader, "a frame").bytes()?);
        if found != computed {
            return Err(FormatErrorKind::FrameChecksum {
                number,
                found,
                computed,
            }
            .into());
        }
        Ok(Self {
            kind: head.kind,
            gap: head.gap,
            quality: head.quality,
            motion,
            tiles,
        })
    }
}
