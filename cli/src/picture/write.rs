//! From samples to a file.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageError};
use lic_codec::{Channels, Depth, Header, Image, Samples};

/// Quality of the JPEG pictures that are written: well above what lic itself loses.
const JPEG_QUALITY: u8 = 95;

/// The keyword of an XMP packet in PNG (XMP Specification Part 3, section 1.1.5).
const PNG_XMP: &str = "XML:com.adobe.xmp";

/// A format that decoded pictures are written in. Only JPEG loses anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// Lossless WebP.
    WebP,
    /// Binary PPM: grey becomes three equal samples.
    Ppm,
    /// Binary PGM: grey only.
    Pgm,
    /// PPM or PGM, as the picture is.
    Pnm,
}

/// The endings that say so.
pub(super) const ENDINGS: [(&str, Format); 7] = [
    ("png", Format::Png),
    ("jpg", Format::Jpeg),
    ("jpeg", Format::Jpeg),
    ("ppm", Format::Ppm),
    ("pgm", Format::Pgm),
    ("pnm", Format::Pnm),
    ("webp", Format::WebP),
];

/// What a format has to hold.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// Grey or colour.
    pub channels: Channels,
    /// Bits of a sample.
    pub depth: Depth,
    /// Whether there is alpha.
    pub alpha: bool,
}

impl From<&Header> for Kind {
    fn from(header: &Header) -> Self {
        Self {
            channels: header.channels,
            depth: header.depth,
            alpha: header.alpha,
        }
    }
}

impl From<&Image> for Kind {
    fn from(image: &Image) -> Self {
        Self {
            channels: image.channels(),
            depth: image.depth(),
            alpha: image.alpha().is_some(),
        }
    }
}

impl Format {
    /// What the ending of `path` asks for; PNG on standard output.
    pub fn of(path: &Path) -> Result<Self> {
        if path == Path::new("-") {
            return Ok(Self::Png);
        }
        let ending = path.extension().and_then(OsStr::to_str).unwrap_or_default();
        let matches = |row: &&(&str, Self)| row.0.eq_ignore_ascii_case(ending);
        let found = ENDINGS.iter().find(matches).map(|row| row.1);
        found.with_context(|| {
            let known = ENDINGS.map(|row| row.0).join(", .");
            let name = path.display();
            format!("{name}: the ending has to be one of .{known}")
        })
    }

    /// Checks that the format can hold such a picture, before it is decoded.
    pub fn check(self, kind: Kind) -> Result<()> {
        ensure!(
            self != Self::Pgm || kind.channels == Channels::Grey,
            "PGM holds grey pictures only, and this one has colour; use .ppm"
        );
        ensure!(
            !kind.alpha || matches!(self, Self::Png | Self::WebP),
            "the picture has alpha, which this format does not hold; use .png or .webp"
        );
        ensure!(
            kind.depth == Depth::Eight || !matches!(self, Self::Jpeg | Self::WebP),
            "the picture has 16 bits a sample, this format holds 8; use .png"
        );
        Ok(())
    }

    /// What of the picture's metadata the format cannot carry, in words.
    pub fn leaves_out(self, image: &Image) -> Option<&'static str> {
        let metadata = image.metadata();
        let icc_or_exif = metadata.icc.is_some() || metadata.exif.is_some();
        match self {
            Self::Png | Self::WebP => None,
            Self::Jpeg => metadata.xmp.is_some().then_some("its XMP"),
            Self::Ppm | Self::Pgm | Self::Pnm => {
                (icc_or_exif || metadata.xmp.is_some()).then_some("its metadata")
            }
        }
    }

    /// Writes `image`.
    pub fn write(self, image: Image, writer: &mut dyn Write) -> Result<()> {
        self.check(Kind::from(&image))?;
        match self {
            Self::Png => png(&image, writer),
            Self::WebP => webp(&image, writer),
            Self::Jpeg => jpeg(&image, writer),
            Self::Ppm => pnm(&image.into_channels(Channels::Rgb), writer),
            Self::Pgm | Self::Pnm => pnm(&image, writer),
        }
    }
}

/// Samples with alpha between them, in bytes of the order that `sixteen` makes.
fn interleaved(image: &Image, sixteen: fn(u16) -> [u8; 2]) -> Cow<'_, [u8]> {
    let channels = image.channels().count();
    match (image.samples(), image.alpha()) {
        (Samples::Eight(samples), None) => Cow::Borrowed(samples),
        (Samples::Eight(samples), Some(alpha)) => {
            let pixels = samples
                .chunks_exact(channels)
                .zip(alpha.eight().into_owned());
            Cow::Owned(
                pixels
                    .flat_map(|(p, a)| p.iter().copied().chain([a]))
                    .collect(),
            )
        }
        (Samples::Sixteen(samples), None) => {
            Cow::Owned(samples.iter().flat_map(|&s| sixteen(s)).collect())
        }
        (Samples::Sixteen(samples), Some(alpha)) => {
            let alpha = match alpha {
                Samples::Sixteen(alpha) => alpha.as_slice(),
                // The depths of a picture and its alpha are the same.
                Samples::Eight(_) => &[],
            };
            let pixels = samples.chunks_exact(channels).zip(alpha);
            let pixels = pixels.flat_map(|(p, &a)| p.iter().copied().chain([a]));
            Cow::Owned(pixels.flat_map(sixteen).collect())
        }
    }
}

/// The `png` crate itself, since `image` cannot write XMP.
fn png(image: &Image, writer: &mut dyn Write) -> Result<()> {
    let mut info = png::Info::with_size(image.width(), image.height());
    info.color_type = match (image.channels(), image.alpha().is_some()) {
        (Channels::Grey, false) => png::ColorType::Grayscale,
        (Channels::Grey, true) => png::ColorType::GrayscaleAlpha,
        (Channels::Rgb, false) => png::ColorType::Rgb,
        (Channels::Rgb, true) => png::ColorType::Rgba,
    };
    info.bit_depth = match image.depth() {
        Depth::Eight => png::BitDepth::Eight,
        Depth::Sixteen => png::BitDepth::Sixteen,
    };
    let metadata = image.metadata();
    info.icc_profile = metadata.icc.as_deref().map(Cow::Borrowed);
    info.exif_metadata = metadata.exif.as_deref().map(Cow::Borrowed);
    if let Some(xmp) = &metadata.xmp {
        // XMP is UTF-8 in PNG; a packet that is not would make no valid chunk.
        let text = String::from_utf8_lossy(xmp).into_owned();
        let chunk = png::text_metadata::ITXtChunk::new(PNG_XMP.to_owned(), text);
        info.utf8_text.push(chunk);
    }
    let encoder = png::Encoder::with_info(writer, info)?;
    let mut written = encoder.write_header().map_err(of_png)?;
    let samples = interleaved(image, u16::to_be_bytes);
    written.write_image_data(&samples).map_err(of_png)?;
    written.finish().map_err(of_png)
}

/// `EncodingError` hides what it wraps from the chain of causes, where a broken pipe
/// has to be found.
fn of_png(error: png::EncodingError) -> anyhow::Error {
    match error {
        png::EncodingError::IoError(error) => error.into(),
        error => error.into(),
    }
}

/// The `image-webp` crate itself, since `image` cannot write XMP.
fn webp(image: &Image, writer: &mut dyn Write) -> Result<()> {
    let mut encoder = image_webp::WebPEncoder::new(writer);
    let metadata = image.metadata().clone();
    metadata
        .icc
        .into_iter()
        .for_each(|icc| encoder.set_icc_profile(icc));
    metadata
        .exif
        .into_iter()
        .for_each(|exif| encoder.set_exif_metadata(exif));
    metadata
        .xmp
        .into_iter()
        .for_each(|xmp| encoder.set_xmp_metadata(xmp));
    let color = match (image.channels(), image.alpha().is_some()) {
        (Channels::Grey, false) => image_webp::ColorType::L8,
        (Channels::Grey, true) => image_webp::ColorType::La8,
        (Channels::Rgb, false) => image_webp::ColorType::Rgb8,
        (Channels::Rgb, true) => image_webp::ColorType::Rgba8,
    };
    let samples = interleaved(image, u16::to_ne_bytes);
    let written = encoder.encode(&samples, image.width(), image.height(), color);
    written.map_err(|error| match error {
        image_webp::EncodingError::IoError(error) => error.into(),
        error => error.into(),
    })
}

fn jpeg(image: &Image, writer: &mut dyn Write) -> Result<()> {
    let mut encoder = JpegEncoder::new_with_quality(writer, JPEG_QUALITY);
    let metadata = image.metadata().clone();
    if let Some(icc) = metadata.icc {
        encoder.set_icc_profile(icc)?;
    }
    if let Some(exif) = metadata.exif {
        // A segment's length has 16 bits, and counts itself and the identifier.
        let (length, limit) = (exif.len(), usize::from(u16::MAX) - 8);
        ensure!(
            length <= limit,
            "EXIF of {length} bytes does not fit a JPEG, the limit is {limit}; use .png"
        );
        encoder.set_exif_metadata(exif)?;
    }
    let color = match image.channels() {
        Channels::Grey => ExtendedColorType::L8,
        Channels::Rgb => ExtendedColorType::Rgb8,
    };
    let samples = image.samples().eight();
    let written = encoder.write_image(&samples, image.width(), image.height(), color);
    written.map_err(of_image)
}

/// Our own writer: that of `image` makes PAM of 16 bits, which few programs read, and
/// one line of the header, which libwebp does not. The format is three lines and the
/// samples, the most significant byte first (pgm(5) and ppm(5) of Netpbm).
fn pnm(image: &Image, writer: &mut dyn Write) -> Result<()> {
    let magic = match image.channels() {
        Channels::Grey => "P5",
        Channels::Rgb => "P6",
    };
    let (width, height, max) = (image.width(), image.height(), image.depth().max());
    write!(writer, "{magic}\n{width} {height}\n{max}\n")?;
    Ok(writer.write_all(&interleaved(image, u16::to_be_bytes))?)
}

/// As [`of_png`].
fn of_image(error: ImageError) -> anyhow::Error {
    match error {
        ImageError::IoError(error) => error.into(),
        error => error.into(),
    }
}
