//! Blocks of six rows by four registers of four columns: 24 of the 32 registers hold
//! sums.

use std::arch::aarch64::{
    float32x4_t, int32x4_t, vdup_n_s32, vdupq_n_s32, vfmaq_n_f32, vget_low_s8, vld1q_f32, vld1q_s8,
    vmovl_high_s8, vmovl_s8, vmovl_u8, vmulq_s16, vpadalq_s16, vpaddq_s32, vreinterpret_u8_s32,
    vreinterpretq_s16_u16,
};

use crate::LANES;
use crate::integer::{IntJob, IntPanel, QUAD};
use crate::matrix::{Job, Panel};
use crate::number::Number;

/// Rows of a block.
const ROWS: usize = 6;
/// Columns of a register of sums.
const COLUMNS: usize = 4;

#[target_feature(enable = "neon")]
pub(crate) fn product<O: Number>(job: &Job<'_, f32>, out: &mut [O]) {
    macro_rules! call {
        ($r:literal, $v:literal, $panel:ident, $first:ident) => {
            block::<$r, $v, O>(job, $panel, $first, out)
        };
    }
    each_block!(job, ROWS, call: 1 2 3 4 5 6)
}

#[target_feature(enable = "neon")]
fn block<const R: usize, const V: usize, O: Number>(
    job: &Job<'_, f32>,
    panel: Panel<'_, f32>,
    first: usize,
    out: &mut [O],
) {
    let mut sums = [[[0.0; LANES]; V]; R];
    for v in 0..V {
        let lane = lane::<R, V>(job, panel, first, v);
        for (sums, lane) in sums.iter_mut().zip(&lane) {
            // SAFETY: both are 16 floats.
            sums[v] = unsafe { std::mem::transmute::<[float32x4_t; 4], [f32; LANES]>(*lane) };
        }
    }
    for (r, sums) in sums.iter().enumerate() {
        job.finish(panel, first + r, sums, out);
    }
}

/// Lane `v` of the sums of `R` rows.
#[target_feature(enable = "neon")]
fn lane<const R: usize, const V: usize>(
    job: &Job<'_, f32>,
    panel: Panel<'_, f32>,
    first: usize,
    v: usize,
) -> [[float32x4_t; 4]; R] {
    let rows = &job.rows;
    assert!(v < V && panel.bias.len() == V && panel.weights.len() == V * rows.inputs());
    // SAFETY: a lane is 16 floats.
    let load = |from: *const f32| unsafe {
        [0, 1, 2, 3].map(|register| vld1q_f32(from.add(register * COLUMNS)))
    };
    let mut sums = [load(panel.bias[v..].as_ptr().cast()); R];
    let mut weights: *const f32 = panel.weights[v..].as_ptr().cast();
    for &segment in rows.segments {
        // SAFETY: `Rows::check` has found every segment of every row inside of the
        // data; the weights are as many as the inputs (the pointer's last step
        // may leave them, but is not followed).
        unsafe {
            let mut input = rows.data.as_ptr().add(segment + first * rows.stride);
            for _ in 0..rows.length {
                let w = load(weights);
                for (r, sums) in sums.iter_mut().enumerate() {
                    let x = *input.add(r * rows.stride);
                    for (sum, &w) in sums.iter_mut().zip(&w) {
                        *sum = vfmaq_n_f32(*sum, w, x);
                    }
                }
                input = input.add(1);
                weights = weights.wrapping_add(V * LANES);
            }
        }
    }
    sums
}

/// Rows of a block of integers: eight registers of sums each, 16 of the 32.
const INT_ROWS: usize = 2;

#[target_feature(enable = "neon")]
pub(crate) fn int_product(job: &IntJob<'_>, out: &mut [i32]) {
    macro_rules! call {
        ($r:literal, $v:literal, $panel:ident, $first:ident) => {
            int_block::<$r, $v>(job, $panel, $first, out)
        };
    }
    each_block!(job, INT_ROWS, call: 1 2)
}

#[target_feature(enable = "neon")]
fn int_block<const R: usize, const V: usize>(
    job: &IntJob<'_>,
    panel: IntPanel<'_>,
    first: usize,
    out: &mut [i32],
) {
    let mut sums = [[[0; LANES]; V]; R];
    for v in 0..panel.bias.len().min(V) {
        let lane = int_lane::<R, V>(job, panel, first, v);
        for (sums, lane) in sums.iter_mut().zip(&lane) {
            // SAFETY: both are 16 integers.
            let lane = unsafe { std::mem::transmute::<[int32x4_t; 4], [i32; LANES]>(*lane) };
            for ((sum, lane), bias) in sums[v].iter_mut().zip(lane).zip(panel.bias[v].0) {
                *sum = lane.wrapping_add(bias);
            }
        }
    }
    for (r, sums) in sums.iter().enumerate() {
        job.finish(panel, first + r, sums, out);
    }
}

/// Lane `v` of the sums of `R` rows, without bias. A product of an unsigned and a signed
/// byte fits 16 bits, a sum of two does not: it is made in 32.
#[target_feature(enable = "neon")]
fn int_lane<const R: usize, const V: usize>(
    job: &IntJob<'_>,
    panel: IntPanel<'_>,
    first: usize,
    v: usize,
) -> [[int32x4_t; 4]; R] {
    let rows = &job.rows;
    assert!(v < V && panel.bias.len() == V && panel.weights.len() * QUAD == V * rows.inputs());
    // Each register has two outputs of two halves.
    let mut sums = [[vdupq_n_s32(0); 8]; R];
    let mut weights: *const i8 = panel.weights[v..].as_ptr().cast();
    for &segment in rows.segments {
        // SAFETY: `Rows::check` has found every segment of every row inside of the
        // data, and segments are multiples of four bytes; the weights are as many
        // as the inputs (the pointer's last step may leave them, but is not
        // followed).
        unsafe {
            let mut input = rows.data.as_ptr().add(segment + first * rows.stride);
            for _ in 0..rows.length / QUAD {
                // The four inputs, twice.
                let x: [_; R] = std::array::from_fn(|r| {
                    let quad: *const i32 = input.add(r * rows.stride).cast();
                    let quad = vreinterpret_u8_s32(vdup_n_s32(quad.read_unaligned()));
                    vreinterpretq_s16_u16(vmovl_u8(quad))
                });
                for part in 0..4 {
                    let w = vld1q_s8(weights.add(4 * QUAD * part));
                    let w = [vmovl_s8(vget_low_s8(w)), vmovl_high_s8(w)];
                    for (sums, &x) in sums.iter_mut().zip(&x) {
                        for (sum, &w) in sums[2 * part..].iter_mut().zip(&w) {
                            *sum = vpadalq_s16(*sum, vmulq_s16(x, w));
                        }
                    }
                }
                input = input.add(QUAD);
                weights = weights.wrapping_add(V * LANES * QUAD);
            }
        }
    }
    sums.map(|sums| [0, 2, 4, 6].map(|i| vpaddq_s32(sums[i], sums[i + 1])))
}
