//! Real files of every kind.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lic_codec::{Channels, Decoder, Effort, EncodeOptions, Image, ModelId, Quality, encode};
use lic_datasets::ImageFolder;
use lic_models::train::Objective;
use lic_models::{Backend, StandardModel, Weights};

const QUALITIES: [u8; 5] = [10, 30, 50, 70, 90];

/// Encodes the pictures in `folder` with every model that `fit` left in `out`.
pub fn run(out: &Path, folder: &Path) -> Result<(), Box<dyn Error>> {
    let pictures = ImageFolder::open(folder)?;
    let pictures = (0..pictures.len())
        .map(|i| {
            let picture = pictures.load(i)?;
            let (width, height) = picture.dimensions();
            Ok(Image::new(
                width,
                height,
                Channels::Rgb,
                picture.into_raw(),
            )?)
        })
        .collect::<Result<Vec<_>, Box<dyn Error>>>()?;
    let mut first: Option<Vec<(u64, Image)>> = None;
    for prefix in prefixes(out)? {
        let model = load(&prefix)?;
        let (mut found, mut time) = (Vec::new(), Duration::ZERO);
        for quality in QUALITIES {
            let quality = Quality::new(quality).ok_or("no such quality")?;
            for picture in &pictures {
                // Rounding to the nearest, so that every kind codes the same symbols.
                let nearest = Effort::new(0).ok_or("no such effort")?;
                let options = EncodeOptions::new(quality).effort(nearest);
                let mut file = Vec::new();
                encode(picture, &model, &options, &mut file)?;
                let began = Instant::now();
                let decoded = Decoder::new(&file[..]).decode(&model)?;
                time += began.elapsed();
                found.push((file.len() as u64, decoded));
            }
        }
        let name = prefix.file_name().unwrap_or_default().to_string_lossy();
        let mut line = format!("{name:14}");
        let baseline = first.get_or_insert_with(|| found.clone());
        let parts = found.chunks(pictures.len());
        for (found, baseline) in parts.zip(baseline.chunks(pictures.len())) {
            let sum = |files: &[(u64, Image)]| files.iter().map(|file| file.0).sum::<u64>();
            let (bytes, before) = (sum(found), sum(baseline));
            let change = 100.0 * (bytes as f64 / before as f64 - 1.0);
            line += &format!("  {bytes} ({change:+.2} %)");
            let same = found.iter().zip(baseline).all(|(a, b)| a.1 == b.1);
            if !same {
                return Err(format!("{name} decodes to other pictures").into());
            }
        }
        println!("{line}  decoded in {:.2} s", time.as_secs_f64());
    }
    Ok(())
}

/// What `fit` wrote, without what follows the names; plain Gaussians first.
fn prefixes(out: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut prefixes = Vec::new();
    for entry in std::fs::read_dir(out)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "json") {
            prefixes.push(path.with_extension(""));
        }
    }
    prefixes.sort();
    Ok(prefixes)
}

fn load(prefix: &Path) -> Result<StandardModel, Box<dyn Error>> {
    let read = |suffix: &str| std::fs::read(prefix.with_extension(suffix));
    // A program that ends soon: what models borrow need not be given back.
    let weights = Weights {
        config: String::from_utf8(read("json")?)?.leak(),
        float: read("float.bpk")?.leak(),
        integer: read("int.bin")?.leak(),
    };
    let (backend, mse) = (Backend::Cpu, Objective::Mse);
    Ok(weights.load(ModelId(1), "ablation", mse, backend, &backend.open()?)?)
}
