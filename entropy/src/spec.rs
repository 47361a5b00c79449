//! What tables are made from.

use crate::error::TableError;
use crate::tables::TOTAL;

/// What a table is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSpec {
    /// The smallest symbol; the others follow it without a gap.
    pub min: i32,
    /// The mass of every symbol, in order, and then that of the escape slot:
    /// all at least 1, 65,536 together.
    pub freqs: Vec<u32>,
}

impl TableSpec {
    /// Masses in proportion to `weights` (the last is the escape slot's), each at
    /// least 1, in integer arithmetic alone.
    ///
    /// A weight w becomes max(1, ⌊(w · n + W / 2) / W⌋), where W is the sum of all
    /// weights and n ≤ 65,536 the largest number with which the masses add up to
    /// no more than 65,536; the heaviest slot (the first of equals) takes what is
    /// left. Weights that are all zero count as all equal. The result is not
    /// valid, and [`Tables::new`](crate::Tables::new) says so, unless there are 2 to 65,536 weights.
    pub fn from_weights(min: i32, weights: &[u32]) -> Self {
        let sum: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
        let share = |weight: u32, n: u64| -> u64 {
            (u64::from(weight) * n + sum / 2)
                .checked_div(sum)
                .unwrap_or(0)
                .max(1)
        };
        let used = |n| weights.iter().map(|weight| share(*weight, n)).sum::<u64>();
        // `used` never falls as n grows: bisect.
        let (mut fits, mut beyond) = (0, TOTAL + 1);
        while beyond - fits > 1 {
            let n = fits.midpoint(beyond);
            if used(n) <= TOTAL {
                fits = n;
            } else {
                beyond = n;
            }
        }
        let mut freqs: Vec<u32> = weights
            .iter()
            .map(|weight| share(*weight, fits) as u32)
            .collect();
        let heaviest = (0..weights.len()).rev().max_by_key(|slot| weights[*slot]);
        if let Some(slot) = heaviest {
            freqs[slot] += TOTAL.saturating_sub(used(fits)) as u32;
        }
        Self { min, freqs }
    }
}

/// Whether the spec of table number `table` makes a table.
pub(crate) fn check(table: usize, spec: &TableSpec) -> Result<(), TableError> {
    let slots = spec.freqs.len();
    if slots < 2 || slots as u64 > TOTAL {
        return Err(TableError::SlotCount {
            table,
            found: slots,
            limit: TOTAL as usize,
        });
    }
    if let Some(slot) = spec.freqs.iter().position(|mass| *mass == 0) {
        return Err(TableError::ZeroMass { table, slot });
    }
    let found: u64 = spec.freqs.iter().map(|mass| u64::from(*mass)).sum();
    if found != TOTAL {
        return Err(TableError::WrongTotal {
            table,
            found,
            expected: TOTAL,
        });
    }
    let symbols = slots - 1;
    if i64::from(spec.min) + symbols as i64 - 1 > i64::from(i32::MAX) {
        return Err(TableError::SymbolRange {
            table,
            min: spec.min,
            symbols,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masses_follow_weights() {
        let spec = TableSpec::from_weights(0, &[3, 0, 1]);
        assert_eq!(spec.freqs, [49_151, 1, 16_384]);
        let spec = TableSpec::from_weights(0, &[u32::MAX; 3]);
        assert_eq!(spec.freqs, [21_846, 21_845, 21_845]);
    }
}
