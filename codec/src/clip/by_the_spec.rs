//! A decoder of motion as BITSTREAM.md words it, line by line, with nothing of this module
//! but the coder of bits: it shows that a stranger could write one. The numbers that chances
//! begin with are read from the text.

use std::collections::HashMap;
use std::num::NonZeroU16;

use lic_entropy::BitDecoder;

const SPEC: &str = include_str!("../../BITSTREAM.md");

type Vector = [i64; 2];

/// A frame's motion: sides of blocks, and vectors of parts to the frames before and after.
pub struct Motion {
    pub sides: Vec<u8>,
    pub vectors: [Vec<Vector>; 2],
}

/// A frame that is known, its motion, and the numbers of those that it was made from.
pub struct Known {
    pub number: i64,
    pub motion: Option<(Motion, Vec<i64>)>,
}

/// The row of the table of z that begins with `name`, the column of this kind of frame.
fn table(name: &str, between: bool) -> Vec<u32> {
    let row = SPEC
        .lines()
        .find(|line| line.starts_with(&format!("| {name} |")));
    let cell = row.unwrap().split('|').nth(if between { 3 } else { 2 });
    let numbers = cell.unwrap().split_whitespace();
    numbers.map(|number| number.parse().unwrap()).collect()
}

struct Bits {
    decoder: BitDecoder,
    between: bool,
    chances: HashMap<(&'static str, usize, usize), (u64, u64)>,
}

impl Bits {
    fn even(&mut self) -> usize {
        self.decoder
            .decode(NonZeroU16::new(1 << 15).unwrap())
            .unwrap()
            .into()
    }

    fn bit(&mut self, name: &'static str, i: usize, j: usize) -> usize {
        let z = || -> u32 {
            let row = |name: &str, i: usize| table(name, self.between).get(i).copied();
            match name {
                "longer" if i == 0 => row("longer, k = 0", j),
                "longer" => row(&format!("k = {i}"), j),
                "below" => row("below", 0),
                _ => row(name, i),
            }
            .unwrap_or_else(|| row("longer, all further j", 0).unwrap())
        };
        let first = || (u64::from(z()) << 14, 8);
        let known = self.chances.get(&(name, i, j)).copied();
        let (mut p, mut n) = known.unwrap_or_else(first);
        let m = (p / 64).max(1) as u16;
        let bit = self.decoder.decode(NonZeroU16::new(m).unwrap()).unwrap();
        if bit {
            p -= 2 * p / (2 * n + 3);
        } else {
            p += 2 * ((1 << 22) - p) / (2 * n + 3);
        }
        n = (n + 1).min(255);
        self.chances.insert((name, i, j), (p, n));
        bit.into()
    }
}

/// What is expected of each part, to the frames before and after.
pub fn expected(
    now: i64,
    before: &Known,
    after: Option<&Known>,
    [columns, rows]: [usize; 2],
) -> Option<Vec<[Vector; 2]>> {
    let reach = |frame: &Known| {
        let (_, sources) = frame.motion.as_ref()?;
        let end = if sources.len() == 2 && now > frame.number {
            sources[1]
        } else {
            sources[0]
        };
        Some((end - frame.number).abs())
    };
    let f = match (reach(before), after.and_then(reach)) {
        (None, None) => return None,
        (Some(_), None) => before,
        (Some(b), Some(a)) if b < a => before,
        _ => after.unwrap(),
    };
    let (motion, sources) = f.motion.as_ref().unwrap();
    let ends = [
        before.number,
        after.map_or(before.number, |after| after.number),
    ];
    let of = |i: usize, j: usize| -> ([i64; 2], [Vector; 2]) {
        let side = motion.sides[j / 2 * (columns / 2) + i / 2];
        let wanted = usize::from(sources.len() == 2 && now > f.number);
        let used = if wanted == 1 { side != 1 } else { side != 2 };
        let way = if used { wanted } else { 1 - wanted };
        let v = motion.vectors[way][j * columns + i];
        let span = sources[way] - f.number;
        let r = |d: i64| {
            v.map(|v| {
                let exact = (v * d) as f64 / span as f64;
                (exact.abs() + 0.5).floor() as i64 * exact.signum() as i64
            })
        };
        let off = r(now - f.number);
        let place = [i, j].map(|i| (8 * i as i64 + 4) * 4);
        let place = [0, 1].map(|c| (place[c] + off[c]).div_euclid(32));
        (
            place,
            ends.map(|end| r(end - now).map(|v| v.clamp(-8191, 8191))),
        )
    };
    let mut all = vec![None; columns * rows];
    let places = || (0..rows).flat_map(|j| (0..columns).map(move |i| (i, j)));
    for (i, j) in places() {
        let ([x, y], vectors) = of(i, j);
        if (0..columns as i64).contains(&x) && (0..rows as i64).contains(&y) {
            all[y as usize * columns + x as usize].get_or_insert(vectors);
        }
    }
    let filled = places().map(|(i, j)| all[j * columns + i].unwrap_or_else(|| of(i, j).1));
    Some(filled.collect())
}

/// A frame while it is decoded.
struct Frame<'a> {
    bits: Bits,
    /// Parts in a row.
    columns: usize,
    motion: Motion,
    expected: Option<&'a [[Vector; 2]]>,
    merged: Vec<bool>,
    divided: [Vec<bool>; 2],
    /// By column of parts.
    off: [Vec<i64>; 2],
}

impl Frame<'_> {
    fn uses(&self, block: usize, way: usize) -> bool {
        self.motion.sides[block] != 2 - way as u8
    }

    fn median(&self, way: usize, x: usize, y: usize, whole: bool) -> Vector {
        let at = |x: i64, y: i64| {
            let inside = x >= 0 && y >= 0 && x < self.columns as i64;
            let place = y * self.columns as i64 + x;
            if inside {
                self.motion.vectors[way][place as usize]
            } else {
                [0; 2]
            }
        };
        let (x, y) = (x as i64, y as i64);
        let left = at(x - 1, y);
        if y == 0 {
            return left;
        }
        let beside = match (whole, x % 2 == 1 && y % 2 == 1) {
            (true, _) => at(x + 2, y - 1),
            (false, true) => at(x - 1, y - 1),
            (false, false) => at(x + 1, y - 1),
        };
        [0, 1].map(|c| {
            let mut three = [left[c], at(x, y - 1)[c], beside[c]];
            three.sort();
            three[1]
        })
    }

    fn count(&self, x: usize, y: usize, is: impl Fn(usize) -> bool) -> usize {
        let blocks = self.columns / 2;
        let left = x > 0 && is(y * blocks + x - 1);
        let above = y > 0 && is((y - 1) * blocks + x);
        usize::from(left) + usize::from(above)
    }

    /// Side, and the vectors of the four parts to both frames.
    fn sources(&self, x: usize, y: usize) -> Vec<(usize, u8, [[Vector; 2]; 4])> {
        let between = self.bits.between;
        let side = if between { 0 } else { 1 };
        let part = |x: usize, y: usize, i: usize| (2 * y + i / 2) * self.columns + 2 * x + i % 2;
        let near = |there: bool, x: usize, y: usize, i: usize| {
            there.then(|| {
                let vectors = [0, 1].map(|way| self.motion.vectors[way][part(x, y, i)]);
                (self.motion.sides[y * self.columns / 2 + x], [vectors; 4])
            })
        };
        let all = [
            self.expected
                .map(|e| (side, [0, 1, 2, 3].map(|i| e[part(x, y, i)]))),
            near(x > 0, x.wrapping_sub(1), y, 3),
            near(y > 0, x, y.wrapping_sub(1), 3),
            near(
                y > 0 && x + 1 < self.columns / 2,
                x + 1,
                y.wrapping_sub(1),
                2,
            ),
            near(x > 0 && y > 0, x.wrapping_sub(1), y.wrapping_sub(1), 3),
            Some((side, [[[0; 2]; 2]; 4])),
        ];
        let mut open: Vec<(usize, u8, [[Vector; 2]; 4])> = Vec::new();
        for (i, source) in all.into_iter().enumerate() {
            let Some((side, vectors)) = source else {
                continue;
            };
            let same = |(_, s, v): &(usize, u8, [[Vector; 2]; 4])| {
                let used = [0, 1].into_iter().filter(|&way| side != 2 - way as u8);
                let mut parts = used.flat_map(|way| (0..4).map(move |i| (way, i)));
                *s == side && parts.all(|(way, i)| v[i][way] == vectors[i][way])
            };
            if !open.iter().any(same) {
                open.push((i, side, vectors));
            }
        }
        open
    }

    fn block(&mut self, x: usize, y: usize) {
        let block = y * self.columns / 2 + x;
        let ways = if self.bits.between { 2 } else { 1 };
        let part = |i: usize, columns: usize| (2 * y + i / 2) * columns + 2 * x + i % 2;
        let n = self.count(x, y, |b| self.merged[b]);
        self.merged[block] = self.bits.bit("merged", n, 0) == 1;
        if self.merged[block] {
            let open = self.sources(x, y);
            let last = open.len() - 1;
            let mut named = open[..last].iter();
            let found = named.position(|(i, ..)| self.bits.bit("source", *i, 0) == 1);
            let (_, side, vectors) = open[found.unwrap_or(last)];
            self.motion.sides[block] = side;
            for way in 0..ways {
                self.off[way][2 * x..2 * x + 2].fill(0);
                let median = self.median(way, 2 * x, 2 * y, true);
                for (i, vectors) in vectors.iter().enumerate() {
                    let used = self.uses(block, way);
                    let to = part(i, self.columns);
                    self.motion.vectors[way][to] = if used { vectors[way] } else { median };
                }
            }
            return;
        }
        if self.bits.between {
            let n = self.count(x, y, |b| self.motion.sides[b] == 0);
            let after = self.count(x, y, |b| self.motion.sides[b] == 2);
            self.motion.sides[block] = match self.bits.bit("both", n, 0) {
                1 => 0,
                _ => 1 + self.bits.bit("after", after, 0) as u8,
            };
        }
        for way in 0..ways {
            if !self.uses(block, way) {
                self.off[way][2 * x..2 * x + 2].fill(0);
                let median = self.median(way, 2 * x, 2 * y, true);
                (0..4).for_each(|i| self.motion.vectors[way][part(i, self.columns)] = median);
                continue;
            }
            let n = self.count(x, y, |b| self.divided[way][b]);
            let divided = self.bits.bit("divided", n, 0) == 1;
            self.divided[way][block] = divided;
            for i in 0..if divided { 4 } else { 1 } {
                let (vector, off) = self.vector(way, 2 * x + i % 2, 2 * y + i / 2, !divided);
                for to in if divided { i..i + 1 } else { 0..4 } {
                    self.motion.vectors[way][part(to, self.columns)] = vector;
                    self.off[way][2 * x + to % 2] = off;
                }
            }
        }
    }

    fn vector(&mut self, way: usize, x: usize, y: usize, whole: bool) -> (Vector, i64) {
        let mut from = self.median(way, x, y, whole);
        let place = y * self.columns + x;
        if let Some(expected) = self.expected.map(|expected| expected[place][way])
            && expected != from
            && self.bits.bit("carried", whole.into(), 0) == 1
        {
            from = expected;
        }
        let left = if x > 0 { self.off[way][x - 1] } else { 0 };
        let d = left + self.off[way][x];
        let b = (0..).find(|b| d >> b == 0).unwrap_or(0);
        let k = 3.min((b + 1) / 2) as usize;
        let mut off = [0; 2];
        if self.bits.bit("off", k, 0) == 1 {
            let x = self.bits.bit("off_x", k, 0) == 1;
            let y = !x || self.bits.bit("off_y", k, 0) == 1;
            for (i, is) in [x, y].into_iter().enumerate() {
                if !is {
                    continue;
                }
                let s = self.bits.even();
                let mut j = 0;
                while j < 13 && self.bits.bit("longer", k, j) == 1 {
                    j += 1;
                }
                let mut a = 1;
                for time in 0..j {
                    let below = |bits: &mut Bits| bits.bit("below", j, 0);
                    let b = if time == 0 {
                        below(&mut self.bits)
                    } else {
                        self.bits.even()
                    };
                    a = 2 * a + b as i64;
                }
                off[i] = if s == 1 { -a } else { a };
            }
        }
        let vector = [0, 1].map(|c| (from[c] + off[c]).clamp(-8191, 8191));
        (vector, off[0].abs() + off[1].abs())
    }
}

/// Decodes a stream of a frame of so many blocks.
pub fn motion(
    stream: &[u8],
    [columns, rows]: [usize; 2],
    between: bool,
    expected: Option<&[[Vector; 2]]>,
) -> Motion {
    let blocks = columns * rows;
    let zeros = || vec![[0; 2]; 4 * blocks];
    let mut frame = Frame {
        bits: Bits {
            decoder: BitDecoder::new(stream),
            between,
            chances: HashMap::new(),
        },
        columns: 2 * columns,
        motion: Motion {
            sides: vec![if between { 0 } else { 1 }; blocks],
            vectors: [zeros(), zeros()],
        },
        expected,
        merged: vec![false; blocks],
        divided: [vec![false; blocks], vec![false; blocks]],
        off: [vec![0; 2 * columns], vec![0; 2 * columns]],
    };
    for (x, y) in (0..rows).flat_map(|y| (0..columns).map(move |x| (x, y))) {
        frame.block(x, y);
    }
    frame.bits.decoder.finish().unwrap();
    frame.motion
}
