//! From pictures, one after another, to a clip.

use std::collections::VecDeque;
use std::io::Write;

use super::coding::Coding;
use super::decoder::{FrameInfo, info};
use super::frame::{FrameKind, INDEX};
use super::frame_coder::{Coded, FrameCoder, Known};
use super::header::ClipHeader;
use super::index::Records;
use super::luma::Luma;
use super::options::{ClipOptions, ClipReport};
use super::order::MOST_BETWEEN;
use super::original::{Original, sixteen, sixteen_of};
use crate::bitstream::MAX_SIDE;
use crate::error::EncodeError;
use crate::geometry::Grid;
use crate::image::Image;
use crate::model::{Digest, Model};

/// Encodes a clip: nothing is kept but the frames that wait for one after them, and those
/// that they are made from.
pub struct ClipEncoder<'m, W> {
    frames: FrameCoder<'m>,
    writer: W,
    records: Records,
    index: Vec<u8>,
    bytes: u64,
    bits: f64,
    /// Frames from the last intra frame to the last anchor, both counted.
    since: u32,
    /// Frames that arrived.
    arrived: u64,
    /// Frames that were not coded yet.
    waiting: VecDeque<Original>,
    /// The last frame that does not lie between others.
    anchor: Option<Known>,
}

/// A frame that was written.
#[derive(Debug, Clone)]
pub struct Written {
    /// What a decoder says of it.
    pub info: FrameInfo,
    /// What it decodes to on this machine, of 16 bits a sample.
    pub picture: Image,
}

impl<'m, W: Write> ClipEncoder<'m, W> {
    /// Writes the header of a clip of `width` by `height` pixels.
    ///
    /// # Errors
    /// If a side is 0 or longer than [`MAX_SIDE`], or the output cannot be written.
    pub fn new(
        model: &'m dyn Model,
        options: &ClipOptions,
        width: u32,
        height: u32,
        mut writer: W,
    ) -> Result<Self, EncodeError> {
        if width.max(height) > MAX_SIDE || width.min(height) == 0 {
            return Err(EncodeError::TooLarge {
                width,
                height,
                limit: MAX_SIDE,
            });
        }
        let grid = Grid::balanced(width, height, options.tile);
        let none = Digest([0; 4]);
        let temporal = model.temporal().filter(|_| options.gop != 1);
        let header = ClipHeader {
            model: model.id(),
            digest: model.digest(),
            temporal: temporal.map_or(none, |temporal| temporal.digest()),
            channels: options.channels,
            coder: options.coder,
            quality: options.quality,
            width,
            height,
            tile: (!grid.is_whole()).then(|| grid.tile_size()),
            rate: options.rate,
            aspect: options.aspect,
            gop: options.gop,
            between: options.between.min(MOST_BETWEEN),
            source: options.source,
        };
        let bytes = header.to_bytes();
        writer.write_all(&bytes)?;
        writer.flush()?;
        Ok(Self {
            frames: FrameCoder {
                coding: Coding::new(model, header),
                options: options.clone(),
            },
            writer,
            records: Records::default(),
            index: Vec::new(),
            bytes: bytes.len() as u64,
            bits: 0.0,
            since: 0,
            arrived: 0,
            waiting: VecDeque::new(),
            anchor: None,
        })
    }

    /// What the clip says of itself.
    pub fn header(&self) -> &ClipHeader {
        &self.frames.coding.header
    }

    /// Takes the next frame, and writes those that can be coded now: in the order of the
    /// file.
    ///
    /// # Errors
    /// If it is of another size or kind than the clip, the model fails, or the output
    /// cannot be written; part of the frames may have been written then.
    pub fn push(&mut self, image: &Image) -> Result<Vec<Written>, EncodeError> {
        let header = &self.frames.coding.header;
        let found = (image.width(), image.height(), image.channels());
        if found != (header.width, header.height, header.channels) {
            return Err(EncodeError::Frame {
                number: self.arrived,
                width: image.width(),
                height: image.height(),
            });
        }
        let image = sixteen(image)?;
        let luma = Luma::of(sixteen_of(&image), header.width, header.height);
        self.waiting.push_back(Original {
            number: self.arrived,
            image,
            luma,
        });
        self.arrived += 1;
        if self.waiting.len() < self.group() {
            return Ok(Vec::new());
        }
        self.code_group()
    }

    /// Codes and writes all frames that wait for others.
    ///
    /// # Errors
    /// If the model fails, or the output cannot be written.
    pub fn flush(&mut self) -> Result<Vec<Written>, EncodeError> {
        let mut written = Vec::new();
        while !self.waiting.is_empty() {
            written.extend(self.code_group()?);
        }
        Ok(written)
    }

    /// Writes the frames that wait, and the index.
    ///
    /// # Errors
    /// If the model or the output fails.
    pub fn finish(mut self) -> Result<ClipReport, EncodeError> {
        self.flush()?;
        let end = [&[INDEX][..], &self.index, &self.records.trailer()].concat();
        self.writer.write_all(&end)?;
        self.writer.flush()?;
        Ok(ClipReport {
            frames: self.records.frames,
            bytes: self.bytes + end.len() as u64,
            predicted_bits: self.bits,
        })
    }

    /// How many frames have to arrive before the next ones are coded.
    fn group(&self) -> usize {
        if self.anchor.is_none() || self.frames.coding.temporal.is_none() {
            return 1;
        }
        let most = usize::from(self.frames.coding.header.between) + 1;
        match self.frames.options.gop {
            0 => most,
            // The next intra frame is an anchor.
            gop => most.min((gop.saturating_sub(self.since) as usize).saturating_add(1)),
        }
    }

    /// Codes as many of the frames that wait as go well together: an anchor, and those
    /// before it from both sides.
    fn code_group(&mut self) -> Result<Vec<Written>, EncodeError> {
        let mut count = self.waiting.len().min(self.group());
        let decision = loop {
            let anchor = self.anchor.as_ref().map(|anchor| (anchor, self.since));
            let last = &self.waiting[count - 1];
            let decision = self.frames.decide(last, anchor, count as u32);
            match decision {
                Some(decision) => break decision,
                // What is so far away is of no use. Perhaps what is nearer is.
                None => count = count.div_ceil(2),
            }
        };
        let mut originals: Vec<Original> = self.waiting.drain(..count).collect();
        let Some(last) = originals.pop() else {
            return Ok(Vec::new());
        };
        self.since = match decision.kind {
            FrameKind::Intra => 1,
            _ => self.since.saturating_add(count as u32),
        };
        let gap = originals.len() as u8;
        let before = self.anchor.take();
        let sources = (before.as_ref(), None);
        let anchor = self.frames.code(&last, decision, sources, (gap, 0))?;
        let mut written = vec![self.write(&anchor)?];
        if let Some(before) = &before {
            let between = self.frames.between(&originals, before, &anchor.known, 1)?;
            for coded in &between {
                written.push(self.write(coded)?);
            }
        }
        self.anchor = Some(anchor.known);
        Ok(written)
    }

    fn write(&mut self, coded: &Coded) -> Result<Written, EncodeError> {
        let (frame, known) = (&coded.frame, &coded.known);
        frame.write(&mut self.writer)?;
        // Whoever reads the other end of a pipe wants the frame now.
        self.writer.flush()?;
        let bytes = frame.bytes();
        self.bytes += bytes;
        self.bits += coded.bits;
        self.index.extend(self.records.add(frame.kind, bytes));
        Ok(Written {
            info: info(frame, known.number()),
            picture: self.frames.coding.picture(&known.reference.picture),
        })
    }
}
