//! What a temporal prior saves: a clip with intra frames only, and with predicted ones,
//! by weights that need not be in the program.
//!
//! `temporal CLIP.y4m WEIGHTS [TEMPORAL] [QUALITIES]`, where WEIGHTS is the path of a
//! model's three files without what follows the name, and TEMPORAL that of its prior's.

use std::error::Error;
use std::fs;
use std::path::Path;

use burn::tensor::Device;
use lic_codec::clip::{ClipOptions, FrameKind, Written};
use lic_codec::measure::psnr;
use lic_codec::{Channels, ClipEncoder, Image, Model, ModelId, Quality, Samples};
use lic_datasets::video::{VideoReader, Y4mReader};
use lic_models::train::Objective;
use lic_models::{Backend, StandardModel, TemporalWeights, Weights};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [clip, weights, temporal, rest @ ..] = &arguments[..] else {
        println!("temporal CLIP.y4m WEIGHTS TEMPORAL [QUALITIES]");
        return Ok(());
    };
    let model = open(weights, temporal)?;
    let frames = frames(clip)?;
    let list = rest.first().map_or("20,50,80", String::as_str);
    for quality in list.split(',') {
        let quality: Quality = quality.parse()?;
        for gop in [1, 0] {
            let mut options = ClipOptions::new(quality);
            options.gop = gop;
            let (bpp, psnr, kinds) = measure(&model, &frames, &options)?;
            println!("quality {quality} gop {gop}: {bpp:.4} bpp {psnr:.2} dB, {kinds} intra");
        }
    }
    Ok(())
}

/// The program reads them once and has them to its end.
fn read(prefix: &str, suffix: &str) -> Result<&'static [u8], Box<dyn Error>> {
    let name = format!("{prefix}.{suffix}");
    Ok(fs::read(&name)
        .map_err(|error| format!("{name}: {error}"))?
        .leak())
}

fn open(weights: &str, temporal: &str) -> Result<StandardModel, Box<dyn Error>> {
    let own = Weights {
        config: std::str::from_utf8(read(weights, "json")?)?,
        float: read(weights, "float.bpk")?,
        integer: read(weights, "int.bin")?,
    };
    let following = TemporalWeights {
        config: std::str::from_utf8(read(temporal, "json")?)?,
        float: read(temporal, "float.bpk")?,
        integer: read(temporal, "int.bin")?,
    };
    let (id, device) = (ModelId(1), Device::flex());
    let model = own.load(id, "files", Objective::Mse, Backend::Cpu, &device)?;
    Ok(model.with_temporal(Some(following)))
}

fn frames(path: &str) -> Result<Vec<Image>, Box<dyn Error>> {
    let file = std::io::BufReader::new(fs::File::open(Path::new(path))?);
    let mut reader = Y4mReader::new(file, None)?;
    let format = *reader.format();
    let mut frames = Vec::new();
    while let Some(frame) = reader.next_frame()? {
        let samples = format.to_rgb(&frame);
        let (width, height) = (format.width, format.height);
        frames.push(Image::new(width, height, Channels::Rgb, samples)?);
    }
    Ok(frames)
}

/// Bits a pixel, mean PSNR of 8-bit frames, intra frames.
fn measure(
    model: &dyn Model,
    frames: &[Image],
    options: &ClipOptions,
) -> Result<(f64, f64, usize), Box<dyn Error>> {
    let (width, height) = (frames[0].width(), frames[0].height());
    let mut encoder = ClipEncoder::new(model, options, width, height, std::io::sink())?;
    let (mut sum, mut intra) = (0.0, 0);
    let mut add = |written: Vec<Written>| -> Result<(), Box<dyn Error>> {
        for written in written {
            intra += usize::from(written.info.kind == FrameKind::Intra);
            let frame = &frames[written.info.number as usize];
            sum += psnr(&eight(frame)?, &eight(&written.picture)?).ok_or("no measure")?;
        }
        Ok(())
    };
    for frame in frames {
        add(encoder.push(frame)?)?;
    }
    add(encoder.flush()?)?;
    let report = encoder.finish()?;
    let pixels = f64::from(width) * f64::from(height) * frames.len() as f64;
    let bpp = report.bytes as f64 * 8.0 / pixels;
    Ok((bpp, sum / frames.len() as f64, intra))
}

fn eight(image: &Image) -> Result<Image, Box<dyn Error>> {
    let samples = Samples::Eight(image.samples().eight().into_owned());
    let (width, height) = (image.width(), image.height());
    Ok(Image::new(width, height, image.channels(), samples)?)
}
