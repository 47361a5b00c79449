//! Motion of a frame that lies between two others: vectors to both, and for each block
//! of 16x16 pixels which of them it is made from.

use std::sync::LazyLock;

use lic_entropy::{Coder, EncodeError, TableSpec, Tables};

use super::motion::{Motion, Seen, places, read_blocks, words, write_blocks};

/// What a block is made from. The numbers are the format's.
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
    /// In the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Both, Self::Before, Self::After];

    /// Of the frame before, in halves.
    pub(super) fn weight(self) -> u32 {
        match self {
            Self::Both => 1,
            Self::Before => 2,
            Self::After => 0,
        }
    }
}

/// The mass of `Both` out of 65,536 by how many of the blocks to the left and above are
/// made from both; the other two share what is left.
const BOTH: [u32; 3] = [19_661, 39_322, 55_706];

static SIDES: LazyLock<Tables> = LazyLock::new(|| {
    let spec = |&both: &u32| {
        let rest = (1 << 16) - 1 - both;
        TableSpec {
            min: 0,
            freqs: vec![both, rest / 2, rest - rest / 2, 1],
        }
    };
    let tables = Tables::new(BOTH.iter().map(spec).collect());
    tables.expect("the masses of each add up to 65,536")
});

/// Vectors to the frames before and after, and what each block is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Between {
    /// To the frame before.
    pub before: Motion,
    /// To the frame after.
    pub after: Motion,
    /// By rows of blocks.
    pub(super) sides: Vec<Side>,
}

impl Between {
    /// Nothing moves, and all is made from both.
    pub fn still(width: u32, height: u32) -> Self {
        let before = Motion::still(width, height);
        Self {
            sides: vec![Side::Both; before.columns() * before.rows()],
            after: before.clone(),
            before,
        }
    }

    /// What a block is made from; outside of the frame as the nearest one.
    pub fn side(&self, x: isize, y: isize) -> Side {
        let (columns, rows) = (self.before.columns(), self.before.rows());
        let x = x.clamp(0, columns as isize - 1) as usize;
        let y = y.clamp(0, rows as isize - 1) as usize;
        self.sides[y * columns + x]
    }

    fn is_still(&self) -> bool {
        let both = self.sides.iter().all(|side| *side == Side::Both);
        both && self.before.is_still() && self.after.is_still()
    }

    /// Takes from blocks the vectors that they do not use.
    pub(super) fn tidy(&mut self) {
        let columns = self.before.columns();
        for (x, y) in places(columns, self.before.rows()) {
            match self.sides[y * columns + x] {
                Side::Both => {}
                Side::Before => self.after.pass(x, y),
                Side::After => self.before.pass(x, y),
            }
        }
    }

    /// The stream: no bytes if nothing moves and all is made from both. What is not used
    /// is as [`tidy`](Self::tidy) leaves it.
    pub(super) fn encode(&self, coder: Coder) -> Result<Vec<u8>, EncodeError> {
        if self.is_still() {
            return Ok(Vec::new());
        }
        let size @ [columns, _] = self.size();
        let mut seen = [Seen::new(columns), Seen::new(columns)];
        write_blocks(coder, size, |x, y, encoder| {
            let side = self.sides[y * columns + x];
            encoder.encode(&SIDES, &[self.table(x, y)], &[side as i32])?;
            match side {
                Side::After => seen[0].pass(x),
                _ => self.before.put(x, y, &mut seen[0], encoder)?,
            }
            match side {
                Side::Before => seen[1].pass(x),
                _ => self.after.put(x, y, &mut seen[1], encoder)?,
            }
            Ok(())
        })
    }

    /// Reads a stream of a frame of `width` by `height` pixels.
    pub(super) fn decode(
        coder: Coder,
        stream: &[u8],
        width: u32,
        height: u32,
    ) -> Result<Self, String> {
        let mut between = Self::still(width, height);
        let size @ [columns, _] = between.size();
        let mut seen = [Seen::new(columns), Seen::new(columns)];
        let mut symbol = Vec::with_capacity(1);
        read_blocks(coder, stream, size, |x, y, decoder| {
            symbol.clear();
            decoder
                .decode(&SIDES, &[between.table(x, y)], &mut symbol)
                .map_err(words)?;
            let side = usize::try_from(symbol[0]).ok();
            let side = side.and_then(|side| Side::ALL.get(side).copied());
            let side = side.ok_or_else(|| format!("a side {}, the last is 2", symbol[0]))?;
            between.sides[y * columns + x] = side;
            let Self { before, after, .. } = &mut between;
            match side {
                Side::After => {
                    before.pass(x, y);
                    seen[0].pass(x);
                }
                _ => before.get(x, y, &mut seen[0], decoder)?,
            }
            match side {
                Side::Before => {
                    after.pass(x, y);
                    seen[1].pass(x);
                }
                _ => after.get(x, y, &mut seen[1], decoder)?,
            }
            Ok(())
        })?;
        Ok(between)
    }

    /// Blocks in a row, and rows of them.
    fn size(&self) -> [usize; 2] {
        [self.before.columns(), self.before.rows()]
    }

    /// The table of what a block is made from.
    fn table(&self, x: usize, y: usize) -> u16 {
        let both = |x: Option<usize>, y: Option<usize>| {
            let place = x.zip(y).map(|(x, y)| y * self.before.columns() + x);
            place.is_some_and(|place| self.sides[place] == Side::Both)
        };
        u16::from(both(x.checked_sub(1), Some(y))) + u16::from(both(Some(x), y.checked_sub(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_motions_come_back() {
        for coder in Coder::ALL {
            let mut between = Between::still(100, 60);
            assert!(between.encode(coder).unwrap().is_empty());
            for (x, y) in places(7, 4) {
                let n = (x * 5 + y * 17) as i16;
                between.before.set_block(x, y, [n % 7 - 3, n]);
                between.after.set(2 * x + 1, 2 * y, [-n, 8191 - n]);
                between.sides[y * 7 + x] = Side::ALL[(x * y + x) % 3];
            }
            between.tidy();
            let stream = between.encode(coder).unwrap();
            let back = Between::decode(coder, &stream, 100, 60).unwrap();
            assert_eq!(back, between);
            assert!(Between::decode(coder, &stream[..stream.len() - 1], 100, 60).is_err());
        }
    }
}
