use lic_kernels::{Bf16, Finish, Isa, Number};
use rayon::prelude::*;

use super::conv::{Conv, Span, Weights};
use super::grid::{Grid, tiles};
use super::{Precision, TILE};
use crate::profile::{Other, Part, Work, timed};
use crate::standard;

/// `h_a`, see [`standard::HyperAnalysis`].
#[derive(Debug)]
pub(super) enum HyperAnalysis {
    Single(Layers<f32>),
    Bf16(Layers<Bf16>),
}

impl HyperAnalysis {
    pub(super) fn new(h_a: &standard::HyperAnalysis, precision: Precision) -> Result<Self, String> {
        Ok(match precision {
            Precision::Single => Self::Single(Layers::new(h_a)?),
            Precision::Bf16 | Precision::Bytes => Self::Bf16(Layers::new(h_a)?),
        })
    }

    /// `y`: `[h][w][m]` with gain, `quality` in 0..=1 → `[h/4][w/4][z]`.
    pub(super) fn run(&self, isa: Isa, y: &[f32], size: [usize; 2], quality: f32) -> Vec<f32> {
        match self {
            Self::Single(layers) => layers.run(isa, y, size, quality),
            Self::Bf16(layers) => layers.run(isa, y, size, quality),
        }
    }
}

/// The layers, their activations in `T`.
#[derive(Debug)]
pub(super) struct Layers<T: Number> {
    at_16: Conv<T>,
    to_32: Conv<T>,
    to_64: Conv<T>,
}

impl<T: Number> Layers<T> {
    fn new(h_a: &standard::HyperAnalysis) -> Result<Self, String> {
        let at_16 = Weights::of(&h_a.at_16)?;
        let whole = at_16.inputs.next_multiple_of(T::GROUP);
        Ok(Self {
            at_16: at_16.padded(whole).conv(Part::Other(Other::At16)),
            to_32: Weights::of(&h_a.to_32)?.conv(Part::Other(Other::To32)),
            to_64: Weights::of(&h_a.to_64)?.conv(Part::Other(Other::To64)),
        })
    }

    fn run(&self, isa: Isa, y: &[f32], [h, w]: [usize; 2], quality: f32) -> Vec<f32> {
        let m = y.len() / (h * w);
        // One channel more than the latents, and what fills a group of products up.
        let depth = (m + 1).next_multiple_of(T::GROUP);
        let mut x = Grid::<T>::new([h, w], depth, 1);
        x.rows_mut(0..h)
            .zip(y.par_chunks_exact(w * m))
            .for_each(|(out, y)| {
                let bytes = size_of_val(out) + size_of_val(y);
                let work = || Work::moved(bytes);
                timed(Part::Other(Other::Logarithm), work, || {
                    for (out, y) in out.chunks_exact_mut(depth).zip(y.chunks_exact(m)) {
                        for (out, &y) in out.iter_mut().zip(y) {
                            *out = T::from_f32((1.0 + y.abs()).ln().copysign(y));
                        }
                        out[m] = T::from_f32(quality);
                    }
                });
            });
        let x: Grid<T> = layer(isa, &self.at_16, &x, 1, Finish::Relu, 1);
        let x: Grid<T> = layer(isa, &self.to_32, &x, 2, Finish::Relu, 1);
        layer(isa, &self.to_64, &x, 2, Finish::Store, 0).data
    }
}

/// A convolution of a whole grid in steps of `step`, into one with a border.
pub(super) fn layer<T: Number, O: Number>(
    isa: Isa,
    conv: &Conv<T>,
    x: &Grid<T>,
    step: usize,
    finish: Finish,
    border: usize,
) -> Grid<O> {
    let channels = conv.layer.outputs();
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
