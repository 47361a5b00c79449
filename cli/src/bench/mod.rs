//! `lic bench`: every picture of a folder at every quality, from real bytes, and
//! how the result compares with other codecs.

pub mod anchors;
pub mod bd_rate;
mod measure;
mod table;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use lic_codec::Model;
use lic_datasets::{ImageFolder, Manifest};
use serde::Serialize;

use crate::args::Bench;
use crate::io::Output;
use crate::report::{ModelName, Words, print};
use crate::{picture, progress};
use bd_rate::{BdRate, BdRateError, bd_rate};
use measure::{Pair, Row, Summary};

/// All figures of a bench, as `--json` writes them.
#[derive(Debug, Serialize)]
pub struct Measurements {
    /// The model.
    pub model: ModelName,
    /// Where its networks ran.
    pub device: &'static str,
    /// On how many threads.
    pub threads: usize,
    /// The folder of pictures.
    pub folder: PathBuf,
    /// The test set that its pictures were verified to be.
    pub test_set: Option<&'static str>,
    /// How many pictures were measured.
    pub pictures: usize,
    /// Pixels of all of them.
    pub pixels: u64,
    /// Means over the pictures, one a quality.
    pub summaries: Vec<Summary>,
    /// Against published curves; none unless `test_set` is theirs.
    pub bd_rates: Vec<Comparison>,
    /// One a picture and quality.
    pub rows: Vec<Row>,
}

/// A delta rate against a published curve.
#[derive(Debug, Serialize)]
pub struct Comparison {
    /// The anchor's key.
    pub anchor: &'static str,
    /// Where its points were published.
    pub source: &'static str,
    /// On PSNR.
    pub psnr: Delta,
    /// On MS-SSIM in dB, if the anchor has it.
    pub ms_ssim: Option<Delta>,
}

/// A delta rate, or why there is none.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Delta {
    /// The delta rate.
    Rate(BdRate),
    /// Why there is none.
    None(String),
}

/// Measures a folder of pictures.
pub fn run(args: &Bench, words: Words) -> Result<()> {
    args.machine.set_threads()?;
    let json = args.json.as_deref().map(Output::at).transpose()?;
    let found = ImageFolder::open(&args.folder)?;
    let limit = args.limit.map_or(found.len(), |n| n as usize);
    let paths = &found.paths()[..limit.min(found.len())];
    let mut qualities = args.qualities.clone();
    qualities.sort();
    qualities.dedup();

    let zoo = args.machine.zoo()?;
    let model = zoo.open(&args.model.key)?;
    let pair = Pair { zoo: &zoo, model };
    let rows = measure_all(&pair, paths, &qualities, words)?;

    let test_set = is_kodak(&args.folder, paths).then(anchors::dataset);
    let summaries: Vec<Summary> = qualities
        .iter()
        .map(|q| Summary::of(rows.iter().filter(|row| row.quality == q.get())))
        .collect();
    let first = qualities.first().map(|q| q.get());
    let once = rows.iter().filter(|row| Some(row.quality) == first);
    let measured = Measurements {
        model: name_of(model),
        device: args.machine.device.name(),
        threads: rayon::current_num_threads(),
        folder: args.folder.clone(),
        test_set,
        pictures: paths.len(),
        pixels: once.map(Row::pixels).sum(),
        bd_rates: test_set.map_or_else(Vec::new, |_| compare(&summaries)),
        summaries,
        rows,
    };
    if args.json.as_deref() != Some(Path::new("-")) {
        print(&table::text(&measured))?;
    }
    match json {
        Some(output) => write_json(&measured, &output),
        None => Ok(()),
    }
}

fn name_of(model: &dyn Model) -> ModelName {
    ModelName {
        id: model.id().0,
        digest: model.digest().to_string(),
        key: Some(model.key().to_owned()),
    }
}

fn measure_all(
    pair: &Pair<'_>,
    paths: &[PathBuf],
    qualities: &[lic_codec::Quality],
    words: Words,
) -> Result<Vec<Row>> {
    let bar = progress::bar(words, (paths.len() * qualities.len()) as u64);
    let mut rows = Vec::new();
    for path in paths {
        let image = picture::read(path)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let context = || path.display().to_string();
        bar.set_message(name.clone().into_owned());
        for &quality in qualities {
            if rows.is_empty() {
                // What is only slow the first time is not the codec's speed.
                pair.measure(&name, &image, quality).with_context(context)?;
            }
            rows.push(pair.measure(&name, &image, quality).with_context(context)?);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    if rows.is_empty() {
        bail!("nothing was measured");
    }
    Ok(rows)
}

/// Whether these pictures are the 24 of Kodak and nothing else.
fn is_kodak(folder: &Path, paths: &[PathBuf]) -> bool {
    let kodak = Manifest::kodak();
    // The names first: they cost nothing.
    paths.len() == kodak.pictures.len()
        && kodak.verify(folder).is_ok_and(|verified| verified == paths)
}

/// Delta rates against all published curves.
fn compare(summaries: &[Summary]) -> Vec<Comparison> {
    let psnr: Vec<_> = summaries.iter().map(|s| (s.bpp, s.psnr)).collect();
    let ms_ssim = summaries.iter().map(|s| Some((s.bpp, s.ms_ssim_db?)));
    let ms_ssim: Vec<_> = ms_ssim.flatten().collect();
    let comparison = |anchor: &'static anchors::Anchor| Comparison {
        anchor: &anchor.key,
        source: &anchor.source,
        psnr: bd_rate(&anchor.psnr_curve(), &psnr).into(),
        ms_ssim: anchor
            .ms_ssim_curve()
            .map(|curve| bd_rate(&curve, &ms_ssim).into()),
    };
    anchors::all().iter().map(comparison).collect()
}

impl From<Result<BdRate, BdRateError>> for Delta {
    fn from(result: Result<BdRate, BdRateError>) -> Self {
        match result {
            Ok(rate) => Self::Rate(rate),
            Err(error) => Self::None(error.to_string()),
        }
    }
}

fn write_json(measured: &Measurements, output: &Output) -> Result<()> {
    let mut text = serde_json::to_string_pretty(measured)?;
    text.push('\n');
    output.write(|writer| Ok(writer.write_all(text.as_bytes())?))
}
