#![doc = include_str!("../BITSTREAM.md")]

use std::io::{self, Read, Write};

use lic_entropy::Coder;

use crate::error::{DecodeError, FormatErrorKind, LimitError, UnsupportedError};
use crate::image::Channels;
use crate::model::{Digest, ModelId, Quality};

/// The first four bytes of every file. The first is not ASCII, nor the start of a
/// UTF-8 character, so no text is taken for a picture.
pub const MAGIC: [u8; 4] = [0x8b, b'L', b'I', b'C'];

/// The format version that this module reads and writes.
pub const VERSION: u8 = 1;

/// The longest side of a picture, in pixels.
pub const MAX_SIDE: u32 = 1 << 30;

/// The most sections a file may have.
pub const MAX_SECTIONS: usize = 256;

/// What a file says of itself before its sections.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// The model that the file needs.
    pub model: ModelId,
    /// The weights that the file needs.
    pub digest: Digest,
    /// Grey or colour.
    pub channels: Channels,
    /// The entropy coder of all sections.
    pub coder: Coder,
    /// The quality that the model was asked for.
    pub quality: Quality,
    /// Pixels in a row, 1 to [`MAX_SIDE`].
    pub width: u32,
    /// Rows, 1 to [`MAX_SIDE`].
    pub height: u32,
    /// How many sections follow, at most [`MAX_SECTIONS`].
    pub sections: usize,
}

impl Header {
    /// The header's bytes, its checksum included.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.push(VERSION);
        put_varint(&mut bytes, self.model.0.into());
        bytes.extend(self.digest.0);
        bytes.push(self.channels.number() | self.coder.number() << 4);
        bytes.push(self.quality.get());
        put_varint(&mut bytes, self.width);
        put_varint(&mut bytes, self.height);
        put_varint(&mut bytes, self.sections as u32);
        bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
        bytes
    }

    /// Reads a header and nothing after it.
    ///
    /// # Errors
    /// If the input fails or ends, or does not begin with a header of this
    /// version.
    pub fn read(reader: &mut impl Read) -> Result<Self, DecodeError> {
        let mut fields = Fields::new(reader);
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
        let sections = fields.varint("the number of sections")?;
        // Damage is reported as damage, before any value is looked at.
        fields.checksum()?;

        let (colour, coder) = (kinds & 15, kinds >> 4);
        let channels = Channels::ALL.into_iter().find(|c| c.number() == colour);
        let channels = known("colour", colour, Channels::Rgb.number(), channels)?;
        let coder = known(
            "entropy coder",
            coder,
            Coder::Range.number(),
            Coder::try_from(coder).ok(),
        )?;
        in_range("the model id", model, 0, u16::MAX.into())?;
        in_range("the quality", quality.into(), 1, 100)?;
        in_range("the width", width, 1, MAX_SIDE)?;
        in_range("the height", height, 1, MAX_SIDE)?;
        in_range("the number of sections", sections, 0, MAX_SECTIONS as u32)?;
        Ok(Self {
            model: ModelId(model as u16),
            digest,
            channels,
            coder,
            quality: Quality::new(quality).unwrap_or(Quality::MAX),
            width,
            height,
            sections: sections as usize,
        })
    }
}

fn known<T>(what: &'static str, found: u8, known: u8, value: Option<T>) -> Result<T, DecodeError> {
    value.ok_or_else(|| UnsupportedError { what, found, known }.into())
}

fn in_range(field: &'static str, found: u32, min: u32, max: u32) -> Result<(), DecodeError> {
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

/// Writes a section; returns how many bytes that took.
///
/// # Errors
/// If the output fails, or the section is longer than the format allows.
pub fn write_section(writer: &mut impl Write, payload: &[u8]) -> io::Result<u64> {
    let length = u32::try_from(payload.len())
        .map_err(|_| io::Error::other("a section is limited to 4,294,967,295 bytes"))?;
    let mut head = Vec::new();
    put_varint(&mut head, length);
    head.extend(crc32c::crc32c(payload).to_le_bytes());
    writer.write_all(&head)?;
    writer.write_all(payload)?;
    Ok((head.len() + payload.len()) as u64)
}

/// Reads section number `section` and returns its payload.
///
/// # Errors
/// If the input fails or ends, the payload is longer than `limit`, or its
/// checksum is wrong.
pub fn read_section(
    reader: &mut impl Read,
    section: usize,
    limit: u64,
) -> Result<Vec<u8>, DecodeError> {
    let mut fields = Fields::new(reader);
    fields.within = "a section";
    let length = u64::from(fields.varint("the length of a section")?);
    LimitError::check("the length of a section", length, limit)?;
    let found = u32::from_le_bytes(fields.bytes()?);
    // `read_to_end` grows with what arrives: a length costs nothing by itself.
    let mut payload = Vec::new();
    reader
        .take(length)
        .read_to_end(&mut payload)
        .map_err(DecodeError::Io)?;
    if (payload.len() as u64) < length {
        return Err(FormatErrorKind::Truncated {
            within: "a section",
        }
        .into());
    }
    let computed = crc32c::crc32c(&payload);
    if computed == found {
        return Ok(payload);
    }
    Err(FormatErrorKind::SectionChecksum {
        section,
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

/// LEB128: seven bits a byte, the lowest first, the top bit set in all but the
/// last.
fn put_varint(bytes: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Reads fields and remembers their bytes for the checksum.
struct Fields<'a, R> {
    reader: &'a mut R,
    seen: Vec<u8>,
    within: &'static str,
}

impl<'a, R: Read> Fields<'a, R> {
    fn new(reader: &'a mut R) -> Self {
        Self {
            reader,
            seen: Vec::new(),
            within: "the header",
        }
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes).map_err(|error| {
            if error.kind() == io::ErrorKind::UnexpectedEof {
                FormatErrorKind::Truncated {
                    within: self.within,
                }
                .into()
            } else {
                DecodeError::Io(error)
            }
        })?;
        self.seen.extend(bytes);
        Ok(bytes)
    }

    fn byte(&mut self) -> Result<u8, DecodeError> {
        self.bytes::<1>().map(|[byte]| byte)
    }

    /// Only the shortest form of a number up to 2^32 - 1 is valid, so that a file
    /// has one spelling.
    fn varint(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        let mut value = 0u64;
        for place in 0..5 {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                let shortest = byte != 0 || place == 0;
                let value = u32::try_from(value).ok().filter(|_| shortest);
                return value.ok_or(FormatErrorKind::Varint { field }.into());
            }
        }
        Err(FormatErrorKind::Varint { field }.into())
    }

    fn checksum(&mut self) -> Result<(), DecodeError> {
        let computed = crc32c::crc32c(&self.seen);
        let found = u32::from_le_bytes(self.bytes()?);
        if found == computed {
            return Ok(());
        }
        Err(FormatErrorKind::HeaderChecksum { found, computed }.into())
    }
}
