//! What bfloat16 and 8-bit products cost: encodes pictures without writing bits and
//! decodes them, with and without. Prints the mean PSNR over the pictures of single
//! precision, and how far that of others is from it: blocks of the transforms in
//! bfloat16; means and hyper-analysis too; blocks in bytes instead, which is what coding
//! does; the same at one end only, with single precision at the other.
//!
//! ```text
//! cargo run --release --example precision -- PICTURE...
//! ```

use lic_codec::Area;
use lic_models::prior::Pass;
use lic_models::standard::LATENT_STRIDE;
use lic_models::{CpuNetworks, Device, Isa, MODELS, Networks, Precision, Steps};

/// PSNR of single precision, and how the others differ from it.
const COLUMNS: [&str; 6] = [
    "    f32",
    "bf16 transforms",
    "and means",
    "bytes",
    "decoder only",
    "encoder only",
];

const QUALITIES: [f32; 5] = [5.0, 20.0, 50.0, 80.0, 95.0];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let row = &MODELS[0];
    let model = row.weights.thaw(&Device::flex())?;
    let steps = row.config()?.groups.init().steps().to_vec();
    let steps_of = Steps::of(&model, row.weights.digest(), row.steps.unwrap_or_default());
    let whole = steps_of
        .as_ref()
        .ok_or("the model has no steps: calibrate")?;
    let with = |precisions| CpuNetworks::with(&model, Isa::best(), precisions, Some(whole));
    use Precision::{Bf16, Bytes, Single};
    let (single, bf16) = (with([Single, Single])?, with([Bf16, Single])?);
    let (means, bytes) = (with([Bf16, Bf16])?, with([Bytes, Bf16])?);
    let mut sums = [[0.0f64; COLUMNS.len()]; QUALITIES.len()];
    let pictures: Vec<String> = std::env::args().skip(1).collect();
    for path in &pictures {
        let picture = image::open(path)?.to_rgb8();
        // Whole squares of 64 pixels, for simplicity.
        let (w, h) = (
            picture.width() as usize / 64 * 4,
            picture.height() as usize / 64 * 4,
        );
        let (right, bottom) = ((LATENT_STRIDE * w) as u32, (LATENT_STRIDE * h) as u32);
        let picture = image::imageops::crop_imm(&picture, 0, 0, right, bottom).to_image();
        let x: Vec<f32> = picture.iter().map(|&v| f32::from(v) / 255.0).collect();
        let keep = Area::of(w as u32, h as u32);
        for (sums, quality) in sums.iter_mut().zip(QUALITIES) {
            let coded = |encoder: &CpuNetworks, decoder: &CpuNetworks| {
                let y_hat = coded([encoder, decoder], &steps, &x, [h, w], quality)?;
                let shown = decoder.g_s(y_hat.clone(), h, w, keep)?;
                Ok::<f64, String>(psnr(&x, &shown))
            };
            let columns = [
                coded(&single, &single)?,
                coded(&bf16, &bf16)?,
                coded(&means, &means)?,
                coded(&bytes, &bytes)?,
                coded(&single, &bytes)?,
                coded(&bytes, &single)?,
            ];
            sums.iter_mut()
                .zip(columns)
                .for_each(|(sum, psnr)| *sum += psnr);
        }
    }
    println!("quality {}", COLUMNS.join("  "));
    for (sums, quality) in sums.iter().zip(QUALITIES) {
        let mean = sums.map(|sum| sum / pictures.len() as f64);
        let rest = mean[1..].iter().zip(&COLUMNS[1..]);
        let rest: String = rest
            .map(|(psnr, name)| format!("  {:+width$.4}", psnr - mean[0], width = name.len()))
            .collect();
        println!(
            "{quality:7} {:width$.4}{rest}",
            mean[0],
            width = COLUMNS[0].len()
        );
    }
    Ok(())
}

/// What a decoder has of a picture's latents, gain taken back. Symbols are made by the
/// first networks, and latents out of them by the second.
fn coded(
    [encoder, decoder]: [&CpuNetworks; 2],
    steps: &[lic_models::prior::Step],
    x: &[f32],
    [h, w]: [usize; 2],
    quality: f32,
) -> Result<Vec<f32>, String> {
    let (gain, inverse) = (encoder.gain(quality)?, encoder.inverse(quality)?);
    let m = gain.len();
    let mut y = encoder.g_a(x, h, w, Area::of(w as u32, h as u32))?;
    scale(&mut y, &gain);
    let mut z = encoder.h_a(&y, h, w, quality)?;
    z.iter_mut().for_each(|z| *z = z.round());
    let mut at_encoder = encoder.means(&z, h, w, quality)?;
    let mut at_decoder = decoder.means(&z, h, w, quality)?;
    for (i, step) in steps.iter().enumerate() {
        let (mut known, mut decoded) = (at_encoder.head(i)?, at_decoder.head(i)?);
        let covers = |p: &usize| step.pass == Pass::Whole || step.pass.covers(p % w, p / w);
        let positions = (0..h * w).filter(covers);
        let both = known.chunks_exact_mut(step.channels);
        let both = both.zip(decoded.chunks_exact_mut(step.channels));
        for ((known, decoded), p) in both.zip(positions) {
            let y = &mut y[p * m + step.first..][..step.channels];
            let gain = &gain[step.first..];
            for (((known, decoded), y), gain) in known.iter_mut().zip(decoded).zip(y).zip(gain) {
                let symbol = (*y - *known * gain).round();
                *known += symbol / gain;
                *decoded += symbol / gain;
                *y = *decoded * gain;
            }
        }
        at_encoder.update(i, &known)?;
        at_decoder.update(i, &decoded)?;
    }
    scale(&mut y, &inverse);
    Ok(y)
}

fn scale(y: &mut [f32], by: &[f32]) {
    for y in y.chunks_exact_mut(by.len()) {
        y.iter_mut().zip(by).for_each(|(y, by)| *y *= by);
    }
}

/// In dB, of 8-bit pixels.
fn psnr(x: &[f32], x_hat: &[f32]) -> f64 {
    let error = |(x, x_hat): (&f32, &f32)| {
        let shown = (x_hat * 255.0).round().clamp(0.0, 255.0);
        f64::from(x * 255.0 - shown).powi(2)
    };
    let mse = x.iter().zip(x_hat).map(error).sum::<f64>() / x.len() as f64;
    20.0 * 255f64.log10() - 10.0 * mse.log10()
}
