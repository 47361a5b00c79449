//! What bfloat16 costs: encodes pictures once, without writing bits, and decodes
//! them in both precisions. Prints the mean PSNR of each over the pictures.
//!
//! ```text
//! cargo run --release --example precision -- PICTURE...
//! ```

use lic_codec::Area;
use lic_models::prior::Pass;
use lic_models::standard::LATENT_STRIDE;
use lic_models::{CpuNetworks, Device, Isa, MODELS, Networks, Precision};

const QUALITIES: [f32; 5] = [5.0, 20.0, 50.0, 80.0, 95.0];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let row = &MODELS[0];
    let model = row.weights.thaw(&Device::flex())?;
    let steps = row.config()?.groups.init().steps().to_vec();
    let with = |precision| CpuNetworks::with(&model, Isa::best(), precision);
    let (single, bf16) = (with(Precision::Single)?, with(Precision::Bf16)?);
    let mut sums = [[0.0f64; 3]; QUALITIES.len()];
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
            let encode = |networks: &CpuNetworks| coded(networks, &steps, &x, [h, w], quality);
            let y_hat = encode(&single)?;
            sums[0] += psnr(&x, &single.g_s(&y_hat, h, w, keep)?);
            sums[1] += psnr(&x, &bf16.g_s(&y_hat, h, w, keep)?);
            sums[2] += psnr(&x, &bf16.g_s(&encode(&bf16)?, h, w, keep)?);
        }
    }
    println!("quality   f32      decoder   both");
    for (sums, quality) in sums.iter().zip(QUALITIES) {
        let [single, decoder, both] = sums.map(|sum| sum / pictures.len() as f64);
        let (decoder, both) = (decoder - single, both - single);
        println!("{quality:7} {single:8.4} {decoder:+9.4} {both:+9.4}");
    }
    Ok(())
}

/// What a decoder has of a picture's latents, gain taken back.
fn coded(
    networks: &CpuNetworks,
    steps: &[lic_models::prior::Step],
    x: &[f32],
    [h, w]: [usize; 2],
    quality: f32,
) -> Result<Vec<f32>, String> {
    let (gain, inverse) = (networks.gain(quality)?, networks.inverse(quality)?);
    let m = gain.len();
    let mut y = networks.g_a(x, h, w, Area::of(w as u32, h as u32))?;
    scale(&mut y, &gain);
    let mut z = networks.h_a(&y, h, w, quality)?;
    z.iter_mut().for_each(|z| *z = z.round());
    let mut means = networks.means(&z, h, w, quality)?;
    for (i, step) in steps.iter().enumerate() {
        let mut known = means.head(i)?;
        let covers = |p: &usize| step.pass == Pass::Whole || step.pass.covers(p % w, p / w);
        let positions = (0..h * w).filter(covers);
        for (known, p) in known.chunks_exact_mut(step.channels).zip(positions) {
            let y = &mut y[p * m + step.first..][..step.channels];
            for ((known, y), gain) in known.iter_mut().zip(y).zip(&gain[step.first..]) {
                let mean = *known * gain;
                *y = mean + (*y - mean).round();
                *known = *y / gain;
            }
        }
        means.update(i, &known)?;
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
