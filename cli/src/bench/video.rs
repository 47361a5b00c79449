//! `lic bench --video`: clips instead of pictures, beside x264 and x265.

use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use lic_codec::clip::ClipOptions;
use lic_codec::measure::{ms_ssim, ms_ssim_db, psnr, psnr_of};
use lic_codec::{ClipDecoder, ClipEncoder, Image, Model, Quality, Samples};
use lic_datasets::video::{Frame, VideoFormat, VideoReader, Y4mReader};
use lic_models::Zoo;
use serde::Serialize;

use super::bd_rate::bd_rate;
use super::program;
use crate::args::{Bench, Peer, Peers};
use crate::io::Output;
use crate::report::{Words, print};
use crate::video::source::{describe, format_of, picture};

/// A clip at a setting: means over its frames.
#[derive(Debug, Clone, Serialize)]
pub struct Point {
    /// The clip's file.
    pub clip: String,
    /// The codec.
    pub codec: String,
    /// On the codec's own scale.
    pub setting: f64,
    /// Frames.
    pub frames: u64,
    /// Bits a pixel of a frame.
    pub bpp: f64,
    /// PSNR over red, green and blue of 8 bits, in dB.
    pub psnr: f64,
    /// PSNR of luma and both chroma planes of the source's samples, weighted 6:1:1.
    pub psnr_yuv: Option<f64>,
    /// MS-SSIM over red, green and blue; null for small frames.
    pub ms_ssim: Option<f64>,
    /// Frames a second.
    pub encode_fps: f64,
    /// Back.
    pub decode_fps: f64,
}

/// A codec against this program's, on a clip.
#[derive(Debug, Serialize)]
pub struct Delta {
    /// The clip's file.
    pub clip: String,
    /// The codec that is the anchor.
    pub anchor: String,
    /// On what quality is measured.
    pub quality: &'static str,
    /// Per cent more rate of this program; null if the curves have no range in common.
    pub percent: Option<f64>,
}

/// All figures.
#[derive(Debug, Serialize)]
struct Figures {
    program: String,
    model: String,
    gop: u32,
    threads: usize,
    points: Vec<Point>,
    bd_rates: Vec<Delta>,
    left_out: Vec<String>,
}

/// Another encoder, through the program ffmpeg.
struct Other {
    key: &'static str,
    library: &'static str,
    arguments: &'static [&'static str],
    container: &'static str,
    crf: [u8; 5],
}

/// As people run them: the default preset, and the one for calls.
const OTHERS: [Other; 4] = [
    Other {
        key: "x264",
        library: "libx264",
        arguments: &["-preset", "medium"],
        container: "h264",
        crf: [18, 23, 28, 33, 38],
    },
    Other {
        key: "x264-zerolatency",
        library: "libx264",
        arguments: &["-preset", "medium", "-tune", "zerolatency"],
        container: "h264",
        crf: [18, 23, 28, 33, 38],
    },
    Other {
        key: "x265",
        library: "libx265",
        arguments: &["-preset", "medium", "-x265-params", "log-level=none"],
        container: "hevc",
        crf: [18, 23, 28, 33, 38],
    },
    Other {
        key: "x265-zerolatency",
        library: "libx265",
        arguments: &[
            "-preset",
            "medium",
            "-tune",
            "zerolatency",
            "-x265-params",
            "log-level=none",
        ],
        container: "hevc",
        crf: [18, 23, 28, 33, 38],
    },
];

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
                points.push(bench.other(other, path, crf)?);
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

/// The peers that are there, and why others are not.
fn others(args: &Bench) -> (Vec<Other>, Vec<String>) {
    // Of the peers for pictures, only `none` and `hevc` mean something here.
    let wanted = match &args.peers {
        Peers::Installed => true,
        Peers::Named(peers) => peers.contains(&Peer::Hevc),
    };
    if !wanted {
        return (Vec::new(), Vec::new());
    }
    let said = program::ask(Command::new("ffmpeg").args(["-hide_banner", "-encoders"]));
    let listed = said.map(|said| said.text).unwrap_or_default();
    let (found, missing): (Vec<Other>, Vec<Other>) = OTHERS
        .into_iter()
        .partition(|other| listed.contains(other.library));
    let reason =
        |other: &Other| format!("{} is left out: ffmpeg lacks {}", other.key, other.library);
    let left_out = missing.iter().map(reason).collect();
    (found, left_out)
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

    /// An encoder of ffmpeg, from the bytes of its stream.
    fn other(&self, other: &Other, path: &Path, crf: u8) -> Result<Point> {
        let folder = tempfile::tempdir()?;
        let coded = folder.path().join(format!("coded.{}", other.container));
        let threads = rayon::current_num_threads().to_string();
        let (gop, crf_text) = (self.gop(), crf.to_string());
        let mut command = Command::new("ffmpeg");
        command
            .args(["-nostdin", "-loglevel", "error", "-y", "-i"])
            .arg(path)
            .args(["-c:v", other.library])
            .args(other.arguments)
            .args(["-crf", &crf_text, "-threads", &threads]);
        if gop > 0 {
            command.args(["-g", &gop.to_string()]);
        }
        command.args(["-f", other.container]).arg(&coded);
        let seconds = program::run(&mut command)?;
        let bytes = std::fs::metadata(&coded)?.len();

        let mut originals = open(path)?;
        let format = *originals.format();
        let mut scores = Scores::new(format);
        let began = Instant::now();
        let decode = Decoding::start(&coded, &format, &threads)?;
        let mut back = Y4mReader::new(decode, Some(format.matrix))?;
        while let Some(frame) = back.next_frame()? {
            let original = originals
                .next_frame()?
                .context("more frames than there were")?;
            let image = picture(&format, &frame)?;
            scores.add(&original, &frame, &image)?;
        }
        let all = scores.frames as f64;
        let fps = [all / seconds, all / began.elapsed().as_secs_f64()];
        scores.point(path, other.key, crf.into(), bytes, fps)
    }
}

fn open(path: &Path) -> Result<Box<dyn VideoReader>> {
    let file = std::fs::File::open(path).with_context(|| path.display().to_string())?;
    let reader = Y4mReader::new(BufReader::new(file), None);
    Ok(Box::new(
        reader.with_context(|| path.display().to_string())?,
    ))
}

/// The frames that ffmpeg decodes.
struct Decoding {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
}

impl Decoding {
    fn start(file: &Path, format: &VideoFormat, threads: &str) -> Result<Self> {
        use lic_datasets::video::Sampling;
        let pixels = match (format.sampling, format.bits) {
            (Sampling::Mono, 8) => "gray",
            (Sampling::Yuv444, 8) => "yuv444p",
            (Sampling::Yuv422, 8) => "yuv422p",
            (_, 8) => "yuv420p",
            (Sampling::Yuv444, _) => "yuv444p10le",
            (Sampling::Yuv422, _) => "yuv422p10le",
            _ => "yuv420p10le",
        };
        let mut command = Command::new("ffmpeg");
        command
            .args(["-nostdin", "-loglevel", "error", "-threads", threads, "-i"])
            .arg(file)
            .args([
                "-fps_mode",
                "passthrough",
                "-pix_fmt",
                pixels,
                "-strict",
                "-1",
            ])
            .args(["-f", "yuv4mpegpipe", "-"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot start ffmpeg")?;
        let output = child.stdout.take().context("ffmpeg has no output")?;
        Ok(Self {
            child,
            output: BufReader::new(output),
        })
    }
}

impl Read for Decoding {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        self.output.read(bytes)
    }
}

impl Drop for Decoding {
    fn drop(&mut self) {
        // It has ended, or nobody wants the rest.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sums over the frames of a clip.
struct Scores {
    format: VideoFormat,
    frames: u64,
    psnr: f64,
    psnr_yuv: f64,
    ms_ssim: Option<f64>,
}

/// What a frame without loss counts for, in dB.
const LOSSLESS: f64 = 100.0;

impl Scores {
    fn new(format: VideoFormat) -> Self {
        Self {
            format,
            frames: 0,
            psnr: 0.0,
            psnr_yuv: 0.0,
            ms_ssim: Some(0.0),
        }
    }

    /// A frame, as planes and as a picture.
    fn add(&mut self, original: &Frame, planes: &Frame, image: &Image) -> Result<()> {
        let first = eight(&picture(&self.format, original)?)?;
        let image = eight(image)?;
        let found = psnr(&first, &image).context("a frame changed its size")?;
        self.psnr += found.min(LOSSLESS);
        let scale = 255.0 / f64::from(self.format.max());
        let plane = |(a, b): (&Vec<u16>, &Vec<u16>)| {
            let squares = a.iter().zip(b).map(|(&a, &b)| {
                let off = f64::from(a.abs_diff(b)) * scale;
                off * off
            });
            psnr_of(squares.sum::<f64>() / a.len() as f64).min(LOSSLESS)
        };
        let pairs = original.planes.iter().zip(&planes.planes);
        let each: Vec<f64> = pairs.map(plane).collect();
        self.psnr_yuv += match each[..] {
            [y, u, v] => (6.0 * y + u + v) / 8.0,
            _ => each[0],
        };
        self.ms_ssim = self
            .ms_ssim
            .zip(ms_ssim(&first, &image))
            .map(|(a, b)| a + b);
        self.frames += 1;
        Ok(())
    }

    fn point(
        &self,
        path: &Path,
        codec: &str,
        setting: f64,
        bytes: u64,
        [encode_fps, decode_fps]: [f64; 2],
    ) -> Result<Point> {
        ensure!(self.frames > 0, "{}: there are no frames", path.display());
        let frames = self.frames as f64;
        let pixels = f64::from(self.format.width) * f64::from(self.format.height);
        let name = path.file_name().unwrap_or(path.as_os_str());
        Ok(Point {
            clip: name.to_string_lossy().into_owned(),
            codec: codec.to_owned(),
            setting,
            frames: self.frames,
            bpp: bytes as f64 * 8.0 / (pixels * frames),
            psnr: self.psnr / frames,
            psnr_yuv: Some(self.psnr_yuv / frames),
            ms_ssim: self.ms_ssim.map(|sum| sum / frames),
            encode_fps,
            decode_fps,
        })
    }
}

fn eight(image: &Image) -> Result<Image> {
    let samples = image.samples().eight().into_owned();
    let (width, height) = (image.width(), image.height());
    Ok(Image::new(width, height, image.channels(), samples)?)
}

/// This program's delta rates against every other codec.
fn deltas(points: &[Point]) -> Vec<Delta> {
    let mut clips: Vec<&str> = points.iter().map(|p| p.clip.as_str()).collect();
    clips.dedup();
    let mut codecs: Vec<&str> = points.iter().map(|p| p.codec.as_str()).collect();
    codecs.sort_unstable();
    codecs.dedup();
    let mut deltas = Vec::new();
    for clip in clips {
        for &anchor in codecs.iter().filter(|codec| **codec != "lic") {
            type Measure = (&'static str, fn(&Point) -> Option<f64>);
            let measures: [Measure; 3] = [
                ("psnr", |p| Some(p.psnr)),
                ("psnr_yuv", |p| p.psnr_yuv),
                ("ms_ssim", |p| p.ms_ssim.map(ms_ssim_db)),
            ];
            for (quality, measure) in measures {
                let curve = |codec: &str| -> Vec<(f64, f64)> {
                    let of = points.iter().filter(|p| p.clip == clip && p.codec == codec);
                    of.filter_map(|p| Some((p.bpp, measure(p)?))).collect()
                };
                let found = bd_rate(&curve(anchor), &curve("lic"));
                deltas.push(Delta {
                    clip: clip.to_owned(),
                    anchor: anchor.to_owned(),
                    quality,
                    percent: found.ok().map(|found| found.percent),
                });
            }
        }
    }
    deltas
}

fn table(figures: &Figures) -> String {
    let mut lines = vec![format!(
        "{:<30} {:<17} {:>7} {:>9} {:>9} {:>6} {:>7} {:>8} {:>8} {:>8}",
        "clip",
        "codec",
        "setting",
        "bpp",
        "frames",
        "PSNR",
        "YUV611",
        "MS-SSIM",
        "enc f/s",
        "dec f/s"
    )];
    let number = |value: Option<f64>, digits: usize| {
        value.map_or("-".to_owned(), |value| format!("{value:.digits$}"))
    };
    for p in &figures.points {
        lines.push(format!(
            "{:<30} {:<17} {:>7} {:>9.4} {:>9} {:>6.2} {:>7} {:>8} {:>8.1} {:>8.1}",
            p.clip,
            p.codec,
            p.setting,
            p.bpp,
            p.frames,
            p.psnr,
            number(p.psnr_yuv, 2),
            number(p.ms_ssim, 5),
            p.encode_fps,
            p.decode_fps
        ));
    }
    if !figures.bd_rates.is_empty() {
        lines.push(String::new());
        lines.push(format!(
            "{:<30} {:<17} {:>9} {:>9} {:>9}",
            "BD-rate of lic, per cent", "against", "PSNR", "YUV611", "MS-SSIM"
        ));
        for three in figures.bd_rates.chunks(3) {
            let value = |i: usize| number(three.get(i).and_then(|delta| delta.percent), 1);
            lines.push(format!(
                "{:<30} {:<17} {:>9} {:>9} {:>9}",
                three[0].clip,
                three[0].anchor,
                value(0),
                value(1),
                value(2)
            ));
        }
    }
    lines.join("\n")
}
