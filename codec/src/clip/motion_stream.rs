//! The stream of a frame's motion: bits whose chances adapt, specified in BITSTREAM.md.
//!
//! A block is **merged** with what is expected of it or with a neighbour, as in ITU-T
//! H.265 (8.5.3.2.2), or says from which side it is made and has vectors of its own,
//! coded as what they are off.

use std::num::NonZeroU16;

use lic_entropy::{BitDecoder, BitEncoder, DecodeError};

use super::motion::{LONGEST, parts};
use super::motion_chances::{CLASSES, Chances, DIGITS, SOURCES};
use super::movement::{Movement, Pattern, Side};
use super::track::Expected;
use crate::chance::{BitCoder, HALF};

/// What was seen of the blocks to the left and above.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    merged: bool,
    divided: [bool; 2],
}

/// The motion of a frame, block by block.
pub(super) struct Walk<'a> {
    /// As far as it is known.
    pub movement: Movement,
    expected: Option<&'a Expected>,
    chances: Chances,
    /// The last block of each column.
    seen: Vec<Seen>,
    /// By way and column of parts, how far the last vector was off.
    sizes: [Vec<u32>; 2],
}

impl<'a> Walk<'a> {
    /// A frame of `width` by `height` pixels.
    pub fn new(width: u32, height: u32, between: bool, expected: Option<&'a Expected>) -> Self {
        let movement = Movement::still(width, height, between);
        let [columns, _] = movement.size();
        Self {
            movement,
            expected,
            chances: Chances::new(between),
            seen: vec![Seen::default(); columns],
            sizes: [(); 2].map(|()| vec![0; 2 * columns]),
        }
    }

    /// What a block can be merged with; `None` for what is not there or was named before.
    pub fn sources(&self, x: usize, y: usize) -> [Option<Pattern>; SOURCES] {
        let movement = &self.movement;
        let [columns, _] = movement.size();
        // The part of a neighbour that is next to this block stands for all of it.
        let near = |there: bool, dx: isize, dy: isize, part: usize| {
            there.then(|| {
                let (x, y) = (x as isize + dx, y as isize + dy);
                let block = movement.block(x as usize, y as usize);
                Pattern::whole(block.side, block.vectors.map(|parts| parts[part]))
            })
        };
        let side = Side::unsaid(movement.after().is_some());
        let mut all = [
            self.expected.map(|expected| expected.block(x, y)),
            near(x > 0, -1, 0, 3),
            near(y > 0, 0, -1, 3),
            near(y > 0 && x + 1 < columns, 1, -1, 2),
            near(y > 0 && x > 0, -1, -1, 3),
            Some(Pattern::whole(side, [[0; 2]; 2])),
        ];
        for i in 1..SOURCES {
            let (before, rest) = all.split_at_mut(i);
            let again = |pattern: &Pattern| before.iter().flatten().any(|b| b.same(pattern));
            if rest[0].as_ref().is_some_and(again) {
                rest[0] = None;
            }
        }
        all
    }

    /// Codes a block, one way or the other, and goes on with it; only tries it if the
    /// coder does not learn.
    pub fn block<C: BitCoder>(
        &mut self,
        coder: &mut C,
        (x, y): (usize, usize),
        wanted: &Pattern,
    ) -> Result<(), DecodeError> {
        let left = x.checked_sub(1).map(|left| self.seen[left]);
        let near = [left.unwrap_or_default(), self.seen[x]];
        let count = |is: fn(&Seen) -> bool| near.iter().filter(|seen| is(seen)).count();
        let sources = self.sources(x, y);
        let found = sources
            .iter()
            .position(|source| source.is_some_and(|source| source.same(wanted)));
        let mut seen = Seen {
            merged: self.chances.merged[count(|seen| seen.merged)].code(coder, found.is_some())?,
            ..Seen::default()
        };
        if seen.merged {
            let pattern = self.merged(coder, &sources, found)?;
            self.movement.set_block(x, y, &pattern);
            for way in 0..self.sizes.len() {
                self.as_expected::<C>(way, x);
            }
        } else {
            seen.divided = self.own(coder, (x, y), near, wanted)?;
        }
        if C::LEARNS {
            self.seen[x] = seen;
        }
        Ok(())
    }

    /// Codes a block that is not merged. Says of both ways whether it is in parts.
    fn own<C: BitCoder>(
        &mut self,
        coder: &mut C,
        (x, y): (usize, usize),
        near: [Seen; 2],
        wanted: &Pattern,
    ) -> Result<[bool; 2], DecodeError> {
        let mut divided = [false; 2];
        let side = self.side(coder, (x, y), wanted.side)?;
        self.movement.set_side(x, y, side);
        for (way, divided) in divided.iter_mut().enumerate() {
            if side.uses(way) {
                let count = near.iter().filter(|seen| seen.divided[way]).count();
                let vectors = wanted.vectors[way];
                let chance = &mut self.chances.divided[count];
                *divided = chance.code(coder, vectors != [vectors[0]; 4])?;
                self.vectors(coder, way, (x, y), *divided, vectors)?;
            } else if let Some(motion) = self.movement.ways.get_mut(way) {
                motion.pass(x, y);
                self.as_expected::<C>(way, x);
            }
        }
        Ok(divided)
    }

    /// The vectors of a block in column `x` are off by nothing.
    fn as_expected<C: BitCoder>(&mut self, way: usize, x: usize) {
        if C::LEARNS {
            self.sizes[way][2 * x..2 * x + 2].fill(0);
        }
    }

    /// Codes which of the sources a block is merged with; the last one needs no bit.
    fn merged<C: BitCoder>(
        &mut self,
        coder: &mut C,
        sources: &[Option<Pattern>; SOURCES],
        wanted: Option<usize>,
    ) -> Result<Pattern, DecodeError> {
        let there = |(i, source): (usize, &Option<Pattern>)| source.map(|source| (i, source));
        let mut open = sources.iter().enumerate().filter_map(there).peekable();
        let mut last = Pattern::STILL;
        while let Some((i, source)) = open.next() {
            last = source;
            if open.peek().is_none() || self.chances.source[i].code(coder, wanted == Some(i))? {
                break;
            }
        }
        Ok(last)
    }

    fn side<C: BitCoder>(
        &mut self,
        coder: &mut C,
        (x, y): (usize, usize),
        wanted: Side,
    ) -> Result<Side, DecodeError> {
        if self.movement.after().is_none() {
            return Ok(Side::Before);
        }
        let near = [
            x.checked_sub(1)
                .map(|left| self.movement.block(left, y).side),
            y.checked_sub(1)
                .map(|above| self.movement.block(x, above).side),
        ];
        let count = |side: Side| near.iter().filter(|near| **near == Some(side)).count();
        if self.chances.both[count(Side::Both)].code(coder, wanted == Side::Both)? {
            return Ok(Side::Both);
        }
        let after = &mut self.chances.after[count(Side::After)];
        Ok(if after.code(coder, wanted == Side::After)? {
            Side::After
        } else {
            Side::Before
        })
    }

    /// Codes the vectors of a block, one or four.
    fn vectors<C: BitCoder>(
        &mut self,
        coder: &mut C,
        way: usize,
        (x, y): (usize, usize),
        divided: bool,
        wanted: [[i16; 2]; 4],
    ) -> Result<(), DecodeError> {
        for (place, wanted) in parts(x, y).into_iter().zip(wanted) {
            let vector = self.vector(coder, way, place, !divided, wanted)?;
            if !divided {
                self.movement.ways[way].set_block(x, y, vector);
                break;
            }
            self.movement.ways[way].set(place.0, place.1, vector);
        }
        Ok(())
    }

    /// Codes a vector, of a part or of a `whole` block whose first part is `place`.
    fn vector<C: BitCoder>(
        &mut self,
        coder: &mut C,
        way: usize,
        place: (usize, usize),
        whole: bool,
        wanted: [i16; 2],
    ) -> Result<[i16; 2], DecodeError> {
        let mut from = self.movement.ways[way].expected(place, whole);
        if let Some(expected) = self.expected {
            let carried = expected.at(way, place);
            if carried != from {
                let nearer = distance(wanted, carried) < distance(wanted, from);
                let chance = &mut self.chances.carried[usize::from(whole)];
                if chance.code(coder, nearer)? {
                    from = carried;
                }
            }
        }
        let sizes = &self.sizes[way];
        let left = place.0.checked_sub(1).map_or(0, |left| sizes[left]);
        let digits = 32 - left.saturating_add(sizes[place.0]).leading_zeros();
        let class = (digits.div_ceil(2) as usize).min(CLASSES - 1);
        let off = [0, 1].map(|i| i32::from(wanted[i]) - i32::from(from[i]));
        let off = self.off(coder, class, off)?;
        if C::LEARNS {
            let [a, b] = off.map(i32::unsigned_abs);
            self.sizes[way][place.0..][..if whole { 2 } else { 1 }].fill(a + b);
        }
        // What a stream says beyond the longest is the longest.
        let sum = |i: usize| (i32::from(from[i]) + off[i]).clamp(-LONGEST, LONGEST);
        Ok([0, 1].map(|i| sum(i) as i16))
    }

    /// Codes how far a vector is off.
    fn off<C: BitCoder>(
        &mut self,
        coder: &mut C,
        class: usize,
        wanted: [i32; 2],
    ) -> Result<[i32; 2], DecodeError> {
        let Chances {
            off, off_x, off_y, ..
        } = &mut self.chances;
        if !off[class].code(coder, wanted != [0; 2])? {
            return Ok([0; 2]);
        }
        let in_x = off_x[class].code(coder, wanted[0] != 0)?;
        let in_y = !in_x || off_y[class].code(coder, wanted[1] != 0)?;
        let mut found = [0; 2];
        for (i, is) in [in_x, in_y].into_iter().enumerate() {
            if is {
                found[i] = self.component(coder, class, wanted[i])?;
            }
        }
        Ok(found)
    }

    /// Codes a number that is not 0: its sign, and its size in the code of Elias.
    fn component<C: BitCoder>(
        &mut self,
        coder: &mut C,
        class: usize,
        wanted: i32,
    ) -> Result<i32, DecodeError> {
        let negative = coder.code(HALF, wanted < 0)?;
        let size = wanted.unsigned_abs();
        let mut length = 0;
        while length + 1 < DIGITS {
            let longer = &mut self.chances.longer[class][length];
            if !longer.code(coder, size >> length > 1)? {
                break;
            }
            length += 1;
        }
        let mut found = 1;
        for place in (0..length).rev() {
            let bit = size >> place & 1 == 1;
            let bit = if place + 1 == length {
                self.chances.below[length].code(coder, bit)?
            } else {
                coder.code(HALF, bit)?
            };
            found = 2 * found + i32::from(bit);
        }
        Ok(if negative { -found } else { found })
    }
}

/// A coder that neither writes nor reads: what is coded is learned from, nothing else.
pub(super) struct Nowhere;

impl BitCoder for Nowhere {
    fn code(&mut self, _: NonZeroU16, bit: bool) -> Result<bool, DecodeError> {
        Ok(bit)
    }
}

impl Movement {
    /// The stream: no bytes if nothing moves.
    pub(super) fn encode(&self, size: [u32; 2], expected: Option<&Expected>) -> Vec<u8> {
        if self.is_still() {
            return Vec::new();
        }
        let mut walk = Walk::new(size[0], size[1], self.after().is_some(), expected);
        let mut coder = BitEncoder::new();
        for place in self.places() {
            let Ok(()) = walk.block(&mut coder, place, &self.block(place.0, place.1)) else {
                unreachable!("writing bits does not fail")
            };
        }
        coder.finish()
    }

    /// Reads a stream of a frame of `size` pixels.
    pub(super) fn decode(
        stream: &[u8],
        size: [u32; 2],
        between: bool,
        expected: Option<&Expected>,
    ) -> Result<Self, DecodeError> {
        let mut walk = Walk::new(size[0], size[1], between, expected);
        if !stream.is_empty() {
            let mut coder = BitDecoder::new(stream);
            for place in walk.movement.places() {
                // What is wanted is for those who write.
                walk.block(&mut coder, place, &Pattern::STILL)?;
            }
            coder.finish()?;
        }
        Ok(walk.movement)
    }
}

fn distance(a: [i16; 2], b: [i16; 2]) -> u32 {
    let along = |i: usize| i32::from(a[i]).abs_diff(i32::from(b[i]));
    along(0) + along(1)
}
