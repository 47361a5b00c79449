//! Luma of frames, for an encoder that looks for motion. A decoder is not concerned.

use rayon::prelude::*;

use super::motion::UNITS;

/// A rectangle: left, top, right, bottom.
pub(super) type Rectangle = [i32; 4];

/// Pixels around a plane that go on as its edge does, so that most of what is looked at
/// lies inside.
const PAD: i32 = 24;

/// How many times smaller the planes of the first search are.
pub(super) const COARSE: usize = 4;

/// Luma of a picture, 10 bits.
#[derive(Debug, Clone)]
pub(super) struct Luma {
    samples: Vec<i16>,
    pub w: i32,
    pub h: i32,
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

    pub fn at(&self, x: i32, y: i32) -> i32 {
        let (x, y) = (x.clamp(0, self.w - 1), y.clamp(0, self.h - 1));
        self.samples[(y * self.w + x) as usize].into()
    }

    /// Samples of a row that lies in the picture.
    fn row(&self, left: i32, right: i32, y: i32) -> &[i16] {
        &self.samples[(y * self.w + left) as usize..(y * self.w + right) as usize]
    }

    /// Means of squares.
    pub fn smaller(&self) -> Self {
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
    pub fn differs(&self, other: &Self, area: Rectangle, by: [i32; 2], enough: i32) -> i32 {
        let [left, top, right, bottom] = area;
        let (x, y) = (left + by[0], top + by[1]);
        let inside = x >= 0 && y >= 0 && right + by[0] <= other.w && bottom + by[1] <= other.h;
        let mut sum = 0;
        for row in top..bottom {
            let from = self.row(left, right, row);
            if inside {
                sum += difference(from, other.row(x, right + by[0], row + by[1]));
            } else {
                let pairs = (x..).zip(from);
                sum += pairs
                    .map(|(x, &a)| (i32::from(a) - other.at(x, row + by[1])).abs())
                    .sum::<i32>();
            }
            if sum >= enough {
                return sum;
            }
        }
        sum
    }

    /// A square that begins at (x, y) with some of what is around it, as far as the
    /// picture goes; empty beyond it.
    pub fn square(&self, x: i32, y: i32, side: i32, around: i32) -> Rectangle {
        let right = (x + side + around).min(self.w);
        let bottom = (y + side + around).min(self.h);
        [
            (x - around).max(0).min(right),
            (y - around).max(0).min(bottom),
            right,
            bottom,
        ]
    }

    /// How much a rectangle differs from its own mean.
    pub fn flatness(&self, area: Rectangle) -> i32 {
        let [left, top, right, bottom] = area;
        let places = || (top..bottom).flat_map(move |y| (left..right).map(move |x| (x, y)));
        let count = ((right - left) * (bottom - top)).max(1);
        let mean = places().map(|(x, y)| self.at(x, y)).sum::<i32>() / count;
        places().map(|(x, y)| (self.at(x, y) - mean).abs()).sum()
    }

    /// Sum of absolute differences of a rectangle from samples of that size, row by row.
    pub fn differs_from(&self, area: Rectangle, other: &[i16]) -> i32 {
        let [left, top, right, bottom] = area;
        let rows = other.chunks_exact(((right - left) as usize).max(1));
        let pairs = (top..bottom).zip(rows);
        pairs
            .map(|(y, other)| difference(self.row(left, right, y), other))
            .sum()
    }

    /// The same from the means of two.
    pub fn differs_from_mean(&self, area: Rectangle, one: &[i16], other: &[i16]) -> i32 {
        let [left, top, right, bottom] = area;
        let width = ((right - left) as usize).max(1);
        let rows = one.chunks_exact(width).zip(other.chunks_exact(width));
        let mut sum = 0;
        for (y, (one, other)) in (top..bottom).zip(rows) {
            let both = one.iter().zip(other).map(|(a, b)| (a + b + 1) >> 1);
            let pairs = self.row(left, right, y).iter().zip(both);
            sum += pairs.map(|(&a, b)| i32::from((a - b).abs())).sum::<i32>();
        }
        sum
    }
}

fn difference(a: &[i16], b: &[i16]) -> i32 {
    let pairs = a.iter().zip(b);
    pairs.map(|(&a, &b)| i32::from((a - b).abs())).sum()
}

/// A frame in which others are looked for: its luma at whole and half pixels. What lies at
/// quarters is the mean of two of these, as in ITU-T H.264 (8.4.2.2.1); what a decoder
/// computes has a longer filter and differs by a level or so.
pub(super) struct Searched {
    pub luma: Luma,
    pub coarse: Luma,
    /// At whole pixels, at halves in x, in y, and in both, with [`PAD`] around.
    planes: [Vec<i16>; 4],
}

impl Searched {
    pub fn new(luma: Luma) -> Self {
        let (w, h) = (luma.w + 2 * PAD, luma.h + 2 * PAD);
        let whole: Vec<i16> = (0..h)
            .into_par_iter()
            .flat_map_iter(|y| {
                let luma = &luma;
                (0..w).map(move |x| luma.at(x - PAD, y - PAD) as i16)
            })
            .collect();
        let in_x = halves(&whole, w as usize, false);
        let in_y = halves(&whole, w as usize, true);
        let in_both = halves(&in_x, w as usize, true);
        Self {
            coarse: luma.smaller(),
            luma,
            planes: [whole, in_x, in_y, in_both],
        }
    }

    /// A rectangle displaced by `vector`, row by row.
    pub fn displaced(&self, area: Rectangle, vector: [i32; 2], out: &mut Vec<i16>) {
        out.clear();
        let [x, y] = vector;
        let [(from_x, to_x), (from_y, to_y)] = [x, y].map(|v| {
            let half = v.div_euclid(2);
            (half, half + v.rem_euclid(2))
        });
        // Of four halves around a place between those in both directions, the two that are
        // halves in one direction only.
        let (one, other) = if (from_x + from_y) % 2 == 0 && from_x != to_x && from_y != to_y {
            ([from_x, to_y], [to_x, from_y])
        } else {
            ([from_x, from_y], [to_x, to_y])
        };
        if one == other {
            for y in area[1]..area[3] {
                self.row(area, y, one, |row| out.extend_from_slice(row));
            }
        } else {
            for y in area[1]..area[3] {
                let start = out.len();
                self.row(area, y, one, |row| out.extend_from_slice(row));
                self.row(area, y, other, |row| {
                    for (to, &b) in out[start..].iter_mut().zip(row) {
                        *to = (*to + b + 1) >> 1;
                    }
                });
            }
        }
    }

    /// Gives a row of a rectangle, displaced by `halves` of a pixel.
    fn row(&self, area: Rectangle, y: i32, halves: [i32; 2], mut to: impl FnMut(&[i16])) {
        let [whole_x, whole_y] = halves.map(|v| v.div_euclid(2));
        let plane = &self.planes[(halves[0] & 1 | (halves[1] & 1) << 1) as usize];
        let (w, h) = (self.luma.w + 2 * PAD, self.luma.h + 2 * PAD);
        let y = (y + whole_y + PAD).clamp(0, h - 1);
        let (left, right) = (area[0] + whole_x + PAD, area[2] + whole_x + PAD);
        let row = &plane[(y * w) as usize..((y + 1) * w) as usize];
        if left >= 0 && right <= w {
            to(&row[left as usize..right as usize]);
        } else {
            let clamped = (left..right).map(|x| row[x.clamp(0, w - 1) as usize]);
            to(&clamped.collect::<Vec<_>>());
        }
    }
}

/// What lies half a pixel on in a plane of `w` samples in a row, to the right or down.
fn halves(plane: &[i16], w: usize, down: bool) -> Vec<i16> {
    // The half of ITU-T H.265 (8.5.3.3.3.1).
    const TAPS: [i32; 8] = [-1, 4, -11, 40, 40, -11, 4, -1];
    let h = plane.len() / w;
    let step = if down { w } else { 1 };
    let mut out = plane.to_vec();
    out.par_chunks_mut(w).enumerate().for_each(|(y, row)| {
        // Near the edges of what was padded nothing changes from pixel to pixel.
        let (rows, columns) = if down {
            (3..h - 4, 0..w)
        } else {
            (0..h, 3..w - 4)
        };
        if !rows.contains(&y) {
            return;
        }
        for x in columns {
            let from = &plane[y * w + x - 3 * step..];
            let taps = TAPS.iter().enumerate();
            let sum: i32 = taps.map(|(t, tap)| tap * i32::from(from[t * step])).sum();
            row[x] = ((sum + 32) >> 6) as i16;
        }
    });
    out
}

/// Vectors are in quarters, two of which are a half.
const _: () = assert!(UNITS == 4);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_displaced_is_the_picture_there() {
        let wave = |x: f64, y: f64| 500.0 + 300.0 * (x * 0.3).sin() * (y * 0.2).cos();
        let (w, h) = (64, 48);
        let samples = (0..w * h).map(|i| wave((i % w).into(), (i / w).into()) as i16);
        let samples = samples.collect();
        let searched = Searched::new(Luma { samples, w, h });
        let mut out = Vec::new();
        for (dx, dy) in (-5..6).flat_map(|dy| (-5..6).map(move |dx| (dx, dy))) {
            searched.displaced([16, 16, 40, 30], [dx, dy], &mut out);
            for (i, &found) in out.iter().enumerate() {
                let (x, y) = (16 + i % 24, 16 + i / 24);
                let there = wave(
                    x as f64 + f64::from(dx) / 4.0,
                    y as f64 + f64::from(dy) / 4.0,
                );
                // Quarters are means of what lies half a pixel apart, across both directions: at
                // most 300 * (0.3 + 0.2)² / 32 = 2.3 off; and what is rounded down or up, three
                // times by one at most, or by a half.
                assert!(
                    (f64::from(found) - there).abs() < 5.0,
                    "{dx} {dy}: {found} {there}"
                );
            }
        }
    }

    #[test]
    fn far_outside_the_edge_goes_on() {
        let luma = Luma {
            samples: (0..12).collect(),
            w: 4,
            h: 3,
        };
        let searched = Searched::new(luma);
        let mut out = Vec::new();
        searched.displaced([0, 0, 4, 3], [-8000, 8000], &mut out);
        assert_eq!(out, [8; 12]);
        searched.displaced([0, 0, 4, 3], [8191, -8191], &mut out);
        assert_eq!(out, [3; 12]);
    }
}
