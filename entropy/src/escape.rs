//! Symbols outside their table: after the escape slot, the sign and the distance
//! from the table's range as equiprobable bits.
//!
//! The distance d = 1, 2, 3, … has n + 1 significant bits. It follows as an
//! Exp-Golomb code of order 0 (Teuhola 1978): n ones, a zero, then the n bits
//! below the leading one, the most significant first. n is at most 31, so a
//! hostile stream ends the loop soon.

use crate::error::DecodeError;
use crate::interval::{Bit, Interval, Sink, Source};

/// The largest distance between two `i32` has 32 significant bits.
const MAX_N: u32 = 31;

/// The sign (true: below the range) and the distance of a symbol outside
/// `min..=max`.
fn distance(symbol: i32, min: i32, max: i32) -> (bool, u32) {
    let below = symbol < min;
    let distance = if below {
        symbol.abs_diff(min)
    } else {
        symbol.abs_diff(max)
    };
    debug_assert!(distance > 0, "an escaped symbol lies outside its table");
    (below, distance.max(1))
}

/// Length in bits of an escaped symbol, the escape slot itself not counted.
pub(crate) fn bits(symbol: i32, min: i32, max: i32) -> u32 {
    2 + 2 * distance(symbol, min, max).1.ilog2()
}

/// Writes a symbol outside `min..=max`.
pub(crate) fn encode(sink: &mut impl Sink, symbol: i32, min: i32, max: i32) {
    let (below, distance) = distance(symbol, min, max);
    let n = distance.ilog2();
    sink.put(Interval::bit(below));
    for _ in 0..n {
        sink.put(Interval::bit(true));
    }
    sink.put(Interval::bit(false));
    for place in (0..n).rev() {
        sink.put(Interval::bit(distance >> place & 1 == 1));
    }
}

/// Reads a symbol outside `min..=max`.
pub(crate) fn decode(source: &mut impl Source, min: i32, max: i32) -> Result<i32, DecodeError> {
    let below = source.take(Bit)?;
    let mut n = 0;
    while source.take(Bit)? {
        n += 1;
        if n > MAX_N {
            return Err(DecodeError::EscapeRange);
        }
    }
    let mut distance = 1u32;
    for _ in 0..n {
        distance = distance << 1 | u32::from(source.take(Bit)?);
    }
    let symbol = if below {
        min.checked_sub_unsigned(distance)
    } else {
        max.checked_add_unsigned(distance)
    };
    symbol.ok_or(DecodeError::EscapeRange)
}
