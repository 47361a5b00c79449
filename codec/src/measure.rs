//! How good a decoded picture is: MSE, PSNR and MS-SSIM of the colours of 8-bit
//! pictures. What has 16 bits is rounded to 8 first; alpha is not looked at.
//!
//! Every measure is symmetric, and the same for any number of threads.

use rayon::prelude::*;

use crate::image::Image;

/// Mean squared error over all samples of all channels, 0 to 65,025; `None` if
/// the pictures differ in size or channels.
pub fn mse(a: &Image, b: &Image) -> Option<f64> {
    comparable(a, b).then(|| {
        let (a, b) = (a.samples().eight(), b.samples().eight());
        // Integers: the sum does not depend on the order of its parts.
        let sum: u64 = a
            .par_chunks(1 << 16)
            .zip(b.par_chunks(1 << 16))
            .map(|(a, b)| {
                let squares = a
                    .iter()
                    .zip(b)
                    .map(|(&a, &b)| u32::from(a.abs_diff(b)).pow(2));
                squares.map(u64::from).sum::<u64>()
            })
            .sum();
        sum as f64 / a.len() as f64
    })
}

/// Peak signal-to-noise ratio over all samples of all channels, in decibels:
/// 10 log10(255² / MSE), infinite for equal pictures; `None` if the pictures
/// differ in size or channels.
pub fn psnr(a: &Image, b: &Image) -> Option<f64> {
    mse(a, b).map(psnr_of)
}

/// PSNR in decibels of a mean squared error of 8-bit samples; infinite for 0.
pub fn psnr_of(mse: f64) -> f64 {
    10.0 * (255.0 * 255.0 / mse).log10()
}

/// MS-SSIM in decibels: -10 log10(1 - `ms_ssim`), infinite for 1.
pub fn ms_ssim_db(ms_ssim: f64) -> f64 {
    -10.0 * (1.0 - ms_ssim).log10()
}

/// Exponents of the scales, the finest first (Wang, Simoncelli and Bovik 2003,
/// section 3.2).
const WEIGHTS: [f64; 5] = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];

/// Taps of the window.
const TAPS: usize = 11;

/// The shorter side has to be longer than this for the window to fit the
/// coarsest scale.
const SHORTEST: u32 = (TAPS as u32 - 1) << (WEIGHTS.len() - 1);

/// Multi-scale structural similarity (Wang, Simoncelli and Bovik 2003), 0 to 1, as
/// pytorch-msssim's `ms_ssim` with `data_range=255` defines it and papers report
/// it: windows that lie within the picture, per channel, then the mean of the
/// channels. `None` if the pictures differ in size or channels, or if their
/// shorter side is 160 pixels or less, where the measure is not defined.
pub fn ms_ssim(a: &Image, b: &Image) -> Option<f64> {
    if !comparable(a, b) || a.width().min(a.height()) <= SHORTEST {
        return None;
    }
    let channels = a.channels().count();
    let sum: f64 = (0..channels)
        .map(|channel| ms_ssim_of(Plane::of(a, channel), Plane::of(b, channel)))
        .sum();
    Some(sum / channels as f64)
}

fn comparable(a: &Image, b: &Image) -> bool {
    (a.width(), a.height(), a.channels()) == (b.width(), b.height(), b.channels())
}

fn ms_ssim_of(mut a: Plane, mut b: Plane) -> f64 {
    let mut product = 1.0;
    for (scale, weight) in WEIGHTS.into_iter().enumerate() {
        if scale > 0 {
            (a, b) = (a.halved(), b.halved());
        }
        let Similarity { ssim, cs } = similarity(&a, &b);
        // The coarsest scale alone counts luminance. Negative values have no
        // real power; pytorch-msssim takes them as zero, and so must we.
        let value = if scale + 1 == WEIGHTS.len() { ssim } else { cs };
        product *= value.max(0.0).powf(weight);
    }
    product
}

/// One channel.
struct Plane {
    width: usize,
    samples: Vec<f32>,
}

impl Plane {
    fn of(image: &Image, channel: usize) -> Self {
        let samples = image.samples().eight();
        let pixels = samples.chunks_exact(image.channels().count());
        Self {
            width: image.width() as usize,
            samples: pixels.map(|pixel| f32::from(pixel[channel])).collect(),
        }
    }

    fn height(&self) -> usize {
        self.samples.len() / self.width
    }

    fn row(&self, y: usize) -> &[f32] {
        &self.samples[y * self.width..][..self.width]
    }

    /// Means of 2x2 pixels. A side of odd length is first extended by one zero at
    /// its start (`avg_pool2d` with `padding=1` counts the zeros; what it adds at
    /// the end is never reached).
    fn halved(&self) -> Self {
        let (odd_x, odd_y) = (self.width % 2, self.height() % 2);
        let width = self.width.div_ceil(2);
        let mut samples = vec![0.0; width * self.height().div_ceil(2)];
        let rows = samples.par_chunks_mut(width).enumerate();
        rows.for_each(|(y, row)| {
            let lower = self.row(2 * y + 1 - odd_y);
            let upper = (2 * y).checked_sub(odd_y).map(|y| self.row(y));
            for (x, mean) in row.iter_mut().enumerate() {
                let right = 2 * x + 1 - odd_x;
                let pair = |row: &[f32]| match right {
                    0 => row[0],
                    _ => row[right - 1] + row[right],
                };
                *mean = (upper.map_or(0.0, pair) + pair(lower)) / 4.0;
            }
        });
        Self { width, samples }
    }
}

/// Means over a picture.
struct Similarity {
    ssim: f64,
    /// Contrast and structure, without luminance.
    cs: f64,
}

/// Output rows filtered together: few enough to stay in the cache, enough that the
/// ten more input rows each strip needs do not cost much.
const STRIP: usize = 40;

fn similarity(a: &Plane, b: &Plane) -> Similarity {
    let (columns, rows) = (a.width - TAPS + 1, a.height() - TAPS + 1);
    let strips: Vec<Similarity> = (0..rows)
        .into_par_iter()
        .step_by(STRIP)
        .map(|first| strip(a, b, first, STRIP.min(rows - first)))
        .collect();
    // Added up in order, so that the sum does not depend on the threads.
    let count = (columns * rows) as f64;
    Similarity {
        ssim: strips.iter().map(|strip| strip.ssim).sum::<f64>() / count,
        cs: strips.iter().map(|strip| strip.cs).sum::<f64>() / count,
    }
}

/// Sums over `rows` output rows from row `first` on.
fn strip(a: &Plane, b: &Plane, first: usize, rows: usize) -> Similarity {
    let window = window();
    let columns = a.width - TAPS + 1;
    // Of every input row, filtered along the row: a, b, a², b², ab.
    let mut across: [Vec<f32>; 5] = [const { Vec::new() }; 5];
    let mut products: [Vec<f32>; 5] = [const { Vec::new() }; 5];
    for y in first..first + rows + TAPS - 1 {
        let (a, b) = (a.row(y), b.row(y));
        multiply(a, b, &mut products);
        for (product, across) in products.iter().zip(&mut across) {
            let start = across.len();
            across.resize(start + columns, 0.0);
            for (tap, weight) in window.iter().enumerate() {
                add_scaled(&mut across[start..], &product[tap..], *weight);
            }
        }
    }
    let mut down: [Vec<f32>; 5] = [const { Vec::new() }; 5];
    let mut sums = Similarity { ssim: 0.0, cs: 0.0 };
    for row in 0..rows {
        for (across, down) in across.iter().zip(&mut down) {
            down.clear();
            down.resize(columns, 0.0);
            for (tap, weight) in window.iter().enumerate() {
                add_scaled(down, &across[(row + tap) * columns..], *weight);
            }
        }
        add_row(&down, &mut sums);
    }
    sums
}

fn multiply(a: &[f32], b: &[f32], products: &mut [Vec<f32>; 5]) {
    let pairs = || a.iter().zip(b);
    for product in products.iter_mut() {
        product.clear();
    }
    products[0].extend(a);
    products[1].extend(b);
    products[2].extend(a.iter().map(|a| a * a));
    products[3].extend(b.iter().map(|b| b * b));
    products[4].extend(pairs().map(|(a, b)| a * b));
}

fn add_scaled(sums: &mut [f32], values: &[f32], weight: f32) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += weight * value;
    }
}

/// Adds the similarity of a row of windows, given the five means of each.
fn add_row([a, b, aa, bb, ab]: &[Vec<f32>; 5], sums: &mut Similarity) {
    const C1: f32 = (0.01 * 255.0) * (0.01 * 255.0);
    const C2: f32 = (0.03 * 255.0) * (0.03 * 255.0);
    let (mut ssim_sum, mut cs_sum) = (0.0, 0.0);
    for (((a, b), (aa, bb)), ab) in a.iter().zip(b).zip(aa.iter().zip(bb)).zip(ab) {
        let (var_a, var_b, covar) = (aa - a * a, bb - b * b, ab - a * b);
        let cs = (2.0 * covar + C2) / (var_a + var_b + C2);
        let luminance = (2.0 * a * b + C1) / (a * a + b * b + C1);
        cs_sum += f64::from(cs);
        ssim_sum += f64::from(luminance * cs);
    }
    sums.ssim += ssim_sum;
    sums.cs += cs_sum;
}

/// A Gaussian of standard deviation 1.5, which adds up to 1.
fn window() -> [f32; TAPS] {
    let taps = std::array::from_fn::<f64, TAPS, _>(|tap| {
        let distance = tap as f64 - (TAPS / 2) as f64;
        (-distance * distance / (2.0 * 1.5 * 1.5)).exp()
    });
    let sum: f64 = taps.iter().sum();
    taps.map(|tap| (tap / sum) as f32)
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;
    use crate::image::Channels;

    /// A picture with structure at all scales, and one with noise added to it.
    fn pair(width: u32, height: u32, channels: Channels, noise: i32) -> [Image; 2] {
        let mut random = StdRng::seed_from_u64(u64::from(width * height));
        let mut samples = [Vec::new(), Vec::new()];
        for y in 0..height {
            for x in 0..width {
                for channel in 0..channels.count() {
                    let (x, y) = (f64::from(x), f64::from(y));
                    let wave =
                        (x / 7.0).sin() + (y / 23.0 + channel as f64).cos() + (x * y / 900.0).sin();
                    let value = (128.0 + 40.0 * wave) as i32;
                    samples[0].push(value.clamp(0, 255) as u8);
                    let noisy = value + random.random_range(-noise..=noise);
                    samples[1].push(noisy.clamp(0, 255) as u8);
                }
            }
        }
        samples.map(|samples| Image::new(width, height, channels, samples).unwrap())
    }

    /// The definition, word for word: f64, two dimensions at once, one window a
    /// time.
    fn by_definition(a: &Image, b: &Image) -> f64 {
        let taps = window().map(f64::from);
        let count = a.channels().count();
        let plane = |image: &Image, channel: usize| -> Vec<Vec<f64>> {
            let samples = image.samples().eight();
            let rows = samples.chunks(image.width() as usize * count);
            rows.map(|row| row.chunks(count).map(|p| f64::from(p[channel])).collect())
                .collect()
        };
        let halve = |plane: Vec<Vec<f64>>| -> Vec<Vec<f64>> {
            let (height, width) = (plane.len(), plane[0].len());
            let at = |y: i64, x: i64| {
                let row = usize::try_from(y).ok().and_then(|y| plane.get(y));
                let sample = usize::try_from(x).ok().and_then(|x| row?.get(x));
                sample.copied().unwrap_or(0.0)
            };
            let (pad_y, pad_x) = ((height % 2) as i64, (width % 2) as i64);
            let out = |size: usize, pad: i64| (size as i64 + 2 * pad - 2) / 2 + 1;
            (0..out(height, pad_y))
                .map(|y| {
                    let corner = |x: i64| (2 * y - pad_y, 2 * x - pad_x);
                    let mean =
                        |(y, x)| (at(y, x) + at(y, x + 1) + at(y + 1, x) + at(y + 1, x + 1)) / 4.0;
                    (0..out(width, pad_x)).map(|x| mean(corner(x))).collect()
                })
                .collect()
        };
        let similarity = |a: &[Vec<f64>], b: &[Vec<f64>]| {
            let (mut ssim, mut cs, mut windows) = (0.0, 0.0, 0.0);
            for y in 0..a.len() - 10 {
                for x in 0..a[0].len() - 10 {
                    let mut means = [0.0; 5];
                    for (j, v) in taps.iter().enumerate() {
                        for (i, h) in taps.iter().enumerate() {
                            let (p, q) = (a[y + j][x + i], b[y + j][x + i]);
                            for (mean, value) in means.iter_mut().zip([p, q, p * p, q * q, p * q]) {
                                *mean += v * h * value;
                            }
                        }
                    }
                    let [p, q, pp, qq, pq] = means;
                    let structure =
                        (2.0 * (pq - p * q) + 58.5225) / (pp - p * p + qq - q * q + 58.5225);
                    cs += structure;
                    ssim += structure * (2.0 * p * q + 6.5025) / (p * p + q * q + 6.5025);
                    windows += 1.0;
                }
            }
            (ssim / windows, cs / windows)
        };
        let channel = |channel| {
            let (mut a, mut b) = (plane(a, channel), plane(b, channel));
            let mut product = 1.0;
            for (scale, weight) in WEIGHTS.iter().enumerate() {
                let (ssim, cs) = similarity(&a, &b);
                let value: f64 = if scale == 4 { ssim } else { cs };
                product *= value.max(0.0).powf(*weight);
                (a, b) = (halve(a), halve(b));
            }
            product
        };
        (0..count).map(channel).sum::<f64>() / count as f64
    }

    #[test]
    fn ms_ssim_is_what_its_definition_says() {
        for (width, height, channels, noise) in [
            (176, 161, Channels::Grey, 30),
            (163, 185, Channels::Rgb, 90),
        ] {
            let [a, b] = pair(width, height, channels, noise);
            let (fast, slow) = (ms_ssim(&a, &b).unwrap(), by_definition(&a, &b));
            assert!((fast - slow).abs() < 1e-5, "{fast} is not {slow}");
            assert!((0.1..0.999).contains(&fast), "{fast} tells nothing");
        }
    }

    #[test]
    fn ms_ssim_does_not_depend_on_threads() {
        let [a, b] = pair(300, 217, Channels::Rgb, 20);
        let of = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            pool.build().unwrap().install(|| ms_ssim(&a, &b)).unwrap()
        };
        assert_eq!(of(1).to_bits(), of(3).to_bits());
    }

    #[test]
    fn ms_ssim_is_one_for_equal_pictures_and_needs_room() {
        let [a, _] = pair(161, 170, Channels::Grey, 1);
        assert!((ms_ssim(&a, &a).unwrap() - 1.0).abs() < 1e-6);
        let [a, b] = pair(160, 400, Channels::Grey, 1);
        assert_eq!(ms_ssim(&a, &b), None);
    }

    #[test]
    fn psnr_of_known_errors() {
        let flat = |value: u8| Image::new(3, 2, Channels::Rgb, vec![value; 18]).unwrap();
        assert_eq!(mse(&flat(10), &flat(12)), Some(4.0));
        let psnr_db = psnr(&flat(0), &flat(255)).unwrap();
        assert!(psnr_db.abs() < 1e-12);
        assert_eq!(psnr(&flat(7), &flat(7)), Some(f64::INFINITY));
        let other = Image::new(2, 3, Channels::Rgb, vec![0u8; 18]).unwrap();
        assert_eq!(psnr(&flat(7), &other), None);
        assert!((ms_ssim_db(0.99) - 20.0).abs() < 1e-9);
    }
}
