//! From pictures, one after another, to a clip.

use std::collections::VecDeque;
use std::io::Write;

use super::coding::{Coding, Reference, Sources};
use super::decoder::{FrameInfo, info};
use super::frame::{Frame, FrameKind, INDEX};
use super::header::ClipHeader;
use super::hold::{BlockErrors, Hold};
use super::index::Records;
use super::luma::{Luma, Searched};
use super::movement::Movement;
use super::options::{ClipOptions, ClipReport};
use super::order::{MOST_BETWEEN, between};
use super::original::{Original, sixteen, sixteen_of};
use crate::bitstream::MAX_SIDE;
use crate::error::EncodeError;
use crate::geometry::Grid;
use crate::image::Image;
use crate::model::{Asked, Digest, Model, Quality};
use crate::walk::{Counter, WalkError, Writer};

/// Encodes a clip: nothing is kept but the frames that wait for one after them, and those
/// that they are made from.
pub struct ClipEncoder<'m, W> {
    pub(super) coding: Coding<'m>,
    pub(super) options: ClipOptions,
    writer: W,
    records: Records,
    index: Vec<u8>,
    bytes: u64,
    bits: f64,
    /// Frames from the last intra frame to the last anchor, both counted.
    pub(super) since: u32,
    /// Frames that arrived.
    arrived: u64,
    /// Frames that were not coded yet.
    waiting: VecDeque<Original>,
    /// The last frame that does not lie between others.
    pub(super) anchor: Option<Known>,
}

/// A frame that was coded, and what others that are made from it have to know.
pub(super) struct Known {
    pub number: u64,
    pub reference: Reference,
    /// Of what it decodes to.
    pub luma: Searched,
    /// How well it was coded.
    pub errors: BlockErrors,
}

/// What is decided of a frame before it is coded.
pub(super) struct Decision {
    pub kind: FrameKind,
    pub movement: Movement,
    /// By tile: whether it could be that of the frame before.
    pub hold: Vec<Hold>,
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
            coding: Coding::new(model, header),
            options: options.clone(),
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
        &self.coding.header
    }

    /// Takes the next frame, and writes those that can be coded now: in the order of the
    /// file.
    ///
    /// # Errors
    /// If it is of another size or kind than the clip, the model fails, or the output
    /// cannot be written; part of the frames may have been written then.
    pub fn push(&mut self, image: &Image) -> Result<Vec<Written>, EncodeError> {
        let header = &self.coding.header;
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
        if self.anchor.is_none() || self.coding.temporal.is_none() {
            return 1;
        }
        let most = usize::from(self.coding.header.between) + 1;
        match self.options.gop {
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
            let decision = self.decide(&self.waiting[count - 1], count as u32);
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
        let (mut known, written) = (Vec::new(), &mut Vec::new());
        let before = self.anchor.take();
        let anchor = self.code(&last, decision, (before.as_ref(), None), (gap, 0), written)?;
        known.extend(before);
        known.push(anchor);
        let first = known[0].number;
        for place in between(first, last.number) {
            let find = |number: Option<u64>| known.iter().find(|k| Some(k.number) == number);
            let (Some(before), Some(after)) = (find(place.before), find(place.after)) else {
                continue;
            };
            let original = &originals[(place.number - first - 1) as usize];
            let quality = self.options.quality_of(FrameKind::Between, place.depth);
            let decision = self.decide_between(original, before, after, quality);
            let sources = (Some(before), Some(after));
            let done = self.code(original, decision, sources, (0, place.depth), written)?;
            known.push(done);
        }
        known.retain(|known| known.number == last.number);
        self.anchor = known.pop();
        Ok(std::mem::take(written))
    }

    fn write(&mut self, frame: &Frame) -> Result<(), EncodeError> {
        frame.write(&mut self.writer)?;
        // Whoever reads the other end of a pipe wants the frame now.
        self.writer.flush()?;
        self.bytes += frame.bytes();
        Ok(())
    }

    /// Codes and writes a frame.
    fn code(
        &mut self,
        original: &Original,
        decision: Decision,
        sources: (Option<&Known>, Option<&Known>),
        place: (u8, u32),
        written: &mut Vec<Written>,
    ) -> Result<Known, EncodeError> {
        let (gap, depth) = place;
        let quality = self.options.quality_of(decision.kind, depth);
        let (frame, reference) = self.frame(original, &decision, sources, gap, quality)?;
        self.write(&frame)?;
        let bytes = frame.bytes();
        self.index.extend(self.records.add(frame.kind, bytes));
        written.push(Written {
            info: info(&frame, original.number),
            picture: self.coding.picture(&reference.picture),
        });
        let header = &self.coding.header;
        let mut errors = BlockErrors::of(original.samples(), &reference, header.width);
        if let (Some(before), true) = (sources.0, frame.kind != FrameKind::Intra) {
            // A tile that is held is compared with what it was when it was coded.
            let held: Vec<bool> = frame.tiles.iter().map(Vec::is_empty).collect();
            errors.keep_where(&self.coding.tiling.grid, &held, &before.errors);
        }
        let shown = sixteen_of(&reference.picture);
        Ok(Known {
            number: original.number,
            luma: Searched::new(Luma::of(shown, header.width, header.height)),
            reference,
            errors,
        })
    }

    /// Codes a frame.
    fn frame(
        &mut self,
        original: &Original,
        decision: &Decision,
        (before, after): (Option<&Known>, Option<&Known>),
        gap: u8,
        quality: Quality,
    ) -> Result<(Frame, Reference), EncodeError> {
        let (coding, model) = (&self.coding, self.coding.model);
        let of_model = |error: WalkError| error.of_encoder(model);
        let image = &original.image;
        let sources = match decision.kind {
            FrameKind::Intra => Sources::default(),
            FrameKind::Predicted | FrameKind::Between => Sources {
                before: before.map(|known| &known.reference),
                after: after.map(|known| &known.reference),
            },
        };
        let reference = sources.before;
        let movement = &decision.movement;
        let moved = reference.and_then(|_| coding.moved(sources, movement));
        let tile_of = |tile: usize, place: (u32, u32)| -> Result<_, EncodeError> {
            let past = reference.and_then(|reference| reference.pasts.get(tile));
            let area = coding.tiling.grid.tile(place.0, place.1);
            let size = (area.width, area.height);
            let writer = Writer::new(coding.header.coder).joined();
            let known;
            let (latents, writer) = match past {
                Some(past) if decision.hold[tile] == Hold::Free => {
                    let past = coding.kept(past, quality)?;
                    return Ok((past, Vec::new(), Counter::new()));
                }
                Some(past) => {
                    let (window, _) = coding.tiling.cut(image, place.0, place.1);
                    known = coding.known(moved.as_ref(), movement, place);
                    let before = known.before(past);
                    let temporal = coding.temporal()?;
                    let latents = temporal.analyse(&window, size, quality, &before)?;
                    (latents, writer.with_zeros())
                }
                None => {
                    let (window, keep) = coding.tiling.cut(image, place.0, place.1);
                    let asked = Asked {
                        effort: self.options.effort,
                        ..Asked::of(quality)
                    };
                    (model.analyse(&window, keep, size, &asked)?, writer)
                }
            };
            let walked = coding.walk(latents, decision.kind, quality, writer);
            let (past, writer) = walked.map_err(of_model)?;
            let (streams, counter) = writer.finish();
            let stream: Vec<u8> = streams.into_iter().flatten().collect();
            let bits = stream.len() as f64 * 8.0;
            match (decision.hold[tile], reference) {
                // What it would make better is not worth its bits.
                (Hold::Costs(cost), Some(reference)) if cost <= bits => {
                    let past = coding.kept(&reference.pasts[tile], quality)?;
                    Ok((past, Vec::new(), Counter::new()))
                }
                _ => Ok((past, stream, counter)),
            }
        };
        let coded = coding.each_tile(tile_of)?;
        let kept = reference.is_some() && coded.iter().all(|(_, stream, _)| stream.is_empty());
        let stream = if kept {
            Vec::new()
        } else {
            let expected = sources.expected(original.number, &coding.header);
            movement.encode(coding.header.size(), expected.as_ref())
        };
        let (mut pasts, mut tiles) = (Vec::new(), Vec::new());
        for (past, stream, counter) in coded {
            pasts.push(past);
            tiles.push(stream);
            self.bits += counter.bits();
        }
        let frame = Frame {
            kind: decision.kind,
            gap,
            quality,
            motion: stream,
            tiles,
        };
        // Where all tiles are kept, their motion is not written.
        let movement = if kept {
            self.still(decision.kind)
        } else {
            movement.clone()
        };
        let track = sources.track(original.number, movement);
        Ok((frame, self.coding.show(pasts, quality, track)?))
    }
}
