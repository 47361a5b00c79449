use crate::isa::{Isa, Kind};
use crate::rows::{Rows, blocks};
use crate::{LANES, Lane, portable};

#[cfg(target_arch = "x86_64")]
use crate::{avx2, avx512};

/// What becomes of the sums of a product (bias included).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// They are the output.
    Store,
    /// Their positive part is the output.
    Relu,
    /// They are added to the output.
    Add,
    /// For a matrix of [`Matrix::gate`]: ReLU(u)·v.
    Gate,
}

/// Weights and bias of a layer, packed: panels of two lanes (the last may be of
/// one), each `[input][lane]`.
#[derive(Debug, Clone)]
pub struct Matrix {
    weights: Vec<Lane<f32>>,
    bias: Vec<Lane<f32>>,
    inputs: usize,
    /// Columns of the output: half of the sums, if gated.
    outputs: usize,
    gated: bool,
}

impl Matrix {
    /// `weight(output, input)` over `outputs` × `inputs`; `bias` by output, or
    /// empty for none.
    pub fn new(
        outputs: usize,
        inputs: usize,
        bias: &[f32],
        weight: impl Fn(usize, usize) -> f32,
    ) -> Self {
        let column = |lane: usize, i: usize| Some(lane * LANES + i).filter(|&o| o < outputs);
        let lanes = outputs.div_ceil(LANES);
        Self {
            weights: pack(lanes, inputs, &column, weight),
            bias: pack_bias(lanes, bias, &column),
            inputs,
            outputs,
            gated: false,
        }
    }

    /// A matrix of `2·hidden` sums (u, then v) for [`Finish::Gate`], whose output
    /// has `hidden` columns. The two halves are interleaved by lanes, so that a
    /// pair meets in registers.
    pub fn gate(
        hidden: usize,
        inputs: usize,
        bias: &[f32],
        weight: impl Fn(usize, usize) -> f32,
    ) -> Self {
        let column = |lane: usize, i: usize| {
            Some(lane / 2 * LANES + i)
                .filter(|&o| o < hidden)
                .map(|o| lane % 2 * hidden + o)
        };
        let lanes = 2 * hidden.div_ceil(LANES);
        Self {
            weights: pack(lanes, inputs, &column, weight),
            bias: pack_bias(lanes, bias, &column),
            inputs,
            outputs: hidden,
            gated: true,
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
    /// If the rows have another length than the matrix inputs, reach out of their
    /// data, or do not fit into `out`; if `finish` is [`Finish::Gate`] for a matrix
    /// that is not gated, or the other way round.
    pub fn multiply(
        &self,
        isa: Isa,
        rows: Rows<'_, f32>,
        finish: Finish,
        out: &mut [f32],
        stride: usize,
    ) {
        assert_eq!(rows.inputs(), self.inputs, "inputs of the product");
        assert_eq!(finish == Finish::Gate, self.gated, "{finish:?}");
        assert!(stride >= self.outputs, "output rows overlap");
        rows.check();
        if let Some(last) = rows.count.checked_sub(1) {
            assert!(last * stride + self.outputs <= out.len(), "output");
        }
        let job = Job {
            matrix: self,
            rows,
            finish,
            stride,
        };
        match isa.kind() {
            Kind::Portable => portable::product(&job, out),
            // SAFETY: a value of this kind exists only where its features were
            // detected.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => unsafe { avx2::product(&job, out) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => unsafe { avx512::product(&job, out) },
        }
    }
}

fn pack(
    lanes: usize,
    inputs: usize,
    column: &dyn Fn(usize, usize) -> Option<usize>,
    weight: impl Fn(usize, usize) -> f32,
) -> Vec<Lane<f32>> {
    let mut packed = Vec::with_capacity(lanes * inputs);
    for first in (0..lanes).step_by(2) {
        for input in 0..inputs {
            for lane in first..lanes.min(first + 2) {
                let of = |i| column(lane, i).map_or(0.0, |output| weight(output, input));
                packed.push(Lane(std::array::from_fn(of)));
            }
        }
    }
    packed
}

fn pack_bias(
    lanes: usize,
    bias: &[f32],
    column: &dyn Fn(usize, usize) -> Option<usize>,
) -> Vec<Lane<f32>> {
    let of = |lane, i| column(lane, i).and_then(|o| bias.get(o)).copied();
    (0..lanes)
        .map(|lane| Lane(std::array::from_fn(|i| of(lane, i).unwrap_or(0.0))))
        .collect()
}

/// A product whose rows, weights and output were found to fit each other.
pub(crate) struct Job<'a> {
    matrix: &'a Matrix,
    pub(crate) rows: Rows<'a, f32>,
    finish: Finish,
    stride: usize,
}

/// The weights of at most two lanes of sums.
#[derive(Clone, Copy)]
pub(crate) struct Panel<'a> {
    /// `[input][bias.len()]`.
    pub(crate) weights: &'a [Lane<f32>],
    pub(crate) bias: &'a [Lane<f32>],
    /// Its first column of the output.
    column: usize,
}

impl Job<'_> {
    pub(crate) fn panels(&self) -> impl Iterator<Item = Panel<'_>> {
        let (matrix, each) = (
            self.matrix,
            if self.matrix.gated { LANES } else { 2 * LANES },
        );
        let weights = matrix.weights.chunks(2 * matrix.inputs);
        weights
            .zip(matrix.bias.chunks(2))
            .enumerate()
            .map(move |(i, (weights, bias))| Panel {
                weights,
                bias,
                column: i * each,
            })
    }

    pub(crate) fn blocks(&self, most: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
        blocks(self.rows.count, most)
    }

    /// Does with the sums of a row what the job wants.
    #[inline(always)]
    pub(crate) fn finish<const V: usize>(
        &self,
        panel: Panel<'_>,
        row: usize,
        sums: &[[f32; LANES]; V],
        out: &mut [f32],
    ) {
        let columns = self.matrix.outputs - panel.column;
        let out = &mut out[row * self.stride + panel.column..][..columns];
        if self.finish == Finish::Gate {
            let gated = std::array::from_fn(|i| positive(sums[0][i]) * sums[V - 1][i]);
            return write(&gated, out, |_, new| new);
        }
        for (out, sums) in out.chunks_mut(LANES).zip(sums) {
            match self.finish {
                Finish::Store | Finish::Gate => write(sums, out, |_, new| new),
                Finish::Relu => write(sums, out, |_, new| positive(new)),
                Finish::Add => write(sums, out, |old, new| old + new),
            }
        }
    }
}

/// ReLU, in the one way that is one instruction.
#[inline(always)]
fn positive(x: f32) -> f32 {
    if x > 0.0 { x } else { 0.0 }
}

#[inline(always)]
fn write(sums: &[f32; LANES], out: &mut [f32], f: impl Fn(f32, f32) -> f32) {
    // Apart, so that the common case has no loop.
    if let Some(out) = out.first_chunk_mut::<LANES>() {
        for (out, &sum) in out.iter_mut().zip(sums) {
            *out = f(*out, sum);
        }
    } else {
        for (out, &sum) in out.iter_mut().zip(sums) {
            *out = f(*out, sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers in −½..½ that do not repeat.
    fn noise(count: usize, seed: u64) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (state >> 40) as f32 / (1 << 24) as f32 - 0.5
        };
        (0..count).map(|_| next()).collect()
    }

    /// A product in double precision, by its definition.
    fn sums(rows: Rows<'_, f32>, outputs: usize, w: &[f32], bias: &[f32]) -> Vec<f64> {
        let mut sums = Vec::new();
        for r in 0..rows.count {
            let row: Vec<f32> = rows
                .segments
                .iter()
                .flat_map(|s| &rows.data[s + r * rows.stride..][..rows.length])
                .copied()
                .collect();
            for o in 0..outputs {
                let products = row.iter().zip(&w[o * row.len()..]);
                let dot: f64 = products.map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
                sums.push(dot + bias.get(o).map_or(0.0, |&b| f64::from(b)));
            }
        }
        sums
    }

    fn compare(got: f32, want: f64, what: &str) {
        // Up to 300 products of at most 1/4, summed one after another in f32:
        // half a unit in the last place of a sum below 8, each time, is 7e-5 at
        // the very worst; rounding errors of random sign stay far below.
        assert!(
            (f64::from(got) - want).abs() < 2e-5,
            "{what}: {got}, {want}"
        );
    }

    #[test]
    fn products_of_every_shape_and_finish() {
        for isa in Isa::all() {
            for (outputs, count) in [(1, 1), (16, 5), (40, 13), (48, 12), (64, 31), (130, 7)] {
                let (segments, length, stride) = ([3, 80, 10], 21, 7);
                let inputs = segments.len() * length;
                let data = noise(80 + 30 * stride + length, 1);
                let rows = Rows {
                    data: &data,
                    segments: &segments,
                    length,
                    stride,
                    count,
                };
                let (w, bias) = (noise(outputs * inputs, 2), noise(outputs, 3));
                let matrix = Matrix::new(outputs, inputs, &bias, |o, i| w[o * inputs + i]);
                let want = sums(rows, outputs, &w, &bias);
                let before = noise(count * (outputs + 3), 4);
                for finish in [Finish::Store, Finish::Relu, Finish::Add] {
                    let mut out = before.clone();
                    matrix.multiply(isa, rows, finish, &mut out, outputs + 3);
                    for (i, (&got, &old)) in out.iter().zip(&before).enumerate() {
                        let (r, o) = (i / (outputs + 3), i % (outputs + 3));
                        if o >= outputs {
                            assert_eq!(got, old, "written behind row {r}");
                            continue;
                        }
                        let sum = want[r * outputs + o];
                        let want = match finish {
                            Finish::Relu => sum.max(0.0),
                            Finish::Add => f64::from(old) + sum,
                            _ => sum,
                        };
                        compare(got, want, &format!("{isa:?} {finish:?} {outputs} {r} {o}"));
                    }
                }
            }
        }
    }

    #[test]
    fn gates_meet_their_partners() {
        for isa in Isa::all() {
            for hidden in [5, 16, 40] {
                let (inputs, count) = (37, 14);
                let data = noise(inputs * count, 1);
                let (w, bias) = (noise(2 * hidden * inputs, 2), noise(2 * hidden, 3));
                let rows = Rows::dense(&data, inputs);
                let matrix = Matrix::gate(hidden, inputs, &bias, |o, i| w[o * inputs + i]);
                let want = sums(rows, 2 * hidden, &w, &bias);
                let mut out = vec![0.0; count * hidden];
                matrix.multiply(isa, rows, Finish::Gate, &mut out, hidden);
                for (i, &got) in out.iter().enumerate() {
                    let at = i / hidden * 2 * hidden + i % hidden;
                    let want = want[at].max(0.0) * want[at + hidden];
                    compare(got, want, &format!("{isa:?} hidden {hidden}, {i}"));
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "output")]
    fn an_output_too_small_is_refused() {
        let matrix = Matrix::new(4, 2, &[], |_, _| 1.0);
        let rows = Rows::dense(&[1.0; 6], 2);
        matrix.multiply(Isa::best(), rows, Finish::Store, &mut [0.0; 11], 4);
    }
}
