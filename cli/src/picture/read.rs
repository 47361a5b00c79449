//! From a file to samples.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Seek};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use image::codecs::{png::PngDecoder, webp::WebPDecoder};
use image::{ColorType, ImageDecoder, ImageFormat, ImageReader, Limits};
use lic_codec::bitstream::MAGIC;
use lic_codec::{Channels, Image, Metadata, Samples};

use crate::io;

/// The longest picture file that is read: its bytes are held in memory.
const MAX_FILE: u64 = 1 << 30;
/// Memory for a picture's samples and its decoder: enough for what the format's
/// own default limit allows, 2^27 pixels, with an alpha channel.
const MAX_MEMORY: u64 = 1 << 30;

/// Reads a picture; what it is, its content says, not its name.
pub fn read(path: &Path) -> Result<Image> {
    let bytes = io::read_all(path, MAX_FILE)?;
    decode(&bytes).with_context(|| io::input_name(path))
}

/// Pixels in a row and rows of a picture, of which no more than the beginning is read.
pub fn size(path: &Path) -> Result<(u32, u32)> {
    let name = || format!("cannot read {}", path.display());
    let file = File::open(path).with_context(name)?;
    let (reader, _) = reader(BufReader::new(file))?;
    Ok(reader.into_dimensions()?)
}

/// A reader of the format that the content is of.
fn reader<R: BufRead + Seek>(mut content: R) -> Result<(ImageReader<R>, ImageFormat)> {
    ensure!(
        !content.fill_buf()?.starts_with(&MAGIC),
        "it is a lic file already; lic decode makes a picture of it"
    );
    let reader = ImageReader::new(content).with_guessed_format()?;
    let format = reader.format();
    let format = format.context("not a PNG, JPEG, WebP or PNM picture")?;
    Ok((reader, format))
}

pub(super) fn decode(bytes: &[u8]) -> Result<Image> {
    let (mut reader, format) = reader(Cursor::new(bytes))?;
    ensure!(
        !is_animated(bytes, format)?,
        "it is animated; lic encodes single pictures"
    );
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_MEMORY);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let metadata = Metadata {
        icc: decoder.icc_profile()?.filter(|icc| fits(icc)),
        exif: decoder.exif_metadata()?,
        xmp: decoder.xmp_metadata()?,
    };
    let color = decoder.color_type();
    let (width, height) = decoder.dimensions();
    let length = decoder.total_bytes();
    ensure!(
        length <= MAX_MEMORY,
        "{width}x{height} pixels take {length} bytes, the limit is {MAX_MEMORY}"
    );
    let mut samples = vec![0; length as usize];
    decoder.read_image(&mut samples)?;

    let samples = match color {
        ColorType::L8 | ColorType::La8 | ColorType::Rgb8 | ColorType::Rgba8 => {
            Samples::Eight(samples)
        }
        ColorType::L16 | ColorType::La16 | ColorType::Rgb16 | ColorType::Rgba16 => {
            let pairs = samples.chunks_exact(2);
            Samples::Sixteen(pairs.map(|p| u16::from_ne_bytes([p[0], p[1]])).collect())
        }
        other => bail!("its samples are {other:?}; lic encodes whole numbers of 8 or 16 bits"),
    };
    let channels = if color.has_color() {
        Channels::Rgb
    } else {
        Channels::Grey
    };
    let image = if color.has_alpha() {
        let (samples, alpha) = match samples {
            Samples::Eight(all) => {
                let (samples, alpha) = apart(&all, channels.count());
                (samples.into(), alpha.into())
            }
            Samples::Sixteen(all) => {
                let (samples, alpha) = apart(&all, channels.count());
                (Samples::from(samples), Samples::from(alpha))
            }
        };
        Image::new(width, height, channels, samples)?.with_alpha(alpha)?
    } else {
        Image::new(width, height, channels, samples)?
    };
    Ok(image.with_metadata(metadata))
}

/// Whether a profile is about the samples that are read: a JPEG of CMYK comes as RGB,
/// and with the profile of its four inks (ICC.1:2022, 7.2.8: the colour space is in
/// bytes 16 to 19).
fn fits(icc: &[u8]) -> bool {
    icc.get(16..20) != Some(b"CMYK")
}

/// Whether the file has more than one picture, to be shown in turn.
fn is_animated(bytes: &[u8], format: ImageFormat) -> Result<bool> {
    Ok(match format {
        ImageFormat::Png => PngDecoder::new(Cursor::new(bytes))?.is_apng()?,
        ImageFormat::WebP => WebPDecoder::new(Cursor::new(bytes))?.has_animation(),
        _ => false,
    })
}

/// Colours, and the last sample of each pixel.
fn apart<T: Copy>(samples: &[T], channels: usize) -> (Vec<T>, Vec<T>) {
    let pixels = samples.len() / (channels + 1);
    let (mut colours, mut alpha) = (
        Vec::with_capacity(pixels * channels),
        Vec::with_capacity(pixels),
    );
    for pixel in samples.chunks_exact(channels + 1) {
        colours.extend_from_slice(&pixel[..channels]);
        alpha.push(pixel[channels]);
    }
    (colours, alpha)
}
