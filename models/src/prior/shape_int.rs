//! The shape half of the prior as it codes: integers from `z` and residuals to
//! the index of a scale. BITSTREAM.md, *Model 1*, is its specification.

use rayon::prelude::*;

use super::shape::{ACTIVATION_BITS, INDEX_BITS};
use super::shape_file::{IntLayer, IntWeights};
use super::{GroupsConfig, Pass, Step};

/// As u8, round(32·log2(1 + |r|)) for |r| = 0, 1, …; 255 beyond. A table, since no
/// float may choose a probability.
const MAGNITUDE: [u8; 248] = [
    0, 32, 51, 64, 74, 83, 90, 96, 101, 106, 111, 115, 118, 122, 125, 128, 131, 133, 136, 138, 141,
    143, 145, 147, 149, 150, 152, 154, 155, 157, 159, 160, 161, 163, 164, 165, 167, 168, 169, 170,
    171, 173, 174, 175, 176, 177, 178, 179, 180, 181, 182, 182, 183, 184, 185, 186, 187, 187, 188,
    189, 190, 191, 191, 192, 193, 193, 194, 195, 195, 196, 197, 197, 198, 199, 199, 200, 201, 201,
    202, 202, 203, 203, 204, 205, 205, 206, 206, 207, 207, 208, 208, 209, 209, 210, 210, 211, 211,
    212, 212, 213, 213, 214, 214, 214, 215, 215, 216, 216, 217, 217, 217, 218, 218, 219, 219, 219,
    220, 220, 221, 221, 221, 222, 222, 223, 223, 223, 224, 224, 224, 225, 225, 225, 226, 226, 226,
    227, 227, 227, 228, 228, 228, 229, 229, 229, 230, 230, 230, 231, 231, 231, 232, 232, 232, 233,
    233, 233, 233, 234, 234, 234, 235, 235, 235, 235, 236, 236, 236, 237, 237, 237, 237, 238, 238,
    238, 238, 239, 239, 239, 239, 240, 240, 240, 241, 241, 241, 241, 242, 242, 242, 242, 242, 243,
    243, 243, 243, 244, 244, 244, 244, 245, 245, 245, 245, 246, 246, 246, 246, 246, 247, 247, 247,
    247, 248, 248, 248, 248, 248, 249, 249, 249, 249, 249, 250, 250, 250, 250, 250, 251, 251, 251,
    251, 251, 252, 252, 252, 252, 252, 253, 253, 253, 253, 253, 254, 254, 254, 254, 254, 255,
];

/// What an integer network sees of a residual.
fn magnitude(r: i32) -> u8 {
    MAGNITUDE
        .get(r.unsigned_abs() as usize)
        .copied()
        .unwrap_or(255)
}

/// A layer's weights, laid out for the inner loop.
#[derive(Debug, Clone)]
struct Kernel {
    /// `[tap][input][output]`.
    weights: Vec<i16>,
    inputs: usize,
    outputs: usize,
    /// Taps a side.
    side: usize,
}

/// A layer that can be run: a [`Kernel`] with what turns its sums into
/// activations.
#[derive(Debug, Clone)]
struct Layer {
    kernel: Kernel,
    bias: Vec<i32>,
    exponents: Vec<u8>,
}

/// Activations of a grid of positions, channels last, zeros left out: most
/// residuals are zero, and so are half of what comes out of a ReLU.
struct Sparse {
    /// (channel, activation) pairs of all positions.
    entries: Vec<(u16, u8)>,
    /// Where each position's pairs begin, and their end.
    starts: Vec<u32>,
    h: usize,
    w: usize,
}

impl Sparse {
    fn new(h: usize, w: usize, mut at: impl FnMut(usize, &mut dyn FnMut(usize, u8))) -> Self {
        let mut entries = Vec::new();
        let mut starts = Vec::with_capacity(h * w + 1);
        for position in 0..h * w {
            starts.push(entries.len() as u32);
            at(position, &mut |channel, value| {
                if value != 0 {
                    entries.push((channel as u16, value));
                }
            });
        }
        starts.push(entries.len() as u32);
        Self {
            entries,
            starts,
            h,
            w,
        }
    }

    fn at(&self, y: usize, x: usize) -> &[(u16, u8)] {
        let i = y * self.w + x;
        &self.entries[self.starts[i] as usize..self.starts[i + 1] as usize]
    }
}

impl Kernel {
    fn new(layer: &IntLayer) -> Self {
        let (inputs, outputs, side) = (layer.inputs, layer.outputs, layer.side);
        let taps = side * side;
        let mut weights = vec![0; taps * inputs * outputs];
        for (i, &w) in layer.weights.iter().enumerate() {
            // The file has [output][input][tap].
            let (output, input, tap) = (i / (inputs * taps), i / taps % inputs, i % taps);
            weights[(tap * inputs + input) * outputs + output] = i16::from(w);
        }
        Self {
            weights,
            inputs,
            outputs,
            side,
        }
    }

    fn row(&self, tap: usize, input: usize) -> &[i16] {
        &self.weights[(tap * self.inputs + input) * self.outputs..][..self.outputs]
    }

    /// Adds the convolution of `x`, zero outside, to `sums` `[h·w][outputs]`.
    /// Whole numbers below 2^24: any order gives the same sums.
    fn add(&self, x: &Sparse, sums: &mut [i32]) {
        let reach = self.side / 2;
        let width = x.w * self.outputs;
        sums.par_chunks_mut(width).enumerate().for_each(|(y, row)| {
            for tap in 0..self.side * self.side {
                let (dy, dx) = (tap / self.side, tap % self.side);
                let Some(from_y) = (y + dy).checked_sub(reach).filter(|&v| v < x.h) else {
                    continue;
                };
                for (to_x, out) in row.chunks_exact_mut(self.outputs).enumerate() {
                    let Some(from_x) = (to_x + dx).checked_sub(reach).filter(|&v| v < x.w) else {
                        continue;
                    };
                    for &(channel, value) in x.at(from_y, from_x) {
                        multiply_add(out, self.row(tap, usize::from(channel)), value);
                    }
                }
            }
        });
    }
}

fn multiply_add(out: &mut [i32], weights: &[i16], value: u8) {
    let value = i32::from(value);
    for (sum, &weight) in out.iter_mut().zip(weights) {
        *sum += value * i32::from(weight);
    }
}

impl Layer {
    fn new(layer: &IntLayer) -> Self {
        Self {
            kernel: Kernel::new(layer),
            bias: layer.bias.clone(),
            exponents: layer.exponents.clone(),
        }
    }

    /// Sums of a 1x1 layer at one position.
    fn sums(&self, x: impl Iterator<Item = (usize, u8)>, sums: &mut Vec<i32>) {
        sums.clear();
        sums.extend_from_slice(&self.bias);
        for (channel, value) in x.filter(|&(_, value)| value != 0) {
            multiply_add(sums, self.kernel.row(0, channel), value);
        }
    }

    fn activation(&self, output: usize, sum: i32) -> u8 {
        activation(sum, self.exponents[output])
    }

    /// A 1x1 layer, its activations shuffled to twice the resolution: output
    /// channel 4c + 2dy + dx of a position goes to channel c of (2y + dy, 2x + dx).
    fn doubled(&self, x: &Sparse) -> Sparse {
        let channels = self.kernel.outputs / 4;
        let mut dense = vec![0u8; x.h * x.w * self.kernel.outputs];
        let mut sums = Vec::new();
        for y in 0..x.h {
            for column in 0..x.w {
                let pairs = x.at(y, column).iter().map(|&(c, v)| (usize::from(c), v));
                self.sums(pairs, &mut sums);
                for (output, &sum) in sums.iter().enumerate() {
                    let (c, dy, dx) = (output / 4, output / 2 % 2, output % 2);
                    let position = (2 * y + dy) * 2 * x.w + 2 * column + dx;
                    dense[position * channels + c] = self.activation(output, sum);
                }
            }
        }
        Sparse::new(2 * x.h, 2 * x.w, |position, push| {
            let row = &dense[position * channels..(position + 1) * channels];
            row.iter()
                .enumerate()
                .for_each(|(channel, &value)| push(channel, value));
        })
    }
}

/// ReLU and requantisation: round(sum / 2^exponent) in 0..=255.
fn activation(sum: i32, exponent: u8) -> u8 {
    let rounded = (sum + (1 << (exponent - 1))) >> exponent;
    rounded.clamp(0, 255) as u8
}

/// The integer networks, ready to run.
#[derive(Debug, Clone)]
pub struct IntShape {
    z: usize,
    up_32: Layer,
    up_16: Layer,
    hyper: Layer,
    context: Vec<Kernel>,
    heads: Vec<[Layer; 2]>,
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
}

impl IntShape {
    /// From weights that were read from a file, and so are proven.
    pub fn new(weights: &IntWeights, groups: &GroupsConfig) -> Self {
        Self {
            z: weights.up_32.inputs - 1,
            up_32: Layer::new(&weights.up_32),
            up_16: Layer::new(&weights.up_16),
            hyper: Layer::new(&weights.hyper),
            context: weights.context.iter().map(Kernel::new).collect(),
            heads: weights
                .heads
                .iter()
                .map(|h| [Layer::new(&h[0]), Layer::new(&h[1])])
                .collect(),
            steps: groups.init().steps().to_vec(),
        }
    }

    /// The stream when only `z` is known: `z` is `[channel][h/4·w/4]`; `quality` is in
    /// halves, 2..=200; `h`, `w` are those of the latents.
    pub fn start(&self, z: &[i32], h: usize, w: usize, quality: u8) -> IntStream {
        let area = h / 4 * (w / 4);
        let known = Sparse::new(h / 4, w / 4, |position, push| {
            for channel in 0..self.z {
                let value = i64::from(z[channel * area + position]) * 4 + 128;
                push(channel, value.clamp(0, 255) as u8);
            }
            push(self.z, quality);
        });
        let known = self.up_16.doubled(&self.up_32.doubled(&known));
        let mut sums = self.hyper.bias.repeat(h * w);
        self.hyper.kernel.add(&known, &mut sums);
        IntStream {
            sums,
            h,
            w,
            quality,
        }
    }

    /// Adds the residuals `r` of step `step`: `[channel][position covered]`.
    pub fn update(&self, stream: &mut IntStream, step: usize, r: &[i32]) {
        let Step {
            group,
            channels,
            pass,
            ..
        } = self.steps[step];
        let (h, w) = (stream.h, stream.w);
        let count = covered(pass, h, w).count();
        let mut seen = 0;
        let known = Sparse::new(h, w, |position, push| {
            if pass.covers(position % w, position / w) {
                (0..channels).for_each(|c| push(c, magnitude(r[c * count + seen])));
                seen += 1;
            }
        });
        self.context[group].add(&known, &mut stream.sums);
    }

    /// Index of the scale of every symbol of step `step`, in coding order:
    /// `[channel][position covered]`.
    pub fn indices(&self, stream: &IntStream, step: usize) -> Vec<u16> {
        let Step { channels, pass, .. } = self.steps[step];
        let [mix, out] = &self.heads[step];
        let width = self.hyper.kernel.outputs;
        let positions: Vec<usize> = covered(pass, stream.h, stream.w).collect();
        let mut by_position = vec![0u16; positions.len() * channels];
        by_position
            .par_chunks_mut(channels)
            .zip(&positions)
            .for_each_init(
                || (Vec::new(), Vec::new()),
                |(inner, sums), (indices, position)| {
                    let known = &stream.sums[position * width..(position + 1) * width];
                    let known = known.iter().enumerate();
                    mix.sums(known.map(|(c, &s)| (c, self.hyper.activation(c, s))), inner);
                    let hidden = inner
                        .iter()
                        .enumerate()
                        .map(|(c, &s)| (c, mix.activation(c, s)));
                    let quality = std::iter::once((inner.len(), stream.quality));
                    out.sums(hidden.chain(quality), sums);
                    for ((index, &sum), &exponent) in
                        indices.iter_mut().zip(&*sums).zip(&out.exponents)
                    {
                        *index = scale_index(sum, exponent);
                    }
                },
            );
        (0..channels)
            .flat_map(|c| by_position.iter().skip(c).step_by(channels).copied())
            .collect()
    }
}

/// The last layer's sum as an index: round(8 · sum / 2^(exponent + 5)) in 0..=63.
fn scale_index(sum: i32, exponent: u8) -> u16 {
    let shift = u32::from(exponent) + ACTIVATION_BITS - INDEX_BITS;
    ((sum + (1 << (shift - 1))) >> shift).clamp(0, 63) as u16
}

/// Positions that a pass codes, row by row.
pub fn covered(pass: Pass, h: usize, w: usize) -> impl Iterator<Item = usize> {
    (0..h * w).filter(move |i| pass.covers(i % w, i / w))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn magnitude_is_the_logarithm() {
        for r in 0..300 {
            let exact = (32.0 * f64::from(1 + r).log2()).round().min(255.0);
            assert_eq!(f64::from(magnitude(r)), exact, "|r| = {r}");
            assert_eq!(magnitude(-r), magnitude(r));
        }
        assert_eq!(magnitude(i32::MIN), 255);
    }

    #[test]
    fn the_specification_lists_the_same_magnitudes() {
        let spec = include_str!("../../../codec/BITSTREAM.md");
        let (_, after) = spec
            .split_once("where m(0), m(1), … are\n\n```text\n")
            .unwrap();
        let (list, _) = after.split_once("```").unwrap();
        let listed: Vec<u8> = list.split(',').map(|n| n.trim().parse().unwrap()).collect();
        assert_eq!(listed, MAGNITUDE);
    }

    #[test]
    fn requantisation_rounds_half_up_and_saturates() {
        assert_eq!(activation(-1000, 3), 0);
        assert_eq!(activation(3, 3), 0);
        assert_eq!(activation(4, 3), 1);
        assert_eq!(activation(1 << 20, 3), 255);
        assert_eq!(scale_index(-5, 1), 0);
        assert_eq!(scale_index(i32::from(u16::MAX), 1), 63);
    }
}
