//! How an encoder chooses symbols that are on a trellis: the path of least rate and
//! distortion together (Viterbi 1967). A decoder is not concerned.

use std::array;

use lic_entropy::{Grid, Mixtures, OnTrellis, PARAMETER_CENTRE, Trellis};

use crate::prior::TrellisConfig;
use crate::rounding::rounded;

mod likely;

use likely::Likely;

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
/// Residuals beyond this are taken for it. A picture cannot make latents near it.
const FURTHEST: f32 = 1e8;

/// Symbols for residuals `v` of `mixtures`, in their order: those on the trellis by its best
/// path, the others one by one.
pub fn symbols(v: &[f32], mixtures: &Mixtures, on: &OnTrellis, config: &TrellisConfig) -> Vec<i32> {
    let [first, second] = on.halves();
    let half = first.len();
    let a_bit = config.squared_error_a_bit as f32;
    let (mut symbols, more) = rayon::join(
        || symbols_of_half(&v[..half], mixtures, (0, first), a_bit),
        || symbols_of_half(&v[half..], mixtures, (half, second), a_bit),
    );
    symbols.extend(more);
    symbols
}

/// What residuals `v` with Gaussians of `scales` become: values, each with how far below and
/// above it its slot ends.
pub fn coded(v: &[f32], scales: &[u8], config: &TrellisConfig) -> Vec<[f32; 3]> {
    let parameters = vec![PARAMETER_CENTRE; scales.len() * Mixtures::fields(false)];
    let gaussians = Mixtures::new(1, false, 0, scales.into(), parameters);
    let gaussians = gaussians.expect("scales of a head and parameters at the centre");
    let on = OnTrellis::new(scales, config.scales());
    let symbols = symbols(v, &gaussians, &on, config);
    let grids = on.grids(&symbols);
    let one = |(&symbol, grid): (&i32, Grid)| {
        let value = |symbol: i32| 0.5 * grid.doubled(symbol) as f32;
        let around = [symbol.saturating_sub(1), symbol, symbol.saturating_add(1)];
        let [below, value, above] = around.map(value);
        [value, 0.5 * (value - below), 0.5 * (above - value)]
    };
    symbols.iter().zip(grids).map(one).collect()
}

/// The symbols of a half, where the trellis begins at state 0. It begins with symbol `from` of
/// `mixtures`; `second`: second grids; `a_bit`: squared error that a bit may cost.
fn symbols_of_half(
    v: &[f32],
    mixtures: &Mixtures,
    (from, second): (usize, &[Option<Grid>]),
    a_bit: f32,
) -> Vec<i32> {
    let scales = &mixtures.scales()[from..][..v.len()];
    let width = if mixtures.is_paired() { 2 } else { 1 };
    let each = mixtures.components() * Mixtures::fields(mixtures.is_paired());
    let parameters = mixtures.parameters()[from / width * each..].chunks_exact(each.max(1));
    let (mut paths, mut chosen) = (Paths::new(), Vec::new());
    for (unit, parameters) in (0..v.len()).step_by(width).zip(parameters) {
        let unit = unit..unit + width;
        if second[unit.clone()].iter().all(Option::is_none) {
            continue;
        }
        let likely = likely(&v[unit.clone()], &scales[unit.clone()], parameters);
        for (i, likely) in unit.zip(likely) {
            if let Some(second) = second[i] {
                let choices = Choices::new(v[i], second, &likely, a_bit);
                paths.extend(choices.costs);
                chosen.push(choices.symbols);
            }
        }
    }
    let mut symbols = vec![0; v.len()];
    let mut back = chosen.into_iter().rev().zip(paths.back());
    for (i, symbol) in symbols.iter_mut().enumerate().rev() {
        *symbol = match second[i] {
            Some(_) => back
                .next()
                .map_or(0, |(symbols, [grid, odd])| symbols[grid][odd]),
            None => rounded(v[i], scales[i].into()),
        };
    }
    symbols
}

/// How likely values of a symbol are, or of both of a pair: of the second as if the first were
/// its residual, for nobody knows yet what it will be.
fn likely(v: &[f32], scales: &[u8], parameters: &[u8]) -> [Likely; 2] {
    let each = parameters.chunks_exact(Mixtures::fields(scales.len() > 1));
    let fields = |which: [usize; 3]| each.clone().map(move |of| which.map(|i| of[i]));
    match (v, scales) {
        (&[v, _], &[a, b]) => {
            let first = Likely::new(a, fields([0, 1, 3]));
            let second = Likely::new(b, fields([0, 2, 4]));
            let v = v.clamp(-FURTHEST, FURTHEST);
            [first, first.given(v, second, each.map(|of| of[5]))]
        }
        _ => {
            let scale = scales.first().copied().unwrap_or_default();
            [Likely::new(scale, fields([0, 1, 2])); 2]
        }
    }
}

/// What can become of a residual: the best even and the best odd symbol for a value of the first
/// grid, and for one of the second; and what they cost.
struct Choices {
    costs: [[f32; 2]; 2],
    symbols: [[i32; 2]; 2],
}

impl Choices {
    fn new(v: f32, second: Grid, likely: &Likely, a_bit: f32) -> Self {
        let v = v.clamp(-FURTHEST, FURTHEST);
        let grids = [Grid::Whole, second].map(|grid| Nearby::new(v, grid, likely, a_bit));
        let best = array::from_fn(|grid| array::from_fn(|odd| grids[grid].best(odd as i32)));
        let best: [[(f32, i32); 2]; 2] = best;
        Self {
            costs: best.map(|of_grid| of_grid.map(|(cost, _)| cost)),
            symbols: best.map(|of_grid| of_grid.map(|(_, symbol)| symbol)),
        }
    }
}

/// Four symbols of a grid that are the nearest, two of each parity, and what they cost.
struct Nearby {
    symbols: [i32; 4],
    costs: [f32; 4],
}

impl Nearby {
    #[inline(always)]
    fn new(v: f32, grid: Grid, likely: &Likely, a_bit: f32) -> Self {
        let (symbols, edges): ([i32; 4], [f32; 5]) = match grid {
            Grid::Whole => {
                let first = v.floor() as i32 - 1;
                let symbols = array::from_fn(|i| first + i as i32);
                (symbols, array::from_fn(|i| (first + i as i32) as f32 - 0.5))
            }
            Grid::Shifted => {
                let first = (v - 0.5).floor() as i32 - 1;
                let symbols = array::from_fn(|i| first + i as i32);
                (symbols, array::from_fn(|i| (first + i as i32) as f32))
            }
            Grid::Centred => {
                // Those on the side of `v`, falling if that is below.
                let first = ((v.abs() + 0.5).floor() as i32 - 1).max(0);
                let side = if v < 0.0 { -1 } else { 1 };
                let symbols = array::from_fn(|i| side * (first + i as i32));
                let edge = |symbol: i32| match symbol {
                    0 => -0.25,
                    1 => 0.25,
                    _ => (symbol - 1) as f32,
                };
                (
                    symbols,
                    array::from_fn(|i| side as f32 * edge(first + i as i32)),
                )
            }
        };
        let rising = edges[1] > edges[0];
        let mut bits = likely.bits(if rising { edges } else { reversed(edges) });
        if !rising {
            bits = reversed(bits);
        }
        let cost = |i: usize| {
            let off = v - 0.5 * grid.doubled(symbols[i]) as f32;
            off * off + a_bit * bits[i]
        };
        Self {
            symbols,
            costs: array::from_fn(cost),
        }
    }

    /// The better one of a parity, and its cost before.
    #[inline(always)]
    fn best(&self, odd: i32) -> (f32, i32) {
        let one = usize::from(self.symbols[0] & 1 != odd);
        let other = one + 2;
        let better = if self.costs[other] < self.costs[one] {
            other
        } else {
            one
        };
        (self.costs[better], self.symbols[better])
    }
}

fn reversed<const N: usize>(values: [f32; N]) -> [f32; N] {
    array::from_fn(|i| values[N - 1 - i])
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
    use lic_entropy::scale;

    use super::*;
    use crate::noise::Noise;

    /// Residuals as if of Gaussians of `scales`.
    fn draw(noise: &mut Noise, scales: &[u16]) -> Vec<f32> {
        let mut uniform = || (noise.next_u64() >> 40) as f64 / f64::from(1 << 24) - 0.5;
        let mut normal = || (0..12).map(|_| uniform()).sum::<f64>();
        let one = |&s: &u16| (normal() * scale(s.into())) as f32;
        scales.iter().map(one).collect()
    }

    const CONFIG: TrellisConfig = TrellisConfig {
        from: 8,
        centred_below: 14,
        squared_error_a_bit: 0.05,
    };

    /// Gaussians of `scales`, on a trellis.
    fn gaussians(scales: &[u16]) -> Mixtures {
        let scales: Vec<u8> = scales.iter().map(|&s| s as u8).collect();
        let parameters = vec![PARAMETER_CENTRE; 3 * scales.len()];
        let mixtures = Mixtures::new(1, false, 0, scales, parameters).unwrap();
        mixtures.with_trellis(CONFIG.scales())
    }

    fn chosen(v: &[f32], scales: &[u16]) -> Vec<i32> {
        let mixtures = gaussians(scales);
        symbols(v, &mixtures, &mixtures.on_trellis().unwrap(), &CONFIG)
    }

    /// What `symbols` of a half cost in all.
    fn cost(v: &[f32], scales: &[u16], symbols: &[i32]) -> f32 {
        let mut trellis = Trellis::default();
        let mut one = |((&v, &scale), &symbol): ((&f32, &u16), &i32)| {
            let grid = trellis.grid(CONFIG.scales().second(scale as u8));
            trellis = trellis.after(symbol);
            let value = |symbol: i32| 0.5 * grid.doubled(symbol) as f32;
            let edge = |symbol: i32| 0.5 * (value(symbol - 1) + value(symbol));
            let likely = Likely::new(scale as u8, std::iter::once([PARAMETER_CENTRE; 3]));
            let bits = likely.bits(array::from_fn(|i| edge(symbol + i as i32)))[0];
            (v - value(symbol)).powi(2) + CONFIG.squared_error_a_bit as f32 * bits
        };
        v.iter().zip(scales).zip(symbols).map(&mut one).sum()
    }

    #[test]
    fn no_choice_of_the_symbols_nearby_is_better() {
        let mut noise = Noise::new(4);
        for _ in 0..5 {
            // A half of so few that all choices can be tried.
            let scales: Vec<u16> = (0..12)
                .map(|_| 8 + (noise.next_u64() % 16) as u16)
                .collect();
            let v = draw(&mut noise, &scales);
            let half = 6;
            let found = &chosen(&v, &scales)[..half];
            let least = cost(&v[..half], &scales, found);
            let around = [-1, 0, 1, 2];
            for choice in 0..4usize.pow(half as u32) {
                let other: Vec<i32> = (0..half)
                    .map(|i| v[i].floor() as i32 + around[choice >> (2 * i) & 3])
                    .collect();
                assert!(
                    least <= cost(&v[..half], &scales, &other) + 1e-4,
                    "{other:?}"
                );
            }
        }
    }

    /// At high rates, trellises of 16 and 256 states have 1.16 and 1.33 dB less error than 1/12
    /// (Marcellin and Fischer 1990, uniform source); one of 64 lies between. So many samples
    /// say it to 0.02 dB.
    #[test]
    fn errors_are_what_such_a_trellis_makes() {
        let scales = vec![40u8; 40_000];
        let v = draw(&mut Noise::new(9), &vec![40; 40_000]);
        let coded = coded(&v, &scales, &CONFIG);
        let squares = v
            .iter()
            .zip(&coded)
            .map(|(v, [value, ..])| (v - value).powi(2));
        let mean = squares.map(f64::from).sum::<f64>() / v.len() as f64;
        let gain = -10.0 * (12.0 * mean).log10();
        assert!((1.16..1.33).contains(&gain), "{gain} dB");
    }

    #[test]
    fn others_are_rounded_alone() {
        let scales: Vec<u16> = (0..900).map(|i| i % 24).collect();
        let v = draw(&mut Noise::new(2), &scales);
        let found = chosen(&v, &scales);
        let off = (0..900)
            .filter(|i| i % 24 < CONFIG.from as u16)
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
        for s in [0, 8, 14, 63] {
            let scales = [s; 7];
            assert_eq!(chosen(&v, &scales).len(), 7);
        }
        assert!(chosen(&[], &[]).is_empty());
    }
}
