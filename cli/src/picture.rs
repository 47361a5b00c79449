//! Pictures in the formats that people have: PNG, JPEG, WebP and PNM.

use std::ffi::OsStr;
use std::io::{Cursor, Write};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use image::codecs::pnm::{PnmEncoder, PnmSubtype, SampleEncoding};
use image::codecs::{png::PngEncoder, webp::WebPEncoder};
use image::metadata::Orientation;
use image::{
    ColorType, ExtendedColorType, ImageDecoder, ImageEncoder, ImageError, ImageReader, Limits,
};
use lic_codec::{Channels, Image};

use crate::io;

/// The longest picture file that is read: its bytes are held in memory.
const MAX_FILE: u64 = 1 << 30;
/// Memory for a picture's samples and its decoder: enough for what the format's
/// own default limit allows, 2^27 pixels, with an alpha channel.
const MAX_MEMORY: u64 = 1 << 30;

/// A picture as read.
#[derive(Debug)]
pub struct Picture {
    /// The samples.
    pub image: Image,
    /// Whether a tag in the file asks for it to be shown turned or mirrored, which
    /// has not been done.
    pub turned: bool,
}

/// Reads a picture of 8 bits a sample, in colour or grey; what it is, its content
/// says, not its name.
pub fn read(path: &Path) -> Result<Picture> {
    let bytes = io::read_all(path, MAX_FILE)?;
    decode(&bytes).with_context(|| io::input_name(path))
}

fn decode(bytes: &[u8]) -> Result<Picture> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    ensure!(
        reader.format().is_some(),
        "not a PNG, JPEG, WebP or PNM picture"
    );
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_MEMORY);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;

    let color = decoder.color_type();
    if let Some(reason) = refusal(color) {
        bail!(reason);
    }
    let turned = decoder.orientation()? != Orientation::NoTransforms;
    let (width, height) = decoder.dimensions();
    let length = decoder.total_bytes();
    ensure!(
        length <= MAX_MEMORY,
        "{width}x{height} pixels take {length} bytes, the limit is {MAX_MEMORY}"
    );
    let mut samples = vec![0; length as usize];
    decoder.read_image(&mut samples)?;

    let channels = match color {
        ColorType::L8 | ColorType::La8 => Channels::Grey,
        _ => Channels::Rgb,
    };
    if color.has_alpha() {
        samples = without_alpha(&samples, channels.count())?;
    }
    let image = Image::new(width, height, channels, samples)?;
    Ok(Picture { image, turned })
}

/// Why pictures of this type cannot be encoded yet, if they cannot.
fn refusal(color: ColorType) -> Option<String> {
    match color {
        // Alpha passes if it turns out to be opaque.
        ColorType::L8 | ColorType::Rgb8 | ColorType::La8 | ColorType::Rgba8 => None,
        _ => {
            let bits = color.bits_per_pixel() / u16::from(color.channel_count());
            let text = "bits a sample; lic encodes 8 so far";
            Some(format!("it has {bits} {text}"))
        }
    }
}

/// Drops the last sample of each pixel, which has to be 255.
fn without_alpha(samples: &[u8], channels: usize) -> Result<Vec<u8>> {
    let mut kept = Vec::new();
    for pixel in samples.chunks_exact(channels + 1) {
        if pixel[channels] != 255 {
            bail!("it has transparent pixels; lic encodes opaque pictures so far");
        }
        kept.extend(&pixel[..channels]);
    }
    Ok(kept)
}

/// A format that decoded pictures are written in. None of them loses anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// PNG.
    Png,
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
const ENDINGS: [(&str, Format); 5] = [
    ("png", Format::Png),
    ("ppm", Format::Ppm),
    ("pgm", Format::Pgm),
    ("pnm", Format::Pnm),
    ("webp", Format::WebP),
];

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
    pub fn check(self, channels: Channels) -> Result<()> {
        ensure!(
            self != Self::Pgm || channels == Channels::Grey,
            "PGM holds grey pictures only, and this one has colour; use .ppm"
        );
        Ok(())
    }

    /// Writes `image`.
    pub fn write(self, image: Image, writer: &mut dyn Write) -> Result<()> {
        self.check(image.channels())?;
        let image = match self {
            Self::Ppm => image.into_channels(Channels::Rgb),
            _ => image,
        };
        let color = match image.channels() {
            Channels::Grey => ExtendedColorType::L8,
            Channels::Rgb => ExtendedColorType::Rgb8,
        };
        let (samples, width, height) = (image.samples(), image.width(), image.height());
        let written = match self {
            Self::Png => PngEncoder::new(writer).write_image(samples, width, height, color),
            Self::WebP => {
                WebPEncoder::new_lossless(writer).write_image(samples, width, height, color)
            }
            Self::Ppm | Self::Pgm | Self::Pnm => {
                // Left to choose, the encoder writes PAM, which few programs read.
                let encoding = SampleEncoding::Binary;
                let subtype = match image.channels() {
                    Channels::Grey => PnmSubtype::Graymap(encoding),
                    Channels::Rgb => PnmSubtype::Pixmap(encoding),
                };
                let encoder = PnmEncoder::new(writer).with_subtype(subtype);
                encoder.write_image(samples, width, height, color)
            }
        };
        written.map_err(|error| match error {
            // `ImageError` hides what it wraps from the chain of causes, where a
            // broken pipe has to be found.
            ImageError::IoError(error) => error.into(),
            error => error.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::DynamicImage;

    fn png(picture: &DynamicImage) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        picture
            .write_to(&mut bytes, image::ImageFormat::Png)
            .unwrap();
        bytes.into_inner()
    }

    fn ramp(channels: Channels) -> Image {
        let samples = (0..7 * 5 * channels.count()).map(|i| (i * 3) as u8);
        Image::new(7, 5, channels, samples.collect()).unwrap()
    }

    #[test]
    fn every_format_gives_back_what_it_took() {
        let all = ENDINGS.map(|row| row.1);
        for (format, channels) in all.into_iter().flat_map(|f| Channels::ALL.map(|c| (f, c))) {
            let image = ramp(channels);
            let mut bytes = Vec::new();
            let written = format.write(image.clone(), &mut bytes);
            if format == Format::Pgm && channels == Channels::Rgb {
                assert!(written.unwrap_err().to_string().contains("grey"));
                continue;
            }
            written.unwrap();
            let start: &[u8] = match (format, channels) {
                (Format::Png, _) => b"\x89PNG",
                (Format::WebP, _) => b"RIFF",
                (Format::Pgm, _) | (Format::Pnm, Channels::Grey) => b"P5",
                (Format::Ppm, _) | (Format::Pnm, Channels::Rgb) => b"P6",
            };
            assert!(bytes.starts_with(start), "{format:?} {channels:?}");
            let back = decode(&bytes).unwrap().image;
            // These two know colour only.
            let expected = match format {
                Format::Ppm | Format::WebP => image.into_channels(Channels::Rgb),
                _ => image,
            };
            assert_eq!(back, expected, "{format:?} {channels:?}");
        }
    }

    #[test]
    fn grey_stays_grey_and_opaque_alpha_is_dropped() {
        let grey = DynamicImage::new_luma8(3, 2);
        assert_eq!(
            decode(&png(&grey)).unwrap().image.channels(),
            Channels::Grey
        );
        let opaque = DynamicImage::new_rgb8(3, 2).into_rgba8();
        let image = decode(&png(&opaque.into())).unwrap().image;
        assert_eq!(
            (image.channels(), image.samples().len()),
            (Channels::Rgb, 18)
        );
    }

    #[test]
    fn what_cannot_be_encoded_is_refused_in_words() {
        let message = |bytes: &[u8]| format!("{:#}", decode(bytes).unwrap_err());
        assert!(message(&png(&DynamicImage::new_rgba8(3, 2))).contains("transparent"));
        assert!(message(&png(&DynamicImage::new_luma_a8(3, 2))).contains("transparent"));
        assert!(message(&png(&DynamicImage::new_rgb16(3, 2))).contains("16 bits"));
        assert!(message(&png(&DynamicImage::new_luma16(3, 2))).contains("16 bits"));
        assert!(message(b"hello").contains("not a PNG"));
        assert!(message(b"").contains("not a PNG"));
        let whole = png(&DynamicImage::new_rgb8(30, 20));
        assert!(decode(&whole[..whole.len() / 2]).is_err());
        // A picture that no memory holds.
        assert!(decode(b"P6 1000000 1000000 255\n").is_err());
        assert!(decode(b"P6 0 5 255\n").is_err());
    }

    #[test]
    fn the_ending_chooses_the_format() {
        let of = |name: &str| Format::of(Path::new(name)).ok();
        assert_eq!(of("-"), Some(Format::Png));
        assert_eq!(of("a/b.PNG"), Some(Format::Png));
        assert_eq!(of("b.ppm"), Some(Format::Ppm));
        assert_eq!(of("b.jpg"), None);
        assert_eq!(of("png"), None);
    }
}
