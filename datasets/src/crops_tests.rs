use super::*;
use image::Rgb;

/// Red says x, green y, blue which picture.
fn ramp(name: &str, width: u32, height: u32, blue: u8) -> Picture {
    Picture {
        name: name.into(),
        pixels: RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, blue])),
    }
}

fn sampler() -> CropSampler {
    let pictures = vec![ramp("a", 64, 48, 10), ramp("b", 32, 96, 20)];
    CropSampler::new(pictures, 7).unwrap()
}

#[test]
fn a_batch_depends_on_seed_step_and_index_only() {
    let sampler = sampler();
    let batch = sampler.batch(5, 4, 16).unwrap();
    assert_eq!(batch.len(), 4 * 16 * 16 * 3);
    sampler.batch(6, 4, 16).unwrap();
    assert_eq!(batch, sampler.clone().batch(5, 4, 16).unwrap());
    assert_eq!(batch[..], sampler.batch(5, 8, 16).unwrap()[..batch.len()]);
    assert_ne!(batch, sampler.batch(6, 4, 16).unwrap());
    let other = CropSampler::new(sampler.pictures().to_vec(), 8).unwrap();
    assert_ne!(batch, other.batch(5, 4, 16).unwrap());
}

#[test]
fn the_crops_of_a_seed_stay_the_same_for_ever() {
    // A changed sum means that stopped runs no longer resume as they would have;
    // `image`'s filter is the one part of it that is not ours.
    let batch = sampler().batch(0, 64, 16).unwrap();
    let sum = batch.iter().fold(0u32, |sum, &b| {
        sum.wrapping_mul(31).wrapping_add(u32::from(b))
    });
    assert_eq!(sum, 3_324_114_608);
}

#[test]
fn pictures_are_chosen_by_their_pixels() {
    let pictures = vec![ramp("small", 20, 20, 0), ramp("large", 40, 30, 255)];
    let sampler = CropSampler::new(pictures, 1).unwrap();
    let batch = sampler.batch(0, 4000, 2).unwrap();
    let large = batch.chunks_exact(12).filter(|crop| crop[2] == 255).count();
    // 1200 of 1600 pixels, within five standard deviations.
    assert!((2863..=3137).contains(&large), "{large}");
}

#[test]
fn half_the_crops_are_scaled_up_when_asked_for() {
    let pictures = vec![ramp("a", 120, 120, 0)];
    let plain = CropSampler::new(pictures, 3).unwrap();
    let size = 20;
    let step_of = |crop: &[u8]| {
        // Along a diagonal of a ramp, both colours differ by the scale a step.
        let at = |i: u32, c: u32| f64::from(crop[((i * size + i) * 3 + c) as usize]);
        (at(size - 3, 0) - at(2, 0)).abs() / f64::from(size - 5)
    };
    let counts = |sampler: &CropSampler| {
        let batch = sampler.batch(0, 2000, size).unwrap();
        let crops = batch.chunks_exact((size * size * 3) as usize).map(step_of);
        let steps: Vec<f64> = crops.collect();
        assert!(steps.iter().all(|step| (0.4..2.2).contains(step)));
        steps.iter().filter(|&&step| step < 0.93).count()
    };
    assert_eq!(counts(&plain), 0);
    assert_eq!(counts(&plain.clone().enlarging(1.0)), 0);
    // 1/2 of the crops, those of a factor of 1.08 or less aside; five standard deviations.
    let large = counts(&plain.enlarging(2.0));
    assert!((810..=1035).contains(&large), "{large}");
}

#[test]
fn half_the_crops_are_scaled_and_all_eight_turns_come() {
    // On a ramp, the difference of neighbours says the scale and the turn.
    let sampler = CropSampler::new(vec![ramp("a", 120, 120, 0)], 3).unwrap();
    let size = 20;
    let batch = sampler.batch(0, 2000, size).unwrap();
    let mut turns = std::collections::BTreeMap::new();
    let mut plain = 0;
    for crop in batch.chunks_exact((size * size * 3) as usize) {
        let at = |x: u32, y: u32, c: u32| i32::from(crop[((y * size + x) * 3 + c) as usize]);
        let along = [at(15, 10, 0) - at(5, 10, 0), at(15, 10, 1) - at(5, 10, 1)];
        let down = [at(10, 15, 0) - at(10, 5, 0), at(10, 15, 1) - at(10, 5, 1)];
        let size_of_step = along[0].abs().max(along[1].abs());
        assert!((10..=20).contains(&size_of_step), "{size_of_step}");
        plain += usize::from(size_of_step == 10);
        let turn = (along.map(i32::signum), down.map(i32::signum));
        *turns.entry(turn).or_insert(0) += 1;
    }
    assert_eq!(turns.len(), 8);
    assert!(turns.values().all(|n| (190..310).contains(n)), "{turns:?}");
    // Half, and those of a factor too near 1 to tell (up to 1/20 of the rest).
    assert!((900..1150).contains(&plain), "{plain}");
}

#[test]
fn scaling_down_averages() {
    // A checkerboard of single pixels scaled by nearly two goes grey; one that
    // kept its black and white would be aliasing.
    let board = RgbImage::from_fn(64, 64, |x, y| Rgb([((x + y) % 2 * 255) as u8; 3]));
    let picture = Picture {
        name: "board".into(),
        pixels: board,
    };
    let sampler = CropSampler::new(vec![picture], 9).unwrap();
    let batch = sampler.batch(0, 200, 32).unwrap();
    let grey = batch
        .chunks_exact(32 * 32 * 3)
        .filter(|crop| crop.iter().all(|&b| (90..166).contains(&b)))
        .count();
    assert!(grey > 20, "{grey}");
}

#[test]
fn a_picture_of_the_crops_size_is_taken_whole() {
    let sampler = CropSampler::new(vec![ramp("a", 16, 16, 5)], 0).unwrap();
    for crop in sampler.batch(0, 32, 16).unwrap().chunks_exact(768) {
        let red: u32 = crop.chunks_exact(3).map(|p| u32::from(p[0])).sum();
        assert_eq!(red, 16 * (15 * 16 / 2));
    }
}

#[test]
fn errors_name_pictures_and_limits() {
    let error = sampler().batch(0, 1, 40).unwrap_err();
    assert_eq!(
        error.to_string(),
        "too small for a crop of 40x40: b (32x96)"
    );
    let many: Vec<_> = (0..7).map(|i| ramp(&format!("p{i}"), 8, 8, 0)).collect();
    let error = CropSampler::new(many, 0)
        .unwrap()
        .batch(0, 1, 9)
        .unwrap_err();
    assert!(
        error.to_string().ends_with("p4 (8x8) and 2 more"),
        "{error}"
    );
    assert_eq!(sampler().batch(0, 1, 0), Err(CropError::ZeroSize));
    assert_eq!(sampler().batch(0, 0, 8), Ok(Vec::new()));
    let none = CropSampler::new(Vec::new(), 0).unwrap_err();
    assert_eq!(none, CropError::NoPictures);
}
