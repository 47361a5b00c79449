//! What a sample is expected to be: several guesses, each weighed by how well it
//! did around here, as in the lossless mode of JPEG XL (ISO/IEC 18181-1) and
//! before it in TMW (Meyer and Tischer 1997).

use super::window::{Errors, GUESSES, Neighbours, Window};

/// An expected sample.
#[derive(Debug)]
pub(super) struct Guess {
    guesses: [i32; GUESSES],
    /// 0 to the largest sample.
    pub(super) expected: i32,
    /// Where the mean lies that was rounded: 0 below `expected`, 1 close to it,
    /// 2 above.
    pub(super) side: usize,
    /// Sum of the errors around here, at most 5 times the largest sample.
    pub(super) energy: u32,
}

impl Guess {
    pub(super) fn new(window: &Window, x: usize, near: &Neighbours, max: i32) -> Self {
        let Neighbours { w, n, nw, ne, .. } = *near;
        let plane = w + n - nw;
        let guesses = [
            // The median of LOCO-I, for edges.
            plane.clamp(w.min(n), w.max(n)),
            plane,
            w + ne - n,
            // For slopes with noise, and for noise alone.
            (3 * (w + n) - 2 * nw) >> 2,
            near.all().iter().sum::<i32>() >> 3,
        ];
        let errors = window.errors(x);
        let (mut total, mut sum) = (0, 0);
        for (guess, value) in guesses.into_iter().enumerate() {
            // At most 5 * 3 * 65,535.
            let error: i32 = errors.iter().map(|errors| errors.guesses[guess]).sum();
            let square = i64::from(error) * i64::from(error);
            let weight = ((1 << 36) / (1 + square)).max(1);
            total += weight;
            sum += weight * i64::from(value);
        }
        // In eighths; five weights of 2^36 and values of 2^18 stay below 2^60.
        let mean = (8 * sum + total / 2).div_euclid(total);
        let mean = mean.clamp(0, 8 * i64::from(max)) as i32;
        let expected = (mean + 4) >> 3;
        let side = match mean - 8 * expected {
            ..=-2 => 0,
            -1..=1 => 1,
            2.. => 2,
        };
        let energy = errors.iter().map(|errors| errors.expected as u32).sum();
        Self {
            guesses,
            expected,
            side,
            energy,
        }
    }

    /// How far off it all was, now that the sample is known.
    pub(super) fn errors(&self, sample: i32) -> Errors {
        Errors {
            guesses: self.guesses.map(|guess| (guess - sample).abs()),
            expected: (self.expected - sample).abs(),
        }
    }
}
