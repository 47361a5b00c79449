//! Frames in and out: y4m, numbered pictures, and with the feature `ffmpeg` whatever
//! FFmpeg reads.
//!
//! A reader yields frames as they are stored ([`Frame`]: planes of luma and chroma, or
//! of red, green and blue), one at a time; [`VideoFormat::to_rgb`] and
//! [`VideoFormat::from_rgb`] are the way to RGB of 16 bits and back, which is exact up
//! to the rounding of samples where chroma is not subsampled.

mod colour;
#[cfg(feature = "ffmpeg")]
mod ffmpeg;
#[cfg(all(test, feature = "ffmpeg"))]
mod ffmpeg_tests;
mod sequence;
#[cfg(test)]
mod tests;
mod y4m;

use std::io;

pub use colour::Matrix;
#[cfg(feature = "ffmpeg")]
pub use ffmpeg::{FfmpegReader, FfmpegWriter};
pub use sequence::{NumberedPictures, PictureWriter, is_pattern};
pub use y4m::{Y4mReader, Y4mWriter};

/// The longest side of a frame that is read, in pixels.
pub const MAX_SIDE: u32 = 1 << 16;
/// The most pixels of a frame that is read.
pub const MAX_PIXELS: u64 = 1 << 27;

/// Where the samples of colour lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sampling {
    /// Luma only.
    Mono,
    /// Red, green and blue planes.
    Rgb,
    /// A chroma sample for each pixel.
    Yuv444,
    /// One for two pixels of a row, on the left one.
    Yuv422,
    /// One for four pixels, on the left edge, between two rows (MPEG-2, H.264).
    Yuv420Left,
    /// One for four pixels, between them (JPEG, MPEG-1).
    Yuv420Centre,
}

impl Sampling {
    /// How many pixels of a row, and how many rows, share a chroma sample.
    pub fn shared(self) -> (u32, u32) {
        match self {
            Self::Mono | Self::Rgb | Self::Yuv444 => (1, 1),
            Self::Yuv422 => (2, 1),
            Self::Yuv420Left | Self::Yuv420Centre => (2, 2),
        }
    }

    /// Planes of a frame.
    pub fn planes(self) -> usize {
        if self == Self::Mono { 1 } else { 3 }
    }
}

/// What the frames of a video are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VideoFormat {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Where the samples of colour lie.
    pub sampling: Sampling,
    /// Bits of a sample, 8 to 16.
    pub bits: u8,
    /// Whether samples use the full range.
    pub full_range: bool,
    /// How chroma comes from red, green and blue.
    pub matrix: Matrix,
    /// Frames a second: numerator and denominator; zeros if it is not known.
    pub rate: (u32, u32),
    /// Width of a pixel by its height; zeros if it is not known.
    pub aspect: (u32, u32),
}

/// Samples of a frame: luma and chroma, or red, green and blue, each by rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frame {
    /// As many as the format has.
    pub planes: Vec<Vec<u16>>,
}

/// Why a video cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum VideoError {
    /// The input or the output failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// What it says of itself cannot be used.
    #[error("{0}")]
    Header(String),
    /// A frame cannot be read.
    #[error("frame {number}: {reason}")]
    Frame {
        /// Which, from 0.
        number: u64,
        /// Why.
        reason: String,
    },
}

impl VideoError {
    pub(crate) fn header(reason: impl Into<String>) -> Self {
        Self::Header(reason.into())
    }
}

/// Frames, one after another.
pub trait VideoReader {
    /// What they are.
    fn format(&self) -> &VideoFormat;

    /// The next frame; `None` after the last one.
    ///
    /// # Errors
    /// If the input fails or is not what its header says.
    fn next_frame(&mut self) -> Result<Option<Frame>, VideoError>;
}

impl VideoFormat {
    /// Checks sizes before anything is allocated for them.
    ///
    /// # Errors
    /// If a side is 0, or a frame is larger than [`MAX_SIDE`] and [`MAX_PIXELS`] allow.
    pub fn check_size(width: u64, height: u64) -> Result<(u32, u32), VideoError> {
        let side = u64::from(MAX_SIDE);
        let fits = (1..=side).contains(&width) && (1..=side).contains(&height);
        if !fits || width * height > MAX_PIXELS {
            return Err(VideoError::header(format!(
                "frames of {width}x{height} pixels; sides must be 1 to {MAX_SIDE}, and \
                 {MAX_PIXELS} pixels are the limit"
            )));
        }
        Ok((width as u32, height as u32))
    }

    /// Samples in a row and rows of plane `plane`.
    pub fn plane_size(&self, plane: usize) -> (usize, usize) {
        let (x, y) = if plane == 0 {
            (1, 1)
        } else {
            self.sampling.shared()
        };
        let side = |length: u32, by: u32| length.div_ceil(by) as usize;
        (side(self.width, x), side(self.height, y))
    }

    /// The greatest sample.
    pub fn max(&self) -> u16 {
        ((1u32 << self.bits) - 1) as u16
    }

    /// Samples of a pixel as [`to_rgb`](Self::to_rgb) has them: 1 or 3.
    pub fn channels(&self) -> usize {
        self.sampling.planes()
    }
}
