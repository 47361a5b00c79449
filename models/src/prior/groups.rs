//! Channel groups and the order in which symbols are coded.

use burn::config::Config;
use burn::tensor::{Device, Tensor, TensorData};

/// Channel groups, most important first, and which of them take two passes.
#[derive(Config, Debug, PartialEq, Eq)]
pub struct GroupsConfig {
    /// Channels of each group: uneven, as ELIC (He et al., CVPR 2022, section
    /// 3.2) found best.
    pub sizes: Vec<usize>,
    /// The first so many groups are coded in two passes, as the squares of a
    /// checkerboard (He et al., *Checkerboard Context Model*, CVPR 2021).
    pub checkered: usize,
    /// The first so many of these code their first squares in two passes, too, so that
    /// one position in four, and not every second, is coded without neighbours.
    pub quartered: Option<usize>,
    /// The first so many of these code this first quarter in three passes, too, so that
    /// one position in sixteen is coded without neighbours.
    pub anchored: Option<usize>,
}

/// Which positions a step codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// All.
    Whole,
    /// Those with `x + y` even.
    Even,
    /// Those with `x + y` odd.
    Odd,
    /// Half of the even ones: those with `x` and `y` even.
    Corners,
    /// The other half: those with `x` and `y` odd.
    Centres,
    /// A quarter of the corners: those with `x` and `y` multiples of 4.
    Anchors,
    /// Another quarter of them, in the middle between four anchors.
    Between,
    /// The other half of them.
    Beside,
}

impl Pass {
    /// Whether the pass codes position (`x`, `y`).
    pub fn covers(self, x: usize, y: usize) -> bool {
        let (row, row_step) = self.rows();
        let (column, column_step) = self.in_row(y);
        y % row_step == row && x % column_step == column
    }

    /// How many positions of a row of `w` the pass codes, if it codes any of it: `w` is a
    /// multiple of 4.
    pub(crate) fn count_in_row(self, w: usize) -> usize {
        let (_, step) = self.in_row(0);
        w / step
    }

    /// The first row with positions that the pass codes, and the distance from one to
    /// the next.
    pub(crate) fn rows(self) -> (usize, usize) {
        match self {
            Self::Whole | Self::Even | Self::Odd => (0, 1),
            Self::Corners | Self::Beside => (0, 2),
            Self::Centres => (1, 2),
            Self::Anchors => (0, 4),
            Self::Between => (2, 4),
        }
    }

    /// The first column that the pass codes in row `y`, if it codes any of it, and the
    /// distance from one to the next.
    pub(crate) fn in_row(self, y: usize) -> (usize, usize) {
        match self {
            Self::Whole => (0, 1),
            Self::Even => (y % 2, 2),
            Self::Odd => (1 - y % 2, 2),
            Self::Corners => (0, 2),
            Self::Centres => (1, 2),
            Self::Anchors => (0, 4),
            Self::Between => (2, 4),
            Self::Beside => ((y + 2) % 4 / 2 * 2, 4),
        }
    }

    /// Positions that the pass codes in the `y` rows before row `y`, of `w` each.
    pub(crate) fn before_row(self, y: usize, w: usize) -> usize {
        match self {
            Self::Whole => y * w,
            Self::Even => (y * w).div_ceil(2),
            Self::Odd => y * w / 2,
            Self::Corners => y.div_ceil(2) * w.div_ceil(2),
            Self::Centres => y / 2 * (w / 2),
            Self::Anchors => y.div_ceil(4) * w.div_ceil(4),
            Self::Between => (y + 1) / 4 * ((w + 1) / 4),
            // In rows 0, 4, and so on those from 2 on; in rows 2, 6, and so on those from 0.
            Self::Beside => y.div_ceil(4) * ((w + 1) / 4) + (y + 1) / 4 * w.div_ceil(4),
        }
    }

    /// Of the two kinds of squares, the one that the pass codes some of.
    pub(crate) fn squares(self) -> Self {
        match self {
            Self::Whole | Self::Odd => self,
            _ => Self::Even,
        }
    }

    /// The pass of fewer steps that codes these positions and others.
    fn wider(self) -> Option<Self> {
        match self {
            Self::Whole => None,
            Self::Even | Self::Odd => Some(Self::Whole),
            Self::Corners | Self::Centres => Some(Self::Even),
            Self::Anchors | Self::Between | Self::Beside => Some(Self::Corners),
        }
    }

    /// Whether what the pass makes known is a part of the corners only, with more to come.
    pub(crate) fn leaves_corners(self) -> bool {
        matches!(self, Self::Anchors | Self::Between)
    }
}

/// One step over the latents `y`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The group.
    pub group: usize,
    /// Its first channel.
    pub first: usize,
    /// Its number of channels.
    pub channels: usize,
    /// The positions coded.
    pub pass: Pass,
}

/// The steps in coding order.
#[derive(Debug, Clone)]
pub struct Groups {
    channels: usize,
    steps: Vec<Step>,
    sections: Vec<usize>,
}

impl GroupsConfig {
    /// Lays the steps out.
    pub fn init(&self) -> Groups {
        let mut steps = Vec::new();
        let mut first = 0;
        for (group, &channels) in self.sizes.iter().enumerate() {
            steps.extend(self.passes(group).iter().map(|&pass| Step {
                group,
                first,
                channels,
                pass,
            }));
            first += channels;
        }
        // The hyper-latents share a section with the first group: neither is of
        // use without the other, and a section costs six bytes.
        let sections = std::iter::once(0)
            .chain(steps.iter().map(|s| s.group))
            .collect();
        Groups {
            channels: first,
            steps,
            sections,
        }
    }

    fn passes(&self, group: usize) -> &'static [Pass] {
        if group >= self.checkered {
            &[Pass::Whole]
        } else if group >= self.quartered.unwrap_or(0) {
            &[Pass::Even, Pass::Odd]
        } else if group >= self.anchored.unwrap_or(0) {
            &[Pass::Corners, Pass::Centres, Pass::Odd]
        } else {
            &[
                Pass::Anchors,
                Pass::Between,
                Pass::Beside,
                Pass::Centres,
                Pass::Odd,
            ]
        }
    }

    /// For each step, the step of `other`, the same groups in other passes, that codes
    /// these squares or more.
    pub fn steps_of(&self, other: &Self) -> Vec<usize> {
        let (ours, theirs) = (self.init(), other.init());
        let at = |group: usize, pass: Pass| {
            let mut theirs = theirs.steps().iter();
            theirs.position(|their| their.group == group && their.pass == pass)
        };
        let of = |step: &Step| {
            let mut passes = std::iter::successors(Some(step.pass), |pass| pass.wider());
            passes.find_map(|pass| at(step.group, pass))
        };
        // Where `other` has more passes, the one that sees least.
        let first = |step: &Step| {
            let mut theirs = theirs.steps().iter();
            theirs.position(|their| {
                their.group == step.group && their.pass.squares() == step.pass.squares()
            })
        };
        let found = ours.steps().iter();
        found
            .map(|step| of(step).or_else(|| first(step)).unwrap_or(0))
            .collect()
    }

    /// Latent channels in all.
    pub fn channels(&self) -> usize {
        self.sizes.iter().sum()
    }

    /// Side of a group's context convolution: wider where the second pass sees
    /// its own group's neighbours.
    pub fn context_kernel(&self, group: usize) -> usize {
        if group < self.checkered { 5 } else { 3 }
    }

    /// Multiply-accumulates a position of all context convolutions into a stream
    /// of `stream` channels, as our kernels run them. Every step runs its group's once, for
    /// the positions that it tells something; nobody reads the stream after the last step. What a pass over squares of one
    /// colour makes known is seen through every second tap: 12 or 13 of 25, half of them
    /// on average.
    pub fn context_macs(&self, stream: usize) -> usize {
        let steps = self.init();
        let (_, all_but_last) = steps.steps().split_last().expect("a model has a group");
        let cost = |s: &Step| {
            let all = self.context_kernel(s.group).pow(2) * s.channels * stream;
            match s.pass {
                Pass::Whole => all,
                // What is known of corners is seen by the next pass over them alone.
                Pass::Anchors => all / 2 / 16,
                Pass::Between => all / 2 / 8,
                _ => all / 2,
            }
        };
        all_but_last.iter().map(cost).sum()
    }
}

impl Groups {
    /// Latent channels in all.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Steps over `y`, in order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The section of every step of the walk: step 0 codes the hyper-latents,
    /// step `i + 1` is `steps()[i]`.
    pub fn sections(&self) -> &[usize] {
        &self.sections
    }
}

/// `[1, 1, h, w]`: one at the positions of `pass`, zero elsewhere.
pub fn parity_mask(pass: Pass, h: usize, w: usize, device: &Device) -> Tensor<4> {
    let values: Vec<f32> = (0..h * w)
        .map(|i| f32::from(u8::from(pass.covers(i % w, i / w))))
        .collect();
    Tensor::from_data(TensorData::new(values, [1, 1, h, w]), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_pass_are_what_it_covers() {
        let even = |pass: Pass| pass.squares() == Pass::Even;
        let parts = [Pass::Corners, Pass::Centres];
        let corners = [Pass::Anchors, Pass::Between, Pass::Beside];
        for pass in [Pass::Whole, Pass::Even, Pass::Odd]
            .into_iter()
            .chain(parts)
            .chain(corners)
        {
            for w in 1..10 {
                let mut before = 0;
                for y in 0..9 {
                    assert_eq!(pass.before_row(y, w), before, "{pass:?} {w} {y}");
                    let (row, rows) = pass.rows();
                    let (first, step) = pass.in_row(y);
                    let mut found: Vec<usize> = (first..w).step_by(step).collect();
                    if y % rows != row {
                        found.clear();
                    }
                    let is_even = |x: &usize| (x + y).is_multiple_of(2);
                    assert!(!even(pass) || found.iter().all(is_even), "{pass:?} {w} {y}");
                    let covered: Vec<usize> = (0..w).filter(|&x| pass.covers(x, y)).collect();
                    assert_eq!(found, covered, "{pass:?} {w} {y}");
                    let whole = w % 4 == 0 && !found.is_empty();
                    assert!(
                        !whole || found.len() == pass.count_in_row(w),
                        "{pass:?} {w}"
                    );
                    before += found.len();
                }
            }
        }
    }

    /// Of 10 channels and 8 by 8 positions.
    fn cover_once(config: &GroupsConfig) {
        let mut seen = vec![0; 10 * 8 * 8];
        for step in config.init().steps() {
            for c in step.first..step.first + step.channels {
                for i in 0..64 {
                    if step.pass.covers(i % 8, i / 8) {
                        seen[c * 64 + i] += 1;
                    }
                }
            }
        }
        assert!(seen.iter().all(|&n| n == 1));
    }

    #[test]
    fn steps_cover_every_symbol_once() {
        let config = GroupsConfig {
            sizes: vec![2, 3, 5],
            checkered: 2,
            quartered: Some(1),
            anchored: None,
        };
        let anchored = GroupsConfig {
            anchored: Some(1),
            ..config.clone()
        };
        cover_once(&config);
        cover_once(&anchored);
        assert_eq!(anchored.init().sections(), [0, 0, 0, 0, 0, 0, 1, 1, 2]);
        assert_eq!(anchored.steps_of(&config), [0, 0, 0, 1, 2, 3, 4, 5]);
        assert_eq!(config.steps_of(&anchored), [0, 3, 4, 5, 6, 7]);
        assert_eq!(config.init().sections(), [0, 0, 0, 0, 1, 1, 2]);
        let plain = GroupsConfig {
            quartered: None,
            ..config.clone()
        };
        assert_eq!(config.steps_of(&plain), [0, 0, 1, 2, 3, 4]);
        assert_eq!(anchored.steps_of(&plain), [0, 0, 0, 0, 1, 2, 3, 4]);
        assert_eq!(config.steps_of(&config)[2..], [2, 3, 4, 5]);
    }
}
