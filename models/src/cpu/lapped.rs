use lic_kernels::{Finish, Isa, Matrix, Rows};
use rayon::prelude::*;

use super::layer::Layer;
use crate::profile::{Numbers, Other, Part, Work, timed};
use crate::transform;

/// Pixels of a block's side; also the taps of the filter, half of them on each
/// side of a boundary.
pub(super) const BLOCK: usize = 8;
/// Numbers of a block's row: three colours.
pub(super) const BLOCK_ROW: usize = 3 * BLOCK;

/// Numbers of each of eight rows that are filtered at a time: 2 KiB of sums.
const CHUNK: usize = 64;

/// The lapped filter of [`transform::Lapped`] on pictures whose colours lie
/// together.
#[derive(Debug)]
pub(super) struct Lapped {
    matrix: [[f32; BLOCK]; BLOCK],
    /// Eight pixels of three colours across a vertical boundary.
    along_row: Layer,
    part: Part,
}

impl Lapped {
    /// The filter before analysis.
    pub(super) fn pre(filter: &transform::Lapped) -> Self {
        Self::new(*filter.matrix(), Part::Other(Other::LappedPre))
    }

    /// Its transpose, after synthesis.
    pub(super) fn post(filter: &transform::Lapped) -> Self {
        let p = filter.matrix();
        let transposed = std::array::from_fn(|r| std::array::from_fn(|c| p[c][r]));
        Self::new(transposed, Part::Other(Other::LappedPost))
    }

    fn new(matrix: [[f32; BLOCK]; BLOCK], part: Part) -> Self {
        let along_row = Matrix::new(BLOCK_ROW, BLOCK_ROW, &[], |o, i| {
            // Colours do not mix.
            if o % 3 == i % 3 {
                matrix[o / 3][i / 3]
            } else {
                0.0
            }
        });
        Self {
            matrix,
            along_row: Layer::new(along_row, part),
            part,
        }
    }

    /// Filters a row of pixels of whole blocks across the boundaries between them.
    pub(super) fn along_row(&self, isa: Isa, row: &[f32], out: &mut [f32]) {
        let half = BLOCK_ROW / 2;
        let end = row.len() - half;
        out[..half].copy_from_slice(&row[..half]);
        out[end..].copy_from_slice(&row[end..]);
        let rows = Rows::dense(&row[half..end], BLOCK_ROW);
        self.along_row
            .multiply(isa, rows, Finish::Store, &mut out[half..end], BLOCK_ROW);
    }

    /// Pixel row `y` of a picture of `height` rows, `offset` added, filtered across
    /// horizontal boundaries; `row(y)` is the picture's.
    pub(super) fn across_rows<'a>(
        &self,
        [y, height]: [usize; 2],
        offset: f32,
        row: impl Fn(usize) -> &'a [f32],
        out: &mut [f32],
    ) {
        let count = out.len();
        let work = || Work {
            numbers: Numbers::Single,
            macs: BLOCK * count,
            bytes: 2 * count * size_of::<f32>(),
        };
        timed(self.part, work, || {
            self.across([y, height], offset, row, out)
        });
    }

    fn across<'a>(
        &self,
        [y, height]: [usize; 2],
        offset: f32,
        row: impl Fn(usize) -> &'a [f32],
        out: &mut [f32],
    ) {
        let half = BLOCK / 2;
        if y < half || y >= height - half {
            let pairs = out.iter_mut().zip(row(y));
            pairs.for_each(|(out, value)| *out = value + offset);
            return;
        }
        let first = (y - half) / BLOCK * BLOCK + half;
        let w = &self.matrix[y - first];
        let offset = w.iter().sum::<f32>() * offset;
        let count = out.len();
        // Eight slices whose length the compiler knows to be that of `out`.
        let [a, b, c, d, e, f, g, h] = std::array::from_fn(|i| row(first + i));
        let (a, b, c, d) = (&a[..count], &b[..count], &c[..count], &d[..count]);
        let (e, f, g, h) = (&e[..count], &f[..count], &g[..count], &h[..count]);
        for (x, out) in out.iter_mut().enumerate() {
            let above = w[0] * a[x] + w[1] * b[x] + w[2] * c[x] + w[3] * d[x];
            let below = w[4] * e[x] + w[5] * f[x] + w[6] * g[x] + w[7] * h[x];
            *out = above + below + offset;
        }
    }

    /// Filters rows of pixels `[8 · blocks][width]` across the horizontal boundaries
    /// between blocks, in place, and adds `offset`.
    pub(super) fn across_all_rows(&self, pixels: &mut [f32], width: usize, offset: f32) {
        let half = BLOCK / 2 * width;
        let end = pixels.len() - half;
        pixels[..half].iter_mut().for_each(|value| *value += offset);
        pixels[end..].iter_mut().for_each(|value| *value += offset);
        pixels[half..end]
            .par_chunks_exact_mut(BLOCK * width)
            .for_each(|boundary| {
                let work = || Work {
                    numbers: Numbers::Single,
                    macs: BLOCK * BLOCK * width,
                    bytes: 2 * size_of::<f32>() * BLOCK * width,
                };
                timed(self.part, work, || self.boundary(boundary, width, offset));
            });
    }

    /// Filters the eight rows across a boundary.
    fn boundary(&self, boundary: &mut [f32], width: usize, offset: f32) {
        for first in (0..width).step_by(CHUNK) {
            let count = CHUNK.min(width - first);
            let mut sums = [[offset; CHUNK]; BLOCK];
            for (c, row) in boundary.chunks_exact(width).enumerate() {
                let row = &row[first..first + count];
                for (sums, weights) in sums.iter_mut().zip(&self.matrix) {
                    for (sum, value) in sums.iter_mut().zip(row) {
                        *sum += weights[c] * value;
                    }
                }
            }
            for (sums, row) in sums.iter().zip(boundary.chunks_exact_mut(width)) {
                row[first..first + count].copy_from_slice(&sums[..count]);
            }
        }
    }
}
