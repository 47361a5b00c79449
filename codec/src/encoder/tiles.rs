//! The tiles of a picture, each on its own.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use rayon::prelude::*;

use crate::alpha;
use crate::error::EncodeError;
use crate::field::Field;
use crate::geometry::Grid;
use crate::image::Image;
use crate::model::{Asked, Model, ModelError};
use crate::options::{EncodeOptions, SMALL};
use crate::tiles::{Tiling, in_flight};
use crate::walk::{Both, Counter, WalkError, Writer, fault, walk};

/// What comes of a tile.
pub(super) struct Tile {
    pub alpha: Vec<u8>,
    pub sections: Vec<Vec<u8>>,
    /// All sections as one stream, if they are to be that.
    pub joined: Option<Vec<Vec<u8>>>,
    pub counter: Counter,
    pub field: Option<Field>,
}

/// Which part of every tile is done.
struct Progress<'a> {
    /// In millionths.
    parts: Vec<AtomicU32>,
    watch: &'a (dyn Fn(f64) + Sync),
}

impl<'a> Progress<'a> {
    fn new(tiles: usize, watch: &'a (dyn Fn(f64) + Sync)) -> Self {
        let parts = (0..tiles).map(|_| AtomicU32::new(0)).collect();
        Self { parts, watch }
    }

    fn see(&self, tile: usize, part: f64) {
        if let Some(millionths) = self.parts.get(tile) {
            millionths.store((part * 1e6) as u32, Relaxed);
        }
        let sum: f64 = self.parts.iter().map(|p| f64::from(p.load(Relaxed))).sum();
        (self.watch)(sum / (1e6 * self.parts.len() as f64));
    }
}

/// Encodes the tiles of `grid`, as many at a time as there are threads; `keep` is whether
/// what they decode to is needed, however many they are.
pub(super) fn encode_tiles(
    image: &Image,
    model: &dyn Model,
    options: &EncodeOptions,
    grid: Grid,
    keep: bool,
    watch: &(dyn Fn(f64) + Sync),
) -> Result<Vec<Tile>, EncodeError> {
    let columns = grid.columns();
    let places: Vec<(u32, u32)> = (0..grid.rows())
        .flat_map(|row| (0..columns).map(move |column| (column, row)))
        .collect();
    let keep = keep || places.len() <= in_flight();
    let tiling = Tiling::new(grid, model);
    let mut tiles = Vec::with_capacity(places.len());
    let progress = Progress::new(places.len(), watch);
    for places in places.chunks(in_flight()) {
        let some: Vec<Tile> = places
            .par_iter()
            .map(|&place| encode_tile(image, model, options, &tiling, place, (keep, &progress)))
            .collect::<Result<_, ModelError>>()?;
        tiles.extend(some);
    }
    Ok(tiles)
}

fn encode_tile(
    image: &Image,
    model: &dyn Model,
    options: &EncodeOptions,
    tiling: &Tiling,
    (column, row): (u32, u32),
    (keep, progress): (bool, &Progress<'_>),
) -> Result<Tile, ModelError> {
    let area = tiling.grid.tile(column, row);
    let (window, place) = tiling.cut(image, column, row);
    let size = (area.width, area.height);
    let number = (row * tiling.grid.columns() + column) as usize;
    let asked = Asked {
        quantiser: options.quantiser(model),
        effort: options.effort,
        watch: &|part| progress.see(number, part),
    };
    let mut latents = model.analyse(&window, place, size, &asked)?;
    drop(window);
    let (apart, joined) = (
        Writer::new(options.coder),
        Writer::new(options.coder).joined(),
    );
    let of_model = |error: WalkError| error.of_encoder(model);
    // Only after the last symbol is it known which is wanted.
    let (sections, joined, counter) = match options.progressive {
        None if tiling.grid.is_whole() => {
            let mut both = Both {
                apart,
                joined: Some(joined),
                most: SMALL,
            };
            walk(model, &mut *latents, &mut both).map_err(of_model)?;
            let (sections, counter) = both.apart.finish();
            let joined = both.joined.map(|joined| joined.finish().0);
            let small = |streams: &Vec<Vec<u8>>| {
                streams.iter().map(Vec::len).sum::<usize>() as u64 <= SMALL
            };
            (sections, joined.filter(small), counter)
        }
        Some(false) => {
            let mut joined = joined;
            walk(model, &mut *latents, &mut joined).map_err(of_model)?;
            let (joined, counter) = joined.finish();
            (Vec::new(), Some(joined), counter)
        }
        None | Some(true) => {
            let mut apart = apart;
            walk(model, &mut *latents, &mut apart).map_err(of_model)?;
            let (sections, counter) = apart.finish();
            (sections, None, counter)
        }
    };
    Ok(Tile {
        alpha: alpha::encode(image, &area).map_err(|error| fault(model, error.to_string()))?,
        sections,
        joined,
        counter,
        field: if keep { Some(latents.finish()?) } else { None },
    })
}
