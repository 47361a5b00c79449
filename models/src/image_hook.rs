//! `image` opens lic files after one call (feature `image`).
//!
//! ```no_run
//! lic_models::register_image_format();
//! let picture = image::open("picture.lic")?;
//! # Ok::<(), image::ImageError>(())
//! ```

use std::io::Read;
use std::sync::OnceLock;

use image::error::{DecodingError, ImageFormatHint, LimitError, LimitErrorKind};
use image::hooks::{GenericReader, register_decoding_hook, register_format_detection_hook};
use image::{ColorType, ImageDecoder, ImageError, ImageResult};
use lic_codec::{
    Channels, DecodeError, Decoder, Depth, Header, Image, Metadata, Samples, bitstream,
};

use crate::{Backend, Zoo};

/// The ending of lic files.
const ENDING: &str = "lic";

/// Where a hook can keep it.
static MAGIC: [u8; 4] = bitstream::MAGIC;

/// Teaches `image` to open lic files, by their ending or by their content, with the
/// shipped models on our own kernels, within the default limits. Returns whether that
/// is new.
pub fn register_image_format() -> bool {
    fn open(reader: GenericReader<'_>) -> ImageResult<Box<dyn ImageDecoder + '_>> {
        Ok(Box::new(LicDecoder::new(reader)?))
    }
    let new = register_decoding_hook(ENDING.into(), Box::new(open));
    if new {
        register_format_detection_hook(ENDING.into(), &MAGIC, None);
    }
    new
}

/// The models for all decoders.
fn zoo() -> ImageResult<&'static Zoo> {
    static ZOO: OnceLock<Zoo> = OnceLock::new();
    if let Some(zoo) = ZOO.get() {
        return Ok(zoo);
    }
    let zoo = Zoo::on(Backend::Cpu).map_err(of_file)?;
    Ok(ZOO.get_or_init(|| zoo))
}

/// A lic file as `image` sees it.
#[derive(Debug)]
pub struct LicDecoder<R> {
    /// Until it has been used up.
    decoder: Option<Decoder<R>>,
    header: Header,
    /// From then on.
    image: Option<Image>,
}

impl<R: Read> LicDecoder<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// If the file is not a lic file, or asks for more than the default limits allow.
    pub fn new(reader: R) -> ImageResult<Self> {
        let mut decoder = Decoder::new(reader);
        let header = decoder.read_header().map_err(of_decoder)?.clone();
        Ok(Self {
            decoder: Some(decoder),
            header,
            image: None,
        })
    }

    /// The picture: metadata come with it.
    fn image(&mut self) -> ImageResult<&Image> {
        if let Some(decoder) = self.decoder.take() {
            self.image = Some(decoder.decode(zoo()?).map_err(of_decoder)?);
        }
        let failed = || of_file("it has failed to decode before");
        self.image.as_ref().ok_or_else(failed)
    }

    fn metadata(&mut self) -> ImageResult<Metadata> {
        if self.header.metadata.is_empty() {
            return Ok(Metadata::default());
        }
        Ok(self.image()?.metadata().clone())
    }
}

impl<R: Read> ImageDecoder for LicDecoder<R> {
    fn dimensions(&self) -> (u32, u32) {
        (self.header.width, self.header.height)
    }

    fn color_type(&self) -> ColorType {
        let Header {
            channels,
            depth,
            alpha,
            ..
        } = self.header;
        match (channels, depth, alpha) {
            (Channels::Grey, Depth::Eight, false) => ColorType::L8,
            (Channels::Grey, Depth::Eight, true) => ColorType::La8,
            (Channels::Grey, Depth::Sixteen, false) => ColorType::L16,
            (Channels::Grey, Depth::Sixteen, true) => ColorType::La16,
            (Channels::Rgb, Depth::Eight, false) => ColorType::Rgb8,
            (Channels::Rgb, Depth::Eight, true) => ColorType::Rgba8,
            (Channels::Rgb, Depth::Sixteen, false) => ColorType::Rgb16,
            (Channels::Rgb, Depth::Sixteen, true) => ColorType::Rgba16,
        }
    }

    fn icc_profile(&mut self) -> ImageResult<Option<Vec<u8>>> {
        Ok(self.metadata()?.icc)
    }

    fn exif_metadata(&mut self) -> ImageResult<Option<Vec<u8>>> {
        Ok(self.metadata()?.exif)
    }

    fn xmp_metadata(&mut self) -> ImageResult<Option<Vec<u8>>> {
        Ok(self.metadata()?.xmp)
    }

    fn read_image(mut self, buffer: &mut [u8]) -> ImageResult<()> {
        let image = self.image()?;
        let channels = image.channels().count();
        match (image.samples(), image.alpha()) {
            (Samples::Eight(samples), alpha) => {
                let alpha = alpha.map(Samples::eight);
                let alpha = alpha.as_deref();
                put(samples, channels, alpha, buffer, |sample| [sample]);
            }
            (Samples::Sixteen(samples), alpha) => {
                let alpha = match alpha {
                    Some(Samples::Sixteen(alpha)) => Some(alpha.as_slice()),
                    _ => None,
                };
                put(samples, channels, alpha, buffer, u16::to_ne_bytes);
            }
        }
        Ok(())
    }

    fn read_image_boxed(self: Box<Self>, buffer: &mut [u8]) -> ImageResult<()> {
        (*self).read_image(buffer)
    }
}

/// Writes samples, and alpha after each pixel, as bytes.
fn put<T: Copy, const N: usize>(
    samples: &[T],
    channels: usize,
    alpha: Option<&[T]>,
    buffer: &mut [u8],
    bytes: fn(T) -> [u8; N],
) {
    let mut slots = buffer.chunks_exact_mut(N);
    for (i, pixel) in samples.chunks_exact(channels).enumerate() {
        let alpha = alpha.and_then(|alpha| alpha.get(i));
        for (&sample, slot) in pixel.iter().chain(alpha).zip(&mut slots) {
            slot.copy_from_slice(&bytes(sample));
        }
    }
}

fn of_file(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ImageError {
    let hint = ImageFormatHint::Name("lic".to_owned());
    ImageError::Decoding(DecodingError::new(hint, error))
}

fn of_decoder(error: DecodeError) -> ImageError {
    match error {
        DecodeError::Io(error) => ImageError::IoError(error),
        DecodeError::Limits(_) => {
            ImageError::Limits(LimitError::from_kind(LimitErrorKind::InsufficientMemory))
        }
        error => of_file(error),
    }
}
