//! What an encoder makes a frame from.

use super::between::{Between, Side};
use super::coding::Movement;
use super::encoder::{ClipEncoder, Decision, Known, Original, sixteen_of};
use super::frame::FrameKind;
use super::hold::{Hold, held_tiles};
use super::motion::{Motion, places};
use super::moved::{mixed, moved};
use super::search::{Luma, search, side_price};
use crate::model::Quality;

/// From what the left over of a frame is as large as a part of the frame itself, another
/// scene has begun.
const CUT: f64 = 0.75;

/// About how many bits a block's second vector takes, and what its sides take.
const SECOND: f64 = 4.0;
const BOTH: f64 = 0.5;
const ONE: f64 = 2.0;

impl<W> ClipEncoder<'_, W> {
    /// Looks at a frame, `distance` after the last anchor, which is to be the next one;
    /// `None` if it is too far away from that.
    pub(super) fn decide(&self, original: &Original, distance: u32) -> Option<Decision> {
        let intra = || Decision {
            kind: FrameKind::Intra,
            movement: Movement::After(self.still()),
            hold: vec![Hold::No; self.tiles()],
        };
        let Some(anchor) = &self.anchor else {
            return Some(intra());
        };
        let gop = self.options.gop;
        let full = gop > 0 && self.since.saturating_add(distance) > gop;
        if full || self.coding.temporal.is_none() {
            return Some(intra());
        }
        let hold = self.hold(original, anchor, self.options.quality);
        if hold.iter().all(|hold| *hold == Hold::Free) {
            return Some(Decision {
                kind: FrameKind::Predicted,
                movement: Movement::After(self.still()),
                hold,
            });
        }
        let quality = self.options.quality;
        let mut found = search(&original.luma, &anchor.luma, &anchor.motion, quality);
        if self.options.scene_cuts && found.left > CUT {
            return (distance == 1).then(intra);
        }
        self.stop(&hold, &mut found.motion);
        Some(Decision {
            kind: FrameKind::Predicted,
            movement: Movement::After(found.motion),
            hold,
        })
    }

    /// Looks at a frame between two others.
    pub(super) fn decide_between(
        &self,
        original: &Original,
        before: &Known,
        after: &Known,
        quality: Quality,
    ) -> Decision {
        let header = &self.coding.header;
        let (width, height) = (header.width, header.height);
        let hold = self.hold(original, before, quality);
        let mut between = Between::still(width, height);
        if hold.iter().any(|hold| *hold != Hold::Free) {
            let now = &original.luma;
            between.before = search(now, &before.luma, &before.motion, quality).motion;
            between.after = search(now, &after.luma, &self.still(), quality).motion;
            self.stop(&hold, &mut between.before);
            self.stop(&hold, &mut between.after);
            let shift = |known: &Known, motion: &Motion| {
                let samples = sixteen_of(&known.reference.picture);
                moved(samples, width, height, motion)
            };
            let one = shift(before, &between.before);
            let other = shift(after, &between.after);
            let both = mixed(&one, &other, width, |_, _| Side::Both.weight());
            let [both, one, other] = [both, one, other].map(|s| Luma::of(&s, width, height));
            let price = side_price(quality);
            let (columns, rows) = (between.before.columns(), between.before.rows());
            for (x, y) in places(columns, rows) {
                let cost = |luma, bits: f64| f64::from(now.block(luma, x, y)) + price * bits;
                let costs = [
                    (Side::Both, cost(&both, BOTH + SECOND)),
                    (Side::Before, cost(&one, ONE)),
                    (Side::After, cost(&other, ONE)),
                ];
                let best = costs.into_iter().min_by(|a, b| a.1.total_cmp(&b.1));
                between.sides[y * columns + x] = best.map_or(Side::Both, |best| best.0);
            }
            between.tidy();
        }
        Decision {
            kind: FrameKind::Between,
            movement: Movement::Between(between),
            hold,
        }
    }

    fn still(&self) -> Motion {
        let header = &self.coding.header;
        Motion::still(header.width, header.height)
    }

    fn tiles(&self) -> usize {
        self.coding.tiling.grid.count() as usize
    }

    /// By tile, whether `before` shows it as well as it has to be.
    fn hold(&self, original: &Original, before: &Known, quality: Quality) -> Vec<Hold> {
        if !self.options.hold {
            return vec![Hold::No; self.tiles()];
        }
        let grid = &self.coding.tiling.grid;
        let (samples, reference) = (original.samples(), &before.reference);
        held_tiles(grid, samples, reference, &before.errors, quality)
    }

    /// Nothing moves in tiles that are held.
    fn stop(&self, hold: &[Hold], motion: &mut Motion) {
        let grid = &self.coding.tiling.grid;
        for row in 0..grid.rows() {
            for column in 0..grid.columns() {
                if hold[grid.number(column, row)] == Hold::Free {
                    motion.stop(&grid.tile(column, row));
                }
            }
        }
    }
}
