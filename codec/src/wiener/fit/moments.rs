//! Sums over blocks.

use crate::wiener::TAPS;
use crate::wiener::strip::BLOCK;

const AREA: usize = BLOCK * BLOCK;

/// What a block has for one tap, or its errors: 16 bits, so that processors multiply and
/// add eight or more at once.
type Values = [i16; AREA];

/// Sums over the pixels of blocks of one class, in one plane: of products of what the
/// taps see (in fours), with each other and with the error, and of the error's square.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moments {
    pub taps: [[i64; TAPS]; TAPS],
    pub with_error: [i64; TAPS],
    pub energy: i64,
}

impl Moments {
    pub fn add(&mut self, other: &Self) {
        for (row, other) in self.taps.iter_mut().zip(&other.taps) {
            row.iter_mut()
                .zip(other)
                .for_each(|(sum, more)| *sum += more);
        }
        let errors = self.with_error.iter_mut().zip(&other.with_error);
        errors.for_each(|(sum, more)| *sum += more);
        self.energy += other.energy;
    }

    /// Takes the block at `place` of planes whose rows are `stride` apart.
    pub fn add_block(
        &mut self,
        decoded: &[f32],
        original: &[f32],
        place: usize,
        stride: usize,
        offsets: &[isize; TAPS],
    ) {
        let mut error: Values = [0; AREA];
        let mut taps = [[0; AREA]; TAPS];
        for y in 0..BLOCK {
            let start = place + y * stride;
            let at = |plane: &'_ [f32], offset: isize| -> [f32; BLOCK] {
                let values = plane[start.wrapping_add_signed(offset)..].first_chunk();
                *values.expect("a border of a filter's reach is around all blocks")
            };
            let (middle, wanted) = (at(decoded, 0), at(original, 0));
            for x in 0..BLOCK {
                error[y * BLOCK + x] = (wanted[x] - middle[x]) as i16;
            }
            for (tap, &offset) in taps.iter_mut().zip(offsets) {
                let (one, other) = (at(decoded, offset), at(decoded, -offset));
                for x in 0..BLOCK {
                    let seen = one[x] + other[x] - 2.0 * middle[x];
                    tap[y * BLOCK + x] = ((seen as i32) >> 2) as i16;
                }
            }
        }
        for (i, tap) in taps.iter().enumerate() {
            for (sum, other) in self.taps[i].iter_mut().zip(&taps[..=i]) {
                *sum += product(tap, other);
            }
            self.with_error[i] += product(tap, &error);
        }
        self.energy += square(&error);
    }
}

/// Of what taps see and of errors: below 2^13 · 2^14 · 16 = 2^31.
fn product(a: &Values, b: &Values) -> i64 {
    let products = a.iter().zip(b).map(|(&a, &b)| i32::from(a) * i32::from(b));
    products.sum::<i32>().into()
}

/// Errors are below 2^14, their squares are added up one by one.
fn square(a: &Values) -> i64 {
    let squares = a.iter().map(|&a| i32::from(a) * i32::from(a));
    squares.map(i64::from).sum()
}
