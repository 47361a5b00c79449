//! How likely a value is, in floats: the mixtures of `lic_entropy::Mixtures` as BITSTREAM.md
//! words them, for the choices of an encoder. A decoder is not concerned.

use std::array;
use std::sync::OnceLock;

use lic_entropy::{MAX_COMPONENTS, PARAMETER_CENTRE, SCALES, scale};

/// Parts of a scale index that scales of components are counted in.
const FINE: usize = 8;
const WIDEST: i32 = ((SCALES - 1) * FINE) as i32;
/// Standard deviations on both sides of the table of Φ, and entries for each.
const REACH: f32 = 6.0;
const ENTRIES: f32 = 128.0;

struct Numbers {
    sigma: Vec<f32>,
    weight: Vec<f32>,
    phi: Vec<f32>,
}

fn numbers() -> &'static Numbers {
    static NUMBERS: OnceLock<Numbers> = OnceLock::new();
    NUMBERS.get_or_init(|| {
        let step = (scale(1) / scale(0)).ln() / FINE as f64;
        let sigma = |i: i32| (scale(0) * libm::exp(step * f64::from(i))) as f32;
        let weight = |i: i32| libm::exp(f64::from(i - 63) / 8.0) as f32;
        let phi = |i: i32| {
            let x = f64::from(i) / f64::from(ENTRIES) - f64::from(REACH);
            (0.5 * libm::erfc(-x / std::f64::consts::SQRT_2)) as f32
        };
        Numbers {
            sigma: (0..=WIDEST).map(sigma).collect(),
            weight: (0..=63).map(weight).collect(),
            phi: (0..=(2.0 * REACH * ENTRIES) as i32 + 1).map(phi).collect(),
        }
    })
}

/// Φ.
#[inline(always)]
fn phi(phis: &[f32], x: f32) -> f32 {
    let at = (x.clamp(-REACH, REACH) + REACH) * ENTRIES;
    let (entry, rest) = (at as usize, at - (at as usize) as f32);
    phis[entry] + (phis[entry + 1] - phis[entry]) * rest
}

#[derive(Debug, Clone, Copy, Default)]
struct Part {
    weight: f32,
    mean: f32,
    sigma: f32,
    inverse: f32,
}

/// A symbol's mixture.
#[derive(Debug, Clone, Copy)]
pub struct Likely {
    parts: [Part; MAX_COMPONENTS],
    count: usize,
}

impl Likely {
    /// From the index of the scale and parameters: weight, offset and shift of the scale of
    /// each component.
    pub fn new(scale: u8, fields: impl Iterator<Item = [u8; 3]>) -> Self {
        let numbers = numbers();
        let centred = |value: u8| i32::from(value) - i32::from(PARAMETER_CENTRE);
        let base = i32::from(scale) * FINE as i32;
        let mut parts = [Part::default(); MAX_COMPONENTS];
        let (mut count, mut sum) = (0, 0.0);
        for (part, [weight, offset, shift]) in parts.iter_mut().zip(fields) {
            let fine = (base + 4 * centred(shift)).clamp(0, WIDEST);
            let unit = numbers.sigma[base.clamp(0, WIDEST) as usize];
            part.weight = numbers.weight[usize::from(weight & 63)];
            part.mean = centred(offset) as f32 / 16.0 * unit;
            part.sigma = numbers.sigma[fine as usize];
            part.inverse = 1.0 / part.sigma;
            sum += part.weight;
            count += 1;
        }
        parts.iter_mut().for_each(|part| part.weight /= sum);
        Self { parts, count }
    }

    /// That of the second of a pair, if the first, which is `self`, is about `v`.
    pub fn given(&self, v: f32, second: Self, correlations: impl Iterator<Item = u8>) -> Self {
        let phis = &numbers().phi;
        let mut given = second;
        let mut sum = 0.0;
        let firsts = self.parts.iter().zip(&mut given.parts).zip(correlations);
        for ((first, second), correlation) in firsts {
            let off = v - first.mean;
            let upper = phi(phis, (off + 0.5) * first.inverse);
            let mass = upper - phi(phis, (off - 0.5) * first.inverse);
            second.weight = first.weight * (mass.max(0.0) + 1.0 / (1 << 20) as f32);
            sum += second.weight;
            let h = (f32::from(correlation) - f32::from(PARAMETER_CENTRE)).max(-31.0) / 32.0;
            let variance = first.sigma * first.sigma;
            let noisy = variance + 1.0 / 12.0;
            let followed = (off * first.sigma / noisy).clamp(-8.0, 8.0);
            second.mean += followed * second.sigma * h;
            second.sigma *= (1.0 - variance / noisy * h * h).sqrt();
            second.sigma = second.sigma.max(scale(0) as f32);
            second.inverse = 1.0 / second.sigma;
        }
        given.parts.iter_mut().for_each(|part| part.weight /= sum);
        given
    }

    /// Bits of what lies between neighbouring ones of five rising `edges`.
    #[inline(always)]
    pub fn bits(&self, edges: [f32; 5]) -> [f32; 4] {
        // A slot has one of 65,536 parts for itself.
        const FREE: f32 = 1.0 / 65536.0;
        let phis = &numbers().phi;
        let mut below = [0.0; 5];
        for part in &self.parts[..self.count] {
            for (below, edge) in below.iter_mut().zip(edges) {
                *below += part.weight * phi(phis, (edge - part.mean) * part.inverse);
            }
        }
        array::from_fn(|i| -libm::log2f((below[i + 1] - below[i]).max(0.0) + FREE))
    }
}

#[cfg(test)]
mod tests {
    use lic_entropy::Mixtures;

    use super::*;
    use crate::noise::Noise;

    /// Bits of a pair on whole numbers are those that it takes to code it, to a hundredth and
    /// what the slots that are never used take. The second is given what the first is.
    #[test]
    fn bits_are_those_of_the_coder() {
        let mut noise = Noise::new(6);
        let mut draw = |from: u64, to: u64| (from + noise.next_u64() % (to - from)) as u8;
        for _ in 0..300 {
            let scales = [draw(8, 40), draw(8, 40)];
            let parameters: Vec<u8> = (0..18)
                .map(|i| match i % 6 {
                    0 => draw(20, 44),
                    5 => draw(0, 64),
                    _ => draw(24, 40),
                })
                .collect();
            let field = |which: [usize; 3]| {
                let of = move |p: &[u8]| which.map(|i| p[i]);
                let all: Vec<[u8; 3]> = parameters.chunks(6).map(of).collect();
                all.into_iter()
            };
            let near = |scale: u8, by: u8| {
                let sigma = lic_entropy::scale(scale.into());
                ((f64::from(by) / 16.0 - 1.0) * 1.5 * sigma).round() as i32
            };
            let symbols = [near(scales[0], draw(0, 33)), near(scales[1], draw(0, 33))];
            let first = Likely::new(scales[0], field([0, 1, 3]));
            let second = Likely::new(scales[1], field([0, 2, 4]));
            let correlations = parameters.chunks(6).map(|p| p[5]);
            let second = first.given(symbols[0] as f32, second, correlations);
            let bits = |likely: Likely, symbol: i32| {
                likely.bits(array::from_fn(|i| symbol as f32 - 1.5 + i as f32))[1]
            };
            let found = bits(first, symbols[0]) + bits(second, symbols[1]);
            let mixtures = Mixtures::new(3, true, 3, scales.into(), parameters.clone()).unwrap();
            let coded = mixtures.total_bits(&symbols).unwrap() as f32;
            assert!(
                (found - coded).abs() < 0.05 + 0.01 * coded,
                "{found}, not {coded}"
            );
        }
    }
}
