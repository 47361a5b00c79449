//! Which tiles an encoder leaves as they are.

use super::coding::Reference;
use super::motion::BLOCK;
use super::search::lambda;
use crate::geometry::{Area, Grid};
use crate::image::Samples;
use crate::model::Quality;

/// A level of 8 bits in samples of 16.
const LEVEL: u64 = 257;

/// Squared errors of a frame, in samples of 16 bits, by block of 16x16 pixels.
#[derive(Debug, Clone)]
pub(super) struct BlockErrors {
    columns: usize,
    sums: Vec<u64>,
}

impl BlockErrors {
    /// Of RGB samples of a picture `width` wide against what they were decoded to.
    pub fn of(samples: &[u16], reference: &Reference, width: u32) -> Self {
        let Samples::Sixteen(decoded) = reference.picture.samples() else {
            unreachable!("references have 16 bits");
        };
        let columns = width.div_ceil(BLOCK) as usize;
        let (row, side) = (width as usize * 3, BLOCK as usize);
        let height = samples.len() / row;
        let mut sums = vec![0; columns * height.div_ceil(side)];
        for (y, (a, b)) in samples
            .chunks_exact(row)
            .zip(decoded.chunks_exact(row))
            .enumerate()
        {
            let sums = &mut sums[y / side * columns..][..columns];
            let blocks = a.chunks(side * 3).zip(b.chunks(side * 3));
            for (sum, (a, b)) in sums.iter_mut().zip(blocks) {
                let pairs = a.iter().zip(b);
                *sum += pairs
                    .map(|(&a, &b)| u64::from(a.abs_diff(b)).pow(2))
                    .sum::<u64>();
            }
        }
        Self { columns, sums }
    }

    fn of_tile(&self, tile: &Area) -> impl Iterator<Item = u64> {
        let blocks = tile.in_units(BLOCK);
        (blocks.y..blocks.bottom()).flat_map(move |y| {
            let row = &self.sums[y as usize * self.columns..];
            row[blocks.x as usize..blocks.right() as usize]
                .iter()
                .copied()
        })
    }

    /// Takes the errors of tiles that are `held` from `other`.
    pub fn keep_where(&mut self, grid: &Grid, held: &[bool], other: &Self) {
        for row in 0..grid.rows() {
            for column in 0..grid.columns() {
                if !held[grid.number(column, row)] {
                    continue;
                }
                let blocks = grid.tile(column, row).in_units(BLOCK);
                for y in blocks.y..blocks.bottom() {
                    let start = y as usize * self.columns;
                    let range = start + blocks.x as usize..start + blocks.right() as usize;
                    self.sums[range.clone()].copy_from_slice(&other.sums[range]);
                }
            }
        }
    }
}

/// What leaving a tile as it is would do to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Hold {
    /// Something would be missing.
    No,
    /// It would be worse by what so many bits are worth.
    Costs(f64),
    /// It is as good as it was.
    Free,
}

/// By tile, whether the frame before, `reference`, shows it about as well as that frame
/// showed its own original, whose errors were `before`: in no block worse by half and
/// a level.
pub(super) fn held_tiles(
    grid: &Grid,
    samples: &[u16],
    reference: &Reference,
    before: &BlockErrors,
    quality: Quality,
) -> Vec<Hold> {
    let lambda = lambda(quality);
    let now = BlockErrors::of(samples, reference, grid.picture().width);
    let area = u64::from(BLOCK * BLOCK) * 3;
    let held = |column: u32, row: u32| {
        let tile = grid.tile(column, row);
        let (sum, old): (u64, u64) = (now.of_tile(&tile).sum(), before.of_tile(&tile).sum());
        // A hundredth is what noise that is new in every frame makes of a tile.
        let mut blocks = now.of_tile(&tile).zip(before.of_tile(&tile));
        let near = |(now, old): (u64, u64)| now <= old + old / 2 + area * LEVEL * LEVEL;
        if !blocks.all(near) {
            Hold::No
        } else if sum <= old.saturating_add(old / 100) {
            Hold::Free
        } else {
            // λ is for the mean over red, green and blue of 8 bits.
            let worse = (sum - old) as f64 / (3 * LEVEL * LEVEL) as f64;
            Hold::Costs(lambda * worse)
        }
    };
    (0..grid.rows())
        .flat_map(|row| (0..grid.columns()).map(move |column| (column, row)))
        .map(|(column, row)| held(column, row))
        .collect()
}
