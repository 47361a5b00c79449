//! Which symbols are on a trellis, and which values they stand for.

use std::ops::Range;

use super::Mixtures;
use crate::halves::first_half;
use crate::trellis::{Grid, Trellis, TrellisScales};

/// Which symbols are on a [`Trellis`], which begins anew in each half of them: those that have
/// a second grid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnTrellis(Vec<Option<Grid>>);

impl OnTrellis {
    /// Those of `scales`.
    pub fn new(scales: &[u8], of: TrellisScales) -> Self {
        Self(scales.iter().map(|&scale| of.second(scale)).collect())
    }

    /// Second grids, one a symbol, of the first half and of the second.
    pub fn halves(&self) -> [&[Option<Grid>]; 2] {
        self.0.split_at(first_half(self.0.len())).into()
    }

    /// Twice the values that `symbols`, one for each, stand for. What an `i32` does not hold
    /// becomes its greatest or least.
    pub fn doubled(&self, symbols: &[i32]) -> Vec<i32> {
        self.map(symbols, Grid::doubled)
    }

    /// The grids that `symbols` are on.
    pub fn grids(&self, symbols: &[i32]) -> Vec<Grid> {
        self.map(symbols, |grid, _| grid)
    }

    fn map<T: Send>(&self, symbols: &[i32], of: impl Fn(Grid, i32) -> T + Sync) -> Vec<T> {
        let [first, second] = self.halves();
        let (before, after) = symbols.split_at(first.len().min(symbols.len()));
        let (mut values, more) = rayon::join(
            || map_half(first, before, &of),
            || map_half(second, after, &of),
        );
        values.extend(more);
        values
    }
}

fn map_half<T>(second: &[Option<Grid>], symbols: &[i32], of: impl Fn(Grid, i32) -> T) -> Vec<T> {
    let mut trellis = Trellis::default();
    let one = |(&second, &symbol): (&Option<Grid>, &i32)| {
        let grid = trellis.grid(second);
        trellis = trellis.after_if(second, symbol);
        of(grid, symbol)
    };
    second.iter().zip(symbols).map(one).collect()
}

impl Mixtures {
    /// Which symbols are on the trellis; `None` if there is none.
    pub fn on_trellis(&self) -> Option<OnTrellis> {
        let trellis = self.trellis?;
        Some(OnTrellis::new(&self.scales, trellis))
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
        let Some(of) = self.trellis else {
            return starts.map(|start| (start, Trellis::default())).collect();
        };
        let mut trellis = Trellis::default();
        starts
            .map(|start| {
                let at = (start, trellis);
                let range = start..(start + part).min(range.end);
                let scales = self.scales[range.clone()].iter();
                for (&scale, &symbol) in scales.zip(&symbols[range]) {
                    trellis = trellis.after_if(of.second(scale), symbol);
                }
                at
            })
            .collect()
    }
}
