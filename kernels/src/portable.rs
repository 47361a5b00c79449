//! Plain Rust that compilers vectorise.

use crate::LANES;
use crate::integer::{IntJob, IntPanel, QUAD};
use crate::matrix::{Job, Panel};
use crate::number::Number;

/// Rows of a block: with a lane of sums each they fill 16 registers of four.
const ROWS: usize = 4;

pub(crate) fn product<T: Number, O: Number>(job: &Job<'_, T>, out: &mut [O]) {
    macro_rules! call {
        ($r:literal, $v:literal, $panel:ident, $first:ident) => {
            block::<$r, $v, T, O>(job, $panel, $first, out)
        };
    }
    each_block!(job, ROWS, call: 1 2 3 4)
}

fn block<const R: usize, const V: usize, T: Number, O: Number>(
    job: &Job<'_, T>,
    panel: Panel<'_, T::Group>,
    first: usize,
    out: &mut [O],
) {
    let mut sums = [[[0.0; LANES]; V]; R];
    for (v, _) in panel.bias.iter().enumerate() {
        let lane = lane::<R, V, T>(job, panel, first, v);
        for (sums, lane) in sums.iter_mut().zip(lane) {
            sums[v] = lane;
        }
    }
    for (r, sums) in sums.iter().enumerate() {
        job.finish(panel, first + r, sums, out);
    }
}

/// One lane of sums of `R` rows.
#[inline(always)]
fn lane<const R: usize, const V: usize, T: Number>(
    job: &Job<'_, T>,
    panel: Panel<'_, T::Group>,
    first: usize,
    v: usize,
) -> [[f32; LANES]; R] {
    let rows = &job.rows;
    // Whole numbers get their bias when they are whole no more.
    let start = if T::MOST.is_some() {
        [0.0; LANES]
    } else {
        panel.bias[v].0
    };
    let mut sums = [start; R];
    let weights = panel.weights.chunks_exact(V * rows.length / T::GROUP);
    for (&segment, weights) in rows.segments.iter().zip(weights) {
        let inputs: [&[T]; R] = std::array::from_fn(|r| {
            &rows.data[segment + (first + r) * rows.stride..][..rows.length]
        });
        for (i, weights) in weights.chunks_exact(V).enumerate() {
            for (sums, inputs) in sums.iter_mut().zip(&inputs) {
                let inputs = &inputs[i * T::GROUP..][..T::GROUP];
                for (sum, weight) in sums.iter_mut().zip(&weights[v].0) {
                    *sum = T::dot(inputs, weight, *sum);
                }
            }
        }
    }
    sums
}

pub(crate) fn int_product(job: &IntJob<'_>, out: &mut [i32]) {
    for panel in job.panels() {
        for row in 0..job.rows.count {
            match panel.bias.len() {
                1 => int_row::<1>(job, panel, row, out),
                _ => int_row::<2>(job, panel, row, out),
            }
        }
    }
}

fn int_row<const V: usize>(job: &IntJob<'_>, panel: IntPanel<'_>, row: usize, out: &mut [i32]) {
    let rows = &job.rows;
    let mut sums = [[0; LANES]; V];
    for (sums, bias) in sums.iter_mut().zip(panel.bias) {
        *sums = bias.0;
    }
    let weights = panel.weights.chunks_exact(V * rows.length / QUAD);
    for (&segment, weights) in rows.segments.iter().zip(weights) {
        let inputs = rows.data[segment + row * rows.stride..][..rows.length].chunks_exact(QUAD);
        for (inputs, weights) in inputs.zip(weights.chunks_exact(V)) {
            for (sums, weights) in sums.iter_mut().zip(weights) {
                for (sum, weights) in sums.iter_mut().zip(&weights.0) {
                    let products = inputs.iter().zip(weights);
                    let dot = products.map(|(&a, &b)| i32::from(a) * i32::from(b));
                    *sum = sum.wrapping_add(dot.sum::<i32>());
                }
            }
        }
    }
    job.finish(panel, row, &sums, out);
}
