//! Where the parts of a frame came from: a vector for each block of 16x16 pixels, or one
//! for each of its four parts of 8x8.

use std::sync::LazyLock;

use lic_entropy::{Coder, Decoder, Encoder, TableSpec, Tables, gaussian};

use crate::geometry::Area;

/// Side of a block, in pixels.
pub const BLOCK: u32 = 16;

/// Side of a part of a block, in pixels.
pub const PART: u32 = BLOCK / 2;

/// Vectors are in quarters of a pixel.
pub const UNITS: i32 = 4;

/// The longest component of a vector, in quarters of a pixel: 2,047 pixels.
pub const LONGEST: i32 = 8191;

/// The table of whether a block is in parts, by how many of the blocks to its left and
/// above are: the mass of 0 out of 65,536.
const WHOLE: [u32; 3] = [53_248, 36_864, 20_480];

/// Those tables; all but 0 and 1 is an error.
static DIVISIONS: LazyLock<Tables> = LazyLock::new(|| {
    let spec = |&whole: &u32| TableSpec {
        min: 0,
        freqs: vec![whole, (1 << 16) - 1 - whole, 1],
    };
    let tables = Tables::new(WHOLE.iter().map(spec).collect());
    tables.expect("the masses of each add up to 65,536")
});

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

    /// Nothing moves in an area of pixels that begins at a block.
    pub(super) fn stop(&mut self, area: &Area) {
        let blocks = area.in_units(BLOCK);
        for y in blocks.y..blocks.bottom() {
            for x in blocks.x..blocks.right() {
                self.set_block(x as usize, y as usize, [0; 2]);
            }
        }
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

    /// The stream: no bytes if nothing moves.
    pub(super) fn encode(&self, coder: Coder) -> Result<Vec<u8>, lic_entropy::EncodeError> {
        if self.is_still() {
            return Ok(Vec::new());
        }
        let mut seen = Seen::new(self.columns);
        write_blocks(coder, [self.columns, self.rows], |x, y, encoder| {
            self.put(x, y, &mut seen, encoder)
        })
    }

    /// Codes the vectors of a block.
    pub(super) fn put(
        &self,
        x: usize,
        y: usize,
        seen: &mut Seen,
        encoder: &mut Encoder,
    ) -> Result<(), lic_entropy::EncodeError> {
        let four = self.block(x as isize, y as isize);
        let divided = four != [four[0]; 4];
        encoder.encode(&DIVISIONS, &[seen.division(x)], &[divided.into()])?;
        seen.divided(x, divided);
        for (x, y) in parts(x, y).into_iter().take(if divided { 4 } else { 1 }) {
            let expected = self.expected((x, y), !divided);
            let vector = self.vectors[2 * y * self.columns + x];
            let index = seen.table(x);
            let symbols = [0, 1].map(|i| i32::from(vector[i]) - i32::from(expected[i]));
            encoder.encode(gaussian(), &[index; 2], &symbols)?;
            seen.off(x, symbols, !divided);
        }
        Ok(())
    }

    /// Reads a stream of a frame of `width` by `height` pixels.
    pub(super) fn decode(
        coder: Coder,
        stream: &[u8],
        width: u32,
        height: u32,
    ) -> Result<Self, String> {
        let mut motion = Self::still(width, height);
        let mut seen = Seen::new(motion.columns);
        read_blocks(
            coder,
            stream,
            [motion.columns, motion.rows],
            |x, y, from| motion.get(x, y, &mut seen, from),
        )?;
        Ok(motion)
    }

    /// Decodes the vectors of a block.
    pub(super) fn get(
        &mut self,
        x: usize,
        y: usize,
        seen: &mut Seen,
        decoder: &mut Decoder,
    ) -> Result<(), String> {
        let mut symbols = Vec::with_capacity(2);
        let table = [seen.division(x)];
        decoder
            .decode(&DIVISIONS, &table, &mut symbols)
            .map_err(words)?;
        let divided = match symbols[0] {
            0 => false,
            1 => true,
            other => return Err(format!("a block divided {other} times, the limit is 1")),
        };
        seen.divided(x, divided);
        for place in parts(x, y).into_iter().take(if divided { 4 } else { 1 }) {
            symbols.clear();
            let index = seen.table(place.0);
            decoder
                .decode(gaussian(), &[index; 2], &mut symbols)
                .map_err(words)?;
            let vector = added(self.expected(place, !divided), &symbols)?;
            seen.off(place.0, [symbols[0], symbols[1]], !divided);
            if divided {
                self.set(place.0, place.1, vector);
            } else {
                self.set_block(x, y, vector);
            }
        }
        Ok(())
    }

    /// Gives a block that has no vectors of its own what is expected of it.
    pub(super) fn pass(&mut self, x: usize, y: usize) {
        let expected = self.expected(parts(x, y)[0], true);
        self.set_block(x, y, expected);
    }
}

/// A stream to which `put` adds each block.
pub(super) fn write_blocks(
    coder: Coder,
    [columns, rows]: [usize; 2],
    mut put: impl FnMut(usize, usize, &mut Encoder) -> Result<(), lic_entropy::EncodeError>,
) -> Result<Vec<u8>, lic_entropy::EncodeError> {
    let mut encoder = Encoder::new(coder);
    for (x, y) in places(columns, rows) {
        put(x, y, &mut encoder)?;
    }
    Ok(encoder.finish())
}

/// Reads such a stream to its end; one without bytes says nothing of any block.
pub(super) fn read_blocks(
    coder: Coder,
    stream: &[u8],
    [columns, rows]: [usize; 2],
    mut get: impl FnMut(usize, usize, &mut Decoder) -> Result<(), String>,
) -> Result<(), String> {
    if stream.is_empty() {
        return Ok(());
    }
    let mut decoder = Decoder::new(coder, stream).map_err(words)?;
    for (x, y) in places(columns, rows) {
        get(x, y, &mut decoder)?;
    }
    decoder.finish().map_err(words)
}

pub(super) fn words(error: lic_entropy::DecodeError) -> String {
    error.to_string()
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

fn added(expected: [i16; 2], symbols: &[i32]) -> Result<[i16; 2], String> {
    let mut vector = [0; 2];
    for (to, (expected, symbol)) in vector.iter_mut().zip(expected.iter().zip(symbols)) {
        let value = i64::from(*expected) + i64::from(*symbol);
        if value.abs() > i64::from(LONGEST) {
            return Err(format!("a vector of {value}, the limit is {LONGEST}"));
        }
        *to = value as i16;
    }
    Ok(vector)
}

fn median(a: i16, b: i16, c: i16) -> i16 {
    a.max(b).min(a.min(b).max(c))
}

/// What was seen of the blocks to the left and above.
pub(super) struct Seen {
    /// By column of parts, how far the last vector was from what was expected.
    sizes: Vec<u32>,
    /// By column of blocks, whether the last one was in parts.
    divided: Vec<bool>,
}

impl Seen {
    pub fn new(columns: usize) -> Self {
        Self {
            sizes: vec![0; 2 * columns],
            divided: vec![false; columns],
        }
    }

    /// The table of whether a block is in parts.
    fn division(&self, x: usize) -> u16 {
        let left = x.checked_sub(1).is_some_and(|left| self.divided[left]);
        u16::from(left) + u16::from(self.divided[x])
    }

    /// A block that has no vectors of its own.
    pub fn pass(&mut self, x: usize) {
        self.divided(x, false);
        self.off(2 * x, [0; 2], true);
    }

    fn divided(&mut self, x: usize, divided: bool) {
        self.divided[x] = divided;
    }

    /// The table of a vector: the number of binary digits of what its neighbours were
    /// off, in steps of a factor of two of the scale.
    fn table(&self, x: usize) -> u16 {
        let left = x.checked_sub(1).map_or(0, |left| self.sizes[left]);
        let digits = 32 - (left.saturating_add(self.sizes[x])).leading_zeros();
        (7 + 6 * digits).min(63) as u16
    }

    fn off(&mut self, x: usize, symbols: [i32; 2], whole: bool) {
        let [a, b] = symbols.map(i32::unsigned_abs);
        let size = a.saturating_add(b).min(1 << 20);
        self.sizes[x..][..if whole { 2 } else { 1 }].fill(size);
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
                    motion.set_block(x, y, [n % 9 - 4, if n % 5 == 0 { 8191 } else { -n }]);
                    if n % 3 == 0 {
                        motion.set(2 * x + 1, 2 * y + 1, [-8191, n]);
                    }
                }
            }
            let stream = motion.encode(coder).unwrap();
            let back = Motion::decode(coder, &stream, 200, 90).unwrap();
            assert_eq!(back, motion);
            assert!(Motion::decode(coder, &stream[..stream.len() - 1], 200, 90).is_err());
        }
    }

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
