//! What steps make known, added to the stream.

use std::borrow::Cow;

use rayon::prelude::*;

use super::magnitude::{magnitude, magnitude_of_halves};
use super::{Conv, Grid, IntLayer, IntShape, IntStream};
use crate::prior::{Pass, Step};
use crate::profile::{Numbers, Other, Part, Work, timed};

/// What a step adds to the stream.
#[derive(Debug, Clone)]
pub(super) enum Context {
    /// One tap in two sees a checkerboard's symbols: the even, and the odd ones.
    Checkered([Conv; 2]),
    Whole(Conv),
}

impl Context {
    /// `checkered`: whether passes are over squares of a checkerboard.
    pub(super) fn new(layer: &IntLayer, checkered: bool) -> Self {
        if checkered {
            Self::Checkered([Conv::checkered(layer, 0), Conv::checkered(layer, 1)])
        } else {
            Self::Whole(Conv::new(layer))
        }
    }
}

impl IntShape {
    /// Adds the residuals `r` of step `step`: `[channel][position covered]`.
    pub fn update(&self, stream: &mut IntStream, step: usize, r: &[i32]) {
        self.update_seen(stream, step, r, magnitude);
    }

    /// The same in halves of a step.
    pub fn update_doubled(&self, stream: &mut IntStream, step: usize, doubled: &[i32]) {
        self.update_seen(stream, step, doubled, magnitude_of_halves);
    }

    fn update_seen(
        &self,
        stream: &mut IntStream,
        step: usize,
        r: &[i32],
        see: impl Fn(i32) -> u8 + Sync,
    ) {
        let Step { group, pass, .. } = self.steps[step];
        let positions = stream.h * stream.w;
        let work = || {
            let inputs = match &self.context[group] {
                _ if pass.leaves_corners() => 0,
                Context::Whole(conv) => conv.matrix.inputs(),
                // Each sees half of the positions.
                Context::Checkered([even, odd]) => (even.matrix.inputs() + odd.matrix.inputs()) / 2,
            };
            let outputs = self.hyper.matrix.outputs();
            Work {
                numbers: Numbers::Bytes,
                macs: positions * inputs * outputs,
                bytes: size_of_val(r) + 2 * positions * size_of::<i32>() * outputs,
            }
        };
        timed(Part::Other(Other::ShapeContexts), work, || {
            self.add(stream, step, r, see);
        });
    }

    fn add(&self, stream: &mut IntStream, step: usize, r: &[i32], see: impl Fn(i32) -> u8 + Sync) {
        let Step {
            group,
            channels,
            pass,
            ..
        } = self.steps[step];
        let (isa, h, w) = (self.isa, stream.h, stream.w);
        let context = &self.context[group];
        let (Context::Whole(Conv { side, .. }) | Context::Checkered([Conv { side, .. }, _])) =
            context;
        let count = pass.before_row(h, w);
        let before = stream.corners.take();
        let mut known = before.unwrap_or_else(|| Grid::new([h, w], channels, side / 2));
        let depth = known.depth;
        let (first_row, row_step) = pass.rows();
        let rows = known.rows_mut().enumerate();
        rows.skip(first_row).step_by(row_step).for_each(|(y, row)| {
            let before = pass.before_row(y, w);
            let (first, step) = pass.in_row(y);
            let end = pass.before_row(y + 1, w);
            for (c, r) in r.chunks_exact(count).take(channels).enumerate() {
                let known = row[first * depth + c..].iter_mut().step_by(step * depth);
                let pairs = known.zip(&r[before..end]);
                pairs.for_each(|(known, &r)| *known = see(r));
            }
        });
        if pass.leaves_corners() {
            stream.corners = Some(known);
            return;
        }
        let width = self.hyper.matrix.outputs();
        let rows = stream.sums.par_chunks_mut(w * width).enumerate();
        rows.for_each(|(y, row)| match context {
            Context::Whole(conv) => conv.row(isa, &known, [y, 0, 1], true, row),
            Context::Checkered(convs) => {
                for kind in [Pass::Even, Pass::Odd] {
                    // A position sees its own kind through even taps.
                    let conv = &convs[usize::from(kind != pass.squares())];
                    let (first, step) = kind.in_row(y);
                    if first < w {
                        conv.row(isa, &known, [y, first, step], true, row);
                    }
                }
            }
        });
    }

    /// The sums of the stream as the pass of a step sees them.
    pub(super) fn seen<'a>(&self, stream: &'a IntStream, step: Step) -> Cow<'a, [i32]> {
        let context = &self.context[step.group];
        let (Some(known), Context::Checkered([even, _])) = (&stream.corners, context) else {
            return Cow::Borrowed(&stream.sums);
        };
        let width = self.hyper.matrix.outputs();
        let (first_row, row_step) = step.pass.rows();
        let positions = step.pass.before_row(stream.h, stream.w);
        let work = || Work {
            numbers: Numbers::Bytes,
            macs: positions * even.matrix.inputs() * width,
            bytes: 2 * size_of_val(&stream.sums[..]),
        };
        let sums = timed(Part::Other(Other::ShapeContexts), work, || {
            let mut sums = stream.sums.clone();
            let rows = sums.par_chunks_mut(stream.w * width).enumerate();
            rows.skip(first_row).step_by(row_step).for_each(|(y, row)| {
                let (first, step) = step.pass.in_row(y);
                if first < stream.w {
                    even.row(self.isa, known, [y, first, step], true, row);
                }
            });
            sums
        });
        Cow::Owned(sums)
    }
}
