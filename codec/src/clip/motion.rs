//! Where the parts of a frame came from: a vector for each block of 16x16 pixels.

use lic_entropy::{Coder, Decoder, Encoder, gaussian};

use crate::geometry::Area;

/// Side of a block, in pixels.
pub const BLOCK: u32 = 16;

/// Vectors are in quarters of a pixel.
pub const UNITS: i32 = 4;

/// The longest component of a vector, in quarters of a pixel: 2,047 pixels.
pub const LONGEST: i32 = 8191;

/// A vector for each block of a frame, (x, y) in quarters of a pixel: the block was at
/// its own place plus the vector in the frame before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Motion {
    columns: usize,
    rows: usize,
    vectors: Vec<[i16; 2]>,
}

impl Motion {
    /// Nothing moves in a frame of `width` by `height` pixels.
    pub fn still(width: u32, height: u32) -> Self {
        let [columns, rows] = [width, height].map(|side| side.div_ceil(BLOCK) as usize);
        Self {
            columns,
            rows,
            vectors: vec![[0; 2]; columns * rows],
        }
    }

    /// Blocks in a row.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Rows of blocks.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Whether nothing moves at all.
    pub fn is_still(&self) -> bool {
        self.vectors.iter().all(|vector| *vector == [0; 2])
    }

    /// The vector of a block; outside of the frame that of the nearest one.
    pub fn at(&self, x: isize, y: isize) -> [i16; 2] {
        let x = x.clamp(0, self.columns as isize - 1) as usize;
        let y = y.clamp(0, self.rows as isize - 1) as usize;
        self.vectors[y * self.columns + x]
    }

    /// Sets the vector of a block, which has to be there.
    pub(super) fn set(&mut self, x: usize, y: usize, vector: [i16; 2]) {
        self.vectors[y * self.columns + x] = vector;
    }

    /// Nothing moves in an area of pixels that begins at a block.
    pub(super) fn stop(&mut self, area: &Area) {
        let blocks = area.in_units(BLOCK);
        for y in blocks.y..blocks.bottom() {
            for x in blocks.x..blocks.right() {
                self.set(x as usize, y as usize, [0; 2]);
            }
        }
    }

    /// Whether neither a block nor any of the eight around it moves: then the frame
    /// before is what it is made from, untouched.
    pub fn is_still_at(&self, x: isize, y: isize) -> bool {
        (-1..=1).all(|dy| (-1..=1).all(|dx| self.at(x + dx, y + dy) == [0; 2]))
    }

    /// What is expected of a block's vector: the median of those to the left, above
    /// and above to the right; only the left one in the first row. Outside of the
    /// frame vectors are zero.
    pub(super) fn expected(&self, x: usize, y: usize) -> [i16; 2] {
        let left = if x > 0 {
            self.vectors[y * self.columns + x - 1]
        } else {
            [0; 2]
        };
        let Some(above) = y.checked_sub(1).map(|y| y * self.columns) else {
            return left;
        };
        let right = if x + 1 < self.columns {
            self.vectors[above + x + 1]
        } else {
            [0; 2]
        };
        let above = self.vectors[above + x];
        [0, 1].map(|i| median(left[i], above[i], right[i]))
    }

    /// The stream: no bytes if nothing moves.
    pub(super) fn encode(&self, coder: Coder) -> Result<Vec<u8>, lic_entropy::EncodeError> {
        if self.is_still() {
            return Ok(Vec::new());
        }
        let mut encoder = Encoder::new(coder);
        let mut differences = Differences::new(self.columns);
        for y in 0..self.rows {
            for x in 0..self.columns {
                let expected = self.expected(x, y);
                let vector = self.vectors[y * self.columns + x];
                let index = differences.table(x);
                let symbols = [0, 1].map(|i| i32::from(vector[i]) - i32::from(expected[i]));
                encoder.encode(gaussian(), &[index; 2], &symbols)?;
                differences.set(x, symbols);
            }
        }
        Ok(encoder.finish())
    }

    /// Reads a stream of a frame of `width` by `height` pixels.
    pub(super) fn decode(
        coder: Coder,
        stream: &[u8],
        width: u32,
        height: u32,
    ) -> Result<Self, String> {
        let mut motion = Self::still(width, height);
        if stream.is_empty() {
            return Ok(motion);
        }
        let words = |error: lic_entropy::DecodeError| error.to_string();
        let mut decoder = Decoder::new(coder, stream).map_err(words)?;
        let mut differences = Differences::new(motion.columns);
        let mut symbols = Vec::with_capacity(2);
        for y in 0..motion.rows {
            for x in 0..motion.columns {
                let expected = motion.expected(x, y);
                let index = differences.table(x);
                symbols.clear();
                decoder
                    .decode(gaussian(), &[index; 2], &mut symbols)
                    .map_err(words)?;
                let mut vector = [0; 2];
                for (i, to) in vector.iter_mut().enumerate() {
                    let value = i64::from(expected[i]) + i64::from(symbols[i]);
                    if value.abs() > i64::from(LONGEST) {
                        return Err(format!("a vector of {value}, the limit is {LONGEST}"));
                    }
                    *to = value as i16;
                }
                differences.set(x, [symbols[0], symbols[1]]);
                motion.set(x, y, vector);
            }
        }
        decoder.finish().map_err(words)?;
        Ok(motion)
    }
}

fn median(a: i16, b: i16, c: i16) -> i16 {
    a.max(b).min(a.min(b).max(c))
}

/// How far vectors were from what was expected: to the left of a block, and above it.
struct Differences {
    sizes: Vec<u32>,
}

impl Differences {
    fn new(columns: usize) -> Self {
        Self {
            sizes: vec![0; columns],
        }
    }

    /// The table of a block's vector: the number of binary digits of what its
    /// neighbours were off, in steps of a factor of two of the scale.
    fn table(&self, x: usize) -> u16 {
        let left = x.checked_sub(1).map_or(0, |left| self.sizes[left]);
        let digits = 32 - (left.saturating_add(self.sizes[x])).leading_zeros();
        (7 + 6 * digits).min(63) as u16
    }

    fn set(&mut self, x: usize, symbols: [i32; 2]) {
        let [a, b] = symbols.map(i32::unsigned_abs);
        self.sizes[x] = a.saturating_add(b).min(1 << 20);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn motion_comes_back_and_stillness_costs_nothing() {
        for coder in Coder::ALL {
            let mut motion = Motion::still(200, 90);
            assert!(motion.encode(coder).unwrap().is_empty());
            assert_eq!((motion.columns(), motion.rows()), (13, 6));
            for y in 0..6 {
                for x in 0..13 {
                    let n = (x * 7 + y * 31) as i16;
                    motion.set(x, y, [n % 9 - 4, if n % 5 == 0 { 8191 } else { -n }]);
                }
            }
            let stream = motion.encode(coder).unwrap();
            let back = Motion::decode(coder, &stream, 200, 90).unwrap();
            assert_eq!(back, motion);
            assert!(Motion::decode(coder, &stream[..stream.len() - 1], 200, 90).is_err());
        }
    }

    #[test]
    fn only_what_lies_far_from_motion_is_still() {
        let mut motion = Motion::still(160, 160);
        motion.set(5, 5, [1, 0]);
        let moving = |x: isize, y: isize| (4..=6).contains(&x) && (4..=6).contains(&y);
        for y in 0..10 {
            for x in 0..10 {
                assert_eq!(motion.is_still_at(x, y), !moving(x, y), "{x} {y}");
            }
        }
    }
}
