//! What arrives in parts: regions, previews, prefixes, damage.

use lic_codec::{
    Area, DecodeOptions, Decoder, EncodeOptions, Image, Index, Quality, Scale, StreamName, encode,
    measure,
};
use lic_models::MODELS;

use crate::{ZOO, crop, furthest, photograph};

fn tiled(picture: &Image, key: &str, quality: u8, tile: u32) -> Vec<u8> {
    let options = EncodeOptions::new(Quality::new(quality).unwrap()).tile(tile);
    let mut file = Vec::new();
    encode(picture, ZOO.open(key).unwrap(), &options, &mut file).unwrap();
    file
}

fn with(file: &[u8], options: &DecodeOptions) -> lic_codec::Decoded {
    Decoder::new(file).decode_with(&*ZOO, options).unwrap()
}

#[test]
fn a_region_is_that_part_of_the_picture() {
    let picture = crop(&photograph(), [200, 60], [450, 390]);
    for row in MODELS {
        let file = tiled(&picture, row.key, 50, 128);
        let whole = Decoder::new(&file[..]).decode(&*ZOO).unwrap();
        for [x, y, width, height] in [[0, 0, 1, 1], [100, 90, 200, 77], [449, 389, 1, 1]] {
            let area = Area {
                x: x as u32,
                y: y as u32,
                width: width as u32,
                height: height as u32,
            };
            let part = with(&file, &DecodeOptions::default().region(area)).image;
            let expected = crop(&whole, [x, y], [width, height]);
            // The same sums over a smaller window, in another order.
            assert!(furthest(&part, &expected) <= 1, "{area:?}");
        }
    }
}

/// A preview is close to the mean of the full picture's squares.
#[test]
fn previews_look_like_the_picture() {
    let picture = photograph();
    for row in MODELS {
        let file = tiled(&picture, row.key, 60, 1024);
        let all = with(&file, &DecodeOptions::default()).image;
        for scale in [Scale::Half, Scale::Quarter, Scale::Eighth, Scale::Sixteenth] {
            let small = with(&file, &DecodeOptions::default().scale(scale)).image;
            let n = scale.divisor();
            assert_eq!((small.width(), small.height()), (768 / n, 512 / n));
            let psnr = measure::psnr(&small, &shrunk(&all, n)).unwrap();
            // What the groups that are left out would have added to the means of
            // squares of pixels.
            assert!(psnr > 32.0, "{} at 1/{n}: {psnr:.1} dB", row.key);
        }
    }
}

fn shrunk(image: &Image, n: u32) -> Image {
    let (width, height) = (image.width() / n, image.height() / n);
    let all = image.samples().eight();
    let mut samples: Vec<u8> = Vec::new();
    for y in 0..height {
        for x in 0..width {
            for c in 0..3 {
                let at = |i: u32| {
                    let (x, y) = (x * n + i % n, y * n + i / n);
                    u32::from(all[((y * image.width() + x) * 3 + c) as usize])
                };
                let sum: u32 = (0..n * n).map(at).sum();
                samples.push(((sum + n * n / 2) / (n * n)) as u8);
            }
        }
    }
    Image::new(width, height, lic_codec::Channels::Rgb, samples).unwrap()
}

/// Every section that has arrived makes the picture better.
#[test]
fn quality_grows_with_every_section() {
    let picture = photograph();
    for row in MODELS {
        let file = tiled(&picture, row.key, 60, 1024);
        let index = Index::read(&mut &file[..], |_| Ok(())).unwrap();
        let mut end = index.to_bytes().len();
        let mut best = 0.0;
        for (name, (number, &length)) in index.names().zip(index.lengths.iter().enumerate()) {
            end += length as usize + if length == 0 { 0 } else { 4 };
            let StreamName::Section { section, .. } = name else {
                continue;
            };
            let decoded = with(&file[..end], &DecodeOptions::default().partial());
            let expected = number + 1 < index.lengths.len();
            assert_eq!(!decoded.incomplete.is_empty(), expected);
            assert_eq!(decoded.bytes_used, end as u64);
            let psnr = measure::psnr(&picture, &decoded.image).unwrap();
            assert!(psnr > best, "{} section {section}: {psnr:.2} dB", row.key);
            best = psnr;
        }
    }
}

/// A tile of which nothing is left is filled from its neighbours: not right, but
/// nearer than grey, and the others are as they were.
#[test]
fn a_lost_tile_is_filled_in() {
    // Leaves out of focus, where a guess can be good.
    let picture = crop(&photograph(), [0, 0], [384, 384]);
    for row in MODELS {
        let file = tiled(&picture, row.key, 50, 128);
        let index = Index::read(&mut &file[..], |_| Ok(())).unwrap();
        let middle = StreamName::Section {
            section: 0,
            tile: 4,
        };
        let before = &index.lengths[..index.position(middle)];
        let start: usize = before.iter().map(|&l| l as usize + 4).sum();
        let mut damaged = file.clone();
        damaged[index.to_bytes().len() + start + 5] ^= 0x10;
        assert!(Decoder::new(&damaged[..]).decode(&*ZOO).is_err());
        let decoded = with(&damaged, &DecodeOptions::default().conceal());
        assert_eq!(decoded.incomplete, [(4, 0)]);
        let whole = with(&file, &DecodeOptions::default()).image;
        let corner = |image: &Image| crop(image, [0, 0], [32, 32]);
        assert_eq!(corner(&decoded.image), corner(&whole));
        let lost = |image: &Image| crop(image, [128, 128], [128, 128]);
        let filled = measure::psnr(&lost(&picture), &lost(&decoded.image)).unwrap();
        let grey = Image::new(
            128,
            128,
            lic_codec::Channels::Rgb,
            vec![128u8; 128 * 128 * 3],
        );
        let grey = measure::psnr(&lost(&picture), &grey.unwrap()).unwrap();
        assert!(filled > grey, "{}: {filled:.1} dB, grey {grey:.1}", row.key);
    }
}
