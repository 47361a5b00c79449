//! `lic encode` of a clip.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Seek, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use lic_codec::clip::{ClipOptions, ClipReport, FrameKind, Written};
use lic_codec::measure::{ms_ssim, ms_ssim_db, psnr};
use lic_codec::{ClipEncoder, Image, Model, Quality};

use super::Fault;
use super::source::{Input, describe, picture};
use crate::args::{Aim, Clips, Encode};
use crate::io::Output;
use crate::progress;
use crate::report::{EncodedClip, Line, ModelName, Words, grouped, print_json};
use crate::search::search;

/// Encodes a clip.
pub fn run(args: &Encode, input: &Path, output: &Path, words: Words) -> Result<ExitCode> {
    let output = Output::at(output)?;
    let zoo = args.machine.zoo()?;
    let model = zoo.open(args.model.key())?;
    let report = encode_to(args, model, input, &output, words)?;
    words.say(&summary(&report));
    if args.json {
        print_json(&Line::EncodeClip(&report))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Encodes the clip `input` to `output`.
pub fn encode_to(
    args: &Encode,
    model: &dyn Model,
    input: &Path,
    output: &Output,
    words: Words,
) -> Result<EncodedClip> {
    let target = Target::of(&args.aim);
    let input = Input::new(input, &args.clips, !matches!(target, Target::Quality(_)))?;
    let job = Job {
        args,
        input: &input,
        model,
        words,
    };
    let made = match target {
        Target::Quality(quality) => {
            let mut made = None;
            let fault = Fault::default();
            let written = output.write(|writer| {
                made = Some(job.encode(quality, target, writer, &fault)?.1);
                Ok(())
            });
            fault.or(written)?;
            made.context("nothing was encoded")?
        }
        _ => {
            let (mut file, made) = job.search(target)?;
            file.rewind()?;
            output.write(|writer| {
                io::copy(&mut BufReader::new(file), writer)?;
                Ok(())
            })?;
            made
        }
    };
    Ok(job.report(&made, output.name()))
}

/// Pixels in a row of a clip's frames, and rows.
pub fn size(input: &Path, clips: &Clips) -> Result<(u32, u32)> {
    let reader = Input::new(input, clips, false)?.open()?;
    let format = reader.format();
    Ok((format.width, format.height))
}

/// What the clip is to be.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Target {
    Quality(Quality),
    /// Bits for each pixel.
    Bpp(f64),
    /// Bits a second.
    Bitrate(f64),
    Psnr(f64),
    MsSsim(f64),
}

impl Target {
    fn of(aim: &Aim) -> Self {
        let searched = [
            aim.target_bpp.map(Self::Bpp),
            aim.bitrate.map(Self::Bitrate),
            aim.target_psnr.map(Self::Psnr),
            aim.target_ms_ssim.map(Self::MsSsim),
        ];
        let found = searched.into_iter().flatten().next();
        let quality = aim.quality.unwrap_or_default();
        found.unwrap_or(Self::Quality(quality))
    }

    fn wanted(self) -> f64 {
        match self {
            Self::Quality(quality) => quality.get().into(),
            Self::Bpp(v) | Self::Bitrate(v) | Self::Psnr(v) | Self::MsSsim(v) => v,
        }
    }

    /// On the scale that is searched on: rises about evenly with quality.
    fn on_scale(self, value: f64) -> f64 {
        match self {
            Self::Quality(_) | Self::Psnr(_) => value,
            Self::Bpp(_) | Self::Bitrate(_) => value.ln(),
            Self::MsSsim(_) => ms_ssim_db(value),
        }
    }

    /// How far off, on that scale, still counts as reached where no quality goes
    /// further: 5 % of a rate, 0.1 dB.
    fn tolerance(self) -> f64 {
        match self {
            Self::Bpp(_) | Self::Bitrate(_) => 0.05,
            _ => 0.1,
        }
    }

    fn words(self, value: f64) -> String {
        match self {
            Self::Quality(_) => format!("quality {value}"),
            Self::Bpp(_) => format!("{value:.4} bpp"),
            Self::Bitrate(_) => format!("{:.1} kbit/s", value / 1000.0),
            Self::Psnr(_) => format!("PSNR {value:.2} dB"),
            Self::MsSsim(_) => format!("MS-SSIM {value:.5}"),
        }
    }
}

/// A clip that was made.
struct Made {
    quality: Quality,
    report: ClipReport,
    intra: u64,
    held: u64,
    size: (u32, u32),
    rate: Option<f64>,
    psnr: Option<f64>,
    ms_ssim: Option<f64>,
}

impl Made {
    fn bpp(&self) -> f64 {
        let pixels = f64::from(self.size.0) * f64::from(self.size.1);
        self.report.bytes as f64 * 8.0 / (pixels * self.report.frames as f64)
    }

    fn bitrate(&self) -> Option<f64> {
        let rate = self.rate?;
        Some(self.report.bytes as f64 * 8.0 * rate / self.report.frames as f64)
    }
}

/// What was seen of the frames of a clip.
struct Seen {
    target: Target,
    arrived: u64,
    /// Frames that were not written yet, where they are to be compared.
    originals: BTreeMap<u64, Image>,
    intra: u64,
    held: u64,
    psnrs: Vec<f64>,
    likeness: Vec<f64>,
}

impl Seen {
    fn new(target: Target) -> Self {
        Self {
            target,
            arrived: 0,
            originals: BTreeMap::new(),
            intra: 0,
            held: 0,
            psnrs: Vec::new(),
            likeness: Vec::new(),
        }
    }

    fn arrived(&mut self, image: &Image) {
        if matches!(self.target, Target::Psnr(_) | Target::MsSsim(_)) {
            self.originals.insert(self.arrived, image.clone());
        }
        self.arrived += 1;
    }

    fn written(&mut self, frame: &Written) -> Result<()> {
        let Written { info, picture } = frame;
        self.intra += u64::from(info.kind == FrameKind::Intra);
        self.held += u64::from(info.held_tiles > 0);
        let Some(image) = self.originals.remove(&info.number) else {
            return Ok(());
        };
        match self.target {
            Target::Psnr(_) => {
                let found = psnr(&image, picture).context("a frame changed its size")?;
                // A frame without loss counts as one of 100 dB.
                self.psnrs.push(found.min(100.0));
            }
            _ => self.likeness.push(
                ms_ssim(&image, picture)
                    .context("MS-SSIM needs a shorter side of more than 160 pixels")?,
            ),
        }
        Ok(())
    }
}

struct Job<'a> {
    args: &'a Encode,
    input: &'a Input<'a>,
    model: &'a dyn Model,
    words: Words,
}

impl Job<'_> {
    /// Encodes, and measures what the target is about.
    fn encode(
        &self,
        quality: Quality,
        target: Target,
        writer: &mut dyn Write,
        fault: &Fault,
    ) -> Result<(f64, Made)> {
        let mut reader = fault.keep(self.input.open())?;
        let format = *reader.format();
        let mut options = options(&self.args.clips, quality);
        options.effort = self.args.effort.unwrap_or_default();
        options.tile = self.args.tile.unwrap_or(options.tile);
        describe(&format, &mut options);
        let mut encoder =
            ClipEncoder::new(self.model, &options, format.width, format.height, writer)?;
        let spinner = progress::spinner(self.words);
        let mut seen = Seen::new(target);
        loop {
            let next = reader.next_frame().with_context(|| self.input.name());
            let Some(frame) = fault.keep(next)? else {
                break;
            };
            let image = picture(&format, &frame)?;
            let number = seen.arrived;
            spinner.set_message(format!("quality {quality}, frame {number}"));
            seen.arrived(&image);
            for written in encoder.push(&image)? {
                seen.written(&written)?;
            }
        }
        for written in encoder.flush()? {
            seen.written(&written)?;
        }
        spinner.finish_and_clear();
        let report = encoder.finish()?;
        if report.frames == 0 {
            let none = anyhow!("{}: there are no frames", self.input.name());
            fault.keep(Err(none))?;
        }
        let mean = |values: &[f64]| {
            let sum: f64 = values.iter().sum();
            (!values.is_empty()).then(|| sum / values.len() as f64)
        };
        let made = Made {
            quality,
            report,
            intra: seen.intra,
            held: seen.held,
            size: (format.width, format.height),
            rate: options.rate.value(),
            psnr: mean(&seen.psnrs),
            ms_ssim: mean(&seen.likeness),
        };
        let value = match target {
            Target::Quality(quality) => Some(quality.get().into()),
            Target::Bpp(_) => Some(made.bpp()),
            Target::Bitrate(_) => Some(made.bitrate().context(
                "a bitrate needs a frame rate, which the input does not say; --fps does",
            )?),
            Target::Psnr(_) => made.psnr,
            Target::MsSsim(_) => made.ms_ssim,
        };
        Ok((value.unwrap_or_default(), made))
    }

    /// The quality that comes closest to a target, and its file.
    fn search(&self, target: Target) -> Result<(File, Made)> {
        let wanted = target.wanted();
        let found = search(target.on_scale(wanted), |quality| {
            let mut writer = BufWriter::new(tempfile::tempfile()?);
            let fault = Fault::default();
            let encoded = self.encode(quality, target, &mut writer, &fault);
            let (value, made) = fault.or(encoded)?;
            let file = writer.into_inner().map_err(|error| error.into_error())?;
            Ok((target.on_scale(value), (value, file, made)))
        })?;
        let (value, file, made) = found.outcome;
        let off = (found.value - target.on_scale(wanted)).abs();
        // Written this way round, a value that is not a number fails.
        let near = off <= target.tolerance();
        if found.beyond && !near {
            bail!(
                "{}: {} is out of reach; the nearest is {} at quality {}",
                self.input.name(),
                target.words(wanted),
                target.words(value),
                found.quality
            );
        }
        Ok((file, made))
    }

    fn report(&self, made: &Made, file: &str) -> EncodedClip {
        EncodedClip {
            file: file.to_owned(),
            bytes: made.report.bytes,
            frames: made.report.frames,
            intra_frames: made.intra,
            held_frames: made.held,
            bpp: made.bpp(),
            bitrate: made.bitrate(),
            quality: made.quality.get(),
            model: ModelName {
                id: self.model.id().0,
                digest: self.model.digest().to_string(),
                key: Some(self.model.key().to_owned()),
            },
            width: made.size.0,
            height: made.size.1,
            predicted_bits: made.report.predicted_bits,
            psnr: made.psnr,
            ms_ssim: made.ms_ssim,
        }
    }
}

/// What the flags say.
pub fn options(clips: &Clips, quality: Quality) -> ClipOptions {
    let mut options = ClipOptions::new(quality);
    options.gop = clips.gop.unwrap_or(options.gop);
    options.between = clips.b_frames.unwrap_or(options.between);
    options.scene_cuts = !clips.no_scene_cuts;
    options
}

fn summary(report: &EncodedClip) -> String {
    let mut text = format!(
        "{}: {} bytes, {} frames ({} intra), {:.4} bpp, quality {}, model {}",
        report.file,
        grouped(report.bytes),
        report.frames,
        report.intra_frames,
        report.bpp,
        report.quality,
        report.model.key.as_deref().unwrap_or_default()
    );
    let bitrate = report
        .bitrate
        .map(|x| format!(", {:.1} kbit/s", x / 1000.0));
    text.extend(bitrate);
    text.extend(report.psnr.map(|x| format!(", PSNR {x:.2} dB")));
    text.extend(report.ms_ssim.map(|x| format!(", MS-SSIM {x:.5}")));
    text
}
