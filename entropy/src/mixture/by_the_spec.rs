//! The decoder of mixtures as BITSTREAM.md in lic-codec words it, *Mixtures*, line by
//! line: tables in full, unbounded integers, nothing of this module's arithmetic.

use rand::{SeedableRng, rngs::StdRng};

use super::Mixtures;
use super::tests::draw;
use crate::by_the_spec::{Ans, Arithmetic, Range, symbol};
use crate::{Coder, Encoder, SCALES, TableSpec, gaussian};

/// The file, by the names of the document.
struct File {
    phi: Vec<i128>,
    sigma: Vec<i128>,
    inverse: Vec<i128>,
    slope: Vec<i128>,
    share: Vec<i128>,
    narrower: Vec<i128>,
    weight: Vec<i128>,
}

impl File {
    fn read() -> Self {
        let bytes = include_bytes!("../../tables/mixture.bin");
        let mut numbers = bytes
            .chunks(4)
            .map(|n| i128::from(u32::from_le_bytes(n.try_into().unwrap())));
        let mut take = |last: usize| numbers.by_ref().take(last + 1).collect();
        let file = Self {
            phi: take(768),
            sigma: take(504),
            inverse: take(504),
            slope: take(504),
            share: take(504),
            narrower: take(961),
            weight: take(63),
        };
        assert!(numbers.next().is_none());
        file
    }
}

fn div(a: i128, b: i128) -> i128 {
    a.div_euclid(b)
}

/// A line of the table in *Trellis*.
#[derive(Clone, Copy)]
enum Grid {
    Even,
    AtLeastU,
    BelowU,
}

impl Grid {
    /// V(v), doubled.
    fn v(self, v: i128) -> i128 {
        match self {
            Self::Even => 2 * v,
            Self::AtLeastU => 2 * v + 1,
            Self::BelowU if v > 0 => 2 * v - 1,
            Self::BelowU if v == 0 => 0,
            Self::BelowU => 2 * v + 1,
        }
    }

    /// E(v) * 2^20.
    fn e(self, v: i128) -> i128 {
        match self {
            Self::Even => (v << 20) - (1 << 19),
            Self::AtLeastU => v << 20,
            Self::BelowU if v > 1 => (v - 1) << 20,
            Self::BelowU if v == 1 => 1 << 18,
            Self::BelowU if v == 0 => -(1 << 18),
            Self::BelowU => v << 20,
        }
    }

    fn a_and_b(self) -> [i128; 2] {
        match self {
            Self::Even => [1 << 19; 2],
            Self::AtLeastU => [0; 2],
            Self::BelowU => [0, 1 << 20],
        }
    }
}

#[derive(Clone, Copy)]
struct Component {
    w: i128,
    m: i128,
    f: i128,
}

impl Component {
    fn p(&self, file: &File, grid: Grid, v: i128) -> i128 {
        let x = grid.e(v) - self.m;
        let t = div(x.abs() * file.inverse[self.f as usize], 1 << 26);
        let u = if t >= 6 << 20 {
            1 << 30
        } else {
            let e = div(t, 1 << 13) as usize;
            let (low, high) = (file.phi[e], file.phi[e + 1]);
            low + div((high - low) * t.rem_euclid(1 << 13), 1 << 13)
        };
        if x >= 0 { u } else { (1 << 30) - u }
    }
}

fn components(file: &File, b: i128, parameters: &[[i128; 3]]) -> Vec<Component> {
    let sum: i128 = parameters.iter().map(|p| file.weight[p[0] as usize]).sum();
    let one = |&[a, d, s]: &[i128; 3]| Component {
        w: div(file.weight[a as usize] << 24, sum),
        m: div((d - 32) * file.sigma[8 * b as usize], 16),
        f: (8 * b + 4 * (s - 32)).clamp(0, 504),
    };
    parameters.iter().map(one).collect()
}

fn table(file: &File, components: &[Component], grid: Grid) -> TableSpec {
    let reach = |c: &Component| div(9 * file.sigma[c.f as usize], 2);
    let [a, b] = grid.a_and_b();
    let least = components.iter().map(|c| div(c.m - reach(c) + a, 1 << 20));
    let greatest = components.iter().map(|c| div(c.m + reach(c) + b, 1 << 20));
    let min = least.min().unwrap().min(-1);
    let max = greatest.max().unwrap().max(1);
    let n = max - min + 1;
    let before = |s: i128| {
        if s == 0 {
            return 0;
        }
        if s == n {
            return 65_535;
        }
        let sum: i128 = components
            .iter()
            .map(|c| c.w * c.p(file, grid, min + s))
            .sum();
        s + div(div(sum, 1 << 24) * (65_535 - n), 1 << 30)
    };
    let edges: Vec<i128> = (0..=n).map(before).chain([65_536]).collect();
    TableSpec {
        min: min as i32,
        freqs: edges.windows(2).map(|e| (e[1] - e[0]) as u32).collect(),
    }
}

fn second(
    file: &File,
    first: &[Component],
    (grid, r): (Grid, i128),
    own: &[Component],
    correlations: &[i128],
) -> Vec<Component> {
    let y = |c: &Component| {
        let mass = c.p(file, grid, r + 1) - c.p(file, grid, r);
        div(c.w * (mass + (1 << 10)), 1 << 15)
    };
    let sum: i128 = first.iter().map(y).sum();
    let one = |((one, own), c): ((&Component, &Component), &i128)| {
        let h = (c - 32).max(-31);
        let g = div(
            (grid.v(r) * (1 << 19) - one.m) * file.slope[one.f as usize],
            1 << 24,
        );
        let g = g.clamp(-(1 << 23), 1 << 23);
        let moved = div(div(g * file.sigma[own.f as usize], 1 << 20) * h, 32);
        let less = div(h * h * file.share[one.f as usize], 1 << 16);
        Component {
            w: div(y(one) << 24, sum),
            m: (own.m + moved).clamp(-(1 << 30), 1 << 30),
            f: (own.f - file.narrower[less as usize]).max(0),
        }
    };
    first.iter().zip(own).zip(correlations).map(one).collect()
}

fn plain(b: i128) -> TableSpec {
    let b = b as u16;
    let symbols = gaussian().symbols(b).unwrap();
    let min = *symbols.start();
    let mut freqs: Vec<u32> = symbols.map(|v| gaussian().mass(b, v).unwrap()).collect();
    freqs.push(65_536 - freqs.iter().sum::<u32>());
    TableSpec { min, freqs }
}

/// Symbols, and the values that they stand for, doubled.
fn decode(coder: &mut impl Arithmetic, file: &File, mixtures: &Mixtures) -> (Vec<i64>, Vec<i64>) {
    let (k, below) = (mixtures.components, i128::from(mixtures.plain_below));
    let width = if mixtures.paired { 2 } else { 1 };
    let fields = if mixtures.paired { 6 } else { 3 };
    let [t, u] = match mixtures.trellis {
        Some(of) => [of.from, of.centred_below].map(i128::from),
        None => [64; 2],
    };
    let half = (mixtures.len() + 2) / 4 * 2;
    let (mut symbols, mut values, mut state) = (Vec::new(), Vec::new(), 0i64);
    for (unit, scales) in mixtures.scales.chunks(width).enumerate() {
        if unit * width == half {
            state = 0;
        }
        let b: Vec<i128> = scales.iter().map(|&b| b.into()).collect();
        if b.iter().all(|&b| b < below) {
            for &b in &b {
                symbols.push(symbol(coder, &plain(b)));
                values.push(2 * symbols[symbols.len() - 1]);
            }
            continue;
        }
        // Shifts of scales: numbers follow from these.
        let shifted: Vec<i128> = (0..width)
            .map(|i| match mixtures.channels {
                0 => 0,
                c => mixtures
                    .shifts
                    .get((unit * width + i) % c)
                    .map_or(0, |&s| s.into()),
            })
            .zip(&b)
            .map(|(shift, b)| (b + shift).clamp(0, 63))
            .collect();
        let of = |component: usize, field: usize| {
            let at = (unit * k + component) * fields + field;
            i128::from(mixtures.parameters[at])
        };
        let three = |which: [usize; 3]| -> Vec<[i128; 3]> {
            (0..k).map(|c| which.map(|field| of(c, field))).collect()
        };
        let grid = |b: i128, state: i64| match state % 2 == 1 && b >= t {
            true if b < u => Grid::BelowU,
            true => Grid::AtLeastU,
            false => Grid::Even,
        };
        let value = |symbol: i64, grid: Grid| grid.v(symbol.into()) as i64;
        let after = |symbol: i64, b: i128, state: i64| match b >= t {
            true => (state / 2) ^ (state % 2 * 33) ^ (symbol.rem_euclid(2) * 10),
            false => state,
        };
        if width == 1 {
            let (one, grid) = (
                components(file, shifted[0], &three([0, 1, 2])),
                grid(b[0], state),
            );
            let symbol = symbol(coder, &table(file, &one, grid));
            values.push(value(symbol, grid));
            state = after(symbol, b[0], state);
            symbols.push(symbol);
            continue;
        }
        let first = components(file, shifted[0], &three([0, 1, 3]));
        let on = grid(b[0], state);
        let of_first = table(file, &first, on);
        symbols.push(symbol(coder, &of_first));
        let max = i64::from(of_first.min) + of_first.freqs.len() as i64 - 2;
        let one = symbols[symbols.len() - 1];
        values.push(value(one, on));
        state = after(one, b[0], state);
        let r = one.clamp(of_first.min.into(), max);
        let own = components(file, shifted[1], &three([0, 2, 4]));
        let correlations: Vec<i128> = (0..k).map(|c| of(c, 5)).collect();
        let second = second(file, &first, (on, r.into()), &own, &correlations);
        let of = grid(b[1], state);
        let other = symbol(coder, &table(file, &second, of));
        values.push(value(other, of));
        state = after(other, b[1], state);
        symbols.push(other);
    }
    (symbols, values)
}

#[test]
fn the_spec_decodes_what_the_crate_encodes() {
    assert_eq!(SCALES, 64);
    let file = File::read();
    let mut random = StdRng::seed_from_u64(22);
    for _ in 0..150 {
        let (mixtures, symbols) = draw(&mut random, 12);
        let wide = |values: &[i32]| -> Vec<i64> { values.iter().map(|&v| v.into()).collect() };
        let expected = wide(&symbols);
        let doubled = mixtures.on_trellis().map(|on| wide(&on.doubled(&symbols)));
        let check = |(found, values): (Vec<i64>, Vec<i64>)| {
            assert_eq!(found, expected);
            // A value that no `i32` holds is the nearest one.
            let held = |&v: &i64| v.clamp(i32::MIN.into(), i32::MAX.into());
            let held: Vec<i64> = values.iter().map(held).collect();
            assert!(doubled.as_ref().is_none_or(|doubled| *doubled == held));
        };
        for coder in Coder::ALL {
            let mut encoder = Encoder::new(coder);
            encoder.encode_mixtures(&mixtures, &symbols).unwrap();
            let bytes = encoder.finish();
            match coder {
                Coder::Ans => {
                    let mut ans = Ans::new(&bytes);
                    check(decode(&mut ans, &file, &mixtures));
                    assert!(ans.ends_here());
                }
                Coder::Range => {
                    let mut range = Range::new(&bytes);
                    check(decode(&mut range, &file, &mixtures));
                    assert!(range.ends_here());
                }
            }
        }
    }
}
