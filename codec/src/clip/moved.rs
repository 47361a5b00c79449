//! The frame before, moved: what a predicted frame is compared with. All of it is
//! integer arithmetic, specified in BITSTREAM.md.
//!
//! Parts of blocks overlap (Orchard and Sullivan, *Overlapped block motion compensation*, IEEE
//! Trans. Image Processing 3, 1994): a pixel is a mix of what the four nearest parts
//! say, so no edge appears that the lapped transform would have to code.

use rayon::prelude::*;

use super::motion::{Motion, PART, UNITS};

/// Side of a cell between the centres of four parts of blocks.
const CELL: usize = PART as usize;
/// Samples that an interpolated one is made from, each way.
const TAPS: usize = 8;
/// Of them, those before the place itself.
const LEAD: i64 = 3;
/// At quarters of a pixel, times 64: the filter for luma of ITU-T H.265 (8.5.3.3.3.1). A
/// picture that moves by parts of a pixel is interpolated again in every frame, and a
/// shorter filter blurs it.
const FILTER: [[i32; TAPS]; UNITS as usize] = [
    [0, 0, 0, 64, 0, 0, 0, 0],
    [-1, 4, -10, 58, 17, -5, 1, 0],
    [-1, 4, -11, 40, 40, -11, 4, -1],
    [0, 1, -5, 17, 58, -10, 4, -1],
];
/// Bits of a filtered sample below the point: 6 each way.
const FRACTION: u32 = 12;
/// Bits of a weight of a part below the point: 4 each way.
const WEIGHT: u32 = 8;

/// `width * height * 3` samples of a picture, moved.
pub(crate) fn moved(samples: &[u16], width: u32, height: u32, motion: &Motion) -> Vec<u16> {
    let (w, h) = (width as usize, height as usize);
    let mut out = vec![0; samples.len()];
    // Bands of rows between the centres of parts: the first is half as high.
    let (head, rest) = out.split_at_mut((CELL / 2).min(h) * w * 3);
    let bands: Vec<&mut [u16]> = std::iter::once(head)
        .chain(rest.chunks_mut(CELL * w * 3))
        .collect();
    let picture = Picture { samples, w, h };
    bands
        .into_par_iter()
        .enumerate()
        .for_each(|(row, band)| picture.band(row, motion, band));
    out
}

/// The mix of two moved pictures of `width` pixels in a row: by part of a block,
/// `of_before` halves of the first, from the centre of a part to that of the next one
/// evenly.
pub(crate) fn mixed(
    before: &[u16],
    after: &[u16],
    width: u32,
    of_before: impl Fn(isize, isize) -> u32 + Sync,
) -> Vec<u16> {
    let row = width as usize * 3;
    let mut out = vec![0; before.len()];
    out.par_chunks_mut(row).enumerate().for_each(|(y, out)| {
        let from = y * row;
        let (before, after) = (&before[from..][..row], &after[from..][..row]);
        let (j, b) = ((y + CELL / 2) / CELL, (y + CELL / 2) % CELL);
        for x in 0..width as usize {
            let (i, a) = ((x + CELL / 2) / CELL, (x + CELL / 2) % CELL);
            let weights = weights(a, b);
            let around = [(-1, -1), (0, -1), (-1, 0), (0, 0)];
            let halves = around.map(|(dx, dy)| of_before(i as isize + dx, j as isize + dy));
            let pairs = weights.iter().zip(halves);
            let first: i64 = pairs.map(|(weight, half)| weight * i64::from(half)).sum();
            let second = (2 << WEIGHT) - first;
            for c in 3 * x..3 * x + 3 {
                let sum = first * i64::from(before[c]) + second * i64::from(after[c]);
                out[c] = ((sum + (1 << WEIGHT)) >> (WEIGHT + 1)) as u16;
            }
        }
    });
    out
}

struct Picture<'a> {
    samples: &'a [u16],
    w: usize,
    h: usize,
}

/// What some parts with one vector say of a cell.
struct Voice {
    vector: [i16; 2],
    /// Of the four parts around the cell, which.
    parts: [bool; 4],
}

impl Picture<'_> {
    /// The rows between the centres of rows of parts, `row - 1` and `row`.
    fn band(&self, row: usize, motion: &Motion, band: &mut [u16]) {
        let half = CELL / 2;
        let top = (row * CELL).saturating_sub(half);
        let rows = band.len() / (self.w * 3);
        // Where in the cell the band begins.
        let skip_y = top + half - row * CELL;
        let mut scratch = Scratch::default();
        for column in 0..=self.w.div_ceil(CELL) {
            let left = (column * CELL).saturating_sub(half);
            let right = (column * CELL + half).min(self.w);
            if left >= right {
                continue;
            }
            let skip_x = left + half - column * CELL;
            let (x, y) = (column as isize - 1, row as isize - 1);
            let four = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(dx, dy)| motion.at(x + dx, y + dy));
            let mut sums = [0i64; CELL * CELL * 3];
            let size = [right - left, rows];
            for voice in voices(four) {
                self.patch(&mut scratch, [left, top], size, voice.vector);
                for j in 0..rows {
                    for i in 0..size[0] {
                        let weight = weight(&voice.parts, i + skip_x, j + skip_y);
                        let at = (j * size[0] + i) * 3;
                        for c in 0..3 {
                            sums[at + c] += weight * i64::from(scratch.out[at + c]);
                        }
                    }
                }
            }
            for j in 0..rows {
                let to = &mut band[(j * self.w + left) * 3..][..size[0] * 3];
                for (to, &sum) in to.iter_mut().zip(&sums[j * size[0] * 3..]) {
                    let shift = FRACTION + WEIGHT;
                    let value = (sum + (1 << (shift - 1))) >> shift;
                    *to = value.clamp(0, i64::from(u16::MAX)) as u16;
                }
            }
        }
    }

    /// Interpolates `size` pixels at `at`, displaced by `vector`, into `scratch.out`,
    /// with [`FRACTION`] bits below the point. The edges of the picture go on for ever.
    fn patch(&self, scratch: &mut Scratch, at: [usize; 2], size: [usize; 2], vector: [i16; 2]) {
        let Scratch { columns, rows, out } = scratch;
        let [first, taps] = [0, 1]
            .map(|axis| {
                let v = i32::from(vector[axis]);
                let whole = v.div_euclid(UNITS);
                (
                    at[axis] as i64 + i64::from(whole) - LEAD,
                    v.rem_euclid(UNITS) as usize,
                )
            })
            .map(|(start, phase)| (start, FILTER[phase]));
        let clamp = |v: i64, side: usize| v.clamp(0, side as i64 - 1) as usize;
        columns.clear();
        columns.extend((0..size[0] + TAPS - 1).map(|i| clamp(first.0 + i as i64, self.w) * 3));
        rows.clear();
        for j in 0..size[1] + TAPS - 1 {
            let row = &self.samples[clamp(taps.0 + j as i64, self.h) * self.w * 3..][..self.w * 3];
            for places in columns.windows(TAPS) {
                for c in 0..3 {
                    let mut sum = 0;
                    for (place, tap) in places.iter().zip(first.1) {
                        sum += i32::from(row[place + c]) * tap;
                    }
                    rows.push(sum);
                }
            }
        }
        out.clear();
        let pitch = size[0] * 3;
        for j in 0..size[1] {
            for i in 0..pitch {
                let mut sum = 0;
                for (t, tap) in taps.1.iter().enumerate() {
                    sum += rows[(j + t) * pitch + i] * tap;
                }
                out.push(sum);
            }
        }
    }
}

#[derive(Default)]
struct Scratch {
    columns: Vec<usize>,
    rows: Vec<i32>,
    out: Vec<i32>,
}

/// The different vectors among four, and whose they are.
fn voices(four: [[i16; 2]; 4]) -> Vec<Voice> {
    let mut voices: Vec<Voice> = Vec::with_capacity(4);
    for (part, vector) in four.into_iter().enumerate() {
        match voices.iter_mut().find(|voice| voice.vector == vector) {
            Some(voice) => voice.parts[part] = true,
            None => {
                let mut parts = [false; 4];
                parts[part] = true;
                voices.push(Voice { vector, parts });
            }
        }
    }
    voices
}

/// The weights of some of four parts at a place of their cell, together; those of all
/// four are 2^[`WEIGHT`].
fn weight(parts: &[bool; 4], i: usize, j: usize) -> i64 {
    let all = weights(i, j);
    let counted = all.iter().zip(parts).filter(|(_, is)| **is);
    counted.map(|(weight, _)| weight).sum()
}

/// The weights of four parts at a place of their cell, by rows.
fn weights(i: usize, j: usize) -> [i64; 4] {
    let side = 2 * CELL as i64;
    let (x, y) = (2 * i as i64 + 1, 2 * j as i64 + 1);
    [
        (side - x) * (side - y),
        x * (side - y),
        (side - x) * y,
        x * y,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(w: usize, h: usize, at: impl Fn(f64, f64) -> f64) -> Vec<u16> {
        (0..w * h * 3)
            .map(|i| {
                let (x, y) = ((i / 3 % w) as f64, (i / 3 / w) as f64);
                (32_000.0 + 20_000.0 * at(x + (i % 3) as f64, y)) as u16
            })
            .collect()
    }

    fn wave(x: f64, y: f64) -> f64 {
        (x * 0.21).sin() * (y * 0.17).cos()
    }

    fn all(width: u32, height: u32, vector: [i16; 2]) -> Motion {
        let mut motion = Motion::still(width, height);
        for y in 0..motion.rows() {
            for x in 0..motion.columns() {
                motion.set_block(x, y, vector);
            }
        }
        motion
    }

    #[test]
    fn what_does_not_move_stays_to_the_bit() {
        for (w, h) in [(1, 1), (7, 5), (16, 16), (50, 37), (64, 8)] {
            let from = picture(w, h, wave);
            let still = Motion::still(w as u32, h as u32);
            assert_eq!(moved(&from, w as u32, h as u32, &still), from);
        }
    }

    #[test]
    fn a_shift_is_undone() {
        let (w, h) = (80, 64);
        for vector in [[4i16, 0], [0, -8], [2, 3], [-5, 1]] {
            let (dx, dy) = (f64::from(vector[0]) / 4.0, f64::from(vector[1]) / 4.0);
            let now = picture(w, h, |x, y| wave(x + dx, y + dy));
            let before = picture(w, h, wave);
            let found = moved(&before, w as u32, h as u32, &all(80, 64, vector));
            for y in 4..h - 4 {
                for x in 4..w - 4 {
                    let at = (y * w + x) * 3;
                    let off = i32::from(found[at]) - i32::from(now[at]);
                    // Taps of 6 bits err; 71 is the most on this wave.
                    assert!(off.abs() <= 80, "{vector:?} at {x} {y}: {off}");
                }
            }
        }
    }

    #[test]
    fn vectors_of_any_length_stay_inside() {
        let from = picture(33, 20, wave);
        for vector in [[8191i16, -8191], [-8191, 8191], [1, 8190]] {
            let found = moved(&from, 33, 20, &all(33, 20, vector));
            assert_eq!(found.len(), from.len());
        }
    }

    #[test]
    fn weights_add_up() {
        for j in 0..CELL {
            for i in 0..CELL {
                assert_eq!(weight(&[true; 4], i, j), 1 << WEIGHT);
            }
        }
    }
}
