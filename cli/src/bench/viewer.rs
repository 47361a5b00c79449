//! Pictures for the page: the original, ours, and the peers at the nearest size.

use std::path::Path;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use indicatif::ProgressBar;
use lic_codec::Image;
use serde::Serialize;

use super::Figures;
use super::codec::{Codec, Coded, Source, point};
use super::queue::Queue;
use crate::picture::Format;
use crate::progress;

/// How many pictures are shown.
const SHOWN: usize = 3;

/// Longest side of what is shown; of larger pictures the middle.
const LONGEST: u32 = 1024;

/// A picture on the page.
#[derive(Debug, Serialize)]
pub struct Shown {
    /// The picture's file name.
    pub picture: String,
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Whether this is the middle of a larger one.
    pub cropped: bool,
    /// The picture itself, as a data URI.
    pub original: String,
    /// What codecs make of it: ours first.
    pub codings: Vec<Coding>,
}

/// A picture as a codec shows it.
#[derive(Debug, Serialize)]
pub struct Coding {
    /// The codec's key.
    pub codec: String,
    /// Its name for people.
    pub name: String,
    /// What its setting is called.
    pub setting_name: &'static str,
    /// The setting.
    pub setting: f64,
    /// Length of the file.
    pub bytes: u64,
    /// Its bits for each pixel.
    pub bpp: f64,
    /// PSNR in dB.
    pub psnr: Option<f64>,
    /// MS-SSIM, 0 to 1.
    pub ms_ssim: Option<f64>,
    /// SSIMULACRA2.
    pub ssimulacra2: Option<f64>,
    /// The picture as a data URI: the file itself if browsers read it, else the
    /// decoded samples.
    pub image: String,
}

/// Codes some pictures at about `bpp` bits a pixel.
pub fn show(queue: &Queue<'_>, figures: &Figures, bpp: f64) -> Result<Vec<Shown>> {
    let mut codecs: Vec<&dyn Codec> = vec![queue.ours];
    let has_figures = |codec: &dyn Codec| {
        let key = &codec.about().key;
        figures.curves.iter().any(|curve| &curve.codec == key)
    };
    codecs.extend(
        queue
            .peers
            .iter()
            .copied()
            .filter(|&peer| has_figures(peer)),
    );
    let chosen = spread(queue.paths.len(), SHOWN);
    let bar = progress::bar(queue.words, (chosen.len() * codecs.len()) as u64);
    let picture = |i: usize| picture(queue, &codecs, &queue.paths[i], bpp, &bar);
    let shown = chosen.into_iter().map(picture).collect();
    bar.finish_and_clear();
    shown
}

/// One picture by all codecs; the others come as close as they can to the size that
/// ours has.
fn picture(
    queue: &Queue<'_>,
    codecs: &[&dyn Codec],
    path: &Path,
    bpp: f64,
    bar: &ProgressBar,
) -> Result<Shown> {
    let (source, cropped) = middle(Source::open(path)?)?;
    bar.set_message(format!("pictures of the page: {}", source.name));
    let (width, height) = (source.image.width(), source.image.height());
    let mut target = bpp * f64::from(width) * f64::from(height) / 8.0;
    let mut codings: Vec<Coding> = Vec::new();
    for &codec in codecs {
        let found = nearest(codec, &source, target)
            .and_then(|(setting, coded)| coding(queue, codec, &source, setting, &coded))
            .with_context(|| format!("{}: {}", path.display(), codec.about().name));
        match found {
            Ok(coding) => {
                if codings.is_empty() {
                    target = coding.bytes as f64;
                }
                codings.push(coding);
            }
            Err(error) if codings.is_empty() => return Err(error),
            // The figures are all there: the page goes without this one.
            Err(error) => queue.words.say(&format!("not shown: {error:#}")),
        }
        bar.inc(1);
    }
    Ok(Shown {
        picture: source.name.clone(),
        width,
        height,
        cropped,
        original: lossless(&source.image)?,
        codings,
    })
}

/// `count` numbers below `length` at equal distances, or all.
fn spread(length: usize, count: usize) -> Vec<usize> {
    let count = count.min(length);
    (0..count)
        .map(|i| length * (2 * i + 1) / (2 * count))
        .collect()
}

/// The middle of a picture that is too large, and whether it was.
fn middle(source: Source) -> Result<(Source, bool)> {
    let image = &source.image;
    let sides = [image.width(), image.height()];
    let [width, height] = sides.map(|side| side.min(LONGEST));
    if sides == [width, height] {
        return Ok((source, false));
    }
    let count = image.channels().count();
    let [x, y] = [(sides[0] - width) / 2, (sides[1] - height) / 2].map(|v| v as usize);
    let (row, kept) = (sides[0] as usize * count, width as usize * count);
    let all = image.samples().eight();
    let rows = all.chunks_exact(row).skip(y);
    let rows = rows.take(height as usize);
    let samples: Vec<u8> = rows
        .flat_map(|r| &r[x * count..][..kept])
        .copied()
        .collect();
    let cropped = Image::new(width, height, image.channels(), samples)?;
    Ok((Source::new(&source.name, cropped)?, true))
}

/// Searches the setting whose file is closest to `target` bytes, halving the range:
/// sizes rise along a codec's scale, or nearly.
fn nearest(codec: &dyn Codec, source: &Source, target: f64) -> Result<(f64, Coded)> {
    let scale = codec.scale();
    let (mut low, mut high) = (0, scale.len());
    let mut best: Option<(f64, Coded)> = None;
    let off = |coded: &Coded| (coded.file.len() as f64 - target).abs();
    while low < high {
        let middle = low.midpoint(high);
        let coded = codec.code(source, scale[middle])?;
        if (coded.file.len() as f64) < target {
            low = middle + 1;
        } else {
            high = middle;
        }
        if best
            .as_ref()
            .is_none_or(|(_, best)| off(&coded) < off(best))
        {
            best = Some((scale[middle], coded));
        }
    }
    best.context("a codec without settings")
}

fn coding(
    queue: &Queue<'_>,
    codec: &dyn Codec,
    source: &Source,
    setting: f64,
    coded: &Coded,
) -> Result<Coding> {
    let about = codec.about();
    let point = point(about, source, setting, queue.conditions, coded)?;
    let native = match about.key.as_str() {
        "jpeg" => Some("image/jpeg"),
        "webp" => Some("image/webp"),
        "avif" => Some("image/avif"),
        _ => None,
    };
    Ok(Coding {
        codec: about.key.clone(),
        name: about.name.clone(),
        setting_name: about.setting,
        setting,
        bytes: point.bytes,
        bpp: point.bpp,
        psnr: point.psnr,
        ms_ssim: point.ms_ssim,
        ssimulacra2: point.ssimulacra2,
        image: match native {
            Some(kind) => data_uri(kind, &coded.file),
            None => lossless(&coded.decoded)?,
        },
    })
}

fn lossless(image: &Image) -> Result<String> {
    let mut bytes = Vec::new();
    Format::WebP.write(image.clone(), &mut bytes)?;
    Ok(data_uri("image/webp", &bytes))
}

fn data_uri(kind: &str, bytes: &[u8]) -> String {
    format!("data:{kind};base64,{}", STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::super::codec::About;
    use super::*;
    use lic_codec::Channels;

    /// Files of a hundred bytes a setting.
    struct Steps(About);

    impl Codec for Steps {
        fn about(&self) -> &About {
            &self.0
        }
        fn settings(&self) -> &[f64] {
            &[]
        }
        fn scale(&self) -> Vec<f64> {
            (1..=20).map(f64::from).collect()
        }
        fn code(&self, source: &Source, setting: f64) -> Result<Coded> {
            Ok(Coded {
                file: vec![0; 100 * setting as usize],
                decoded: source.image.clone(),
                encode_seconds: 0.0,
                decode_seconds: 0.0,
                predicted_bits: None,
            })
        }
    }

    fn source(width: u32, height: u32) -> Source {
        let row = (0..width).map(|x| x as u8);
        let samples: Vec<u8> = (0..height).flat_map(|_| row.clone()).collect();
        let image = Image::new(width, height, Channels::Grey, samples).unwrap();
        Source::new("a.png", image).unwrap()
    }

    #[test]
    fn the_nearest_size_is_found() {
        let steps = Steps(About {
            key: "steps".into(),
            name: "Steps".into(),
            version: String::new(),
            convention: String::new(),
            setting: "step",
        });
        let source = source(8, 8);
        for (target, expected) in [
            (0.0, 1.0),
            (340.0, 3.0),
            (360.0, 4.0),
            (400.0, 4.0),
            (1990.0, 20.0),
            (1e9, 20.0),
        ] {
            let (found, _) = nearest(&steps, &source, target).unwrap();
            assert_eq!(found, expected, "{target}");
        }
    }

    #[test]
    fn large_pictures_show_their_middle() {
        let (small, cropped) = middle(source(300, 20)).unwrap();
        assert_eq!((small.image.width(), cropped), (300, false));
        let (large, cropped) = middle(source(1030, 20)).unwrap();
        assert_eq!(
            (large.image.width(), large.image.height(), cropped),
            (1024, 20, true)
        );
        assert_eq!(&large.image.samples().eight()[..2], [3, 4]);
        assert_eq!(large.image.samples().eight()[1024], 3);
    }

    #[test]
    fn shown_pictures_are_spread_out() {
        assert_eq!(spread(24, 3), [4, 12, 20]);
        assert_eq!(spread(2, 3), [0, 1]);
        assert!(spread(0, 3).is_empty());
    }
}
