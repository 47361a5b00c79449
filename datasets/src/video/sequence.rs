//! Numbered pictures, such as `frames/%04d.png`.

use std::path::{Path, PathBuf};

use image::{DynamicImage, ExtendedColorType, ImageReader};

use super::{Frame, Matrix, Sampling, VideoError, VideoFormat, VideoReader};

/// Whether a path has a number's place in it: `%d` or `%04d`.
pub fn is_pattern(path: &Path) -> bool {
    Pattern::of(path).is_some()
}

/// A path around the place of a number.
#[derive(Debug, Clone)]
struct Pattern {
    before: String,
    after: String,
    digits: usize,
}

impl Pattern {
    fn of(path: &Path) -> Option<Self> {
        let text = path.to_str()?;
        let (before, rest) = text.split_once('%')?;
        let (digits, after) = rest.split_once('d')?;
        let digits = match digits.strip_prefix('0') {
            Some(digits) => digits.parse().ok().filter(|&d| d <= 20)?,
            None if digits.is_empty() => 0,
            None => return None,
        };
        Some(Self {
            before: before.to_owned(),
            after: after.to_owned(),
            digits,
        })
    }

    fn path(&self, number: u64) -> PathBuf {
        let Self {
            before,
            after,
            digits,
        } = self;
        PathBuf::from(format!("{before}{number:0digits$}{after}"))
    }
}

fn no_pattern(path: &Path) -> VideoError {
    VideoError::header(format!(
        "{} has no place for a number, such as %04d",
        path.display()
    ))
}

/// Reads numbered pictures until a number is missing. The first has a number from 0 to
/// 4.
#[derive(Debug)]
pub struct NumberedPictures {
    pattern: Pattern,
    next: u64,
    first: Option<Frame>,
    format: VideoFormat,
    number: u64,
}

impl NumberedPictures {
    /// Reads the first picture of `path`, a pattern. `rate` is in frames a second.
    ///
    /// # Errors
    /// If there is none, or it cannot be read.
    pub fn open(path: &Path, rate: (u32, u32)) -> Result<Self, VideoError> {
        let pattern = Pattern::of(path).ok_or_else(|| no_pattern(path))?;
        let found = (0..5).find(|&number| pattern.path(number).exists());
        let Some(first) = found else {
            return Err(VideoError::header(format!(
                "no picture {} nor one with a number up to 4",
                pattern.path(0).display()
            )));
        };
        let picture = picture(&pattern.path(first), 0)?;
        let (width, height) =
            VideoFormat::check_size(u64::from(picture.width()), u64::from(picture.height()))?;
        let colour = picture.color();
        let format = VideoFormat {
            width,
            height,
            sampling: if colour.has_color() {
                Sampling::Rgb
            } else {
                Sampling::Mono
            },
            bits: if colour.bytes_per_pixel() > colour.channel_count() {
                16
            } else {
                8
            },
            full_range: true,
            matrix: Matrix::usual(height),
            rate,
            aspect: (0, 0),
        };
        Ok(Self {
            first: Some(frame(picture, &format)),
            pattern,
            next: first + 1,
            format,
            number: 0,
        })
    }
}

impl VideoReader for NumberedPictures {
    fn format(&self) -> &VideoFormat {
        &self.format
    }

    fn next_frame(&mut self) -> Result<Option<Frame>, VideoError> {
        if let Some(frame) = self.first.take() {
            self.number += 1;
            return Ok(Some(frame));
        }
        let path = self.pattern.path(self.next);
        if !path.exists() {
            return Ok(None);
        }
        let picture = picture(&path, self.number)?;
        let (width, height) = (self.format.width, self.format.height);
        if (picture.width(), picture.height()) != (width, height) {
            return Err(VideoError::Frame {
                number: self.number,
                reason: format!(
                    "{} has {}x{} pixels, those before it {width}x{height}",
                    path.display(),
                    picture.width(),
                    picture.height()
                ),
            });
        }
        self.next += 1;
        self.number += 1;
        Ok(Some(frame(picture, &self.format)))
    }
}

fn picture(path: &Path, number: u64) -> Result<DynamicImage, VideoError> {
    let fault = |reason: String| VideoError::Frame {
        number,
        reason: format!("{}: {reason}", path.display()),
    };
    let reader = ImageReader::open(path).map_err(|error| fault(error.to_string()))?;
    let reader = reader.with_guessed_format()?;
    // The crate's own limit, 512 MiB, holds.
    reader.decode().map_err(|error| fault(error.to_string()))
}

/// The planes of a picture; alpha is dropped.
fn frame(picture: DynamicImage, format: &VideoFormat) -> Frame {
    let samples: Vec<u16> = match (format.sampling, format.bits) {
        (Sampling::Mono, 8) => widened(picture.into_luma8().into_raw()),
        (Sampling::Mono, _) => picture.into_luma16().into_raw(),
        (_, 8) => widened(picture.into_rgb8().into_raw()),
        _ => picture.into_rgb16().into_raw(),
    };
    let planes = format.sampling.planes();
    Frame {
        planes: (0..planes)
            .map(|c| samples.iter().skip(c).step_by(planes).copied().collect())
            .collect(),
    }
}

fn widened(samples: Vec<u8>) -> Vec<u16> {
    samples.into_iter().map(u16::from).collect()
}

/// Writes numbered pictures, from number 0.
#[derive(Debug)]
pub struct PictureWriter {
    pattern: Pattern,
    width: u32,
    height: u32,
    grey: bool,
    deep: bool,
    number: u64,
}

impl PictureWriter {
    /// Pictures of `path`, a pattern, grey or RGB, of 8 bits a sample or 16.
    ///
    /// # Errors
    /// If it is not one.
    pub fn new(
        path: &Path,
        (width, height): (u32, u32),
        grey: bool,
        deep: bool,
    ) -> Result<Self, VideoError> {
        Ok(Self {
            pattern: Pattern::of(path).ok_or_else(|| no_pattern(path))?,
            width,
            height,
            grey,
            deep,
            number: 0,
        })
    }

    /// Writes a picture of samples of 16 bits, those of a pixel together; returns where.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&mut self, samples: &[u16]) -> Result<PathBuf, VideoError> {
        let path = self.pattern.path(self.number);
        let (colour, bytes): (_, Vec<u8>) = if self.deep {
            let kind = if self.grey {
                ExtendedColorType::L16
            } else {
                ExtendedColorType::Rgb16
            };
            (kind, samples.iter().flat_map(|v| v.to_ne_bytes()).collect())
        } else {
            let kind = if self.grey {
                ExtendedColorType::L8
            } else {
                ExtendedColorType::Rgb8
            };
            let eight = |&v: &u16| ((u32::from(v) * 255 + 32_767) / 65_535) as u8;
            (kind, samples.iter().map(eight).collect())
        };
        let saved = image::save_buffer(&path, &bytes, self.width, self.height, colour);
        saved.map_err(|error| VideoError::Frame {
            number: self.number,
            reason: format!("{}: {error}", path.display()),
        })?;
        self.number += 1;
        Ok(path)
    }
}
