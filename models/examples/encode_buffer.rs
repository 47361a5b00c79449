//! A picture in memory to a file in memory and back.

use std::error::Error;

use lic_codec::{Channels, Decoder, EncodeOptions, Image, Quality, encode, measure};
use lic_models::{Backend, Zoo};

fn main() -> Result<(), Box<dyn Error>> {
    let (width, height) = (200, 150);
    let sample = |i: u32| ((i / 3 % width) ^ (i / 3 / width)) as u8;
    let samples: Vec<u8> = (0..width * height * 3).map(sample).collect();
    let image = Image::new(width, height, Channels::Rgb, samples)?;

    // The models are in the program; each is unpacked when it is first asked for.
    let zoo = Zoo::on(Backend::Cpu)?;
    let options = EncodeOptions::new(Quality::new(60).unwrap_or_default());
    let mut file = Vec::new();
    let report = encode(&image, zoo.open("mse")?, &options, &mut file)?;
    println!(
        "{} bytes, {:.0} bits predicted",
        report.bytes, report.predicted_bits
    );

    let back = Decoder::new(&file[..]).decode(&zoo)?;
    if let Some(psnr) = measure::psnr(&image, &back) {
        println!("PSNR {psnr:.2} dB");
    }
    Ok(())
}
