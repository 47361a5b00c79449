//! Pictures of all sizes through every shipped model.

use lic_codec::{Channels, Image, measure};
use lic_models::MODELS;

use crate::{coded, crop, decoded, photograph};

#[test]
fn any_size_comes_back_at_its_size() {
    let whole = photograph();
    for row in MODELS {
        for size in [
            [1, 1],
            [1, 70],
            [64, 1],
            [3, 5],
            [63, 65],
            [64, 64],
            [129, 191],
            [300, 17],
        ] {
            let picture = crop(&whole, [200, 100], size);
            let back = decoded(&coded(&picture, row.key, 60).0);
            assert_eq!(
                (back.width(), back.height()),
                (picture.width(), picture.height())
            );
            assert_eq!(back.channels(), Channels::Rgb);
            // Far below what any of these crops gets, far above what a picture
            // shifted by a pixel or with swapped planes would.
            let psnr = measure::psnr(&picture, &back).unwrap();
            assert!(psnr > 28.0, "{} at {size:?}: {psnr:.1} dB", row.key);
        }
    }
}

#[test]
fn grey_stays_grey() {
    let grey = crop(&photograph(), [100, 60], [150, 90]).into_channels(Channels::Grey);
    for row in MODELS {
        let back = decoded(&coded(&grey, row.key, 60).0);
        assert_eq!(back.channels(), Channels::Grey);
        let psnr = measure::psnr(&grey, &back).unwrap();
        assert!(psnr > 30.0, "{}: {psnr:.1} dB", row.key);
    }
}

#[test]
fn extreme_pictures_come_back() {
    let flat = |value: u8| Image::new(80, 48, Channels::Rgb, vec![value; 80 * 48 * 3]).unwrap();
    // A checkerboard of single pixels is as far from a photograph as can be.
    let board: Vec<u8> = (0..80 * 48 * 3)
        .map(|i| if (i / 3 + i / 240) % 2 == 0 { 0 } else { 255 })
        .collect();
    let board = Image::new(80, 48, Channels::Rgb, board).unwrap();
    for row in MODELS {
        for value in [0, 255] {
            let psnr = measure::psnr(&flat(value), &decoded(&coded(&flat(value), row.key, 60).0));
            assert!(
                psnr.unwrap() > 30.0,
                "{}, flat {value}: {psnr:?} dB",
                row.key
            );
        }
        decoded(&coded(&board, row.key, 100).0);
        decoded(&coded(&board, row.key, 1).0);
    }
}

#[test]
fn better_quality_is_better_and_larger() {
    let picture = crop(&photograph(), [256, 128], [256, 256]);
    for row in MODELS {
        let points: Vec<(u64, f64)> = [1, 25, 50, 75, 100]
            .map(|quality| {
                let (file, report) = coded(&picture, row.key, quality);
                (
                    report.bytes,
                    measure::psnr(&picture, &decoded(&file)).unwrap(),
                )
            })
            .into();
        for pair in points.windows(2) {
            assert!(
                pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1,
                "{}: {points:?}",
                row.key
            );
        }
    }
}
