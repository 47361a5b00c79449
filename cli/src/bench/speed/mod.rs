//! `lic bench --speed`: how fast, by the size of a picture and the number of threads, in
//! how much memory, and how soon.

mod child;
mod table;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use lic_codec::{Decoder, EncodeOptions, Image, Limits, Quality, encode};
use lic_datasets::mosaic;
use lic_models::Zoo;
use rayon::ThreadPoolBuilder;
use serde::Serialize;

use super::test_set::Pictures;
use super::{cpu, one_quality};
use crate::args::Bench;
use crate::io::Output;
use crate::report::{Words, bpp, print};
use child::Program;

/// The side of a picture that has next to nothing to decode.
const SMALL: u32 = 64;
/// A measurement is repeated until it has taken so long, and the best counts.
const PATIENCE: Duration = Duration::from_secs(3);
/// Repetitions at least: a single run of a large picture beside the best of many of a small
/// one would compare luck.
const FEWEST: usize = 3;
/// Repetitions at most.
const REPEATS: usize = 10;
/// Starts of the program, of which the median counts.
const STARTS: usize = 21;

/// All figures, as `--json` writes them.
#[derive(Debug, Serialize)]
pub struct Speeds {
    /// This program, with its version.
    pub program: String,
    /// The processor, as the system names it.
    pub cpu: String,
    /// Where the networks ran.
    pub device: &'static str,
    /// The model, and a digest of its weights.
    pub model: String,
    /// Quality, 1 to 100.
    pub quality: f32,
    /// By size, then threads.
    pub sizes: Vec<Row>,
    /// How soon the program is there.
    pub start_up: StartUp,
}

/// A picture on so many threads.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Threads.
    pub threads: usize,
    /// Bits a pixel of the file.
    pub bpp: f64,
    /// Megapixels a second from samples to bytes, in memory, model loaded: the best
    /// run.
    pub encode_mps: f64,
    /// And from bytes to samples.
    pub decode_mps: f64,
    /// Megapixels a second of `lic encode` from PPM: one run of the whole program, with
    /// its start and its files.
    pub encode_program_mps: f64,
    /// And of `lic decode` to PPM.
    pub decode_program_mps: f64,
    /// Most bytes of memory that `lic encode` held, the picture included.
    pub encode_peak_bytes: u64,
    /// And `lic decode`.
    pub decode_peak_bytes: u64,
}

/// Medians over many starts, wall time of the whole program.
#[derive(Debug, Serialize)]
pub struct StartUp {
    /// `lic info`, in milliseconds.
    pub info_ms: f64,
    /// `lic decode` of a file of 64x64 pixels, in milliseconds.
    pub decode_ms: f64,
}

/// Measures.
pub fn run(args: &Bench, words: Words) -> Result<()> {
    let output = args.json.as_deref().map(Output::at).transpose()?;
    let pictures = Pictures::find(&args.pictures, args.data.as_deref(), args.limit)?;
    let bench = Speed::new(args)?;
    let (mut inputs, mut sizes) = (Vec::new(), Vec::new());
    for (i, &size) in args.megapixels.iter().enumerate() {
        let (width, height) = sides(size);
        inputs.push(bench.picture(&pictures.paths, width, height, i)?);
    }
    // Programs first: where there is no /proc to tell, memory that this one has held could
    // count as theirs.
    words.say("measuring programs");
    for input in &inputs {
        for &threads in &bench.threads {
            sizes.push(bench.programs(input, threads)?);
        }
    }
    words.say("measuring in memory");
    for (rows, input) in sizes.chunks_mut(bench.threads.len()).zip(&inputs) {
        let image = crate::picture::read(input)?;
        for row in rows {
            *row = bench.in_memory(&image, row)?;
        }
    }
    let start_up = bench.start_up(&pictures.paths)?;
    let speeds = Speeds {
        program: format!("lic {}", env!("CARGO_PKG_VERSION")),
        cpu: cpu(),
        device: args.machine.device.name(),
        model: bench.model()?,
        quality: bench.quality.get(),
        sizes,
        start_up,
    };
    if args.json.as_deref() != Some(Path::new("-")) {
        print(&table::text(&speeds))?;
    }
    let Some(output) = output else { return Ok(()) };
    let text = serde_json::to_string_pretty(&speeds)? + "\n";
    output.write(|writer| Ok(writer.write_all(text.as_bytes())?))
}

struct Speed<'a> {
    args: &'a Bench,
    quality: Quality,
    threads: Vec<usize>,
    zoo: Zoo,
    program: Program,
    folder: tempfile::TempDir,
}

impl<'a> Speed<'a> {
    fn new(args: &'a Bench) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("lic-speed-").tempdir();
        let most = args.machine.threads.map(usize::from);
        Ok(Self {
            args,
            quality: one_quality(args)?,
            threads: counts(most.unwrap_or_else(rayon::current_num_threads)),
            zoo: args.machine.zoo()?,
            program: Program::this()?,
            folder: folder.context("no folder for temporary files")?,
        })
    }

    fn place(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn model(&self) -> Result<String> {
        let key = self.args.model.key();
        Ok(format!("{key} {}", self.zoo.open(key)?.digest()))
    }

    /// A picture of the pictures, in a file.
    fn picture(&self, paths: &[PathBuf], width: u32, height: u32, i: usize) -> Result<PathBuf> {
        let path = self.place(&format!("{i}.ppm"));
        let saved = mosaic(paths, width, height)?.save(&path);
        saved.with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// Both programs, from file to file; what is measured in memory is still missing.
    fn programs(&self, input: &Path, threads: usize) -> Result<Row> {
        let (width, height) = crate::picture::size(input)?;
        let (file, back) = (self.place("out.lic"), self.place("back.ppm"));
        let encoded = self.encode(input, &file, threads)?;
        let decoded = self.decode(&file, &back, threads)?;
        let megapixels = megapixels(width, height);
        Ok(Row {
            width,
            height,
            threads,
            bpp: bpp(std::fs::metadata(&file)?.len(), width, height),
            encode_mps: 0.0,
            decode_mps: 0.0,
            encode_program_mps: megapixels / encoded.seconds,
            decode_program_mps: megapixels / decoded.seconds,
            encode_peak_bytes: encoded.peak,
            decode_peak_bytes: decoded.peak,
        })
    }

    fn encode(&self, input: &Path, file: &Path, threads: usize) -> Result<child::Run> {
        let (threads, quality) = (threads.to_string(), self.quality.to_string());
        self.program.run(&[
            "encode",
            path(input)?,
            path(file)?,
            "-q",
            &quality,
            "--model",
            self.args.model.key(),
            "--threads",
            &threads,
            "--device",
            self.args.machine.device.name(),
        ])
    }

    fn decode(&self, file: &Path, back: &Path, threads: usize) -> Result<child::Run> {
        let threads = threads.to_string();
        self.program.run(&[
            "decode",
            path(file)?,
            path(back)?,
            "--threads",
            &threads,
            "--device",
            self.args.machine.device.name(),
        ])
    }

    /// Without files, on a pool of its own.
    fn in_memory(&self, image: &Image, row: &Row) -> Result<Row> {
        let model = self.zoo.open(self.args.model.key())?;
        let options = EncodeOptions::new(self.quality);
        let pool = ThreadPoolBuilder::new().num_threads(row.threads).build()?;
        pool.install(|| {
            let (encode_seconds, file) = best(|| {
                let mut file = Vec::new();
                encode(image, model, &options, &mut file)?;
                Ok(file)
            })?;
            let (decode_seconds, _) = best(|| {
                let decoder = Decoder::new(&file[..]).limits(Limits::none());
                Ok(decoder.decode(&self.zoo)?)
            })?;
            let megapixels = megapixels(row.width, row.height);
            Ok(Row {
                encode_mps: megapixels / encode_seconds,
                decode_mps: megapixels / decode_seconds,
                ..row.clone()
            })
        })
    }

    fn start_up(&self, paths: &[PathBuf]) -> Result<StartUp> {
        let input = self.picture(paths, SMALL, SMALL, usize::MAX)?;
        let (file, back) = (self.place("out.lic"), self.place("back.ppm"));
        self.encode(&input, &file, 1)?;
        let decode = || self.decode(&file, &back, 1);
        let info = || self.program.run(&["info", path(&file)?]);
        Ok(StartUp {
            info_ms: median_ms(info)?,
            decode_ms: median_ms(decode)?,
        })
    }
}

/// 1, 2, 4, ... and `most`.
fn counts(most: usize) -> Vec<usize> {
    let doubled = std::iter::successors(Some(1usize), |n| n.checked_mul(2));
    doubled.take_while(|&n| n < most).chain([most]).collect()
}

/// Sides of a picture of so many megapixels, as 4 to 3.
fn sides(megapixels: f64) -> (u32, u32) {
    let side = |ratio: f64| (megapixels * 1e6 * ratio).sqrt().round().max(1.0) as u32;
    (side(4.0 / 3.0), side(3.0 / 4.0))
}

fn megapixels(width: u32, height: u32) -> f64 {
    f64::from(width) * f64::from(height) / 1e6
}

fn path(path: &Path) -> Result<&str> {
    let text = path.to_str();
    text.ok_or_else(|| anyhow!("{} is not UTF-8", path.display()))
}

/// The time of the best of some runs, and what the last one made.
fn best<T>(job: impl Fn() -> Result<T>) -> Result<(f64, T)> {
    let began = Instant::now();
    let mut least = f64::INFINITY;
    for repeat in 1.. {
        let run = Instant::now();
        let made = job()?;
        least = least.min(run.elapsed().as_secs_f64());
        if repeat == REPEATS || (repeat >= FEWEST && began.elapsed() >= PATIENCE) {
            return Ok((least, made));
        }
    }
    unreachable!("the last repetition returns")
}

fn median_ms(run: impl Fn() -> Result<child::Run>) -> Result<f64> {
    let mut times: Vec<f64> = Vec::new();
    for _ in 0..STARTS {
        times.push(run()?.seconds * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[STARTS / 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_double_up_to_the_most() {
        assert_eq!(counts(1), [1]);
        assert_eq!(counts(2), [1, 2]);
        assert_eq!(counts(6), [1, 2, 4, 6]);
        assert_eq!(counts(8), [1, 2, 4, 8]);
    }

    #[test]
    fn sides_make_the_size() {
        assert_eq!(sides(12.0), (4000, 3000));
        assert_eq!(sides(48.0), (8000, 6000));
        assert_eq!(sides(1e-9), (1, 1));
    }
}
