//! `lic bench --video`: clips instead of pictures, beside x264 and x265.

mod others;
mod scores;
mod table;

use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use lic_codec::clip::ClipOptions;
use lic_codec::{ClipDecoder, ClipEncoder, Model, Quality, Samples};
use lic_datasets::video::{VideoReader, Y4mReader};
use lic_models::Zoo;

use crate::args::Bench;
use crate::io::Output;
use crate::report::{Words, print};
use crate::video::source::{describe, format_of, picture};
use others::others;
use scores::{Point, Scores};
use table::{Figures, deltas, table};

/// Measures the clips of a folder.
pub fn run(args: &Bench, words: Words) -> Result<()> {
    args.machine.set_threads()?;
    let json = args.json.as_deref().map(Output::at).transpose()?;
    let clips = clips(&args.pictures, args.limit)?;
    let zoo = args.machine.zoo()?;
    let model = zoo.open(args.model.key())?;
    let (others, left_out) = others(args);
    for reason in &left_out {
        words.say(reason);
    }
    let bench = Running {
        args,
        zoo: &zoo,
        model,
    };
    let mut points: Vec<Point> = Vec::new();
    for path in &clips {
        for &quality in &args.qualities {
            words.say(&format!("{}: quality {quality}", path.display()));
            points.push(bench.ours(path, quality)?);
        }
        for other in &others {
            for crf in other.crf {
                words.say(&format!("{}: {} {crf}", path.display(), other.key));
                points.push(other.measure(path, crf, bench.gop())?);
            }
        }
    }
    let figures = Figures {
        program: format!("lic {}", env!("CARGO_PKG_VERSION")),
        model: args.model.key().to_owned(),
        gop: bench.gop(),
        threads: rayon::current_num_threads(),
        bd_rates: deltas(&points),
        points,
        left_out,
    };
    if let Some(output) = &json {
        output.write(|writer| Ok(serde_json::to_writer_pretty(writer, &figures)?))?;
    }
    if args.json.as_deref() == Some(Path::new("-")) {
        return Ok(());
    }
    print(&table(&figures))
}

fn clips(folder: &Path, limit: Option<u32>) -> Result<Vec<PathBuf>> {
    let name = || format!("cannot list the folder {}", folder.display());
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(name)? {
        let path = entry.with_context(name)?.path();
        if path
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("y4m"))
        {
            paths.push(path);
        }
    }
    ensure!(!paths.is_empty(), "no .y4m files in {}", folder.display());
    paths.sort();
    paths.truncate(limit.map_or(usize::MAX, |limit| limit as usize));
    Ok(paths)
}

struct Running<'a> {
    args: &'a Bench,
    zoo: &'a Zoo,
    model: &'a dyn Model,
}

impl Running<'_> {
    fn gop(&self) -> u32 {
        self.args.gop.unwrap_or(ClipOptions::default().gop)
    }

    /// This program's codec, from real bytes.
    fn ours(&self, path: &Path, quality: Quality) -> Result<Point> {
        let mut reader = open(path)?;
        let format = *reader.format();
        let mut options = ClipOptions::new(quality);
        options.gop = self.gop();
        options.between = self.args.b_frames.unwrap_or(options.between);
        options.effort = self.args.effort.unwrap_or_default();
        describe(&format, &mut options);
        let mut file = Vec::new();
        let (width, height) = (format.width, format.height);
        let mut encoder = ClipEncoder::new(self.model, &options, width, height, &mut file)?;
        let mut seconds = 0.0;
        while let Some(frame) = reader.next_frame()? {
            let image = picture(&format, &frame)?;
            let began = Instant::now();
            encoder.push(&image)?;
            seconds += began.elapsed().as_secs_f64();
        }
        let began = Instant::now();
        encoder.flush()?;
        seconds += began.elapsed().as_secs_f64();
        let report = encoder.finish()?;
        let mut scores = Scores::new(format);
        let mut originals = open(path)?;
        let mut frames = ClipDecoder::new(&file[..]).start(self.zoo)?;
        let shown = format_of(frames.header());
        let mut decoding = 0.0;
        loop {
            let began = Instant::now();
            let Some(frame) = frames.next_frame()? else {
                break;
            };
            decoding += began.elapsed().as_secs_f64();
            let Samples::Sixteen(samples) = frame.image.samples() else {
                bail!("a frame has 8 bits");
            };
            let original = originals
                .next_frame()?
                .context("more frames than there were")?;
            scores.add(&original, &shown.from_rgb(samples), &frame.image)?;
        }
        let name = "lic";
        let fps = [
            report.frames as f64 / seconds,
            report.frames as f64 / decoding,
        ];
        scores.point(path, name, quality.get().into(), report.bytes, fps)
    }
}

fn open(path: &Path) -> Result<Box<dyn VideoReader>> {
    let file = std::fs::File::open(path).with_context(|| path.display().to_string())?;
    let reader = Y4mReader::new(BufReader::new(file), None);
    Ok(Box::new(
        reader.with_context(|| path.display().to_string())?,
    ))
}
