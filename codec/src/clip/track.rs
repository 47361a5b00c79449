//! What the motion of frames that are known lets expect of one that is not: whatever
//! moves goes on moving. Integers, specified in BITSTREAM.md.
//!
//! As the motion fields of AV1 (Han and others, *A technical overview of AV1*, Proc.
//! IEEE 109, 2021, section on motion vector prediction) vectors are carried along
//! themselves to where their parts are now.

use super::motion::{LONGEST, Motion, PART, UNITS};
use super::movement::{Movement, Pattern, Side};

/// A frame that is known: when it is shown, and how it came about.
#[derive(Debug, Clone)]
pub(super) struct Track {
    pub number: u64,
    /// `None` of an intra frame.
    pub origin: Option<Origin>,
}

/// How a frame came about, and from which ones.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    pub movement: Movement,
    /// Numbers of the frames before and after; of one that is made from one frame, that.
    pub sources: [u64; 2],
}

/// What is expected of the parts of a frame: vectors to the frame before and to the one
/// after.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    ways: [Motion; 2],
    side: Side,
}

impl Expected {
    /// Of frame `now` of `width` by `height` pixels, which is made from `before` and,
    /// perhaps, `after`; `None` if no motion is known of these.
    pub fn new(
        now: u64,
        before: &Track,
        after: Option<&Track>,
        [width, height]: [u32; 2],
    ) -> Option<Self> {
        // The frame whose motion is shorter, since it errs less on its way here.
        let known = [after, Some(before)].into_iter().flatten();
        let known = known.filter_map(|track| Some((track, track.origin.as_ref()?)));
        let (from, origin) = known.min_by_key(|(track, origin)| span(track, origin, now))?;
        let mut ways = [(); 2].map(|()| Motion::still(width, height));
        let [columns, rows] = [2 * ways[0].columns(), 2 * ways[0].rows()];
        let ends = [before.number, after.map_or(before.number, |t| t.number)];
        let mut there = vec![false; columns * rows];
        let carry = |(x, y): (usize, usize)| -> ([i64; 2], [[i16; 2]; 2]) {
            let (vector, source) = vector_of(origin, (x, y), now > from.number);
            let whole = distance(from.number, source);
            let scaled = |part: i64| vector.map(|v| rounded(i64::from(v) * part, whole));
            let vectors = ends.map(|end| {
                let long = i64::from(LONGEST);
                scaled(distance(now, end)).map(|v| v.clamp(-long, long) as i16)
            });
            (scaled(distance(from.number, now)), vectors)
        };
        let all = || (0..rows).flat_map(|y| (0..columns).map(move |x| (x, y)));
        for (x, y) in all() {
            let (offset, vectors) = carry((x, y));
            let side = i64::from(PART) * i64::from(UNITS);
            let at = |part: usize, off: i64| (part as i64 * side + side / 2 + off).div_euclid(side);
            let (to_x, to_y) = (at(x, offset[0]), at(y, offset[1]));
            let inside = (0..columns as i64).contains(&to_x) && (0..rows as i64).contains(&to_y);
            if !inside {
                continue;
            }
            let (to_x, to_y) = (to_x as usize, to_y as usize);
            if !std::mem::replace(&mut there[to_y * columns + to_x], true) {
                for (way, vector) in ways.iter_mut().zip(vectors) {
                    way.set(to_x, to_y, vector);
                }
            }
        }
        // Where nothing went, what was in the same place.
        for (x, y) in all().filter(|(x, y)| !there[y * columns + x]) {
            let (_, vectors) = carry((x, y));
            for (way, vector) in ways.iter_mut().zip(vectors) {
                way.set(x, y, vector);
            }
        }
        let side = Side::unsaid(after.is_some());
        Some(Self { ways, side })
    }

    /// Of a block.
    pub fn block(&self, x: usize, y: usize) -> Pattern {
        let (x, y) = (x as isize, y as isize);
        Pattern {
            side: self.side,
            vectors: [0, 1].map(|way| self.ways[way].block(x, y)),
        }
    }

    /// Of a part, to the frame before (0) or after (1).
    pub fn at(&self, way: usize, (x, y): (usize, usize)) -> [i16; 2] {
        self.ways[way].at(x as isize, y as isize)
    }
}

/// Frames from one to another, in the direction of time.
fn distance(from: u64, to: u64) -> i64 {
    (to as i64).wrapping_sub(from as i64)
}

/// How far a frame's motion towards `now` reaches.
fn span(track: &Track, origin: &Origin, now: u64) -> u64 {
    let way = usize::from(now > track.number && origin.movement.after().is_some());
    origin.sources[way].abs_diff(track.number)
}

/// The vector of a part of a frame, and to which frame it leads: to one after it if
/// asked for and used.
fn vector_of(origin: &Origin, (x, y): (usize, usize), after: bool) -> ([i16; 2], u64) {
    let movement = &origin.movement;
    let side = movement.side((x / 2) as isize, (y / 2) as isize);
    let wanted = usize::from(after);
    let way = if side.uses(wanted) {
        wanted
    } else {
        1 - wanted
    };
    (
        movement.ways[way].at(x as isize, y as isize),
        origin.sources[way],
    )
}

/// A quotient, rounded to the nearest, halves away from zero.
fn rounded(dividend: i64, divisor: i64) -> i64 {
    let half = (2 * dividend.abs() + divisor.abs()) / (2 * divisor.abs()).max(1);
    half * dividend.signum() * divisor.signum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pan(width: u32, height: u32, vector: [i16; 2]) -> Movement {
        let mut movement = Movement::still(width, height, false);
        for (x, y) in movement.places() {
            movement.set_block(x, y, &Pattern::whole(Side::Before, [vector; 2]));
        }
        movement
    }

    #[test]
    fn a_pan_goes_on() {
        let size = [96, 64];
        let origin = Origin {
            movement: pan(96, 64, [16, -8]),
            sources: [0, 0],
        };
        let anchor = Track {
            number: 8,
            origin: Some(origin),
        };
        let next = Expected::new(12, &anchor, None, size).unwrap();
        assert_eq!(next.block(2, 1).vectors[0], [[8, -4]; 4]);
        let first = Track {
            number: 0,
            origin: None,
        };
        let between = Expected::new(2, &first, Some(&anchor), size).unwrap();
        assert_eq!(between.block(2, 1).vectors, [[[4, -2]; 4], [[-12, 6]; 4]]);
        assert!(Expected::new(3, &first, Some(&first), size).is_none());
    }

    #[test]
    fn what_moves_is_expected_where_it_is_by_then() {
        // One block moved by 32 pixels in 4 frames; in 2 more it has moved 16 further.
        let mut movement = Movement::still(160, 32, false);
        let vector = [-128, 0];
        movement.set_block(4, 0, &Pattern::whole(Side::Before, [vector; 2]));
        let anchor = Track {
            number: 4,
            origin: Some(Origin {
                movement,
                sources: [0, 0],
            }),
        };
        let expected = Expected::new(6, &anchor, None, [160, 32]).unwrap();
        assert_eq!(expected.block(5, 0).vectors[0], [[-64, 0]; 4]);
        assert_eq!(expected.block(6, 0).vectors[0], [[0; 2]; 4]);
        // Nothing has come to where it was: what was there is expected.
        assert_eq!(expected.block(4, 0).vectors[0], [[-64, 0]; 4]);
    }

    #[test]
    fn halves_are_rounded_away_from_zero() {
        let all = [
            (3, 2, 2),
            (-3, 2, -2),
            (3, -2, -2),
            (1, 3, 0),
            (5, 3, 2),
            (0, 7, 0),
        ];
        for (dividend, divisor, quotient) in all {
            assert_eq!(rounded(dividend, divisor), quotient);
        }
    }
}
