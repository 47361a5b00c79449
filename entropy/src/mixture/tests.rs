//! Mixtures against what they should be, and through the coders.

use rand::{Rng, SeedableRng, rngs::StdRng};

use super::density::{Components, Density};
use super::numbers::{FINE, WIDEST, numbers};
use super::{MAX_COMPONENTS, Mixtures};
use crate::gaussian::{SCALES, scale};
use crate::trellis::{Grid, TrellisScales};
use crate::{Coder, Decoder, Encoder, MixtureError, gaussian};

const TOTAL: f64 = 65536.0;

/// σ of a scale in eighths of an index.
fn sigma(fine: u16) -> f64 {
    let step = (scale(1) / scale(0)).ln() / f64::from(FINE);
    scale(0) * (f64::from(fine) * step).exp()
}

fn normal(x: f64) -> f64 {
    0.5 * libm::erfc(-x / std::f64::consts::SQRT_2)
}

/// Random parameters of a component; offsets and scales often far out.
pub(super) fn field(random: &mut StdRng) -> u8 {
    match random.random_range(0..4) {
        0 => random.random_range(0..64),
        1 => 32,
        _ => random.random_range(24..41),
    }
}

fn fields<const K: usize>(random: &mut StdRng) -> [[u8; 3]; K] {
    std::array::from_fn(|_| std::array::from_fn(|_| field(random)))
}

/// The components in floats, from what the parameters mean.
struct Reference {
    weights: Vec<f64>,
    offsets: Vec<f64>,
    sigmas: Vec<f64>,
}

impl Reference {
    fn new(index: u8, fields: &[[u8; 3]]) -> Self {
        let centred = |v: u8| f64::from(v) - 32.0;
        let weights: Vec<f64> = fields.iter().map(|f| (centred(f[0]) / 8.0).exp()).collect();
        let sum: f64 = weights.iter().sum();
        let top = f64::from(WIDEST as u16);
        let fine = |shift: u8| (f64::from(index) * 8.0 + 4.0 * centred(shift)).clamp(0.0, top);
        Self {
            weights: weights.iter().map(|w| w / sum).collect(),
            offsets: fields
                .iter()
                .map(|f| centred(f[1]) / 16.0 * scale(index.into()))
                .collect(),
            sigmas: fields.iter().map(|f| sigma(fine(f[2]) as u16)).collect(),
        }
    }

    fn integral(&self, x: f64) -> f64 {
        let parts = self.weights.iter().zip(&self.offsets).zip(&self.sigmas);
        parts.map(|((w, m), s)| w * normal((x - m) / s)).sum()
    }

    /// The second's, given that the first, which is `self`, is `symbol` on `grid`.
    fn given(&self, symbol: i32, grid: Grid, mut second: Self, correlations: &[u8]) -> Self {
        let r = 0.5 * f64::from(grid.doubled(symbol));
        let (low, high) = (edge(grid, symbol), edge(grid, symbol + 1));
        let mut sum = 0.0;
        for (k, &correlation) in correlations.iter().enumerate().take(self.weights.len()) {
            let (m, s) = (self.offsets[k], self.sigmas[k]);
            let mass = normal((high - m) / s) - normal((low - m) / s);
            second.weights[k] = self.weights[k] * (mass + 2f64.powi(-20));
            sum += second.weights[k];
            let rho = (f64::from(correlation) - 32.0).max(-31.0) / 32.0;
            let noisy = s * s + 1.0 / 12.0;
            let followed = ((r - m) * s / noisy).clamp(-8.0, 8.0);
            second.offsets[k] += rho * second.sigmas[k] * followed;
            second.offsets[k] = second.offsets[k].clamp(-1024.0, 1024.0);
            let left = 1.0 - rho * rho * s * s / noisy;
            second.sigmas[k] = (second.sigmas[k] * left.sqrt()).max(scale(0));
        }
        second.weights.iter_mut().for_each(|w| *w /= sum);
        second
    }
}

/// Below a symbol: halfway between its value and that of the one before.
fn edge(grid: Grid, symbol: i32) -> f64 {
    0.25 * f64::from(grid.doubled(symbol - 1) + grid.doubled(symbol))
}

fn any_grid(random: &mut StdRng) -> Grid {
    [Grid::Whole, Grid::Shifted, Grid::Centred][random.random_range(0..3)]
}

/// Masses of all slots, the escape slot's last.
fn masses<const K: usize>(density: &Density<'_, K>) -> Vec<u32> {
    let slots = (density.max() - density.min() + 1) as u32;
    let mut masses: Vec<u32> = (0..slots)
        .map(|slot| density.interval(slot).interval)
        .map(|interval| interval.mass.get().into())
        .collect();
    masses.push(density.escape().mass.get().into());
    masses
}

/// A share is what the integral over the bin is of what the slots leave free, and one.
/// Off by no more than the interpolation of Φ (128ths: 0.12 of 65,536 at an edge), the
/// rounding of the positions (2^-20 symbols at σ ≥ 0.11: 0.5 at an edge) and of the edge
/// itself (1).
fn follows<const K: usize>(
    density: &Density<'_, K>,
    grid: Grid,
    reference: &Reference,
    within: f64,
) {
    let masses = masses(density);
    assert!(masses.iter().all(|&mass| mass >= 1));
    assert_eq!(masses.iter().sum::<u32>(), 65536);
    let free = TOTAL - masses.len() as f64;
    let mut before = 0;
    for (slot, mass) in masses[..masses.len() - 1].iter().enumerate().skip(1) {
        before += masses[slot - 1];
        let edge = edge(grid, density.min() + slot as i32);
        let expected = slot as f64 + free * reference.integral(edge);
        let off = f64::from(before) - expected;
        assert!(
            off.abs() <= within,
            "slot {slot} of mass {mass}: {before}, not {expected}"
        );
    }
}

fn marginals<const K: usize>(random: &mut StdRng) {
    let numbers = numbers();
    for _ in 0..400 {
        let (index, fields) = (random.random_range(0..64), fields::<K>(random));
        let grid = any_grid(random);
        let density = Density::new(numbers, &Components::new(numbers, index, fields), grid);
        follows(&density, grid, &Reference::new(index, &fields), 2.0);
    }
}

#[test]
fn marginals_are_the_mixtures_of_their_parameters() {
    let random = &mut StdRng::seed_from_u64(1);
    marginals::<1>(random);
    marginals::<2>(random);
    marginals::<3>(random);
    marginals::<4>(random);
}

/// The first symbol, the components and the masses of the second given it, and the same
/// in floats.
fn conditionals<const K: usize>(random: &mut StdRng) {
    let numbers = numbers();
    for _ in 0..400 {
        let [a, b] = std::array::from_fn(|_| random.random_range(0..64u8));
        let (f, g) = (fields::<K>(random), fields::<K>(random));
        let correlations: [u8; K] = std::array::from_fn(|_| field(random));
        let (first, second) = (
            Components::<K>::new(numbers, a, f),
            Components::<K>::new(numbers, b, g),
        );
        let (grid, other) = (any_grid(random), any_grid(random));
        let density = Density::new(numbers, &first, grid);
        let symbol = random.random_range(density.min()..=density.max());
        let found = density.interval((symbol - density.min()) as u32);
        let edges = density.edges(&found);
        let given = second.given(numbers, &first, grid.doubled(symbol), edges, correlations);
        let mut second = Reference::new(b, &g);
        // Weights are the same for both.
        second.weights = Reference::new(a, &f).weights;
        let expected = Reference::new(a, &f).given(symbol, grid, second, &correlations);

        for k in 0..K {
            let weight = f64::from(given.weights[k]) / 2f64.powi(24);
            // A mass is off by 2e-5 (as for the marginals, at both edges), which is much of
            // one that is hardly more.
            let probability = Reference::new(a, &f).mass(symbol, grid) + 2f64.powi(-20);
            assert!((weight - expected.weights[k]).abs() <= 1e-6 + 4e-5 / probability);
            let offset = f64::from(given.offsets[k]) / 2f64.powi(20);
            // Scales of the first are within 2^-26 and positions within 2^-20.
            assert!((offset - expected.offsets[k]).abs() <= 1e-3 + 1e-5 * offset.abs());
            // Half an eighth of an index for the rounding; and what the first explains is
            // rounded down to 1024ths, of which at least 63 are left.
            let off = (sigma(given.scales[k]) / expected.sigmas[k]).ln();
            let step = (scale(1) / scale(0)).ln() / f64::from(FINE);
            assert!(off.abs() <= 0.5 * step + 0.5 / 62.0, "{off} of {step}");
        }
        // Of those parameters, whatever they are, the masses are as exact as ever.
        let rounded = Reference {
            weights: given.weights.map(|w| f64::from(w) / 2f64.powi(24)).to_vec(),
            offsets: given.offsets.map(|m| f64::from(m) / 2f64.powi(20)).to_vec(),
            sigmas: given.scales.map(sigma).to_vec(),
        };
        follows(&Density::new(numbers, &given, other), other, &rounded, 2.0);
    }
}

impl Reference {
    fn mass(&self, symbol: i32, grid: Grid) -> f64 {
        self.integral(edge(grid, symbol + 1)) - self.integral(edge(grid, symbol))
    }
}

#[test]
fn conditionals_are_those_of_the_pair() {
    let random = &mut StdRng::seed_from_u64(2);
    conditionals::<1>(random);
    conditionals::<2>(random);
    conditionals::<3>(random);
    conditionals::<4>(random);
}

/// One component, no offset: what the plain table of the scale says.
#[test]
fn a_single_centred_component_is_the_plain_gaussian() {
    let numbers = numbers();
    for index in 0..SCALES as u8 {
        let components = Components::<1>::new(numbers, index, [[32, 32, 32]]);
        let density = Density::new(numbers, &components, Grid::Whole);
        let mut loss = 0.0;
        for symbol in density.min()..=density.max() {
            let plain = gaussian().mass(index.into(), symbol).unwrap();
            let slot = density.slot(symbol).unwrap();
            let mass = f64::from(density.interval(slot).interval.mass.get());
            loss += f64::from(plain) / TOTAL * (f64::from(plain) / mass).log2();
        }
        // A mass of 1 for each of up to 1,441 symbols is 1441 / 65536 of a nat at most.
        assert!((-0.001..0.032).contains(&loss), "{index}: {loss} bits");
    }
}

pub(super) fn draw(random: &mut StdRng, units: usize) -> (Mixtures, Vec<i32>) {
    let (components, paired) = (random.random_range(1..=MAX_COMPONENTS), random.random());
    let width = if paired { 2 } else { 1 };
    let each = components * Mixtures::fields(paired);
    let scales: Vec<u8> = (0..units * width)
        .map(|_| random.random_range(0..64))
        .collect();
    let parameters = (0..units * each).map(|_| field(random)).collect();
    let symbols = scales
        .iter()
        .map(|&index| match random.random_range(0..60) {
            0 => random.random(),
            1 => random.random_range(-3000..3000),
            _ => {
                let sum: f64 = (0..12).map(|_| random.random::<f64>() - 0.5).sum();
                (1.3 * sum * scale(index.into())).round() as i32
            }
        });
    let symbols = symbols.collect();
    let mixtures = Mixtures::new(components, paired, 8, scales, parameters).unwrap();
    // None, some and all of those that are not plain.
    let from = [64, 20, 0][random.random_range(0..3)];
    let centred_below = [0, 30, 64][random.random_range(0..3)];
    let of = TrellisScales {
        from,
        centred_below,
    };
    let mixtures = mixtures.with_trellis(of);
    // Without channels, with some, with shifts.
    let channels = [1, 2, 3, 6].map(|turns| turns * width);
    let channels = channels[random.random_range(0..4)];
    let mixtures = match mixtures.clone().with_channels(channels) {
        Ok(mixtures) if random.random() => {
            let shifts = (0..channels).map(|_| random.random_range(-64..64));
            mixtures.shifted(shifts.collect()).unwrap()
        }
        Ok(mixtures) => mixtures,
        Err(_) => mixtures,
    };
    (mixtures, symbols)
}

#[test]
fn round_trips_within_three_bytes_and_a_bit_of_the_information() {
    let mut random = StdRng::seed_from_u64(7);
    for coder in Coder::ALL {
        for round in 0..200 {
            let units = if round == 0 {
                20_000
            } else {
                random.random_range(0..30)
            };
            let (mixtures, symbols) = draw(&mut random, units);
            let mut encoder = Encoder::new(coder);
            encoder.encode_mixtures(&mixtures, &symbols).unwrap();
            let bytes = encoder.finish();
            let mut decoder = Decoder::new(coder, &bytes).unwrap();
            let mut decoded = Vec::new();
            decoder.decode_mixtures(&mixtures, &mut decoded).unwrap();
            assert_eq!(decoder.finish(), Ok(()));
            assert_eq!(decoded, symbols);
            let bits = mixtures.total_bits(&symbols).unwrap();
            let beyond = bytes.len() as f64 - bits / 8.0;
            assert!(
                beyond <= 3.125,
                "{coder:?}: {beyond} bytes beyond {bits} bits"
            );
        }
    }
}

/// A pair in which one symbol is the other costs half as much.
#[test]
fn correlation_saves_bits() {
    let mut random = StdRng::seed_from_u64(8);
    let symbols: Vec<i32> = (0..2000)
        .flat_map(|_| {
            let sum: f64 = (0..12).map(|_| random.random::<f64>() - 0.5).sum();
            let symbol = (5.0 * sum).round() as i32;
            [symbol, symbol]
        })
        .collect();
    let bits = |correlation| {
        let pair = [32, 32, 32, 32, 32, correlation];
        let scales = vec![33; symbols.len()];
        let parameters = pair.repeat(symbols.len() / 2);
        let mixtures = Mixtures::new(1, true, 0, scales, parameters).unwrap();
        mixtures.total_bits(&symbols).unwrap()
    };
    let (without, with) = (bits(32), bits(63));
    // A correlation of 31/32 narrows the second by four: two bits of some 4.4.
    assert!(with < 0.8 * without, "{with} of {without}");
}

#[test]
fn any_bytes_end_soon() {
    let mut random = StdRng::seed_from_u64(9);
    for coder in Coder::ALL {
        for _ in 0..1000 {
            let (mixtures, _) = draw(&mut random, 20);
            let mut bytes = vec![0; random.random_range(0..60)];
            random.fill(&mut bytes[..]);
            if random.random() {
                bytes.fill(255);
            }
            if let Ok(mut decoder) = Decoder::new(coder, &bytes) {
                let _ = decoder.decode_mixtures(&mixtures, &mut Vec::new());
                let _ = decoder.finish();
            }
        }
    }
}

#[test]
fn wrong_parameters_are_refused() {
    let refused = |components, paired, below, scales: &[u8], parameters: &[u8]| {
        let (scales, parameters) = (scales.to_vec(), parameters.to_vec());
        Mixtures::new(components, paired, below, scales, parameters).unwrap_err()
    };
    use MixtureError::*;
    let none = refused(0, false, 0, &[], &[]);
    assert!(matches!(none, Components { found: 0, limit: 4 }));
    let many = refused(5, false, 0, &[], &[]);
    assert!(matches!(many, Components { found: 5, .. }));
    let plain = refused(1, false, 65, &[], &[]);
    assert!(matches!(
        plain,
        PlainBelow {
            found: 65,
            limit: 64
        }
    ));
    let odd = refused(1, true, 0, &[1], &[]);
    assert!(matches!(odd, Lengths { symbols: 1, .. }));
    let few = refused(2, false, 0, &[1], &[0; 5]);
    assert!(matches!(few, Lengths { expected: 6, .. }));
    let scale = refused(1, false, 0, &[64], &[0; 3]);
    assert!(matches!(scale, Parameter { found: 64 }));
    let three = || Mixtures::new(1, true, 0, vec![0; 6], vec![0; 18]).unwrap();
    for channels in [0, 3, 4, 5, 12] {
        let wrong = three().with_channels(channels).unwrap_err();
        assert!(matches!(wrong, Channels { symbols: 6, .. }), "{channels}");
    }
    let two = three().with_channels(2).unwrap();
    let wrong = two.shifted(vec![1; 3]).unwrap_err();
    let channels = 2;
    assert_eq!(wrong, Shifts { found: 3, channels });
    let field = refused(1, false, 0, &[0], &[0, 255, 0]);
    assert!(matches!(field, Parameter { found: 255 }));
    let mut encoder = Encoder::new(Coder::Ans);
    let mixtures = Mixtures::new(1, false, 0, vec![0], vec![0; 3]).unwrap();
    assert!(encoder.encode_mixtures(&mixtures, &[]).is_err());
    assert!(mixtures.total_bits(&[1, 2]).is_err());
}
