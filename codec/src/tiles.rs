//! From a grid of tiles to the windows that a model's transforms see, and back to
//! the pixels of a picture.

use rayon::prelude::*;

use crate::field::Canvas;
use crate::geometry::{Area, Grid};
use crate::image::{Channels, Depth, Image, Samples};
use crate::model::{Model, ModelError, Pixels, Quality};
use crate::plot::{Plot, Wanted};
use crate::walk::fault;

/// How many tiles are worked on at a time: memory follows from it.
pub(crate) fn in_flight() -> usize {
    rayon::current_num_threads()
}

/// A model whose fields do not fit its tiles.
pub(crate) fn misfit(model: &dyn Model) -> ModelError {
    fault(model, "its fields are not those of its tiles".to_owned())
}

/// A grid, in the positions of a model's fields.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tiling {
    pub grid: Grid,
    pub stride: u32,
    pub margin: u32,
    alignment: u32,
}

impl Tiling {
    pub fn new(grid: Grid, model: &dyn Model) -> Self {
        Self {
            grid,
            stride: model.stride(),
            margin: model.margin(),
            alignment: model.alignment(),
        }
    }

    /// Positions of an area of pixels that begins at a multiple of the alignment.
    fn padded(&self, area: &Area) -> Area {
        let end = |side: u32| side.next_multiple_of(self.alignment);
        let padded = Area {
            width: end(area.width),
            height: end(area.height),
            ..*area
        };
        padded.in_units(self.stride)
    }

    /// All positions.
    pub fn picture(&self) -> Area {
        self.padded(&self.grid.picture())
    }

    /// Positions of a tile.
    pub fn tile(&self, column: u32, row: u32) -> Area {
        self.padded(&self.grid.tile(column, row))
    }

    /// The pixels of a tile and of the margin around it, and where in them the tile
    /// lies, in positions.
    pub fn cut(&self, image: &Image, column: u32, row: u32) -> (Pixels, Area) {
        let tile = self.tile(column, row);
        let window = tile.widened(self.margin, &self.picture());
        let pixels = pixels_of(image, &window.times(self.stride));
        (pixels, tile.seen_from(window.x, window.y))
    }

    /// How many rows of fields are held at a time, at most: those that a row of tiles
    /// sees, the last of them whole rows of tiles.
    fn rows_held(&self) -> u32 {
        let (picture, tile) = (self.picture(), self.tile(0, 0));
        let height = tile.height.max(1);
        let below = self.margin.div_ceil(height).saturating_mul(height);
        // The row above is kept too, see `Painter::paint`.
        let above = self.margin.max(1);
        let rows = above.saturating_add(height).saturating_add(below);
        rows.min(picture.height)
    }

    /// How many positions of fields are held at a time, at most.
    pub fn held(&self) -> u64 {
        u64::from(self.picture().width) * u64::from(self.rows_held())
    }

    /// The largest window that a transform sees, in pixels.
    pub fn largest_window(&self) -> (u32, u32) {
        let window = self.tile(0, 0).widened(self.margin, &self.picture());
        let (column, row) = (1.min(self.grid.columns() - 1), 1.min(self.grid.rows() - 1));
        let inner = self.tile(column, row).widened(self.margin, &self.picture());
        let side = |a: u32, b: u32| a.max(b).saturating_mul(self.stride);
        (
            side(window.width, inner.width),
            side(window.height, inner.height),
        )
    }
}

/// Pixels of `area` of the picture, whose last row and column go on for ever; grey as
/// three equal samples.
fn pixels_of(image: &Image, area: &Area) -> Pixels {
    let samples = match image.samples() {
        Samples::Eight(samples) => floats(image, samples, area),
        Samples::Sixteen(samples) => floats(image, samples, area),
    };
    Pixels {
        width: area.width,
        height: area.height,
        samples,
    }
}

/// The samples of [`pixels_of`], in 0..=1, row by row.
fn floats<T: Copy + Into<f32>>(image: &Image, samples: &[T], area: &Area) -> Vec<f32> {
    let (width, channels) = (image.width() as usize, image.channels().count());
    let scale = 1.0 / f32::from(image.depth().max());
    let mut out = Vec::with_capacity(area.count() * 3);
    let from = (area.x as usize).min(width - 1);
    let to = (area.right() as usize).clamp(from + 1, width);
    for y in area.y..area.bottom() {
        let row = y.min(image.height() - 1) as usize * width;
        let row = &samples[(row + from) * channels..(row + to) * channels];
        let row = row.iter().map(|&sample| sample.into() * scale);
        let end = out.len() + 3 * area.width as usize;
        match image.channels() {
            Channels::Grey => out.extend(row.flat_map(|grey| [grey; 3])),
            Channels::Rgb => out.extend(row),
        }
        let last = [0, 1, 2].map(|c| out[out.len() - 3 + c]);
        out.extend(last.iter().cycle().take(end - out.len()));
    }
    out
}

/// Makes the pixels of `wanted` out of fields, a row of tiles at a time.
pub(crate) struct Painter<'a> {
    pub model: &'a dyn Model,
    pub tiling: Tiling,
    pub quality: Quality,
    pub wanted: Wanted,
}

impl Painter<'_> {
    /// The tiles whose fields are needed: columns and rows of them.
    pub fn tiles(&self) -> Area {
        let margin = self.tiling.margin.saturating_mul(self.tiling.stride);
        let picture = self.tiling.grid.picture();
        let needed = self.wanted.area.widened(margin, &picture);
        self.tiling.grid.touching(&needed)
    }

    /// The samples of what is wanted. Asks `fields` for a row of tiles, by its number,
    /// when it is needed: to be put onto the canvas, where its rows are open.
    pub fn paint<E: From<ModelError>>(
        &self,
        channels: Channels,
        depth: Depth,
        mut fields: impl FnMut(u32, &mut Canvas) -> Result<(), E>,
    ) -> Result<Samples, E> {
        let (tiling, tiles) = (&self.tiling, self.tiles());
        let last = tiling.tile(tiles.right() - 1, tiles.bottom() - 1);
        let first = tiling.tile(tiles.x, tiles.y);
        let within = Area {
            width: last.right() - first.x,
            height: last.bottom() - first.y,
            ..first
        };
        let mut plot = Plot::new(self.wanted, channels, depth);
        let mut canvas = Canvas::new(within, self.model.channels(), tiling.rows_held());
        let mut next = tiles.y;
        let shown = tiling.grid.touching(&self.wanted.area);
        for row in shown.y..shown.bottom() {
            let keeps: Vec<Area> = (shown.x..shown.right())
                .filter_map(|column| self.keep(column, row))
                .collect();
            let Some(keep) = keeps.first() else { continue };
            let reach = keep.widened(tiling.margin, &within);
            while canvas.bottom() < reach.bottom() {
                // Tiles that are concealed are so from the row above them, too.
                canvas.drop_before(reach.y.min(canvas.bottom().saturating_sub(1)));
                canvas.open(tiling.tile(tiles.x, next).height);
                fields(next, &mut canvas)?;
                next += 1;
            }
            for keeps in keeps.chunks(in_flight()) {
                let made: Vec<Pixels> = keeps
                    .par_iter()
                    .map(|keep| self.tile(&canvas, &within, keep))
                    .collect::<Result<_, ModelError>>()?;
                for (keep, pixels) in keeps.iter().zip(&made) {
                    plot.set(&keep.times(tiling.stride), pixels);
                }
            }
        }
        Ok(plot.samples)
    }

    /// Positions of a tile that are wanted.
    fn keep(&self, column: u32, row: u32) -> Option<Area> {
        let tile = self.tiling.grid.tile(column, row);
        let pixels = tile.intersection(&self.wanted.area)?;
        Some(pixels.in_units(self.tiling.stride))
    }

    fn tile(&self, canvas: &Canvas, within: &Area, keep: &Area) -> Result<Pixels, ModelError> {
        let window = keep.widened(self.tiling.margin, within);
        let inside = keep.seen_from(window.x, window.y);
        let field = canvas.window(&window);
        let pixels = self.model.synthesise(field, inside, self.quality)?;
        let (width, height) = (
            keep.width * self.tiling.stride,
            keep.height * self.tiling.stride,
        );
        let sound = (pixels.width, pixels.height) == (width, height)
            && pixels.samples.len() == width as usize * height as usize * 3;
        if !sound {
            let found = (pixels.width, pixels.height);
            let reason = format!("synthesised {found:?} pixels of {:?}", (width, height));
            return Err(fault(self.model, reason));
        }
        Ok(pixels)
    }
}
