//! The trellis of trellis-coded quantisation (Marcellin and Fischer, *Trellis Coded
//! Quantization of Memoryless and Gauss-Markov Sources*, 1990): symbols stand for values
//! on one of two grids, whole numbers or those half a step beside, and which one follows
//! from whether the symbols before were odd. An encoder that chooses all symbols
//! together has the points of both grids, at the price of one.
//!
//! Where a symbol is nearly always 0, the second grid has a zero as well, as both
//! quantisers of H.266 have (Schwarz et al., *Hybrid Video Coding with Trellis-Coded
//! Quantization*, DCC 2019).
//!
//! BITSTREAM.md, *Trellis*, is the specification.

/// The values that symbols stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grid {
    /// Each for itself.
    Whole,
    /// For itself and a half.
    Shifted,
    /// 0, and ±½, ±1½, ±2½ and so on for ±1, ±2, ±3.
    Centred,
}

impl Grid {
    /// Twice the value; what an `i32` does not hold becomes its greatest or least.
    #[inline(always)]
    pub fn doubled(self, symbol: i32) -> i32 {
        let doubled = 2 * i64::from(symbol);
        let value = match self {
            Self::Whole => doubled,
            Self::Shifted => doubled + 1,
            Self::Centred => doubled - i64::from(symbol.signum()),
        };
        value.clamp(i32::MIN.into(), i32::MAX.into()) as i32
    }
}

/// Which symbols are on a trellis, by the indices of their scales, 0..=63 (BITSTREAM.md,
/// *Trellis*, T and U).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrellisScales {
    /// T: those of this index or more.
    pub from: u8,
    /// U: of those, the ones below have a second grid that is [`Centred`](Grid::Centred), the
    /// others one that is [`Shifted`](Grid::Shifted).
    pub centred_below: u8,
}

impl TrellisScales {
    /// The second grid of a scale's symbols; `None` if they are not on the trellis.
    #[inline(always)]
    pub fn second(self, scale: u8) -> Option<Grid> {
        let grid = if scale < self.centred_below {
            Grid::Centred
        } else {
            Grid::Shifted
        };
        (scale >= self.from).then_some(grid)
    }
}

/// A state: which grid comes next.
///
/// The code is Ungerboeck's of 64 states for amplitudes (*Channel Coding with
/// Multilevel/Phase Signals*, 1982, table I: parity checks 103 and 024, octal), as a
/// syndrome former: the state's lowest bit is the next check, and is the grid.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Trellis(u8);

impl Trellis {
    /// How many states there are.
    pub const STATES: usize = 64;
    /// What an odd state adds to the next, beside half of itself: the parity check of
    /// grids without its lowest bit.
    pub const OF_ODD_STATE: u8 = 0o103 >> 1;
    /// What an odd symbol adds: that of symbols.
    pub const OF_ODD_SYMBOL: u8 = 0o024 >> 1;

    /// Whether the next symbol's grid is the second.
    #[inline(always)]
    fn is_odd(self) -> bool {
        self.0 & 1 == 1
    }

    /// The next symbol's grid, if its second is `second`.
    #[inline(always)]
    pub fn grid(self, second: Option<Grid>) -> Grid {
        second.filter(|_| self.is_odd()).unwrap_or(Grid::Whole)
    }

    /// The state after `symbol`.
    #[inline(always)]
    pub fn after(self, symbol: i32) -> Self {
        let (state, symbol) = (self.0 & 1, (symbol & 1) as u8);
        Self((self.0 >> 1) ^ (state * Self::OF_ODD_STATE) ^ (symbol * Self::OF_ODD_SYMBOL))
    }

    /// The same, if the symbol is on the trellis: it has a second grid.
    #[inline(always)]
    pub(crate) fn after_if(self, second: Option<Grid>, symbol: i32) -> Self {
        match second {
            Some(_) => self.after(symbol),
            None => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_states_lead_to_each_and_both_have_one_grid() {
        let states = || (0..Trellis::STATES as u8).map(Trellis);
        for next in states() {
            let before: Vec<(Trellis, i32)> = states()
                .flat_map(|state| [(state, 0), (state, 1)])
                .filter(|&(state, symbol)| state.after(symbol) == next)
                .collect();
            assert_eq!(before.len(), 2);
            assert_eq!(before[0].0.is_odd(), before[1].0.is_odd());
            assert_ne!(before[0].1, before[1].1);
        }
    }

    /// What a code gains grows with how far apart its paths are: those that part and meet
    /// again have a squared distance of 14 squared halves of a step (Ungerboeck 1982,
    /// table I), of 4 without a trellis.
    #[test]
    fn paths_that_part_stay_apart() {
        // Between subsets D_i and D_j of the points i/2, i/2 + 2, ...: of grid z0 and
        // parity z1 is number 2 z1 + z0.
        let apart = |difference: usize| [0u32, 1, 4, 1][difference];
        // The code is linear: paths from state 0 to state 0, by the least distance.
        let mut best = [u32::MAX; Trellis::STATES];
        let start = Trellis(0).after(1);
        best[usize::from(start.0)] = apart(2);
        for _ in 0..200 {
            for state in (1..Trellis::STATES as u8).map(Trellis) {
                let so_far = best[usize::from(state.0)];
                for symbol in [0, 1] {
                    let subset = 2 * symbol as usize + usize::from(state.is_odd());
                    let next = usize::from(state.after(symbol).0);
                    best[next] = best[next].min(so_far.saturating_add(apart(subset)));
                }
            }
        }
        assert_eq!(best[0], 14);
    }
}
