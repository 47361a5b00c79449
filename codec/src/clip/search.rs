//! How an encoder finds motion. A decoder is not concerned.

use rayon::prelude::*;

use super::motion::{BLOCK, LONGEST, Motion, PART, UNITS, parts};
use crate::model::Quality;

/// Side of a block, and of its parts.
const SIDE: i32 = BLOCK as i32;
const HALF: i32 = PART as i32;
/// About how many bits it takes to say that a block has one vector, or four.
const WHOLE: f64 = 0.5;
const DIVIDED: f64 = 1.8;
/// Pixels around a part of a block that are compared too, since parts overlap.
const OVERLAP: i32 = 2;
/// How many times smaller the planes of the first search are.
const COARSE: usize = 4;
/// How far that search looks, in its pixels.
const REACH: i32 = 8;
/// Steps of a pixel that a vector may then take.
const STEPS: usize = 12;

/// Luma of a picture, 10 bits.
pub(super) struct Luma {
    samples: Vec<i16>,
    w: i32,
    h: i32,
}

impl Luma {
    /// Of RGB samples of 16 bits.
    pub fn of(samples: &[u16], width: u32, height: u32) -> Self {
        let luma = |rgb: &[u16; 3]| {
            let [r, g, b] = rgb.map(u32::from);
            ((77 * r + 150 * g + 29 * b) >> 14) as i16
        };
        let (pixels, _) = samples.as_chunks::<3>();
        Self {
            samples: pixels.par_iter().map(luma).collect(),
            w: width as i32,
            h: height as i32,
        }
    }

    fn at(&self, x: i32, y: i32) -> i32 {
        let (x, y) = (x.clamp(0, self.w - 1), y.clamp(0, self.h - 1));
        self.samples[(y * self.w + x) as usize].into()
    }

    /// Means of squares.
    fn smaller(&self) -> Self {
        let side = COARSE as i32;
        let (w, h) = ((self.w / side).max(1), (self.h / side).max(1));
        let mean = |i: i32| {
            let (x, y) = (i % w * side, i / w * side);
            let square = (0..side).flat_map(|dy| (0..side).map(move |dx| (dx, dy)));
            let sum: i32 = square.map(|(dx, dy)| self.at(x + dx, y + dy)).sum();
            (sum / (side * side)) as i16
        };
        Self {
            samples: (0..w * h).into_par_iter().map(mean).collect(),
            w,
            h,
        }
    }

    /// Sum of absolute differences of a rectangle from that of `other` displaced by
    /// whole pixels; `enough` or more as soon as it is known to be that.
    fn differs(&self, other: &Self, area: [i32; 4], by: [i32; 2], enough: i32) -> i32 {
        let [left, top, right, bottom] = area;
        let (x, y) = (left + by[0], top + by[1]);
        let width = (right - left) as usize;
        let inside = x >= 0 && y >= 0 && right + by[0] <= other.w && bottom + by[1] <= other.h;
        let mut sum = 0;
        for row in 0..bottom - top {
            let from = ((top + row) * self.w + left) as usize;
            let from = &self.samples[from..from + width];
            if inside {
                let to = ((y + row) * other.w + x) as usize;
                let pairs = from.iter().zip(&other.samples[to..to + width]);
                sum += pairs.map(|(&a, &b)| i32::from((a - b).abs())).sum::<i32>();
            } else {
                let pairs = (x..).zip(from);
                sum += pairs
                    .map(|(x, &a)| (i32::from(a) - other.at(x, y + row)).abs())
                    .sum::<i32>();
            }
            if sum >= enough {
                return sum;
            }
        }
        sum
    }

    /// The same for a vector in quarters of a pixel.
    fn differs_by(&self, other: &Self, area: [i32; 4], vector: [i32; 2]) -> i32 {
        let whole = vector.map(|v| v.div_euclid(UNITS));
        let [fx, fy] = vector.map(|v| v.rem_euclid(UNITS));
        if (fx, fy) == (0, 0) {
            return self.differs(other, area, whole, i32::MAX);
        }
        let [left, top, right, bottom] = area;
        let weights = [
            (UNITS - fx) * (UNITS - fy),
            fx * (UNITS - fy),
            (UNITS - fx) * fy,
            fx * fy,
        ];
        let mut sum = 0;
        for y in top..bottom {
            for x in left..right {
                let (u, v) = (x + whole[0], y + whole[1]);
                let mixed = weights[0] * other.at(u, v)
                    + weights[1] * other.at(u + 1, v)
                    + weights[2] * other.at(u, v + 1)
                    + weights[3] * other.at(u + 1, v + 1);
                sum += (self.at(x, y) - (mixed + 8) / 16).abs();
            }
        }
        sum
    }

    /// A square that begins at (x, y) with some of what is around it, as far as the
    /// picture goes; empty beyond it.
    fn square(&self, x: i32, y: i32, side: i32, around: i32) -> [i32; 4] {
        let right = (x + side + around).min(self.w);
        let bottom = (y + side + around).min(self.h);
        [
            (x - around).max(0).min(right),
            (y - around).max(0).min(bottom),
            right,
            bottom,
        ]
    }

    /// Sum of absolute differences of a block from that of `other`.
    pub fn block(&self, other: &Self, x: usize, y: usize) -> i32 {
        let area = self.square(x as i32 * SIDE, y as i32 * SIDE, SIDE, 0);
        self.differs(other, area, [0; 2], i32::MAX)
    }

    /// How much a block differs from its own mean.
    fn flatness(&self, area: [i32; 4]) -> i32 {
        let [left, top, right, bottom] = area;
        let places = || (top..bottom).flat_map(move |y| (left..right).map(move |x| (x, y)));
        let count = ((right - left) * (bottom - top)).max(1);
        let mean = places().map(|(x, y)| self.at(x, y)).sum::<i32>() / count;
        places().map(|(x, y)| (self.at(x, y) - mean).abs()).sum()
    }
}

/// Motion that was found, and how well it explains the frame.
pub(super) struct Found {
    pub motion: Motion,
    /// What is left of luma after motion, as a part of what there is without any frame
    /// before: from about 1 on, the frame before is of no use.
    pub left: f64,
}

/// Looks for the motion that makes `now` from `before`. `last` is that of the frame
/// before.
pub(super) fn search(now: &Luma, before: &Luma, last: &Motion, quality: Quality) -> Found {
    let mut looking = Looking {
        now,
        before,
        coarse: coarse(now, before, last),
        last,
        price: price(quality),
        motion: Motion::still(now.w as u32, now.h as u32),
    };
    let (mut left, mut flat) = (0.0, 0.0);
    for y in 0..looking.motion.rows() {
        for x in 0..looking.motion.columns() {
            looking.block(x, y);
            for (x, y) in parts(x, y) {
                let own = now.square(x as i32 * HALF, y as i32 * HALF, HALF, 0);
                let vector = looking.motion.at(x as isize, y as isize).map(i32::from);
                left += f64::from(now.differs_by(before, own, vector));
                flat += f64::from(now.flatness(own));
            }
        }
    }
    // Noise of a level or so in a flat picture is no scene.
    let pixels = f64::from(now.w) * f64::from(now.h);
    Found {
        motion: looking.motion,
        left: left / (flat + 4.0 * pixels),
    }
}

/// A frame whose motion is looked for, block by block.
struct Looking<'a> {
    now: &'a Luma,
    before: &'a Luma,
    coarse: Vec<[i32; 2]>,
    last: &'a Motion,
    price: f64,
    /// What was found so far.
    motion: Motion,
}

impl Looking<'_> {
    /// Finds the vectors of a block: one, or those of its parts if they are worth their
    /// bits.
    fn block(&mut self, x: usize, y: usize) {
        let first = parts(x, y)[0];
        let (ix, iy) = (2 * x as isize, 2 * y as isize);
        let coarse = self.coarse[y * self.motion.columns() + x];
        let mut starts = vec![[0; 2], coarse, self.last.at(ix, iy).map(i32::from)];
        if y > 0 {
            starts.push(self.motion.at(ix, iy - 1).map(i32::from));
            starts.push(self.motion.at(ix + 2, iy - 1).map(i32::from));
        }
        let side = 2 * HALF;
        let area = |around| {
            let (left, top) = (x as i32 * side, y as i32 * side);
            self.now.square(left, top, side, around)
        };
        let expected = self.motion.expected(first, true);
        let whole = self.found(area(2 * OVERLAP), expected, &starts);
        self.motion.set_block(x, y, whole.map(|v| v as i16));

        let whole_bits = bits(whole, expected.map(i32::from));
        let (mut one, mut four) = (self.price * (whole_bits + WHOLE), self.price * DIVIDED);
        for place in parts(x, y) {
            let (left, top) = (place.0 as i32 * HALF, place.1 as i32 * HALF);
            let area = self.now.square(left, top, HALF, OVERLAP);
            let expected = self.motion.expected(place, false);
            let vector = self.found(area, expected, &[whole]);
            let differs = |vector| f64::from(self.now.differs_by(self.before, area, vector));
            one += differs(whole);
            four += differs(vector) + self.price * bits(vector, expected.map(i32::from));
            self.motion.set(place.0, place.1, vector.map(|v| v as i16));
        }
        if one <= four {
            self.motion.set_block(x, y, whole.map(|v| v as i16));
        }
    }

    /// The best vector for an area.
    fn found(&self, area: [i32; 4], expected: [i16; 2], starts: &[[i32; 2]]) -> [i32; 2] {
        let expected = expected.map(i32::from);
        let mut place = Place {
            now: self.now,
            before: self.before,
            area,
            expected,
            price: self.price,
            best: ([0; 2], f64::INFINITY),
        };
        let whole = |v: i32| (v + UNITS / 2).div_euclid(UNITS) * UNITS;
        for start in starts.iter().chain([&expected]) {
            place.consider(start.map(whole));
            place.consider(*start);
        }
        place.refine();
        place.best.0
    }
}

/// An area whose vector is looked for.
struct Place<'a> {
    now: &'a Luma,
    before: &'a Luma,
    area: [i32; 4],
    expected: [i32; 2],
    price: f64,
    /// The best vector so far, and its cost.
    best: ([i32; 2], f64),
}

impl Place<'_> {
    fn consider(&mut self, vector: [i32; 2]) {
        if vector.iter().any(|v| v.abs() > LONGEST) {
            return;
        }
        let bits = self.price * bits(vector, self.expected);
        let whole = vector.iter().all(|v| v % UNITS == 0);
        let differs = if whole {
            let enough = (self.best.1 - bits).clamp(0.0, f64::from(i32::MAX)) as i32;
            let by = vector.map(|v| v / UNITS);
            self.now.differs(self.before, self.area, by, enough)
        } else {
            self.now.differs_by(self.before, self.area, vector)
        };
        let cost = f64::from(differs) + bits;
        if cost < self.best.1 {
            self.best = (vector, cost);
        }
    }

    /// Walks downhill by whole pixels, then looks around by halves and by quarters.
    fn refine(&mut self) {
        for step in [UNITS, 2, 1] {
            for _ in 0..if step == UNITS { STEPS } else { 1 } {
                let [x, y] = self.best.0;
                for (dx, dy) in [(1, 0), (-1, 0), (0, 1), (0, -1)] {
                    self.consider([x + dx * step, y + dy * step]);
                }
                for (dx, dy) in [(1, 1), (-1, -1), (1, -1), (-1, 1)] {
                    self.consider([x + dx * step, y + dy * step]);
                }
                if self.best.0 == [x, y] {
                    break;
                }
            }
        }
    }
}

/// Bits a pixel that a squared error of a level is worth: the Lagrangian that standard
/// models are trained with.
pub(super) fn lambda(quality: Quality) -> f64 {
    0.0004 * 1000f64.powf((f64::from(quality.get()) - 1.0) / 99.0)
}

/// About how many bits a vector takes.
fn bits(vector: [i32; 2], expected: [i32; 2]) -> f64 {
    let off = [0, 1].map(|i| f64::from((vector[i] - expected[i]).abs()));
    off.iter().map(|off| 0.5 + 2.0 * (1.0 + off).log2()).sum()
}

/// What a bit of motion is worth, in sums of absolute differences of 10 bits over an
/// area with its surroundings: a fifth of the quantiser's step for a bit. The step
/// is that of a standard model's gain: 44 levels at a Lagrangian of 0.013.
fn price(quality: Quality) -> f64 {
    let step = 44.0 * (0.013 / lambda(quality)).sqrt();
    let side = f64::from(HALF + 2 * OVERLAP);
    0.2 * step * 4.0 * side * side / f64::from(HALF * HALF)
}

/// The same for a block without its surroundings.
pub(super) fn side_price(quality: Quality) -> f64 {
    let side = f64::from(HALF + 2 * OVERLAP);
    price(quality) * f64::from(HALF * HALF) / (side * side)
}

/// A vector for each block from a full search in smaller planes.
fn coarse(now: &Luma, before: &Luma, motion: &Motion) -> Vec<[i32; 2]> {
    let (now, before) = (now.smaller(), before.smaller());
    let side = SIDE / COARSE as i32;
    let blocks = motion.columns() * motion.rows();
    let search = |i: usize| {
        let (x, y) = (i % motion.columns(), i / motion.columns());
        let (left, top) = (x as i32 * side, y as i32 * side);
        let area = [
            (left - 2).clamp(0, now.w - 1),
            (top - 2).clamp(0, now.h - 1),
            (left + side + 2).min(now.w),
            (top + side + 2).min(now.h),
        ];
        let (mut best, mut least) = ([0; 2], now.differs(&before, area, [0; 2], i32::MAX));
        for dy in -REACH..=REACH {
            for dx in -REACH..=REACH {
                // Longer ones have to be better by a little.
                let bias = dx.abs() + dy.abs();
                let enough = least - bias;
                let found = now.differs(&before, area, [dx, dy], enough);
                if found < enough {
                    (best, least) = ([dx, dy], found + bias);
                }
            }
        }
        best.map(|v| v * COARSE as i32 * UNITS)
    };
    (0..blocks).into_par_iter().map(search).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Something with structure of several sizes, displaced.
    fn picture(w: u32, h: u32, dx: i32, dy: i32) -> Vec<u16> {
        let hash = |x: i32, y: i32| {
            let n = (x.wrapping_mul(73_856_093) ^ y.wrapping_mul(19_349_663)) as u32;
            n.wrapping_mul(2_654_435_761) >> 18
        };
        let at = |x: i32, y: i32| {
            let (x, y) = (x + 1000, y + 1000);
            let smooth = hash(x / 24, y / 24) + hash((x + 7) / 11, y / 9) / 2 + hash(x, y) / 16;
            (smooth * 2).min(65_535) as u16
        };
        (0..w * h)
            .flat_map(|i| [at((i % w) as i32 + dx, (i / w) as i32 + dy); 3])
            .collect()
    }

    #[test]
    fn a_pan_is_found() {
        let (w, h) = (96, 80);
        for (dx, dy) in [(0, 0), (3, 0), (-5, 2), (17, -9)] {
            let before = Luma::of(&picture(w, h, 0, 0), w, h);
            let now = Luma::of(&picture(w, h, dx, dy), w, h);
            let still = Motion::still(w, h);
            let found = search(&now, &before, &still, Quality::default());
            // Blocks in the middle: those at the edges see what was outside.
            for y in 2..3 {
                for x in 2..4 {
                    let vector = found.motion.at(x, y);
                    assert_eq!(vector, [4 * dx as i16, 4 * dy as i16], "at {x} {y}");
                }
            }
            assert!(found.left < 0.5, "{}", found.left);
        }
    }

    #[test]
    fn another_scene_is_not_explained() {
        let (w, h) = (96, 80);
        let before = Luma::of(&picture(w, h, 0, 0), w, h);
        let now = Luma::of(&picture(w, h, 5000, 3000), w, h);
        let found = search(&now, &before, &Motion::still(w, h), Quality::default());
        assert!(found.left > 0.6, "{}", found.left);
    }

    #[test]
    fn pictures_smaller_than_a_block_are_searched() {
        for (w, h) in [(1, 1), (3, 70), (17, 2)] {
            let luma = Luma::of(&picture(w, h, 0, 0), w, h);
            let found = search(&luma, &luma, &Motion::still(w, h), Quality::MIN);
            assert!(found.motion.is_still());
        }
    }
}
