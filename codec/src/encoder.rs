//! From a picture to a file.

use std::borrow::Cow;
use std::io::Write;

use lic_entropy::Coder;

use crate::bitstream::{self, Header, MAX_SIDE};
use crate::error::EncodeError;
use crate::image::{Channels, Image};
use crate::model::{Latents, Model, Quality};
use crate::walk::{Counter, Writer, fault, section_count, walk};

/// What an encoder may choose.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EncodeOptions {
    /// From the smallest file to the best picture. Default: 50.
    pub quality: Quality,
    /// The entropy coder. Default: [`Coder::Ans`], which decodes faster.
    pub coder: Coder,
}

impl EncodeOptions {
    /// The defaults, with `quality`.
    pub fn new(quality: Quality) -> Self {
        Self {
            quality,
            ..Self::default()
        }
    }
}

impl Default for EncodeOptions {
    fn default() -> Self {
        Self {
            quality: Quality::new(50).unwrap_or(Quality::MAX),
            coder: Coder::default(),
        }
    }
}

/// What an encoder did.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct EncodeReport {
    /// Length of the file.
    pub bytes: u64,
    /// The information in the symbols, as the tables see it, in bits.
    pub predicted_bits: f64,
    /// How many symbols were coded.
    pub symbols: u64,
    /// Length of each section's payload, in bytes.
    pub section_bytes: Vec<u64>,
}

/// Encodes `image` and writes the file.
///
/// # Errors
/// If a side of the picture is longer than [`MAX_SIDE`], the model fails, or the
/// output cannot be written; part of the file may have been written then.
pub fn encode(
    image: &Image,
    model: &dyn Model,
    options: &EncodeOptions,
    writer: impl Write,
) -> Result<EncodeReport, EncodeError> {
    Encoding::new(image, model, options)?.write(writer)
}

/// How many bits the model predicts for `image`, without what the container adds
/// (about 50 bytes for five sections). Writes nothing: for searches.
///
/// # Errors
/// As [`encode`].
pub fn predicted_bits(
    image: &Image,
    model: &dyn Model,
    quality: Quality,
) -> Result<f64, EncodeError> {
    let mut latents = analyse(image, model, quality)?;
    let mut counter = Counter::new();
    walk(model, &mut *latents, &mut counter)?;
    Ok(counter.bits())
}

fn analyse<'m>(
    image: &Image,
    model: &'m dyn Model,
    quality: Quality,
) -> Result<Box<dyn Latents + 'm>, EncodeError> {
    let (width, height) = (image.width(), image.height());
    if width.max(height) > MAX_SIDE {
        return Err(EncodeError::TooLarge {
            width,
            height,
            limit: MAX_SIDE,
        });
    }
    // A model sees colour only; whether the picture was grey is the header's
    // business (and `prepare`, on the other side, is not told).
    let colour = match image.channels() {
        Channels::Rgb => Cow::Borrowed(image),
        Channels::Grey => Cow::Owned(image.clone().into_channels(Channels::Rgb)),
    };
    Ok(model.analyse(&colour, quality)?)
}

/// An encoded picture in memory, for callers that want the file, its length and
/// the picture it decodes to from one pass.
pub struct Encoding<'m> {
    header: Header,
    streams: Vec<Vec<u8>>,
    counter: Counter,
    latents: Box<dyn Latents + 'm>,
    model: &'m dyn Model,
}

impl<'m> Encoding<'m> {
    /// Encodes `image`.
    ///
    /// # Errors
    /// If a side of the picture is longer than [`MAX_SIDE`] or the model fails.
    pub fn new(
        image: &Image,
        model: &'m dyn Model,
        options: &EncodeOptions,
    ) -> Result<Self, EncodeError> {
        let sections = section_count(model)?;
        let mut latents = analyse(image, model, options.quality)?;
        let mut writer = Writer::new(options.coder);
        walk(model, &mut *latents, &mut writer)?;
        let (streams, counter) = writer.finish();
        let header = Header {
            model: model.id(),
            digest: model.digest(),
            channels: image.channels(),
            coder: options.coder,
            quality: options.quality,
            width: image.width(),
            height: image.height(),
            sections,
        };
        Ok(Self {
            header,
            streams,
            counter,
            latents,
            model,
        })
    }

    /// What the file says of itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The information in the symbols, as the tables see it, in bits.
    pub fn predicted_bits(&self) -> f64 {
        self.counter.bits()
    }

    /// Writes the file.
    ///
    /// # Errors
    /// If the output fails; part of the file may have been written then.
    pub fn write(&self, mut writer: impl Write) -> Result<EncodeReport, EncodeError> {
        let header = self.header.to_bytes();
        writer.write_all(&header)?;
        let mut bytes = header.len() as u64;
        for stream in &self.streams {
            bytes += bitstream::write_section(&mut writer, stream)?;
        }
        writer.flush()?;
        Ok(EncodeReport {
            bytes,
            predicted_bits: self.counter.bits(),
            symbols: self.counter.symbols(),
            section_bytes: self.streams.iter().map(|s| s.len() as u64).collect(),
        })
    }

    /// The length that the file has.
    ///
    /// # Errors
    /// If a section is longer than the format allows.
    pub fn bytes(&self) -> Result<u64, EncodeError> {
        Ok(self.write(std::io::sink())?.bytes)
    }

    /// The picture that the file decodes to, on this machine.
    ///
    /// # Errors
    /// If the model fails.
    pub fn reconstruct(self) -> Result<Image, EncodeError> {
        let image = self.latents.synthesise()?;
        Ok(fit(image, &self.header, self.model)?)
    }
}

/// What both directions do to a model's picture: check its size and give it the
/// header's channels.
pub(crate) fn fit(
    image: Image,
    header: &Header,
    model: &dyn Model,
) -> Result<Image, crate::model::ModelError> {
    let (found, expected) = (
        (image.width(), image.height()),
        (header.width, header.height),
    );
    if found != expected {
        let reason = format!("synthesised {found:?} pixels, the file says {expected:?}");
        return Err(fault(model, reason));
    }
    Ok(image.into_channels(header.channels))
}
