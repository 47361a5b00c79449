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
mod tests;
