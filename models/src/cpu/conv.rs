use burn::nn::conv::Conv2d;
use burn::tensor::Tensor;
use lic_kernels::{Finish, Isa, Matrix, Number, Rows};

use super::grid::Grid;
use super::layer::Layer;
use crate::profile::Part;

/// Runs of taps of a convolution at most: every second of 5x5, one by one.
const MOST_RUNS: usize = 13;

/// A tensor's numbers, whatever it holds them as.
pub(super) fn host<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, String> {
    let data = tensor
        .try_into_data()
        .map_err(|e| format!("reading weights: {e:?}"))?;
    data.convert::<f32>()
        .try_to_vec()
        .map_err(|e| format!("reading weights: {e:?}"))
}

/// A convolution's weights on the host, not yet packed.
pub(super) struct Weights {
    /// `[output][input][dy][dx]`.
    weights: Vec<f32>,
    /// `[output]`, or empty.
    bias: Vec<f32>,
    pub(super) outputs: usize,
    pub(super) inputs: usize,
    side: usize,
}

impl Weights {
    pub(super) fn of(layer: &Conv2d) -> Result<Self, String> {
        let weight = layer.weight.val();
        let [outputs, inputs, side, _] = weight.dims();
        let bias = layer.bias.as_ref().map(|bias| host(bias.val()));
        Ok(Self {
            weights: host(weight)?,
            bias: bias.transpose()?.unwrap_or_default(),
            outputs,
            inputs,
            side,
        })
    }

    fn at(&self, output: usize, input: usize, [dy, dx]: [usize; 2]) -> f32 {
        self.weights[((output * self.inputs + input) * self.side + dy) * self.side + dx]
    }

    /// The same with every input and output, its bias too, times a number.
    pub(super) fn scaled(
        mut self,
        input: impl Fn(usize) -> f32,
        output: impl Fn(usize) -> f32,
    ) -> Self {
        let taps = self.side * self.side;
        for (o, weights) in self
            .weights
            .chunks_exact_mut(self.inputs * taps)
            .enumerate()
        {
            for (i, weights) in weights.chunks_exact_mut(taps).enumerate() {
                let by = input(i) * output(o);
                weights.iter_mut().for_each(|weight| *weight *= by);
            }
        }
        for (o, bias) in self.bias.iter_mut().enumerate() {
            *bias *= output(o);
        }
        self
    }

    /// The same with more inputs, which say nothing.
    pub(super) fn padded(self, inputs: usize) -> Self {
        let taps = self.side * self.side;
        let mut weights = Vec::with_capacity(self.outputs * inputs * taps);
        for output in self.weights.chunks_exact(self.inputs * taps) {
            weights.extend_from_slice(output);
            weights.resize(weights.len() + (inputs - self.inputs) * taps, 0.0);
        }
        Self {
            weights,
            inputs,
            ..self
        }
    }

    /// A 1x1 layer.
    pub(super) fn pointwise<T: Number>(&self, part: Part) -> Layer<T> {
        self.outputs_as(part, self.outputs, |o| o)
    }

    /// A 1x1 layer of `outputs` outputs, of which `o` is the layer's `from(o)`.
    pub(super) fn outputs_as<T: Number>(
        &self,
        part: Part,
        outputs: usize,
        from: impl Fn(usize) -> usize,
    ) -> Layer<T> {
        let bias: Vec<f32> = (0..outputs)
            .filter_map(|o| self.bias.get(from(o)).copied())
            .collect();
        let weight = |o, i| self.at(from(o), i, [0, 0]);
        Layer::new(Matrix::new(outputs, self.inputs, &bias, weight), part)
    }

    /// A 1x1 layer behind an unshuffle by two, as the 2x2 convolution it is.
    pub(super) fn unshuffled(self) -> Self {
        Self {
            inputs: self.inputs / 4,
            side: 2,
            ..self
        }
    }

    /// A 1x1 layer before a shuffle to twice the resolution: for each of two rows
    /// its outputs for two neighbours.
    pub(super) fn shuffled<T: Number>(&self, part: Part) -> [Layer<T>; 2] {
        let channels = self.outputs / 4;
        [0, 1].map(|dy| {
            let from = |o: usize| 4 * (o % channels) + 2 * dy + o / channels;
            self.outputs_as(part, 2 * channels, from)
        })
    }

    /// A 1x1 layer whose outputs are u and v of a gate.
    pub(super) fn gate<T: Number>(&self, part: Part) -> Layer<T> {
        let weight = |o, i| self.at(o, i, [0, 0]);
        Layer::new(
            Matrix::gate(self.outputs / 2, self.inputs, &self.bias, weight),
            part,
        )
    }

    /// The whole convolution.
    pub(super) fn conv<T: Number>(&self, part: Part) -> Conv<T> {
        let runs = (0..self.side).map(|dy| [dy, 0]).collect();
        self.runs(part, runs, self.side)
    }

    /// The taps with `dx + dy` even or odd: what a convolution reads of a
    /// checkerboard.
    pub(super) fn checkered<T: Number>(&self, part: Part, parity: usize) -> Conv<T> {
        let taps = (0..self.side * self.side).map(|i| [i / self.side, i % self.side]);
        let taps = taps.filter(|[y, x]| (y + x) % 2 == parity).collect();
        self.runs(part, taps, 1)
    }

    /// The inner convolution of a patch of `side`×`side` pixels of three colours,
    /// which come as input channels `(c·side + dy)·side + dx`.
    pub(super) fn patch(&self, part: Part, side: usize) -> Layer {
        let weight = |o, i| self.at(o, patch_channel(i, side), [0, 0]);
        Layer::new(
            Matrix::new(self.outputs, self.inputs, &self.bias, weight),
            part,
        )
    }

    fn runs<T: Number>(&self, part: Part, runs: Vec<[usize; 2]>, run: usize) -> Conv<T> {
        assert!(runs.len() <= MOST_RUNS, "{} runs", runs.len());
        let each = run * self.inputs;
        let matrix = Matrix::new(self.outputs, runs.len() * each, &self.bias, |o, i| {
            let ([dy, dx], inside) = (runs[i / each], i % each);
            self.at(o, inside % self.inputs, [dy, dx + inside / self.inputs])
        });
        Conv {
            layer: Layer::new(matrix, part),
            runs,
            run,
        }
    }
}

/// The channel, in an unshuffled picture, of number `i` of a patch by pixels:
/// `(dy·side + dx)·3 + c`.
pub(super) fn patch_channel(i: usize, side: usize) -> usize {
    i % 3 * side * side + i / 3
}

/// A convolution over a [`Grid`] with a border.
#[derive(Debug)]
pub(super) struct Conv<T: Number = f32> {
    pub(super) layer: Layer<T>,
    /// First tap (dy, dx) of each run of taps.
    runs: Vec<[usize; 2]>,
    /// Taps in a run.
    run: usize,
}

/// Outputs of a [`Conv`]: `count` positions of a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    /// Where, with the border, the first tap of the first position lies.
    pub(super) y: usize,
    pub(super) x: usize,
    /// Input positions from an output to the next.
    pub(super) step: usize,
    pub(super) count: usize,
}

impl<T: Number> Conv<T> {
    /// Channels that it sees of a position.
    pub(super) fn inputs(&self) -> usize {
        self.layer.inputs() / (self.runs.len() * self.run)
    }

    /// Row `i` of the output is `out[i·stride ..]`.
    pub(super) fn run<O: Number>(
        &self,
        isa: Isa,
        grid: &Grid<T>,
        span: Span,
        finish: Finish,
        out: &mut [O],
        stride: usize,
    ) {
        let mut segments = [0; MOST_RUNS];
        for (segment, [dy, dx]) in segments.iter_mut().zip(&self.runs) {
            *segment = (span.y + dy) * grid.pitch() + (span.x + dx) * grid.channels;
        }
        let rows = Rows {
            data: &grid.data,
            segments: &segments[..self.runs.len()],
            length: self.run * grid.channels,
            stride: span.step * grid.channels,
            count: span.count,
        };
        self.layer.multiply(isa, rows, finish, out, stride);
    }
}
