//! Whether a block grid shows: the mean step between neighbouring pixels across the
//! lines of a grid, against the other lines, in decoded pictures and in the originals.
//!
//! ```text
//! cargo run --release -p lic-models --example grid -- QUALITY PICTURE...
//! ```
//!
//! A ratio of 1 is no grid; 1.10 is where people begin to see one.

use lic_codec::{Channels, Decoder, EncodeOptions, Image, Quality, encode};
use lic_models::{Backend, Zoo};

/// Sides of the two grids that a transform of blocks could leave, in pixels.
const GRIDS: [usize; 2] = [8, 16];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let quality: Quality = arguments.next().ok_or("which quality?")?.parse()?;
    let zoo = Zoo::on(Backend::Cpu)?;
    let model = zoo.open("mse")?;
    let mut sums = [[[0.0; 2]; 2]; GRIDS.len()];
    let (mut bits, mut pixels) = (0.0, 0.0);
    for path in arguments {
        let picture = image::open(&path)?.to_rgb8();
        let (width, height) = (picture.width(), picture.height());
        let picture = Image::new(width, height, Channels::Rgb, picture.into_raw())?;
        let mut file = Vec::new();
        encode(&picture, model, &EncodeOptions::new(quality), &mut file)?;
        let decoded = Decoder::new(&file[..]).decode(&zoo)?;
        bits += file.len() as f64 * 8.0;
        pixels += f64::from(width) * f64::from(height);
        for (sums, grid) in sums.iter_mut().zip(GRIDS) {
            for (sums, picture) in sums.iter_mut().zip([&picture, &decoded]) {
                let [on, off] = steps(picture, grid);
                sums[0] += on;
                sums[1] += off;
            }
        }
    }
    println!("quality {quality}: {:.3} bpp in all", bits / pixels);
    for (grid, [original, decoded]) in GRIDS.iter().zip(sums) {
        let ratio = |[on, off]: [f64; 2]| on / off;
        println!(
            "{grid:2} pixels: on/off lines {:.3} decoded, {:.3} original, ratio {:.3}",
            ratio(decoded),
            ratio(original),
            ratio(decoded) / ratio(original)
        );
    }
    Ok(())
}

/// Mean absolute step between neighbours of a picture of RGB samples, horizontally and
/// vertically: [across the lines of the grid, elsewhere].
fn steps(picture: &Image, grid: usize) -> [f64; 2] {
    let samples = picture.samples().eight();
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let (mut sums, mut counts) = ([0.0f64; 2], [0.0f64; 2]);
    let mut step = |a: usize, b: usize, place: usize| {
        let other = usize::from(!place.is_multiple_of(grid));
        for c in 0..3 {
            sums[other] += f64::from(samples[3 * a + c].abs_diff(samples[3 * b + c]));
        }
        counts[other] += 3.0;
    };
    for y in 0..height {
        for x in 0..width {
            let here = y * width + x;
            if x > 0 {
                step(here - 1, here, x);
            }
            if y > 0 {
                step(here - width, here, y);
            }
        }
    }
    [sums[0] / counts[0], sums[1] / counts[1]]
}
