//! The index at the end of a clip: where its frames are.

use std::io::{Read, Seek, SeekFrom};

use super::frame::{FrameKind, Head, INDEX};
use super::header::ClipHeader;
use super::order::Order;
use crate::bitstream::{Fields, put_varint};
use crate::error::{DecodeError, FormatErrorKind};
use crate::limits::Limits;

/// The last four bytes of a clip that is whole.
const TAIL: [u8; 4] = *b"CIL\x8b";

/// A frame in the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// When it is shown: 0 for the first frame that is.
    pub number: u64,
    /// What it is made from.
    pub kind: FrameKind,
    /// Where it begins in the file.
    pub offset: u64,
    /// Its bytes.
    pub bytes: u64,
}

/// Where the frames of a clip are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClipIndex {
    /// In the order of the file.
    pub frames: Vec<Entry>,
    /// Whether the clip ends as one that is whole does.
    pub complete: bool,
}

/// Writes or checks an index frame by frame, in constant memory but for its bytes.
#[derive(Debug, Default)]
pub(super) struct Records {
    pub frames: u64,
    bytes: u64,
    sum: u32,
}

impl Records {
    /// The record of a frame.
    fn record(kind: FrameKind, bytes: u64) -> Vec<u8> {
        let mut record = vec![kind.byte()];
        put_long(&mut record, bytes);
        record
    }

    /// Takes note of a frame; returns its record.
    pub fn add(&mut self, kind: FrameKind, bytes: u64) -> Vec<u8> {
        let record = Self::record(kind, bytes);
        self.frames += 1;
        self.bytes += record.len() as u64;
        self.sum = crc32c::crc32c_append(self.sum, &record);
        record
    }

    /// What follows the records: their number, their bytes, a checksum, the tail.
    pub fn trailer(&self) -> Vec<u8> {
        let mut trailer = Vec::new();
        trailer.extend(self.frames.to_le_bytes());
        trailer.extend(self.bytes.to_le_bytes());
        let sum = crc32c::crc32c_append(self.sum, &trailer);
        trailer.extend(sum.to_le_bytes());
        trailer.extend(TAIL);
        trailer
    }

    /// Reads an index after its first byte and compares it with the frames that were
    /// read.
    pub fn check(&self, reader: &mut impl Read) -> Result<(), DecodeError> {
        let mut found = Self::default();
        let mut fields = Fields::new(reader, "the index");
        for _ in 0..self.frames {
            let (kind, bytes) = entry(&mut fields)?;
            found.add(kind, bytes);
        }
        let trailer: [u8; 24] = fields.bytes()?;
        if found.sum != self.sum || trailer[..] != self.trailer() {
            return Err(FormatErrorKind::Index.into());
        }
        crate::bitstream::read_end(reader)
    }
}

/// A varint of up to 64 bits.
fn put_long(bytes: &mut Vec<u8>, value: u64) {
    let (low, high) = ((value & 0x0fff_ffff) as u32, value >> 28);
    if high == 0 {
        put_varint(bytes, low);
        return;
    }
    // 28 bits are four bytes, all of them with their top bit set.
    let digits = (0..4).map(|i| (low >> (7 * i)) as u8 | 0x80);
    bytes.extend(digits);
    put_varint(bytes, high.min(u32::MAX.into()) as u32);
}

fn entry<R: Read>(fields: &mut Fields<'_, R>) -> Result<(FrameKind, u64), DecodeError> {
    let kind = fields.byte()?;
    let kind = FrameKind::ALL.into_iter().find(|k| k.byte() == kind);
    let kind = kind.ok_or(FormatErrorKind::Index)?;
    let mut bytes = 0u64;
    for place in 0..9 {
        let byte = fields.byte()?;
        bytes |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Ok((kind, bytes));
        }
    }
    Err(FormatErrorKind::Index.into())
}

impl ClipIndex {
    /// Finds the frames of a clip: by the index at its end, or, if it has not arrived
    /// as a whole, by going from frame to frame. `reader` stands anywhere; it is
    /// left anywhere.
    ///
    /// # Errors
    /// If the input fails, or the clip is not one. A clip that ends within a frame has
    /// the frames before it.
    pub fn find(
        reader: &mut (impl Read + Seek),
        limits: &Limits,
    ) -> Result<(ClipHeader, Self), DecodeError> {
        reader.seek(SeekFrom::Start(0)).map_err(DecodeError::Io)?;
        let header = ClipHeader::read(reader)?;
        limits.check_clip(&header)?;
        let first = header.to_bytes().len() as u64;
        if let Some(index) = Self::from_tail(reader, first)? {
            return Ok((header, index));
        }
        let index = Self::scan(reader, &header, first, limits)?;
        Ok((header, index))
    }

    /// `None` unless the end of the file is that of a clip whose frames fill it.
    fn from_tail(reader: &mut (impl Read + Seek), first: u64) -> Result<Option<Self>, DecodeError> {
        let end = reader.seek(SeekFrom::End(0)).map_err(DecodeError::Io)?;
        let Some(trailer) = end.checked_sub(24).filter(|&at| at > first) else {
            return Ok(None);
        };
        reader
            .seek(SeekFrom::Start(trailer))
            .map_err(DecodeError::Io)?;
        let bytes: [u8; 24] = Fields::new(reader, "the index").bytes()?;
        let long = |at: usize| {
            let mut eight = [0; 8];
            eight.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(eight)
        };
        let (count, length) = (long(0), long(8));
        let start = trailer.checked_sub(length).filter(|&at| at > first);
        let Some(start) = start.filter(|_| bytes[20..] == TAIL && count <= length) else {
            return Ok(None);
        };
        reader
            .seek(SeekFrom::Start(start - 1))
            .map_err(DecodeError::Io)?;
        let mut records = reader.by_ref().take(length + 1);
        let mut fields = Fields::new(&mut records, "the index");
        let (mut found, mut index) = (Records::default(), Self::default());
        let mut offset = first;
        if fields.byte()? != INDEX {
            return Ok(None);
        }
        for _ in 0..count {
            let Ok((kind, bytes)) = entry(&mut fields) else {
                return Ok(None);
            };
            found.add(kind, bytes);
            index.frames.push(Entry {
                number: 0,
                kind,
                offset,
                bytes,
            });
            offset = offset.saturating_add(bytes);
        }
        if index.number().is_err() {
            return Ok(None);
        }
        index.complete = true;
        let sound = offset == start - 1 && found.trailer() == bytes;
        Ok(sound.then_some(index))
    }

    fn scan(
        reader: &mut (impl Read + Seek),
        header: &ClipHeader,
        first: u64,
        limits: &Limits,
    ) -> Result<Self, DecodeError> {
        let end = reader.seek(SeekFrom::End(0)).map_err(DecodeError::Io)?;
        let (mut index, mut offset) = (Self::default(), first);
        let mut order = Order::default();
        while offset < end {
            reader
                .seek(SeekFrom::Start(offset))
                .map_err(DecodeError::Io)?;
            let kind = Fields::new(reader, "a frame").byte()?;
            if kind == INDEX {
                break;
            }
            let head = match Head::read(reader, kind, header.grid().count(), limits) {
                Ok(head) => head,
                Err(error) if error.is_truncation() => break,
                Err(error) => return Err(error),
            };
            let bytes = head.frame_bytes();
            if offset.saturating_add(bytes) > end {
                break;
            }
            let place = match head.kind {
                FrameKind::Between => order.between()?,
                _ => order.anchor(head.gap)?,
            };
            index.frames.push(Entry {
                number: place.number,
                kind: head.kind,
                offset,
                bytes,
            });
            offset += bytes;
        }
        Ok(index)
    }

    /// Gives frames their numbers: an anchor has as many between it and the one before as
    /// follow it.
    fn number(&mut self) -> Result<(), DecodeError> {
        let mut order = Order::default();
        let mut rest = &mut self.frames[..];
        while let Some((anchor, behind)) = rest.split_first_mut() {
            let between = |entry: &Entry| entry.kind == FrameKind::Between;
            let gap = behind.iter().take_while(|entry| between(entry)).count();
            let gap = u8::try_from(gap).map_err(|_| FormatErrorKind::Index)?;
            if between(anchor) {
                return Err(FormatErrorKind::Index.into());
            }
            anchor.number = order.anchor(gap)?.number;
            let (betweens, next) = behind.split_at_mut(gap.into());
            for entry in betweens {
                entry.number = order.between()?.number;
            }
            rest = next;
        }
        Ok(())
    }

    /// How many frames can be shown: those before the first that has not arrived.
    pub fn shown(&self) -> u64 {
        let mut numbers: Vec<u64> = self.frames.iter().map(|entry| entry.number).collect();
        numbers.sort_unstable();
        let in_turn = (0..).zip(&numbers).take_while(|(i, number)| i == *number);
        in_turn.count() as u64
    }

    /// The place in [`frames`](Self::frames) of the intra frame at which decoding has to
    /// begin for frame `number`; `None` if there is none.
    pub fn start_of(&self, number: u64) -> Option<usize> {
        if number >= self.shown() {
            return None;
        }
        let starts = |entry: &Entry| entry.kind == FrameKind::Intra && entry.number <= number;
        self.frames.iter().rposition(starts)
    }
}
