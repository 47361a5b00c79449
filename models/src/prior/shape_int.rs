//! The shape half of the prior as it codes: integers from `z` and residuals to
//! the index of a scale. BITSTREAM.md, *Models 1 and 2*, is its specification.

mod context;
mod magnitude;

use lic_entropy::{MixtureError, Mixtures};
use lic_kernels::{IntMatrix, Isa, Requantise};
use rayon::prelude::*;

use super::quantised::{ACTIVATION_BITS, INDEX_BITS};
use super::shape_file::{IntLayer, IntWeights};
use super::shape_layers::{Conv, Grid, Layer, doubled};
use super::{GroupsConfig, MixtureConfig, Pass, Step, TrellisConfig};
use crate::profile::{Numbers, Other, Part, Work, timed};
use context::Context;
pub(super) use magnitude::magnitude;

/// Positions that a head takes at a time; their activations stay in cache.
const TILE: usize = 48;

/// The integer networks, ready to run.
#[derive(Debug, Clone)]
pub struct IntShape {
    isa: Isa,
    z: usize,
    up_32: [Layer; 2],
    up_16: [Layer; 2],
    hyper: Conv,
    /// Sums of the stream to activations.
    stream: Requantise,
    context: Vec<Context>,
    heads: Vec<[Layer; 2]>,
    /// Beside the second layer of each head.
    mixtures: Option<(MixtureConfig, Vec<Layer>)>,
    steps: Vec<Step>,
}

/// What the integer networks know of a picture.
#[derive(Debug)]
pub struct IntStream {
    /// `[h·w][stream]`.
    sums: Vec<i32>,
    h: usize,
    w: usize,
    quality: u8,
    /// What is known of a group's corners, until all of it is: then the sums take it.
    corners: Option<Grid>,
}

impl IntShape {
    /// From weights that were read from a file, and so are proven.
    pub fn new(weights: &IntWeights, groups: &GroupsConfig) -> Self {
        let context = |(group, layer)| Context::new(layer, group < groups.checkered);
        let exponents = weights.hyper.exponents.iter().copied().map(u32::from);
        // An index is round(8 · sum / 2^(exponent + 5)) in 0..=63.
        let index =
            |out: &IntLayer| Layer::new(out, out.outputs, Some, ACTIVATION_BITS - INDEX_BITS, 63);
        Self {
            isa: Isa::best(),
            z: weights.up_32.inputs - 1,
            up_32: Layer::shuffled(&weights.up_32),
            up_16: Layer::shuffled(&weights.up_16),
            hyper: Conv::new(&weights.hyper),
            stream: Requantise::new(exponents.collect(), 255),
            context: weights.context.iter().enumerate().map(context).collect(),
            heads: weights
                .heads
                .iter()
                .map(|[mix, out]| [Layer::activations(mix), index(out)])
                .collect(),
            mixtures: weights.mixtures.as_ref().map(|(config, layers)| {
                // Parameters are indices, too.
                (config.clone(), layers.iter().map(index).collect())
            }),
            steps: groups.init().steps().to_vec(),
        }
    }

    /// The same by other instructions, for tests.
    #[cfg(test)]
    pub(crate) fn with_isa(self, isa: Isa) -> Self {
        Self { isa, ..self }
    }

    /// The stream when only `z` is known: `z` is `[channel][h/4·w/4]`; `quality` is in
    /// halves, 2..=200; `h`, `w` are those of the latents.
    pub fn start(&self, z: &[i32], h: usize, w: usize, quality: u8) -> IntStream {
        let of = |matrix: &IntMatrix, positions| positions * matrix.inputs() * matrix.outputs();
        let work = || Work {
            numbers: Numbers::Bytes,
            macs: of(&self.hyper.matrix, h * w)
                + 2 * of(&self.up_16[0].matrix, h / 2 * (w / 2))
                + 2 * of(&self.up_32[0].matrix, h / 4 * (w / 4)),
            bytes: h * w * size_of::<i32>() * self.hyper.matrix.outputs(),
        };
        timed(Part::Other(Other::ShapeStart), work, || {
            self.started(z, h, w, quality)
        })
    }

    fn started(&self, z: &[i32], h: usize, w: usize, quality: u8) -> IntStream {
        let area = h / 4 * (w / 4);
        let mut known = Grid::new([h / 4, w / 4], self.z + 1, 0);
        let depth = known.depth;
        for (position, known) in known.data.chunks_exact_mut(depth).enumerate() {
            for (channel, known) in known[..self.z].iter_mut().enumerate() {
                let value = i64::from(z[channel * area + position]) * 4 + 128;
                *known = value.clamp(0, 255) as u8;
            }
            known[self.z] = quality;
        }
        let known = doubled(self.isa, &self.up_32, &known, 0);
        let known = doubled(self.isa, &self.up_16, &known, self.hyper.side / 2);
        self.start_with(&known, quality)
    }

    /// The stream of a prior without hyper-latents: `known` is `[h·w][channels]`, what
    /// its first layer sees.
    pub(crate) fn start_from(&self, known: &[u8], h: usize, w: usize, quality: u8) -> IntStream {
        let channels = known.len() / (h * w).max(1);
        let mut grid = Grid::new([h, w], channels, self.hyper.side / 2);
        let depth = grid.depth;
        grid.rows_mut()
            .zip(known.par_chunks_exact((w * channels).max(1)))
            .for_each(|(row, known)| {
                let positions = row.chunks_exact_mut(depth);
                for (to, from) in positions.zip(known.chunks_exact(channels)) {
                    to[..channels].copy_from_slice(from);
                }
            });
        self.start_with(&grid, quality)
    }

    fn start_with(&self, known: &Grid, quality: u8) -> IntStream {
        let (h, w, width) = (known.h, known.w, self.hyper.matrix.outputs());
        let mut sums = vec![0; h * w * width];
        sums.par_chunks_mut(w * width)
            .enumerate()
            .for_each(|(y, row)| self.hyper.row(self.isa, known, [y, 0, 1], false, row));
        IntStream {
            sums,
            h,
            w,
            quality,
            corners: None,
        }
    }

    /// Index of the scale of every symbol of step `step`, in the coding order of plain
    /// Gaussians: `[channel][position covered]`.
    pub fn indices(&self, stream: &IntStream, step: usize) -> Vec<u16> {
        let work = || self.work_of_heads(stream, step);
        let sums = self.seen(stream, self.steps[step]);
        timed(Part::Other(Other::ShapeHeads), work, || {
            self.read(stream, &sums, step)
        })
    }

    /// What the heads of a step do, if no tile is nearly certain all over.
    fn work_of_heads(&self, stream: &IntStream, step: usize) -> Work {
        let Step { channels, pass, .. } = self.steps[step];
        let positions = pass.before_row(stream.h, stream.w);
        let macs = |layer: &Layer| layer.matrix.inputs() * layer.matrix.outputs();
        let [mix, out] = &self.heads[step];
        let more = self.mixtures.as_ref().map(|(_, layers)| &layers[step]);
        let outputs = channels + more.map_or(0, |more| more.matrix.outputs());
        Work {
            numbers: Numbers::Bytes,
            macs: positions * (macs(mix) + macs(out) + more.map_or(0, macs)),
            bytes: positions * (size_of::<i32>() * mix.matrix.inputs() + outputs),
        }
    }

    fn read(&self, stream: &IntStream, sums: &[i32], step: usize) -> Vec<u16> {
        let (by_position, _) = self.run(stream, sums, step);
        let channels = self.steps[step].channels;
        let mut indices = vec![0; by_position.len()];
        indices
            .par_chunks_mut((by_position.len() / channels.max(1)).max(1))
            .enumerate()
            .for_each(|(channel, plane)| {
                let from = by_position[channel..].iter().step_by(channels);
                let pairs = plane.iter_mut().zip(from);
                pairs.for_each(|(to, &from)| *to = u16::from(from));
            });
        indices
    }

    /// How symbols can be on a trellis.
    pub fn trellis(&self) -> Option<&TrellisConfig> {
        let (config, _) = self.mixtures.as_ref()?;
        config.trellis.as_ref()
    }

    /// Whether distributions are mixtures.
    pub fn has_mixtures(&self) -> bool {
        self.mixtures.is_some()
    }

    /// The mixtures of step `step` in their coding order, `[position covered][channel]`;
    /// `None` if distributions are plain Gaussians. On a trellis, if `trellis` says so.
    pub fn mixtures(
        &self,
        stream: &IntStream,
        step: usize,
        trellis: bool,
    ) -> Option<Result<Mixtures, MixtureError>> {
        let (config, _) = self.mixtures.as_ref()?;
        let work = || self.work_of_heads(stream, step);
        let sums = self.seen(stream, self.steps[step]);
        let (scales, parameters) = timed(Part::Other(Other::ShapeHeads), work, || {
            self.run(stream, &sums, step)
        });
        let MixtureConfig {
            components,
            paired,
            plain_below,
            trellis: ref scales_on_it,
        } = *config;
        let mixtures = Mixtures::new(components, paired, plain_below, scales, parameters);
        let mixtures = mixtures.and_then(|it| it.with_channels(self.steps[step].channels));
        let of = scales_on_it.as_ref().filter(|_| trellis);
        Some(mixtures.map(|mixtures| match of {
            Some(of) => mixtures.with_trellis(of.scales()),
            None => mixtures,
        }))
    }

    /// What the head of a step says: indices of scales `[position covered][channel]` and,
    /// of mixtures, parameters `[position covered][output]`. `sums`: what the step sees of the
    /// stream.
    fn run(&self, stream: &IntStream, sums: &[i32], step: usize) -> (Vec<u8>, Vec<u8>) {
        let Step { channels, pass, .. } = self.steps[step];
        let positions: Vec<usize> = covered(pass, stream.h, stream.w).collect();
        let quality = stream.quality;
        let mixtures = self.mixtures.as_ref();
        let outputs = mixtures.map_or(0, |(config, _)| config.outputs(channels));
        let mut indices = vec![0u8; positions.len() * channels];
        let mut parameters = vec![0u8; positions.len() * outputs];
        if outputs == 0 {
            indices
                .par_chunks_mut(TILE * channels)
                .zip(positions.par_chunks(TILE))
                .for_each_init(Inner::default, |inner, (indices, positions)| {
                    self.head((sums, quality), step, positions, inner, indices);
                });
            return (indices, parameters);
        }
        indices
            .par_chunks_mut(TILE * channels)
            .zip(parameters.par_chunks_mut(TILE * outputs))
            .zip(positions.par_chunks(TILE))
            .for_each_init(
                Inner::default,
                |inner, ((indices, parameters), positions)| {
                    self.head((sums, quality), step, positions, inner, indices);
                    self.more(step, inner, indices, parameters);
                },
            );
        (indices, parameters)
    }

    /// Indices `[position][channel]` of a tile, from the sums of the stream.
    fn head(
        &self,
        (sums, quality): (&[i32], u8),
        step: usize,
        positions: &[usize],
        inner: &mut Inner,
        indices: &mut [u8],
    ) {
        let ([mix, out], isa) = (&self.heads[step], self.isa);
        let width = self.hyper.matrix.outputs();
        let depth = mix.matrix.inputs();
        inner.known.resize(positions.len() * depth, 0);
        for (known, position) in inner.known.chunks_exact_mut(depth).zip(positions) {
            let sums = &sums[position * width..][..width];
            self.stream.apply(isa, sums, known, depth);
        }
        let (inside, depth) = (mix.matrix.outputs(), out.matrix.inputs());
        // What is not written below is padding, and stays zero.
        inner.hidden.resize(positions.len() * depth, 0);
        mix.run(isa, &inner.known, &mut inner.sums, &mut inner.hidden, depth);
        for hidden in inner.hidden.chunks_exact_mut(depth) {
            hidden[inside] = quality;
        }
        let channels = self.steps[step].channels;
        out.run(isa, &inner.hidden, &mut inner.sums, indices, channels);
    }

    /// Parameters `[position][output]` of a tile whose [`head`](Self::head) has run.
    fn more(&self, step: usize, inner: &mut Inner, indices: &[u8], parameters: &mut [u8]) {
        let Some((config, layers)) = &self.mixtures else {
            return;
        };
        // Plain symbols need none, and often all are.
        if indices.iter().all(|&i| usize::from(i) < config.plain_below) {
            return;
        }
        let outputs = config.outputs(self.steps[step].channels);
        layers[step].run(
            self.isa,
            &inner.hidden,
            &mut inner.sums,
            parameters,
            outputs,
        );
    }
}

/// What a head has between its layers.
#[derive(Default)]
struct Inner {
    known: Vec<u8>,
    hidden: Vec<u8>,
    sums: Vec<i32>,
}

/// Positions that a pass codes, row by row.
pub fn covered(pass: Pass, h: usize, w: usize) -> impl Iterator<Item = usize> {
    let (first_row, row_step) = pass.rows();
    (first_row..h).step_by(row_step).flat_map(move |y| {
        let (first, step) = pass.in_row(y);
        (first..w).step_by(step).map(move |x| y * w + x)
    })
}

#[cfg(test)]
mod tests;
