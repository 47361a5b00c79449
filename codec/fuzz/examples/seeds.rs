//! Writes the seeds of all targets to `corpus/`: headers, files and planes that are
//! valid, small and different.

use std::path::{Path, PathBuf};
use std::{fs, io};

use lic_codec::clip::ClipOptions;
use lic_codec::{
    Channels, ClipEncoder, Coder, Depth, EncodeOptions, Image, Index, Null, Quality, encode,
    encode_plane,
};

fn folder(target: &str) -> io::Result<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    fs::create_dir_all(&path)?;
    Ok(path)
}

/// A slope, an edge and a texture, without randomness.
fn sample(x: u32, y: u32, max: u32) -> u32 {
    match (x / 5 + y / 7) % 4 {
        0 => 0,
        1 => max,
        2 => max / 40 * (x + y) % max,
        _ => x.wrapping_mul(2_654_435_761).wrapping_add(y * y * 40_503) >> 7 & max,
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (headers, files, planes) = (folder("header")?, folder("decode")?, folder("plane")?);
    let clips = folder("clip")?;
    let sizes = [(1, 1), (8, 8), (9, 17), (31, 2), (40, 30)];
    let mut written = 0;
    for (width, height) in sizes {
        let places = || (0..height).flat_map(move |y| (0..width).map(move |x| (x, y)));
        for (channels, coder) in Channels::ALL
            .into_iter()
            .flat_map(|channels| Coder::ALL.map(|coder| (channels, coder)))
        {
            for quality in [1, 60, 100] {
                let samples: Vec<u8> = places()
                    .flat_map(|(x, y)| {
                        (0..channels.count() as u32).map(move |c| sample(x + c, y, 255) as u8)
                    })
                    .collect();
                let image = Image::new(width, height, channels, samples)?;
                let mut options = EncodeOptions::default();
                options.quality = Quality::new(quality).unwrap_or(Quality::MAX);
                options.coder = coder;
                // The first byte says that checksums are to be put right.
                let mut file = vec![1];
                encode(&image, &Null, &options, &mut file)?;
                let header = Index::read(&mut &file[1..], |_| Ok(()))?.to_bytes();
                let name = format!("{width}x{height}-{channels:?}-{coder:?}-{quality}");
                fs::write(headers.join(&name), header)?;
                fs::write(files.join(&name), file)?;
                written += 2;
            }
        }
        for (gop, coder) in (0..3).flat_map(|gop| Coder::ALL.map(|coder| (gop, coder))) {
            // The first byte says that checksums are to be put right.
            let mut file = vec![1];
            let mut options = ClipOptions::new(Quality::new(60).unwrap_or(Quality::MAX));
            (options.gop, options.coder) = (gop, coder);
            let mut encoder = ClipEncoder::new(&Null, &options, width, height, &mut file)?;
            for t in 0..3 {
                let pixels = places().flat_map(|(x, y)| [sample(x + t, y, 255) as u8; 3]);
                let samples: Vec<u8> = pixels.collect();
                encoder.push(&Image::new(width, height, Channels::Rgb, samples)?)?;
            }
            encoder.finish()?;
            fs::write(
                clips.join(format!("{width}x{height}-{gop}-{coder:?}")),
                file,
            )?;
            written += 1;
        }
        for (number, depth) in [Depth::Eight, Depth::Sixteen].into_iter().enumerate() {
            let max = u32::from(depth.max());
            let kinds: [&dyn Fn(u32, u32) -> u32; 4] = [
                &|_, _| max,
                &|x, y| sample(x, y, max),
                &|x, y| max / 80 * (x + y),
                &|x, y| if x > y { max } else { 0 },
            ];
            for (kind, f) in kinds.into_iter().enumerate() {
                let samples: Vec<u16> = places().map(|(x, y)| f(x, y) as u16).collect();
                let mut input = vec![number as u8, width as u8, height as u8];
                input.extend(encode_plane(&samples, width, height, depth)?);
                fs::write(
                    planes.join(format!("{width}x{height}-{depth:?}-{kind}")),
                    input,
                )?;
                written += 1;
            }
        }
    }
    println!("{written} seeds");
    Ok(())
}
