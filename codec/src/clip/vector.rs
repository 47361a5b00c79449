//! How an encoder finds a vector. A decoder is not concerned.

use rayon::prelude::*;

use super::luma::{COARSE, Luma, Rectangle, Searched};
use super::motion::{BLOCK, LONGEST, UNITS};

/// How far the first search looks, in pixels of its planes.
const REACH: i32 = 8;
/// Steps of a pixel that a vector may then take.
const STEPS: usize = 12;
/// The same, if it is improved beside another.
const FEW: usize = 2;

/// The steps to all sides, those along the axes first.
const AROUND: [[i32; 2]; 8] = [
    [1, 0],
    [-1, 0],
    [0, 1],
    [0, -1],
    [1, 1],
    [-1, -1],
    [1, -1],
    [-1, 1],
];

/// An area whose vector is looked for.
pub(super) struct Target<'a> {
    pub now: &'a Luma,
    pub source: &'a Searched,
    pub area: Rectangle,
    /// What the other frame makes of it, if the mean of both is looked for.
    pub beside: Option<&'a [i16]>,
    /// What it is coded as a difference from.
    pub expected: [i32; 2],
    /// Of a bit.
    pub price: f64,
}

/// A vector and its cost.
type Best = ([i32; 2], f64);

impl Target<'_> {
    /// The best vector that is found from some.
    pub fn find(&self, starts: &[[i16; 2]]) -> [i16; 2] {
        let mut best = ([0; 2], f64::INFINITY);
        let scratch = &mut Vec::new();
        let whole = |v: i32| (v + UNITS / 2).div_euclid(UNITS) * UNITS;
        let starts = starts.iter().map(|start| start.map(i32::from));
        for start in starts.chain([self.expected, [0; 2]]) {
            self.consider(start.map(whole), &mut best, scratch);
            self.consider(start, &mut best, scratch);
        }
        self.descend(best, &AROUND, STEPS, 1, scratch)
    }

    /// The best vector near one.
    pub fn improve(&self, from: [i16; 2]) -> [i16; 2] {
        let mut best = ([0; 2], f64::INFINITY);
        let scratch = &mut Vec::new();
        self.consider(from.map(i32::from), &mut best, scratch);
        self.descend(best, &AROUND[..4], FEW, FEW, scratch)
    }

    /// Walks downhill by whole pixels, then by halves and by quarters.
    fn descend(
        &self,
        mut best: Best,
        around: &[[i32; 2]],
        whole: usize,
        finer: usize,
        scratch: &mut Vec<i16>,
    ) -> [i16; 2] {
        for step in [UNITS, 2, 1] {
            for _ in 0..if step == UNITS { whole } else { finer } {
                let [x, y] = best.0;
                for [dx, dy] in around {
                    self.consider([x + dx * step, y + dy * step], &mut best, scratch);
                }
                if best.0 == [x, y] {
                    break;
                }
            }
        }
        best.0.map(|v| v as i16)
    }

    fn consider(&self, vector: [i32; 2], best: &mut Best, scratch: &mut Vec<i16>) {
        if vector.iter().any(|v| v.abs() > LONGEST) {
            return;
        }
        let bits = self.price * bits(vector, self.expected);
        let whole = vector.iter().all(|v| v % UNITS == 0);
        let differs = if whole && self.beside.is_none() {
            let enough = (best.1 - bits).clamp(0.0, f64::from(i32::MAX)) as i32;
            let by = vector.map(|v| v / UNITS);
            self.now.differs(&self.source.luma, self.area, by, enough)
        } else {
            self.source.displaced(self.area, vector, scratch);
            match self.beside {
                Some(other) => self.now.differs_from_mean(self.area, scratch, other),
                None => self.now.differs_from(self.area, scratch),
            }
        };
        let cost = f64::from(differs) + bits;
        if cost < best.1 {
            *best = (vector, cost);
        }
    }
}

/// About how many bits a vector takes.
fn bits(vector: [i32; 2], expected: [i32; 2]) -> f64 {
    let off = [0, 1].map(|i| f64::from((vector[i] - expected[i]).abs()));
    off.iter().map(|off| 0.5 + 2.0 * (1.0 + off).log2()).sum()
}

/// A vector for each block from a full search in smaller planes.
pub(super) fn coarse(now: &Luma, before: &Luma, [columns, rows]: [usize; 2]) -> Vec<[i32; 2]> {
    let side = BLOCK as i32 / COARSE as i32;
    let blocks = columns * rows;
    let search = |i: usize| {
        let (x, y) = (i % columns, i / columns);
        let (left, top) = (x as i32 * side, y as i32 * side);
        let area = [
            (left - 2).clamp(0, now.w - 1),
            (top - 2).clamp(0, now.h - 1),
            (left + side + 2).min(now.w),
            (top + side + 2).min(now.h),
        ];
        let (mut best, mut least) = ([0; 2], now.differs(before, area, [0; 2], i32::MAX));
        for dy in -REACH..=REACH {
            for dx in -REACH..=REACH {
                // Longer ones have to be better by a little.
                let bias = dx.abs() + dy.abs();
                let enough = least - bias;
                let found = now.differs(before, area, [dx, dy], enough);
                if found < enough {
                    (best, least) = ([dx, dy], found + bias);
                }
            }
        }
        best.map(|v| v * COARSE as i32 * UNITS)
    };
    (0..blocks).into_par_iter().map(search).collect()
}
