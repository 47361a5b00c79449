//! Filters there and back, against the text of the format, and what they are for.

use rand::{Rng, SeedableRng, rngs::StdRng};

use super::*;
use crate::image::{Channels, Depth, Samples};

/// Filters that are anything an encoder may say.
fn random_filters(random: &mut StdRng, channels: Channels) -> Filters {
    let mut bank = || {
        let count = random.random_range(0..=6);
        let mut bank = Bank::default();
        for _ in 0..count {
            let most = random.random_range(1..=42);
            bank.filters
                .push(std::array::from_fn(|_| random.random_range(-most..=most)));
        }
        bank.of_class = std::array::from_fn(|_| random.random_range(0..=count));
        bank
    };
    Filters {
        luma: bank(),
        chroma: match channels {
            Channels::Grey => Bank::default(),
            Channels::Rgb => bank(),
        },
    }
}

/// A picture with flat parts, edges of all directions, and noise.
fn picture(random: &mut StdRng, width: usize, height: usize, channels: Channels) -> Vec<u16> {
    let slope: [f64; 2] = std::array::from_fn(|_| random.random_range(-1.0..1.0));
    let noise = random.random_range(1..6000);
    let mut samples = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let along = x as f64 * slope[0] + y as f64 * slope[1];
            let wave = (along.sin() * 30_000.0) as i32 + 33_000;
            let wave = if x < width / 3 { 65_535 } else { wave };
            for _ in 0..channels.count() {
                let more = if y < height / 2 {
                    random.random_range(0..noise)
                } else {
                    0
                };
                samples.push((wave - more).clamp(0, 65_535) as u16);
            }
        }
    }
    samples
}

/// `samples` as the text of the format filters them, with 16 bits.
fn by_the_text(filters: &Filters, samples: &[u16], width: usize, channels: Channels) -> Vec<u16> {
    let is_rgb = channels == Channels::Rgb;
    let banks = by_the_spec::banks(&filters.to_bytes(channels), is_rgb).unwrap();
    let picture = by_the_spec::Picture {
        samples,
        width: width as i64,
        height: (samples.len() / channels.count() / width) as i64,
        is_rgb,
    };
    picture.filtered(&banks)
}

#[test]
fn filters_do_what_the_text_says() {
    let mut random = StdRng::seed_from_u64(1);
    for (width, height) in [(1, 1), (3, 5), (4, 4), (17, 9), (33, 70), (64, 37)] {
        for channels in Channels::ALL {
            let samples = picture(&mut random, width, height, channels);
            let filters = random_filters(&mut random, channels);
            let bytes = filters.to_bytes(channels);
            assert_eq!(Filters::from_bytes(&bytes, channels).unwrap(), filters);
            let filtered = filters.apply(&samples, width, channels, Depth::Sixteen);
            let text = by_the_text(&filters, &samples, width, channels);
            assert!(
                filtered == Samples::Sixteen(text),
                "{width}x{height} {channels:?}"
            );
            let eight = filters.apply(&samples, width, channels, Depth::Eight);
            assert!(eight == Samples::Eight(filtered.eight().into_owned()));
        }
    }
}

#[test]
fn the_largest_weights_stay_exact() {
    let filter: Filter = [127, -127, 127, -127, 4, 0, 0, 0, 0, 0, 0, 0];
    let bank = Bank {
        filters: vec![filter],
        of_class: [1; CLASSES],
    };
    let filters = Filters {
        luma: bank.clone(),
        chroma: bank,
    };
    // Colours at the ends of all planes, in a pattern that the filter sees as they are.
    let ends = [
        [0; 3],
        [65_535; 3],
        [65_535, 0, 0],
        [0, 0, 65_535],
        [0, 65_535, 0],
        [65_535, 0, 65_535],
    ];
    let mut random = StdRng::seed_from_u64(2);
    let samples: Vec<u16> = (0..40 * 24)
        .flat_map(|_| ends[random.random_range(0..ends.len())])
        .collect();
    let filtered = filters.apply(&samples, 40, Channels::Rgb, Depth::Sixteen);
    let text = by_the_text(&filters, &samples, 40, Channels::Rgb);
    assert!(filtered == Samples::Sixteen(text));
}

#[test]
fn damaged_filters_are_errors_or_filters() {
    let mut random = StdRng::seed_from_u64(3);
    let (mut faults, mut sound) = (0, 0);
    for _ in 0..20_000 {
        let channels = Channels::ALL[random.random_range(0..2)];
        let mut bytes = random_filters(&mut random, channels).to_bytes(channels);
        for _ in 0..random.random_range(1..4) {
            let at = random.random_range(0..bytes.len().max(1));
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << random.random_range(0..8);
            }
        }
        if random.random_range(0..4) == 0 {
            bytes.truncate(random.random_range(0..=bytes.len()));
        }
        let ours = Filters::from_bytes(&bytes, channels);
        let text = by_the_spec::banks(&bytes, channels == Channels::Rgb);
        match ours {
            Ok(_) if bytes.is_empty() => {}
            Ok(filters) => {
                assert!(text.is_some());
                assert_eq!(filters.to_bytes(channels), bytes);
                sound += 1;
            }
            Err(_) => {
                assert!(text.is_none());
                faults += 1;
            }
        }
    }
    assert!(faults > 1000 && sound > 0, "{faults} {sound}");
}

/// What a blurred picture lacks, a filter finds; and of what is noise, nothing is worth
/// its bits.
#[test]
fn fitted_filters_mend_what_is_wrong_everywhere() {
    let mut random = StdRng::seed_from_u64(4);
    let (width, height) = (96, 64);
    for channels in Channels::ALL {
        let original = picture(&mut random, width, height, channels);
        let count = channels.count();
        let at = |x: usize, y: usize, c: usize| {
            let (x, y) = (x.min(width - 1), y.min(height - 1));
            u32::from(original[(y * width + x) * count + c])
        };
        let mut blurred = Vec::new();
        for y in 0..height {
            for x in 0..width {
                for c in 0..count {
                    let around = at(x.saturating_sub(1), y, c)
                        + at(x + 1, y, c)
                        + at(x, y.saturating_sub(1), c)
                        + at(x, y + 1, c);
                    blurred.push(((4 * at(x, y, c) + around) / 8) as u16);
                }
            }
        }
        let error = |of: &[u16]| -> f64 {
            let pairs = of.iter().zip(&original);
            pairs
                .map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2))
                .sum()
        };
        let mut fit = Fit::new(channels);
        fit.add(&blurred, &original, width, 0, height);
        // The same in two parts.
        let mut parts = Fit::new(channels);
        let each = width * count;
        parts.add(&blurred[..40 * each], &original[..40 * each], width, 0, 32);
        parts.add(
            &blurred[24 * each..],
            &original[24 * each..],
            width,
            8,
            height - 32,
        );
        let filters = fit.filters(20_000.0);
        assert_eq!(parts.filters(20_000.0), filters);
        let Samples::Sixteen(filtered) = filters.apply(&blurred, width, channels, Depth::Sixteen)
        else {
            panic!("samples of 16 bits were asked for");
        };
        let (before, after) = (error(&blurred), error(&filtered));
        assert!(after < 0.5 * before, "{after} of {before}");
        // Nothing is wrong with it, and nothing is to be had for a bit.
        let mut none = Fit::new(channels);
        none.add(&original, &original, width, 0, height);
        assert!(none.filters(20_000.0).is_empty());
    }
}
