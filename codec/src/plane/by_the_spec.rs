//! A decoder of planes as BITSTREAM.md words it, line by line, with nothing of this
//! crate: it shows that a stranger could write one.

use std::collections::HashMap;

/// A word and what its chance depends on.
type Name = (&'static str, [i64; 3]);

/// A stream of bits.
pub(crate) struct Bits<'a> {
    low: u64,
    range: u64,
    point: u64,
    bytes: &'a [u8],
    read: usize,
    chances: HashMap<Name, (i64, i64)>,
}

impl<'a> Bits<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        let mut bits = Self {
            low: 0,
            range: u64::MAX,
            point: 0,
            bytes,
            read: 0,
            chances: HashMap::new(),
        };
        bits.next(8);
        bits
    }

    fn next(&mut self, bytes: usize) {
        for _ in 0..bytes {
            let byte = self.bytes.get(self.read).copied().unwrap_or(0);
            self.read += 1;
            self.point = (self.point << 8) + u64::from(byte);
        }
    }

    /// The slot of a table with these masses.
    fn slot(&mut self, masses: &[u64]) -> Option<usize> {
        let scale = self.range >> 16;
        let q = self.point.wrapping_sub(self.low) / scale;
        let mut sum = 0;
        for (slot, mass) in masses.iter().enumerate() {
            if q < sum + mass {
                self.low = self.low.wrapping_add(scale * sum);
                self.range = scale * mass;
                if self.range < 1 << 32 {
                    self.low <<= 32;
                    self.range <<= 32;
                    self.next(4);
                }
                return Some(slot);
            }
            sum += mass;
        }
        None
    }

    pub fn even(&mut self) -> Option<i64> {
        Some(self.slot(&[1 << 15, 1 << 15])? as i64)
    }

    pub fn bit<const N: usize>(&mut self, word: &'static str, on: [i64; N]) -> Option<i64> {
        let mut name = (word, [-1; 3]);
        name.1[..N].copy_from_slice(&on);
        let (p, n) = self.chances.get(&name).copied().unwrap_or((1 << 21, 0));
        let m = (p / 64).max(1) as u64;
        let bit = self.slot(&[m, 65_536 - m])? as i64;
        let p = if bit == 0 {
            p + (2 * ((1 << 22) - p)) / (2 * n + 3)
        } else {
            p - (2 * p) / (2 * n + 3)
        };
        self.chances.insert(name, (p, (n + 1).min(255)));
        Some(bit)
    }

    pub fn ends_here(mut self) -> bool {
        if self.slot(&[23_130, 1, 42_405]) != Some(1) {
            return false;
        }
        for k in 0.. {
            let unit = 1u128 << (64 - 8 * k);
            let end = (u128::from(self.low).div_ceil(unit) * unit) as u64;
            if end.wrapping_sub(self.low) < self.range {
                return self.point == end && self.bytes.len() == self.read - 8 + k;
            }
        }
        unreachable!()
    }
}

struct Plane {
    width: i64,
    max: i64,
    /// Rows so far, the last of them perhaps not complete.
    rows: Vec<Vec<i64>>,
    /// |g_i - sample|, and then |e - sample|, by place.
    errors: HashMap<(i64, i64), [i64; 6]>,
    habits: HashMap<u32, (i64, i64)>,
}

/// W, N, NW, NE, WW, NN, NEE, NWW, and then NNE.
const PLACES: [(i64, i64); 9] = [
    (-1, 0),
    (0, -1),
    (-1, -1),
    (1, -1),
    (-2, 0),
    (0, -2),
    (2, -1),
    (-2, -1),
    (1, -2),
];

impl Plane {
    fn at(&self, x: i64, y: i64) -> i64 {
        if y < 0 {
            0
        } else if x < 0 {
            self.at(0, y - 1)
        } else {
            self.rows[y as usize][x.min(self.width - 1) as usize]
        }
    }

    fn class(&self, v: i64) -> i64 {
        match v {
            0 => 0,
            v if v == self.max => 2,
            _ => 1,
        }
    }

    /// The guesses, e, side, and F.
    fn expected(&self, x: i64, y: i64, near: [i64; 9]) -> ([i64; 5], i64, i64, i64) {
        let [w, n, nw, ne, ..] = near;
        let guesses = [
            w.min(n).max((w + n - nw).min(w.max(n))),
            w + n - nw,
            w + ne - n,
            (3 * (w + n) - 2 * nw).div_euclid(4),
            near[..8].iter().sum::<i64>().div_euclid(8),
        ];
        let mut sums = [0; 6];
        for (dx, dy) in &PLACES[..5] {
            let errors = self.errors.get(&(x + dx, y + dy));
            for (sum, error) in sums.iter_mut().zip(errors.unwrap_or(&[0; 6])) {
                *sum += error;
            }
        }
        let weights = [0, 1, 2, 3, 4].map(|i| ((1 << 36) / (1 + sums[i] * sums[i])).max(1));
        let total: i64 = weights.iter().sum();
        let sum: i64 = weights.iter().zip(guesses).map(|(w, g)| w * g).sum();
        let mean = (8 * sum + total / 2).div_euclid(total);
        let mean = mean.min(8 * self.max).max(0);
        let e = (mean + 4).div_euclid(8);
        let side = match mean - 8 * e {
            off if off < -1 => 0,
            off if off > 1 => 2,
            _ => 1,
        };
        (guesses, e, side, sums[5])
    }

    fn between(
        &self,
        bits: &mut Bits<'_>,
        (e, side, f): (i64, i64, i64),
        u: Option<i64>,
    ) -> Option<i64> {
        let mut l = 0;
        while f >> l > 0 {
            l += 1;
        }
        let c = 3 * self.class(e) + side;
        if u != Some(e) && bits.bit("wrong", [c, l])? == 0 {
            return Some(e);
        }
        let s = bits.bit("negative", [c, l])?;
        let most = if self.max == 255 { 7 } else { 15 };
        let mut j = 0;
        while j < most && bits.bit("longer", [self.class(e), l, j])? == 1 {
            j += 1;
        }
        let mut a = 1;
        for _ in 0..j {
            let b = if a < 4 {
                bits.bit("below", [j, a])?
            } else {
                bits.even()?
            };
            a = 2 * a + b;
        }
        Some(if s == 1 { e - a } else { e + a })
    }

    fn fresh(
        &self,
        bits: &mut Bits<'_>,
        near: [i64; 9],
        expected: (i64, i64, i64),
        u: Option<i64>,
    ) -> Option<i64> {
        let w = self.class(near[0]);
        let k = near[..8].iter().fold(0, |k, v| 3 * k + self.class(*v));
        let d = if u == Some(near[0]) && w != 1 {
            1
        } else {
            bits.bit("differs", [k])?
        };
        let mut class = w;
        if d == 1 {
            let others: Vec<i64> = (0..3).filter(|class| *class != w).collect();
            class = others[bits.bit("higher", [k])? as usize];
        }
        match class {
            0 => Some(0),
            2 => Some(self.max),
            _ => {
                let sample = self.between(bits, expected, u)?;
                (1..self.max).contains(&sample).then_some(sample)
            }
        }
    }

    fn sample(&mut self, bits: &mut Bits<'_>, x: i64, y: i64) -> Option<i64> {
        let near = PLACES.map(|(dx, dy)| self.at(x + dx, y + dy));
        let [w, n, nw, ne, ww, nn, nee, nww, nne] = near;
        let mut h = 0u32;
        for v in [nne, nww, nee, nn, ww, ne, nw, n] {
            h = h.wrapping_add((v - w) as u32).wrapping_mul(2_654_435_761);
        }
        let h = h >> 16;
        let (step, run) = self.habits.get(&h).copied().unwrap_or((0, 0));
        let mut u = Some(w + step).filter(|u| run >= 1 && (0..=self.max).contains(u));
        let mut sample = None;
        if let Some(usual) = u {
            let z = i64::from(step == 0);
            if bits.bit("broken", [2 * self.class(usual) + z, run])? == 0 {
                self.habits.insert(h, (step, (run + 1).min(15)));
                sample = u.take();
            }
        }
        let (guesses, e, side, f) = self.expected(x, y, near);
        let sample = match sample {
            Some(sample) => sample,
            None => {
                let sample = self.fresh(bits, near, (e, side, f), u)?;
                let habit = if run > 3 {
                    (step, run / 4)
                } else {
                    (sample - w, 1)
                };
                self.habits.insert(h, habit);
                sample
            }
        };
        if self.class(sample) == 1 {
            let [a, b, c, d, g] = guesses.map(|guess| (guess - sample).abs());
            let errors = [a, b, c, d, g, (e - sample).abs()];
            self.errors.insert((x, y), errors);
        }
        Some(sample)
    }
}

/// Form 2.
fn coded(bytes: &[u8], width: i64, height: i64, max: i64) -> Option<Vec<u16>> {
    let mut bits = Bits::new(bytes);
    let mut plane = Plane {
        width,
        max,
        rows: Vec::new(),
        errors: HashMap::new(),
        habits: HashMap::new(),
    };
    let mut r = 0;
    for y in 0..height {
        r = bits.bit("repeats", [r])?;
        if r == 1 {
            let row = (0..width).map(|x| plane.at(x, y - 1)).collect();
            plane.rows.push(row);
            continue;
        }
        plane.rows.push(Vec::new());
        for x in 0..width {
            let sample = plane.sample(&mut bits, x, y)?;
            plane.rows[y as usize].push(sample);
        }
    }
    let samples = plane.rows.concat().iter().map(|v| *v as u16).collect();
    bits.ends_here().then_some(samples)
}

/// A plane, or nothing where the text says *must* and the bytes do not.
pub(super) fn decode(bytes: &[u8], width: u32, height: u32, bits: u32) -> Option<Vec<u16>> {
    let (form, rest) = bits_of(bytes, bits)?;
    let count = width as usize * height as usize;
    let (width, height) = (width.into(), height.into());
    let samples = |count: usize| {
        let size = bits as usize / 8;
        (rest.len() == count * size).then(|| {
            let value = |bytes: &[u8]| bytes.iter().rev().fold(0u32, |v, b| v << 8 | u32::from(*b));
            rest.chunks(size).map(|bytes| value(bytes) as u16).collect()
        })
    };
    match form {
        0 => samples(1).map(|one: Vec<u16>| vec![one[0]; count]),
        1 => samples(count),
        2 => coded(rest, width, height, (1 << bits) - 1),
        _ => {
            let narrow = coded(rest, width, height, 255)?;
            Some(narrow.iter().map(|v| v * 257).collect())
        }
    }
}

fn bits_of(bytes: &[u8], bits: u32) -> Option<(u8, &[u8])> {
    let (&form, rest) = bytes.split_first()?;
    (form < 3 || form == 3 && bits == 16).then_some((form, rest))
}
