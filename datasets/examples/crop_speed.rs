//! Measures how fast training crops come on one thread:
//! `cargo run --release -p lic-datasets --example crop_speed -- DIR`

use std::error::Error;
use std::time::Instant;

use lic_datasets::{CropSampler, ImageFolder};

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::args().nth(1).ok_or("usage: crop_speed DIR")?;
    let folder = ImageFolder::open(&dir)?;
    let start = Instant::now();
    let sampler = CropSampler::new(folder.load_all()?, 1)?;
    println!(
        "{} pictures, {:.1} MP, decoded in {:.2} s",
        folder.len(),
        sampler.pixels() as f64 / 1e6,
        start.elapsed().as_secs_f64()
    );
    for (n, size) in [(8, 64), (8, 128), (16, 128), (8, 256)] {
        let steps = 100;
        let start = Instant::now();
        for step in 0..steps {
            std::hint::black_box(sampler.batch(step, n, size)?);
        }
        let each = start.elapsed().as_secs_f64() / steps as f64;
        println!("batch of {n} crops of {size}x{size}: {:.2} ms", each * 1e3);
    }
    Ok(())
}
