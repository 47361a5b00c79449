//! Some rows of a picture with what lies around them: planes, and classes of blocks.

use super::{DIRECTIONS, OFFSETS, TAPS};
use crate::image::Channels;

/// Side of a block, which is of one class.
pub(super) const BLOCK: usize = 4;

/// Pixels around the blocks: as far as a filter reaches.
const BORDER: usize = 4;

/// What texture a block has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    /// Activity times [`DIRECTIONS`], plus direction.
    pub class: u8,
    /// How filters are turned in it.
    pub turn: Turn,
}

/// Textures that are each other's image share filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Not at all.
    Not,
    /// Rows and columns change places.
    Transposed,
    /// Left and right change places.
    Mirrored,
}

impl Turn {
    /// Where a filter's pixels lie in a plane whose rows are `stride` apart.
    pub fn offsets(self, stride: usize) -> [isize; TAPS] {
        OFFSETS.map(|(dy, dx)| {
            let (dy, dx) = match self {
                Self::Not => (dy, dx),
                Self::Transposed => (dx, dy),
                Self::Mirrored => (dy, -dx),
            };
            dy as isize * stride as isize + dx as isize
        })
    }
}

/// Rows of a picture. Samples are taken with 12 bits; beyond the edges of the picture
/// the nearest goes on.
pub(super) struct Strip {
    /// Sum of the colours; if there are three, R − B twice, and R − 2 G + B.
    pub planes: Vec<Vec<f32>>,
    /// From one row of a plane to the next.
    pub stride: usize,
    /// Blocks in a row.
    pub columns: usize,
    /// Rows of blocks.
    pub rows: usize,
}

impl Strip {
    /// `rows` rows from row `first` of a picture of 16-bit `samples`, whose rows have
    /// `width` pixels; `first` is a multiple of [`BLOCK`].
    pub fn new(
        samples: &[u16],
        width: usize,
        channels: Channels,
        first: usize,
        rows: usize,
    ) -> Self {
        let each = width * channels.count();
        let height = samples.len() / each.max(1);
        let (columns, block_rows) = (width.div_ceil(BLOCK), rows.div_ceil(BLOCK));
        let stride = columns * BLOCK + 2 * BORDER;
        let all = block_rows * BLOCK + 2 * BORDER;
        let mut planes = vec![vec![0.0; all * stride]; channels.count()];
        for y in 0..all {
            let from = (first + y).saturating_sub(BORDER).min(height - 1);
            let from = &samples[from * each..][..each];
            let to = y * stride..(y + 1) * stride;
            match channels {
                Channels::Grey => row(&mut planes[0][to], from, |s: &[u16; 1]| 3 * twelve(s[0])),
                Channels::Rgb => {
                    let sum = |[r, g, b]: &[u16; 3]| twelve(*r) + twelve(*g) + twelve(*b);
                    let across = |[r, _, b]: &[u16; 3]| 2 * (twelve(*r) - twelve(*b));
                    let green = |[r, g, b]: &[u16; 3]| twelve(*r) - 2 * twelve(*g) + twelve(*b);
                    row(&mut planes[0][to.clone()], from, sum);
                    row(&mut planes[1][to.clone()], from, across);
                    row(&mut planes[2][to], from, green);
                }
            }
        }
        Self {
            planes,
            stride,
            columns,
            rows: block_rows,
        }
    }

    /// Where in a plane a block begins.
    pub fn place(&self, column: usize, row: usize) -> usize {
        (row * BLOCK + BORDER) * self.stride + column * BLOCK + BORDER
    }

    /// The kinds of a row of blocks.
    pub fn kinds(&self, row: usize) -> Vec<Kind> {
        let across = self.bends(row);
        (0..self.columns)
            .map(|column| {
                let first = column * BLOCK + BORDER - 1;
                let sum = |bends: &Vec<f32>| bends[first..][..BLOCK + 2].iter().sum::<f32>();
                kind(across.each_ref().map(|bends| sum(bends) as u64))
            })
            .collect()
    }

    /// How much luma bends along rows, columns and both diagonals: for each column of the
    /// plane the sum over the rows of a row of blocks and the two next to them. Whole
    /// numbers below 2^24.
    fn bends(&self, row: usize) -> [Vec<f32>; 4] {
        let (plane, stride) = (&self.planes[0], self.stride);
        let mut sums = [const { Vec::new() }; 4];
        sums.fill(vec![0.0f32; stride]);
        let first = row * BLOCK + BORDER - 1;
        for y in first..first + BLOCK + 2 {
            let [above, middle, below] = [y - 1, y, y + 1].map(|y| &plane[y * stride..][..stride]);
            let [rows, columns, falling, rising] = &mut sums;
            let windows = above
                .windows(3)
                .zip(middle.windows(3))
                .zip(below.windows(3));
            let sums = rows[1..].iter_mut().zip(&mut columns[1..]);
            let sums = sums.zip(falling[1..].iter_mut().zip(&mut rising[1..]));
            for (((above, middle), below), ((row, column), (falling, rising))) in windows.zip(sums)
            {
                let twice = 2.0 * middle[1];
                *row += (twice - middle[0] - middle[2]).abs();
                *column += (twice - above[1] - below[1]).abs();
                *falling += (twice - above[0] - below[2]).abs();
                *rising += (twice - above[2] - below[0]).abs();
            }
        }
        sums
    }
}

/// A 16-bit sample with 12 bits.
fn twelve(sample: u16) -> i32 {
    i32::from(sample >> 4)
}

/// A row of a plane from the samples of a row of pixels, with borders.
fn row<const N: usize>(to: &mut [f32], from: &[u16], value: impl Fn(&[u16; N]) -> i32) {
    let (pixels, _) = from.as_chunks::<N>();
    let inside = to[BORDER..].iter_mut().zip(pixels);
    inside.for_each(|(to, pixel)| *to = value(pixel) as f32);
    let (first, last) = (to[BORDER], to[BORDER + pixels.len() - 1]);
    to[..BORDER].fill(first);
    to[BORDER + pixels.len()..].fill(last);
}

/// The kind of a block, from how much it bends: see BITSTREAM.md.
fn kind([rows, columns, falling, rising]: [u64; 4]) -> Kind {
    /// What a mean of a quarter of an 8-bit step adds up to over 36 pixels.
    const QUARTER: u64 = 432;
    let activity = ((rows + columns + QUARTER) / 864).max(1).ilog2().min(7) as u8;
    let [rows, columns, falling, rising] = [rows, columns, falling, rising].map(|b| b + QUARTER);
    let straight = (rows.max(columns), rows.min(columns));
    let slanted = (falling.max(rising), falling.min(rising));
    let is_straight = straight.0 * slanted.1 >= slanted.0 * straight.1;
    let (most, least) = if is_straight { straight } else { slanted };
    let (direction, turn) = if 5 * most <= 7 * least {
        (0, Turn::Not)
    } else if is_straight && rows >= columns {
        (1, Turn::Not)
    } else if is_straight {
        (1, Turn::Transposed)
    } else if falling >= rising {
        (2, Turn::Not)
    } else {
        (2, Turn::Mirrored)
    };
    Kind {
        class: activity * DIRECTIONS as u8 + direction,
        turn,
    }
}
