//! How a frame came about from one before it, or from that and one after it.

use super::motion::{Motion, places};

/// What a block is made from. The numbers are those of BITSTREAM.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Side {
    /// The mean of both frames.
    Both = 0,
    /// The frame before.
    Before = 1,
    /// The frame after.
    After = 2,
}

impl Side {
    /// Of a block of which nothing is said.
    pub(super) fn unsaid(between: bool) -> Self {
        if between { Self::Both } else { Self::Before }
    }

    /// Of the frame before, in halves.
    pub(super) fn weight(self) -> u32 {
        match self {
            Self::Both => 1,
            Self::Before => 2,
            Self::After => 0,
        }
    }

    /// Whether it takes from the frame before (0) or after (1).
    pub(super) fn uses(self, way: usize) -> bool {
        match self {
            Self::Both => true,
            Self::Before => way == 0,
            Self::After => way == 1,
        }
    }
}

/// What there is to know of a block: from which side it is made, and the vectors of its
/// parts to the frames before and after.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pattern {
    pub side: Side,
    pub vectors: [[[i16; 2]; 4]; 2],
}

impl Pattern {
    /// Nothing moves.
    pub const STILL: Self = Self {
        side: Side::Before,
        vectors: [[[0; 2]; 4]; 2],
    };

    /// All parts alike.
    pub fn whole(side: Side, vectors: [[i16; 2]; 2]) -> Self {
        Self {
            side,
            vectors: vectors.map(|vector| [vector; 4]),
        }
    }

    /// Whether the same is made by both: vectors to a side that is not used are nothing.
    pub fn same(&self, other: &Self) -> bool {
        let used = [0, 1].into_iter().filter(|&way| self.side.uses(way));
        self.side == other.side
            && used
                .map(|way| (self.vectors[way], other.vectors[way]))
                .all(|(a, b)| a == b)
    }
}

/// Vectors to the frame before and, of a frame between two others, to the one after, and
/// what each block is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// One motion, to the frame before, or two.
    pub(super) ways: Vec<Motion>,
    /// By rows of blocks.
    sides: Vec<Side>,
}

impl Movement {
    /// Nothing moves in a frame of `width` by `height` pixels, which is made from the one
    /// before or, if it lies between two, from both.
    pub fn still(width: u32, height: u32, between: bool) -> Self {
        let motion = Motion::still(width, height);
        let side = Side::unsaid(between);
        Self {
            sides: vec![side; motion.columns() * motion.rows()],
            ways: vec![motion; if between { 2 } else { 1 }],
        }
    }

    /// Where blocks were in the frame before.
    pub fn before(&self) -> &Motion {
        &self.ways[0]
    }

    /// Where blocks are in the frame after.
    pub fn after(&self) -> Option<&Motion> {
        self.ways.get(1)
    }

    /// Blocks in a row, and rows of them.
    pub fn size(&self) -> [usize; 2] {
        [self.before().columns(), self.before().rows()]
    }

    /// What a block is made from; outside of the frame as the nearest one.
    pub fn side(&self, x: isize, y: isize) -> Side {
        let [columns, rows] = self.size();
        let x = x.clamp(0, columns as isize - 1) as usize;
        let y = y.clamp(0, rows as isize - 1) as usize;
        self.sides[y * columns + x]
    }

    /// What is known of a block, which has to be there.
    pub(super) fn block(&self, x: usize, y: usize) -> Pattern {
        let (ix, iy) = (x as isize, y as isize);
        let before = self.before().block(ix, iy);
        Pattern {
            side: self.side(ix, iy),
            vectors: [before, self.after().map_or(before, |m| m.block(ix, iy))],
        }
    }

    /// Sets what a block is made from.
    pub(super) fn set_side(&mut self, x: usize, y: usize, side: Side) {
        let columns = self.before().columns();
        self.sides[y * columns + x] = side;
    }

    /// Sets a block. What it does not use is as its neighbours let expect.
    pub(super) fn set_block(&mut self, x: usize, y: usize, pattern: &Pattern) {
        self.set_side(x, y, pattern.side);
        for (way, motion) in self.ways.iter_mut().enumerate() {
            if pattern.side.uses(way) {
                motion.set_parts(x, y, pattern.vectors[way]);
            } else {
                motion.pass(x, y);
            }
        }
    }

    /// Whether it is as if nothing were said.
    pub fn is_still(&self) -> bool {
        let side = Side::unsaid(self.after().is_some());
        self.sides.iter().all(|s| *s == side) && self.ways.iter().all(Motion::is_still)
    }

    /// Blocks by rows.
    pub(super) fn places(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let [columns, rows] = self.size();
        places(columns, rows)
    }
}
