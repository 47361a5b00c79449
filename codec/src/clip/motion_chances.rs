//! How likely the bits of a frame's motion are.

use crate::chance::Chance;

/// What a block can be merged with: what is expected, and those to the left, above, above
/// to the right and to the left, and nothing that moves.
pub(super) const SOURCES: usize = 6;

/// Classes of how far vectors of neighbours were off.
pub(super) const CLASSES: usize = 4;

/// Binary digits of a component's distance to what was expected, at most: 16,382 and 1.
pub(super) const DIGITS: usize = 14;

/// What is learned of the motion of a frame.
#[derive(Debug, Clone)]
pub(super) struct Chances {
    /// Whether a block is merged, by how many of its neighbours are.
    pub merged: [Chance; 3],
    /// Whether with a source; the last one needs no bit.
    pub source: [Chance; SOURCES - 1],
    /// Whether a block is made from both sides, by how many of its neighbours are.
    pub both: [Chance; 3],
    /// Whether only from the one after, likewise.
    pub after: [Chance; 3],
    /// Whether a block is in parts, likewise.
    pub divided: [Chance; 3],
    /// Whether a vector is close to what was expected from frames before.
    pub carried: [Chance; 2],
    /// Whether it is anywhere else than expected.
    pub off: [Chance; CLASSES],
    /// Whether so in x; if that is so, whether so in y.
    pub off_x: [Chance; CLASSES],
    pub off_y: [Chance; CLASSES],
    /// Whether the number of a distance has more binary digits.
    pub longer: [[Chance; DIGITS]; CLASSES],
    /// The first bit below the topmost.
    pub below: [Chance; DIGITS],
}

/// How likely bits are before any was seen, of a frame made from one other and of one between
/// two: means over clips for training and tuning, of 256 a 0.
const MERGED: [[u8; 3]; 2] = [[195, 94, 32], [155, 65, 18]];
const SOURCE: [[u8; SOURCES - 1]; 2] = [[173, 97, 64, 64, 58], [144, 93, 60, 45, 58]];
const BOTH: [[u8; 3]; 2] = [[128, 128, 128], [186, 183, 172]];
const AFTER: [[u8; 3]; 2] = [[128, 128, 128], [152, 98, 56]];
const DIVIDED: [[u8; 3]; 2] = [[176, 85, 32], [208, 134, 89]];
const CARRIED: [[u8; 2]; 2] = [[216, 187], [201, 173]];
const OFF: [[u8; CLASSES]; 2] = [[70, 65, 51, 45], [71, 58, 45, 40]];
const OFF_X: [[u8; CLASSES]; 2] = [[66, 72, 59, 52], [53, 55, 48, 42]];
const OFF_Y: [[u8; CLASSES]; 2] = [[109, 111, 88, 62], [82, 92, 77, 63]];
const LONGER: [[[u8; 7]; CLASSES]; 2] = [
    [
        [54, 57, 76, 97, 111, 140, 192],
        [107, 101, 101, 110, 114, 141, 210],
        [43, 68, 99, 126, 133, 144, 192],
        [14, 30, 60, 93, 119, 138, 171],
    ],
    [
        [69, 71, 85, 102, 126, 158, REST],
        [84, 100, 110, 121, 144, 184, 212],
        [50, 85, 119, 145, 155, 183, 209],
        [28, 51, 82, 114, 141, 164, 220],
    ],
];
const REST: u8 = 224;
const BELOW: u8 = 158;

/// How many bits those means count for.
const BEFORE: u32 = 8;

impl Chances {
    /// Of a frame from one other, or of one between two.
    pub fn new(between: bool) -> Self {
        let of = |zero: u8| Chance::after(zero.into(), BEFORE);
        let kind = usize::from(between);
        Self {
            merged: MERGED[kind].map(of),
            source: SOURCE[kind].map(of),
            both: BOTH[kind].map(of),
            after: AFTER[kind].map(of),
            divided: DIVIDED[kind].map(of),
            carried: CARRIED[kind].map(of),
            off: OFF[kind].map(of),
            off_x: OFF_X[kind].map(of),
            off_y: OFF_Y[kind].map(of),
            longer: LONGER[kind]
                .map(|class| std::array::from_fn(|i| of(class.get(i).copied().unwrap_or(REST)))),
            below: [of(BELOW); DIGITS],
        }
    }
}
