//! What the integer networks of a predicted frame see at its beginning: what was coded
//! before, as integers.

use lic_codec::temporal::{Before, Block};

use super::shape_int::magnitude;
use super::temporal::MOTION_PLANES;
use super::{Groups, covered};

/// A vector's units, quarters of a pixel, in a position of the latents.
const UNITS: i32 = 64;

/// Residuals of a tile's frame before, `[channel][position]`: `symbols` are those of its
/// steps over the latents, in the order of `groups`.
pub(crate) fn residuals(groups: &Groups, symbols: &[Vec<i32>], h: usize, w: usize) -> Vec<i32> {
    let mut planes = vec![0; groups.channels() * h * w];
    for (step, symbols) in groups.steps().iter().zip(symbols) {
        let positions: Vec<usize> = covered(step.pass, h, w).collect();
        let by_channel = symbols.chunks_exact(positions.len().max(1));
        for (c, symbols) in by_channel.take(step.channels).enumerate() {
            let plane = &mut planes[(step.first + c) * h * w..][..h * w];
            for (&position, &symbol) in positions.iter().zip(symbols) {
                plane[position] = symbol;
            }
        }
    }
    planes
}

/// The inputs, `[position][channels + MOTION_PLANES]`, from residuals
/// `[channel][position]` of the frame before.
pub(crate) fn marks(
    residuals: &[i32],
    intra: bool,
    blocks: &[Block],
    h: usize,
    w: usize,
) -> Vec<u8> {
    let channels = residuals.len() / (h * w).max(1);
    let depth = channels + MOTION_PLANES;
    let mut marks = vec![0; h * w * depth];
    for (i, (marks, block)) in marks.chunks_exact_mut(depth).zip(blocks).enumerate() {
        let [dx, dy] = block.vector.map(i32::from);
        let place = |at: usize, by: i32, side: usize| {
            let to = at as i64 + i64::from((by + UNITS / 2).div_euclid(UNITS));
            to.clamp(0, side as i64 - 1) as usize
        };
        let from = place(i / w, dy, h) * w + place(i % w, dx, w);
        let (seen, motion) = marks.split_at_mut(channels);
        for (seen, plane) in seen.iter_mut().zip(residuals.chunks_exact(h * w)) {
            *seen = magnitude(plane[from]);
        }
        let flag = |is: bool| if is { u8::MAX } else { 0 };
        motion.copy_from_slice(&[
            flag(intra),
            flag(block.still),
            magnitude(dx),
            magnitude(dy),
            magnitude(block.spread),
        ]);
    }
    marks
}

/// The residuals that a tile left: `own` are the groups of pictures, whose first step is
/// that of the hyper-latents, `following` those of predicted frames.
pub(crate) fn residuals_before(
    before: &Before<'_>,
    own: &Groups,
    following: &Groups,
    h: usize,
    w: usize,
) -> Vec<i32> {
    let symbols = &before.past.symbols;
    if before.past.intra {
        residuals(own, symbols.get(1..).unwrap_or_default(), h, w)
    } else {
        residuals(following, symbols, h, w)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prior::GroupsConfig;

    #[test]
    fn marks_come_from_where_a_block_was() {
        let groups = GroupsConfig::new(vec![1, 2], 1).init();
        let (h, w) = (4, 4);
        // Channel c at position p holds 10 c + p.
        let symbols: Vec<Vec<i32>> = groups
            .steps()
            .iter()
            .map(|step| {
                let channels = step.first..step.first + step.channels;
                channels
                    .flat_map(|c| covered(step.pass, h, w).map(move |p| (10 * c + p) as i32))
                    .collect()
            })
            .collect();
        let planes = residuals(&groups, &symbols, h, w);
        let all = (0..3).flat_map(|c| (0..16).map(move |p| 10 * c + p));
        assert!(planes.iter().copied().eq(all));

        let still = Block {
            vector: [0; 2],
            spread: 0,
            still: true,
        };
        let mut blocks = vec![still; 16];
        blocks[5] = Block {
            vector: [70, -33],
            spread: 6,
            still: false,
        };
        blocks[0] = Block {
            vector: [-8191, 31],
            spread: 9000,
            still: false,
        };
        let marks = marks(&planes, true, &blocks, h, w);
        let at = |p: usize| &marks[p * 8..][..8];
        assert_eq!(at(7)[..3], [7, 17, 27].map(magnitude));
        assert_eq!(at(7)[3..], [255, 255, 0, 0, 0]);
        // One to the right and one up; half of a position rounds towards it.
        assert_eq!(at(5)[..3], [2, 12, 22].map(magnitude));
        assert_eq!(
            at(5)[3..],
            [255, 0, magnitude(70), magnitude(33), magnitude(6)]
        );
        assert_eq!(at(0)[..3], [0, 10, 20].map(magnitude));
    }
}
