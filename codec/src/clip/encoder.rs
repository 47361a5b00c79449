//! From pictures, one after another, to a clip.

use std::io::Write;

use super::coding::{Coding, Reference};
use super::decoder::FrameInfo;
use super::frame::{Frame, FrameKind, INDEX};
use super::header::ClipHeader;
use super::hold::{BlockErrors, Hold, held_tiles};
use super::index::Records;
use super::motion::Motion;
use super::options::{ClipOptions, ClipReport};
use super::search::{Luma, search};
use crate::bitstream::MAX_SIDE;
use crate::error::EncodeError;
use crate::geometry::Grid;
use crate::image::{Channels, Image, Samples};
use crate::model::{Asked, Digest, Model, Quality};
use crate::temporal::Past;
use crate::walk::{Counter, WalkError, Writer, fault};

/// From what the left over of a frame is as large as a part of the frame itself, another
/// scene has begun.
const CUT: f64 = 0.75;

/// Encodes a clip frame by frame: nothing is kept but the last one.
pub struct ClipEncoder<'m, W> {
    coding: Coding<'m>,
    options: ClipOptions,
    writer: W,
    records: Records,
    index: Vec<u8>,
    bytes: u64,
    bits: f64,
    /// Frames since the last intra frame.
    since: u32,
    /// What the next frame is compared with.
    last: Option<Last>,
}

/// Of the frame before: its motion and how well it was coded.
struct Last {
    motion: Motion,
    errors: BlockErrors,
}

/// What is decided of a frame before it is coded.
struct Decision {
    kind: FrameKind,
    motion: Motion,
    /// By tile: whether it could be that of the frame before.
    hold: Vec<Hold>,
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
            last: None,
        })
    }

    /// What the clip says of itself.
    pub fn header(&self) -> &ClipHeader {
        &self.coding.header
    }

    /// Encodes the next frame and writes it.
    ///
    /// # Errors
    /// If it is of another size or kind than the clip, the model fails, or the output
    /// cannot be written; part of the frame may have been written then.
    pub fn push(&mut self, image: &Image) -> Result<FrameInfo, EncodeError> {
        let header = &self.coding.header;
        let found = (image.width(), image.height(), image.channels());
        if found != (header.width, header.height, header.channels) {
            return Err(EncodeError::Frame {
                number: self.records.frames,
                width: image.width(),
                height: image.height(),
            });
        }
        let image = sixteen(image)?;
        let Samples::Sixteen(samples) = image.samples() else {
            unreachable!("made of 16 bits");
        };
        let luma = Luma::of(samples, header.width, header.height);
        let decision = self.decide(samples, &luma);
        let quality = self.options.quality_of(decision.kind);
        let frame = self.code(&image, &decision, quality)?;
        self.write(&frame)?;
        self.since = match frame.kind {
            FrameKind::Intra => 1,
            FrameKind::Predicted => self.since.saturating_add(1),
        };
        let held: Vec<bool> = frame.tiles.iter().map(Vec::is_empty).collect();
        let held = match frame.kind {
            FrameKind::Intra => vec![false; held.len()],
            FrameKind::Predicted => held,
        };
        self.note(samples, decision, &held);
        let number = self.records.frames;
        let bytes = frame.bytes();
        self.index.extend(self.records.add(frame.kind, bytes));
        Ok(FrameInfo {
            number,
            kind: frame.kind,
            quality,
            bytes,
            motion_bytes: frame.motion.len() as u64,
            held_tiles: match frame.kind {
                FrameKind::Intra => 0,
                FrameKind::Predicted => frame.tiles.iter().filter(|t| t.is_empty()).count(),
            },
        })
    }

    /// What the last frame decodes to on this machine, of 16 bits a sample.
    pub fn picture(&self) -> Option<Image> {
        self.coding.picture()
    }

    /// The symbols of the last frame, by tile and step.
    pub fn pasts(&self) -> &[Past] {
        let reference = self.coding.reference.as_ref();
        reference.map_or(&[], |reference| &reference.pasts)
    }

    /// Writes the index.
    ///
    /// # Errors
    /// If the output fails.
    pub fn finish(mut self) -> Result<ClipReport, EncodeError> {
        let end = [&[INDEX][..], &self.index, &self.records.trailer()].concat();
        self.writer.write_all(&end)?;
        self.writer.flush()?;
        Ok(ClipReport {
            frames: self.records.frames,
            bytes: self.bytes + end.len() as u64,
            predicted_bits: self.bits,
        })
    }

    fn write(&mut self, frame: &Frame) -> Result<(), EncodeError> {
        frame.write(&mut self.writer)?;
        // Whoever reads the other end of a pipe wants the frame now.
        self.writer.flush()?;
        self.bytes += frame.bytes();
        Ok(())
    }

    /// Looks at a frame beside the one before.
    fn decide(&self, samples: &[u16], luma: &Luma) -> Decision {
        let header = &self.coding.header;
        let still = Motion::still(header.width, header.height);
        let tiles = self.coding.tiling.grid.count() as usize;
        let intra = || Decision {
            kind: FrameKind::Intra,
            motion: still.clone(),
            hold: vec![Hold::No; tiles],
        };
        let full = self.options.gop > 0 && self.since >= self.options.gop;
        let (Some(last), Some(reference)) = (&self.last, &self.coding.reference) else {
            return intra();
        };
        if full || self.coding.temporal.is_none() || self.options.gop == 1 {
            return intra();
        }
        let hold = if self.options.hold {
            let (grid, quality) = (&self.coding.tiling.grid, self.options.quality);
            held_tiles(grid, samples, reference, &last.errors, quality)
        } else {
            vec![Hold::No; tiles]
        };
        if hold.iter().all(|hold| *hold == Hold::Free) {
            return Decision {
                kind: FrameKind::Predicted,
                motion: still,
                hold,
            };
        }
        let before = match reference.picture.samples() {
            Samples::Sixteen(samples) => Luma::of(samples, header.width, header.height),
            Samples::Eight(_) => unreachable!("references have 16 bits"),
        };
        let mut found = search(luma, &before, &last.motion, self.options.quality);
        if self.options.scene_cuts && found.left > CUT {
            return intra();
        }
        let grid = &self.coding.tiling.grid;
        for row in 0..grid.rows() {
            for column in 0..grid.columns() {
                if hold[grid.number(column, row)] == Hold::Free {
                    found.motion.stop(&grid.tile(column, row));
                }
            }
        }
        Decision {
            kind: FrameKind::Predicted,
            motion: found.motion,
            hold,
        }
    }

    /// Codes a frame; it becomes the reference.
    fn code(
        &mut self,
        image: &Image,
        decision: &Decision,
        quality: Quality,
    ) -> Result<Frame, EncodeError> {
        let (coding, model) = (&self.coding, self.coding.model);
        let of_model = |error: WalkError| error.of_encoder(model);
        let reference: Option<&Reference> = match decision.kind {
            FrameKind::Intra => None,
            FrameKind::Predicted => coding.reference.as_ref(),
        };
        let motion = &decision.motion;
        let moved = reference.and_then(|reference| coding.moved(reference, motion));
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
                    known = coding.known(moved.as_ref(), motion, place);
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
            let stream = motion.encode(coding.header.coder);
            stream.map_err(|error| fault(model, error.to_string()))?
        };
        let (mut pasts, mut tiles) = (Vec::new(), Vec::new());
        for (past, stream, counter) in coded {
            pasts.push(past);
            tiles.push(stream);
            self.bits += counter.bits();
        }
        self.coding.show(pasts, quality)?;
        Ok(Frame {
            kind: decision.kind,
            quality,
            motion: stream,
            tiles,
        })
    }

    /// Remembers what the next frame is compared with.
    fn note(&mut self, samples: &[u16], decision: Decision, held: &[bool]) {
        let Some(reference) = &self.coding.reference else {
            return;
        };
        let width = self.coding.header.width;
        let mut errors = BlockErrors::of(samples, reference, width);
        if let Some(last) = &self.last {
            // A tile that is held is compared with what it was when it was coded.
            errors.keep_where(&self.coding.tiling.grid, held, &last.errors);
        }
        self.last = Some(Last {
            motion: decision.motion,
            errors,
        });
    }
}

/// As RGB of 16 bits.
fn sixteen(image: &Image) -> Result<Image, EncodeError> {
    let image = image.clone().into_channels(Channels::Rgb);
    let (width, height) = (image.width(), image.height());
    let (samples, ..) = image.into_parts();
    let samples = match samples {
        Samples::Sixteen(samples) => samples,
        Samples::Eight(samples) => samples.iter().map(|&s| u16::from(s) * 257).collect(),
    };
    Image::new(width, height, Channels::Rgb, samples).map_err(|_| EncodeError::TooLarge {
        width,
        height,
        limit: MAX_SIDE,
    })
}
