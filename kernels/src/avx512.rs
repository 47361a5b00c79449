//! Blocks of 12 rows by two registers of 16 columns: 24 of the 32 registers hold
//! sums, so that the latency of a multiply-add is hidden.

use std::arch::x86_64::{
    __m512, __m512i, _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_load_ps, _mm512_load_si512,
    _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_setzero_si512,
};

use crate::LANES;
use crate::integer::{IntJob, IntPanel, QUAD};
use crate::matrix::{Job, Panel};

/// Rows of a block.
const ROWS: usize = 12;

#[target_feature(enable = "avx512f")]
pub(crate) fn product(job: &Job<'_>, out: &mut [f32]) {
    macro_rules! block {
        ($panel:ident, $first:ident, $count:ident: $($r:literal)*) => {
            match ($count, $panel.bias.len()) {
                $(
                    ($r, 1) => block::<$r, 1>(job, $panel, $first, out),
                    ($r, _) => block::<$r, 2>(job, $panel, $first, out),
                )*
                _ => unreachable!("blocks have at most {ROWS} rows"),
            }
        };
    }
    for panel in job.panels() {
        for (first, count) in job.blocks(ROWS) {
            block!(panel, first, count: 1 2 3 4 5 6 7 8 9 10 11 12);
        }
    }
}

#[target_feature(enable = "avx512f")]
fn block<const R: usize, const V: usize>(
    job: &Job<'_>,
    panel: Panel<'_>,
    first: usize,
    out: &mut [f32],
) {
    let rows = &job.rows;
    assert!(panel.bias.len() == V && panel.weights.len() == V * rows.inputs());
    let mut sums = [[_mm512_setzero_ps(); V]; R];
    for sums in &mut sums {
        for (sum, bias) in sums.iter_mut().zip(panel.bias) {
            // SAFETY: a lane is 16 floats, aligned to 64 bytes.
            *sum = unsafe { _mm512_load_ps(bias.0.as_ptr()) };
        }
    }
    let mut weights: *const f32 = panel.weights.as_ptr().cast();
    for &segment in rows.segments {
        // SAFETY: `Rows::check` has found every segment of every row inside of the
        // data; the weights are as many as the inputs, `V` aligned lanes each.
        unsafe {
            let mut input = rows.data.as_ptr().add(segment + first * rows.stride);
            for _ in 0..rows.length {
                let mut w = [_mm512_setzero_ps(); V];
                for (v, w) in w.iter_mut().enumerate() {
                    *w = _mm512_load_ps(weights.add(v * LANES));
                }
                for (r, sums) in sums.iter_mut().enumerate() {
                    let x = _mm512_set1_ps(*input.add(r * rows.stride));
                    for (sum, &w) in sums.iter_mut().zip(&w) {
                        *sum = _mm512_fmadd_ps(x, w, *sum);
                    }
                }
                input = input.add(1);
                weights = weights.add(V * LANES);
            }
        }
    }
    // A loop of its own: the sums would not stay in registers above, were they
    // indexed by one that is too long to be unrolled.
    let mut plain = [[[0.0; LANES]; V]; R];
    for (plain, sums) in plain.iter_mut().zip(&sums) {
        for (plain, &sum) in plain.iter_mut().zip(sums) {
            // SAFETY: both are 16 floats.
            *plain = unsafe { std::mem::transmute::<__m512, [f32; LANES]>(sum) };
        }
    }
    for (r, sums) in plain.iter().enumerate() {
        job.finish(panel, first + r, sums, out);
    }
}

/// The same blocks, with four 8-bit products to a column at once (VNNI).
#[target_feature(enable = "avx512f,avx512vnni")]
pub(crate) fn int_product(job: &IntJob<'_>, out: &mut [i32]) {
    macro_rules! block {
        ($panel:ident, $first:ident, $count:ident: $($r:literal)*) => {
            match ($count, $panel.bias.len()) {
                $(
                    ($r, 1) => int_block::<$r, 1>(job, $panel, $first, out),
                    ($r, _) => int_block::<$r, 2>(job, $panel, $first, out),
                )*
                _ => unreachable!("blocks have at most {ROWS} rows"),
            }
        };
    }
    for panel in job.panels() {
        for (first, count) in job.blocks(ROWS) {
            block!(panel, first, count: 1 2 3 4 5 6 7 8 9 10 11 12);
        }
    }
}

#[target_feature(enable = "avx512f,avx512vnni")]
fn int_block<const R: usize, const V: usize>(
    job: &IntJob<'_>,
    panel: IntPanel<'_>,
    first: usize,
    out: &mut [i32],
) {
    let rows = &job.rows;
    assert!(panel.bias.len() == V && panel.weights.len() * QUAD == V * rows.inputs());
    let mut sums = [[_mm512_setzero_si512(); V]; R];
    for sums in &mut sums {
        for (sum, bias) in sums.iter_mut().zip(panel.bias) {
            // SAFETY: a lane is 16 integers, aligned to 64 bytes.
            *sum = unsafe { _mm512_load_si512(bias.0.as_ptr().cast()) };
        }
    }
    let mut weights: *const __m512i = panel.weights.as_ptr().cast();
    for &segment in rows.segments {
        // SAFETY: `Rows::check` has found every segment of every row inside of the
        // data, and segments are multiples of four bytes; the weights are as many
        // as the inputs, `V` aligned lanes to four of them.
        unsafe {
            let mut input = rows.data.as_ptr().add(segment + first * rows.stride);
            for _ in 0..rows.length / QUAD {
                let mut w = [_mm512_setzero_si512(); V];
                for (v, w) in w.iter_mut().enumerate() {
                    *w = _mm512_load_si512(weights.add(v));
                }
                for (r, sums) in sums.iter_mut().enumerate() {
                    let quad: *const i32 = input.add(r * rows.stride).cast();
                    let x = _mm512_set1_epi32(quad.read_unaligned());
                    for (sum, &w) in sums.iter_mut().zip(&w) {
                        *sum = _mm512_dpbusd_epi32(*sum, x, w);
                    }
                }
                input = input.add(QUAD);
                weights = weights.add(V);
            }
        }
    }
    let mut plain = [[[0; LANES]; V]; R];
    for (plain, sums) in plain.iter_mut().zip(&sums) {
        for (plain, &sum) in plain.iter_mut().zip(sums) {
            // SAFETY: both are 16 integers.
            *plain = unsafe { std::mem::transmute::<__m512i, [i32; LANES]>(sum) };
        }
    }
    for (r, sums) in plain.iter().enumerate() {
        job.finish(panel, first + r, sums, out);
    }
}
