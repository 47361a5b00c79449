use lic_kernels::{Finish, Isa, Matrix, Number, Rows};

use crate::profile::{Numbers, Part, Work, timed};

/// A layer's packed weights, and on whose time they are multiplied.
#[derive(Debug)]
pub(super) struct Layer<T: Number = f32> {
    matrix: Matrix<T>,
    part: Part,
}

impl<T: Number> Layer<T> {
    pub(super) fn new(matrix: Matrix<T>, part: Part) -> Self {
        Self { matrix, part }
    }

    pub(super) fn inputs(&self) -> usize {
        self.matrix.inputs()
    }

    pub(super) fn outputs(&self) -> usize {
        self.matrix.outputs()
    }

    /// As [`Matrix::multiply`].
    #[inline]
    pub(super) fn multiply<O: Number>(
        &self,
        isa: Isa,
        rows: Rows<'_, T>,
        finish: Finish,
        out: &mut [O],
        stride: usize,
    ) {
        let (matrix, count) = (&self.matrix, rows.count);
        let work = || {
            let sums = if finish == Finish::Gate { 2 } else { 1 } * matrix.outputs();
            let touched = if finish == Finish::Add { 2 } else { 1 } * matrix.outputs();
            // Rows that overlap are read once.
            let read = rows.stride.min(rows.inputs()) * size_of::<T>();
            Work {
                numbers: match (T::MOST, T::GROUP) {
                    (Some(_), _) => Numbers::Bytes,
                    (None, 1) => Numbers::Single,
                    (None, _) => Numbers::Bf16,
                },
                macs: count * rows.inputs() * sums,
                bytes: count * (read + touched * size_of::<O>()),
            }
        };
        timed(self.part, work, || {
            matrix.multiply(isa, rows, finish, out, stride)
        });
    }
}
