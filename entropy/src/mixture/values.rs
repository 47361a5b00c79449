//! Which symbols are on a trellis, and which values they stand for.

use std::ops::Range;

use super::Mixtures;
use crate::halves::first_half;
use crate::trellis::Trellis;

/// Which symbols are on a [`Trellis`], which begins anew in each half of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnTrellis(Vec<bool>);

impl OnTrellis {
    /// Those of scale `from` or more.
    pub fn new(scales: &[u8], from: u8) -> Self {
        Self(scales.iter().map(|&scale| scale >= from).collect())
    }

    /// One a symbol, of the first half and of the second.
    pub fn halves(&self) -> [&[bool]; 2] {
        self.0.split_at(first_half(self.0.len())).into()
    }

    /// The values that `symbols`, one for each, stand for, in halves of a step: twice a
    /// symbol, or one more. What an `i32` does not hold becomes its greatest or least.
    pub fn doubled(&self, symbols: &[i32]) -> Vec<i32> {
        let mut values: Vec<i32> = symbols.iter().map(|s| s.saturating_mul(2)).collect();
        let [first, second] = self.halves();
        let half = first.len().min(symbols.len());
        let (before, after) = symbols.split_at(half);
        let (of_before, of_after) = values.split_at_mut(half);
        rayon::join(
            || lift(first, before, of_before),
            || lift(second, after, of_after),
        );
        values
    }
}

/// Adds the half step to values of one of the two halves.
fn lift(on: &[bool], symbols: &[i32], values: &mut [i32]) {
    let mut trellis = Trellis::default();
    for ((&on, &symbol), value) in on.iter().zip(symbols).zip(values) {
        if on {
            // Below the least, half a step up is not to be seen.
            let lifted = 2 * i64::from(symbol) + i64::from(trellis.half());
            *value = lifted.clamp(i32::MIN.into(), i32::MAX.into()) as i32;
            trellis = trellis.after(symbol);
        }
    }
}

impl Mixtures {
    /// Which symbols are on the trellis; `None` if there is none.
    pub fn on_trellis(&self) -> Option<OnTrellis> {
        let on = || OnTrellis::new(&self.scales, self.trellis_from);
        self.has_trellis().then(on)
    }

    /// Where parts of `part` symbols of `range`, one of the two halves, begin, and where the
    /// trellis is then.
    pub(super) fn states(
        &self,
        range: Range<usize>,
        symbols: &[i32],
        part: usize,
    ) -> Vec<(usize, Trellis)> {
        let starts = range.clone().step_by(part);
        if !self.has_trellis() {
            return starts.map(|start| (start, Trellis::default())).collect();
        }
        let mut trellis = Trellis::default();
        starts
            .map(|start| {
                let at = (start, trellis);
                let range = start..(start + part).min(range.end);
                let scales = self.scales[range.clone()].iter();
                for (&scale, &symbol) in scales.zip(&symbols[range]) {
                    trellis = trellis.after_if(scale >= self.trellis_from, symbol);
                }
                at
            })
            .collect()
    }
}
