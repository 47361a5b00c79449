use lic_kernels::{Finish, Isa};
use rayon::prelude::*;

use super::TILE;
use super::conv::{Conv, Span, Weights};
use super::grid::{Grid, tiles};
use crate::standard;

/// `h_a`, see [`standard::HyperAnalysis`].
#[derive(Debug)]
pub(super) struct HyperAnalysis {
    at_16: Conv,
    to_32: Conv,
    to_64: Conv,
}

impl HyperAnalysis {
    pub(super) fn new(h_a: &standard::HyperAnalysis) -> Result<Self, String> {
        Ok(Self {
            at_16: Weights::of(&h_a.at_16)?.conv(),
            to_32: Weights::of(&h_a.to_32)?.conv(),
            to_64: Weights::of(&h_a.to_64)?.conv(),
        })
    }

    /// `y`: `[h][w][m]` with gain, `quality` in 0..=1 → `[h/4][w/4][z]`.
    pub(super) fn run(&self, isa: Isa, y: &[f32], [h, w]: [usize; 2], quality: f32) -> Vec<f32> {
        let m = y.len() / (h * w);
        let mut x = Grid::new([h, w], m + 1, 1);
        x.rows_mut(0..h)
            .zip(y.par_chunks_exact(w * m))
            .for_each(|(out, y)| {
                for (out, y) in out.chunks_exact_mut(m + 1).zip(y.chunks_exact(m)) {
                    for (out, &y) in out.iter_mut().zip(y) {
                        *out = (1.0 + y.abs()).ln().copysign(y);
                    }
                    out[m] = quality;
                }
            });
        let x = layer(isa, &self.at_16, &x, 1, Finish::Relu, 1);
        let x = layer(isa, &self.to_32, &x, 2, Finish::Relu, 1);
        layer(isa, &self.to_64, &x, 2, Finish::Store, 0).data
    }
}

/// A convolution of a whole grid in steps of `step`, into one with a border.
pub(super) fn layer(
    isa: Isa,
    conv: &Conv,
    x: &Grid<f32>,
    step: usize,
    finish: Finish,
    border: usize,
) -> Grid<f32> {
    let channels = conv.matrix.outputs();
    let [h, w] = [x.h / step, x.w / step];
    let mut out = Grid::new([h, w], channels, border);
    out.rows_mut(0..h).enumerate().for_each(|(y, out)| {
        for tile in tiles(0..w, TILE) {
            let span = Span {
                y: step * y,
                x: step * tile.start,
                step,
                count: tile.len(),
            };
            let out = &mut out[tile.start * channels..];
            conv.run(isa, x, span, finish, out, channels);
        }
    });
    out
}
