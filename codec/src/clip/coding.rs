//! What an encoder and a decoder of clips both do with a frame.

use std::sync::Arc;

use rayon::prelude::*;

use super::frame::{Frame, FrameKind};
use super::header::ClipHeader;
use super::motion::{BLOCK, Motion};
use super::moved::{mixed, moved};
use super::movement::Movement;
use super::track::{Expected, Origin, Track};
use crate::bitstream::StreamName;
use crate::error::{DecodeError, FormatErrorKind, LimitError};
use crate::geometry::Area;
use crate::image::{Channels, Depth, Image, Samples};
use crate::limits::Limits;
use crate::model::{Latents, Model, ModelError, Pixels, Quality, Quantiser};
use crate::plot::Wanted;
use crate::temporal::{Before, Block, Past, Temporal};
use crate::tiles::{Painter, Tiling, in_flight, misfit};
use crate::walk::{Kept, Reader, SymbolCoder, WalkError, fault, walk_sections};

/// A frame that was coded, and what the next one needs of it.
pub(super) struct Reference {
    /// RGB of 16 bits.
    pub picture: Arc<Image>,
    /// By tile.
    pub pasts: Vec<Past>,
    /// When it is shown and how it came about.
    pub track: Track,
}

/// A model at work on frames of one size.
pub(super) struct Coding<'m> {
    pub model: &'m dyn Model,
    pub temporal: Option<&'m dyn Temporal>,
    pub header: ClipHeader,
    pub tiling: Tiling,
}

/// The frames that one is made from.
#[derive(Clone, Copy, Default)]
pub(super) struct Sources<'a> {
    pub before: Option<&'a Reference>,
    pub after: Option<&'a Reference>,
}

impl Sources<'_> {
    /// The motion that is expected of frame `number` of a clip.
    pub fn expected(&self, number: u64, header: &ClipHeader) -> Option<Expected> {
        let after = self.after.map(|after| &after.track);
        Expected::new(number, &self.before?.track, after, header.size())
    }

    /// What later frames have to know of frame `number`, which is made from these.
    pub fn track(&self, number: u64, movement: Movement) -> Track {
        let before = self.before.map(|before| before.track.number);
        let after = self.after.map(|after| after.track.number);
        let origin = before.map(|before| Origin {
            movement,
            sources: [before, after.unwrap_or(before)],
        });
        Track { number, origin }
    }
}

/// A tile of a predicted frame, as far as it is known from the frame before.
pub(super) struct Known {
    moved: Option<Pixels>,
    keep: Area,
    blocks: Vec<Block>,
    columns: usize,
}

impl Known {
    pub fn before<'a>(&'a self, past: &'a Past) -> Before<'a> {
        Before {
            past,
            moved: self.moved.as_ref(),
            keep: self.keep,
            blocks: &self.blocks,
            columns: self.columns,
        }
    }
}

impl<'m> Coding<'m> {
    pub fn new(model: &'m dyn Model, header: ClipHeader) -> Self {
        let tiling = Tiling::new(header.grid(), model);
        Self {
            model,
            // A clip that names no prior, or another, is not decoded with this one.
            temporal: model.temporal().filter(|t| t.digest() == header.temporal),
            header,
            tiling,
        }
    }

    /// # Errors
    /// If decoding takes more memory than `limits` allow.
    pub fn check_memory(&self, limits: &Limits) -> Result<(), LimitError> {
        let what = "the memory to decode it, in bytes,";
        LimitError::check(what, self.memory(), limits.max_memory)
    }

    /// An upper bound of the bytes that decoding takes: windows in flight; fields,
    /// symbols, motion and pictures of a frame and of those that it or later ones are made
    /// from; pictures that wait until they are shown, and three at work.
    fn memory(&self) -> u64 {
        let (width, height) = self.tiling.largest_window();
        let tiles = (in_flight() as u64).min(self.tiling.grid.count());
        let temporal = self.temporal.map_or(0, |t| t.memory(width, height));
        let window = self.model.memory(width, height).saturating_add(temporal);
        let positions = {
            let picture = self.tiling.picture();
            u64::from(picture.width) * u64::from(picture.height)
        };
        let value = (size_of::<f32>() + size_of::<i32>()) as u64;
        // Two anchors, one frame for each time that what lies between them is halved, and
        // the one at work.
        let between = u64::from(self.header.between);
        let references = 3 + u64::from((between + 1).ilog2());
        let values = references * value * self.model.channels() as u64;
        let fields = positions.saturating_mul(values);
        let pixels = u64::from(self.header.width) * u64::from(self.header.height);
        // Of a block the vectors of four parts to two frames, and its side; what is expected of
        // a frame takes as much as its motion.
        let [columns, rows] = self
            .header
            .size()
            .map(|side| u64::from(side.div_ceil(BLOCK)));
        let motions = (columns * rows).saturating_mul((references + 1) * 40);
        window
            .saturating_mul(tiles)
            .saturating_add(fields)
            .saturating_add(motions)
            .saturating_add(pixels.saturating_mul(6 * (3 + references + between)))
    }

    /// Tiles of a frame as (column, row).
    pub fn places(&self) -> Vec<(u32, u32)> {
        let grid = &self.tiling.grid;
        (0..grid.rows())
            .flat_map(|row| (0..grid.columns()).map(move |column| (column, row)))
            .collect()
    }

    /// Runs `work` for every tile, as many at a time as there are threads.
    pub fn each_tile<T: Send, E: Send>(
        &self,
        work: impl Fn(usize, (u32, u32)) -> Result<T, E> + Sync,
    ) -> Result<Vec<T>, E> {
        let places = self.places();
        let mut done = Vec::with_capacity(places.len());
        for (first, some) in (0..).step_by(in_flight()).zip(places.chunks(in_flight())) {
            let results: Vec<T> = some
                .par_iter()
                .enumerate()
                .map(|(i, &place)| work(first + i, place))
                .collect::<Result<_, E>>()?;
            done.extend(results);
        }
        Ok(done)
    }

    /// What a frame is compared with; `None` if that is the frame before and nothing
    /// moves.
    pub fn moved(&self, sources: Sources<'_>, movement: &Movement) -> Option<Image> {
        let (width, height) = (self.header.width, self.header.height);
        let shift = |reference: Option<&Reference>, motion: &Motion| {
            let Samples::Sixteen(samples) = reference?.picture.samples() else {
                return None;
            };
            Some(moved(samples, width, height, motion))
        };
        let before = movement.before();
        let samples = match movement.after() {
            None if before.is_still() => return None,
            None => shift(sources.before, before)?,
            Some(after) => {
                let before = shift(sources.before, before)?;
                let after = shift(sources.after, after)?;
                mixed(&before, &after, width, |x, y| {
                    movement.side(x.div_euclid(2), y.div_euclid(2)).weight()
                })
            }
        };
        Image::new(width, height, Channels::Rgb, samples).ok()
    }

    /// What is known of a tile.
    pub fn known(&self, moved: Option<&Image>, movement: &Movement, (x, y): (u32, u32)) -> Known {
        let tile = self.tiling.tile(x, y);
        let window = tile.widened(self.tiling.margin, &self.tiling.picture());
        let area = tile.times(self.tiling.stride);
        let columns = area.width.div_ceil(BLOCK);
        let rows = area.height.div_ceil(BLOCK);
        let (left, top) = ((area.x / BLOCK) as isize, (area.y / BLOCK) as isize);
        let motion = movement.before();
        let block = |x: u32, y: u32| {
            let (x, y) = (left + x as isize, top + y as isize);
            Block {
                vector: motion.mean(x, y),
                spread: motion.spread(x, y),
                still: movement.after().is_none() && motion.is_still_at(x, y),
            }
        };
        Known {
            moved: moved.map(|image| self.tiling.cut(image, x, y).0),
            keep: tile.seen_from(window.x, window.y),
            blocks: (0..rows)
                .flat_map(|y| (0..columns).map(move |x| (x, y)))
                .map(|(x, y)| block(x, y))
                .collect(),
            columns: columns as usize,
        }
    }

    /// The prior of predicted frames.
    pub fn temporal(&self) -> Result<&'m dyn Temporal, ModelError> {
        let reason = || fault(self.model, "it has no temporal prior".to_owned());
        self.temporal.ok_or_else(reason)
    }

    /// Takes `latents` through the walk and keeps what the next frame needs.
    pub fn walk<C: SymbolCoder>(
        &self,
        mut latents: Box<dyn Latents + '_>,
        kind: FrameKind,
        quality: Quality,
        coder: C,
    ) -> Result<(Past, C), WalkError> {
        let steps = match kind {
            FrameKind::Intra => self.model.sections().len(),
            FrameKind::Predicted | FrameKind::Between => self.temporal()?.steps(),
        };
        let mut kept = Kept::new(coder);
        walk_sections(self.model, &vec![0; steps], &mut *latents, &mut kept)?;
        let past = Past {
            field: latents.finish()?,
            quality,
            intra: kind == FrameKind::Intra,
            symbols: kept.steps,
        };
        Ok((past, kept.coder))
    }

    /// A tile that stays as it was.
    pub fn kept(&self, past: &Past, quality: Quality) -> Result<Past, ModelError> {
        let mut past = past.clone();
        if past.quality != quality {
            self.temporal()?.keep(&mut past, quality)?;
            past.quality = quality;
        }
        Ok(past)
    }

    /// Decodes a frame. Says of each tile, too, whether it had symbols.
    pub fn decode(
        &self,
        frame: &Frame,
        number: u64,
        sources: Sources<'_>,
    ) -> Result<(Reference, Vec<bool>), DecodeError> {
        if frame.kind != FrameKind::Intra && self.temporal.is_none() {
            return Err(FormatErrorKind::NoPrior { number }.into());
        }
        let there = |source: Option<_>| source.ok_or(FormatErrorKind::NoReference { number });
        let sources = match frame.kind {
            FrameKind::Intra => Sources::default(),
            FrameKind::Predicted => Sources {
                before: Some(there(sources.before)?),
                after: None,
            },
            FrameKind::Between => Sources {
                before: Some(there(sources.before)?),
                after: Some(there(sources.after)?),
            },
        };
        let reference = sources.before;
        let expected = sources.expected(number, &self.header);
        let between = frame.kind == FrameKind::Between;
        let size = self.header.size();
        let movement = Movement::decode(&frame.motion, size, between, expected.as_ref());
        let movement = movement.map_err(|reason| FormatErrorKind::Motion { number, reason })?;
        let moved = reference.and_then(|_| self.moved(sources, &movement));
        let (quality, kind) = (frame.quality, frame.kind);
        let done = self.each_tile(|tile, place| -> Result<_, DecodeError> {
            let stream = frame.tiles.get(tile).cloned().unwrap_or_default();
            let area = self.tiling.grid.tile(place.0, place.1);
            let size = (area.width, area.height);
            let past = reference.and_then(|reference| reference.pasts.get(tile));
            let known;
            let latents = match past {
                Some(past) if stream.is_empty() => {
                    return Ok((self.kept(past, quality)?, false));
                }
                Some(past) => {
                    known = self.known(moved.as_ref(), &movement, place);
                    let before = known.before(past);
                    self.temporal()?.prepare(size, quality, &before)?
                }
                None => self
                    .model
                    .prepare(size.0, size.1, Quantiser::scalar(quality))?,
            };
            let reader = Reader::new(self.header.coder, vec![stream]).joined(true);
            let coded = self
                .walk(latents, kind, quality, reader)
                .and_then(|(past, reader)| reader.finish().map(|()| past));
            Ok((coded.map_err(|error| in_frame(error, tile))?, true))
        })?;
        let (pasts, coded): (Vec<Past>, Vec<bool>) = done.into_iter().unzip();
        let track = sources.track(number, movement);
        Ok((self.show(pasts, quality, track)?, coded))
    }

    /// Makes the picture of a frame.
    pub fn show(
        &self,
        pasts: Vec<Past>,
        quality: Quality,
        track: Track,
    ) -> Result<Reference, ModelError> {
        let wanted = Wanted {
            area: Area::of(self.header.width, self.header.height),
            scale: 1,
        };
        let painter = Painter {
            model: self.model,
            tiling: self.tiling,
            quality,
            wanted,
        };
        let grid = self.tiling.grid;
        let samples =
            painter.paint::<ModelError>(Channels::Rgb, Depth::Sixteen, |row, canvas| {
                let put = |column| {
                    let past = pasts.get(grid.number(column, row))?;
                    canvas.put(&self.tiling.tile(column, row), &past.field)
                };
                let put: Option<()> = (0..grid.columns()).map(put).collect();
                put.ok_or_else(|| misfit(self.model))
            })?;
        let (width, height) = (self.header.width, self.header.height);
        let picture = Image::new(width, height, Channels::Rgb, samples);
        let picture = picture.map_err(|error| fault(self.model, error.to_string()))?;
        Ok(Reference {
            picture: Arc::new(picture),
            pasts,
            track,
        })
    }

    /// The picture of a frame as it is shown, grey if the clip is.
    pub fn picture(&self, picture: &Image) -> Image {
        picture.clone().into_channels(self.header.channels)
    }
}

fn in_frame(error: WalkError, tile: usize) -> DecodeError {
    match error {
        WalkError::Model(error) => DecodeError::Model(error),
        WalkError::Stream { section, source } => FormatErrorKind::Stream {
            stream: StreamName::Section { section, tile },
            reason: source,
        }
        .into(),
    }
}
