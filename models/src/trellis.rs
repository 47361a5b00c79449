//! How an encoder chooses symbols that are on a trellis: the path of least rate and
//! distortion together (Viterbi 1967). A decoder is not concerned.

use std::array;
use std::sync::OnceLock;

use lic_entropy::{OnTrellis, SCALES, Trellis, scale};

use crate::prior::TRELLIS_FROM;
use crate::rounding::{SQUARED_ERROR_A_BIT, rounded};

/// Half of the states: what an even, or an odd one, has before and after it.
const HALF: usize = Trellis::STATES / 2;
/// What an odd state and an odd symbol add to the next state, without the bit that tells the
/// halves of states apart.
const OF_ODD_STATE: usize = Trellis::OF_ODD_STATE as usize % HALF;
const OF_ODD_SYMBOL: usize = Trellis::OF_ODD_SYMBOL as usize;
/// A cost that no path has.
const NEVER: f32 = 1e30;
/// Symbols after which the least cost is taken off all of them, so that they stay small enough
/// for single precision.
const OFTEN: usize = 64;
/// Values from here on, in halves of a step, are weighed by their distortion alone.
const WIDEST: usize = 32;
/// Residuals beyond this are taken for it. A picture cannot make latents near it.
const FURTHEST: f32 = 1e8;

/// Symbols for residuals `v` with Gaussian tables `scales`: those `on` the trellis by its best
/// path, the others one by one.
pub fn symbols(v: &[f32], scales: &[u16], on: &OnTrellis) -> Vec<i32> {
    let [first, second] = on.halves();
    let (v, scales) = (v.split_at(first.len()), scales.split_at(first.len()));
    let (mut symbols, more) = rayon::join(
        || half(v.0, scales.0, first),
        || half(v.1, scales.1, second),
    );
    symbols.extend(more);
    symbols
}

/// The values that those symbols stand for.
pub fn values(v: &[f32], scales: &[u16]) -> Vec<f32> {
    let narrow: Vec<u8> = scales.iter().map(|&scale| scale as u8).collect();
    let on = OnTrellis::new(&narrow, TRELLIS_FROM);
    let doubled = on.doubled(&symbols(v, scales, &on));
    doubled.into_iter().map(|v| 0.5 * v as f32).collect()
}

/// The symbols of a half, where the trellis begins at state 0.
fn half(v: &[f32], scales: &[u16], on: &[bool]) -> Vec<i32> {
    let mut paths = Paths::new();
    for ((&v, &scale), _) in v.iter().zip(scales).zip(on).filter(|(_, on)| **on) {
        paths.extend(Choices::new(v, scale).costs());
    }
    let mut symbols = vec![0; v.len()];
    let mut back = paths.back();
    for (i, symbol) in symbols.iter_mut().enumerate().rev() {
        *symbol = match on[i] {
            true => {
                let [grid, odd] = back.next().unwrap_or_default();
                Choices::new(v[i], scales[i]).symbol(grid, odd)
            }
            false => rounded(v[i], scales[i]),
        };
    }
    symbols
}

/// What can become of a residual: the best symbol of each grid and parity.
struct Choices {
    v: f32,
    bits: &'static [f32; WIDEST],
}

impl Choices {
    fn new(v: f32, scale: u16) -> Self {
        Self {
            v: v.clamp(-FURTHEST, FURTHEST),
            bits: &bits()[usize::from(scale) % SCALES],
        }
    }

    /// Costs of the best even and the best odd symbol for a value that is the symbol, and for
    /// one half a step above.
    #[inline(always)]
    fn costs(&self) -> [[f32; 2]; 2] {
        array::from_fn(|grid| array::from_fn(|odd| self.best(grid, odd).0))
    }

    fn symbol(&self, grid: usize, odd: usize) -> i32 {
        self.best(grid, odd).1
    }

    /// The better one of the two nearest symbols of a parity, and its cost before.
    #[inline(always)]
    fn best(&self, grid: usize, odd: usize) -> (f32, i32) {
        let x = self.v - 0.5 * grid as f32;
        let below = 2 * ((x - odd as f32) * 0.5).floor() as i32 + odd as i32;
        let cost = |symbol: i32| {
            let off = x - symbol as f32;
            let doubled = (2 * symbol + grid as i32).unsigned_abs() as usize;
            off * off + SQUARED_ERROR_A_BIT * self.bits[doubled.min(WIDEST - 1)]
        };
        let (one, other) = (cost(below), cost(below + 2));
        if other < one {
            (other, below + 2)
        } else {
            (one, below)
        }
    }
}

/// Bits, `[scale][|value|]` with values in halves of a step, of a Gaussian on whole numbers or
/// half a step off.
fn bits() -> &'static [[f32; WIDEST]; SCALES] {
    static BITS: OnceLock<Box<[[f32; WIDEST]; SCALES]>> = OnceLock::new();
    BITS.get_or_init(|| {
        let of = |index: usize, doubled: usize| {
            let tail = |x: f64| 0.5 * libm::erfc(x / (scale(index) * std::f64::consts::SQRT_2));
            let (low, high) = (doubled as f64 / 2.0 - 0.5, doubled as f64 / 2.0 + 0.5);
            // Escapes make everything possible.
            -(tail(low) - tail(high) + f64::exp2(-24.0)).log2() as f32
        };
        Box::new(array::from_fn(|index| array::from_fn(|d| of(index, d))))
    })
}

/// The best path to every state.
struct Paths {
    /// Costs of the paths to states 2 i, and 2 i + 1.
    to: [[f32; HALF]; 2],
    /// For every symbol so far, a bit a state: whether the best path there ends with an odd one.
    odd: Vec<u64>,
}

impl Paths {
    fn new() -> Self {
        let mut to = [[NEVER; HALF]; 2];
        to[0][0] = 0.0;
        Self {
            to,
            odd: Vec::new(),
        }
    }

    /// One symbol on. States below [`HALF`] come from even ones, the others from odd ones.
    #[inline(always)]
    fn extend(&mut self, costs: [[f32; 2]; 2]) {
        let mut next = [0.0; Trellis::STATES];
        let mut decisions = [false; Trellis::STATES];
        for (grid, from) in self.to.iter().enumerate() {
            let [even, odd] = costs[grid];
            let own = grid * OF_ODD_STATE;
            for state in 0..HALF {
                let by_even = from[state ^ own] + even;
                let by_odd = from[state ^ own ^ OF_ODD_SYMBOL] + odd;
                next[grid * HALF + state] = by_even.min(by_odd);
                decisions[grid * HALF + state] = by_odd < by_even;
            }
        }
        let bits = decisions.iter().rev();
        self.odd
            .push(bits.fold(0, |all, &odd| all << 1 | u64::from(odd)));
        if self.odd.len().is_multiple_of(OFTEN) {
            let least = next.iter().copied().fold(f32::MAX, f32::min);
            next.iter_mut().for_each(|cost| *cost -= least);
        }
        self.to = array::from_fn(|odd| array::from_fn(|i| next[2 * i + odd]));
    }

    /// The best path from its end: the grid of every symbol, and its parity.
    fn back(&self) -> impl Iterator<Item = [usize; 2]> {
        let costs = (0..Trellis::STATES).map(|state| self.to[state % 2][state / 2]);
        let best = costs.enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
        let mut state = best.map_or(0, |best| best.0);
        self.odd.iter().rev().map(move |decisions| {
            let (grid, odd) = (state / HALF, (decisions >> state & 1) as usize);
            let before = (state % HALF) ^ (grid * OF_ODD_STATE) ^ (odd * OF_ODD_SYMBOL);
            state = 2 * before + grid;
            [grid, odd]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::Noise;

    /// Residuals as if of Gaussians of `scales`.
    fn draw(noise: &mut Noise, scales: &[u16]) -> Vec<f32> {
        let mut uniform = || (noise.next_u64() >> 40) as f64 / f64::from(1 << 24) - 0.5;
        let mut normal = || (0..12).map(|_| uniform()).sum::<f64>();
        let one = |&s: &u16| (normal() * scale(s.into())) as f32;
        scales.iter().map(one).collect()
    }

    fn on(scales: &[u16]) -> OnTrellis {
        let narrow: Vec<u8> = scales.iter().map(|&s| s as u8).collect();
        OnTrellis::new(&narrow, TRELLIS_FROM)
    }

    /// What `symbols` cost in all.
    fn cost(v: &[f32], scales: &[u16], symbols: &[i32]) -> f32 {
        let values = on(scales).doubled(symbols);
        let each = v.iter().zip(scales).zip(values).map(|((v, &s), doubled)| {
            let off = v - 0.5 * doubled as f32;
            let at = doubled.unsigned_abs() as usize;
            off * off + SQUARED_ERROR_A_BIT * bits()[usize::from(s)][at.min(WIDEST - 1)]
        });
        each.sum()
    }

    #[test]
    fn no_choice_of_the_symbols_nearby_is_better() {
        let mut noise = Noise::new(4);
        for _ in 0..5 {
            // A half of so few that all choices can be tried.
            let scales: Vec<u16> = (0..12)
                .map(|_| 12 + (noise.next_u64() % 12) as u16)
                .collect();
            let v = draw(&mut noise, &scales);
            let found = symbols(&v, &scales, &on(&scales));
            let (half, least) = (on(&scales).halves()[0].len(), cost(&v, &scales, &found));
            let around = [-1, 0, 1, 2];
            for choice in 0..4usize.pow(half as u32) {
                let mut other = found.clone();
                for (i, symbol) in other[..half].iter_mut().enumerate() {
                    *symbol = v[i].floor() as i32 + around[choice >> (2 * i) & 3];
                }
                assert!(least <= cost(&v, &scales, &other) + 1e-4, "{other:?}");
            }
        }
    }

    /// At high rates, trellises of 16 and 256 states have 1.16 and 1.33 dB less error than 1/12
    /// (Marcellin and Fischer 1990, uniform source); one of 64 lies between. So many samples
    /// say it to 0.02 dB.
    #[test]
    fn errors_are_what_such_a_trellis_makes() {
        let scales = vec![40; 40_000];
        let v = draw(&mut Noise::new(9), &scales);
        let values = values(&v, &scales);
        let squares = v.iter().zip(&values).map(|(v, value)| (v - value).powi(2));
        let mean = squares.map(f64::from).sum::<f64>() / v.len() as f64;
        let gain = -10.0 * (12.0 * mean).log10();
        assert!((1.16..1.33).contains(&gain), "{gain} dB");
    }

    #[test]
    fn others_are_rounded_alone() {
        let scales: Vec<u16> = (0..900).map(|i| i % 24).collect();
        let v = draw(&mut Noise::new(2), &scales);
        let found = symbols(&v, &scales, &on(&scales));
        let off = (0..900)
            .filter(|i| i % 24 < u16::from(TRELLIS_FROM))
            .map(usize::from);
        for i in off {
            assert_eq!(found[i], rounded(v[i], scales[i]));
        }
    }

    #[test]
    fn nothing_that_latents_can_be_panics() {
        let v = [
            f32::NAN,
            f32::INFINITY,
            f32::NEG_INFINITY,
            3e38,
            -1e9,
            0.0,
            1e-40,
        ];
        for s in [0, 12, 63] {
            let scales = [s; 7];
            assert_eq!(symbols(&v, &scales, &on(&scales)).len(), 7);
        }
        assert!(symbols(&[], &[], &on(&[])).is_empty());
    }
}
