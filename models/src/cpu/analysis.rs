use lic_kernels::{Finish, Isa, Rows};
use rayon::prelude::*;

use super::block::Stage;
use super::conv::{Conv, Span, Weights};
use super::grid::{Grid, Region, tiles};
use super::lapped::{BLOCK, BLOCK_ROW, Lapped};
use super::layer::Layer;
use super::steps::Steps;
use super::{Precision, TILE};
use crate::profile::{Other, Part, Stage as Place};
use crate::transform;

/// `g_a`, see [`transform::Analysis`].
#[derive(Debug)]
pub(super) struct Analysis {
    lapped: Lapped,
    embed: Layer,
    fine: Stage,
    /// An unshuffle by two and a 1x1 layer are a 2x2 convolution in steps of two.
    down: Conv,
    coarse: Stage,
}

impl Analysis {
    pub(super) fn new(
        g_a: &transform::Analysis,
        precision: Precision,
        steps: Option<&Steps>,
    ) -> Result<Self, String> {
        let steps = |stage: usize| steps.map(|steps| &steps.stages[stage][..]);
        Ok(Self {
            lapped: Lapped::pre(&g_a.lapped),
            embed: Weights::of(&g_a.klt_embed)?.patch(Part::Other(Other::Embed), BLOCK),
            fine: Stage::new(&g_a.fine, precision, Place::AnalysisFine, steps(0))?,
            down: Weights::of(&g_a.klt_down)?
                .unshuffled()
                .conv(Part::Other(Other::Down)),
            coarse: Stage::new(&g_a.coarse, precision, Place::AnalysisCoarse, steps(1))?,
        })
    }

    /// `x`: `[16 h][16 w][3]` → latents of `keep`.
    pub(super) fn run(&self, isa: Isa, x: &[f32], [h, w]: [usize; 2], keep: &Region) -> Vec<f32> {
        let size = [2 * h, 2 * w];
        let coarse = self.coarse.needs(keep, [h, w]);
        let region = coarse.doubled();
        let mut fine = Grid::new(size, self.embed.outputs(), 0);
        self.embed(isa, x, &mut fine, &self.fine.needs(&region, size));
        self.fine.run(isa, &mut fine, &region);
        let mut y = Grid::new([h, w], self.down.layer.outputs(), 0);
        self.down(isa, &fine, &mut y, &coarse);
        drop(fine);
        self.coarse.run(isa, &mut y, keep);
        crop(y, keep)
    }

    /// Lapped filter and KLT, a row of blocks at a time.
    fn embed(&self, isa: Isa, x: &[f32], fine: &mut Grid<f32>, region: &Region) {
        let (size, channels) = ([fine.h, fine.w], fine.channels);
        let pitch = fine.w * BLOCK_ROW;
        // The filter mixes neighbouring blocks.
        let read = region.grown(1, size).x;
        let width = read.len() * BLOCK_ROW;
        let pixels = |y: usize| &x[y * pitch + read.start * BLOCK_ROW..][..width];
        let bands = || (vec![0.0; BLOCK * width], vec![0.0; BLOCK * width]);
        fine.rows_mut(region.y.clone())
            .zip(region.y.clone())
            .for_each_init(bands, |(vertical, band), (out, y)| {
                for (i, row) in vertical.chunks_exact_mut(width).enumerate() {
                    let y = [y * BLOCK + i, size[0] * BLOCK];
                    self.lapped.across_rows(y, -0.5, pixels, row);
                }
                for (row, out) in vertical
                    .chunks_exact(width)
                    .zip(band.chunks_exact_mut(width))
                {
                    self.lapped.along_row(isa, row, out);
                }
                let first = (region.x.start - read.start) * BLOCK_ROW;
                let segments: [usize; BLOCK] = std::array::from_fn(|dy| dy * width + first);
                let rows = Rows {
                    data: band,
                    segments: &segments,
                    length: BLOCK_ROW,
                    stride: BLOCK_ROW,
                    count: region.x.len(),
                };
                let out = &mut out[region.x.start * channels..];
                self.embed.multiply(isa, rows, Finish::Store, out, channels);
            });
    }

    fn down(&self, isa: Isa, fine: &Grid<f32>, y: &mut Grid<f32>, region: &Region) {
        let channels = y.channels;
        y.rows_mut(region.y.clone())
            .zip(region.y.clone())
            .for_each(|(out, y)| {
                for tile in tiles(region.x.clone(), TILE) {
                    let span = Span {
                        y: 2 * y,
                        x: 2 * tile.start,
                        step: 2,
                        count: tile.len(),
                    };
                    let out = &mut out[tile.start * channels..];
                    self.down.run(isa, fine, span, Finish::Store, out, channels);
                }
            });
    }
}

/// `region` of a grid, by itself.
fn crop(grid: Grid<f32>, region: &Region) -> Vec<f32> {
    let whole = Region {
        y: 0..grid.h,
        x: 0..grid.w,
    };
    if *region == whole && grid.border == 0 {
        return grid.data;
    }
    let x = region.x.start * grid.channels..region.x.end * grid.channels;
    let rows = region.y.clone().flat_map(|y| &grid.row(y)[x.clone()]);
    rows.copied().collect()
}
