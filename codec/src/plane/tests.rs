//! Planes there and back, by this crate and by the text; hostile bytes; sizes.

use rand::{Rng, SeedableRng, rngs::StdRng};

use super::by_the_spec;
use super::*;

const SPEC: &str = include_str!("../../BITSTREAM.md");

/// A plane to test with.
struct Plane {
    width: u32,
    height: u32,
    depth: Depth,
    samples: Vec<u16>,
}

impl Plane {
    fn new(width: u32, height: u32, depth: Depth, f: impl FnMut((u32, u32)) -> u16) -> Self {
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let samples = places.map(f).collect();
        Self {
            width,
            height,
            depth,
            samples,
        }
    }

    /// How much of each sample a shape covers, in 64 points.
    fn shape(width: u32, height: u32, depth: Depth, inside: impl Fn(f64, f64) -> bool) -> Self {
        let max = u32::from(depth.max());
        Self::new(width, height, depth, |(x, y)| {
            let points = (0..64).filter(|point| {
                let (dx, dy) = (f64::from(point % 8), f64::from(point / 8));
                inside(
                    f64::from(x) + (dx + 0.5) / 8.0,
                    f64::from(y) + (dy + 0.5) / 8.0,
                )
            });
            (points.count() as u32 * max / 64) as u16
        })
    }

    fn encode(&self) -> Vec<u8> {
        encode_plane(&self.samples, self.width, self.height, self.depth).unwrap()
    }

    /// Encodes, decodes in both ways, compares; returns the length.
    fn check(&self) -> usize {
        let bytes = self.encode();
        let (width, height) = (self.width, self.height);
        let count = u64::from(width) * u64::from(height);
        let decoded = decode_plane(&bytes, width, height, self.depth, count).unwrap();
        // Not assert_eq: nobody wants to read so many samples.
        assert!(decoded == self.samples);
        let bits = 8 * self.depth.bytes() as u32;
        let by_the_spec = by_the_spec::decode(&bytes, width, height, bits);
        assert!(by_the_spec.as_ref() == Some(&self.samples));
        bytes.len()
    }

    /// The length of the zlib stream of the smallest of five PNGs, without what
    /// surrounds it.
    fn png(&self) -> usize {
        use png::Filter::*;
        let sizes = [NoFilter, Sub, Up, Paeth, Adaptive].map(|filter| {
            let mut file = Vec::new();
            let mut encoder = png::Encoder::new(&mut file, self.width, self.height);
            encoder.set_depth(match self.depth {
                Depth::Eight => png::BitDepth::Eight,
                Depth::Sixteen => png::BitDepth::Sixteen,
            });
            encoder.set_compression(png::Compression::High);
            encoder.set_filter(filter);
            let take = 2 - self.depth.bytes();
            let bytes = self.samples.iter().map(|sample| sample.to_be_bytes());
            let bytes: Vec<u8> = bytes.flat_map(|b| b.into_iter().skip(take)).collect();
            let mut writer = encoder.write_header().unwrap();
            writer.write_image_data(&bytes).unwrap();
            writer.finish().unwrap();
            // Signature, IHDR, IEND and the frame of one IDAT.
            file.len() - 8 - 25 - 12 - 12
        });
        sizes.into_iter().min().unwrap()
    }
}

/// Planes of all kinds, most with flat parts.
fn draw(random: &mut StdRng, (width, height): (u32, u32), depth: Depth) -> Plane {
    let max = depth.max();
    let (cx, cy) = (f64::from(width) * random.random::<f64>(), f64::from(height));
    let radius = f64::from(width.max(height)) * random.random::<f64>();
    let circle = |x: f64, y: f64| (x - cx).hypot(y - cy / 2.0) < radius;
    match random.random_range(0..8) {
        0 => Plane::new(width, height, depth, |_| random.random_range(0..=max)),
        1 => Plane::new(
            width,
            height,
            depth,
            |_| {
                if random.random() { max } else { 0 }
            },
        ),
        2 => {
            let steps = [random.random_range(0..9), random.random_range(0..9)];
            Plane::new(width, height, depth, |(x, y)| {
                ((x * steps[0] + y * steps[1]) % (u32::from(max) + 1)) as u16
            })
        }
        3 => {
            let levels = random.random_range(1..5);
            let palette: Vec<u16> = (0..levels).map(|_| random.random_range(0..=max)).collect();
            Plane::new(width, height, depth, |_| {
                palette[random.random_range(0..levels)]
            })
        }
        4 => {
            let amplitude = random.random_range(1..=max / 4);
            Plane::new(width, height, depth, |(x, _)| {
                let noise = random.random_range(0..=amplitude);
                (x.min(100) as u16 * (max / 255)).saturating_sub(noise)
            })
        }
        // 8-bit samples, widened.
        5 if depth == Depth::Sixteen => {
            let narrow = Plane::shape(width, height, Depth::Eight, circle);
            let samples = narrow.samples.iter().map(|sample| sample * 257).collect();
            Plane {
                depth,
                samples,
                ..narrow
            }
        }
        _ => Plane::shape(width, height, depth, circle),
    }
}

#[test]
fn any_plane_comes_back_by_the_crate_and_by_the_text() {
    let mut random = StdRng::seed_from_u64(41);
    let corners = [(1, 1), (1, 200), (300, 1), (2, 2), (3, 1), (300, 200)];
    for round in 0..240 {
        let size = corners.get(round / 4).copied().unwrap_or_else(|| {
            let most = if round % 10 == 0 { 200 } else { 40 };
            (random.random_range(1..=most), random.random_range(1..=most))
        });
        let depth = [Depth::Eight, Depth::Sixteen][round % 2];
        let plane = draw(&mut random, size, depth);
        // No plane is much longer than its samples.
        assert!(plane.check() <= plane.samples.len() * depth.bytes() + 1);
    }
}

#[test]
fn equal_samples_take_three_bytes_at_most() {
    for (depth, bytes) in [(Depth::Eight, 2), (Depth::Sixteen, 3)] {
        for sample in [0, 1, depth.max()] {
            let plane = Plane::new(3000, 70, depth, |_| sample);
            assert_eq!(plane.check(), bytes);
        }
    }
}

/// Letters: strokes of four random outlines, each many times on the page.
fn page(depth: Depth) -> Plane {
    let mut random = StdRng::seed_from_u64(42);
    let mut letters = [[[0.0; 4]; 3]; 20];
    for stroke in letters.iter_mut().flatten() {
        *stroke = [(); 4].map(|()| 2.0 + 12.0 * random.random::<f64>());
    }
    let text: Vec<usize> = (0..400).map(|_| random.random_range(0..20)).collect();
    Plane::shape(320, 288, depth, |x, y| {
        let letter = letters[text[(y / 20.0) as usize * 20 + (x / 16.0) as usize]];
        let (x, y) = (x % 16.0, y % 20.0);
        letter.iter().any(|[ax, ay, bx, by]| {
            let (dx, dy) = (bx - ax, by - ay);
            let along = ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy);
            let along = along.clamp(0.0, 1.0);
            (x - ax - along * dx).hypot(y - ay - along * dy) < 1.0
        })
    })
}

/// What alpha planes are like: none may take more than the best of five PNGs.
#[test]
fn cut_outs_are_smaller_than_in_a_png() {
    let mut sizes = Vec::new();
    for depth in [Depth::Eight, Depth::Sixteen] {
        let max = f64::from(depth.max());
        let circle = |x: f64, y: f64| (x - 130.0).hypot(y - 120.0) < 101.3;
        let from_centre = |x: u32, y: u32| (f64::from(x) - 131.3).hypot(f64::from(y) - 117.8);
        let planes = [
            ("circle", Plane::shape(256, 256, depth, circle)),
            ("page", page(depth)),
            (
                "slope",
                Plane::new(256, 256, depth, |(x, y)| {
                    (f64::from(3 * x + 2 * y) / 1275.0 * max) as u16
                }),
            ),
            (
                "vignette",
                Plane::new(256, 256, depth, |(x, y)| {
                    ((1.2 - (from_centre(x, y) / 150.0).powi(2)).clamp(0.0, 1.0) * max) as u16
                }),
            ),
            (
                "shadow",
                Plane::new(256, 256, depth, |(x, y)| {
                    (max / (1.0 + ((from_centre(x, y) - 80.0) / 9.0).exp())) as u16
                }),
            ),
        ];
        for (name, plane) in planes {
            let (lic, png) = (plane.check(), plane.png());
            println!("{name}, {depth:?}: {lic} bytes, PNG {png}");
            sizes.push((name, depth, lic, png));
        }
    }
    for (name, depth, lic, png) in sizes {
        assert!(lic <= png, "{name}, {depth:?}: {lic} bytes, PNG {png}");
    }
}

/// The example in the text.
#[test]
fn the_example_is_what_the_encoder_writes() {
    let (_, text) = SPEC.split_once("### Example of a plane").unwrap();
    let hex = text.split("```").nth(1).unwrap().lines().skip(1);
    let bytes: Vec<u8> = hex
        .flat_map(str::split_whitespace)
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect();
    #[rustfmt::skip]
    let samples = vec![
        0, 0, 0, 0, 0, 0,
        0, 90, 255, 255, 90, 0,
        0, 90, 255, 255, 90, 0,
        0, 0, 60, 61, 0, 0,
    ];
    let plane = Plane {
        width: 6,
        height: 4,
        depth: Depth::Eight,
        samples,
    };
    assert_eq!(plane.encode(), bytes);
    plane.check();
}

/// Noise has no form that is shorter than the samples.
#[test]
fn noise_is_written_as_it_is() {
    let mut random = StdRng::seed_from_u64(43);
    let plane = Plane::new(64, 64, Depth::Sixteen, |_| random.random());
    assert_eq!(plane.check(), 1 + 2 * 64 * 64);
}

/// Any bytes end in an error or in a plane of the right size; where the crate
/// accepts some, so does the text, with the same samples.
#[test]
fn hostile_bytes() {
    let mut random = StdRng::seed_from_u64(44);
    let mut accepted = 0;
    for round in 0..100_000u32 {
        let depth = [Depth::Eight, Depth::Sixteen][round as usize % 2];
        let size = (random.random_range(1..=12), random.random_range(1..=9));
        let (width, height) = size;
        let mut bytes = if round % 4 == 0 {
            let mut bytes = vec![0; random.random_range(0..80)];
            random.fill(&mut bytes[..]);
            if let Some(form) = bytes.first_mut() {
                *form %= 5;
            }
            bytes
        } else {
            draw(&mut random, size, depth).encode()
        };
        for _ in 0..random.random_range(0..4) {
            mutate(&mut random, &mut bytes);
        }
        let decoded = decode_plane(&bytes, width, height, depth, 1 << 20).ok();
        if let Some(samples) = &decoded {
            assert_eq!(samples.len() as u32, width * height);
            accepted += 1;
        }
        // The text is slow.
        if round % 16 == 1 {
            let bits = 8 * depth.bytes() as u32;
            let by_the_spec = by_the_spec::decode(&bytes, width, height, bits);
            assert_eq!(by_the_spec, decoded, "{size:?} {depth:?} {bytes:02x?}");
        }
    }
    println!("{accepted} of 100,000 accepted");
    assert!(accepted > 10_000, "{accepted}: the mutations leave nothing");
}

fn mutate(random: &mut StdRng, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        return;
    }
    let place = random.random_range(0..bytes.len());
    match random.random_range(0..4) {
        0 => bytes[place] ^= 1 << random.random_range(0..8),
        1 => bytes[place] = random.random(),
        2 => bytes.truncate(place),
        _ => bytes.insert(place, random.random()),
    }
}

#[test]
fn callers_and_limits() {
    let count = |samples: &[u16], width, height| {
        let error = encode_plane(samples, width, height, Depth::Eight);
        matches!(error, Err(PlaneError::SampleCount { .. }))
    };
    assert!(count(&[], 0, 0) && count(&[], 0, 9) && count(&[1], 2, 1));
    assert!(count(&[1, 1, 1], 2, 1) && count(&[1], u32::MAX, u32::MAX));
    let error = encode_plane(&[255, 256], 2, 1, Depth::Eight).unwrap_err();
    assert_eq!(error.to_string(), "a sample is 256, the largest is 255");

    let decode = |bytes: &[u8], width, limit| {
        let plane = decode_plane(bytes, width, 1, Depth::Eight, limit);
        plane.map_err(|error| error.to_string())
    };
    assert_eq!(decode(&[0, 7], 3, 3), Ok(vec![7; 3]));
    let words = "the number of samples in a plane is 4, the limit is 3";
    assert_eq!(decode(&[0, 7], 4, 3), Err(words.to_owned()));
    let words = "the plane's stream has 3 bytes, it must have 2";
    assert_eq!(decode(&[0, 7, 7], 3, 3), Err(words.to_owned()));
    let words = "form 3 of a plane of 8 bits is not known";
    assert_eq!(decode(&[3, 7, 7], 3, 3), Err(words.to_owned()));
    assert!(decode(&[], 3, 3).is_err() && decode(&[0, 7], 0, 3).is_err());
    // No limit at all is still no way to ask for more than there can be.
    let all = decode_plane(&[0, 7], u32::MAX, u32::MAX, Depth::Eight, u64::MAX);
    assert!(matches!(all, Err(PlaneError::Limits(_))));
}
