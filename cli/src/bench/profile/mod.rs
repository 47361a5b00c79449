//! `lic bench --profile`: where the time of decoding and encoding goes.
//!
//! A picture of one tile on one thread, so that every nanosecond has one owner: a part of
//! a network ([`lic_models::profile`]), the rest of a call of the model, or the codec
//! between two calls ([`timeline`]).

mod markdown;
mod timeline;

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use lic_codec::{Decoder, EncodeOptions, Image, Limits, Model, Quality, encode};
use lic_datasets::mosaic;
use lic_entropy::gaussian;
use lic_models::profile::{Numbers, Rates, Spending, rates, watch};
use lic_models::{Isa, Zoo};
use rayon::ThreadPoolBuilder;

use super::one_quality;
use super::test_set::Pictures;
use crate::args::Bench;
use crate::picture::{self, Format};
use crate::report::print;
use timeline::{Call, Times, Watched};

/// Sides of the picture.
const SIZE: (u32, u32) = (1600, 1250);
/// A tile that holds all of it.
const TILE: u32 = 2048;
/// The whole is done so often, and the fastest told.
const REPEATS: usize = 5;

/// A part of the time.
#[derive(Debug, Clone)]
struct Part {
    /// `g_s`, `codec` and so on.
    of: &'static str,
    what: String,
    time: Duration,
    numbers: Numbers,
    macs: u64,
    bytes: u64,
}

impl Part {
    fn plain(of: &'static str, what: &str, time: Duration, bytes: u64) -> Self {
        Self {
            of,
            what: what.to_owned(),
            time,
            numbers: Numbers::Single,
            macs: 0,
            bytes,
        }
    }

    /// The least time that its operations and bytes take; `None` where those do not say.
    fn floor(&self, rates: &Rates) -> Option<Duration> {
        let macs = self.macs as f64 / rates.macs(self.numbers);
        let bytes = self.bytes as f64 / rates.copy;
        let seconds = macs.max(bytes);
        (seconds > 0.0).then(|| Duration::from_secs_f64(seconds))
    }
}

impl From<Spending> for Part {
    fn from(spending: Spending) -> Self {
        Self {
            of: spending.network,
            what: spending.layer,
            time: spending.time,
            numbers: spending.numbers,
            macs: spending.macs,
            bytes: spending.bytes,
        }
    }
}

/// A direction, taken apart.
#[derive(Debug, Clone)]
struct Account {
    parts: Vec<Part>,
    total: Duration,
    symbols: u64,
}

/// One time a picture: start-up and files.
#[derive(Debug)]
struct Once {
    weights: Duration,
    weight_bytes: usize,
    tables: Duration,
    /// Format, reading and writing, bytes of the file.
    files: Vec<(&'static str, Duration, Duration, u64)>,
}

/// The whole picture in one tile, and in tiles: [encode, decode].
#[derive(Debug)]
struct Whole {
    threads: usize,
    tile: u32,
    times: [Duration; 2],
}

struct Profile {
    command: String,
    model: String,
    quality: Quality,
    rates: Rates,
    pixels: f64,
    file_bytes: usize,
    once: Once,
    decode: Account,
    encode: Account,
    wholes: Vec<Whole>,
}

/// Measures, and prints Markdown.
pub fn run(args: &Bench) -> Result<()> {
    let quality = one_quality(args)?;
    let pictures = Pictures::find(&args.pictures, args.data.as_deref(), args.limit)?;
    // Before anything else needs them: both are made once.
    let began = Instant::now();
    let tables = (!gaussian().is_empty()).then(|| began.elapsed());
    let began = Instant::now();
    let zoo = args.machine.zoo()?;
    let model = zoo.open(args.model.key())?;
    let weights = began.elapsed();

    let (width, height) = SIZE;
    let pixels = mosaic(&pictures.paths, width, height)?;
    let folder = tempfile::tempdir().context("no folder for temporary files")?;
    let path = folder.path().join("in.ppm");
    pixels.save(&path)?;
    let image = picture::read(&path)?;
    let job = Job {
        image: &image,
        model,
        zoo: &zoo,
        quality,
    };
    let pool = ThreadPoolBuilder::new().num_threads(1).build()?;
    let (encode, decode, file_bytes) = pool.install(|| job.accounts())?;
    let most = args
        .machine
        .threads
        .map_or_else(rayon::current_num_threads, usize::from);
    let mut wholes = Vec::new();
    for threads in if most > 1 { vec![1, most] } else { vec![1] } {
        for tile in [TILE, EncodeOptions::default().tile] {
            wholes.push(job.whole(threads, tile)?);
        }
    }
    let profile = Profile {
        command: format!("lic bench {} --profile", args.pictures.display()),
        model: format!("{} {}", args.model.key(), model.digest()),
        quality,
        rates: rates(),
        pixels: f64::from(width) * f64::from(height),
        file_bytes,
        once: Once {
            weights,
            weight_bytes: weight_bytes(args.model.key()),
            tables: tables.unwrap_or_default(),
            files: files(&image, folder.path())?,
        },
        decode,
        encode,
        wholes,
    };
    print(&markdown::text(&profile))
}

/// Bytes of a model's weights; 0 for one without.
fn weight_bytes(key: &str) -> usize {
    let rows = lic_models::MODELS.iter();
    rows.filter(|row| row.key == key)
        .map(|row| row.weights.len())
        .sum()
}

/// Reading and writing pictures.
fn files(image: &Image, folder: &Path) -> Result<Vec<(&'static str, Duration, Duration, u64)>> {
    let mut files = Vec::new();
    for ending in ["ppm", "png"] {
        let path = folder.join(format!("picture.{ending}"));
        let began = Instant::now();
        let mut file = File::create(&path)?;
        Format::of(&path)?.write(image.clone(), &mut file)?;
        drop(file);
        let wrote = began.elapsed();
        let began = Instant::now();
        picture::read(&path)?;
        let read = began.elapsed();
        files.push((ending, read, wrote, std::fs::metadata(&path)?.len()));
    }
    Ok(files)
}

struct Job<'a> {
    image: &'a Image,
    model: &'a dyn Model,
    zoo: &'a Zoo,
    quality: Quality,
}

impl Job<'_> {
    fn options(&self, tile: u32) -> EncodeOptions {
        EncodeOptions::new(self.quality)
            .tile(tile)
            .progressive(true)
    }

    /// Both directions, and the length of the file.
    fn accounts(&self) -> Result<(Account, Account, usize)> {
        let options = self.options(TILE);
        let mut best: [Option<Account>; 2] = [None, None];
        let mut file_bytes = 0;
        for _ in 0..REPEATS {
            let watched = Watched::new(self.model);
            let mut file = Vec::new();
            let (result, parts) = watch(|| encode(self.image, &watched, &options, &mut file));
            let times = watched.end();
            result?;
            file_bytes = file.len();
            keep(&mut best[0], self.encoding(times, parts, file.len()));

            let watched = Watched::new(self.model);
            let decoder = Decoder::new(&file[..]).limits(Limits::none());
            let (result, parts) = watch(|| decoder.decode(&watched));
            let times = watched.end();
            result?;
            keep(&mut best[1], self.decoding(times, parts, file.len()));
        }
        let [encode, decode] = best;
        let missing = "nothing was measured";
        Ok((
            encode.context(missing)?,
            decode.context(missing)?,
            file_bytes,
        ))
    }

    /// Bytes of the picture, and of its pixels as floats.
    fn sizes(&self) -> [u64; 2] {
        let samples = self.image.samples().len() as u64;
        [samples, samples * size_of::<f32>() as u64]
    }

    fn encoding(&self, times: Times, parts: Vec<Spending>, file: usize) -> Account {
        let [samples, floats] = self.sizes();
        let pixels = times.before(Call::Analyse);
        let coder = times.after(Call::Symbols) + times.before(Call::Finish);
        let latents = times.before(Call::Synthesise);
        // Where there are filters, the file is put together after them.
        let filters = times.between(Call::Synthesise, Call::End);
        let container = times.before(Call::End) - filters;
        let mut made = vec![Part::plain(
            "codec",
            "samples to floats",
            pixels,
            samples + floats,
        )];
        made.extend(account(&times, parts));
        made.extend([
            Part::plain("codec", "entropy coder", coder, coded(&times)),
            Part::plain("codec", "container, checksums", container, 2 * file as u64),
            Part::plain("codec", "latents to windows", latents, 0),
            Part::plain("codec", "floats to samples, filters fitted", filters, 0),
        ]);
        closed(made, &times)
    }

    fn decoding(&self, times: Times, parts: Vec<Spending>, file: usize) -> Account {
        let [samples, floats] = self.sizes();
        let container = times.before(Call::Prepare);
        let coder = times.after(Call::Plan) + times.before(Call::Finish);
        let latents = times.before(Call::Synthesise);
        let pixels = times.before(Call::End);
        let mut made = vec![
            Part::plain("codec", "container, checksums", container, 2 * file as u64),
            Part::plain("codec", "entropy coder", coder, coded(&times)),
            Part::plain("codec", "latents to windows", latents, 0),
        ];
        made.extend(account(&times, parts));
        let shown = samples + floats;
        made.push(Part::plain(
            "codec",
            "floats to samples, filters",
            pixels,
            shown,
        ));
        closed(made, &times)
    }

    /// Best times of the whole picture, not watched.
    fn whole(&self, threads: usize, tile: u32) -> Result<Whole> {
        let options = self.options(tile);
        let pool = ThreadPoolBuilder::new().num_threads(threads).build()?;
        let mut times = [Duration::MAX; 2];
        pool.install(|| -> Result<()> {
            for _ in 0..REPEATS {
                let began = Instant::now();
                let mut file = Vec::new();
                encode(self.image, self.model, &options, &mut file)?;
                times[0] = times[0].min(began.elapsed());
                let began = Instant::now();
                let decoder = Decoder::new(&file[..]).limits(Limits::none());
                decoder.decode(self.zoo)?;
                times[1] = times[1].min(began.elapsed());
            }
            Ok(())
        })?;
        Ok(Whole {
            threads,
            tile,
            times,
        })
    }
}

fn keep(best: &mut Option<Account>, account: Account) {
    if best.as_ref().is_none_or(|best| account.total < best.total) {
        *best = Some(account);
    }
}

/// Bytes of symbols and of the numbers of their tables.
fn coded(times: &Times) -> u64 {
    times.symbols * (size_of::<i32>() + size_of::<u16>()) as u64
}

/// The parts of the networks, and what is left of the calls that hold them.
fn account(times: &Times, parts: Vec<Spending>) -> Vec<Part> {
    let of = |networks: &[&str]| -> Duration {
        let among = parts.iter().filter(|part| networks.contains(&part.network));
        among.map(|part| part.time).sum()
    };
    // The gain is in two places; a decoder has only one of them.
    let is_gain = |part: &&Spending| part.layer.starts_with("gain ");
    let gain: Duration = parts.iter().filter(is_gain).map(|part| part.time).sum();
    let between = of(&["means", "shapes", "coding"]) - gain;
    let transforms = of(&["g_a", "h_a", "g_s"]) + gain;
    let latents = [
        Call::Prepare,
        Call::Plan,
        Call::Symbols,
        Call::Accept,
        Call::Finish,
    ];
    let rest = |calls: &[Call], known| times.of(calls).saturating_sub(known);
    let latents = rest(&latents, between);
    let transforms = rest(&[Call::Analyse, Call::Synthesise], transforms);
    let mut all: Vec<Part> = parts.into_iter().map(Part::from).collect();
    all.push(Part::plain(
        "rest",
        "of the prior: memory, copies",
        latents,
        0,
    ));
    all.push(Part::plain(
        "rest",
        "of the transforms: memory, copies",
        transforms,
        0,
    ));
    all
}

/// An account of all time, the least owner of which is the walk.
fn closed(mut parts: Vec<Part>, times: &Times) -> Account {
    let total: Duration = times.calls.values().chain(times.gaps.values()).sum();
    let known: Duration = parts.iter().map(|part| part.time).sum();
    let walk = total.saturating_sub(known);
    parts.push(Part::plain("codec", "walk from step to step", walk, 0));
    Account {
        parts,
        total,
        symbols: times.symbols,
    }
}

/// The instructions that products use, as they are called.
fn instructions() -> String {
    format!("{:?}", Isa::best())
}
