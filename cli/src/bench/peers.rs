//! Other codecs, through their own programs: JPEG, WebP, AVIF, JPEG XL, HEVC intra.
//!
//! Each is run as its manual recommends for small files, with the tuning for PSNR
//! where there is a choice, on as many threads as ours. Times are those of the whole
//! programs, with their start, reading and writing of files.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use lic_codec::Channels;

use super::codec::{About, Codec, Coded, Source};
use super::program::{ask, run};
use crate::args::Peer;
use crate::picture;

/// A peer whose programs are there.
#[derive(Debug)]
pub struct Program {
    peer: Peer,
    about: About,
    settings: Vec<f64>,
    threads: usize,
}

impl Program {
    /// Looks for the programs and asks for their version.
    ///
    /// # Errors
    /// If one is missing, or lacks the codec.
    pub fn find(peer: Peer, threads: usize) -> Result<Self> {
        let version = version(peer)?;
        let (name, setting) = names(peer);
        Ok(Self {
            peer,
            about: About {
                key: peer.key().to_owned(),
                name: name.to_owned(),
                version,
                convention: convention(peer).to_owned(),
                setting,
            },
            settings: settings(peer).to_vec(),
            threads,
        })
    }
}

/// Its name for people, and that of its setting.
pub fn names(peer: Peer) -> (&'static str, &'static str) {
    match peer {
        Peer::Jpeg => ("JPEG", "quality"),
        Peer::Webp => ("WebP", "quality"),
        Peer::Avif => ("AVIF", "cq-level"),
        Peer::Jxl => ("JPEG XL", "distance"),
        Peer::Hevc => ("HEVC intra 4:4:4", "crf"),
    }
}

fn convention(peer: Peer) -> &'static str {
    match peer {
        Peer::Jpeg => "cjpeg -optimize -progressive, 4:2:0; djpeg",
        Peer::Webp => "cwebp -m 6, 4:2:0; dwebp",
        Peer::Avif => "avifenc -s 6 -y 444, 8 bits, libaom with end-usage=q; avifdec to PNG",
        Peer::Jxl => "cjxl -e 7; djxl",
        Peer::Hevc => {
            "x265 -preset medium -tune psnr through ffmpeg, one key frame of 8-bit 4:4:4 in \
             full-range Y'CbCr after BT.709, a bare stream without information SEI; ffmpeg's \
             decoder"
        }
    }
}

/// What is measured, by rising rate: from about 0.1 to above 2 bits a pixel on Kodak.
fn settings(peer: Peer) -> &'static [f64] {
    match peer {
        Peer::Jpeg => &[8.0, 15.0, 30.0, 50.0, 70.0, 85.0, 94.0],
        Peer::Webp => &[1.0, 15.0, 40.0, 60.0, 75.0, 88.0, 96.0],
        Peer::Avif => &[58.0, 50.0, 42.0, 34.0, 26.0, 18.0, 10.0],
        Peer::Jxl => &[12.0, 8.0, 5.0, 3.0, 1.8, 1.0, 0.5],
        Peer::Hevc => &[46.0, 41.0, 36.0, 31.0, 26.0, 21.0, 16.0],
    }
}

fn version(peer: Peer) -> Result<String> {
    let line = |program: &str, flag: &str| -> Result<String> {
        let said = ask(Command::new(program).arg(flag))?;
        let first = said.text.lines().map(str::trim).find(|l| !l.is_empty());
        let first = first.with_context(|| format!("{program} {flag} says nothing"))?;
        Ok(first.to_owned())
    };
    match peer {
        Peer::Jpeg => line("djpeg", "-version").and_then(|_| line("cjpeg", "-version")),
        Peer::Webp => {
            line("dwebp", "-version")?;
            Ok(format!("libwebp {}", line("cwebp", "-version")?))
        }
        Peer::Avif => {
            line("avifdec", "--version")?;
            let text = line("avifenc", "--version")?;
            Ok(text.replacen("Version:", "libavif", 1))
        }
        Peer::Jxl => {
            line("djxl", "--version")?;
            let text = line("cjxl", "--version")?;
            // The features of the processor, which follow in brackets, are no version.
            Ok(text.split(" [").next().unwrap_or(&text).to_owned())
        }
        Peer::Hevc => x265_version(),
    }
}

/// x265 says its version only while it encodes.
fn x265_version() -> Result<String> {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-hide_banner", "-f", "lavfi", "-i"]);
    ffmpeg.args(["color=s=64x64", "-frames:v", "1", "-c:v", "libx265"]);
    let said = ask(ffmpeg.args(["-f", "null", "-"]))?;
    let mut lines = said.text.lines();
    let found = lines.find_map(|line| line.split("HEVC encoder version ").nth(1));
    let version = found.context("ffmpeg has no libx265")?.trim();
    let banner = ask(Command::new("ffmpeg").arg("-version"))?.text;
    let ffmpeg = banner.split_whitespace().nth(2).unwrap_or("unknown");
    Ok(format!("x265 {version}, ffmpeg {ffmpeg}"))
}

impl Codec for Program {
    fn about(&self) -> &About {
        &self.about
    }

    fn settings(&self) -> &[f64] {
        &self.settings
    }

    fn scale(&self) -> Vec<f64> {
        match self.peer {
            Peer::Jpeg => (1..=100).map(f64::from).collect(),
            Peer::Webp => (0..=100).map(f64::from).collect(),
            Peer::Avif => (0..=63).rev().map(f64::from).collect(),
            Peer::Jxl => (1..=150).rev().map(|d| f64::from(d) / 10.0).collect(),
            Peer::Hevc => (0..=51).rev().map(f64::from).collect(),
        }
    }

    fn code(&self, source: &Source, setting: f64) -> Result<Coded> {
        let input = match self.peer {
            // avifenc reads no PNM.
            Peer::Avif => source.png()?,
            _ => source.pnm()?,
        };
        let channels = source.image.channels();
        let file = source.place(&format!("out.{}", self.about.key));
        let back = source.place(match (self.peer, channels) {
            (Peer::Avif, _) => "back.png",
            // djxl goes by the ending.
            (Peer::Jxl, Channels::Grey) => "back.pgm",
            _ => "back.ppm",
        });
        // What an earlier setting left must not pass for this one's.
        for path in [&file, &back] {
            if path.exists() {
                std::fs::remove_file(path)?;
            }
        }
        let encode_seconds = run(&mut self.encoder(setting, &input, &file))?;
        let decode_seconds = run(&mut self.decoder(&file, &back))?;
        let read = std::fs::read(&file);
        Ok(Coded {
            file: read.with_context(|| format!("{} wrote no file", self.about.name))?,
            // Decoders that know colour only give grey as three samples.
            decoded: picture::read(&back)?.into_channels(channels),
            encode_seconds,
            decode_seconds,
            predicted_bits: None,
        })
    }
}

impl Program {
    fn encoder(&self, setting: f64, input: &Path, file: &Path) -> Command {
        let (value, threads) = (setting.to_string(), self.threads.to_string());
        let mut command = Command::new(match self.peer {
            Peer::Jpeg => "cjpeg",
            Peer::Webp => "cwebp",
            Peer::Avif => "avifenc",
            Peer::Jxl => "cjxl",
            Peer::Hevc => "ffmpeg",
        });
        match self.peer {
            Peer::Jpeg => command
                .args(["-quality", &value, "-optimize", "-progressive", "-outfile"])
                .args([file, input]),
            Peer::Webp => command
                .args(["-quiet", "-m", "6", "-q", &value])
                .arg(input)
                .arg("-o")
                .arg(file),
            Peer::Avif => command
                .args(["-s", "6", "-y", "444", "-j", &threads])
                .args(["--min", "0", "--max", "63", "-a", "end-usage=q", "-a"])
                .arg(format!("cq-level={value}"))
                .args([input, file]),
            Peer::Jxl => command
                .args(["-e", "7", "-d", &value, "--quiet"])
                .arg(format!("--num_threads={threads}"))
                .args([input, file]),
            Peer::Hevc => {
                let x265 = "keyint=1:info=0:log-level=none:frame-threads=1:pools=";
                ffmpeg(&mut command, &threads, input)
                    .args(["-vf", &full_range("out_color_matrix")])
                    .args(["-pix_fmt", "yuv444p", "-c:v", "libx265"])
                    .args(["-preset", "medium", "-tune", "psnr", "-crf", &value])
                    .args(["-x265-params", &format!("{x265}{threads}")])
                    .args(["-f", "hevc"])
                    .arg(file)
            }
        };
        command
    }

    fn decoder(&self, file: &Path, back: &Path) -> Command {
        let threads = self.threads.to_string();
        let mut command = Command::new(match self.peer {
            Peer::Jpeg => "djpeg",
            Peer::Webp => "dwebp",
            Peer::Avif => "avifdec",
            Peer::Jxl => "djxl",
            Peer::Hevc => "ffmpeg",
        });
        match self.peer {
            Peer::Jpeg => command.arg("-outfile").args([back, file]),
            Peer::Webp => command
                .args(["-quiet", "-ppm"])
                .arg(file)
                .arg("-o")
                .arg(back),
            Peer::Avif => command
                .args(["-j", &threads, "--png-compress", "0"])
                .args([file, back]),
            Peer::Jxl => command
                .arg("--quiet")
                .arg(format!("--num_threads={threads}"))
                .args([file, back]),
            Peer::Hevc => ffmpeg(&mut command, &threads, file)
                .args(["-vf", &full_range("in_color_matrix")])
                .args(["-pix_fmt", "rgb24"])
                .arg(back),
        };
        command
    }
}

fn ffmpeg<'a>(command: &'a mut Command, threads: &str, input: &Path) -> &'a mut Command {
    command
        .args(["-nostdin", "-hide_banner", "-loglevel", "error", "-y"])
        .args(["-threads", threads, "-i"])
        .arg(input)
        .args(["-frames:v", "1"])
}

/// The conversion between RGB and Y'CbCr, the same both ways: the stream carries no
/// word about it.
fn full_range(matrix: &str) -> String {
    format!("scale=in_range=full:out_range=full:{matrix}=bt709:flags=accurate_rnd+full_chroma_int")
}
