use lic_kernels::{Finish, Isa, Rows};
use rayon::prelude::*;

use super::block::Stage;
use super::conv::{Weights, patch_channel};
use super::grid::{Grid, Region, tiles};
use super::lapped::{BLOCK, BLOCK_ROW, Lapped};
use super::layer::Layer;
use super::steps::Steps;
use super::{Precision, TILE};
use crate::profile::{Other, Part, Stage as Place, Work, timed};
use crate::transform;

/// `g_s`, see [`transform::Synthesis`].
#[derive(Debug)]
pub(super) struct Synthesis {
    coarse: Stage,
    /// For each of two rows of the finer grid.
    up: [Layer; 2],
    fine: Stage,
    /// Its outputs are `[8][8][3]` pixels.
    pixels: Layer,
    lapped: Lapped,
}

impl Synthesis {
    pub(super) fn new(
        g_s: &transform::Synthesis,
        precision: Precision,
        steps: Option<&Steps>,
    ) -> Result<Self, String> {
        let steps = |stage: usize| steps.map(|steps| &steps.stages[stage][..]);
        let pixels = Weights::of(&g_s.klt_pixels)?;
        Ok(Self {
            coarse: Stage::new(&g_s.coarse, precision, Place::SynthesisCoarse, steps(2))?,
            up: Weights::of(&g_s.klt_up)?.shuffled(Part::Other(Other::Up)),
            fine: Stage::new(&g_s.fine, precision, Place::SynthesisFine, steps(3))?,
            pixels: pixels.outputs_as(Part::Other(Other::Patches), pixels.outputs, |o| {
                patch_channel(o, BLOCK)
            }),
            lapped: Lapped::post(&g_s.lapped),
        })
    }

    /// `y`: `[h][w][m]` → pixels of `keep`.
    pub(super) fn run(&self, isa: Isa, y: Vec<f32>, [h, w]: [usize; 2], keep: &Region) -> Vec<f32> {
        let size = [2 * h, 2 * w];
        let shown = keep.doubled();
        // The filter mixes neighbouring blocks.
        let region = shown.grown(1, size);
        let coarse = self.fine.needs(&region, size).halved();
        let mut fine = Grid::new(size, self.up[0].outputs() / 2, 0);
        let mut x = Grid {
            channels: y.len() / (h * w),
            data: y,
            h,
            w,
            border: 0,
        };
        self.coarse.run(isa, &mut x, &coarse);
        self.up(isa, &x, &mut fine, &coarse);
        drop(x);
        self.fine.run(isa, &mut fine, &region);
        let mut picture = self.bands(isa, &fine, &region, &shown);
        drop(fine);
        let width = shown.x.len() * BLOCK_ROW;
        // Back to 0..=1. Above and below of what is shown is a margin, if not the
        // picture's edge.
        self.lapped.across_all_rows(&mut picture, width, 0.5);
        picture.truncate((shown.y.end - region.y.start) * BLOCK * width);
        picture.drain(..(shown.y.start - region.y.start) * BLOCK * width);
        picture
    }

    fn up(&self, isa: Isa, x: &Grid<f32>, fine: &mut Grid<f32>, region: &Region) {
        let (from, to) = (x.channels, self.up[0].outputs());
        fine.rows_mut(region.doubled().y)
            .zip(region.doubled().y)
            .for_each(|(out, y)| {
                let row = x.row(y / 2);
                for tile in tiles(region.x.clone(), TILE) {
                    let rows = Rows::dense(&row[tile.start * from..tile.end * from], from);
                    let out = &mut out[tile.start * to..];
                    self.up[y % 2].multiply(isa, rows, Finish::Store, out, to);
                }
            });
    }

    /// Pixels of the rows of `region` and the columns of `shown`, filtered along
    /// rows only.
    fn bands(&self, isa: Isa, fine: &Grid<f32>, region: &Region, shown: &Region) -> Vec<f32> {
        let (channels, patch) = (fine.channels, self.pixels.outputs());
        let width = region.x.len() * BLOCK_ROW;
        let first = (shown.x.start - region.x.start) * BLOCK_ROW;
        let kept = shown.x.len() * BLOCK_ROW;
        let mut bands = vec![0.0; region.y.len() * BLOCK * kept];
        let inner = || {
            let patches = vec![0.0; TILE * patch];
            (patches, vec![0.0; BLOCK * width], vec![0.0; width])
        };
        bands
            .par_chunks_mut(BLOCK * kept)
            .zip(region.y.clone())
            .for_each_init(inner, |(patches, band, filtered), (out, y)| {
                let row = fine.row(y);
                for tile in tiles(region.x.clone(), TILE) {
                    let rows = &row[tile.start * channels..tile.end * channels];
                    let rows = Rows::dense(rows, channels);
                    self.pixels
                        .multiply(isa, rows, Finish::Store, patches, patch);
                    let patches = &patches[..tile.len() * patch];
                    let work = || Work::moved(2 * size_of_val(patches));
                    let at = tile.start - region.x.start;
                    timed(Part::Other(Other::LayOut), work, || {
                        lay_out(patches.chunks_exact(patch), band, at, width);
                    });
                }
                for (row, out) in band.chunks_exact(width).zip(out.chunks_exact_mut(kept)) {
                    self.lapped.along_row(isa, row, filtered);
                    out.copy_from_slice(&filtered[first..first + kept]);
                }
            });
        bands
    }
}

/// Puts patches `[8][8][3]` side by side into eight rows of pixels, from block
/// `first` on.
fn lay_out<'a>(
    patches: impl Iterator<Item = &'a [f32]>,
    band: &mut [f32],
    first: usize,
    width: usize,
) {
    for (i, patch) in patches.enumerate() {
        for (dy, row) in patch.chunks_exact(BLOCK_ROW).enumerate() {
            let at = dy * width + (first + i) * BLOCK_ROW;
            band[at..at + BLOCK_ROW].copy_from_slice(row);
        }
    }
}
