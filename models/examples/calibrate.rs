//! Makes the steps of 8-bit products for the models that ship, from pictures that were
//! trained on; to be run again whenever the weights change. A step is a share of the
//! greatest activation that is seen in its channel, so a few pictures will do.
//!
//! ```text
//! cargo run --release -p lic-models --example calibrate -- PICTURES models/weights
//! ```

use std::error::Error;
use std::fs;
use std::path::Path;

use lic_datasets::ImageFolder;
use lic_models::standard::LATENT_STRIDE;
use lic_models::{Device, MODELS, Steps};

/// Pictures that are looked at, evenly from the folder.
const PICTURES: usize = 12;
/// Side of what is taken of each.
const SIDE: usize = 512;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, out] = arguments.as_slice() else {
        return Err("calibrate PICTURES OUT".into());
    };
    let folder = ImageFolder::open(folder)?;
    let mut pictures = Vec::new();
    for i in (0..folder.len()).step_by(folder.len().div_ceil(PICTURES)) {
        let picture = folder.load(i)?;
        let side = |pixels: u32| (pixels as usize).min(SIDE) / LATENT_STRIDE;
        let [h, w] = [side(picture.height()), side(picture.width())];
        let pixels = |side: usize| (side * LATENT_STRIDE) as u32;
        let crop = image::imageops::crop_imm(&picture, 0, 0, pixels(w), pixels(h)).to_image();
        let samples = crop.iter().map(|&v| f32::from(v) / 255.0).collect();
        pictures.push((samples, [h, w]));
    }
    let device = Device::flex();
    for row in MODELS {
        let model = row.weights.thaw(&device)?;
        let steps = Steps::calibrate(&model, &pictures, &device)?;
        let path = Path::new(out).join(format!("{}.steps.bin", row.key));
        fs::write(&path, steps.to_bytes(row.weights.digest()))?;
        println!("{}: {} pictures", path.display(), pictures.len());
    }
    Ok(())
}
