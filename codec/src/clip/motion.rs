//! Where the parts of a frame came from: a vector for each block of 16x16 pixels, or one
//! for each of its four parts of 8x8.

/// Side of a block, in pixels.
pub const BLOCK: u32 = 16;

/// Side of a part of a block, in pixels.
pub const PART: u32 = BLOCK / 2;

/// Vectors are in quarters of a pixel.
pub const UNITS: i32 = 4;

/// The longest component of a vector, in quarters of a pixel: 2,047 pixels.
pub const LONGEST: i32 = 8191;

/// Vectors for each part of a frame, (x, y) in quarters of a pixel: the part was at its
/// own place plus the vector in the frame before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Motion {
    columns: usize,
    rows: usize,
    /// By rows of parts; two by two they are those of a block.
    vectors: Vec<[i16; 2]>,
}

impl Motion {
    /// Nothing moves in a frame of `width` by `height` pixels.
    pub fn still(width: u32, height: u32) -> Self {
        let [columns, rows] = [width, height].map(|side| side.div_ceil(BLOCK) as usize);
        Self {
            columns,
            rows,
            vectors: vec![[0; 2]; 4 * columns * rows],
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

    /// The vector of a part; outside of the frame that of the nearest one.
    pub fn at(&self, x: isize, y: isize) -> [i16; 2] {
        let x = x.clamp(0, 2 * self.columns as isize - 1) as usize;
        let y = y.clamp(0, 2 * self.rows as isize - 1) as usize;
        self.vectors[2 * y * self.columns + x]
    }

    /// Sets the vector of a part, which has to be there.
    pub(super) fn set(&mut self, x: usize, y: usize, vector: [i16; 2]) {
        self.vectors[2 * y * self.columns + x] = vector;
    }

    /// Sets the vectors of all parts of a block, which has to be there.
    pub(super) fn set_block(&mut self, x: usize, y: usize, vector: [i16; 2]) {
        for (x, y) in parts(x, y) {
            self.set(x, y, vector);
        }
    }

    /// Sets the vectors of a block's parts, by rows.
    pub(super) fn set_parts(&mut self, x: usize, y: usize, vectors: [[i16; 2]; 4]) {
        for ((x, y), vector) in parts(x, y).into_iter().zip(vectors) {
            self.set(x, y, vector);
        }
    }

    /// Gives a block that has no vectors of its own what is expected of it.
    pub(super) fn pass(&mut self, x: usize, y: usize) {
        let expected = self.expected(parts(x, y)[0], true);
        self.set_block(x, y, expected);
    }

    /// The vectors of a block's parts, by rows; outside of the frame those of the nearest
    /// block.
    pub fn block(&self, x: isize, y: isize) -> [[i16; 2]; 4] {
        let x = x.clamp(0, self.columns as isize - 1) as usize;
        let y = y.clamp(0, self.rows as isize - 1) as usize;
        parts(x, y).map(|(x, y)| self.vectors[2 * y * self.columns + x])
    }

    /// The vector that stands for a whole block: the mean of those of its parts, rounded
    /// to the nearest, halves upwards.
    pub fn mean(&self, x: isize, y: isize) -> [i16; 2] {
        let four = self.block(x, y);
        [0, 1].map(|i| {
            let sum: i32 = four.iter().map(|vector| i32::from(vector[i])).sum();
            (sum + 2).div_euclid(4) as i16
        })
    }

    /// The furthest that a component of the vector of one of a block's parts is from
    /// their mean.
    pub fn spread(&self, x: isize, y: isize) -> i32 {
        let mean = self.mean(x, y);
        let off = |i: usize, vector: [i16; 2]| (i32::from(vector[i]) - i32::from(mean[i])).abs();
        let four = self.block(x, y).into_iter();
        four.map(|vector| off(0, vector).max(off(1, vector)))
            .fold(0, i32::max)
    }

    /// Whether neither a block nor any of the eight around it moves: then the frame
    /// before is what it is made from, untouched.
    pub fn is_still_at(&self, x: isize, y: isize) -> bool {
        (-1..=1).all(|dy| (-1..=1).all(|dx| self.block(x + dx, y + dy) == [[0; 2]; 4]))
    }

    /// What is expected of a vector whose part is `place`, or of those of a whole block
    /// whose first part that is: the median of those to the left, above, and above to
    /// the right, or, in a block's last part, above to the left; only the left one in the
    /// first row. Outside of the frame vectors are zero.
    pub(super) fn expected(&self, (x, y): (usize, usize), whole: bool) -> [i16; 2] {
        let pitch = 2 * self.columns;
        let left = if x > 0 {
            self.vectors[y * pitch + x - 1]
        } else {
            [0; 2]
        };
        let Some(above) = y.checked_sub(1).map(|y| y * pitch) else {
            return left;
        };
        let beside = match (whole, x % 2, y % 2) {
            // What is above to its right comes later.
            (false, 1, 1) => x - 1,
            (false, ..) => x + 1,
            (true, ..) => x + 2,
        };
        let beside = if beside < pitch {
            self.vectors[above + beside]
        } else {
            [0; 2]
        };
        let above = self.vectors[above + x];
        [0, 1].map(|i| median(left[i], above[i], beside[i]))
    }
}

/// Blocks by rows.
pub(super) fn places(columns: usize, rows: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..rows).flat_map(move |y| (0..columns).map(move |x| (x, y)))
}

/// The parts of a block, by rows.
pub(super) fn parts(x: usize, y: usize) -> [(usize, usize); 4] {
    let (x, y) = (2 * x, 2 * y);
    [(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)]
}

fn median(a: i16, b: i16, c: i16) -> i16 {
    a.max(b).min(a.min(b).max(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_stands_for_its_parts() {
        let mut motion = Motion::still(32, 16);
        motion.set_block(1, 0, [8, -3]);
        motion.set(2, 1, [9, -7]);
        motion.set(3, 1, [8, -4]);
        assert_eq!(motion.mean(1, 0), [8, -4]);
        assert_eq!((motion.mean(7, -2), motion.spread(1, 0)), ([8, -4], 3));
        assert_eq!((motion.mean(0, 0), motion.spread(0, 0)), ([0, 0], 0));
    }

    #[test]
    fn only_what_lies_far_from_motion_is_still() {
        let mut motion = Motion::still(160, 160);
        motion.set(11, 10, [1, 0]);
        let moving = |x: isize, y: isize| (4..=6).contains(&x) && (4..=6).contains(&y);
        for y in 0..10 {
            for x in 0..10 {
                assert_eq!(motion.is_still_at(x, y), !moving(x, y), "{x} {y}");
            }
        }
    }
}
