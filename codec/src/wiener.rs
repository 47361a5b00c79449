//! Filters that a file may carry: fitted by the encoder to this one picture, they bring
//! what was decoded nearer to what was encoded. BITSTREAM.md, *Filters*, defines them.
//!
//! A learned transform is right on average over the pictures it was trained on. What it
//! gets wrong of one picture in the same way everywhere, a small linear filter of its own
//! mends, chosen for least squared error (Wiener), a filter for each of a few classes of
//! texture: the adaptive loop filter of H.266 (Tsai et al., *Adaptive Loop Filtering for
//! Video Coding*, IEEE JSTSP 2013; Karczewicz et al., *VVC In-Loop Filters*, IEEE TCSVT
//! 2021), here after the loop, for there is none. Its classes by activity and direction
//! and its turned filters are theirs; sums of three colours in place of Y, Cb and Cr, and
//! the coding of the filters, are not.
//!
//! ```text
//! 16-bit samples ─ strip ─ class of each 4x4 pixels ─ filter of the class ─ + ─ rounded
//!        └──────────────────────────────────────────────────────────────────┘
//! ```

mod apply;
#[cfg(test)]
mod by_the_spec;
mod file;
mod fit;
mod strip;
#[cfg(test)]
mod tests;

pub use file::FilterError;
pub(crate) use fit::Fit;

/// Pairs of pixels that a filter weighs, opposite to each other.
const TAPS: usize = 12;

/// The first pixel of each pair, rows down and columns to the right of the one that is
/// filtered: half of a diamond of seven by seven.
const OFFSETS: [(i32, i32); TAPS] = [
    (0, 1),
    (0, 2),
    (0, 3),
    (1, -2),
    (1, -1),
    (1, 0),
    (1, 1),
    (1, 2),
    (2, -1),
    (2, 0),
    (2, 1),
    (3, 0),
];

/// Classes of texture: eight of activity, three of direction each.
const CLASSES: usize = 24;
/// Of these, how many are of one activity.
const DIRECTIONS: usize = 3;

/// The most a weight may be, and the least with a minus.
const LARGEST: i32 = 127;
/// The most that the sizes of a filter's weights may add up to: sums of them are whole
/// numbers below 2^24 then, which single precision holds exactly.
const MOST: i32 = 512;

/// Pixels beyond which a filter and the class of a block do not look. Blocks begin at
/// multiples of it.
pub(crate) const REACH: u32 = 8;

/// The weights of one filter, in 1/512 of the planes' units.
type Filter = [i16; TAPS];

/// The filters of a picture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filters {
    /// For the sum of the colours.
    luma: Bank,
    /// For both of their differences; none in grey pictures.
    chroma: Bank,
}

/// Filters, and which of them each class has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Bank {
    filters: Vec<Filter>,
    /// 0 if the class has none, else the number of the filter plus 1.
    of_class: [u8; CLASSES],
}

impl Bank {
    /// The filter of a class, if it has one.
    fn of(&self, class: u8) -> Option<&Filter> {
        let number = self.of_class[usize::from(class)].checked_sub(1)?;
        self.filters.get(usize::from(number))
    }
}

impl Filters {
    /// Whether they change nothing.
    pub fn is_empty(&self) -> bool {
        self.luma.filters.is_empty() && self.chroma.filters.is_empty()
    }
}
