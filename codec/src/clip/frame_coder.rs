//! From a frame that has arrived to its bytes, and to what others have to know of it.

use super::coding::{Coding, Reference, Sources};
use super::frame::{Frame, FrameKind};
use super::hold::{BlockErrors, Hold};
use super::luma::{Luma, Searched};
use super::movement::Movement;
use super::options::ClipOptions;
use super::original::{Original, sixteen_of};
use crate::error::EncodeError;
use crate::model::{Asked, Quality};
use crate::walk::{Counter, WalkError, Writer};

/// Codes frames; what it knows of others it is given.
pub(super) struct FrameCoder<'m> {
    pub coding: Coding<'m>,
    pub options: ClipOptions,
}

/// A frame that was coded, and what others that are made from it have to know.
pub(super) struct Known {
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

/// A frame that was coded.
pub(super) struct Coded {
    pub frame: Frame,
    pub known: Known,
    /// The information in its symbols, as the tables see it.
    pub bits: f64,
}

impl Known {
    /// When it is shown.
    pub fn number(&self) -> u64 {
        self.reference.track.number
    }
}

impl FrameCoder<'_> {
    /// Codes the frames between two that are known, in the order of the file, which is that
    /// of [`order::between`](super::order).
    pub fn between(
        &self,
        originals: &[Original],
        before: &Known,
        after: &Known,
        depth: u32,
    ) -> Result<Vec<Coded>, EncodeError> {
        let number = before.number().midpoint(after.number());
        let Some(middle) = originals.iter().position(|o| o.number == number) else {
            return Ok(Vec::new());
        };
        let original = &originals[middle];
        let quality = self.options.quality_of(FrameKind::Between, depth);
        let decision = self.decide_between(original, before, after, quality);
        let sources = (Some(before), Some(after));
        let coded = self.code(original, decision, sources, (0, depth))?;
        let (earlier, later) = (&originals[..middle], &originals[middle + 1..]);
        let earlier = || self.between(earlier, before, &coded.known, depth + 1);
        let later = || self.between(later, &coded.known, after, depth + 1);
        // Neither needs the other. The tiles of a large frame keep all threads busy, and two
        // such frames at a time would take twice the memory.
        let (earlier, later) = if self.coding.tiling.grid.is_whole() {
            rayon::join(earlier, later)
        } else {
            (earlier(), later())
        };
        let (earlier, later) = (earlier?, later?);
        Ok(std::iter::once(coded).chain(earlier).chain(later).collect())
    }

    /// Codes a frame from its sources; `gap` frames lie before it, or it lies `depth` times
    /// between others.
    pub fn code(
        &self,
        original: &Original,
        decision: Decision,
        sources: (Option<&Known>, Option<&Known>),
        (gap, depth): (u8, u32),
    ) -> Result<Coded, EncodeError> {
        let quality = self.options.quality_of(decision.kind, depth);
        let (frame, reference, bits) = self.frame(original, &decision, sources, gap, quality)?;
        let header = &self.coding.header;
        let mut errors = BlockErrors::of(original.samples(), &reference, header.width);
        if let (Some(before), true) = (sources.0, frame.kind != FrameKind::Intra) {
            // A tile that is held is compared with what it was when it was coded.
            let held: Vec<bool> = frame.tiles.iter().map(Vec::is_empty).collect();
            errors.keep_where(&self.coding.tiling.grid, &held, &before.errors);
        }
        let shown = sixteen_of(&reference.picture);
        let known = Known {
            luma: Searched::new(Luma::of(shown, header.width, header.height)),
            reference,
            errors,
        };
        Ok(Coded { frame, known, bits })
    }

    /// Codes a frame.
    fn frame(
        &self,
        original: &Original,
        decision: &Decision,
        (before, after): (Option<&Known>, Option<&Known>),
        gap: u8,
        quality: Quality,
    ) -> Result<(Frame, Reference, f64), EncodeError> {
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
        let (mut pasts, mut tiles, mut bits) = (Vec::new(), Vec::new(), 0.0);
        for (past, stream, counter) in coded {
            pasts.push(past);
            tiles.push(stream);
            bits += counter.bits();
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
        Ok((frame, self.coding.show(pasts, quality, track)?, bits))
    }
}
