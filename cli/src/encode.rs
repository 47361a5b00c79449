//! `lic encode`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail, ensure};
use lic_codec::measure::{ms_ssim, ms_ssim_db, psnr};
use lic_codec::{Effort, EncodeOptions, EncodeReport, Encoding, Image, Model, Quality};
use lic_datasets::{FolderError, ImageFolder};

use crate::args::{Aim, Encode, Form};
use crate::io::{Output, input_name};
use crate::many::{self, Done, Order, Task};
use crate::report::{Encoded, Line, ModelName, Words, bpp, grouped, json, print_json};
use crate::search::search;
use crate::{picture, progress, video};

/// Encodes pictures.
pub fn run(args: &Encode, words: Words) -> Result<ExitCode> {
    args.machine.set_threads()?;
    match args.form().map_err(|(_, text)| anyhow!(text))? {
        Form::One { input, output } if video::is_video(input)? => {
            video::encode(args, input, output, words)
        }
        Form::One { input, output } => one(args, input, output, words),
        Form::Many { inputs, dir } => {
            let zoo = args.machine.zoo()?;
            let task = Pictures {
                args,
                model: zoo.open(args.model.key())?,
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

fn one(args: &Encode, input: &Path, output: &Path, words: Words) -> Result<ExitCode> {
    ensure!(
        args.aim.bitrate.is_none(),
        "--bitrate is for videos, and {} is a picture",
        input_name(input)
    );
    let output = Output::at(output)?;
    ensure!(!input.is_dir(), many::folder("encode", input));
    let image = picture::read(input)?;
    let zoo = args.machine.zoo()?;
    let job = Job::new(args, &image, zoo.open(args.model.key())?, words);
    let made = job.run(args.aim.target());
    let made = made.with_context(|| input_name(input))?;
    output.write(|writer| Ok(writer.write_all(&made.bytes)?))?;

    let report = job.report(&made, output.name());
    words.say(&summary(&report));
    if args.json {
        print_json(&Line::Encode(&report))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Many pictures, and clips among them.
struct Pictures<'a> {
    args: &'a Encode,
    model: &'a dyn Model,
}

impl Task for Pictures<'_> {
    fn ending(&self, _: &Path) -> &str {
        "lic"
    }

    fn in_folder(&self, folder: &Path) -> Result<Vec<PathBuf>> {
        let mut paths = video::in_folder(folder)?;
        match ImageFolder::open(folder) {
            Ok(pictures) => paths.extend_from_slice(pictures.paths()),
            Err(FolderError::Empty { .. }) if !paths.is_empty() => {}
            Err(error) => return Err(error.into()),
        }
        paths.sort();
        Ok(paths)
    }

    fn size(&self, input: &Path) -> Result<(u32, u32)> {
        if video::is_video(input)? {
            return video::size_of_video(input, &self.args.clips);
        }
        picture::size(input)
    }

    fn run(&self, input: &Path, output: &Output) -> Result<Done> {
        if video::is_video(input)? {
            return self.clip(input, output);
        }
        ensure!(
            self.args.aim.bitrate.is_none(),
            "--bitrate is for videos, and this is a picture"
        );
        let image = picture::read(input)?;
        // Several are searched for at a time: no place for their words.
        let job = Job::new(self.args, &image, self.model, Words::new(true));
        let made = job.run(self.args.aim.target())?;
        output.write(|writer| Ok(writer.write_all(&made.bytes)?))?;
        let report = job.report(&made, output.name());
        Ok(Done {
            width: report.width,
            height: report.height,
            frames: 1,
            held: u64::from(report.width) * u64::from(report.height),
            bytes: report.bytes,
            quality: report.quality,
            json: json(&Line::Encode(&report))?,
            notes: Vec::new(),
            concealed: false,
        })
    }
}

impl Pictures<'_> {
    fn clip(&self, input: &Path, output: &Output) -> Result<Done> {
        let quiet = Words::new(true);
        let report = video::encode_to(self.args, self.model, input, output, quiet)?;
        let pixels = u64::from(report.width) * u64::from(report.height);
        Ok(Done {
            width: report.width,
            height: report.height,
            frames: report.frames,
            held: pixels * report.frames,
            bytes: report.bytes,
            quality: report.quality,
            json: json(&Line::EncodeClip(&report))?,
            notes: Vec::new(),
            concealed: false,
        })
    }
}

/// What the file is to be.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Target {
    Quality(Quality),
    Bpp(f64),
    Psnr(f64),
    MsSsim(f64),
}

impl Aim {
    /// The one that was asked for; quality 50 if none was.
    fn target(&self) -> Target {
        let searched = [
            self.target_bpp.map(Target::Bpp),
            self.target_psnr.map(Target::Psnr),
            self.target_ms_ssim.map(Target::MsSsim),
        ];
        let quality = self.quality.unwrap_or(EncodeOptions::default().quality);
        let found = searched.into_iter().flatten().next();
        found.unwrap_or(Target::Quality(quality))
    }
}

impl Target {
    /// On the scale that is searched on: rises about evenly with quality.
    fn on_scale(self, value: f64) -> f64 {
        match self {
            Self::Quality(_) | Self::Psnr(_) => value,
            Self::Bpp(_) => value.ln(),
            Self::MsSsim(_) => ms_ssim_db(value),
        }
    }

    /// How far off, on that scale, still counts as reached where no quality goes
    /// further: 3 % of a rate, 0.1 dB.
    fn tolerance(self) -> f64 {
        match self {
            Self::Bpp(_) => 0.03,
            _ => 0.1,
        }
    }

    fn words(self, value: f64) -> String {
        match self {
            Self::Quality(_) => format!("quality {value}"),
            Self::Bpp(_) => format!("{value:.4} bpp"),
            Self::Psnr(_) => format!("PSNR {value:.2} dB"),
            Self::MsSsim(_) => format!("MS-SSIM {value:.5}"),
        }
    }
}

/// A file in memory, and what is known of its picture.
struct Made {
    quality: Quality,
    bytes: Vec<u8>,
    report: EncodeReport,
    psnr: Option<f64>,
    ms_ssim: Option<f64>,
}

struct Job<'a> {
    image: &'a Image,
    effort: Effort,
    /// The longest side of a tile, if it is not to be the default.
    tile: Option<u32>,
    /// Whether sections are kept apart in a small file too.
    progressive: bool,
    model: &'a dyn Model,
    words: Words,
}

impl<'a> Job<'a> {
    fn new(args: &Encode, image: &'a Image, model: &'a dyn Model, words: Words) -> Self {
        Self {
            image,
            effort: args.effort.unwrap_or_default(),
            tile: args.tile,
            progressive: args.progressive,
            model,
            words,
        }
    }
}

impl Job<'_> {
    fn run(&self, target: Target) -> Result<Made> {
        match target {
            Target::Quality(quality) => Ok(self.encode(quality, target)?.1),
            Target::Bpp(wanted) | Target::Psnr(wanted) | Target::MsSsim(wanted) => {
                self.search(target, wanted)
            }
        }
    }

    /// Encodes, and measures what the target is about.
    fn encode(&self, quality: Quality, target: Target) -> Result<(f64, Made)> {
        let image = self.image;
        let mut options = EncodeOptions::new(quality).effort(self.effort);
        options.tile = self.tile.unwrap_or(options.tile);
        if self.progressive {
            options = options.progressive(true);
        }
        let encoding = self.watched(&options)?;
        let mut bytes = Vec::new();
        let report = encoding.write(&mut bytes)?;
        let mut made = Made {
            quality,
            bytes,
            report,
            psnr: None,
            ms_ssim: None,
        };
        let value = match target {
            Target::Quality(quality) => quality.get().into(),
            Target::Bpp(_) => bpp(made.report.bytes, image.width(), image.height()),
            Target::Psnr(_) => {
                made.psnr = psnr(image, &encoding.reconstruct()?);
                made.psnr.context("the decoded picture has another size")?
            }
            Target::MsSsim(_) => {
                made.ms_ssim = ms_ssim(image, &encoding.reconstruct()?);
                made.ms_ssim
                    .context("MS-SSIM needs a shorter side of more than 160 pixels")?
            }
        };
        Ok((value, made))
    }

    /// With a bar where it takes long.
    fn watched(&self, options: &EncodeOptions) -> Result<Encoding<'_>> {
        let bar = progress::bar(self.words, 1000);
        let watch = |part: f64| bar.set_position((part * 1000.0) as u64);
        let encoding = Encoding::watched(self.image, self.model, options, &watch);
        bar.finish_and_clear();
        Ok(encoding?)
    }

    fn search(&self, target: Target, wanted: f64) -> Result<Made> {
        let spinner = progress::spinner(self.words);
        let found = search(target.on_scale(wanted), |quality| {
            spinner.set_message(format!("trying quality {quality}"));
            let (value, made) = self.encode(quality, target)?;
            Ok((target.on_scale(value), (value, made)))
        });
        spinner.finish_and_clear();
        let found = found?;
        let (value, made) = found.outcome;
        let off = (found.value - target.on_scale(wanted)).abs();
        // Written this way round, a value that is not a number fails.
        let near = off <= target.tolerance();
        if found.beyond && !near {
            bail!(
                "{} is out of reach; the nearest is {} at quality {}",
                target.words(wanted),
                target.words(value),
                found.quality
            );
        }
        Ok(made)
    }

    fn report(&self, made: &Made, file: &str) -> Encoded {
        let (width, height) = (self.image.width(), self.image.height());
        Encoded {
            file: file.to_owned(),
            bytes: made.report.bytes,
            bpp: bpp(made.report.bytes, width, height),
            quality: made.quality.get(),
            model: ModelName {
                id: self.model.id().0,
                digest: self.model.digest().to_string(),
                key: Some(self.model.key().to_owned()),
            },
            width,
            height,
            predicted_bits: made.report.predicted_bits,
            section_bytes: made.report.section_bytes.clone(),
            extra_bytes: made.report.extra_bytes,
            tiles: made.report.tiles,
            psnr: made.psnr,
            ms_ssim: made.ms_ssim,
        }
    }
}

fn summary(report: &Encoded) -> String {
    let mut text = format!(
        "{}: {} bytes, {:.4} bpp, quality {}, model {}",
        report.file,
        grouped(report.bytes),
        report.bpp,
        report.quality,
        report.model.key.as_deref().unwrap_or_default()
    );
    text.extend(report.psnr.map(|x| format!(", PSNR {x:.2} dB")));
    text.extend(report.ms_ssim.map(|x| format!(", MS-SSIM {x:.5}")));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use lic_codec::{Channels, Null};

    /// Faint noise over a slope: something to lose, and nothing that model 0 would
    /// code with escapes.
    fn picture() -> Image {
        let noise = |i: u32| (i.wrapping_mul(2_654_435_761) >> 30) as u8;
        let samples = (0..200 * 170 * 3).map(|i| noise(i) + (i / 1000) as u8);
        let samples: Vec<u8> = samples.collect();
        Image::new(200, 170, Channels::Rgb, samples).unwrap()
    }

    fn made(target: Target) -> Result<Made> {
        let job = Job {
            image: &picture(),
            effort: Effort::default(),
            tile: None,
            progressive: false,
            model: &Null,
            words: Words::new(true),
        };
        job.run(target)
    }

    #[test]
    fn a_target_that_a_quality_has_is_met() {
        let at = |q| {
            let quality = Quality::new(q).unwrap();
            let file = made(Target::Quality(quality)).unwrap();
            bpp(file.report.bytes, 200, 170)
        };
        for wanted in [at(70), at(80)] {
            let found = made(Target::Bpp(wanted)).unwrap();
            assert_eq!(bpp(found.report.bytes, 200, 170), wanted);
        }
        let found = made(Target::Psnr(46.0)).unwrap();
        assert!((found.psnr.unwrap() - 46.0).abs() < 2.0);
        assert!(made(Target::MsSsim(0.99)).unwrap().ms_ssim.is_some());
    }

    #[test]
    fn out_of_reach_names_the_nearest() {
        for (target, start) in [(0.001, "0.0010"), (90.0, "90.0000")] {
            let error = made(Target::Bpp(target)).err().unwrap().to_string();
            let start = format!("{start} bpp is out of reach; the nearest is ");
            assert!(error.starts_with(&start), "{error}");
            assert!(error.contains(" bpp at quality "), "{error}");
        }
    }
}
