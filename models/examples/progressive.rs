//! What a file shows while it arrives.

use std::error::Error;

use lic_codec::{
    Channels, DecodeOptions, Decoder, EncodeOptions, Image, Index, Quality, StreamName, encode,
    measure,
};
use lic_models::{Backend, Zoo};

fn main() -> Result<(), Box<dyn Error>> {
    let (width, height) = (256, 192);
    let wave = |i: u32| (f64::from(i % (width * 3)) / 20.0).sin() * 60.0 + f64::from(i % 7) * 8.0;
    let samples: Vec<u8> = (0..width * height * 3)
        .map(|i| (wave(i) + 90.0) as u8)
        .collect();
    let image = Image::new(width, height, Channels::Rgb, samples)?;
    let zoo = Zoo::on(Backend::Cpu)?;
    let options = EncodeOptions::new(Quality::new(70).unwrap_or_default()).progressive(true);
    let mut file = Vec::new();
    encode(&image, zoo.open("mse")?, &options, &mut file)?;

    let index = Index::read(&mut &file[..], |_| Ok(()))?;
    let mut arrived = index.to_bytes().len();
    for (name, length) in index.names().zip(&index.lengths) {
        // An empty stream has no checksum either.
        arrived += *length as usize + if *length == 0 { 0 } else { 4 };
        // Filters, alpha and metadata show nothing by themselves.
        let StreamName::Section { .. } = name else {
            continue;
        };
        let options = DecodeOptions::default().partial();
        let decoded = Decoder::new(&file[..arrived]).decode_with(&zoo, &options)?;
        if let Some(psnr) = measure::psnr(&image, &decoded.image) {
            println!("{name}: {arrived} bytes, PSNR {psnr:.2} dB");
        }
    }
    Ok(())
}
