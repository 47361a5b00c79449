//! Frames as they arrive at an encoder.

use super::luma::Luma;
use crate::bitstream::MAX_SIDE;
use crate::error::EncodeError;
use crate::image::{Channels, Image, Samples};

/// A frame as it arrived.
pub(super) struct Original {
    pub number: u64,
    /// RGB of 16 bits.
    pub image: Image,
    pub luma: Luma,
}

impl Original {
    pub fn samples(&self) -> &[u16] {
        sixteen_of(&self.image)
    }
}

/// The samples of a picture that was made of 16 bits.
pub(super) fn sixteen_of(image: &Image) -> &[u16] {
    match image.samples() {
        Samples::Sixteen(samples) => samples,
        Samples::Eight(_) => unreachable!("made of 16 bits"),
    }
}

/// As RGB of 16 bits.
pub(super) fn sixteen(image: &Image) -> Result<Image, EncodeError> {
    let image = image.clone().into_channels(Channels::Rgb);
    let (width, height) = (image.width(), image.height());
    let (samples, ..) = image.into_parts();
    let samples = match samples {
        Samples::Sixteen(samples) => samples,
        Samples::Eight(samples) => samples.iter().map(|&s| u16::from(s) * 257).collect(),
    };
    Image::new(width, height, Channels::Rgb, samples).map_err(|_| EncodeError::TooLarge {
        width,
        height,
        limit: MAX_SIDE,
    })
}
