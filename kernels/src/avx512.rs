//! Blocks of 12 rows by two registers of 16 columns: 24 of the 32 registers hold
//! sums, so that the latency of a multiply-add is hidden.

use std::arch::x86_64::{
    __m512, __m512bh, __m512i, _mm512_castps_si512, _mm512_cvtepi32_ps, _mm512_dpbf16_ps,
    _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_load_ps, _mm512_load_si512, _mm512_set1_ps,
    _mm512_setzero_ps, _mm512_setzero_si512,
};
use std::mem::transmute;

use crate::LANES;
use crate::integer::{IntJob, IntPanel, QUAD};
use crate::matrix::{Job, Panel};
use crate::number::{Bf16, Byte, Number};

/// Rows of a block.
const ROWS: usize = 12;

/// The body of a block of `$R` rows by `$V` registers. Every kind of number takes
/// 32 bits of a row at a time (a float, two bfloat16, or four bytes) and multiplies
/// them by as much of each of 16 columns.
macro_rules! block {
    (
        $job:ident, $panel:ident, $first:ident, $out:ident, $R:ident by $V:ident,
        group: $group:expr, start: $start:ident, zero: $zero:expr, load: $load:ident,
        vector: $vector:ty, plain: $plain:ty, as: |$whole:ident| $as:expr,
        dot: |$sum:ident, $x:ident, $w:ident| $dot:expr
    ) => {{
        let rows = &$job.rows;
        assert!($panel.bias.len() == $V);
        assert!($panel.weights.len() * $group == $V * rows.inputs());
        let mut sums = [[$zero; $V]; $R];
        for sums in &mut sums {
            for (sum, start) in sums.iter_mut().zip($panel.$start) {
                // SAFETY: a lane is 64 bytes, and aligned to as many.
                *sum = unsafe { $load(start.0.as_ptr().cast()) };
            }
        }
        let mut weights: *const __m512 = $panel.weights.as_ptr().cast();
        for &segment in rows.segments {
            // SAFETY: `Rows::check` has found every segment of every row inside of
            // the data, and segments are whole groups, of 32 bits each; the weights
            // are as many as the inputs, `$V` aligned lanes to a group.
            unsafe {
                let mut input = rows.data.as_ptr().add(segment + $first * rows.stride);
                for _ in 0..rows.length / $group {
                    let mut w = [_mm512_setzero_ps(); $V];
                    for (v, w) in w.iter_mut().enumerate() {
                        *w = _mm512_load_ps(weights.add(v).cast());
                    }
                    for (r, sums) in sums.iter_mut().enumerate() {
                        let group: *const f32 = input.add(r * rows.stride).cast();
                        let $x = _mm512_set1_ps(group.read_unaligned());
                        for ($sum, &$w) in sums.iter_mut().zip(&w) {
                            *$sum = $dot;
                        }
                    }
                    input = input.add($group);
                    weights = weights.add($V);
                }
            }
        }
        // A loop of its own: the sums would not stay in registers above, were they
        // indexed by one that is too long to be unrolled.
        let mut plain = [[<$plain>::default(); $V]; $R];
        for (plain, sums) in plain.iter_mut().zip(&sums) {
            for (plain, &$whole) in plain.iter_mut().zip(sums) {
                // SAFETY: both are 16 numbers of 32 bits.
                *plain = unsafe { transmute::<$vector, $plain>($as) };
            }
        }
        for (r, sums) in plain.iter().enumerate() {
            $job.finish($panel, $first + r, sums, $out);
        }
    }};
}

#[target_feature(enable = "avx512f")]
pub(crate) fn product<O: Number>(job: &Job<'_, f32>, out: &mut [O]) {
    macro_rules! call {
        ($r:literal, $v:literal, $panel:ident, $first:ident) => {
            block::<$r, $v, O>(job, $panel, $first, out)
        };
    }
    each_block!(job, ROWS, call: 1 2 3 4 5 6 7 8 9 10 11 12)
}

#[target_feature(enable = "avx512f")]
fn block<const R: usize, const V: usize, O: Number>(
    job: &Job<'_, f32>,
    panel: Panel<'_, f32>,
    first: usize,
    out: &mut [O],
) {
    block!(
        job, panel, first, out, R by V,
        group: 1, start: bias, zero: _mm512_setzero_ps(), load: _mm512_load_ps,
        vector: __m512, plain: [f32; LANES], as: |sum| sum,
        dot: |sum, x, w| _mm512_fmadd_ps(x, w, *sum)
    )
}

#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub(crate) fn bf16_product<O: Number>(job: &Job<'_, Bf16>, out: &mut [O]) {
    macro_rules! call {
        ($r:literal, $v:literal, $panel:ident, $first:ident) => {
            bf16_block::<$r, $v, O>(job, $panel, $first, out)
        };
    }
    each_block!(job, ROWS, call: 1 2 3 4 5 6 7 8 9 10 11 12)
}

#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn bf16_block<const R: usize, const V: usize, O: Number>(
    job: &Job<'_, Bf16>,
    panel: Panel<'_, [Bf16; 2]>,
    first: usize,
    out: &mut [O],
) {
    block!(
        job, panel, first, out, R by V,
        group: 2, start: bias, zero: _mm512_setzero_ps(), load: _mm512_load_ps,
        vector: __m512, plain: [f32; LANES], as: |sum| sum,
        dot: |sum, x, w| _mm512_dpbf16_ps(
            *sum,
            transmute::<__m512, __m512bh>(x),
            transmute::<__m512, __m512bh>(w)
        )
    )
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(crate) fn byte_product<O: Number>(job: &Job<'_, Byte>, out: &mut [O]) {
    macro_rules! call {
        ($r:literal, $v:literal, $panel:ident, $first:ident) => {
            byte_block::<$r, $v, O>(job, $panel, $first, out)
        };
    }
    each_block!(job, ROWS, call: 1 2 3 4 5 6 7 8 9 10 11 12)
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn byte_block<const R: usize, const V: usize, O: Number>(
    job: &Job<'_, Byte>,
    panel: Panel<'_, [i8; QUAD]>,
    first: usize,
    out: &mut [O],
) {
    block!(
        job, panel, first, out, R by V,
        group: QUAD, start: start, zero: _mm512_setzero_si512(), load: load_int,
        vector: __m512, plain: [f32; LANES], as: |sum| _mm512_cvtepi32_ps(sum),
        dot: |sum, x, w| _mm512_dpbusd_epi32(
            *sum,
            _mm512_castps_si512(x),
            _mm512_castps_si512(w)
        )
    )
}

#[target_feature(enable = "avx512f,avx512vnni")]
pub(crate) fn int_product(job: &IntJob<'_>, out: &mut [i32]) {
    macro_rules! call {
        ($r:literal, $v:literal, $panel:ident, $first:ident) => {
            int_block::<$r, $v>(job, $panel, $first, out)
        };
    }
    each_block!(job, ROWS, call: 1 2 3 4 5 6 7 8 9 10 11 12)
}

#[target_feature(enable = "avx512f,avx512vnni")]
fn int_block<const R: usize, const V: usize>(
    job: &IntJob<'_>,
    panel: IntPanel<'_>,
    first: usize,
    out: &mut [i32],
) {
    block!(
        job, panel, first, out, R by V,
        group: QUAD, start: bias, zero: _mm512_setzero_si512(), load: load_int,
        vector: __m512i, plain: [i32; LANES], as: |sum| sum,
        dot: |sum, x, w| _mm512_dpbusd_epi32(
            *sum,
            _mm512_castps_si512(x),
            _mm512_castps_si512(w)
        )
    )
}

/// # Safety
///
/// `from` must be 64 readable bytes, aligned to as many.
#[target_feature(enable = "avx512f")]
unsafe fn load_int(from: *const i32) -> __m512i {
    // SAFETY: as the caller promises.
    unsafe { _mm512_load_si512(from.cast()) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(crate) fn scale(values: &[f32], inverse: &[f32], out: &mut [Byte]) {
    Byte::scale(values, inverse, out);
}

#[target_feature(enable = "avx512f,avx512bw")]
pub(crate) fn convert(values: &[f32], out: &mut [Bf16]) {
    Bf16::convert(values, out);
}
