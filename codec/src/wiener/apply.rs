//! The decoder's side: filtered samples.

use rayon::prelude::*;

use super::strip::{BLOCK, Kind, Strip, Turn};
use super::{Bank, Filters, TAPS};
use crate::image::{Channels, Depth, Samples, eight};

/// Rows that a thread takes at a time.
const ROWS: usize = 32;

/// One value for each pixel of a block.
type Values = [[f32; BLOCK]; BLOCK];

impl Filters {
    /// The filtered picture, with samples of `depth`. `samples` have 16 bits; rows of
    /// `width` pixels; the first pixel is one at which blocks begin.
    pub fn apply(
        &self,
        samples: &[u16],
        width: usize,
        channels: Channels,
        depth: Depth,
    ) -> Samples {
        match depth {
            Depth::Eight => Samples::Eight(self.filtered(samples, width, channels, eight)),
            Depth::Sixteen => Samples::Sixteen(self.filtered(samples, width, channels, |v| v)),
        }
    }

    fn filtered<T: Clone + Default + Send>(
        &self,
        samples: &[u16],
        width: usize,
        channels: Channels,
        rounded: impl Fn(u16) -> T + Copy + Sync,
    ) -> Vec<T> {
        let mut out = vec![T::default(); samples.len()];
        let strips = out.par_chunks_mut(ROWS * width * channels.count());
        strips.enumerate().for_each(|(i, out)| {
            self.strip(samples, width, channels, i * ROWS, out, rounded);
        });
        out
    }

    /// The rows from row `first` on that `out` has room for.
    fn strip<T>(
        &self,
        samples: &[u16],
        width: usize,
        channels: Channels,
        first: usize,
        out: &mut [T],
        rounded: impl Fn(u16) -> T + Copy,
    ) {
        let count = channels.count();
        let each = width * count;
        let rows = out.len() / each;
        let strip = Strip::new(samples, width, channels, first, rows);
        let offsets = [Turn::Not, Turn::Transposed, Turn::Mirrored];
        let offsets = offsets.map(|turn| turn.offsets(strip.stride));
        for block_row in 0..strip.rows {
            let kinds = strip.kinds(block_row);
            for (column, kind) in kinds.into_iter().enumerate() {
                let sums = self.sums(&strip, strip.place(column, block_row), kind, &offsets);
                let (x, y) = (column * BLOCK, block_row * BLOCK);
                let (right, bottom) = ((x + BLOCK).min(width), (y + BLOCK).min(rows));
                for y in y..bottom {
                    let from = &samples[(first + y) * each..][..each];
                    let to = &mut out[y * each..][..each];
                    for x in x..right {
                        let more = moved(&sums, y % BLOCK, x % BLOCK);
                        let pixel = from[x * count..][..count].iter().zip(more);
                        let to = to[x * count..].iter_mut();
                        for (to, (&sample, more)) in to.zip(pixel) {
                            let filtered = i32::from(sample) + ((more + 16) >> 5);
                            *to = rounded(filtered.clamp(0, u16::MAX.into()) as u16);
                        }
                    }
                }
            }
        }
    }

    /// What the filters of a block say of each plane, in 1/512 of 12-bit steps.
    fn sums(
        &self,
        strip: &Strip,
        place: usize,
        kind: Kind,
        offsets: &[[isize; TAPS]; 3],
    ) -> [Values; 3] {
        let offsets = &offsets[kind.turn as usize];
        let mut sums = [Values::default(); 3];
        for (number, (plane, sums)) in strip.planes.iter().zip(&mut sums).enumerate() {
            let bank: &Bank = if number == 0 {
                &self.luma
            } else {
                &self.chroma
            };
            let Some(filter) = bank.of(kind.class) else {
                continue;
            };
            for (y, sums) in sums.iter_mut().enumerate() {
                let at = |offset: isize| -> &[f32; BLOCK] {
                    let place = (place + y * strip.stride).wrapping_add_signed(offset);
                    let values = plane[place..].first_chunk();
                    values.expect("a border of a filter's reach is around all blocks")
                };
                let middle = at(0);
                for (&weight, &offset) in filter.iter().zip(offsets) {
                    let (weight, one, other) = (f32::from(weight), at(offset), at(-offset));
                    for x in 0..BLOCK {
                        sums[x] += weight * (one[x] + other[x] - 2.0 * middle[x]);
                    }
                }
            }
        }
        sums
    }
}

/// What R, G and B of a pixel gain, in 1/512 of 12-bit steps: the planes' gains lie along
/// (1, 1, 1), (1, 0, −1) and (1, −2, 1). Of the last, a step of the plane is 2/3 of
/// what it is of the others, here as 43/64.
fn moved(sums: &[Values; 3], y: usize, x: usize) -> [i32; 3] {
    let [sum, across, green] = sums.each_ref().map(|sums| sums[y][x] as i32);
    let green = (43 * green) >> 6;
    [sum + across + green, sum - 2 * green, sum - across + green]
}
