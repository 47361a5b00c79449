//! Blocks of six rows by two registers of eight columns: 12 of the 16 registers
//! hold sums.

use std::arch::x86_64::{
    __m128i, __m256, __m256i, _mm_load_si128, _mm_set1_epi32, _mm256_add_epi32,
    _mm256_cvtepi8_epi16, _mm256_cvtepu8_epi16, _mm256_fmadd_ps, _mm256_hadd_epi32, _mm256_load_ps,
    _mm256_madd_epi16, _mm256_permute4x64_epi64, _mm256_set1_ps, _mm256_setzero_si256,
};

use crate::LANES;
use crate::integer::{IntJob, IntPanel, QUAD, Requantise};
use crate::matrix::{Job, Panel};
use crate::number::Number;

/// Rows of a block.
const ROWS: usize = 6;

#[target_feature(enable = "avx2,fma")]
pub(crate) fn product<O: Number>(job: &Job<'_, f32>, out: &mut [O]) {
    macro_rules! call {
        ($r:literal, $v:literal, $panel:ident, $first:ident) => {
            block::<$r, $v, O>(job, $panel, $first, out)
        };
    }
    each_block!(job, ROWS, call: 1 2 3 4 5 6)
}

#[target_feature(enable = "avx2,fma")]
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
            sums[v] = unsafe { std::mem::transmute::<[__m256; 2], [f32; LANES]>(*lane) };
        }
    }
    for (r, sums) in sums.iter().enumerate() {
        job.finish(panel, first + r, sums, out);
    }
}

/// Lane `v` of the sums of `R` rows.
#[target_feature(enable = "avx2,fma")]
fn lane<const R: usize, const V: usize>(
    job: &Job<'_, f32>,
    panel: Panel<'_, f32>,
    first: usize,
    v: usize,
) -> [[__m256; 2]; R] {
    let rows = &job.rows;
    assert!(v < V && panel.bias.len() == V && panel.weights.len() == V * rows.inputs());
    // SAFETY: a lane is 16 floats, aligned to 64 bytes.
    let load =
        |from: *const f32| unsafe { [_mm256_load_ps(from), _mm256_load_ps(from.add(LANES / 2))] };
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
                    let x = _mm256_set1_ps(*input.add(r * rows.stride));
                    for (sum, &w) in sums.iter_mut().zip(&w) {
                        *sum = _mm256_fmadd_ps(x, w, *sum);
                    }
                }
                input = input.add(1);
                weights = weights.wrapping_add(V * LANES);
            }
        }
    }
    sums
}

/// Rows of a block of integers: four registers of sums each, 12 of the 16.
const INT_ROWS: usize = 3;

#[target_feature(enable = "avx2")]
pub(crate) fn int_product(job: &IntJob<'_>, out: &mut [i32]) {
    macro_rules! call {
        ($r:literal, $v:literal, $panel:ident, $first:ident) => {
            int_block::<$r, $v>(job, $panel, $first, out)
        };
    }
    each_block!(job, INT_ROWS, call: 1 2 3)
}

#[target_feature(enable = "avx2")]
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
            let lane = unsafe { std::mem::transmute::<[__m256i; 2], [i32; LANES]>(*lane) };
            for ((sum, lane), bias) in sums[v].iter_mut().zip(lane).zip(panel.bias[v].0) {
                *sum = lane.wrapping_add(bias);
            }
        }
    }
    for (r, sums) in sums.iter().enumerate() {
        job.finish(panel, first + r, sums, out);
    }
}

/// Lane `v` of the sums of `R` rows, without bias. The instruction that multiplies
/// bytes saturates its sums of two at 16 bits, so bytes are widened first.
#[target_feature(enable = "avx2")]
fn int_lane<const R: usize, const V: usize>(
    job: &IntJob<'_>,
    panel: IntPanel<'_>,
    first: usize,
    v: usize,
) -> [[__m256i; 2]; R] {
    let rows = &job.rows;
    assert!(v < V && panel.bias.len() == V && panel.weights.len() * QUAD == V * rows.inputs());
    // Each register has four outputs of two halves.
    let mut sums = [[_mm256_setzero_si256(); 4]; R];
    let mut weights: *const __m128i = panel.weights[v..].as_ptr().cast();
    for &segment in rows.segments {
        // SAFETY: `Rows::check` has found every segment of every row inside of the
        // data, and segments are multiples of four bytes; the weights are as many
        // as the inputs (the pointer's last step may leave them, but is not
        // followed).
        unsafe {
            let mut input = rows.data.as_ptr().add(segment + first * rows.stride);
            for _ in 0..rows.length / QUAD {
                let mut x = [_mm256_setzero_si256(); R];
                for (r, x) in x.iter_mut().enumerate() {
                    let quad: *const i32 = input.add(r * rows.stride).cast();
                    *x = _mm256_cvtepu8_epi16(_mm_set1_epi32(quad.read_unaligned()));
                }
                for part in 0..4 {
                    let w = _mm256_cvtepi8_epi16(_mm_load_si128(weights.add(part)));
                    for (sums, &x) in sums.iter_mut().zip(&x) {
                        sums[part] = _mm256_add_epi32(sums[part], _mm256_madd_epi16(x, w));
                    }
                }
                input = input.add(QUAD);
                weights = weights.wrapping_add(4 * V);
            }
        }
    }
    let mut joined = [[_mm256_setzero_si256(); 2]; R];
    for (joined, sums) in joined.iter_mut().zip(&sums) {
        for (i, joined) in joined.iter_mut().enumerate() {
            // Halves of outputs 0, 1, 4, 5 | 2, 3, 6, 7, put in order.
            let pairs = _mm256_hadd_epi32(sums[2 * i], sums[2 * i + 1]);
            *joined = _mm256_permute4x64_epi64::<0b11_01_10_00>(pairs);
        }
    }
    joined
}

#[target_feature(enable = "avx2")]
pub(crate) fn requantise(scale: &Requantise, sums: &[i32], out: &mut [u8]) {
    scale.row(sums, out);
}
