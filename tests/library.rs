//! What programs that embed lic use.

use lic_codec::{Channels, Depth, Image, Metadata};
use lic_models::MODELS;

use crate::{coded, crop, decoded, photograph};

#[test]
fn public_types_cross_threads() {
    fn server<T: Send + Sync>() {}
    server::<lic_models::Zoo>();
    server::<lic_models::StandardModel>();
    server::<lic_codec::Image>();
    server::<lic_codec::Decoder<std::fs::File>>();
    server::<lic_codec::EncodeError>();
    server::<lic_codec::DecodeError>();
}

/// `image` opens what lic wrote, by ending and by content, with all that it carries.
#[test]
fn the_image_crate_opens_lic_files() {
    lic_models::register_image_format();
    assert!(!lic_models::register_image_format());
    let folder = tempfile::tempdir().unwrap();
    let colour = crop(&photograph(), [100, 100], [90, 70]);
    let alpha: Vec<u8> = (0..90 * 70).map(|i| (i % 256) as u8).collect();
    let metadata = Metadata {
        icc: Some(vec![1; 200]),
        ..Metadata::default()
    };
    let grey = colour.clone().into_channels(Channels::Grey);
    let deep: Vec<u16> = (0..90 * 70).map(|i| i * 10).collect();
    let pictures = [
        colour.clone(),
        colour.with_alpha(alpha).unwrap().with_metadata(metadata),
        grey,
        Image::new(90, 70, Channels::Grey, deep).unwrap(),
    ];
    for row in MODELS {
        for picture in &pictures {
            let (file, _) = coded(picture, row.key, 60);
            let back = decoded(&file);
            let named = folder.path().join("a.lic");
            std::fs::write(&named, &file).unwrap();
            let opened = image::open(&named).unwrap();
            assert_eq!((opened.width(), opened.height()), (90, 70));
            assert_eq!(opened.color().has_alpha(), picture.alpha().is_some());
            let bits = opened.color().bits_per_pixel() / u16::from(opened.color().channel_count());
            assert_eq!(bits == 16, picture.depth() == Depth::Sixteen);
            let colours = match picture.channels() {
                Channels::Grey => opened.to_luma8().into_raw(),
                Channels::Rgb => opened.to_rgb8().into_raw(),
            };
            assert_eq!(&*back.samples().eight(), &colours[..]);
            let guessed = image::ImageReader::new(std::io::Cursor::new(&file));
            let mut decoder = guessed
                .with_guessed_format()
                .unwrap()
                .into_decoder()
                .unwrap();
            let icc = image::ImageDecoder::icc_profile(&mut decoder).unwrap();
            assert_eq!(icc, picture.metadata().icc);
        }
    }
    std::fs::write(folder.path().join("b.lic"), b"nothing").unwrap();
    assert!(image::open(folder.path().join("b.lic")).is_err());
}
