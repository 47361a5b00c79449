//! A part of a picture in tiles, and a preview of all of it.

use std::error::Error;

use lic_codec::{
    Area, Channels, DecodeOptions, Decoder, EncodeOptions, Image, Quality, Scale, encode,
};
use lic_models::{Backend, Zoo};

fn main() -> Result<(), Box<dyn Error>> {
    let (width, height) = (512, 384);
    let sample = |i: u32| (i / 3 % width / 2 + i % 3 * 20) as u8;
    let samples: Vec<u8> = (0..width * height * 3).map(sample).collect();
    let image = Image::new(width, height, Channels::Rgb, samples)?;
    let zoo = Zoo::on(Backend::Cpu)?;
    // Tiles are what a region is decoded by; the default side is 1024.
    let options = EncodeOptions::new(Quality::new(40).unwrap_or_default()).tile(128);
    let mut file = Vec::new();
    encode(&image, zoo.open("mse")?, &options, &mut file)?;

    let region = Area {
        x: 300,
        y: 200,
        width: 64,
        height: 48,
    };
    let options = DecodeOptions::default().region(region);
    let part = Decoder::new(&file[..]).decode_with(&zoo, &options)?.image;
    println!("a part of {}x{} pixels", part.width(), part.height());

    let options = DecodeOptions::default().scale(Scale::Eighth);
    let small = Decoder::new(&file[..]).decode_with(&zoo, &options)?.image;
    println!("a preview of {}x{} pixels", small.width(), small.height());
    Ok(())
}
