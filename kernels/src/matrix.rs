use crate::isa::Isa;
use crate::number::{Number, OFFSET};
use crate::rows::{Rows, blocks};
use crate::{LANES, Lane};

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
/// one), each `[input / group][lane]`, see [`Number::GROUP`].
#[derive(Debug, Clone)]
pub struct Matrix<T: Number = f32> {
    weights: Vec<Lane<T::Group>>,
    bias: Vec<Lane<f32>>,
    /// By output: what its weights are multiples of, if they are whole numbers.
    steps: Vec<Lane<f32>>,
    /// By output: what sums of whole numbers begin with, so that the offset of the
    /// activations is taken back.
    start: Vec<Lane<i32>>,
    inputs: usize,
    /// Columns of the output: half of the sums, if gated.
    outputs: usize,
    gated: bool,
}

impl<T: Number> Matrix<T> {
    /// `weight(output, input)` over `outputs` × `inputs`; `bias` by output, or
    /// empty for none.
    ///
    /// # Panics
    ///
    /// If `inputs` is not a multiple of [`Number::GROUP`].
    pub fn new(
        outputs: usize,
        inputs: usize,
        bias: &[f32],
        weight: impl Fn(usize, usize) -> f32,
    ) -> Self {
        let column = |lane: usize, i: usize| Some(lane * LANES + i).filter(|&o| o < outputs);
        let lanes = outputs.div_ceil(LANES);
        Self::packed(lanes, inputs, bias, &column, weight, [outputs, outputs])
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
        let packed = Self::packed(lanes, inputs, bias, &column, weight, [2 * hidden, hidden]);
        Self {
            gated: true,
            ..packed
        }
    }

    fn packed(
        lanes: usize,
        inputs: usize,
        bias: &[f32],
        column: &dyn Fn(usize, usize) -> Option<usize>,
        weight: impl Fn(usize, usize) -> f32,
        [sums, outputs]: [usize; 2],
    ) -> Self {
        let step = |o: usize| {
            let most = T::MOST?;
            let greatest = (0..inputs).map(|i| weight(o, i).abs()).fold(0.0, f32::max);
            (greatest > 0.0).then_some(greatest / most)
        };
        let steps: Vec<f32> = (0..sums).map(|o| step(o).unwrap_or(1.0)).collect();
        let inverse: Vec<f32> = steps.iter().map(|step| 1.0 / step).collect();
        let weight = |o: usize, i: usize| weight(o, i) * inverse[o];
        let start = |o: usize| {
            let whole = |i| weight(o, i).round_ties_even() as i32;
            -OFFSET * (0..inputs).map(whole).sum::<i32>()
        };
        let start: Vec<i32> = match T::MOST {
            Some(_) => (0..sums).map(start).collect(),
            None => Vec::new(),
        };
        Self {
            bias: pack_outputs(lanes, bias, column),
            start: pack_outputs(lanes, &start, column),
            weights: pack::<T>(lanes, inputs, column, weight),
            steps: pack_outputs(lanes, &steps, column),
            inputs,
            outputs,
            gated: false,
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
    pub fn multiply<O: Number>(
        &self,
        isa: Isa,
        rows: Rows<'_, T>,
        finish: Finish,
        out: &mut [O],
        stride: usize,
    ) {
        assert_eq!(finish == Finish::Gate, self.gated, "{finish:?}");
        rows.check(self.inputs, T::GROUP, self.outputs, [out.len(), stride]);
        let job = Job {
            matrix: self,
            rows,
            finish,
            stride,
        };
        T::product(isa, &job, out);
    }
}

fn pack<T: Number>(
    lanes: usize,
    inputs: usize,
    column: &dyn Fn(usize, usize) -> Option<usize>,
    weight: impl Fn(usize, usize) -> f32,
) -> Vec<Lane<T::Group>> {
    assert!(inputs.is_multiple_of(T::GROUP), "{inputs} inputs");
    let mut packed = Vec::with_capacity(lanes * inputs / T::GROUP);
    for first in (0..lanes).step_by(2) {
        for input in (0..inputs).step_by(T::GROUP) {
            for lane in first..lanes.min(first + 2) {
                let of = |o, i| column(lane, o).map_or(0.0, |output| weight(output, input + i));
                packed.push(Lane(std::array::from_fn(|o| T::group(|i| of(o, i)))));
            }
        }
    }
    packed
}

/// One number an output, zero where there is none.
fn pack_outputs<N: Copy + Default>(
    lanes: usize,
    values: &[N],
    column: &dyn Fn(usize, usize) -> Option<usize>,
) -> Vec<Lane<N>> {
    let of = |lane, i| column(lane, i).and_then(|o| values.get(o)).copied();
    (0..lanes)
        .map(|lane| Lane(std::array::from_fn(|i| of(lane, i).unwrap_or_default())))
        .collect()
}

/// A product whose rows, weights and output were found to fit each other.
pub(crate) struct Job<'a, T: Number> {
    matrix: &'a Matrix<T>,
    pub(crate) rows: Rows<'a, T>,
    finish: Finish,
    stride: usize,
}

/// The weights of at most two lanes of sums.
#[derive(Clone, Copy)]
pub(crate) struct Panel<'a, G> {
    /// `[input / group][bias.len()]`.
    pub(crate) weights: &'a [Lane<G>],
    pub(crate) bias: &'a [Lane<f32>],
    /// What sums of whole numbers are multiples of.
    steps: &'a [Lane<f32>],
    /// And what they begin with.
    #[cfg_attr(
        not(target_arch = "x86_64"),
        expect(dead_code, reason = "for vector bytes")
    )]
    pub(crate) start: &'a [Lane<i32>],
    /// Its first column of the output.
    column: usize,
}

impl<T: Number> Job<'_, T> {
    pub(crate) fn panels(&self) -> impl Iterator<Item = Panel<'_, T::Group>> {
        let (matrix, each) = (
            self.matrix,
            if self.matrix.gated { LANES } else { 2 * LANES },
        );
        let weights = matrix.weights.chunks(2 * matrix.inputs / T::GROUP);
        let outputs = matrix.bias.chunks(2).zip(matrix.steps.chunks(2));
        let outputs = outputs.zip(matrix.start.chunks(2));
        weights
            .zip(outputs)
            .enumerate()
            .map(move |(i, (weights, ((bias, steps), start)))| Panel {
                weights,
                bias,
                steps,
                start,
                column: i * each,
            })
    }

    pub(crate) fn blocks(&self, most: usize) -> impl Iterator<Item = (usize, usize)> + use<T> {
        blocks(self.rows.count, most)
    }

    /// Does with the sums of a row what the job wants.
    #[inline(always)]
    pub(crate) fn finish<const V: usize, O: Number>(
        &self,
        panel: Panel<'_, T::Group>,
        row: usize,
        sums: &[[f32; LANES]; V],
        out: &mut [O],
    ) {
        let columns = self.matrix.outputs - panel.column;
        let out = &mut out[row * self.stride + panel.column..][..columns];
        let mut sums = *sums;
        if T::MOST.is_some() {
            for ((sums, steps), bias) in sums.iter_mut().zip(panel.steps).zip(panel.bias) {
                for ((sum, step), bias) in sums.iter_mut().zip(&steps.0).zip(&bias.0) {
                    *sum = *sum * step + bias;
                }
            }
        }
        if self.finish == Finish::Gate {
            let gated = std::array::from_fn(|i| positive(sums[0][i]) * sums[V - 1][i]);
            return write(&gated, out, |_, new| new);
        }
        for (out, sums) in out.chunks_mut(LANES).zip(&sums) {
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
fn write<O: Number>(sums: &[f32; LANES], out: &mut [O], f: impl Fn(f32, f32) -> f32) {
    // Apart, so that the common case has no loop.
    if let Some(out) = out.first_chunk_mut::<LANES>() {
        for (out, &sum) in out.iter_mut().zip(sums) {
            *out = O::from_f32(f(out.to_f32(), sum));
        }
    } else {
        for (out, &sum) in out.iter_mut().zip(sums) {
            *out = O::from_f32(f(out.to_f32(), sum));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::{Bf16, Byte};

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

    /// Inputs and weights are rounded, and so is what is stored; sums are not.
    #[test]
    fn bf16_products_round_their_inputs_only() {
        for isa in Isa::all() {
            let (outputs, inputs, count) = (40, 62, 25);
            let data: Vec<Bf16> = Bf16::of(
                isa,
                &noise(inputs * count, 1),
                &[],
                &mut vec![Bf16::default(); inputs * count],
            )
            .to_vec();
            let exact: Vec<f32> = data.iter().map(|x| x.to_f32()).collect();
            let w: Vec<f32> = noise(outputs * inputs, 2)
                .iter()
                .map(|&w| Bf16::from_f32(w).to_f32())
                .collect();
            let bias = noise(outputs, 3);
            let matrix = Matrix::<Bf16>::new(outputs, inputs, &bias, |o, i| w[o * inputs + i]);
            let want = sums(Rows::dense(&exact, inputs), outputs, &w, &bias);
            let rows = Rows::dense(&data, inputs);
            let mut out = vec![1.0f32; count * outputs];
            matrix.multiply(isa, rows, Finish::Add, &mut out, outputs);
            for (i, (&got, &want)) in out.iter().zip(&want).enumerate() {
                compare(got, want + 1.0, &format!("{isa:?} {i}"));
            }
            let mut out = vec![Bf16::default(); count * outputs];
            matrix.multiply(isa, rows, Finish::Relu, &mut out, outputs);
            for (got, &want) in out.iter().zip(&want) {
                let error = (f64::from(got.to_f32()) - want.max(0.0)).abs();
                // Half a unit in the last of eight places.
                assert!(
                    error <= want.abs() / 256.0 + 1e-5,
                    "{isa:?}: {got:?}, {want}"
                );
            }
        }
    }

    /// Whole numbers whose weights have steps of powers of two: sums are exact, and so
    /// is everything else. Every instruction set gives the same.
    #[test]
    fn bytes_multiply_exactly() {
        for isa in Isa::all() {
            for (inputs, outputs, count) in [(40, 62, 25), (576, 17, 5), (12, 64, 13)] {
                let whole = |values: Vec<f32>, by: f32| -> Vec<f32> {
                    values.iter().map(|v| (v * by).round_ties_even()).collect()
                };
                let exact = whole(noise(inputs * count, 1), 255.0);
                let mut space = vec![Byte::default(); inputs * count];
                let data = Byte::of(isa, &exact, &vec![1.0; inputs], &mut space).to_vec();
                let mut w = whole(noise(outputs * inputs, 2), 254.0);
                // The greatest of each output, so that its step is what it is made with.
                w.chunks_exact_mut(inputs).for_each(|w| w[3] = -127.0);
                let step = |o: usize| 2f32.powi(o as i32 % 5 - 12);
                let w: Vec<f32> = (0..outputs * inputs)
                    .map(|i| w[i] * step(i / inputs))
                    .collect();
                let bias = whole(noise(outputs, 3), 64.0);
                let want = sums(Rows::dense(&exact, inputs), outputs, &w, &bias);
                let matrix = Matrix::<Byte>::new(outputs, inputs, &bias, |o, i| w[o * inputs + i]);
                let rows = Rows::dense(&data, inputs);
                let mut out = vec![1.0f32; count * outputs];
                matrix.multiply(isa, rows, Finish::Add, &mut out, outputs);
                for (i, (&got, &want)) in out.iter().zip(&want).enumerate() {
                    assert_eq!(f64::from(got), want + 1.0, "{isa:?} {i}");
                }
                let mut out = vec![Byte::default(); count * outputs];
                matrix.multiply(isa, rows, Finish::Relu, &mut out, outputs);
                let nearest = want
                    .iter()
                    .map(|&want| Byte::from_f32(want.max(0.0) as f32));
                assert!(out.iter().copied().eq(nearest), "{isa:?}");
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
