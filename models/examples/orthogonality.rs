//! How much errors of latents can make up for one another: whether the derivatives of `g_s`,
//! one for each latent, stand upright on each other.
//!
//! ```text
//! cargo run --release -p lic-models --example orthogonality -- QUALITY PICTURE...
//! ```
//!
//! Squared error of pixels is, near what is coded, e' G e: e are the errors of latents in steps of
//! the quantiser, G is the Gram matrix of the derivatives. Rounded one by one, latents have an
//! error of the mean of G's diagonal; rounded in coding order, where those still to come make up
//! for as much as they can (Babai, *On Lovász' lattice reduction and the nearest lattice point
//! problem*, Combinatorica 6, 1986), one of the mean of the squared diagonal of its Cholesky
//! factor. What is printed is how far these two are apart: what an encoder gains at high rates
//! by moving latents for what the symbols before them have left.
//!
//! Latents of four neighbours in the middle of each picture, and of the channels that are half a
//! step or more from zero in the mean.

use lic_codec::Area;
use lic_models::{CpuNetworks, Device, Isa, MODELS, Networks, Precision};

/// Positions around the middle that are synthesised, each way.
const SIDE: usize = 11;
/// Where the four neighbours are.
const MIDDLE: [usize; 2] = [SIDE / 2, SIDE / 2 + 1];
/// What a latent is moved by, in steps.
const MOVED: f32 = 0.25;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let quality: f32 = arguments.next().ok_or("which quality?")?.parse()?;
    let model = MODELS[0].weights.thaw(&Device::flex())?;
    let networks = CpuNetworks::with(&model, Isa::best(), [Precision::Single; 2], None)?;
    println!("channels  gain");
    for path in arguments {
        let (y, channels) = latents(&networks, &path, quality)?;
        let derivatives = derivatives(&networks, &y, &channels, quality)?;
        let gram = gram(&derivatives);
        let alone: f64 = (0..gram.len()).map(|i| gram[i][i]).sum();
        let in_order: f64 = left_over(gram).iter().sum();
        let gain = 10.0 * (alone / in_order).log10();
        println!("{:8}  {gain:.3} dB  {path}", channels.len());
    }
    Ok(())
}

/// Latents of the middle of a picture, gain on, `[SIDE][SIDE][m]`, and the channels that are not
/// near zero in it.
fn latents(
    networks: &CpuNetworks,
    path: &str,
    quality: f32,
) -> Result<(Vec<f32>, Vec<usize>), Box<dyn std::error::Error>> {
    let picture = image::open(path)?.to_rgb8();
    let [w, h] = [picture.width(), picture.height()].map(|side| side as usize / 16);
    if w.min(h) < SIDE {
        return Err(format!("{path}: sides of less than {} pixels", 16 * SIDE).into());
    }
    let picture = image::imageops::crop_imm(&picture, 0, 0, 16 * w as u32, 16 * h as u32);
    let x: Vec<f32> = picture
        .to_image()
        .iter()
        .map(|&v| f32::from(v) / 255.0)
        .collect();
    let gain = networks.gain(quality)?;
    let (m, all) = (gain.len(), Area::of(w as u32, h as u32));
    let mut y = networks.g_a(&x, h, w, all)?;
    scale(&mut y, &gain);
    let (top, left) = ((h - SIDE) / 2, (w - SIDE) / 2);
    let rows = (top..top + SIDE).map(|row| (row * w + left) * m);
    let middle: Vec<f32> = rows
        .flat_map(|first| &y[first..first + SIDE * m])
        .copied()
        .collect();
    let size = |c: &usize| {
        middle
            .iter()
            .skip(*c)
            .step_by(m)
            .map(|v| v.abs())
            .sum::<f32>()
    };
    let channels: Vec<usize> = (0..m)
        .filter(|c| size(c) >= 0.5 * (SIDE * SIDE) as f32)
        .collect();
    if channels.is_empty() {
        return Err(format!("{path}: all latents of its middle are near zero").into());
    }
    Ok((middle, channels))
}

/// By how much pixels change, of 0 to 255, when a latent is a step greater: a row for each, in
/// coding order.
fn derivatives(
    networks: &CpuNetworks,
    y: &[f32],
    channels: &[usize],
    quality: f32,
) -> Result<Vec<Vec<f32>>, String> {
    let inverse = networks.inverse(quality)?;
    let m = inverse.len();
    let all = Area::of(SIDE as u32, SIDE as u32);
    let shown = |mut y: Vec<f32>| {
        scale(&mut y, &inverse);
        networks.g_s(y, SIDE, SIDE, all)
    };
    let before = shown(y.to_vec())?;
    let places = || {
        MIDDLE
            .iter()
            .flat_map(|row| MIDDLE.map(|column| row * SIDE + column))
    };
    // The order of channels is that of groups.
    let moved = channels
        .iter()
        .flat_map(|c| places().map(move |place| place * m + c));
    let row = |moved: usize| {
        let mut y = y.to_vec();
        y[moved] += MOVED;
        let after = shown(y)?;
        let change = after.iter().zip(&before);
        Ok(change.map(|(a, b)| (a - b) * 255.0 / MOVED).collect())
    };
    moved.map(row).collect()
}

fn gram(rows: &[Vec<f32>]) -> Vec<Vec<f64>> {
    let product = |a: &[f32], b: &[f32]| -> f64 {
        let products = a.iter().zip(b).map(|(a, b)| f64::from(a * b));
        products.sum()
    };
    let row = |a: &Vec<f32>| rows.iter().map(|b| product(a, b)).collect();
    rows.iter().map(row).collect()
}

/// Squares of the diagonal of the Cholesky factor of `gram`, its order turned round: what is left
/// of each latent's error once those after it make up for it.
fn left_over(mut gram: Vec<Vec<f64>>) -> Vec<f64> {
    for last in (0..gram.len()).rev() {
        let (before, rest) = gram.split_at_mut(last);
        let pivot = &rest[0];
        for row in before {
            let factor = row[last] / pivot[last];
            for (value, below) in row.iter_mut().zip(&pivot[..last]) {
                *value -= factor * below;
            }
        }
    }
    (0..gram.len()).map(|i| gram[i][i]).collect()
}

fn scale(y: &mut [f32], by: &[f32]) {
    for y in y.chunks_exact_mut(by.len()) {
        y.iter_mut().zip(by).for_each(|(y, by)| *y *= by);
    }
}
