use std::borrow::Cow;

use burn::nn::conv::Conv2d;
use lic_kernels::{Bf16, Finish, Isa, Number, Rows};
use rayon::prelude::*;

use super::conv::{Conv, Span, Weights};
use super::grid::{Grid, tiles};
use super::hyper::layer;
use super::layer::Layer;
use super::{Precision, TILE, expect_length};
use crate::networks::Means;
use crate::prior::{GroupsConfig, Mean, Pass, Step};
use crate::profile::{Other, Part, Work, timed};

/// The networks of the means, see [`Mean`].
#[derive(Debug)]
pub(super) struct MeanLayers<T: Number> {
    /// Hyper-latents are whole numbers, and one more input is the quality: in `f32`.
    up_32: [Layer; 2],
    up_16: [Layer<T>; 2],
    stream: StreamLayers<T>,
}

/// Those that write to a stream and read it.
#[derive(Debug)]
pub(super) struct StreamLayers<T: Number> {
    hyper: Conv<T>,
    context: Vec<Context<T>>,
    heads: Vec<Head<T>>,
    steps: Vec<Step>,
}

/// What a step adds to the stream.
#[derive(Debug)]
enum Context<T: Number> {
    /// One tap in two sees a checkerboard's symbols, and the other sees zeros:
    /// the taps with `dx + dy` even, and those with it odd.
    Checkered([Conv<T>; 2]),
    Whole(Conv<T>),
}

#[derive(Debug)]
struct Head<T: Number> {
    mix: Layer<T>,
    out: Layer<T>,
}

impl<T: Number> StreamLayers<T> {
    /// `steps` say how many numbers a head gives for each position.
    pub(super) fn new(
        hyper: &Conv2d,
        context: &[Conv2d],
        heads: &[crate::prior::Head],
        groups: &GroupsConfig,
        steps: Vec<Step>,
    ) -> Result<Self, String> {
        let of_group = |(group, layer)| {
            let (weights, part) = (Weights::of(layer)?, Part::Other(Other::Context));
            Ok(if group < groups.checkered {
                Context::Checkered([0, 1].map(|parity| weights.checkered(part, parity)))
            } else {
                Context::Whole(weights.conv(part))
            })
        };
        let of_step = |head: &crate::prior::Head| {
            Ok(Head {
                mix: Weights::of(&head.mix)?.pointwise(Part::Other(Other::Mix)),
                out: Weights::of(&head.out)?.pointwise(Part::Other(Other::Out)),
            })
        };
        Ok(Self {
            hyper: Weights::of(hyper)?.conv(Part::Other(Other::Hyper)),
            context: context
                .iter()
                .enumerate()
                .map(of_group)
                .collect::<Result<_, String>>()?,
            heads: heads.iter().map(of_step).collect::<Result<_, String>>()?,
            steps,
        })
    }
}

impl<T: Number> StreamLayers<T> {
    /// Numbers that a group's context sees for each position.
    fn inputs(&self, group: usize) -> usize {
        match &self.context[group] {
            Context::Checkered([conv, _]) | Context::Whole(conv) => conv.inputs(),
        }
    }
}

impl<T: Number> MeanLayers<T> {
    pub(super) fn new(mean: &Mean, groups: &GroupsConfig) -> Result<Self, String> {
        let steps = groups.init().steps().to_vec();
        Ok(Self {
            up_32: Weights::of(&mean.up_32)?.shuffled(Part::Other(Other::Up32)),
            up_16: Weights::of(&mean.up_16)?.shuffled(Part::Other(Other::Up16)),
            stream: StreamLayers::new(&mean.hyper, &mean.context, &mean.heads, groups, steps)?,
        })
    }

    /// Channels of the hyper-latents; one input more is the quality.
    pub(super) fn z(&self) -> usize {
        self.up_32[0].inputs() - 1
    }
}

/// [`MeanLayers`] in one precision or the other.
#[derive(Debug)]
pub(super) enum AnyMeans {
    Single(MeanLayers<f32>),
    Bf16(MeanLayers<Bf16>),
}

impl AnyMeans {
    pub(super) fn new(
        mean: &Mean,
        groups: &GroupsConfig,
        precision: Precision,
    ) -> Result<Self, String> {
        Ok(match precision {
            Precision::Single => Self::Single(MeanLayers::new(mean, groups)?),
            Precision::Bf16 | Precision::Bytes => Self::Bf16(MeanLayers::new(mean, groups)?),
        })
    }

    /// Channels of the hyper-latents.
    pub(super) fn z(&self) -> usize {
        match self {
            Self::Single(layers) => layers.z(),
            Self::Bf16(layers) => layers.z(),
        }
    }

    /// As [`CpuMeans::start`].
    pub(super) fn start(
        &self,
        isa: Isa,
        z: &[f32],
        size: [usize; 2],
        quality: f32,
    ) -> Box<dyn Means + '_> {
        match self {
            Self::Single(layers) => Box::new(CpuMeans::start(layers, isa, z, size, quality)),
            Self::Bf16(layers) => Box::new(CpuMeans::start(layers, isa, z, size, quality)),
        }
    }
}

/// The stream of one picture.
#[derive(Debug)]
pub(super) struct CpuMeans<'a, T: Number> {
    layers: &'a StreamLayers<T>,
    isa: Isa,
    stream: Grid<f32>,
    /// What is known of a group's corners, until all of it is: then the stream takes it.
    corners: Option<Grid<T>>,
}

/// A 1x1 layer, a ReLU and a shuffle to twice the resolution.
fn doubled<T: Number, O: Number>(
    isa: Isa,
    layer: &[Layer<T>; 2],
    x: &Grid<T>,
    border: usize,
) -> Grid<O> {
    let to = layer[0].outputs();
    let mut out = Grid::new([2 * x.h, 2 * x.w], to / 2, border);
    out.rows_mut(0..2 * x.h).enumerate().for_each(|(y, out)| {
        let rows = Rows::dense(x.row(y / 2), x.channels);
        layer[y % 2].multiply(isa, rows, Finish::Relu, out, to);
    });
    out
}

impl<'a, T: Number> CpuMeans<'a, T> {
    /// `z`: `[h/4][w/4][z]`, `quality` in 0..=1.
    pub(super) fn start(
        layers: &'a MeanLayers<T>,
        isa: Isa,
        z: &[f32],
        [h, w]: [usize; 2],
        quality: f32,
    ) -> Self {
        let mut known = Grid::new([h / 4, w / 4], layers.z() + 1, 0);
        for (known, z) in known
            .data
            .chunks_exact_mut(layers.z() + 1)
            .zip(z.chunks_exact(layers.z()))
        {
            known[..z.len()].copy_from_slice(z);
            known[z.len()] = quality;
        }
        let x: Grid<T> = doubled(isa, &layers.up_32, &known, 0);
        let x: Grid<T> = doubled(isa, &layers.up_16, &x, 1);
        Self::start_from(&layers.stream, isa, &x)
    }

    /// From what the layer `hyper` sees, inside a border of one.
    pub(super) fn start_from(layers: &'a StreamLayers<T>, isa: Isa, x: &Grid<T>) -> Self {
        Self {
            layers,
            isa,
            stream: layer(isa, &layers.hyper, x, 1, Finish::Store, 0),
            corners: None,
        }
    }

    fn step(&self, step: usize) -> Result<Step, String> {
        let steps = &self.layers.steps;
        let found = steps.get(step).copied();
        found.ok_or_else(|| format!("step {step} of {} (counted from 0)", steps.len()))
    }
}

impl<T: Number> CpuMeans<'_, T> {
    /// The stream as the pass of a step sees it.
    fn seen(&self, step: Step) -> Cow<'_, Grid<f32>> {
        let Some(known) = &self.corners else {
            return Cow::Borrowed(&self.stream);
        };
        let mut stream = self.stream.clone();
        let Step { group, pass, .. } = step;
        let (first_row, row_step) = pass.rows();
        let count = pass.count_in_row(known.w);
        let rows = stream.rows_mut(0..known.h).enumerate();
        rows.skip(first_row).step_by(row_step).for_each(|(y, row)| {
            let (x, step) = pass.in_row(y);
            let span = Span { y, x, step, count };
            // Corners see each other through even taps.
            self.layers.context[group].add(self.isa, known, span, 0, row);
        });
        Cow::Owned(stream)
    }
}

impl<T: Number> Context<T> {
    /// Adds what the positions of a row see of what is `known` to the `row` of the stream.
    /// `parity`: through which taps of a checkerboard.
    fn add(&self, isa: Isa, known: &Grid<T>, span: Span, parity: usize, row: &mut [f32]) {
        let conv = match self {
            Self::Whole(conv) => conv,
            Self::Checkered(convs) => &convs[parity],
        };
        let width = conv.layer.outputs();
        let out = &mut row[span.x * width..];
        conv.run(isa, known, span, Finish::Add, out, span.step * width);
    }
}

impl<T: Number> Means for CpuMeans<'_, T> {
    fn head(&mut self, step: usize) -> Result<Vec<f32>, String> {
        let of = self.step(step)?;
        let Step { channels, pass, .. } = of;
        let (head, isa, stream) = (&self.layers.heads[step], self.isa, self.seen(of));
        let (from, inside) = (head.mix.inputs(), head.mix.outputs());
        let count = pass.count_in_row(stream.w);
        let (first_row, row_step) = pass.rows();
        let mut means = vec![0.0; pass.before_row(stream.h, stream.w) * channels];
        let inner = || {
            let zeros = |count| vec![T::default(); count];
            (zeros(TILE * from), zeros(TILE * inside))
        };
        means
            .par_chunks_mut(count * channels)
            .enumerate()
            .for_each_init(inner, |(known, hidden), (row, out)| {
                let y = first_row + row * row_step;
                let (first, step) = pass.in_row(y);
                for tile in tiles(0..count, TILE) {
                    let positions = stream.row(y).chunks_exact(from);
                    let positions = positions.skip(first + tile.start * step).step_by(step);
                    let known = &mut known[..tile.len() * from];
                    let work = || Work::moved(2 * size_of::<f32>() * tile.len() * from);
                    timed(Part::Other(Other::Gather), work, || {
                        for (known, stream) in known.chunks_exact_mut(from).zip(positions) {
                            let pairs = known.iter_mut().zip(stream);
                            pairs.for_each(|(known, value)| *known = T::from_f32(value.max(0.0)));
                        }
                    });
                    let known = Rows::dense(known, from);
                    let hidden = &mut hidden[..tile.len() * inside];
                    head.mix.multiply(isa, known, Finish::Relu, hidden, inside);
                    let hidden = Rows::dense(hidden, inside);
                    let out = &mut out[tile.start * channels..];
                    head.out.multiply(isa, hidden, Finish::Store, out, channels);
                }
            });
        Ok(means)
    }

    fn update(&mut self, step: usize, y_hat: &[f32]) -> Result<(), String> {
        let Step { group, pass, .. } = self.step(step)?;
        let channels = self.layers.inputs(group);
        let (isa, [h, w]) = (self.isa, [self.stream.h, self.stream.w]);
        let count = pass.count_in_row(w);
        let positions = pass.before_row(h, w);
        expect_length("symbols of a step", y_hat.len(), positions * channels)?;
        let (first_row, row_step) = pass.rows();
        let context = &self.layers.context[group];
        let border = if let Context::Checkered(_) = context {
            2
        } else {
            1
        };
        let before = self.corners.take();
        let mut known = before.unwrap_or_else(|| Grid::new([h, w], channels, border));
        known
            .rows_mut(0..h)
            .enumerate()
            .skip(first_row)
            .step_by(row_step)
            .zip(y_hat.par_chunks_exact(count * channels))
            .for_each(|((y, row), y_hat)| {
                let (first, step) = pass.in_row(y);
                let work = || Work::moved(2 * size_of_val(y_hat));
                timed(Part::Other(Other::Scatter), work, || {
                    let positions = row.chunks_exact_mut(channels).skip(first).step_by(step);
                    for (known, y_hat) in positions.zip(y_hat.chunks_exact(channels)) {
                        let pairs = known.iter_mut().zip(y_hat);
                        pairs.for_each(|(known, y_hat)| *known = T::from_f32(*y_hat));
                    }
                });
            });
        if pass.leaves_corners() {
            self.corners = Some(known);
            return Ok(());
        }
        self.stream.rows_mut(0..h).enumerate().for_each(|(y, row)| {
            let span = |x, step, count| Span { y, x, step, count };
            if let Context::Whole(_) = context {
                return context.add(isa, &known, span(0, 1, w), 0, row);
            }
            for kind in [Pass::Even, Pass::Odd] {
                // A position sees its own kind through even taps.
                let parity = usize::from(kind != pass.squares());
                let (x, _) = kind.in_row(y);
                context.add(isa, &known, span(x, 2, w / 2), parity, row);
            }
        });
        Ok(())
    }
}
