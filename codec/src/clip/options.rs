//! What an encoder of clips may be asked for, and what it says afterwards.

use lic_entropy::Coder;

use super::frame::FrameKind;
use super::header::{Ratio, Source};
use crate::image::Channels;
use crate::model::Quality;
use crate::options::Effort;

/// What an encoder of clips may choose.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ClipOptions {
    /// From the smallest file to the best pictures. Default: 50.
    pub quality: Quality,
    /// How much better than that intra frames are, in halves of a quality: what is good
    /// in them is good in the frames that follow. Default: 24; by 6 BasketballPass takes 3 %
    /// more and foreman 2 % (BD-rate in PSNR, of 28 against 6). Of no effect if all frames
    /// are intra frames.
    pub intra_boost: u8,
    /// Time spent for smaller intra frames, by which those that follow profit too; predicted
    /// frames take the same time for all. Default: 1.
    pub effort: Effort,
    /// The entropy coder. Default: [`Coder::Ans`].
    pub coder: Coder,
    /// The longest side of a tile, in pixels. Default: 1024.
    pub tile: u32,
    /// The most frames from an intra frame to the next; 0 for any number. Default: 32.
    pub gop: u32,
    /// The most frames between two anchors that are made from both, 0 to
    /// [`MOST_BETWEEN`](super::MOST_BETWEEN): so many frames have to arrive before any of them
    /// leaves; fewer at a time where motion is hard to follow. Default: 7; by 3 two clips of
    /// four take 4 and 7 % more (BD-rate in PSNR), the others about as much.
    pub between: u8,
    /// Whether a frame that the one before does not explain is an intra frame. Default:
    /// yes.
    pub scene_cuts: bool,
    /// Whether tiles that have not changed are left as they are. Default: yes.
    pub hold: bool,
    /// Grey or colour. Default: colour.
    pub channels: Channels,
    /// Frames a second.
    pub rate: Ratio,
    /// Width of a pixel by its height.
    pub aspect: Ratio,
    /// What the source was.
    pub source: Source,
}

/// How much worse frames between others are, in halves of a quality, and how much more
/// for each further time that what lies between is halved.
const BETWEEN_LESS: u8 = 24;
const DEEPER_LESS: u8 = 12;

impl Default for ClipOptions {
    fn default() -> Self {
        Self {
            quality: Quality::default(),
            intra_boost: 24,
            effort: Effort::default(),
            coder: Coder::default(),
            tile: 1024,
            gop: 32,
            between: 7,
            scene_cuts: true,
            hold: true,
            channels: Channels::Rgb,
            rate: Ratio::default(),
            aspect: Ratio::default(),
            source: Source::default(),
        }
    }
}

impl ClipOptions {
    /// The defaults, with `quality`.
    pub fn new(quality: Quality) -> Self {
        Self {
            quality,
            ..Self::default()
        }
    }

    /// The quality of a frame that is `depth` times between others.
    pub(super) fn quality_of(&self, kind: FrameKind, depth: u32) -> Quality {
        let halves = self.quality.halves();
        match kind {
            FrameKind::Predicted => self.quality,
            // Where no frame follows another, none profits.
            FrameKind::Intra if self.gop == 1 => self.quality,
            FrameKind::Intra => {
                let halves = halves.saturating_add(self.intra_boost);
                Quality::from_halves(halves).unwrap_or(Quality::MAX)
            }
            // Who asks for the best of all, without loss perhaps, means every frame.
            FrameKind::Between if self.quality == Quality::MAX => Quality::MAX,
            // Fewer profit from what is good in them the deeper they lie. Between 20 and 32, and
            // 4 and 18 for what lies deeper, four clips take 1 % more or less (BD-rate in PSNR).
            FrameKind::Between => {
                let less = BETWEEN_LESS + DEEPER_LESS * depth.saturating_sub(1) as u8;
                Quality::from_halves(halves.saturating_sub(less)).unwrap_or(Quality::MIN)
            }
        }
    }
}

/// What an encoder of a clip did.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct ClipReport {
    /// Frames.
    pub frames: u64,
    /// Length of the file.
    pub bytes: u64,
    /// The information in the symbols, as the tables see it, in bits.
    pub predicted_bits: f64,
}
