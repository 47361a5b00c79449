//! Layers of the integer networks.

use lic_kernels::{IntFinish, IntMatrix, Isa, QUAD, Requantise, Rows};
use rayon::prelude::*;

use super::shape_file::IntLayer;

/// `channels` activations with what fills them up for the instructions that take
/// four at once.
fn padded(channels: usize) -> usize {
    channels.next_multiple_of(QUAD)
}

/// Activations of a grid of positions, channels last and padded with zeros, inside
/// a border of zeros.
#[derive(Debug)]
pub(super) struct Grid {
    /// `[h + 2·border][w + 2·border][depth]`.
    pub(super) data: Vec<u8>,
    pub(super) h: usize,
    pub(super) w: usize,
    pub(super) depth: usize,
    border: usize,
}

impl Grid {
    pub(super) fn new([h, w]: [usize; 2], channels: usize, border: usize) -> Self {
        let depth = padded(channels);
        Self {
            data: vec![0; (h + 2 * border) * (w + 2 * border) * depth],
            h,
            w,
            depth,
            border,
        }
    }

    fn pitch(&self) -> usize {
        (self.w + 2 * self.border) * self.depth
    }

    /// The rows without their borders.
    pub(super) fn rows_mut(&mut self) -> impl IndexedParallelIterator<Item = &mut [u8]> {
        let (pitch, inside) = (self.pitch(), self.border * self.depth);
        let length = self.w * self.depth;
        self.data[self.border * pitch..]
            .par_chunks_exact_mut(pitch)
            .take(self.h)
            .map(move |row| &mut row[inside..inside + length])
    }
}

/// A convolution over a [`Grid`] whose border is half its side.
#[derive(Debug, Clone)]
pub(super) struct Conv {
    pub(super) matrix: IntMatrix,
    /// First tap (dy, dx) of each run of taps.
    runs: Vec<[usize; 2]>,
    /// Taps in a run.
    run: usize,
    pub(super) side: usize,
}

impl Conv {
    pub(super) fn new(layer: &IntLayer) -> Self {
        let runs = (0..layer.side).map(|dy| [dy, 0]).collect();
        Self::of(layer, runs, layer.side)
    }

    /// The taps with `dx + dy` even or odd: what a convolution reads of a
    /// checkerboard.
    pub(super) fn checkered(layer: &IntLayer, parity: usize) -> Self {
        let side = layer.side;
        let taps = (0..side * side).map(|i| [i / side, i % side]);
        Self::of(
            layer,
            taps.filter(|[y, x]| (y + x) % 2 == parity).collect(),
            1,
        )
    }

    fn of(layer: &IntLayer, runs: Vec<[usize; 2]>, run: usize) -> Self {
        let (depth, side) = (padded(layer.inputs), layer.side);
        let each = run * depth;
        let weight = |output: usize, i: usize| {
            let ([dy, dx], input) = (runs[i / each], i % depth);
            let tap = dy * side + dx + i % each / depth;
            let at = (output * layer.inputs + input) * side * side + tap;
            // Only padding is past the last input.
            if input < layer.inputs {
                layer.weights[at]
            } else {
                0
            }
        };
        Self {
            matrix: IntMatrix::new(layer.outputs, runs.len() * each, &layer.bias, weight),
            runs,
            run,
            side,
        }
    }

    /// Adds, or writes, the sums of every `step`th position of row `y` from `first`
    /// on; `sums` is the row.
    pub(super) fn row(
        &self,
        isa: Isa,
        x: &Grid,
        [y, first, step]: [usize; 3],
        add: bool,
        sums: &mut [i32],
    ) {
        let width = self.matrix.outputs();
        let at = |[dy, dx]: &[usize; 2]| (y + dy) * x.pitch() + (first + dx) * x.depth;
        let segments: Vec<usize> = self.runs.iter().map(at).collect();
        let rows = Rows {
            data: &x.data,
            segments: &segments,
            length: self.run * x.depth,
            stride: step * x.depth,
            count: (x.w - first).div_ceil(step),
        };
        let finish = if add {
            IntFinish::Add
        } else {
            IntFinish::Store
        };
        let sums = &mut sums[first * width..];
        self.matrix.multiply(isa, rows, finish, sums, step * width);
    }
}

/// A 1x1 layer of which `outputs` outputs are taken, `from(o)` each; none is zero.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    pub(super) matrix: IntMatrix,
    requantise: Requantise,
}

impl Layer {
    /// `extra` is added to every exponent, `most` the greatest output.
    pub(super) fn new(
        layer: &IntLayer,
        outputs: usize,
        from: impl Fn(usize) -> Option<usize>,
        extra: u32,
        most: u8,
    ) -> Self {
        let inputs = layer.inputs;
        let weight = |o: usize, i: usize| match from(o).filter(|_| i < inputs) {
            Some(output) => layer.weights[output * inputs + i],
            None => 0,
        };
        let bias = |o| from(o).map_or(0, |output| layer.bias[output]);
        let shift = |o| from(o).map_or(1, |output| u32::from(layer.exponents[output]) + extra);
        let bias: Vec<i32> = (0..outputs).map(bias).collect();
        Self {
            matrix: IntMatrix::new(outputs, padded(inputs), &bias, weight),
            requantise: Requantise::new((0..outputs).map(shift).collect(), most),
        }
    }

    pub(super) fn activations(layer: &IntLayer) -> Self {
        Self::new(layer, layer.outputs, Some, 0, 255)
    }

    /// Before a shuffle to twice the resolution, where output channel
    /// 4c + 2dy + dx of a position goes to channel c of (2y + dy, 2x + dx): for each
    /// dy the activations of two neighbours, padded.
    pub(super) fn shuffled(layer: &IntLayer) -> [Self; 2] {
        let (channels, depth) = (layer.outputs / 4, padded(layer.outputs / 4));
        [0, 1].map(|dy| {
            let from = |o: usize| {
                let channel = Some(o % depth).filter(|&c| c < channels);
                channel.map(|c| 4 * c + 2 * dy + o / depth)
            };
            Self::new(layer, 2 * depth, from, 0, 255)
        })
    }

    /// `x` are rows of the matrix inputs; row `r` of the output is
    /// `out[r·stride ..]`.
    pub(super) fn run(
        &self,
        isa: Isa,
        x: &[u8],
        sums: &mut Vec<i32>,
        out: &mut [u8],
        stride: usize,
    ) {
        let rows = Rows::dense(x, self.matrix.inputs());
        let width = self.matrix.outputs();
        sums.resize(rows.count * width, 0);
        self.matrix
            .multiply(isa, rows, IntFinish::Store, sums, width);
        self.requantise.apply(isa, sums, out, stride);
    }
}

/// A [`shuffled`](Layer::shuffled) layer over a grid.
pub(super) fn doubled(isa: Isa, layer: &[Layer; 2], x: &Grid, border: usize) -> Grid {
    let depth = layer[0].matrix.outputs() / 2;
    let mut out = Grid::new([2 * x.h, 2 * x.w], depth, border);
    out.rows_mut()
        .enumerate()
        .for_each_init(Vec::new, |sums, (y, out)| {
            let row = &x.data[y / 2 * x.pitch()..][..x.pitch()];
            layer[y % 2].run(isa, row, sums, out, 2 * depth);
        });
    out
}
