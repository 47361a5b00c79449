//! Matrix products of a convolution's shape, in single precision, bfloat16 and
//! 8-bit integers, over weights that were packed once.
//!
//! General matrix products (BLAS, `gemm`, `matrixmultiply`) pack both operands at
//! every call and write the plain product. The networks of lic multiply few
//! positions by small matrices (48 to 640 a side) that never change, so packing
//! would cost as much as the product of the narrow ones, and a bias, a ReLU, a
//! gate or a residual sum done in a second pass would cost memory traffic. Here
//! the weights are packed when a model is loaded, activations are read where they
//! lie ([`Rows`]), and what follows the product is done in registers
//! ([`Finish`]).
//!
//! The loop nest is that of Goto and van de Geijn, *Anatomy of High-Performance
//! Matrix Multiplication* (ACM TOMS 34(3), 2008), section 6, less its packing of
//! the activations: a panel of weights, at most 32 columns wide, stays in the
//! first-level cache while blocks of rows pass by it, their sums in registers.
//!
//! The only crate of lic with unsafe code; it has no dependencies.

#![deny(missing_docs)]

/// Calls `$block` for every panel and block of a job, with the numbers of its rows (of
/// which those named are all that there can be) and of its lanes as constants, so that
/// sums stay in registers.
macro_rules! each_block {
    ($job:ident, $most:ident, $block:ident: $($r:literal)*) => {
        for panel in $job.panels() {
            for (first, count) in $job.blocks($most) {
                match (count, panel.bias.len()) {
                    $(
                        ($r, 1) => $block!($r, 1, panel, first),
                        ($r, _) => $block!($r, 2, panel, first),
                    )*
                    _ => unreachable!("blocks have at most {} rows", $most),
                }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod integer;
mod isa;
mod matrix;
#[cfg(target_arch = "aarch64")]
mod neon;
mod number;
mod portable;
mod rows;

pub use integer::{IntFinish, IntMatrix, QUAD, Requantise};
pub use isa::Isa;
pub use matrix::{Finish, Matrix};
pub use number::{Bf16, Byte, Number};
pub use rows::Rows;

/// Columns of a vector of sums, on every machine: what AVX-512 holds in one
/// register, AVX2 in two and NEON in four.
pub const LANES: usize = 16;

/// A vector of weights or sums.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(crate) struct Lane<T>([T; LANES]);
