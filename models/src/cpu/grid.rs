use std::ops::Range;

use lic_kernels::Number;
use rayon::prelude::*;

/// Positions with their channels last, inside a border of zeros.
#[derive(Debug, Clone)]
pub(super) struct Grid<T> {
    /// `[h + 2·border][w + 2·border][channels]`.
    pub(super) data: Vec<T>,
    pub(super) h: usize,
    pub(super) w: usize,
    pub(super) channels: usize,
    pub(super) border: usize,
}

impl<T: Number> Grid<T> {
    /// All zero.
    pub(super) fn new([h, w]: [usize; 2], channels: usize, border: usize) -> Self {
        Self {
            data: vec![T::default(); (h + 2 * border) * (w + 2 * border) * channels],
            h,
            w,
            channels,
            border,
        }
    }

    /// From a row to the next.
    pub(super) fn pitch(&self) -> usize {
        (self.w + 2 * self.border) * self.channels
    }

    /// Rows `y`, each without its border.
    pub(super) fn rows_mut(
        &mut self,
        y: Range<usize>,
    ) -> impl IndexedParallelIterator<Item = &mut [T]> {
        let (pitch, inside) = (self.pitch(), self.border * self.channels);
        let length = self.w * self.channels;
        self.data[(self.border + y.start) * pitch..(self.border + y.end) * pitch]
            .par_chunks_mut(pitch)
            .map(move |row| &mut row[inside..inside + length])
    }

    /// Row `y` without its border.
    pub(super) fn row(&self, y: usize) -> &[T] {
        let start = (self.border + y) * self.pitch() + self.border * self.channels;
        &self.data[start..start + self.w * self.channels]
    }
}

/// A rectangle of positions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) y: Range<usize>,
    pub(super) x: Range<usize>,
}

impl Region {
    /// What a convolution that reaches `by` positions far reads of an `h`×`w` grid.
    pub(super) fn grown(&self, by: usize, [h, w]: [usize; 2]) -> Self {
        let grow =
            |r: &Range<usize>, side: usize| r.start.saturating_sub(by)..(r.end + by).min(side);
        Self {
            y: grow(&self.y, h),
            x: grow(&self.x, w),
        }
    }

    /// The same at twice the resolution.
    pub(super) fn doubled(&self) -> Self {
        Self {
            y: 2 * self.y.start..2 * self.y.end,
            x: 2 * self.x.start..2 * self.x.end,
        }
    }

    /// What of half the resolution covers it.
    pub(super) fn halved(&self) -> Self {
        let halve = |r: &Range<usize>| r.start / 2..r.end.div_ceil(2);
        Self {
            y: halve(&self.y),
            x: halve(&self.x),
        }
    }
}

/// Cuts a range into tiles of at most `most`, as even as can be.
pub(super) fn tiles(x: Range<usize>, most: usize) -> impl Iterator<Item = Range<usize>> {
    let count = x.len().div_ceil(most);
    (0..count).map(move |i| {
        let at = |i: usize| x.start + i * x.len() / count;
        at(i)..at(i + 1)
    })
}
