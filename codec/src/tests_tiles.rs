//! Tests of tiles, of what files carry, and of what is decoded of a part of one.

use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::tests::{decode, file_of, index_of, picture};
use crate::*;

#[test]
fn tiles_alpha_depth_and_metadata_come_back() {
    let mut random = StdRng::seed_from_u64(18);
    for round in 0..40 {
        let (width, height) = (random.random_range(1..=200), random.random_range(1..=200));
        let pixels = (width * height) as usize;
        let image = picture(&mut random, width, height, Channels::ALL[round % 2]);
        let alpha: Vec<u8> = (0..pixels)
            .map(|i| ((i / 300) * 40).min(255) as u8)
            .collect();
        let metadata = Metadata {
            icc: Some(vec![7; 300]),
            exif: (round % 3 == 0).then(|| b"II*\0".to_vec()),
            xmp: (round % 5 == 0).then(Vec::new),
        };
        let image = image.with_alpha(alpha).unwrap().with_metadata(metadata);
        let file = file_of(&image, &EncodeOptions::new(Quality::MAX).tile(64));
        let grid = index_of(&file).header.grid();
        assert_eq!(
            grid.count(),
            u64::from(width.div_ceil(64) * height.div_ceil(64))
        );
        assert_eq!(decode(&file).unwrap(), image);
    }
    // The null model keeps 8 of 16 bits.
    let deep: Vec<u16> = (0..50 * 70).map(|i| i * 17).collect();
    let image = Image::new(50, 70, Channels::Grey, deep.clone()).unwrap();
    let image = image.with_alpha(deep.clone()).unwrap();
    let back = decode(&file_of(&image, &EncodeOptions::new(Quality::MAX))).unwrap();
    assert_eq!(back.alpha(), Some(&Samples::Sixteen(deep.clone())));
    let Samples::Sixteen(samples) = back.samples() else {
        panic!("16 bits became 8")
    };
    assert!(
        samples
            .iter()
            .zip(&deep)
            .all(|(a, b)| a.abs_diff(*b) <= 128)
    );
}

/// Thread pools of other sizes write the same bytes and read the same picture.
#[test]
fn the_number_of_threads_changes_nothing() {
    let mut random = StdRng::seed_from_u64(19);
    let image = picture(&mut random, 300, 200, Channels::Rgb);
    let options = EncodeOptions::new(Quality::new(60).unwrap()).tile(64);
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build().unwrap().install(|| {
            let file = file_of(&image, &options);
            let back = decode(&file).unwrap();
            (file, back)
        })
    };
    assert_eq!(with(1), with(2));
    assert_eq!(with(1), with(4));
}

fn crop(image: &Image, area: Area) -> Vec<u8> {
    let row = image.width() as usize * 3;
    let samples = image.samples().eight();
    (area.y..area.bottom())
        .flat_map(|y| {
            let start = y as usize * row + area.x as usize * 3;
            samples[start..][..area.width as usize * 3].to_vec()
        })
        .collect()
}

#[test]
fn a_region_is_that_part_of_the_picture() {
    let mut random = StdRng::seed_from_u64(20);
    let image = picture(&mut random, 230, 150, Channels::Rgb);
    let file = file_of(&image, &EncodeOptions::new(Quality::MAX).tile(64));
    for _ in 0..30 {
        let (x, y) = (random.random_range(0..230), random.random_range(0..150));
        let area = Area {
            x,
            y,
            width: random.random_range(1..=230 - x),
            height: random.random_range(1..=150 - y),
        };
        let options = DecodeOptions::default().region(area);
        let part = Decoder::new(&file[..])
            .decode_with(&Null, &options)
            .unwrap();
        assert_eq!(part.image.samples().eight().to_vec(), crop(&image, area));
    }
    for area in [
        Area {
            x: 230,
            ..Area::of(1, 1)
        },
        Area::of(0, 5),
        Area::of(231, 1),
    ] {
        let options = DecodeOptions::default().region(area);
        let error = Decoder::new(&file[..])
            .decode_with(&Null, &options)
            .unwrap_err();
        assert!(matches!(error, DecodeError::Region { .. }), "{error}");
    }
}

#[test]
fn a_smaller_picture_is_the_mean_of_squares() {
    let mut random = StdRng::seed_from_u64(21);
    let image = picture(&mut random, 131, 70, Channels::Rgb);
    let file = file_of(&image, &EncodeOptions::new(Quality::MAX).tile(64));
    let at = |scale| {
        let options = DecodeOptions::default().scale(scale);
        Decoder::new(&file[..])
            .decode_with(&Null, &options)
            .unwrap()
            .image
    };
    let half = at(Scale::Half);
    assert_eq!((half.width(), half.height()), (66, 35));
    let (small, large) = (half.samples().eight(), image.samples().eight());
    for (x, y) in [(0, 0), (31, 32), (32, 31), (64, 34)] {
        let sum: u32 = [(0, 0), (1, 0), (0, 1), (1, 1)]
            .map(|(dx, dy)| u32::from(large[((2 * y + dy) * 131 + 2 * x + dx) * 3]))
            .iter()
            .sum();
        assert_eq!(u32::from(small[(y * 66 + x) * 3]), (sum + 2) / 4);
    }
    assert_eq!(at(Scale::Eighth).width(), 17);
}

/// Any prefix from the first section on is a picture; once every tile has one, quality
/// rises with length. (Before that, tiles are guesses, and a neighbour that arrives can
/// make a guess worse.)
#[test]
fn what_has_arrived_is_shown() {
    let mut random = StdRng::seed_from_u64(22);
    let image = picture(&mut random, 150, 100, Channels::Rgb);
    let file = file_of(&image, &EncodeOptions::new(Quality::MAX).tile(64));
    let index = index_of(&file);
    let (head, tiles) = (index.to_bytes().len(), index.header.grid().count() as usize);
    let first = head + 4 + index.lengths[0] as usize;
    let mut best = 0.0;
    for kept in (0..file.len()).step_by(61) {
        let options = DecodeOptions::default().partial();
        let decoded = Decoder::new(&file[..kept]).decode_with(&Null, &options);
        assert_eq!(decoded.is_ok(), kept >= first, "{kept}");
        let Ok(decoded) = decoded else { continue };
        assert!(decoded.bytes_used <= kept as u64);
        assert!(!decoded.incomplete.is_empty() && decoded.incomplete.len() <= tiles);
        if decoded.incomplete.iter().all(|&(_, sections)| sections > 0) {
            let psnr = measure::psnr(&image, &decoded.image).unwrap();
            assert!(psnr >= best, "{kept}: {psnr} after {best}");
            best = psnr;
        }
    }
    assert!(best > 0.0);
    let whole = DecodeOptions::default().partial();
    let whole = Decoder::new(&file[..]).decode_with(&Null, &whole).unwrap();
    assert_eq!(whole.incomplete, []);
    assert_eq!(whole.bytes_used, file.len() as u64);
    assert_eq!(whole.image, image);
}

#[test]
fn damage_is_an_error_or_concealed_and_told() {
    let mut random = StdRng::seed_from_u64(23);
    let image = picture(&mut random, 150, 100, Channels::Rgb);
    let file = file_of(&image, &EncodeOptions::new(Quality::MAX).tile(64));
    let index = index_of(&file);
    let head = index.to_bytes().len();
    for (position, name) in index.names().enumerate() {
        let before: usize = index.lengths[..position]
            .iter()
            .map(|&l| l as usize + 4)
            .sum();
        let mut damaged = file.clone();
        damaged[head + before + 4] ^= 1;
        let error = decode(&damaged).unwrap_err();
        assert!(error.to_string().contains(&name.to_string()), "{error}");
        let options = DecodeOptions::default().conceal();
        let decoded = Decoder::new(&damaged[..])
            .decode_with(&Null, &options)
            .unwrap();
        let StreamName::Section { section, tile } = name else {
            panic!("{name}")
        };
        assert_eq!(decoded.incomplete, [(tile, section)]);
        assert_eq!((decoded.image.width(), decoded.image.height()), (150, 100));
        // Other tiles are as they were.
        let other = crop(
            &image,
            index
                .header
                .grid()
                .tile((tile as u32 + 1) % 3, 1 - tile as u32 / 3),
        );
        let area = index
            .header
            .grid()
            .tile((tile as u32 + 1) % 3, 1 - tile as u32 / 3);
        assert_eq!(crop(&decoded.image, area), other);
    }
}
