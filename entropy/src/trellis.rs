//! The trellis of trellis-coded quantisation (Marcellin and Fischer, *Trellis Coded
//! Quantization of Memoryless and Gauss-Markov Sources*, 1990): symbols stand for values
//! on one of two grids, whole numbers or those half a step above, and which one follows
//! from whether the symbols before were odd. An encoder that chooses all symbols
//! together has the points of both grids, at the price of one.
//!
//! BITSTREAM.md, *Trellis*, is the specification.

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

    /// 1 if the next symbol's value is half a step above it, 0 if it is the symbol.
    #[inline(always)]
    pub fn half(self) -> i32 {
        i32::from(self.0 & 1)
    }

    /// The state after `symbol`.
    #[inline(always)]
    pub fn after(self, symbol: i32) -> Self {
        let (state, symbol) = (self.0 & 1, (symbol & 1) as u8);
        Self((self.0 >> 1) ^ (state * Self::OF_ODD_STATE) ^ (symbol * Self::OF_ODD_SYMBOL))
    }

    /// The same, if the symbol is `on` the trellis.
    #[inline(always)]
    pub(crate) fn after_if(self, on: bool, symbol: i32) -> Self {
        if on { self.after(symbol) } else { self }
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
            assert_eq!(before[0].0.half(), before[1].0.half());
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
                    let subset = 2 * symbol as usize + state.half() as usize;
                    let next = usize::from(state.after(symbol).0);
                    best[next] = best[next].min(so_far.saturating_add(apart(subset)));
                }
            }
        }
        assert_eq!(best[0], 14);
    }
}
