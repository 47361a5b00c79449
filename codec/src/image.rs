//! A picture of eight bits a sample.

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
}

/// A picture: rows from the top, pixels from the left, the samples of a pixel
/// together, sRGB by convention. One pixel at least.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    width: u32,
    height: u32,
    channels: Channels,
    samples: Vec<u8>,
}

impl Image {
    /// Takes `width * height * channels` samples.
    ///
    /// # Errors
    /// If a side is zero or there are more samples or fewer than that.
    pub fn new(
        width: u32,
        height: u32,
        channels: Channels,
        samples: Vec<u8>,
    ) -> Result<Self, ImageError> {
        if width == 0 || height == 0 {
            return Err(ImageError::Empty { width, height });
        }
        // The product of two u32 and 3 may pass u64 only where no Vec could follow.
        let expected = u128::from(width) * u128::from(height) * channels.count() as u128;
        if samples.len() as u128 != expected {
            return Err(ImageError::SampleCount {
                found: samples.len(),
                width,
                height,
                channels: channels.count(),
            });
        }
        Ok(Self {
            width,
            height,
            channels,
            samples,
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

    /// `width * height * channels` samples, interleaved.
    pub fn samples(&self) -> &[u8] {
        &self.samples
    }

    /// As [`samples`](Self::samples), without the picture.
    pub fn into_samples(self) -> Vec<u8> {
        self.samples
    }

    /// The picture with `channels`. Grey becomes three equal samples; colour
    /// becomes luma after ITU-R BT.601, (77 R + 150 G + 29 B + 128) / 256 rounded
    /// down, so that grey turned to colour and back is what it was.
    pub fn into_channels(self, channels: Channels) -> Self {
        let samples = match (self.channels, channels) {
            (Channels::Grey, Channels::Rgb) => {
                self.samples.iter().flat_map(|&grey| [grey; 3]).collect()
            }
            (Channels::Rgb, Channels::Grey) => self.samples.chunks_exact(3).map(luma).collect(),
            (Channels::Grey, Channels::Grey) | (Channels::Rgb, Channels::Rgb) => self.samples,
        };
        Self {
            channels,
            samples,
            ..self
        }
    }
}

fn luma(pixel: &[u8]) -> u8 {
    let weighted: u32 = pixel
        .iter()
        .zip([77, 150, 29])
        .map(|(&sample, weight)| u32::from(sample) * weight)
        .sum();
    // The weights add up to 256: at most 255.
    ((weighted + 128) >> 8) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_fill_the_picture() {
        assert!(Image::new(2, 3, Channels::Rgb, vec![0; 18]).is_ok());
        assert!(Image::new(2, 3, Channels::Rgb, vec![0; 17]).is_err());
        assert!(Image::new(0, 3, Channels::Grey, vec![]).is_err());
        assert!(Image::new(u32::MAX, u32::MAX, Channels::Rgb, vec![0; 9]).is_err());
    }

    #[test]
    fn grey_survives_colour() {
        let grey = Image::new(256, 1, Channels::Grey, (0..=255).collect()).unwrap();
        let back = grey
            .clone()
            .into_channels(Channels::Rgb)
            .into_channels(Channels::Grey);
        assert_eq!(back, grey);
    }
}
