//! Filters as BITSTREAM.md words them, line by line, with nothing of this module.

use crate::plane::by_the_spec::Bits;

const DX: [i64; 12] = [1, 2, 3, -2, -1, 0, 1, 2, -1, 0, 1, 0];
const DY: [i64; 12] = [0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 3];

/// Filters, and which of them each class has.
#[derive(Debug, Default)]
pub struct Bank {
    filters: Vec<[i64; 12]>,
    of: [i64; 24],
}

fn number(bits: &mut Bits<'_>, n: i64) -> Option<i64> {
    (0..n).try_fold(0, |number, _| Some(2 * number + bits.even()?))
}

fn bank(bits: &mut Bits<'_>, name: i64) -> Option<Bank> {
    let count = number(bits, 5).filter(|&n| n <= 24)?;
    let mut bank = Bank::default();
    if count == 0 {
        return Some(bank);
    }
    let width = (1..).find(|&width| count < 1 << width)?;
    for k in 0..24 {
        let guess = match k {
            0 => 0,
            1 | 2 => bank.of[k - 1],
            _ => bank.of[k - 3],
        };
        bank.of[k] = if bits.bit("other", [name])? == 1 {
            number(bits, width).filter(|&of| of <= count)?
        } else {
            guess
        };
    }
    for _ in 0..count {
        let mut c = [0i64; 12];
        for i in 0..12 {
            let t = DX[i].abs() + DY[i].abs();
            if bits.bit("weight", [name, t])? == 0 {
                continue;
            }
            let minus = bits.even()?;
            let mut l = 0;
            while l < 7 && bits.bit("longer", [name, t, l])? == 1 {
                l += 1;
            }
            let size = (1 << l) + number(bits, l)?;
            if size > 127 {
                return None;
            }
            c[i] = if minus == 1 { -size } else { size };
        }
        if c.iter().map(|c| c.abs()).sum::<i64>() > 512 {
            return None;
        }
        bank.filters.push(c);
    }
    Some(bank)
}

/// The banks of a piece; `None` if it is not valid.
pub fn banks(bytes: &[u8], is_rgb: bool) -> Option<[Bank; 2]> {
    let mut bits = Bits::new(bytes);
    let luma = bank(&mut bits, 0)?;
    let chroma = match is_rgb {
        true => bank(&mut bits, 1)?,
        false => Bank::default(),
    };
    bits.ends_here().then_some([luma, chroma])
}

/// Where a filter looks, given where its text says.
type Seen = fn(i64, i64) -> (i64, i64);

/// A picture of 16-bit samples.
pub struct Picture<'a> {
    pub samples: &'a [u16],
    pub width: i64,
    pub height: i64,
    pub is_rgb: bool,
}

impl Picture<'_> {
    fn rgb(&self, x: i64, y: i64) -> [i64; 3] {
        let (x, y) = (x.clamp(0, self.width - 1), y.clamp(0, self.height - 1));
        let pixel = (y * self.width + x) as usize;
        if self.is_rgb {
            [0, 1, 2].map(|c| i64::from(self.samples[3 * pixel + c]))
        } else {
            [i64::from(self.samples[pixel]); 3]
        }
    }

    fn plane(&self, plane: usize, x: i64, y: i64) -> i64 {
        let [r, g, b] = self.rgb(x, y).map(|v| v / 16);
        match plane {
            0 => r + g + b,
            1 => 2 * (r - b),
            _ => r - 2 * g + b,
        }
    }

    /// The class of the block at (`x`, `y`), and where its filters look.
    fn class(&self, x: i64, y: i64) -> (usize, Seen) {
        let s = |x, y| self.plane(0, x, y);
        let (mut h, mut v, mut f, mut r) = (0i64, 0i64, 0i64, 0i64);
        for y in y - 1..=y + 4 {
            for x in x - 1..=x + 4 {
                h += (2 * s(x, y) - s(x - 1, y) - s(x + 1, y)).abs();
                v += (2 * s(x, y) - s(x, y - 1) - s(x, y + 1)).abs();
                f += (2 * s(x, y) - s(x - 1, y - 1) - s(x + 1, y + 1)).abs();
                r += (2 * s(x, y) - s(x + 1, y - 1) - s(x - 1, y + 1)).abs();
            }
        }
        let a = (((h + v + 432) / 864).max(1).ilog2() as usize).min(7);
        let [h, v, f, r] = [h + 432, v + 432, f + 432, r + 432];
        let is_straight = h.max(v) * f.min(r) >= f.max(r) * h.min(v);
        let (p, q) = match is_straight {
            true => (h.max(v), h.min(v)),
            false => (f.max(r), f.min(r)),
        };
        if 5 * p <= 7 * q {
            (3 * a, |dx, dy| (dx, dy))
        } else if is_straight && p == h {
            (3 * a + 1, |dx, dy| (dx, dy))
        } else if is_straight {
            (3 * a + 1, |dx, dy| (dy, dx))
        } else if p == f {
            (3 * a + 2, |dx, dy| (dx, dy))
        } else {
            (3 * a + 2, |dx, dy| (-dx, dy))
        }
    }

    /// The filtered samples, with 16 bits.
    pub fn filtered(&self, [luma, chroma]: &[Bank; 2]) -> Vec<u16> {
        let mut out = Vec::new();
        for y in 0..self.height {
            for x in 0..self.width {
                let (class, seen) = self.class(x / 4 * 4, y / 4 * 4);
                let sum = |plane: usize| {
                    let bank = if plane == 0 { luma } else { chroma };
                    let Some(number) = (bank.of[class] as usize).checked_sub(1) else {
                        return 0;
                    };
                    let pairs = (0..12).map(|i| {
                        let (dx, dy) = seen(DX[i], DY[i]);
                        let pair = self.plane(plane, x + dx, y + dy)
                            + self.plane(plane, x - dx, y - dy)
                            - 2 * self.plane(plane, x, y);
                        bank.filters[number][i] * pair
                    });
                    pairs.sum::<i64>()
                };
                let (s, d, e) = (sum(0), sum(1), (43 * sum(2)).div_euclid(64));
                let more = [s + d + e, s - 2 * e, s - d + e];
                let count = if self.is_rgb { 3 } else { 1 };
                for (v, more) in self.rgb(x, y).into_iter().zip(more).take(count) {
                    let v = v + (more + 16).div_euclid(32);
                    out.push(v.clamp(0, 65_535) as u16);
                }
            }
        }
        out
    }
}
