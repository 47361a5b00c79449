use std::io::Cursor;
use std::path::Path;

use image::DynamicImage;
use lic_codec::{Channels, Depth, Image, Metadata, Samples};

use super::read::decode;
use super::write::{ENDINGS, Format, Kind};

fn encoded(picture: &DynamicImage, format: image::ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn png(picture: &DynamicImage) -> Vec<u8> {
    encoded(picture, image::ImageFormat::Png)
}

/// A slope, with alpha and metadata as asked for.
fn ramp(channels: Channels, depth: Depth, alpha: bool) -> Image {
    let count = 7 * 5 * channels.count();
    let image = match depth {
        Depth::Eight => {
            let samples: Vec<u8> = (0..count).map(|i| (i * 2) as u8).collect();
            Image::new(7, 5, channels, samples).unwrap()
        }
        Depth::Sixteen => {
            let samples: Vec<u16> = (0..count).map(|i| (i * 601) as u16).collect();
            Image::new(7, 5, channels, samples).unwrap()
        }
    };
    match (alpha, depth) {
        (false, _) => image,
        (true, Depth::Eight) => {
            let alpha: Vec<u8> = (0..35).map(|i| 255 - i * 7).collect();
            image.with_alpha(alpha).unwrap()
        }
        (true, Depth::Sixteen) => {
            let alpha: Vec<u16> = (0..35).map(|i| i * 1800).collect();
            image.with_alpha(alpha).unwrap()
        }
    }
}

fn metadata() -> Metadata {
    Metadata {
        // No valid profile, which nobody on the way has to look at.
        icc: Some((0..300).map(|i| i as u8).collect()),
        exif: Some(b"II*\0\x08\0\0\0\0\0\0\0\0\0".to_vec()),
        xmp: Some("<x:xmpmeta xmlns:x='adobe:ns:meta/'>é</x:xmpmeta>".into()),
    }
}

#[test]
fn every_format_gives_back_what_it_took_or_says_that_it_cannot() {
    let mut refused = 0;
    for format in ENDINGS.map(|row| row.1) {
        for channels in Channels::ALL {
            for depth in [Depth::Eight, Depth::Sixteen] {
                for alpha in [false, true] {
                    let image = ramp(channels, depth, alpha).with_metadata(metadata());
                    let mut bytes = Vec::new();
                    if let Err(error) = format.check(Kind::from(&image)) {
                        assert!(error.to_string().contains("use ."), "{error}");
                        assert!(format.write(image, &mut bytes).is_err());
                        refused += 1;
                        continue;
                    }
                    format.write(image.clone(), &mut bytes).unwrap();
                    if format == Format::Jpeg {
                        continue;
                    }
                    let back = decode(&bytes).unwrap();
                    let mut expected = image;
                    // These know colour only.
                    if matches!(format, Format::Ppm | Format::WebP) {
                        expected = expected.into_channels(Channels::Rgb);
                    }
                    if format.leaves_out(&expected).is_some() {
                        expected = expected.with_metadata(Metadata::default());
                    }
                    assert_eq!(back, expected, "{format:?}");
                }
            }
        }
    }
    // JPEG, twice: all but plain 8 bits; WebP: 16 bits; PGM: colour or alpha; PPM
    // and PNM: alpha.
    assert_eq!(refused, 2 * 6 + 4 + 6 + 4 + 4);
}

#[test]
fn jpeg_carries_its_profile_and_exif() {
    let image = ramp(Channels::Rgb, Depth::Eight, false).with_metadata(metadata());
    assert_eq!(Format::Jpeg.leaves_out(&image), Some("its XMP"));
    let mut bytes = Vec::new();
    Format::Jpeg.write(image, &mut bytes).unwrap();
    let back = decode(&bytes).unwrap();
    let expected = Metadata {
        xmp: None,
        ..metadata()
    };
    assert_eq!(back.metadata(), &expected);
}

#[test]
fn all_depths_and_channels_are_read() {
    let read = |picture: DynamicImage| decode(&png(&picture)).unwrap();
    let grey = read(DynamicImage::new_luma_a16(3, 2));
    assert_eq!(
        (grey.channels(), grey.depth()),
        (Channels::Grey, Depth::Sixteen)
    );
    assert_eq!(grey.alpha(), Some(&Samples::Sixteen(vec![0; 6])));
    let colour = read(DynamicImage::new_rgba8(3, 2));
    assert_eq!(colour.alpha(), Some(&Samples::Eight(vec![0; 6])));
    assert_eq!(colour.samples().len(), 18);
}

#[test]
fn what_cannot_be_encoded_is_refused_in_words() {
    let message = |bytes: &[u8]| format!("{:#}", decode(bytes).unwrap_err());
    assert!(message(b"hello").contains("not a PNG"));
    assert!(message(b"").contains("not a PNG"));
    let whole = png(&DynamicImage::new_rgb8(30, 20));
    assert!(decode(&whole[..whole.len() / 2]).is_err());
    // A picture that no memory holds.
    assert!(decode(b"P6 1000000 1000000 255\n").is_err());
    assert!(decode(b"P6 0 5 255\n").is_err());
    // A PNG of two frames.
    let mut animated = Vec::new();
    let mut encoder = png::Encoder::new(&mut animated, 2, 2);
    encoder.set_animated(2, 0).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[0; 4]).unwrap();
    writer.write_image_data(&[9; 4]).unwrap();
    writer.finish().unwrap();
    assert!(message(&animated).contains("animated"));
}

#[test]
fn the_ending_chooses_the_format() {
    let of = |name: &str| Format::of(Path::new(name)).ok();
    assert_eq!(of("-"), Some(Format::Png));
    assert_eq!(of("a/b.PNG"), Some(Format::Png));
    assert_eq!(of("b.ppm"), Some(Format::Ppm));
    assert_eq!(of("b.JPG"), Some(Format::Jpeg));
    assert_eq!(of("b.gif"), None);
    assert_eq!(of("png"), None);
}
