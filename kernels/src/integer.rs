use crate::isa::{Isa, Kind};
use crate::rows::{Rows, blocks};
use crate::{LANES, Lane, portable};

#[cfg(target_arch = "x86_64")]
use crate::{avx2, avx512};

#[cfg(target_arch = "aarch64")]
use crate::neon;

/// Activations that are multiplied at once: segments are multiples of it.
pub const QUAD: usize = 4;

/// What becomes of the sums of an integer product (bias included).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntFinish {
    /// They are the output.
    Store,
    /// They are added to the output.
    Add,
}

/// 8-bit weights and 32-bit bias of a layer, packed: panels of two lanes (the last
/// may be of one), each `[input / 4][lane][output][input % 4]`.
///
/// Products are exact on every machine as long as no sum of absolute values leaves
/// `i32`, which is for the caller to know; beyond, sums wrap.
#[derive(Debug, Clone)]
pub struct IntMatrix {
    weights: Vec<Lane<[i8; QUAD]>>,
    bias: Vec<Lane<i32>>,
    inputs: usize,
    outputs: usize,
}

impl IntMatrix {
    /// `weight(output, input)` over `outputs` × `inputs`; `bias` by output, or
    /// empty for none.
    ///
    /// # Panics
    ///
    /// If `inputs` is not a multiple of [`QUAD`].
    pub fn new(
        outputs: usize,
        inputs: usize,
        bias: &[i32],
        weight: impl Fn(usize, usize) -> i8,
    ) -> Self {
        assert!(inputs.is_multiple_of(QUAD), "{inputs} inputs");
        let lanes = outputs.div_ceil(LANES);
        let of = |output: usize, input: usize| match output < outputs {
            true => weight(output, input),
            false => 0,
        };
        let mut weights = Vec::with_capacity(lanes * inputs / QUAD);
        for first in (0..lanes).step_by(2) {
            for input in (0..inputs).step_by(QUAD) {
                for lane in first..lanes.min(first + 2) {
                    weights.push(Lane(std::array::from_fn(|o| {
                        std::array::from_fn(|i| of(lane * LANES + o, input + i))
                    })));
                }
            }
        }
        let bias_of = |output: usize| bias.get(output).copied().unwrap_or(0);
        Self {
            weights,
            bias: (0..lanes)
                .map(|lane| Lane(std::array::from_fn(|o| bias_of(lane * LANES + o))))
                .collect(),
            inputs,
            outputs,
        }
    }

    /// Inputs of a row.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Columns of the output.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Multiplies each row by the matrix; row `r` of the output is
    /// `out[r·stride ..][..outputs]`.
    ///
    /// # Panics
    ///
    /// If the rows have another length than the matrix inputs, are of segments that
    /// are no multiples of [`QUAD`], reach out of their data, or do not fit into
    /// `out`.
    pub fn multiply(
        &self,
        isa: Isa,
        rows: Rows<'_, u8>,
        finish: IntFinish,
        out: &mut [i32],
        stride: usize,
    ) {
        rows.check(self.inputs, QUAD, self.outputs, [out.len(), stride]);
        let job = IntJob {
            matrix: self,
            rows,
            finish,
            stride,
        };
        match isa.kind() {
            Kind::Portable => portable::int_product(&job, out),
            // SAFETY: a value of this kind exists only where its features were
            // detected.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => unsafe { avx2::int_product(&job, out) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 | Kind::Avx512Bf16 => unsafe { avx512::int_product(&job, out) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => unsafe { neon::int_product(&job, out) },
        }
    }
}

/// A product whose rows, weights and output were found to fit each other.
pub(crate) struct IntJob<'a> {
    matrix: &'a IntMatrix,
    pub(crate) rows: Rows<'a, u8>,
    finish: IntFinish,
    stride: usize,
}

/// The weights of at most two lanes of sums.
#[derive(Clone, Copy)]
pub(crate) struct IntPanel<'a> {
    /// `[input / 4][bias.len()]`.
    pub(crate) weights: &'a [Lane<[i8; QUAD]>],
    pub(crate) bias: &'a [Lane<i32>],
    /// Its first column of the output.
    column: usize,
}

impl IntJob<'_> {
    pub(crate) fn panels(&self) -> impl Iterator<Item = IntPanel<'_>> {
        let weights = self.matrix.weights.chunks(2 * self.matrix.inputs / QUAD);
        weights
            .zip(self.matrix.bias.chunks(2))
            .enumerate()
            .map(|(i, (weights, bias))| IntPanel {
                weights,
                bias,
                column: i * 2 * LANES,
            })
    }

    pub(crate) fn blocks(&self, most: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
        blocks(self.rows.count, most)
    }

    /// Does with the sums of a row what the job wants.
    #[inline(always)]
    pub(crate) fn finish<const V: usize>(
        &self,
        panel: IntPanel<'_>,
        row: usize,
        sums: &[[i32; LANES]; V],
        out: &mut [i32],
    ) {
        let columns = self.matrix.outputs - panel.column;
        let out = &mut out[row * self.stride + panel.column..][..columns];
        for (out, sums) in out.chunks_mut(LANES).zip(sums) {
            match self.finish {
                IntFinish::Store => out.copy_from_slice(&sums[..out.len()]),
                IntFinish::Add => {
                    for (out, &sum) in out.iter_mut().zip(sums) {
                        *out = out.wrapping_add(sum);
                    }
                }
            }
        }
    }
}

/// Turns sums into activations: round(sum / 2^shift), half up, in `0..=most`, with
/// a shift for each channel.
#[derive(Debug, Clone)]
pub struct Requantise {
    shifts: Vec<u32>,
    halves: Vec<i32>,
    most: u8,
}

impl Requantise {
    /// By the shifts of the channels.
    ///
    /// # Panics
    ///
    /// If a shift is not in 1..=31.
    pub fn new(shifts: Vec<u32>, most: u8) -> Self {
        let half = |shift: &u32| {
            assert!((1..=31).contains(shift), "shift {shift}");
            1 << (shift - 1)
        };
        Self {
            halves: shifts.iter().map(half).collect(),
            shifts,
            most,
        }
    }

    /// Row `r`, `sums[r·channels ..]`, goes to `out[r·stride ..]`.
    ///
    /// # Panics
    ///
    /// If `sums` is not of whole rows, or `stride` is less than the channels.
    pub fn apply(&self, isa: Isa, sums: &[i32], out: &mut [u8], stride: usize) {
        let channels = self.shifts.len();
        assert!(sums.len().is_multiple_of(channels) && stride >= channels);
        let rows = sums.chunks_exact(channels).zip(out.chunks_mut(stride));
        rows.for_each(|(sums, out)| match isa.kind() {
            // SAFETY: a value of these kinds exists only where AVX2 was detected.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 | Kind::Avx512 | Kind::Avx512Bf16 => unsafe {
                avx2::requantise(self, sums, out)
            },
            // NEON is always there, so the compiler uses it by itself.
            _ => self.row(sums, out),
        });
    }

    #[inline(always)]
    pub(crate) fn row(&self, sums: &[i32], out: &mut [u8]) {
        let channels = self.shifts.len();
        let (sums, out) = (&sums[..channels], &mut out[..channels]);
        let scales = self.shifts.iter().zip(&self.halves);
        for ((out, &sum), (&shift, &half)) in out.iter_mut().zip(sums).zip(scales) {
            // The shift is at most 31; this way no check stands in a vector's way.
            let rounded = sum.wrapping_add(half).wrapping_shr(shift);
            *out = rounded.clamp(0, i32::from(self.most)) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(count: usize, seed: u64) -> Vec<u8> {
        let mut state = seed;
        let mut next = || {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (state >> 56) as u8
        };
        (0..count).map(|_| next()).collect()
    }

    /// The definition, by which every instruction set must give the same numbers.
    #[test]
    fn products_are_exact() {
        for isa in Isa::all() {
            for (outputs, count) in [(1, 1), (16, 5), (40, 13), (48, 12), (64, 31), (130, 7)] {
                let (segments, length, stride) = ([3, 80, 10], 20, 8);
                let inputs = segments.len() * length;
                let mut data = bytes(80 + 30 * stride + length, 1);
                // Where an instruction that saturates at 16 bits would.
                data[..100].fill(255);
                let rows = Rows {
                    data: &data,
                    segments: &segments,
                    length,
                    stride,
                    count,
                };
                let mut w: Vec<i8> = bytes(outputs * inputs, 2)
                    .iter()
                    .map(|&b| b as i8)
                    .collect();
                w[..inputs].fill(127);
                let bias: Vec<i32> = bytes(outputs, 3)
                    .iter()
                    .map(|&b| 99 * i32::from(b))
                    .collect();
                let matrix = IntMatrix::new(outputs, inputs, &bias, |o, i| w[o * inputs + i]);
                for finish in [IntFinish::Store, IntFinish::Add] {
                    let mut out = vec![7; count * (outputs + 3)];
                    matrix.multiply(isa, rows, finish, &mut out, outputs + 3);
                    for (i, &got) in out.iter().enumerate() {
                        let (r, o) = (i / (outputs + 3), i % (outputs + 3));
                        if o >= outputs {
                            assert_eq!(got, 7, "written behind row {r}");
                            continue;
                        }
                        let row = segments
                            .iter()
                            .flat_map(|s| &data[s + r * stride..][..length]);
                        let products = row.zip(&w[o * inputs..]);
                        let sum: i32 = products.map(|(&a, &b)| i32::from(a) * i32::from(b)).sum();
                        let before = if finish == IntFinish::Add { 7 } else { 0 };
                        assert_eq!(got, sum + bias[o] + before, "{isa:?} {outputs} {r} {o}");
                    }
                }
            }
        }
    }

    #[test]
    fn requantisation_rounds_half_up_and_saturates() {
        let requantise = Requantise::new(vec![3; 21], 250);
        for isa in Isa::all() {
            let mut sums = vec![1 << 20; 42];
            sums[..6].copy_from_slice(&[-1000, 3, 4, -4, -5, 11]);
            let mut out = [9; 50];
            requantise.apply(isa, &sums, &mut out, 25);
            assert_eq!(out[..6], [0, 0, 1, 0, 0, 1]);
            assert_eq!(out[6..21], [250; 15]);
            assert_eq!(out[21..25], [9; 4]);
            assert_eq!(out[25..46], [250; 21]);
        }
    }
}
