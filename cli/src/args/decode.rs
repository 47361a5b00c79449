//! What can be typed after `lic decode`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use lic_codec::{Area, Scale};

use super::Machine;
use super::clips::{FrameRange, frames};
use super::many::{Checked, Form, Many};

/// Endings of the formats that many pictures can be written in.
const FORMATS: [&str; 4] = ["png", "jpg", "webp", "ppm"];

/// `lic decode`.
#[derive(Debug, Args)]
#[command(
    override_usage = "lic decode [OPTIONS] <IN> <OUT>\n       lic decode [OPTIONS] <IN>... -o <DIR>"
)]
pub struct Decode {
    /// File to read, then picture to write: .png, .jpg, .ppm, .pgm, .pnm or .webp
    /// (lossless); `-` is standard input, and PNG on standard output. With -o: files,
    /// folders of .lic files and patterns such as "*.lic", all to be read; clips become .y4m
    #[arg(value_name = "IN", required = true)]
    pub files: Vec<PathBuf>,
    /// Decode this part of the picture only, in pixels
    #[arg(long, value_name = "X,Y,W,H", value_parser = region)]
    pub region: Option<Area>,
    /// Make the picture smaller; quicker than decoding all of it
    #[arg(long, value_name = "1/N", value_parser = scale, default_value = "1")]
    pub scale: Scale,
    /// Decode these frames of a clip only: from A up to but not including B, numbered
    /// from 0; A.. and ..B go to the end and from the beginning
    #[arg(long, value_name = "A..B", value_parser = frames, conflicts_with = "dir")]
    pub frames: Option<FrameRange>,
    /// Decode a file that ends too soon as far as it goes
    #[arg(long)]
    pub partial: bool,
    /// Fill in for damaged parts of the file; exit code 3 if there were any
    #[arg(long)]
    pub conceal: bool,
    /// Where the model runs.
    #[command(flatten)]
    pub machine: Machine,
    /// What the file may ask for.
    #[command(flatten)]
    pub limits: FileLimits,
    /// Where many pictures go.
    #[command(flatten)]
    pub many: Many,
    /// Format of the pictures in DIR
    #[arg(
        long,
        value_name = "FORMAT",
        value_parser = PossibleValuesParser::new(FORMATS),
        default_value = "png",
        requires = "dir",
        help_heading = "Many files"
    )]
    pub format: String,
    /// Print a JSON object about every file on standard output, one a line
    #[arg(long, requires = "dir", help_heading = "Many files")]
    pub json: bool,
}

/// What a file may ask for.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub struct FileLimits {
    /// Refuse pictures of more pixels [default: 134217728]
    #[arg(long, value_name = "N")]
    pub max_pixels: Option<u64>,
    /// Refuse files that take more memory to decode [default: 8192]
    #[arg(long, value_name = "MIB")]
    pub max_memory: Option<u64>,
    /// Refuse files of more streams: channel groups and alpha of all tiles, and metadata
    /// [default: 262144]
    #[arg(long, value_name = "N")]
    pub max_streams: Option<u64>,
}

impl Decode {
    /// What is read and written.
    pub fn form(&self) -> Checked<Form<'_>> {
        self.many.form("decode", &self.files, &FORMATS)
    }

    pub(super) fn check(&self) -> Checked<()> {
        self.form().map(|_| ())
    }
}

fn region(text: &str) -> Result<Area, String> {
    let numbers: Option<Vec<u32>> = text.split(',').map(|n| n.trim().parse().ok()).collect();
    match numbers.as_deref() {
        Some(&[x, y, width, height]) if width > 0 && height > 0 => Ok(Area {
            x,
            y,
            width,
            height,
        }),
        _ => Err("a region is X,Y,W,H: its left, its top, its width and its height".to_owned()),
    }
}

fn scale(text: &str) -> Result<Scale, String> {
    let divisor = text.trim().strip_prefix("1/").unwrap_or(text.trim());
    let divisor = divisor.parse().unwrap_or(0);
    let found = Scale::ALL.into_iter().find(|s| s.divisor() == divisor);
    found.ok_or_else(|| "a scale is one of 1, 1/2, 1/4, 1/8 and 1/16".to_owned())
}
