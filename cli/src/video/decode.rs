//! `lic decode` of a clip.

use std::fs::File;
use std::io::{BufReader, Read};
use std::ops::Range;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, ensure};
use lic_codec::clip::{ClipIndex, Frames};
use lic_codec::{ClipDecoder, ClipHeader, Scale};
use lic_models::Zoo;

use super::Fault;
use super::sink::{Kind, Sink};
use super::source::format_of;
use crate::args::Decode;
use crate::io::{self, Output, input_name};
use crate::report::Words;

/// Decodes a clip.
pub fn run(args: &Decode, input: &Path, output: &Path, words: Words) -> Result<ExitCode> {
    let zoo = args.machine.zoo()?;
    let restored = decode_to(args, &zoo, input, output)?;
    let (width, height) = (restored.header.width, restored.header.height);
    words.say(&format!(
        "{}: {} frames of {width}x{height} pixels",
        restored.file, restored.written
    ));
    if let Some(early) = restored.early {
        words.say(&format!("{}: {early}", input_name(input)));
    }
    Ok(ExitCode::SUCCESS)
}

/// The size of a clip's frames: pixels in a row, and rows.
pub fn size(args: &Decode, zoo: &Zoo, input: &Path) -> Result<(u32, u32)> {
    let decoder = ClipDecoder::new(io::open(input)?).limits(args.limits.limits());
    let frames = decoder.start(zoo)?;
    let header = frames.header();
    Ok((header.width, header.height))
}

/// A clip that was decoded.
pub struct RestoredClip {
    /// Where the frames are.
    pub file: String,
    /// What the clip says of itself.
    pub header: ClipHeader,
    /// Frames written.
    pub written: u64,
    /// Why there are not more, if there should be.
    pub early: Option<String>,
}

/// Decodes the clip `input` to `output`.
pub fn decode_to(args: &Decode, zoo: &Zoo, input: &Path, output: &Path) -> Result<RestoredClip> {
    let kind = Kind::of(output)?;
    ensure!(
        args.region.is_none() && args.scale == Scale::Full && !args.conceal,
        "{}: --region, --scale and --conceal are for pictures, and this is a clip",
        input_name(input)
    );
    let limits = args.limits.limits();
    let regular = std::fs::metadata(input).is_ok_and(|there| there.is_file());
    let name = || input_name(input);
    let job = Job {
        args,
        input,
        output,
        kind,
    };
    match args.frames.clone() {
        // A part of a file: begin at the intra frame before it.
        Some(frames) if regular && frames.start > 0 => {
            let mut file = BufReader::new(File::open(input).with_context(name)?);
            let (_, index) = ClipIndex::find(&mut file, &limits).with_context(name)?;
            std::io::Seek::rewind(&mut file)?;
            let mut decoder = ClipDecoder::new(file).limits(limits);
            let count = index.shown();
            let found = decoder.seek(&index, frames.start).with_context(name)?;
            ensure!(
                found.is_some(),
                "{}: there is no frame {}; it has {count}",
                name(),
                frames.start
            );
            job.run(decoder, zoo)
        }
        _ => job.run(ClipDecoder::new(io::open(input)?).limits(limits), zoo),
    }
}

struct Job<'a> {
    args: &'a Decode,
    input: &'a Path,
    output: &'a Path,
    kind: Kind,
}

/// How a clip ended.
struct Ended {
    /// Frames written.
    written: u64,
    /// Why there are not more, if there should be.
    early: Option<String>,
}

impl Job<'_> {
    fn run<R: Read>(&self, decoder: ClipDecoder<R>, zoo: &Zoo) -> Result<RestoredClip> {
        let name = || input_name(self.input);
        let frames = decoder.start(zoo).with_context(name)?;
        let header = frames.header().clone();
        let format = format_of(&header);
        let mut ended = None;
        let shown = match self.kind {
            Kind::Y4m => {
                let output = Output::at(self.output)?;
                let fault = Fault::default();
                let written = output.write(|mut writer| {
                    let sink = Sink::y4m(&format, &mut writer)?;
                    ended = Some(self.copy(frames, sink, &fault)?);
                    Ok(())
                });
                fault.or(written)?;
                output.name().to_owned()
            }
            Kind::Pictures => {
                let (sink, fault) = (Sink::pictures(&format, self.output)?, Fault::default());
                let copied = self.copy(frames, sink, &fault);
                ended = Some(fault.or(copied)?);
                self.output.display().to_string()
            }
            #[cfg(feature = "ffmpeg")]
            Kind::Foreign => {
                let writer = lic_datasets::video::FfmpegWriter::create(self.output, &format)?;
                let format = *writer.format();
                let (sink, fault) = (Sink::Foreign(format, writer), Fault::default());
                let copied = self.copy(frames, sink, &fault);
                ended = Some(fault.or(copied)?);
                self.output.display().to_string()
            }
            #[cfg(not(feature = "ffmpeg"))]
            Kind::Foreign => return Err(anyhow!("this program was built without FFmpeg")),
        };
        let Ended { written, early } = ended.context("nothing was decoded")?;
        Ok(RestoredClip {
            file: shown,
            header,
            written,
            early,
        })
    }

    /// Decodes what is wanted.
    fn copy<R: Read>(
        &self,
        mut frames: Frames<'_, R>,
        mut sink: Sink<'_>,
        fault: &Fault,
    ) -> Result<Ended> {
        let all = Range {
            start: 0,
            end: u64::MAX,
        };
        let wanted = self.args.frames.clone().unwrap_or(all);
        let (mut written, mut last) = (0, None);
        let early = loop {
            let next = last.map_or(0, |last| last + 1);
            if next >= wanted.end {
                break None;
            }
            match frames.next_frame() {
                Ok(Some(shown)) => {
                    last = Some(shown.info.number);
                    if wanted.contains(&shown.info.number) {
                        sink.write(&shown.image)?;
                        written += 1;
                    }
                }
                Ok(None) => break None,
                Err(error) if error.is_truncation() && self.args.partial => {
                    break Some(format!("it ends too soon, after {next} whole frames"));
                }
                Err(error) => {
                    let whole = format!("{}, after {next} frames", input_name(self.input));
                    return fault.keep(Err(error).context(whole));
                }
            }
        };
        sink.finish()?;
        if let Some(frames) = &self.args.frames
            && written == 0
            && early.is_none()
        {
            let count = last.map_or(0, |last| last + 1);
            fault.keep(Err(anyhow!(
                "{}: there is no frame {}; it has {count}",
                input_name(self.input),
                frames.start
            )))?;
        }
        Ok(Ended { written, early })
    }
}
