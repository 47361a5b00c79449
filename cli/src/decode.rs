//! `lic decode`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, ensure};
use lic_codec::{DecodeOptions, Decoded, Decoder, Header, Limits, ModelSource};
use lic_models::Zoo;

use crate::args::{Decode, FileLimits, Form};
use crate::io::{self, Output, input_name};
use crate::many::{self, CONCEALED, Done, Order, Task};
use crate::picture::{Format, Kind};
use crate::report::{Line, Restored, Words, bpp, grouped, json};
use crate::video;

/// Decodes files.
pub fn run(args: &Decode, words: Words) -> Result<ExitCode> {
    args.machine.set_threads()?;
    match args.form().map_err(|(_, text)| anyhow!(text))? {
        Form::One { input, output } if video::is_lic_clip(input)? => {
            video::decode(args, input, output, words)
        }
        Form::One { input, output } => one(args, input, output, words),
        Form::Many { inputs, dir } => {
            let task = Files {
                args,
                zoo: args.machine.zoo()?,
            };
            let order = Order {
                inputs,
                dir,
                many: &args.many,
                json: args.json,
            };
            many::run(&task, &order, words)
        }
    }
}

fn one(args: &Decode, input: &Path, output: &Path, words: Words) -> Result<ExitCode> {
    ensure!(
        args.frames.is_none(),
        "--frames is for clips, and {} is a picture",
        input_name(input)
    );
    let format = Format::of(output)?;
    let output = Output::at(output)?;
    ensure!(!input.is_dir(), many::folder("decode", input));
    let zoo = args.machine.zoo()?;
    let written = decode(args, &zoo, input, format, &output)?;
    if let Some(what) = written.left_out {
        words.say(&format!("{}: {}", output.name(), left_out(what)));
    }
    let (width, height) = written.size;
    words.say(&format!("{}: {width}x{height} pixels", output.name()));
    let Some(missing) = written.missing else {
        return Ok(ExitCode::SUCCESS);
    };
    words.say(&format!("{}: {missing}", input_name(input)));
    // That a file has not arrived as a whole is what --partial expects.
    Ok(if args.conceal {
        ExitCode::from(CONCEALED)
    } else {
        ExitCode::SUCCESS
    })
}

/// What was written, and what not.
struct Written {
    header: Header,
    size: (u32, u32),
    left_out: Option<&'static str>,
    missing: Option<String>,
}

fn decode(
    args: &Decode,
    zoo: &Zoo,
    input: &Path,
    format: Format,
    output: &Output,
) -> Result<Written> {
    let name = || input_name(input);
    let mut decoder = Decoder::new(io::open(input)?).limits(args.limits.limits());
    let header = decoder.read_header().with_context(name)?;
    format.check(Kind::from(header)).with_context(name)?;
    let decoded = decoder.decode_with(zoo, &args.options());
    let decoded = decoded.with_context(name)?;
    let written = Written {
        size: (decoded.image.width(), decoded.image.height()),
        left_out: format.leaves_out(&decoded.image),
        missing: missing(&decoded, args.partial),
        header: decoded.header,
    };
    output.write(|writer| format.write(decoded.image, writer))?;
    Ok(written)
}

fn left_out(what: &str) -> String {
    format!("{what} cannot be written to it")
}

/// What clips become among many files.
const CLIPS: &str = "y4m";

/// Many files.
struct Files<'a> {
    args: &'a Decode,
    zoo: Zoo,
}

impl Task for Files<'_> {
    fn ending(&self, input: &Path) -> &str {
        // What cannot be read is told when its turn comes.
        match video::is_lic_clip(input) {
            Ok(true) => CLIPS,
            _ => &self.args.format,
        }
    }

    fn in_folder(&self, folder: &Path) -> Result<Vec<PathBuf>> {
        let paths = many::listed(folder, &["lic"])?;
        ensure!(!paths.is_empty(), "no .lic files in {}", folder.display());
        Ok(paths)
    }

    fn size(&self, input: &Path) -> Result<(u32, u32)> {
        if video::is_lic_clip(input)? {
            return video::size_of_clip(self.args, &self.zoo, input);
        }
        let mut decoder = Decoder::new(io::open(input)?).limits(self.args.limits.limits());
        let header = decoder.read_header()?;
        // Loaded here, once, and not by all threads at the same time. That there is no
        // such model is said when the file's turn comes.
        self.zoo.find(header.model, header.digest);
        Ok((header.width, header.height))
    }

    fn run(&self, input: &Path, output: &Output) -> Result<Done> {
        if video::is_lic_clip(input)? {
            return self.clip(input, output);
        }
        let format = Format::of(Path::new(output.name()))?;
        let bytes = fs::metadata(input)?.len();
        let written = decode(self.args, &self.zoo, input, format, output)?;
        let header = &written.header;
        let (width, height) = written.size;
        let report = Restored {
            input: input_name(input),
            file: output.name().to_owned(),
            bytes,
            bpp: bpp(bytes, header.width, header.height),
            quality: header.quality.get(),
            width,
            height,
            frames: 1,
            missing: written.missing,
        };
        let line = json(&Line::Decode(&report))?;
        Ok(Done {
            width,
            height,
            frames: 1,
            held: u64::from(header.width) * u64::from(header.height),
            bytes,
            quality: report.quality,
            json: line,
            concealed: self.args.conceal && report.missing.is_some(),
            notes: written
                .left_out
                .map(left_out)
                .into_iter()
                .chain(report.missing)
                .collect(),
        })
    }
}

impl Files<'_> {
    fn clip(&self, input: &Path, output: &Output) -> Result<Done> {
        let clip = video::decode_to(self.args, &self.zoo, input, Path::new(output.name()))?;
        let bytes = fs::metadata(input)?.len();
        let header = &clip.header;
        let pixels = u64::from(header.width) * u64::from(header.height) * clip.written;
        let report = Restored {
            input: input_name(input),
            file: clip.file,
            bytes,
            bpp: bytes as f64 * 8.0 / pixels.max(1) as f64,
            quality: header.quality.get(),
            width: header.width,
            height: header.height,
            frames: clip.written,
            missing: clip.early,
        };
        Ok(Done {
            width: header.width,
            height: header.height,
            frames: clip.written,
            held: pixels,
            bytes,
            quality: report.quality,
            json: json(&Line::Decode(&report))?,
            concealed: false,
            notes: report.missing.into_iter().collect(),
        })
    }
}

impl Decode {
    fn options(&self) -> DecodeOptions {
        let mut options = DecodeOptions::default().scale(self.scale);
        options.region = self.region;
        options.partial = self.partial;
        options.conceal = self.conceal;
        options
    }
}

/// What was not there, in words; how much was used, if that was asked for.
fn missing(decoded: &Decoded, partial: bool) -> Option<String> {
    let used = format!("{} bytes used", grouped(decoded.bytes_used));
    if decoded.incomplete.is_empty() && decoded.lost.is_empty() {
        return partial.then(|| format!("{used}, all of it"));
    }
    let sections = decoded.header.sections;
    let tile = |&(tile, found): &(usize, usize)| {
        format!("tile {tile} with {found} of {sections} sections")
    };
    let tiles = decoded.incomplete.iter().map(tile);
    let lost = decoded.lost.iter().map(|name| format!("{name} lost"));
    let parts: Vec<String> = tiles.chain(lost).collect();
    Some(format!("{used}; {}", parts.join(", ")))
}

impl FileLimits {
    /// As the codec wants them.
    pub fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        limits.max_pixels = self.max_pixels.unwrap_or(limits.max_pixels);
        let bytes = self.max_memory.map(|mib| mib.saturating_mul(1 << 20));
        limits.max_memory = bytes.unwrap_or(limits.max_memory);
        limits.max_streams = self.max_streams.unwrap_or(limits.max_streams);
        limits
    }
}
