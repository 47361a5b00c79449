//! What can be typed after `lic encode`.

use std::path::{Path, PathBuf};

use clap::Args;
use clap::error::ErrorKind;
use lic_codec::{Effort, Quality};

use super::clips::{Clips, bitrate};
use super::many::{Checked, Form, Many};
use super::{Machine, ModelKey, positive, quality};

/// `lic encode`.
#[derive(Debug, Args)]
#[command(
    override_usage = "lic encode [OPTIONS] <IN> <OUT>\n       lic encode [OPTIONS] <IN>... -o <DIR>"
)]
pub struct Encode {
    /// Picture or video to read, then file to write; `-` is standard input and output.
    /// With -o: pictures and videos, folders of them and patterns such as "*.png", all to
    /// be read
    #[arg(value_name = "IN", required = true)]
    pub files: Vec<PathBuf>,
    /// The quality, or what it is to be searched for.
    #[command(flatten)]
    pub aim: Aim,
    /// The model.
    #[command(flatten)]
    pub model: ModelKey,
    /// Time spent for a smaller file, 0 to 9; from 1 on filters are fitted to the picture if
    /// it has no more than 16 megapixels, and from 2 on latents are refined for the
    /// picture, in 10 steps (2) to 640 (8) and 2560 (9), each of about a second for half a
    /// megapixel. Of a clip, the frames that can be decoded alone. Decoding takes the same
    /// time for all [default: 1]
    #[arg(short, long, value_name = "0..9", value_parser = effort)]
    pub effort: Option<Effort>,
    /// Longest side of a tile in pixels; smaller tiles take less memory and more bytes
    /// [default: 1024]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub tile: Option<u32>,
    /// Keep channel groups apart in a small file too, which makes it some thirty bytes
    /// longer and any part of it a picture; larger files are like that anyway
    #[arg(long)]
    pub progressive: bool,
    /// What is asked of a video.
    #[command(flatten)]
    pub clips: Clips,
    /// Where it runs.
    #[command(flatten)]
    pub machine: Machine,
    /// Print a JSON object about every file on standard output, one a line
    #[arg(long)]
    pub json: bool,
    /// Where many files go.
    #[command(flatten)]
    pub many: Many,
}

/// How good the picture or how large the file is to be; one of them.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct Aim {
    /// Quality, 1 (smallest file) to 100 (best picture), in steps of 0.5 [default: 50]
    #[arg(short, long, value_name = "1..100", value_parser = quality)]
    pub quality: Option<Quality>,
    /// Search for the quality whose file comes closest to this many bits a pixel
    #[arg(long, value_name = "BITS", value_parser = positive)]
    pub target_bpp: Option<f64>,
    /// Search for the quality whose clip comes closest to this many bits a second; k and
    /// M stand for thousands and millions
    #[arg(long, value_name = "BITS", value_parser = bitrate)]
    pub bitrate: Option<f64>,
    /// Search for the quality whose picture comes closest to this PSNR
    #[arg(long, value_name = "DB", value_parser = positive)]
    pub target_psnr: Option<f64>,
    /// Search for the quality whose picture comes closest to this MS-SSIM
    #[arg(long, value_name = "0..1", value_parser = below_one)]
    pub target_ms_ssim: Option<f64>,
}

impl Encode {
    /// What is read and written.
    pub fn form(&self) -> Checked<Form<'_>> {
        self.many.form("encode", &self.files, &["lic"])
    }

    pub(super) fn check(&self) -> Checked<()> {
        match self.form()? {
            Form::One { output, .. } if self.json && output == Path::new("-") => {
                let text = "--json and OUT `-` both want standard output";
                Err((ErrorKind::ArgumentConflict, text.to_owned()))
            }
            _ => Ok(()),
        }
    }
}

pub(super) fn effort(text: &str) -> Result<Effort, String> {
    let level = text.parse().ok().and_then(Effort::new);
    level.ok_or_else(|| "effort is a whole number from 0 to 9".to_owned())
}

fn below_one(text: &str) -> Result<f64, String> {
    let number = positive(text).ok().filter(|x| *x < 1.0);
    number.ok_or_else(|| "MS-SSIM is a number between 0 and 1".to_owned())
}
