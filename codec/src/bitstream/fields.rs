//! Numbers in a file.

use std::io::{self, Read};

use crate::error::{DecodeError, FormatErrorKind};

/// LEB128: seven bits a byte, the lowest first, the top bit set in all but the
/// last.
pub(crate) fn put_varint(bytes: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Reads fields and takes the checksum of their bytes.
pub(crate) struct Fields<'a, R> {
    reader: &'a mut R,
    /// CRC-32C of the bytes so far.
    sum: u32,
    within: &'static str,
}

impl<'a, R: Read> Fields<'a, R> {
    pub(crate) fn new(reader: &'a mut R, within: &'static str) -> Self {
        Self {
            reader,
            sum: 0,
            within,
        }
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
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
        self.sum = crc32c::crc32c_append(self.sum, &bytes);
        Ok(bytes)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, DecodeError> {
        self.bytes::<1>().map(|[byte]| byte)
    }

    /// Only the shortest form of a number up to 2^32 - 1 is valid, so that a file
    /// has one spelling.
    pub(crate) fn varint(&mut self, field: &'static str) -> Result<u32, DecodeError> {
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

    pub(crate) fn checksum(&mut self) -> Result<(), DecodeError> {
        let computed = self.sum;
        let found = u32::from_le_bytes(self.bytes()?);
        if found == computed {
            return Ok(());
        }
        Err(FormatErrorKind::HeaderChecksum { found, computed }.into())
    }
}
