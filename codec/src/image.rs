//! A picture in memory: colour or grey, 8 or 16 bits, with alpha and metadata.

use std::borrow::Cow;

use crate::geometry::Area;

/// What the samples of a pixel are. The numbers are the format's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Channels {
    /// One sample: grey.
    Grey = 0,
    /// Three samples: red, green, blue.
    Rgb = 1,
}

impl Channels {
    /// Both, in the order of their numbers.
    pub const ALL: [Self; 2] = [Self::Grey, Self::Rgb];

    /// The number in the file.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Samples a pixel: 1 or 3.
    pub fn count(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Rgb => 3,
        }
    }
}

/// Why samples do not make a picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// A picture has one pixel at least.
    #[error("a picture of {width}x{height} pixels is empty")]
    Empty {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// The samples do not fill the picture, or more than fill it.
    #[error("{found} samples for {width}x{height} pixels of {channels}")]
    SampleCount {
        /// How many samples there are.
        found: usize,
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
        /// Samples a pixel.
        channels: usize,
    },
    /// Alpha and colour have different depths.
    #[error("alpha is {alpha:?} bits deep, colour {colour:?}")]
    Depth {
        /// Of the alpha plane.
        alpha: Depth,
        /// Of the picture.
        colour: Depth,
    },
}

/// Bits of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Depth {
    /// 8 bits.
    #[default]
    Eight,
    /// 16 bits.
    Sixteen,
}

impl Depth {
    /// The largest sample: 255 or 65,535.
    pub fn max(self) -> u16 {
        match self {
            Self::Eight => 255,
            Self::Sixteen => u16::MAX,
        }
    }

    /// Bytes of a sample.
    pub fn bytes(self) -> usize {
        match self {
            Self::Eight => 1,
            Self::Sixteen => 2,
        }
    }
}

/// Samples of either depth, from 0 to the largest that the depth holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Samples {
    /// Of 8 bits.
    Eight(Vec<u8>),
    /// Of 16 bits.
    Sixteen(Vec<u16>),
}

impl Samples {
    /// Their depth.
    pub fn depth(&self) -> Depth {
        match self {
            Self::Eight(_) => Depth::Eight,
            Self::Sixteen(_) => Depth::Sixteen,
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Eight(samples) => samples.len(),
            Self::Sixteen(samples) => samples.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// As 8 bits: what has 16 is scaled by 255 / 65,535 and rounded.
    pub fn eight(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Eight(samples) => Cow::Borrowed(samples),
            Self::Sixteen(samples) => {
                Cow::Owned(samples.iter().map(|&sample| eight(sample)).collect())
            }
        }
    }

    /// Sample `i`, which has to be there.
    pub(crate) fn at(&self, i: usize) -> u16 {
        match self {
            Self::Eight(samples) => samples[i].into(),
            Self::Sixteen(samples) => samples[i],
        }
    }

    /// The samples of `area`, where rows have `width` pixels.
    pub(crate) fn part(self, width: u32, area: &Area, channels: Channels) -> Self {
        fn cut<T: Copy>(samples: Vec<T>, width: usize, area: &Area, count: usize) -> Vec<T> {
            if samples.len() == area.count() * count {
                return samples;
            }
            let rows = samples.chunks_exact(width * count).skip(area.y as usize);
            let (from, length) = (area.x as usize * count, area.width as usize * count);
            let rows = rows.take(area.height as usize);
            rows.flat_map(|row| &row[from..][..length])
                .copied()
                .collect()
        }
        let (width, count) = (width as usize, channels.count());
        match self {
            Self::Eight(samples) => Self::Eight(cut(samples, width, area, count)),
            Self::Sixteen(samples) => Self::Sixteen(cut(samples, width, area, count)),
        }
    }

    /// `count` samples of 0.
    pub(crate) fn zeros(depth: Depth, count: usize) -> Self {
        Self::filled(depth, count, 0)
    }

    /// `count` samples of `value`; one of a greater depth saturates.
    pub(crate) fn filled(depth: Depth, count: usize, value: u16) -> Self {
        match depth {
            Depth::Eight => Self::Eight(vec![value.min(255) as u8; count]),
            Depth::Sixteen => Self::Sixteen(vec![value; count]),
        }
    }

    /// Sets sample `i`, which has to be there.
    pub(crate) fn set(&mut self, i: usize, sample: u16) {
        match self {
            Self::Eight(samples) => samples[i] = sample.min(255) as u8,
            Self::Sixteen(samples) => samples[i] = sample,
        }
    }
}

impl From<Vec<u8>> for Samples {
    fn from(samples: Vec<u8>) -> Self {
        Self::Eight(samples)
    }
}

impl From<Vec<u16>> for Samples {
    fn from(samples: Vec<u16>) -> Self {
        Self::Sixteen(samples)
    }
}

/// What a picture carries beside its pixels, as the bytes that came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// An ICC profile.
    pub icc: Option<Vec<u8>>,
    /// EXIF, beginning with the TIFF header.
    pub exif: Option<Vec<u8>>,
    /// XMP, an XML packet.
    pub xmp: Option<Vec<u8>>,
}

/// A picture: rows from the top, pixels from the left, the samples of a pixel
/// together, sRGB unless an ICC profile says otherwise. One pixel at least. Alpha,
/// if there is any, is a plane of its own, of the same depth, not premultiplied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    width: u32,
    height: u32,
    channels: Channels,
    samples: Samples,
    alpha: Option<Samples>,
    metadata: Metadata,
}

impl Image {
    /// Takes `width * height * channels` samples, a `Vec` of `u8` or `u16`.
    ///
    /// # Errors
    /// If a side is zero or there are more samples or fewer than that.
    pub fn new(
        width: u32,
        height: u32,
        channels: Channels,
        samples: impl Into<Samples>,
    ) -> Result<Self, ImageError> {
        let samples = samples.into();
        if width == 0 || height == 0 {
            return Err(ImageError::Empty { width, height });
        }
        let image = Self {
            width,
            height,
            channels,
            samples,
            alpha: None,
            metadata: Metadata::default(),
        };
        image.holds(&image.samples, channels.count())?;
        Ok(image)
    }

    /// The picture with an alpha plane, one sample a pixel, 0 transparent.
    ///
    /// # Errors
    /// If there are more samples or fewer than pixels, or their depth is another.
    pub fn with_alpha(mut self, alpha: impl Into<Samples>) -> Result<Self, ImageError> {
        let alpha = alpha.into();
        self.holds(&alpha, 1)?;
        if alpha.depth() != self.depth() {
            return Err(ImageError::Depth {
                alpha: alpha.depth(),
                colour: self.depth(),
            });
        }
        self.alpha = Some(alpha);
        Ok(self)
    }

    /// The picture with metadata.
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    fn holds(&self, samples: &Samples, channels: usize) -> Result<(), ImageError> {
        let (width, height, found) = (self.width, self.height, samples.len());
        // The product of two u32 and 3 may pass u64 only where no Vec could follow.
        let expected = u128::from(width) * u128::from(height) * channels as u128;
        if found as u128 == expected {
            return Ok(());
        }
        Err(ImageError::SampleCount {
            found,
            width,
            height,
            channels,
        })
    }

    /// Pixels in a row, at least 1.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows, at least 1.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// What the samples of a pixel are.
    pub fn channels(&self) -> Channels {
        self.channels
    }

    /// Bits of a sample.
    pub fn depth(&self) -> Depth {
        self.samples.depth()
    }

    /// `width * height * channels` samples, interleaved.
    pub fn samples(&self) -> &Samples {
        &self.samples
    }

    /// `width * height` samples of alpha.
    pub fn alpha(&self) -> Option<&Samples> {
        self.alpha.as_ref()
    }

    /// What the picture carries beside its pixels.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Samples, alpha and metadata, without the picture.
    pub fn into_parts(self) -> (Samples, Option<Samples>, Metadata) {
        (self.samples, self.alpha, self.metadata)
    }

    /// The picture with `channels`. Grey becomes three equal samples; colour
    /// becomes luma after ITU-R BT.601, (77 R + 150 G + 29 B + 128) / 256 rounded
    /// down, so that grey turned to colour and back is what it was.
    pub fn into_channels(self, channels: Channels) -> Self {
        if channels == self.channels {
            return self;
        }
        let to = channels;
        let samples = match self.samples {
            Samples::Eight(samples) => Samples::Eight(converted(&samples, to)),
            Samples::Sixteen(samples) => Samples::Sixteen(converted(&samples, to)),
        };
        Self {
            channels,
            samples,
            ..self
        }
    }
}

/// A 16-bit sample as 8 bits: scaled by 255 / 65,535 and rounded.
pub(crate) fn eight(sample: u16) -> u8 {
    ((u32::from(sample) * 255 + 32_767) / 65_535) as u8
}

/// Colour from grey, or grey from colour.
fn converted<T: Copy + Into<u32> + TryFrom<u32>>(samples: &[T], to: Channels) -> Vec<T> {
    match to {
        Channels::Rgb => samples.iter().flat_map(|&grey| [grey; 3]).collect(),
        Channels::Grey => {
            let grey = |pixel: &[T]| T::try_from(luma(pixel)).unwrap_or(pixel[0]);
            samples.chunks_exact(3).map(grey).collect()
        }
    }
}

/// Luma of R, G and B. The weights add up to 256, so it is no more than the
/// largest of them.
pub(crate) fn luma<T: Copy + Into<u32>>(pixel: &[T]) -> u32 {
    let weights = [77, 150, 29];
    let weighted = pixel.iter().zip(weights).map(|(&s, w)| s.into() * w);
    (weighted.sum::<u32>() + 128) >> 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_fill_the_picture() {
        assert!(Image::new(2, 3, Channels::Rgb, vec![0u8; 18]).is_ok());
        assert!(Image::new(2, 3, Channels::Rgb, vec![0u8; 17]).is_err());
        assert!(Image::new(0, 3, Channels::Grey, Vec::<u8>::new()).is_err());
        assert!(Image::new(u32::MAX, u32::MAX, Channels::Rgb, vec![0u8; 9]).is_err());
        let image = Image::new(2, 3, Channels::Grey, vec![0u16; 6]).unwrap();
        assert!(image.clone().with_alpha(vec![0u8; 6]).is_err());
        assert!(image.clone().with_alpha(vec![0u16; 7]).is_err());
        assert!(image.with_alpha(vec![0u16; 6]).is_ok());
    }

    #[test]
    fn grey_survives_colour() {
        let all: Vec<u8> = (0..=255).collect();
        let grey = Image::new(256, 1, Channels::Grey, all).unwrap();
        let back = grey
            .clone()
            .into_channels(Channels::Rgb)
            .into_channels(Channels::Grey);
        assert_eq!(back, grey);
    }
}
