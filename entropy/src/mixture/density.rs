//! One symbol's mixture: its integral, and the slots that follow from it.

use std::num::NonZeroU16;

use constriction::stream::model::{DecoderModel, EntropyModel};

use super::PARAMETER_CENTRE;
use super::numbers::{
    FINE, INVERSE, Numbers, PHI, PHI_END, PHI_STEPS, POINT, SHARE, SLOPE, WEIGHT, WIDEST,
};
use crate::interval::Interval;
use crate::tables::{PRECISION, TOTAL};
use crate::trellis::Grid;

/// Offsets stay within so many symbols.
const FURTHEST_OFFSET: i64 = 1024 << POINT;
/// An offset follows the first symbol for so many standard deviations.
const FURTHEST_FOLLOWED: i64 = 8 << POINT;
/// 2^-20: the least probability of a symbol in a component, where the component's
/// responsibility for it is concerned.
const LEAST: u64 = 1 << (PHI - 20);
/// The start of the escape slot, whose mass is 1.
const ESCAPE: u32 = TOTAL as u32 - 1;

/// Values of Φ at an edge between two symbols, one a component.
pub(super) type Phis<const K: usize> = [u32; K];

/// What is known of a symbol before the other of its pair: the components.
#[derive(Debug, Clone, Copy)]
pub(super) struct Components<const K: usize> {
    /// In 2^-24; together at most 1, and less by what was rounded off.
    pub(super) weights: [u32; K],
    /// In 2^-20 symbols.
    pub(super) offsets: [i32; K],
    /// In eighths of a scale index.
    pub(super) scales: [u16; K],
}

impl<const K: usize> Components<K> {
    /// From the index of the scale and parameters: component k's are `fields[k]`: weight,
    /// offset, shift of the scale.
    #[inline(always)]
    pub(super) fn new(numbers: &Numbers, scale: u8, fields: [[u8; 3]; K]) -> Self {
        let centred = |value: u8| i64::from(value) - i64::from(PARAMETER_CENTRE);
        let base = usize::from(scale) * FINE as usize;
        let unit = i64::from(numbers.sigma[base.min(WIDEST)]);
        let weights = fields.map(|[weight, ..]| {
            // Checked to be at most 63.
            u64::from(numbers.weight[usize::from(weight & 63)])
        });
        Self {
            weights: normalised(weights),
            offsets: fields.map(|[_, offset, _]| ((centred(offset) * unit) >> 4) as i32),
            scales: fields.map(|[.., shift]| {
                let scale = base as i64 + 4 * centred(shift);
                scale.clamp(0, WIDEST as i64) as u16
            }),
        }
    }

    /// Those of the second symbol of a pair, once the first is known: `first` are the
    /// components of the first, `doubled` is twice its value, `edges` are its values of Φ below
    /// and above that symbol, `correlations` parameters.
    #[inline(always)]
    pub(super) fn given(
        self,
        numbers: &Numbers,
        first: &Self,
        doubled: i32,
        edges: [Phis<K>; 2],
        correlations: [u8; K],
    ) -> Self {
        let mut second = self;
        let mut weights = [0; K];
        for k in 0..K {
            let mass = u64::from(edges[1][k] - edges[0][k]) + LEAST;
            weights[k] = (u64::from(first.weights[k]) * mass) >> 15;
            // -31 to 31; that there is no 32 keeps the scale above nothing.
            let rho = (i64::from(correlations[k]) - i64::from(PARAMETER_CENTRE)).max(-31);
            let (from, to) = (usize::from(first.scales[k]), usize::from(self.scales[k]));
            let off = (i64::from(doubled) << (POINT - 1)) - i64::from(first.offsets[k]);
            let followed = (off * i64::from(numbers.slope[from])) >> SLOPE;
            let followed = followed.clamp(-FURTHEST_FOLLOWED, FURTHEST_FOLLOWED);
            let moved = (((followed * i64::from(numbers.sigma[to])) >> POINT) * rho) >> 5;
            let offset = i64::from(self.offsets[k]) + moved;
            second.offsets[k] = offset.clamp(-FURTHEST_OFFSET, FURTHEST_OFFSET) as i32;
            let explained = (rho * rho * i64::from(numbers.share[from])) >> SHARE;
            let narrower = numbers.narrower[explained as usize] as u16;
            second.scales[k] = self.scales[k].saturating_sub(narrower);
        }
        second.weights = normalised(weights);
        second
    }
}

/// Weights in 2^-24 of one, from values below 2^39 that are not all zero.
#[inline(always)]
fn normalised<const K: usize>(weights: [u64; K]) -> [u32; K] {
    let sum = weights.iter().sum::<u64>().max(1);
    weights.map(|weight| ((weight << WEIGHT) / sum) as u32)
}

/// A symbol's distribution: the symbols `min..min + symbols`, and the escape slot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Density<'a, const K: usize> {
    numbers: &'a Numbers,
    weights: [u32; K],
    offsets: [i32; K],
    inverses: [u32; K],
    /// Where slots begin, see [`below`].
    below: &'static [i64; 4],
    min: i32,
    symbols: u32,
    /// Slot to begin a search at.
    centre: u32,
}

/// By how much a slot begins above its symbol, on a grid: that of a symbol -1 or less, of 0, of
/// 1, of 2 or more. Edges lie halfway between values.
#[inline(always)]
fn below(grid: Grid) -> &'static [i64; 4] {
    const QUARTER: i64 = 1 << (POINT - 2);
    match grid {
        Grid::Whole => &[-2 * QUARTER; 4],
        Grid::Shifted => &[0; 4],
        Grid::Centred => &[0, -QUARTER, -3 * QUARTER, -4 * QUARTER],
    }
}

/// An edge between slots.
#[derive(Debug, Clone, Copy)]
struct Edge<const K: usize> {
    slot: u32,
    /// Mass of all slots below it.
    before: u32,
    /// `None` for those at both ends, which are known without.
    phis: Option<Phis<K>>,
}

impl<'a, const K: usize> Density<'a, K> {
    #[inline(always)]
    pub(super) fn new(numbers: &'a Numbers, of: &Components<K>, grid: Grid) -> Self {
        let below = below(grid);
        // Zero is always among the symbols, and so are its neighbours.
        let (mut min, mut max) = (-1i64, 1i64);
        let mut heaviest = 0;
        for k in 0..K {
            let offset = i64::from(of.offsets[k]);
            let sigma = i64::from(numbers.sigma[usize::from(of.scales[k])]);
            let reach = (9 * sigma) >> 1;
            // The slots there, of symbols at the ends.
            min = min.min((offset - reach - below[0]) >> POINT);
            max = max.max((offset + reach - below[3]) >> POINT);
            if of.weights[k] > of.weights[heaviest] {
                heaviest = k;
            }
        }
        // Offsets are within 1024 symbols and scales within 160: this is a few thousand.
        let heaviest = i64::from(of.offsets[heaviest]);
        let centre = (heaviest - ((below[0] + below[3]) >> 1)) >> POINT;
        Self {
            numbers,
            weights: of.weights,
            offsets: of.offsets,
            inverses: of.scales.map(|scale| numbers.inverse[usize::from(scale)]),
            below,
            min: min as i32,
            symbols: (max - min + 1) as u32,
            centre: (centre - min) as u32,
        }
    }

    #[inline(always)]
    pub(super) fn min(&self) -> i32 {
        self.min
    }

    #[inline(always)]
    pub(super) fn max(&self) -> i32 {
        self.min + (self.symbols as i32 - 1)
    }

    /// The slot of `symbol`; `None` if it has to be escaped.
    #[inline(always)]
    pub(super) fn slot(&self, symbol: i32) -> Option<u32> {
        let slot = symbol.wrapping_sub(self.min) as u32;
        (slot < self.symbols).then_some(slot)
    }

    /// Φ of every component at the lower edge of a slot.
    #[inline(always)]
    fn phis(&self, slot: u32) -> Phis<K> {
        let symbol = i64::from(self.min) + i64::from(slot);
        let at = (symbol << POINT) + self.below[(symbol + 1).clamp(0, 3) as usize];
        std::array::from_fn(|k| {
            let off = at - i64::from(self.offsets[k]);
            // At most 2^33 by 2^30.
            let far = (off.unsigned_abs() * u64::from(self.inverses[k])) >> INVERSE;
            let upper = phi(self.numbers, far);
            if off < 0 { (1 << PHI) - upper } else { upper }
        })
    }

    /// The mass of all slots below `slot`, which has `phis` at its lower edge: a mass
    /// of 1 each, and the rest as the integral goes.
    #[inline(always)]
    fn before(&self, slot: u32, phis: &Phis<K>) -> u32 {
        let sum = (0..K).map(|k| u64::from(self.weights[k]) * u64::from(phis[k]));
        let integral = sum.sum::<u64>() >> WEIGHT;
        let free = TOTAL - 1 - u64::from(self.symbols);
        slot + ((integral * free) >> PHI) as u32
    }

    #[inline(always)]
    fn edge(&self, slot: u32) -> Edge<K> {
        let ends = match slot {
            0 => Some(0),
            slot if slot >= self.symbols => Some(ESCAPE),
            _ => None,
        };
        if let Some(before) = ends {
            return Edge {
                slot,
                before,
                phis: None,
            };
        }
        let phis = self.phis(slot);
        Edge {
            slot,
            before: self.before(slot, &phis),
            phis: Some(phis),
        }
    }

    /// The share of a symbol's slot, and what [`Components::given`] wants to know.
    #[inline(always)]
    pub(super) fn interval(&self, slot: u32) -> Found<K> {
        self.between(self.edge(slot), self.edge(slot + 1))
    }

    #[inline(always)]
    fn between(&self, below: Edge<K>, above: Edge<K>) -> Found<K> {
        Found {
            slot: below.slot,
            interval: interval(below.before, above.before),
            edges: [below.phis, above.phis],
        }
    }

    /// Values of Φ below and above a symbol, computed where they are missing.
    #[inline(always)]
    pub(super) fn edges(&self, found: &Found<K>) -> [Phis<K>; 2] {
        let [below, above] = found.edges;
        [
            below.unwrap_or_else(|| self.phis(found.slot)),
            above.unwrap_or_else(|| self.phis(found.slot + 1)),
        ]
    }

    /// The share of the escape slot.
    #[inline(always)]
    pub(super) fn escape(&self) -> Interval {
        interval(ESCAPE, TOTAL as u32)
    }

    /// Searches outwards from the centre, then between two edges.
    #[inline(always)]
    fn find(&self, quantile: u32) -> Found<K> {
        let (mut below, mut above) = (self.edge(0), self.edge(self.symbols));
        let (mut next, mut stride) = (self.centre, 1);
        while above.slot - below.slot > 1 {
            let edge = self.edge(next.clamp(below.slot + 1, above.slot - 1));
            if edge.before <= quantile {
                below = edge;
                next = edge.slot + stride;
            } else {
                above = edge;
                next = edge.slot.saturating_sub(stride);
            }
            if below.phis.is_some() && above.phis.is_some() {
                next = below.slot.midpoint(above.slot);
            }
            stride *= 2;
        }
        self.between(below, above)
    }
}

/// Φ of `far` standard deviations, in 2^-20 of one.
#[inline(always)]
fn phi(numbers: &Numbers, far: u64) -> u32 {
    const BITS: u32 = POINT - PHI_STEPS;
    if far >= (PHI_END as u64) << POINT {
        return 1 << PHI;
    }
    let (entry, rest) = ((far >> BITS) as usize, far & ((1 << BITS) - 1));
    let (low, high) = (numbers.phi[entry], numbers.phi[entry + 1]);
    low + ((u64::from(high - low) * rest) >> BITS) as u32
}

/// Not empty: every slot has a mass of its own.
#[inline(always)]
fn interval(before: u32, after: u32) -> Interval {
    Interval {
        start: before as u16,
        mass: NonZeroU16::new((after - before) as u16).unwrap_or(NonZeroU16::MIN),
    }
}

/// A symbol's slot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<const K: usize> {
    pub(super) slot: u32,
    pub(super) interval: Interval,
    edges: [Option<Phis<K>>; 2],
}

impl<const K: usize> EntropyModel<PRECISION> for Density<'_, K> {
    type Symbol = Option<Found<K>>;
    type Probability = u16;
}

/// `None` is the escape slot.
impl<const K: usize> DecoderModel<PRECISION> for Density<'_, K> {
    #[inline(always)]
    fn quantile_function(&self, quantile: u16) -> (Option<Found<K>>, u16, NonZeroU16) {
        if u32::from(quantile) == ESCAPE {
            let Interval { start, mass } = self.escape();
            return (None, start, mass);
        }
        let found = self.find(quantile.into());
        let Interval { start, mass } = found.interval;
        (Some(found), start, mass)
    }
}
